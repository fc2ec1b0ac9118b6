package sign

import (
	"reflect"
	"testing"

	"apus/impl/config"
	"apus/impl/swift"
	"apus/impl/web/webtest"
)

func read(t *testing.T, options string) (Digests, error) {
	t.Helper()
	file, err := config.Parse("[filter:x]\n"+options, "test.conf")
	if err != nil {
		t.Fatal(err)
	}
	d := ReadDigests(file.Section("filter:x"))
	return d, file.Err()
}

func TestReadDigests(t *testing.T) {
	all := []string{"sha1", "sha256", "sha512"}
	for _, c := range []struct {
		options             string
		allowed, deprecated []string
		fails               bool
	}{
		{"", all, []string{"sha1"}, false},
		{"allowed_digests =", all, []string{"sha1"}, false},
		{"allowed_digests = SHA512 sha256 sha512", []string{"sha256", "sha512"}, nil, false},
		{"allowed_digests = md5 sha1", []string{"sha1"}, []string{"sha1"}, false},
		{"allowed_digests = md5", nil, nil, true},
	} {
		d, err := read(t, c.options)
		if !reflect.DeepEqual(d.Allowed, c.allowed) || !reflect.DeepEqual(d.Deprecated, c.deprecated) || (err != nil) != c.fails {
			t.Errorf("%q: %+v %v", c.options, d, err)
		}
	}
}

func TestParse(t *testing.T) {
	d, _ := read(t, "allowed_digests = sha1 sha256")
	const hex256 = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
	for _, c := range []struct {
		text, digest, hex string
		ok                bool
	}{
		{"de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9", "sha1", "de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9", true},
		{hex256, "sha256", hex256, true},
		{hex256[1:], "", "", false},
		{hex256[2:], "", "", false},
		{hex256 + hex256, "", "", false}, // sha512 is not allowed here
		{"sha256:sDRMYdjbOFNcqK/OrwvxK4gdwgDJgz2nJuk3bC4yz/c=", "sha256", hex256, true},
		{"sha256:sDRMYdjbOFNcqK/OrwvxK4gdwgDJgz2nJuk3bC4yz/c", "sha256", hex256, true},
		{"sha256:sDRMYdjbOFNcqK_OrwvxK4gdwgDJgz2nJuk3bC4yz_c", "sha256", hex256, true},
		{"sha256:sDRMYdjbOFNcqK_OrwvxK4gdwgDJgz2nJuk3bC4yz/c", "", "", false},
		{"sha256:sDRMYdjb\nOFNcqK/OrwvxK4gdwgDJgz2nJuk3bC4yz/c=", "", "", false},
		{"sha512:AAAA", "", "", false},
		{"", "", "", false},
		{"gibberish", "", "", false},
	} {
		s, ok := d.Parse(c.text)
		if ok != c.ok || ok && s != (Signature{c.digest, c.hex}) {
			t.Errorf("%q: %+v %v", c.text, s, ok)
		}
	}
}

// The vector is of RFC 4231, case 2.
func TestSigns(t *testing.T) {
	const sig = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
	const message = "what do ya want for nothing?"
	if !(Signature{"sha256", sig}).Signs(message, "Jefe") {
		t.Error("a good signature is refused")
	}
	for _, s := range []Signature{
		{"sha256", "5BDCC146BF60754E6A042426089575C75A003F089D2739839DEC58B964EC3843"}, {"sha512", sig}, {"sha256", ""},
	} {
		if s.Signs(message, "Jefe") {
			t.Errorf("%+v is taken for good", s)
		}
	}
}

func TestKeys(t *testing.T) {
	webtest.TrackBodies(t)
	next := webtest.NewNext(
		webtest.Answer(204, "", "X-Account-Meta-Temp-Url-Key", "a1", "X-Account-Meta-Temp-Url-Key-2", "a2"),
		webtest.Answer(204, "", "X-Container-Meta-Temp-Url-Key-2", "c2", "X-Container-Meta-Temp-Url-Key-3", "no"),
	)
	got := Keys(t.Context(), next, webtest.Request("GET", "/v1/a/c/o"), swift.Path{Account: "a", Container: "c", Object: "o"})
	if want := []Key{{"a1", false}, {"a2", false}, {"c2", true}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}
