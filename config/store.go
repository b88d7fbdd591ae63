package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind says what sort of store a Destination is.
type Kind int

// None is a dry run without --to.
const (
	None Kind = iota
	Dir
	S3
)

// Destination is --to, taken apart.
type Destination struct {
	Kind   Kind
	Dir    string // absolute, cleaned; for Dir
	Bucket string // for S3
	Prefix string // for S3: without slashes at its ends, empty for none
}

// String is the destination as --to takes it.
func (d Destination) String() string {
	switch {
	case d.Kind == Dir:
		return "file://" + d.Dir
	case d.Kind == S3 && d.Prefix != "":
		return "s3://" + d.Bucket + "/" + d.Prefix
	case d.Kind == S3:
		return "s3://" + d.Bucket
	}
	return ""
}

// maxPrefix leaves room for swab's own part in S3's limit of 1024 bytes a key.
const maxPrefix = 512

// ParseDestination reads s3://BUCKET/PREFIX or file:///DIR. What follows
// file:// is the path as it stands, without percent-encoding.
func ParseDestination(s string) (Destination, error) {
	scheme, rest, found := strings.Cut(s, "://")
	switch {
	case found && scheme == "file":
		return parseDir(rest)
	case found && scheme == "s3":
		return parseBucket(rest)
	case strings.HasPrefix(s, "/"):
		return Destination{}, fmt.Errorf("not a store. Did you mean file://%s?", s)
	}
	return Destination{}, errors.New("not a store. Write s3://BUCKET/PREFIX or file:///DIR")
}

func parseDir(dir string) (Destination, error) {
	switch {
	case !strings.HasPrefix(dir, "/"):
		return Destination{}, errors.New("not an absolute path. Write file:///DIR, with three slashes")
	case strings.ContainsRune(dir, 0):
		return Destination{}, errors.New("no path has a NUL in it")
	case path.Clean(dir) == "/":
		return Destination{}, errors.New("the root directory cannot be the store. Name a directory of its own")
	}
	return Destination{Kind: Dir, Dir: path.Clean(dir)}, nil
}

func parseBucket(rest string) (Destination, error) {
	bucket, prefix, _ := strings.Cut(rest, "/")
	for _, r := range bucket {
		if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-", r) {
			return Destination{}, errors.New("the bucket's name has a character that none has. Use a-z, 0-9, . and -")
		}
	}
	if len(bucket) < 3 || len(bucket) > 63 {
		return Destination{}, errors.New("a bucket's name has 3 to 63 characters. Write s3://BUCKET/PREFIX")
	}
	if strings.HasPrefix(prefix, "/") {
		return Destination{}, errors.New("the prefix must not begin with a slash")
	}
	prefix = strings.TrimRight(prefix, "/")
	switch {
	case !utf8.ValidString(prefix) || strings.ContainsFunc(prefix, unicode.IsControl):
		return Destination{}, errors.New("the prefix must be text without control characters")
	case len(prefix) > maxPrefix:
		return Destination{}, fmt.Errorf("the prefix is longer than %d bytes", maxPrefix)
	case prefix == "" || path.Clean(prefix) == prefix && !strings.Contains(prefix, ".."):
		return Destination{Kind: S3, Bucket: bucket, Prefix: prefix}, nil
	}
	return Destination{}, errors.New("the prefix must not hold .. nor empty parts")
}

// Codec compresses objects.
type Codec struct {
	Name  string // "zstd" or "gzip"
	Level int    // 1 to 22 for zstd, 1 to 9 for gzip
}

// String is the codec as --codec takes it.
func (c Codec) String() string { return c.Name + ":" + strconv.Itoa(c.Level) }

var errCodec = errors.New("not a codec. Write zstd:1 to zstd:22, or gzip:1 to gzip:9")

// ParseCodec reads NAME:LEVEL. Without a level it is zstd:1 or gzip:6.
func ParseCodec(s string) (Codec, error) {
	name, level, leveled := strings.Cut(s, ":")
	c, top := Codec{Name: name}, 0
	switch name {
	case "zstd":
		c.Level, top = 1, 22
	case "gzip":
		c.Level, top = 6, 9
	default:
		return Codec{}, errCodec
	}
	if leveled {
		n, err := strconv.ParseUint(level, 10, 8)
		if err != nil || n < 1 || int(n) > top {
			return Codec{}, errCodec
		}
		c.Level = int(n)
	}
	return c, nil
}

// ParseEndpoint takes the URL of an S3-compatible service, or nothing.
func ParseEndpoint(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return "", errors.New("not a URL of a service. Write http://HOST:PORT or https://HOST")
	case u.User != nil:
		return "", errors.New("holds a name or password. Credentials come from the AWS configuration, never from a flag")
	case u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("a service's URL ends with its path: no ? and no #")
	}
	if p := u.Port(); p != "" {
		if _, err := strconv.ParseUint(p, 10, 16); err != nil {
			return "", errors.New("a port is a number up to 65535")
		}
	}
	return strings.TrimRight(s, "/"), nil
}

// ParseRegion takes the name of a region, or nothing.
func ParseRegion(s string) (string, error) {
	for _, r := range s {
		if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_' {
			return "", errors.New("not a region. Write its name, such as eu-central-1")
		}
	}
	return s, nil
}

func parseKMSKey(s string) (string, error) {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) {
		return "", errors.New("not a key. Write its id, ARN or alias")
	}
	return s, nil
}

// parseListen takes host:port, or nothing for off.
func parseListen(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	_, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return "", errors.New("not an address to listen on. Write HOST:PORT, such as 127.0.0.1:9472, or nothing for off")
	}
	return s, nil
}
