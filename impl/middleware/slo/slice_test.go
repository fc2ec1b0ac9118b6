package slo

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

func parts(pieces []piece) (out []string) {
	for _, p := range pieces {
		out = append(out, fmt.Sprintf("%s[%d:%d]", p.name, p.from, p.to))
	}
	return out
}

func TestSlice(t *testing.T) {
	segments := []segment{
		{name: "a", size: 10, to: 10},
		{name: "b", size: 10, from: 4, to: 7, ranged: true}, // bytes 10 to 13
		{name: "data", data: []byte("hello"), size: 5, to: 5},
		{name: "empty"},
		{name: "c", size: 10, to: 10}, // bytes 18 to 28
	}
	for _, c := range []struct {
		name       string
		start, end int64
		want       []string
	}{
		{"everything", 0, 28, []string{"a[0:10]", "b[4:7]", "data[0:5]", "c[0:10]"}},
		{"one byte", 0, 1, []string{"a[0:1]"}},
		{"the last byte", 27, 28, []string{"c[9:10]"}},
		{"to a border", 0, 10, []string{"a[0:10]"}},
		{"from a border", 10, 28, []string{"b[4:7]", "data[0:5]", "c[0:10]"}},
		{"across a border", 9, 11, []string{"a[9:10]", "b[4:5]"}},
		{"inside a ranged segment", 11, 12, []string{"b[5:6]"}},
		{"inside data", 14, 16, []string{"data[1:3]"}},
		{"around the empty one", 17, 19, []string{"data[4:5]", "c[0:1]"}},
		{"nothing", 5, 5, nil},
		{"beyond", 28, 40, nil},
		{"partly beyond", 26, 40, []string{"c[8:10]"}},
	} {
		if got := parts(slice(segments, c.start, c.end)); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestSliceIsSlice: what the pieces name is the slice of the concatenation.
func TestSliceIsSlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []byte
		var contents [][]byte
		var segments []segment
		for i := range rapid.IntRange(0, 8).Draw(t, "segments") {
			object := rapid.SliceOfN(rapid.Byte(), 0, 12).Draw(t, "object")
			s := segment{name: fmt.Sprint(i), size: int64(len(object)), to: int64(len(object))}
			if len(object) > 0 && rapid.Bool().Draw(t, "ranged") {
				s.from = rapid.Int64Range(0, s.size-1).Draw(t, "from")
				s.to = rapid.Int64Range(s.from+1, s.size).Draw(t, "to")
				s.ranged = true
			}
			segments, contents = append(segments, s), append(contents, object)
			all = append(all, object[s.from:s.to]...)
		}
		start := rapid.Int64Range(0, int64(len(all))).Draw(t, "start")
		end := rapid.Int64Range(start, int64(len(all))).Draw(t, "end")
		var got []byte
		for _, p := range slice(segments, start, end) {
			if p.length() == 0 {
				t.Fatal("an empty piece")
			}
			for i := range segments {
				if p.segment == &segments[i] {
					got = append(got, contents[i][p.from:p.to]...)
				}
			}
		}
		if string(got) != string(all[start:end]) {
			t.Fatalf("got %q, want %q", got, all[start:end])
		}
		if size, _ := measure(segments); size != int64(len(all)) {
			t.Fatalf("measured %d of %d bytes", size, len(all))
		}
	})
}
