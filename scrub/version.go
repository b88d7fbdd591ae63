package scrub

// Looking for the word that makes a four-part number a version goes back this
// far at most.
const (
	maxProduct = 32 // bytes of a product's name
	maxWord    = 24 // bytes of a word such as serverVersion
	maxSuffix  = 40 // bytes of a package's suffix
)

// version reports whether what stands around the four-part number [b, e)
// shows it to be a version.
func (v *view) version(b, e int) bool {
	p := v.at(b - 1)
	switch {
	case is(p, isLetter), p == '.':
		if v.versionWord(b-1, p == '.') {
			return true
		}
	case p == ' ', p == '=', p == ':', p == '"', p == '\'', p == '(', p == '-', p == '_', p == '\\':
		if v.versionWordApart(b - 1) {
			return true
		}
	}
	if p == '-' || p == '_' {
		return v.packageSuffix(b-1, e)
	}
	return v.products && v.product(b, e) || v.preRelease(e)
}

// versionWord reports whether the word that ends at i, or before the dot
// there, is a version's: v1.2.3.4, ver.1.2.3.4, libfoo.so.1.2.3.4.
func (v *view) versionWord(i int, dot bool) bool {
	end := i + 1
	if dot {
		end = i
	}
	w := v.wordBefore(end)
	if w < end && v.escapeEnds(w+1) {
		w++
	}
	switch end - w {
	case 1:
		return v.has(w, "v")
	case 2:
		return dot && v.has(w, "so")
	case 3:
		return v.has(w, "ver")
	case 7:
		return v.has(w, "version")
	}
	return false
}

// versionWordApart does the same for a word a few separators away, the last
// of them at i: rv:1.9.0.19, "version": "1.2.3.4".
func (v *view) versionWordApart(i int) bool {
	end := i + 1
	for k := 0; k < 5; k++ {
		switch v.at(end - 1) {
		case ' ', '=', ':', '"', '\'', '(', '-', '_', '\\':
			end--
			continue
		}
		break
	}
	switch lower(v.at(end - 1)) {
	case 'n':
		return v.has(end-7, "version") && (v.at(end-7) == 'V' || !is(v.at(end-8), isLetter))
	case 'v':
		return v.has(end-2, "rv") && !is(v.at(end-3), isAlnum)
	case 'r':
		return v.has(end-3, "ver") && !is(v.at(end-4), isAlnum)
	}
	return false
}

// wordBefore gives the start of the letters that end at end.
func (v *view) wordBefore(end int) int {
	w := end
	for end-w < maxWord && is(v.at(w-1), isLetter) {
		w--
	}
	return w
}

// product reports whether the number [b, e) follows a product's name and a
// slash, as in a User-Agent (RFC 9110, section 10.1.5), and not a host's name
// or a directory.
func (v *view) product(b, e int) bool {
	var end int
	switch {
	case v.at(b-1) == '/':
		end = b - 1
		if v.at(end-1) == '\\' {
			end--
		}
	case v.has(b-3, "%2f"):
		end = b - 3
	default:
		return false
	}
	if c := v.at(e); c == ':' && is(v.at(e+1), isDigit) || c == '/' || c == '@' || v.has(e, "\\/") ||
		v.has(e, "%2f") || v.has(e, "%3a") {
		return false
	}
	return v.productName(v.nameBefore(end), end)
}

// nameBefore gives the start of the product name that ends at end, or end if
// what stands before it is not the edge of a word.
func (v *view) nameBefore(end int) int {
	w := end
	for end-w < maxProduct && (is(v.at(w-1), isAlnum) || v.at(w-1) == '-' || v.at(w-1) == '.' || v.at(w-1) == '_') {
		w--
	}
	if w == v.lo && w > 0 {
		return end // an address ends here
	}
	switch v.at(w - 1) {
	case '/', '@', ':':
		return end
	case '\\':
		if !is(v.at(w), isLetter) {
			return end
		}
		switch v.at(w) {
		case 'u':
			return min(w+5, end)
		case 'x':
			return min(w+3, end)
		}
		return w + 1 // \n and the like
	case '[':
		return min(v.afterColour(w), end)
	case '%':
		return min(w+2, end)
	}
	return w
}

