package broker

import (
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestListing(t *testing.T) {
	c := newContainer(t, newPool(t, nil), "c")
	for _, n := range []string{"a", "b/1", "b/2", "b/c/3", "b0", "d//e", "é/x", "\x00hidden", "z"} {
		require.NoError(t, c.PutObject(bg, object(n, 1)))
	}
	require.NoError(t, c.PutObject(bg, DeletedObject("z", at(2), 0)))
	str := func(s string) *string { return &s }
	cases := []struct {
		name string
		o    ListOptions
		want string
	}{
		{"all", ListOptions{}, "a b/1 b/2 b/c/3 b0 d//e é/x"},
		{"reserved", ListOptions{AllowReserved: true}, "\x00hidden a b/1 b/2 b/c/3 b0 d//e é/x"},
		{"limit", ListOptions{Limit: 2}, "a b/1"},
		{"marker", ListOptions{Marker: "b/1"}, "b/2 b/c/3 b0 d//e é/x"},
		{"end marker", ListOptions{EndMarker: "b/2"}, "a b/1"},
		{"prefix", ListOptions{Prefix: "b/"}, "b/1 b/2 b/c/3"},
		{"prefix and marker before it", ListOptions{Prefix: "b/", Marker: "a"}, "b/1 b/2 b/c/3"},
		{"prefix and end marker inside", ListOptions{Prefix: "b/", EndMarker: "b/2"}, "b/1"},
		{"delimiter", ListOptions{Delimiter: "/"}, "a b/ b0 d/ é/"},
		{"delimiter, limit", ListOptions{Delimiter: "/", Limit: 3}, "a b/ b0"},
		{"delimiter, marker is a group", ListOptions{Delimiter: "/", Marker: "b/"}, "b0 d/ é/"},
		{"delimiter, marker in a group", ListOptions{Delimiter: "/", Marker: "b/1"}, "b/ b0 d/ é/"},
		{"delimiter and prefix", ListOptions{Delimiter: "/", Prefix: "b/"}, "b/1 b/2 b/c/"},
		{"delimiter of two", ListOptions{Delimiter: "//"}, "a b/1 b/2 b/c/3 b0 d// é/x"},
		{"reverse", ListOptions{Reverse: true}, "é/x d//e b0 b/c/3 b/2 b/1 a"},
		{"reverse, markers", ListOptions{Reverse: true, Marker: "b0", EndMarker: "b/1"}, "b/c/3 b/2"},
		{"reverse, delimiter", ListOptions{Reverse: true, Delimiter: "/"}, "é/ d/ b0 b/ a"},
		{"reverse, delimiter, limit", ListOptions{Reverse: true, Delimiter: "/", Limit: 4}, "é/ d/ b0 b/"},
		{"path", ListOptions{Path: str("b")}, "b/1 b/2"},
		{"path of the root", ListOptions{Path: str("")}, "a b0"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, strings.Split(tc.want, " "), names(t, c, tc.o))
		})
	}
}

// model lists as the documentation of the API says, without any cleverness.
func model(names []string, o ListOptions) []string {
	names = slices.Clone(names)
	sort.Strings(names)
	if o.Reverse {
		slices.Reverse(names)
	}
	after := func(a, b string) bool { return b == "" || (a > b) != o.Reverse && a != b }
	before := func(a, b string) bool { return b == "" || (a < b) != o.Reverse && a != b }
	var out []string
	for _, n := range names {
		rest, ok := strings.CutPrefix(n, o.Prefix)
		if !ok || !after(n, o.Marker) || !before(n, o.EndMarker) {
			continue
		}
		if i := strings.Index(rest, o.Delimiter); o.Delimiter != "" && i >= 0 {
			n = o.Prefix + rest[:i+len(o.Delimiter)]
			if o.Reverse && n == o.EndMarker || !o.Reverse && n == o.Marker || len(out) > 0 && out[len(out)-1] == n {
				continue
			}
		}
		if out = append(out, n); len(out) == o.Limit {
			break
		}
	}
	return out
}

func TestListingAgainstModel(t *testing.T) {
	c := newContainer(t, newPool(t, nil), "c")
	rng := rand.New(rand.NewPCG(1, 2))
	word := func(n int) string {
		b := make([]byte, rng.IntN(n))
		for i := range b {
			b[i] = "ab/0."[rng.IntN(5)]
		}
		return string(b)
	}
	seen := map[string]bool{}
	var all []string
	for range 120 {
		n := "x" + word(7)
		if !seen[n] {
			seen[n] = true
			all = append(all, n)
			require.NoError(t, c.PutObject(bg, object(n, 1)))
		}
	}
	for range 600 {
		o := ListOptions{Limit: 1 + rng.IntN(40), Reverse: rng.IntN(2) == 0}
		if rng.IntN(2) == 0 {
			o.Marker = "x" + word(5)
		}
		if rng.IntN(2) == 0 {
			o.EndMarker = "x" + word(5)
		}
		if rng.IntN(2) == 0 {
			o.Prefix = "x" + word(4)
		}
		if rng.IntN(3) > 0 {
			o.Delimiter = []string{"/", "a", "//", "/a"}[rng.IntN(4)]
		}
		require.Equal(t, model(all, o), names(t, c, o), "%+v", o)
	}
}
