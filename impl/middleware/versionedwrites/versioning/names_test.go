package versioning

import (
	"net/url"
	"testing"

	"apus/impl/swift"
)

func TestNames(t *testing.T) {
	at, err := swift.ParseTimestamp("1234567890.12345")
	if err != nil {
		t.Fatal(err)
	}
	name := versionName("ü/o", at)
	if want := "\x00ü/o\x008765432109.87654"; name != want {
		t.Errorf("%q, want %q", name, want)
	}
	later := versionName("ü/o", swift.NewTimestamp(at.Ticks()+1, 0))
	if later >= name {
		t.Error("the newer does not sort first")
	}
	for _, tt := range []struct {
		in, object, id string
		ok             bool
	}{
		{name, "ü/o", "1234567890.12345", true},
		{"\x00\x008765432109.87654", "", "1234567890.12345", true},
		{"o", "", "", false},
		{"\x00o", "", "", false},
		{"\x00o\x00soon", "", "", false},
		{"\x00o\x008765432109.87654\x00", "", "", false},
		{"x\x00o\x008765432109.87654", "", "", false},
	} {
		if object, id, ok := parseVersionName(tt.in); object != tt.object || id != tt.id || ok != tt.ok {
			t.Errorf("%q: %q, %q, %v", tt.in, object, id, ok)
		}
	}
	for in, want := range map[string]string{
		"\x00versions\x00c": "c", "c": "c", "\x00other\x00c": "\x00other\x00c", "\x00versions\x00c\x00": "\x00versions\x00c\x00",
	} {
		if got := clientContainer(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if _, ok := hiddenContainer("\x00versions\x00c"); ok {
		t.Error("versions of versions")
	}
}

func TestVersionsRange(t *testing.T) {
	for _, tt := range []struct {
		name, in, marker, prefix, older, problem string
	}{
		{"all", "", "", "", "", ""},
		{"after an object", "marker=o", "\x00o\x00:", "", "", ""},
		{"empty marker is none", "marker=&reverse=on", "", "", "", ""},
		{"after the unversioned", "marker=o&version_marker=null", "\x00o\x00", "", "", ""},
		{"after a version", "marker=o&version_marker=1234567890.12345", "\x00o\x008765432109.87654", "", "o", ""},
		{"prefix", "prefix=o", "", "\x00o", "", ""},
		{"version alone", "version_marker=1", "", "", "", "version_marker param requires marker"},
		{"no version", "marker=o&version_marker=soon", "", "", "", "invalid version_marker param"},
		{"digits delimit", "delimiter=a1", "", "", "", "invalid delimiter param"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in, err := url.ParseQuery(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			q, older, problem := versionsRange(in)
			if q.Get("marker") != tt.marker || q.Get("prefix") != tt.prefix || older != tt.older || problem != tt.problem {
				t.Errorf("%q, older than %q, problem %q", q, older, problem)
			}
		})
	}
}

func TestHiddenRange(t *testing.T) {
	q := hiddenRange(url.Values{"marker": {"m"}, "end_marker": {"\x00x"}, "limit": {"5"}})
	for name, want := range map[string]string{
		"marker": "\x00versions\x00m", "end_marker": "\x00x", "prefix": "\x00versions", "limit": "5",
	} {
		if q.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, q.Get(name), want)
		}
	}
	if got := hiddenRange(url.Values{"prefix": {"p"}}).Get("prefix"); got != "\x00versions\x00p" {
		t.Errorf("prefix is %q", got)
	}
	if got := hiddenRange(nil).Get("prefix"); got != "\x00versions" {
		t.Errorf("prefix is %q", got)
	}
}

func TestLimitOf(t *testing.T) {
	for in, want := range map[string]int{"": 100, "0": 0, "7": 7, "200": 100, "-1": 100, "+1": 100, "x": 100} {
		if got := limitOf(in, 100); got != want {
			t.Errorf("%q: %d, want %d", in, got, want)
		}
	}
}