// afterColour gives where the text goes on behind the numbers and the m of a
// colour (ECMA-48, SGR) that may stand at i.
func (v *view) afterColour(i int) int {
	j := i
	for is(v.at(j), isDigit) {
		j++
	}
	if j > i && v.at(j) == 'm' {
		return j + 1
	}
	return i
}

// Product names that do not begin with a capital and a small letter.
var products = [...]string{
	"curl", "wget", "nginx", "okhttp", "axios", "node", "undici", "lighttpd", "openresty", "envoy", "libcurl",
	"libwww-perl", "python-requests", "python-urllib", "go-http-client", "aiohttp", "httpx", "opr", "gsa", "php",
	"msie", "ucweb", "aws-cli", "aws-sdk-go", "aws-sdk-java", "grpc-go", "grpc-java", "kube-probe", "openssl", "zlib",
	"iphone", "ios", "macos", "tbs", "qqbrowser", "mqqbrowser",
}

// Words that name a machine rather than a product.
var hosts = [...]string{
	"host", "server", "client", "peer", "node", "remote", "localhost", "address", "addr", "ip", "from", "to",
}

func (v *view) productName(w, end int) bool {
	n := end - w
	if n == 0 || !is(v.at(w), isLetter) {
		return false
	}
	for _, p := range products {
		if len(p) == n && v.has(w, p) {
			return true
		}
	}
	for _, h := range hosts {
		if len(h) == n && v.has(w, h) {
			return false
		}
	}
	if c := v.at(w); c < 'A' || c > 'Z' {
		return false
	}
	for k := w + 1; k < end; k++ {
		if c := v.at(k); 'a' <= c && c <= 'z' {
			return true
		}
	}
	return false
}

// Endings of files that are named NAME-VERSION.
var packages = [...]string{
	".rpm", ".deb", ".apk", ".jar", ".war", ".whl", ".egg", ".gem", ".msi", ".exe", ".dmg", ".pkg", ".nupkg",
	".crate", ".tgz", ".tar", ".zip", ".so", ".dll", ".tar.gz", ".tar.xz", ".tar.bz2", ".tar.zst",
}

// packageSuffix reports whether [.., e) is the version in a package's file
// name, as in pkg-1.2.3.4.rpm; the sign before the number is at i.
func (v *view) packageSuffix(i, e int) bool {
	if !is(v.at(i-1), isAlnum) {
		return false
	}
	w := v.wordBefore(i)
	for _, h := range hosts {
		if i-w == len(h) && v.has(w, h) {
			return false
		}
	}
	end := e
	for end-e < maxSuffix {
		c := v.at(end)
		if !is(c, isAlnum) && c != '.' && c != '-' && c != '_' && c != '+' && c != '~' {
			break
		}
		end++
	}
	for end > e && !is(v.at(end-1), isAlnum) {
		end--
	}
	for _, p := range packages {
		if end-e >= len(p) && v.has(end-len(p), p) {
			return true
		}
	}
	return v.preRelease(e)
}

// Words that follow a version before its release.
var preReleases = [...]string{"rc", "alpha", "beta", "snapshot", "final", "release", "ga"}

// preRelease reports whether the number that ends at e goes on like a version:
// 1.2.3.4-rc1, 1.2.3.4-SNAPSHOT.
func (v *view) preRelease(e int) bool {
	j := e
	if c := v.at(j); c == '-' || c == '.' || c == '+' || c == '~' {
		j++
	}
	if !is(v.at(j), isLetter) {
		return false
	}
	for _, p := range preReleases {
		if !v.has(j, p) {
			continue
		}
		k := j + len(p)
		for k-j < maxSuffix && is(v.at(k), isDigit) {
			k++
		}
		if c := v.at(k); !is(c, isAlnum) && c != '-' && c != '.' {
			return true
		}
	}
	return false
}
