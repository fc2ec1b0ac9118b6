package swift

import "testing"

func TestSplitSwiftBytes(t *testing.T) {
	cases := [][3]string{
		{"text/plain", "text/plain", ""},
		{"text/plain; charset=UTF-8", "text/plain;charset=UTF-8", ""},
		{"a/b;swift_bytes=12", "a/b", "12"},
		{`a/b; x="q;swift_bytes=1" ;swift_bytes=5`, `a/b;x="q;swift_bytes=1"`, "5"},
		{"a/b;;", "a/b", ""},
		{"a/b;swift_bytes=3; x=y;swift_bytes=12", "a/b;x=y", "12"},
	}
	for _, c := range cases {
		rest, bytes := SplitSwiftBytes(c[0])
		if got := [3]string{c[0], rest, bytes}; got != c {
			t.Errorf("%q, want %q", got, c)
		}
	}
}
