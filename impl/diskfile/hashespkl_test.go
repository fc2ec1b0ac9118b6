package diskfile

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type goldenHashes struct {
	Written []struct {
		Table map[string]any
		Raw   string
	}
	Read []struct {
		Raw   string
		Valid any
	}
	Journal string
}

func readGoldenHashes(t testing.TB) (g goldenHashes) {
	t.Helper()
	b, err := os.ReadFile("testdata/hashes.json")
	if err == nil {
		err = json.Unmarshal(b, &g)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func unhexed(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// hashes.pkl is written as Swift writes it and read as Swift reads it.
func TestGoldenHashes(t *testing.T) {
	g := readGoldenHashes(t)
	for i, c := range g.Written {
		table := hashTable{valid: c.Table["valid"].(bool), updated: 1_790_000_000.25, suffixes: map[string]string{}}
		for k, v := range c.Table {
			if k != "valid" {
				table.suffixes[k], _ = v.(string)
			}
		}
		raw := unhexed(t, c.Raw)
		got, err := table.encode()
		if err != nil || string(got) != string(raw) {
			t.Errorf("table %d: %v\nSwift %q\napus  %q", i, err, raw, got)
		}
		if diff := cmp.Diff(table, decodeHashes(raw), cmp.AllowUnexported(hashTable{})); diff != "" {
			t.Errorf("table %d:\n%s", i, diff)
		}
	}
	for _, c := range g.Read {
		got := decodeHashes(unhexed(t, c.Raw))
		// Where Swift's reader fails (it is a list), and for keys that are
		// bytes, anything goes that does not stall.
		if want, ok := c.Valid.(bool); ok && got.valid != want && !strings.Contains(c.Raw, "61626371") {
			t.Errorf("%q: valid %v, Swift says %v", unhexed(t, c.Raw), got.valid, want)
		}
	}
	suffixes, some, err := readInvalid(strings.NewReader(string(unhexed(t, g.Journal))))
	if diff := cmp.Diff([]string{"abc", "00f"}, suffixes); diff != "" || !some || err != nil {
		t.Errorf("journal: %v, %v\n%s", some, err, diff)
	}
}

func TestReadInvalid(t *testing.T) {
	for name, tc := range map[string]struct {
		in   string
		want []string
		some bool
	}{
		"empty":                {"", nil, false},
		"twice":                {"abc\nabc\n", []string{"abc"}, true},
		"torn at the end":      {"abc\nde", []string{"abc"}, true},
		"no newline":           {"abc\ndef", []string{"abc", "def"}, true},
		"garbage":              {"\x00\xff\nABC\nxyz\nabcd\n\n 123 \n", []string{"123"}, true},
		"a very long line":     {strings.Repeat("z", 10000) + "\nabc\n", []string{"abc"}, true},
		"a suffix at its end":  {strings.Repeat("z", 4096) + "abc\n", nil, true},
		"zeros of a power cut": {strings.Repeat("\x00", 4096) + "\nabc\n", []string{"abc"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, some, err := readInvalid(strings.NewReader(tc.in))
			if diff := cmp.Diff(tc.want, got); diff != "" || some != tc.some || err != nil {
				t.Errorf("some %v, %v\n%s", some, err, diff)
			}
		})
	}
}

func TestStampedGrows(t *testing.T) {
	for _, before := range []float64{-1, 5, 5.5, 1.79e9, 1e300} {
		if got := stamped(5, before); got <= before {
			t.Errorf("after %v comes %v", before, got)
		}
	}
}

func FuzzHashes(f *testing.F) {
	g := readGoldenHashes(f)
	for _, c := range g.Written {
		f.Add(unhexed(f, c.Raw))
	}
	for _, c := range g.Read {
		f.Add(unhexed(f, c.Raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		table := decodeHashes(raw)
		for s, h := range table.suffixes {
			if !validSuffix(s) || !validHash(h) {
				t.Errorf("read %q %q", s, h)
			}
		}
		if table.updated != table.updated { //nolint:staticcheck // NaN is kept as it is
			return
		}
		again, err := table.encode()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(table, decodeHashes(again), cmp.AllowUnexported(hashTable{})); diff != "" {
			t.Error(diff)
		}
	})
}

func FuzzInvalid(f *testing.F) {
	f.Add("abc\n00f\n")
	f.Add("\x00\x00\nabc")
	f.Fuzz(func(t *testing.T, in string) {
		got, some, err := readInvalid(strings.NewReader(in))
		if err != nil || some != (in != "") {
			t.Fatal(some, err)
		}
		again, _, _ := readInvalid(strings.NewReader(strings.Join(got, "\n")))
		if diff := cmp.Diff(got, again); diff != "" {
			t.Error(diff)
		}
	})
}
