package acl

import (
	"reflect"
	"strings"
	"testing"
)

func TestClean(t *testing.T) {
	for _, tt := range []struct {
		name, header, in, want, err string
	}{
		{"empty", "X-Container-Read", "", "", ""},
		{"groups", "X-Container-Read", "bob,sue", "bob,sue", ""},
		{"spaces", "X-Container-Read", " bob , sue ", "bob,sue", ""},
		{"blanks", "X-Container-Read", "bob,,,sue", "bob,sue", ""},
		{"account and user", "X-Container-Write", "acct:user", "acct:user", ""},
		{"group with several colons", "X-Container-Read", "a:b:c", "a:b:c", ""},
		{"everybody", "X-Container-Read", ".referrer : *", ".r:*", ""},
		{"short names", "X-Container-Read", ".ref:a,.referer:b,.r:c", ".r:a,.r:b,.r:c", ""},
		{"star before domain", "X-Container-Read", ".r:*.example.com", ".r:.example.com", ""},
		{"negative", "X-Container-Read", ".r : - * .thief.com", ".r:-.thief.com", ""},
		{"listings", "X-Container-Read", ".r:*, .rlistings", ".r:*,.rlistings", ""},
		{"no host", "X-Container-Read", ".r:", "", "No host"},
		{"no host after minus", "X-Container-Read", ".r:-", "", "No host"},
		{"only a dot", "X-Container-Read", ".r:*.", "", "No host"},
		{"unknown designator", "X-Container-Read", ".unknown:x", "", "Unknown designator"},
		{"referrer for writing", "X-Container-Write", ".r:*", "", "not allowed in write ACL"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Clean(tt.header, tt.in)
			if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestParse(t *testing.T) {
	got := Parse(".r:*,.r:-thief.com,acct:user,a%2Cb,100%,.rlistings")
	want := List{Referrers: []string{"*", "-thief.com"}, Groups: []string{"acct:user", "a,b", "100%", ".rlistings"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	if got := Parse(""); len(got.Groups)+len(got.Referrers) > 0 || got.HasGroup("") {
		t.Errorf("empty: %+v", got)
	}
}

func TestReferrerAllowed(t *testing.T) {
	for _, tt := range []struct {
		name, list, referer string
		want                bool
	}{
		{"no list", "", "http://www.example.com/", false},
		{"groups only", "bob", "http://www.example.com/", false},
		{"everybody", ".r:*", "http://www.example.com/x", true},
		{"everybody, no referer", ".r:*", "", true},
		{"host", ".r:www.example.com", "http://www.example.com:80/x", true},
		{"other host", ".r:www.example.com", "http://example.com", false},
		{"case of the host", ".r:www.example.com", "http://WWW.Example.com", true},
		{"domain", ".r:.example.com", "http://a.b.example.com", true},
		{"domain does not hold itself", ".r:.example.com", "http://example.com", false},
		{"similar domain", ".r:.example.com", "http://notexample.com", false},
		{"later denial wins", ".r:*,.r:-thief.com", "http://thief.com", false},
		{"later permission wins", ".r:-thief.com,.r:*", "http://thief.com", true},
		{"denied domain", ".r:*,.r:-.thief.com", "http://www.thief.com", false},
		{"denial of others", ".r:*,.r:-thief.com", "http://honest.com", true},
		{"denied with a bad escape", ".r:*,.r:-.thief.com", "http://www.thief.com/%zz", false},
		{"denied with a bad port", ".r:*,.r:-thief.com", "http://thief.com:x/", false},
		{"denied with a user", ".r:*,.r:-thief.com", "http://a:b@thief.com?x", false},
		{"denied behind controls", ".r:*,.r:-thief.com", "http://thief.com/\x01", false},
		{"without scheme", ".r:x.com", "//x.com/a", true},
		{"IPv6", ".r:::1", "http://[::1]:80/", true},
		{"host in the path", ".r:x.com", "http:/a//x.com", false},
		{"host in the query", ".r:x.com", "http?a://x.com", false},
		{"not a URL", ".r:www.example.com", "www.example.com", false},
		{"unknown by name", ".r:unknown", "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Parse(tt.list).ReferrerAllowed(tt.referer); got != tt.want {
				t.Error(got)
			}
		})
	}
}

func TestAccount(t *testing.T) {
	for _, tt := range []struct{ name, list, err string }{
		{"empty", "", ""}, {"no keys", "{}", ""},
		{"all", `{"admin":["a"],"read-write":["b:c"],"read-only":[]}`, ""},
		{"not JSON", "admin", "Syntax error"}, {"not an object", `["a"]`, "Syntax error"}, {"null", "null", "Syntax error"},
		{"unknown key", `{"other":[]}`, `Key "other" not recognized`},
		{"no list", `{"admin":"a"}`, `Value for key "admin" must be a list`},
		{"null list", `{"admin":null}`, `Value for key "admin" must be a list`},
		{"no strings", `{"admin":[1]}`, `Elements of "admin" list must be strings`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckAccount(tt.list)
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Error(err)
			}
			if _, perr := ParseAccount(tt.list); err == nil && perr != nil {
				t.Errorf("valid, but: %v", perr)
			}
		})
	}
	a, err := ParseAccount(`{"admin":["a"],"read-only":["b"]}`)
	if err != nil || !reflect.DeepEqual(a, Account{Admin: []string{"a"}, ReadOnly: []string{"b"}}) {
		t.Error(a, err)
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{".r:*,.r:-.thief.com,bob", ".ref : * . x", "a:b,,", ".rlistings", ".r:-*"} {
		f.Add("X-Container-Read", s)
	}
	f.Fuzz(func(t *testing.T, header, list string) {
		once, err := Clean(header, list)
		if err != nil {
			return
		}
		if _, err := Clean(header, once); err != nil {
			t.Errorf("%q became %q, which is refused: %v", list, once, err)
		}
		Parse(once).ReferrerAllowed("http://x/")
	})
}
