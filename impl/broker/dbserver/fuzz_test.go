package dbserver

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"apus/impl/web"
)

func FuzzListOptions(f *testing.F) {
	for _, q := range []string{
		"limit=5&marker=a&end_marker=b&prefix=p&delimiter=/&reverse=true", "path=", "path=a%2Fb", "limit=99999999999999999999",
		"limit=-1", "prefix=%ff", "marker=a&marker=b", "delimiter=%C3%A9&format=json", "limit=%zz;x",
	} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		req := web.NewRequest("GET", "/sda/0/a")
		req.RawQuery = query
		o, fault := ListOptions(req, 10000)
		if fault != nil {
			if fault.Status != 400 && fault.Status != 412 {
				t.Fatal(fault.Status)
			}
			return
		}
		if o.Limit < 0 || o.Limit > 10000 {
			t.Fatal(o.Limit)
		}
		for _, s := range []string{o.Marker, o.EndMarker, o.Prefix, o.Delimiter} {
			if !utf8.ValidString(s) {
				t.Fatalf("%q", s)
			}
		}
		if o.Path != nil && !utf8.ValidString(*o.Path) {
			t.Fatalf("%q", *o.Path)
		}
	})
}

func FuzzFormat(f *testing.F) {
	for _, a := range []string{"", "*/*", "text/xml;q=0.1,*/*;q=0.2", `text/xml; level="1\""`, "a/b;c=\"", "text/plain;q=nan"} {
		f.Add(a, "")
	}
	f.Add("", "json")
	f.Fuzz(func(t *testing.T, accept, format string) {
		req := web.NewRequest("GET", "/sda/0/a")
		req.Header.Set("Accept", accept)
		req.RawQuery = "format=" + format
		got, fault := Format(req)
		if fault == nil && !slices.Contains(formats, got) || fault != nil && fault.Status != 400 && fault.Status != 406 {
			t.Fatalf("%q %v", got, fault)
		}
	})
}

// What a listing shows must be read back as what it was made of.
func FuzzListing(f *testing.F) {
	for _, s := range []string{"plain", "ü\"\\😀", "<&>\n\r\t\x7f", "\x00reserved", "a\u2028b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if !utf8.ValidString(name) {
			return
		}
		n := int64(7)
		l := NewListing("application/json", "container", "c", "object")
		l.Entry([]byte(name), []Field{{Name: "name", Text: []byte(name)}, {Name: "bytes", Number: &n}})
		l.Subdir([]byte(name))
		text := read(t, l)
		var got []map[string]any
		require.NoError(t, json.Unmarshal(text, &got), string(text))
		require.Equal(t, []map[string]any{{"name": name, "bytes": 7.0}, {"subdir": name}}, got)
		if bytes.ContainsFunc(text, func(r rune) bool { return r > 0x7e }) && !strings.Contains(name, "\x7f") {
			t.Fatalf("%q is not ASCII", text)
		}
		if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0xfffe || r == 0xffff }) {
			return // XML has no way to write these
		}
		l = NewListing("application/xml", "container", "c", "object")
		l.Entry([]byte(name), []Field{{Name: "name", Text: []byte(name)}})
		var doc struct {
			Object []struct {
				Name string `xml:"name"`
			} `xml:"object"`
		}
		text = read(t, l)
		require.NoError(t, xml.Unmarshal(text, &doc), string(text))
		require.Equal(t, name, doc.Object[0].Name)
	})
}

func read(t testing.TB, l *Listing) []byte {
	resp := l.Response(http.Header{})
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.EqualValues(t, len(b), resp.ContentLength)
	return b
}
