package diskfile

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apus/impl/swift"
)

func ts(t testing.TB, s string) swift.Timestamp {
	t.Helper()
	v, err := swift.ParseTimestamp(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestNames(t *testing.T) {
	for _, tc := range []struct {
		file, ext, time, contentType string
		canonical                    string // "" when it is file
	}{
		{file: "1401811134.87365.data", ext: ".data", time: "1401811134.87365"},
		{file: "1401811134.87365_0000000000000001.data", ext: ".data", time: "1401811134.87365_0000000000000001"},
		{file: "1401811134.87365.ts", ext: ".ts", time: "1401811134.87365"},
		{file: "1401811134.87365.meta", ext: ".meta", time: "1401811134.87365"},
		{file: "1401811134.87365+0.meta", ext: ".meta", time: "1401811134.87365", contentType: "1401811134.87365"},
		{file: "1401811134.87365-5f.meta", ext: ".meta", time: "1401811134.87365", contentType: "1401811134.87270"},
		{file: "1401811134.87365+1a.meta", ext: ".meta", time: "1401811134.87365", contentType: "1401811134.87391"},
		{file: "1401811134.87365_2-1.meta", ext: ".meta", time: "1401811134.87365_0000000000000002", contentType: "1401811134.87364"},
	} {
		t.Run(tc.file, func(t *testing.T) {
			n, ok := ParseName(tc.file)
			if !ok {
				t.Fatal("not parsed")
			}
			want := Name{File: tc.file, Ext: tc.ext, Timestamp: ts(t, tc.time)}
			if tc.contentType != "" {
				want.ContentType = ts(t, tc.contentType)
			}
			if n != want {
				t.Errorf("got %+v, want %+v", n, want)
			}
			if got := FormatName(n.Timestamp, n.Ext, n.ContentType); got != tc.file {
				t.Errorf("formatted %q", got)
			}
		})
	}
	for _, bad := range []string{"", ".data", "x.data", ".1401811134.87365.data.aBc123", "1401811134.87365#2.data", "1401811134.87365+zz.meta", "hashes.pkl"} {
		if n, ok := ParseName(bad); ok {
			t.Errorf("%q is %+v", bad, n)
		}
	}
}

// files expands "3.data 2+1.meta": a number is a second, a delta is ticks.
func files(list string) []string {
	var out []string
	for _, f := range strings.Fields(list) {
		at := strings.IndexFunc(f, func(r rune) bool { return r < '0' || r > '9' })
		out = append(out, "000000000"+f[:at]+".00000"+f[at:])
	}
	return out
}

func short(names ...*Name) string {
	var out []string
	for _, n := range names {
		if n == nil {
			out = append(out, "-")
			continue
		}
		out = append(out, shorten(n.File))
	}
	return strings.Join(out, " ")
}

func shorten(f string) string { return strings.Replace(strings.TrimLeft(f, "0"), ".00000", "", 1) }

func TestSelect(t *testing.T) {
	for _, tc := range []struct {
		name, in                      string
		data, meta, ctype, ts         string
		obsolete, reclaim, unexpected string
	}{
		{name: "nothing", in: ""},
		{name: "a body", in: "1.data", data: "1.data"},
		{name: "newest body", in: "1.data 3.data 2.data", data: "3.data", obsolete: "2.data 1.data"},
		{name: "a tombstone", in: "1.ts", ts: "1.ts"},
		{name: "newest tombstone", in: "1.ts 2.ts", ts: "2.ts", obsolete: "1.ts"},
		{name: "tombstone hides body", in: "1.data 2.ts", ts: "2.ts", obsolete: "1.data"},
		{name: "tombstone of the same time hides body", in: "2.data 2.ts", ts: "2.ts", obsolete: "2.data"},
		{name: "body hides tombstone", in: "3.data 2.ts", data: "3.data", obsolete: "2.ts"},
		{name: "tombstone hides body and meta", in: "1.data 2.meta 3.ts", ts: "3.ts", obsolete: "1.data 2.meta"},
		{name: "meta over body", in: "1.data 2.meta", data: "1.data", meta: "2.meta"},
		{name: "meta of the body's time", in: "2.data 2.meta", data: "2.data", obsolete: "2.meta"},
		{name: "meta before body", in: "2.data 1.meta", data: "2.data", obsolete: "1.meta"},
		{name: "newest meta", in: "1.data 2.meta 3.meta", data: "1.data", meta: "3.meta", obsolete: "2.meta"},
		{name: "meta alone", in: "2.meta", reclaim: "2.meta"},
		{name: "meta after tombstone", in: "2.ts 3.meta", ts: "2.ts", reclaim: "3.meta"},
		{name: "meta with content type", in: "1.data 2+0.meta", data: "1.data", meta: "2+0.meta", ctype: "2+0.meta"},
		{name: "content type of an older meta", in: "1.data 2+0.meta 3.meta", data: "1.data", meta: "3.meta", ctype: "2+0.meta"},
		{name: "older content type than the newest meta's", in: "1.data 2+0.meta 3+0.meta", data: "1.data", meta: "3+0.meta", ctype: "3+0.meta", obsolete: "2+0.meta"},
		{name: "content type carried over", in: "1.data 3-186a0.meta 2+0.meta", data: "1.data", meta: "3-186a0.meta", ctype: "3-186a0.meta", obsolete: "2+0.meta"},
		{name: "same time, newer content type", in: "1.data 3+0.meta 3-1.meta", data: "1.data", meta: "3+0.meta", ctype: "3+0.meta", obsolete: "3-1.meta"},
		{name: "content type older than the body", in: "3.data 4-30d40.meta", data: "3.data", meta: "4-30d40.meta"},
		{name: "durable mark of another policy", in: "1.data 1.durable", data: "1.data", obsolete: "1.durable"},
		{name: "everything", in: "1.data 2.meta 3.ts 4.data 5+0.meta 6.meta 2.ts", data: "4.data", meta: "6.meta", ctype: "5+0.meta",
			obsolete: "1.data 2.meta 2.ts 3.ts"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := files(tc.in)
			check := func(in []string) {
				t.Helper()
				got := Select(in)
				dash := func(s string) string {
					if s == "" {
						return "-"
					}
					return s
				}
				want := strings.Join([]string{dash(tc.data), dash(tc.meta), dash(tc.ctype), dash(tc.ts)}, " ")
				if have := short(got.Data, got.Meta, got.ContentType, got.Tombstone); have != want {
					t.Errorf("chose %q, want %q", have, want)
				}
				if d := cmp.Diff(set(tc.obsolete), nameSet(got.Obsolete)); d != "" {
					t.Error("obsolete", d)
				}
				if d := cmp.Diff(set(tc.reclaim), nameSet(got.Reclaimable)); d != "" {
					t.Error("reclaimable", d)
				}
			}
			check(in)
			for range 5 {
				rand.Shuffle(len(in), func(i, j int) { in[i], in[j] = in[j], in[i] })
				check(in)
			}
		})
	}
	got := Select([]string{"0000000001.00000.data", ".0000000002.00000.data.XyZ123"})
	if short(got.Data) != "1.data" || len(got.Unexpected) != 1 {
		t.Errorf("a file that rsync is writing: %+v", got)
	}
}

func set(list string) map[string]bool {
	out := map[string]bool{}
	for _, f := range strings.Fields(list) {
		out[f] = true
	}
	return out
}

func nameSet(names []Name) map[string]bool {
	out := map[string]bool{}
	for _, n := range names {
		out[shorten(n.File)] = true
	}
	return out
}

// Removing what Select calls obsolete must not change what it selects.
func FuzzSelectIsStable(f *testing.F) {
	f.Add("1.data 2.meta 3.ts 4.data 5+0.meta 6.meta 2.ts")
	f.Add("1.data 3+0.meta 3-1.meta")
	f.Fuzz(func(t *testing.T, list string) {
		in := strings.Fields(list)
		for i := range in {
			if n, ok := ParseName("000000000" + in[i]); ok {
				in[i] = n.File
			}
		}
		if slices.Sort(in); len(in) > 50 || len(slices.Compact(slices.Clone(in))) != len(in) {
			return // no directory has a name twice
		}
		first := Select(in)
		gone := map[string]bool{}
		for _, n := range first.Obsolete {
			gone[n.File] = true
		}
		var left []string
		for _, f := range in {
			if !gone[f] {
				left = append(left, f)
			}
		}
		again := Select(left)
		if a, b := short(first.Data, first.Meta, first.ContentType, first.Tombstone), short(again.Data, again.Meta, again.ContentType, again.Tombstone); a != b {
			t.Errorf("%q: chose %q, then %q", in, a, b)
		}
		if len(again.Obsolete) != 0 {
			t.Errorf("%q: %v became obsolete later", in, again.Obsolete)
		}
	})
}

func TestTitle(t *testing.T) {
	for in, want := range map[string]string{
		"x-object-meta-foo": "X-Object-Meta-Foo", "X-OBJECT-META-fOO_bar": "X-Object-Meta-Foo_Bar",
		"etag": "Etag", "x-object-meta-1abc2d": "X-Object-Meta-1Abc2D", "a'b\xc3\xa9c": "A'B\xc3\xa9C", "": "",
	} {
		if got := Title(in); got != want {
			t.Errorf("Title(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestMetadataForms(t *testing.T) {
	md := Metadata{
		KeyName: "/AUTH_a/c/日本", KeyTimestamp: "1700000000.12345", KeyContentType: "text/plain",
		KeyContentLength: "0", KeyETag: "d41d8cd98f00b204e9800998ecf8427e",
		"X-Object-Meta-Color": "café", "X-Object-Meta-Empty": "", "X-Object-Meta-Bytes": "\xff\x80",
	}
	raw, err := EncodeMetadata(md)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeMetadata(raw)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(md, got); d != "" {
		t.Error(d)
	}
	py2, err := DecodeMetadata([]byte("\x80\x02}q\x00(U\x04nameq\x01U\x06/a/c/oq\x02U\x01xU\x02\xc3\xa9U\x01yK\x05u."))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(Metadata{"name": "/a/c/o", "x": "é", "y": "5"}, py2); d != "" {
		t.Error(d)
	}
}
