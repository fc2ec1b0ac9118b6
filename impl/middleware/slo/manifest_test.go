package slo

import "testing"

func TestEncodeManifest(t *testing.T) {
	// As json.dumps of Python has them.
	for _, tt := range []struct {
		name string
		v    any
		want string
	}{
		{"object", []any{storedSegment{Name: "/c/o", Bytes: 5, Hash: "x", ContentType: "a/b", LastModified: "t", Range: "0-1", SubSLO: true}},
			`[{"name": "/c/o", "bytes": 5, "hash": "x", "content_type": "a/b", "last_modified": "t", "range": "0-1", "sub_slo": true}]`},
		{"data", []any{storedData{[]byte("abc")}}, `[{"data": "YWJj"}]`},
		{"nothing", []any{}, `[]`},
		{"commas and colons in names", []string{`a,b:c`, `"`, `\`, `,:`}, `["a,b:c", "\"", "\\", ",:"]`},
		{"beyond ASCII", []string{"ü€<&>\u2028", "💩", "\x7f\x01\n"}, `["\u00fc\u20ac<&>\u2028", "\ud83d\udca9", "` + "\x7f" + `\u0001\n"]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(encodeManifest(tt.v)); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}
