package oracle

import "regexp"

const (
	products = `curl|wget|nginx|okhttp|axios|node|undici|lighttpd|openresty|envoy|libcurl|libwww-perl|python-requests|python-urllib|` +
		`go-http-client|aiohttp|httpx|opr|gsa|php|msie|ucweb|aws-cli|aws-sdk-go|aws-sdk-java|grpc-go|grpc-java|kube-probe|openssl|` +
		`zlib|iphone|ios|macos|tbs|qqbrowser|mqqbrowser`
	hosts    = `host|server|client|peer|node|remote|localhost|address|addr|ip|from|to`
	packages = `rpm|deb|apk|jar|war|whl|egg|gem|msi|exe|dmg|pkg|nupkg|crate|tgz|tar|zip|so|dll|tar\.gz|tar\.xz|tar\.bz2|tar\.zst`
)

var (
	prefixRE  = regexp.MustCompile(`(?i)(?:^|[^a-z\\]|\\[a-z]|\\u` + hex + `{4}|\\x` + hex + hex + `|%(?:25)*` + hex + hex + `|\[[0-9;]*[mk])(?:(?:v|ver|version)\.?|so\.)$`)
	apartRE   = regexp.MustCompile(`(?:(?:^|[^A-Za-z])(?i:version)|V(?i:ersion)|(?:^|[^0-9A-Za-z])(?i:rv|ver))[ =:"'(\-_\\]{1,5}$`)
	apartAtRE = regexp.MustCompile(`[ =:"'(\-_\\]$`)
	productRE = regexp.MustCompile(`(?:^|[^\x00/@:\\0-9A-Za-z._-]|\\u` + hex + `{4}|\\x` + hex + hex + `|\\[A-Za-z]|\[[0-9;]+m|%` + hex + hex + `)([A-Za-z][0-9A-Za-z._-]{0,31})(?:\\?/|%2[fF])$`)
	knownRE   = regexp.MustCompile(`^(?i:` + products + `)$`)
	hostRE    = regexp.MustCompile(`^(?i:` + hosts + `)$`)
	mixedRE   = regexp.MustCompile(`^[A-Z].*[a-z]`)
	socketRE  = regexp.MustCompile(`^(?::[0-9]|[/@]|\\/|%(?i:2f|3a))`)
	fileRE    = regexp.MustCompile(`([A-Za-z]*)[-_]$`)
	fileEndRE = regexp.MustCompile(`^[0-9A-Za-z._+~-]{0,40}`)
	packageRE = regexp.MustCompile(`(?i)\.(?:` + packages + `)[._+~-]*$`)
	preRE     = regexp.MustCompile(`^(?i)[-.+~]?(?:rc|alpha|beta|snapshot|final|release|ga)[0-9]*(?:[^0-9a-z.-]|$)`)
)

// version reports whether what stands around a four-part number shows it to be
// a version.
func version(left, right string) bool {
	if prefixRE.MatchString(left) || apartAtRE.MatchString(left) && apartRE.MatchString(left) {
		return true
	}
	if m := fileRE.FindStringSubmatchIndex(left); m != nil {
		if m[1] < 2 || !isAlnum(left[m[1]-2]) || hostRE.MatchString(left[m[2]:m[3]]) {
			return false
		}
		return packageRE.MatchString(fileEndRE.FindString(right)) || preRE.MatchString(right)
	}
	if m := productRE.FindStringSubmatch(left); m != nil && !socketRE.MatchString(right) {
		name := m[1]
		if knownRE.MatchString(name) || !hostRE.MatchString(name) && mixedRE.MatchString(name) {
			return true
		}
	}
	return preRE.MatchString(right)
}
