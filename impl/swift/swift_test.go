package swift

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestParsePath(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want Path
		ok   bool
	}{
		{"/a", Path{"a", "", ""}, true},
		{"/a/", Path{"a", "", ""}, true},
		{"/a/c", Path{"a", "c", ""}, true},
		{"/a/c/", Path{"a", "c", ""}, true},
		{"/a/c/o", Path{"a", "c", "o"}, true},
		{"/a/c/o/with//slashes/", Path{"a", "c", "o/with//slashes/"}, true},
		{"/a/c//o", Path{"a", "c", "/o"}, true},
		{"/a/c/\xff\x00 %41", Path{"a", "c", "\xff\x00 %41"}, true},
		{"", Path{}, false}, {"/", Path{}, false}, {"a/c", Path{}, false}, {"//c", Path{}, false}, {"/a//o", Path{}, false},
	} {
		got, err := ParsePath(tt.in)
		if (err == nil) != tt.ok || got != tt.want {
			t.Errorf("%q: %+v, %v", tt.in, got, err)
		}
		if err != nil && KindOf(err) != Invalid {
			t.Errorf("%q: kind %v", tt.in, KindOf(err))
		}
	}
}

func TestPath(t *testing.T) {
	for _, tt := range []struct {
		p                          Path
		text                       string
		account, container, object bool
		parent                     Path
	}{
		{Path{"a", "", ""}, "/a", true, false, false, Path{"a", "", ""}},
		{Path{"a", "c", ""}, "/a/c", false, true, false, Path{"a", "", ""}},
		{Path{"a", "c", "o/p"}, "/a/c/o/p", false, false, true, Path{"a", "c", ""}},
	} {
		if tt.p.String() != tt.text || tt.p.IsAccount() != tt.account || tt.p.IsContainer() != tt.container ||
			tt.p.IsObject() != tt.object || tt.p.Parent() != tt.parent {
			t.Errorf("%+v", tt.p)
		}
	}
}

// What hash_path of OpenStack Swift says.
func TestHasher(t *testing.T) {
	for _, tt := range []struct {
		prefix, suffix string
		p              Path
		want, dir      string
	}{
		{"", "endcap", Path{"a", "", ""}, "1c84525acb02107ea475dcd3d09c2c58", "c58"},
		{"", "endcap", Path{"a", "c", ""}, "33379ecb053aa5c9e356c68997cbb59e", "59e"},
		{"", "endcap", Path{"a", "c", "o"}, "06fbf0b514e5199dfc4e00f42eb5ea83", "a83"},
		{"start", "", Path{"a", "c", "o"}, "b05d3fca3ea884dd097908d99261ca37", "a37"},
		{"start", "end", Path{"AUTH_test", "☃", "o/p"}, "4bcb628ee602e0b292ba71e7d3fb1ec8", "ec8"},
	} {
		h, err := NewHasher(tt.prefix, tt.suffix)
		if err != nil {
			t.Fatal(err)
		}
		if got := h.Hash(tt.p); got.String() != tt.want || got.Suffix() != tt.dir {
			t.Errorf("%s: %s, suffix %s", tt.p, got, got.Suffix())
		}
	}
	if _, err := NewHasher("", ""); err == nil {
		t.Error("a cluster without secret")
	}
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"/a", "/a/c/o/p", "//", "/a//o", "/a/c//", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePath(s)
		if err != nil {
			return
		}
		if again, err := ParsePath(p.String()); err != nil || again != p {
			t.Errorf("%q is %+v, whose text is %+v, %v", s, p, again, err)
		}
	})
}

func TestError(t *testing.T) {
	cause := E("disk.Read", "/x", NoDevice, io.ErrUnexpectedEOF)
	err := fmt.Errorf("outer: %w", E("object.Get", "/a/c/o", Other, cause))
	if KindOf(err) != NoDevice || !Is(err, NoDevice) || Is(nil, Other) || KindOf(io.EOF) != Other || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("kind %v of %v", KindOf(err), err)
	}
	if want := `object.Get "/a/c/o": no device: disk.Read "/x": no device: unexpected EOF`; E("object.Get", "/a/c/o", Other, cause).Error() != want {
		t.Errorf("text %q", E("object.Get", "/a/c/o", Other, cause).Error())
	}
	for k := Other; k <= NotImplemented; k++ {
		if k.Status() < 400 || k.String() == "" {
			t.Errorf("kind %d: status %d, name %q", k, k.Status(), k)
		}
	}
}
