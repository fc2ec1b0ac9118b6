package diskfile

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func FuzzParseName(f *testing.F) {
	for _, s := range []string{
		"1401811134.87365_0000000000000001.data", "1401811134.87365+1a.meta", "1401811134.87365-5f+2.meta",
		"1401811134.87365#2#d.data", "1.ts", ".data", "nan.data", "1401811134.87365_2-1.meta", "1401811134.87365+.meta", "_-0.meta",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, file string) {
		n, ok := ParseName(file)
		if !ok {
			return
		}
		if n.File != file || !strings.HasSuffix(file, n.Ext) {
			t.Errorf("%q is %+v", file, n)
		}
		again, ok := ParseName(FormatName(n.Timestamp, n.Ext, n.ContentType))
		if !ok || again.Timestamp != n.Timestamp || again.ContentType != n.ContentType || again.Ext != n.Ext {
			t.Errorf("%q is %+v, again %+v", file, n, again)
		}
	})
}

// Every file has one fate, whatever the order of the list.
func FuzzSelect(f *testing.F) {
	f.Add("1401811134.87365.data 1401811135.87365.meta 1401811134.87365+1a.meta garbage 1401811133.87365.ts")
	f.Add("1.ts 1.data 1.meta 2#1.data 3.durable")
	f.Fuzz(func(t *testing.T, list string) {
		files := strings.Fields(list)
		slices.Sort(files)
		files = slices.Compact(files)
		have := Select(files)
		fate := map[string]int{}
		for _, n := range have.Obsolete {
			fate[n.File]++
		}
		for _, n := range have.Reclaimable {
			fate[n.File]++
		}
		for _, u := range have.Unexpected {
			fate[u]++
		}
		for _, n := range []*Name{have.Data, have.Meta, have.ContentType, have.Tombstone} {
			if n != nil && (n != have.ContentType || have.Meta == nil || n.File != have.Meta.File) {
				fate[n.File]++
			}
		}
		for _, file := range files {
			if fate[file] > 1 {
				t.Errorf("of %q, %q has %d fates: %+v", files, file, fate[file], have)
			}
		}
		if have.Data != nil && have.Tombstone != nil || have.Data == nil && (have.Meta != nil || have.ContentType != nil) {
			t.Errorf("%q: %+v", files, have)
		}
	})
}

func FuzzMetadata(f *testing.F) {
	for _, m := range []Metadata{
		{}, {"name": "/a/c/o", "X-Timestamp": "1"}, {"name": "/a/c/\xff日", "X-Object-Meta-\xc3\xa9": "\xe2\x98\x83\xff"},
	} {
		raw, err := EncodeMetadata(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte("\x80\x02}q\x00(U\x04nameq\x01U\x06/a/c/oq\x02u."))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := decodeMetadata(raw)
		if quick, ok := quickMetadata(raw); ok && (err != nil || !maps.Equal(m, quick)) {
			t.Errorf("quickly %q, else %q, %v", quick, m, err)
		}
		if err != nil {
			return
		}
		again, err := EncodeMetadata(m)
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeMetadata(again)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(again[:min(len(again), 32)]), "_codecs\nencode") {
			return // nothing in it tells Python 3's from Python 2's
		}
		if !maps.Equal(m, back) {
			t.Errorf("%q became %q", m, back)
		}
	})
}

func FuzzUpdate(f *testing.F) {
	u := &Update{
		Op: "PUT", Account: "a", Container: "c", Object: "日", Headers: map[string]string{"X-Size": "1", "X-Content-Type": "\xc3"},
		DBState: "sharded", ContainerPath: ".shards_a/c", Successes: []int{0, 2}, Redirects: []string{"x/y"},
	}
	raw, err := u.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte("(dp0\nS'op'\np1\nS'PUT'\np2\nsS'account'\nS'a'\nsS'container'\nS'c'\nsS'obj'\nS'o'\nsS'headers'\n(dsS'x'\nNs."))
	f.Fuzz(func(t *testing.T, raw []byte) {
		u, err := DecodeUpdate(raw)
		if err != nil {
			return
		}
		once, err := u.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeUpdate(once)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := again.Encode()
		if err != nil || string(once) != string(twice) {
			t.Errorf("%q became %q, %v", once, twice, err)
		}
	})
}

func FuzzOverflow(f *testing.F) {
	for _, s := range []string{"4 5000", "+4 5000", "4 0", "-1 1", "4 99999999999", "4", "4 5 6"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		o, err := parseOverflow(s)
		if err == nil && (o.String() != s || o.offset < 0 || o.length < 1 || o.length > maxMetadata) {
			t.Errorf("%q is %+v", s, o)
		}
	})
}

// The usual metadata is read the quick way.
func TestQuickMetadata(t *testing.T) {
	m := Metadata{KeyName: "/a/c/日本\xff", KeyTimestamp: "1790000000.00000", KeyContentType: "text/plain", KeyContentLength: "1", KeyETag: "d41d8"}
	for _, extra := range []int{0, 10, 200} {
		for len(m) < 5+extra {
			m["X-Object-Meta-"+strings.Repeat("k", len(m))] = strings.Repeat("v", 2+len(m))
		}
		raw, err := EncodeMetadata(m)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := quickMetadata(raw)
		if !ok || !maps.Equal(got, m) {
			t.Errorf("%d headers: %v, %q", len(m), ok, got)
		}
		for n := range len(raw) {
			if _, ok := quickMetadata(raw[:n]); ok {
				t.Errorf("%d headers cut off after %d bytes are read", len(m), n)
			}
		}
	}
}
