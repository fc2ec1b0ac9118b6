package listingformats

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// lines are copies of what scan or decode finds.
func lines(read func([]byte, func(*line)) bool, text string) ([]string, bool) {
	out := []string{}
	ok := read([]byte(text), func(l *line) {
		out = append(out, fmt.Sprintf("%q %v %v", [][]byte{l.name, l.count, l.bytes, l.hash, l.contentType, l.lastModified, l.policy}, l.subdir, l.policed))
	})
	return out, ok
}

const accountRow = `{"name": "c", "count": 2, "bytes": 5, "last_modified": "2026-01-02T03:04:05.678900", "storage_policy": "gold"}`

func TestScan(t *testing.T) {
	for _, c := range []struct {
		name, text string
		ok         bool
	}{
		{"none", `[]`, true},
		{"objects", objects, true},
		{"containers", buckets, true},
		{"as upstream writes", `[{"hash": "h", "last_modified": "t", "bytes": 0, "name": "n", "content_type": "c"}, {"subdir": "d"}]`, true},
		{"no blanks", `[{"name":"n","bytes":1},{"subdir":"d"}]`, true},
		{"escapes", `[{"name": "\"\\\/\b\f\n\r\t\u0000\u00e9\u2603\uD83D\ude00", "hash": "\u0041", "content_type": "x\ty"}]`, true},
		{"a key with an escape", `[{"n\u0061me": "n"}]`, true},
		{"an empty name", `[{"name": ""}]`, true},
		{"of eight letters", `[{"name": "12345678", "hash": "1234567\"", "content_type": "\n2345678"}]`, true},
		{"more blanks", `[ {"name": "n"}]`, false},
		{"a blank before a comma", `[{"name": "n"} , {"name": "m"}]`, false},
		{"a line break at the end", "[{\"name\": \"n\"}]\n", false},
		{"other cases of keys", `[{"Name": "n"}]`, false},
		{"unknown keys", `[{"name": "n", "symlink_path": "p"}]`, false},
		{"a key twice", `[{"name": "n", "name": "m"}]`, false},
		{"name and subdir", `[{"name": "n", "subdir": "m"}]`, false},
		{"no name", `[{"hash": "h"}]`, false},
		{"nothing", `[{}]`, false},
		{"null", `[{"name": null}]`, false},
		{"a negative number", `[{"name": "n", "bytes": -1}]`, false},
		{"a fraction", `[{"name": "n", "bytes": 1.5}]`, false},
		{"a leading zero", `[{"name": "n", "bytes": 01}]`, false},
		{"a number in quotes", `[{"name": "n", "bytes": "1"}]`, false},
		{"a number for a name", `[{"name": 1}]`, false},
		{"half of a pair", `[{"name": "\ud83d"}]`, false},
		{"the wrong half of a pair", `[{"name": "\ude00\ud83d"}]`, false},
		{"half of a pair and another", `[{"name": "\ud83d\u0041"}]`, false},
		{"letters beyond ASCII", `[{"name": "é"}]`, false},
		{"no UTF-8", "[{\"name\": \"\xff\"}]", false},
		{"a control character", "[{\"name\": \"a\nb\"}]", false},
		{"an unknown escape", `[{"name": "\x41"}]`, false},
		{"a short escape", `[{"name": "\u41"}]`, false},
		{"no end of text", `[{"name": "n`, false},
		{"no end of an entry", `[{"name": "n"`, false},
		{"no end", `[{"name": "n"}`, false},
		{"a comma at the end", `[{"name": "n"},]`, false},
		{"a comma in an entry", `[{"name": "n",}]`, false},
		{"two of them", `[][]`, false},
		{"empty", ``, false},
		{"no list", `{"name": "n"}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := lines(scan, c.text)
			require.Equal(t, c.ok, ok)
			if ok {
				want, fine := lines(decode, c.text)
				require.True(t, fine)
				require.Equal(t, want, got)
			}
		})
	}
}

// What is scanned is what encoding/json reads, and it renders to the same.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		objects, buckets, `[]`, `[{"name": "\ud83d\ude00\u0000\"\\"}, {"subdir": "1234567890/"}]`, `[{"name":"n","bytes":0}]`,
		`[{"name": "n", "bytes": 12, "hash": "h; x=y"}, ` + accountRow + `]`, "[{\"name\": \"\x7fé\xff\"}]", `[{"name": "a<b>&\"\n\t\r"}]`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := lines(scan, text)
		if !ok {
			return
		}
		want, fine := lines(decode, text)
		require.True(t, fine, "encoding/json refuses it")
		require.Equal(t, want, got)
		require.True(t, json.Valid([]byte(text)))
	})
}

// bigListing is a listing of n objects, which are all alike but for the name.
func bigListing(n int, name string) []byte {
	var b strings.Builder
	for i := range n {
		sep := ", "
		if i == 0 {
			sep = "["
		}
		fmt.Fprintf(&b, `%s{"bytes": 4096, "hash": "d41d8cd98f00b204e9800998ecf8427e", "name": "%s-%08d", `+
			`"content_type": "application/octet-stream", "last_modified": "2023-11-14T22:13:20.000000"}`, sep, name, i)
	}
	return []byte(b.String() + "]")
}

func BenchmarkRender(b *testing.B) {
	for _, bm := range []struct{ name, object string }{{"ascii", "object"}, {"escaped", `\u00fcn\u00efc\u00f6de-\u2603`}} {
		body := bigListing(10000, bm.object)
		for _, want := range []string{"text/plain", "application/json", "application/xml"} {
			b.Run(bm.name+"/"+want, func(b *testing.B) {
				b.SetBytes(int64(len(body)))
				b.ReportAllocs()
				for b.Loop() {
					if _, ok := render(body, want, "c", true, false); !ok {
						b.Fatal("no listing")
					}
				}
			})
		}
	}
}
