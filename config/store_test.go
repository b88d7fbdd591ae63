package config

import "testing"

func TestDestinationsAreReadAndWritten(t *testing.T) {
	for s, want := range map[string]Destination{
		"s3://bucket":               {Kind: S3, Bucket: "bucket"},
		"s3://bucket/":              {Kind: S3, Bucket: "bucket"},
		"s3://my.bucket-1/a/b c/é/": {Kind: S3, Bucket: "my.bucket-1", Prefix: "a/b c/é"},
		"file:///srv/out":           {Kind: Dir, Dir: "/srv/out"},
		"file:///srv//out/../x%20/": {Kind: Dir, Dir: "/srv/x%20"},
	} {
		got, err := ParseDestination(s)
		if got != want || err != nil {
			t.Errorf("%q is %+v, %v; want %+v", s, got, err, want)
		}
		if again, err := ParseDestination(got.String()); again != want || err != nil {
			t.Errorf("%q is written %q, and read as %+v, %v", s, got, again, err)
		}
	}
	for _, s := range []string{"", "s3:", "s3://", "s3:///p", "S3://bucket", "file://", "file:///", "file:///..", "file://host/x", "file:///a\x00", "s3://bucket/a//b", "s3://bucket/./a", "s3://bucket/a..b", "s3://bucket/\xff", "s3://bücket/a"} {
		if got, err := ParseDestination(s); err == nil {
			t.Errorf("%q is accepted as %+v", s, got)
		}
	}
	if s := (Destination{}).String(); s != "" {
		t.Errorf("no destination is written %q", s)
	}
}

func TestCodecsAreReadAndWritten(t *testing.T) {
	for s, want := range map[string]Codec{"zstd": {"zstd", 1}, "zstd:22": {"zstd", 22}, "gzip": {"gzip", 6}, "gzip:9": {"gzip", 9}} {
		got, err := ParseCodec(s)
		if got != want || err != nil {
			t.Errorf("%q is %+v, %v; want %+v", s, got, err, want)
		}
		if again, err := ParseCodec(got.String()); again != want || err != nil {
			t.Errorf("%q is written %q, and read as %+v, %v", s, got, again, err)
		}
	}
	for _, s := range []string{"", "zstd:", "zstd:0", "zstd:23", "gzip:10", "gzip:-1", "ZSTD", "zstd:1:2"} {
		if got, err := ParseCodec(s); err == nil {
			t.Errorf("%q is accepted as %+v", s, got)
		}
	}
}

func TestServiceAddresses(t *testing.T) {
	for s, want := range map[string]string{"": "", "http://127.0.0.1:7070/": "http://127.0.0.1:7070", "https://s3.example.org/base": "https://s3.example.org/base", "http://[::1]:80": "http://[::1]:80"} {
		if got, err := ParseEndpoint(s); got != want || err != nil {
			t.Errorf("ParseEndpoint(%q) = %q, %v; want %q", s, got, err, want)
		}
	}
	for _, s := range []string{"host", "ftp://host", "http://", "http://:80", "http://host:99999", "http://host/?a", "http://host/#a", "http://u:p@host", "http://ho st", "://"} {
		if got, err := ParseEndpoint(s); err == nil {
			t.Errorf("ParseEndpoint(%q) = %q, want an error", s, got)
		}
	}
	for _, s := range []string{"alias/a b", "a\nb", "\xff"} {
		if _, err := parseKMSKey(s); err == nil {
			t.Errorf("key %q is accepted", s)
		}
	}
	for _, s := range []string{"127.0.0.1", ":99999", "host:http", "::1:80"} {
		if _, err := parseListen(s); err == nil {
			t.Errorf("listening on %q is accepted", s)
		}
	}
}

func TestAFaultShowsNoPassword(t *testing.T) {
	for value, want := range map[string]string{
		"https://me:secret@host/x": "--to https://…@host/x: p", "s3://KEY:a@b@bucket": "--to s3://…@bucket: p",
		"file:///srv/a@b": "--to file:///srv/a@b: p", "a@b": "--to a@b: p",
	} {
		if got := (Fault{Flag: "--to", Value: value, Problem: "p"}).String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
