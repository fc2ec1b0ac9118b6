package pickle

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apus/impl/swift"
)

func bdict(pairs ...string) Dict {
	var d Dict
	for i := 0; i < len(pairs); i += 2 {
		d = append(d, Item{Bytes(pairs[i]), Bytes(pairs[i+1])})
	}
	return d
}

func hdict(pairs ...string) HeaderDict {
	var d HeaderDict
	for i := 0; i < len(pairs); i += 2 {
		d = append(d, Item{pairs[i], pairs[i+1]})
	}
	return d
}

const helloMD5 = "5d41402abc4b2a76b9719d911017c592"

// goldenValues are the values of testdata/golden.py.
func goldenValues() map[string]any {
	large := Dict{}
	for i := range 100 {
		large = append(large, Item{Bytes(fmt.Sprint("key-", i)), Bytes(fmt.Sprint("value-", i))})
	}
	many := List{}
	for i := range 2001 {
		many = append(many, int64(i))
	}
	return map[string]any{
		"metadata": bdict("X-Timestamp", "1700000000.12345", "Content-Type", "text/plain",
			"Content-Length", "5", "ETag", helloMD5, "X-Object-Meta-A", "5", "X-Object-Meta-B", "",
			"X-Object-Meta-C", "", "X-Object-Meta-D", FromRaw("café"), "X-Object-Meta-E", "latin1",
			"name", "/AUTH_test/c/日本"),
		"tombstone":  bdict("X-Timestamp", "1700000000.12345", "name", "/a/c/o"),
		"one":        bdict("name", "/a/c/o"),
		"emptyfirst": bdict("ab", "", "cd", ""),
		"large":      large,
		"hashes":     Dict{{"abc", helloMD5}, {"07f", nil}, {"valid", true}, {"updated", 1700000000.25}},
		"scalars": Dict{
			{"list", List{int64(1), int64(2), int64(3)}}, {"none", List{}}, {"single", List{int64(7)}},
			{"t4", Tuple{int64(1), int64(2), int64(3), int64(4)}}, {"t1", Tuple{int64(1)}}, {"t0", Tuple{}},
			{"neg", int64(-5)}, {"big", int64(1 << 40)}, {"word", int64(300)}, {"int", int64(70000)},
			{"min", int64(-1 << 31)}, {"less", int64(-1<<31 - 1)}, {"long128", int64(128 << 32)},
			{"minus128", int64(-128 << 32)}, {"f", false}, {"d", Dict{}},
		},
		"text":   List{"a", "a", "é", "é", "中", "x\\y\n\r\x00\x1a", "\x80z", "😀", "", ""},
		"floats": List{1e16, 1e-5, 0.0001, 123456789.0, 1e22, negZero(), 1700000000.25},
		"async": Dict{
			{"op", "PUT"}, {"account", "AUTH_test"}, {"container", "cö"}, {"obj", "o/1"},
			{"headers", hdict("X-Size", "5", "X-Content-Type", "text/plain", "X-Timestamp", "1700000000.12345",
				"X-Etag", helloMD5, "X-Trans-Id", "tx1", "Referer", "PUT http://127.0.0.1/sda1/1/a/c/o",
				"X-Backend-Storage-Policy-Index", "0", "User-Agent", "object-server 7")},
			{"db_state", nil},
		},
		"successes": Dict{
			{"op", "DELETE"}, {"account", "a1"}, {"container", "c1"}, {"obj", "o1"},
			{"headers", hdict("X-Timestamp", "1700000000.12345")}, {"db_state", "unsharded"},
			{"container_path", ".shards_a/c-1"}, {"successes", List{int64(0), int64(3)}},
			{"redirect_history", List{".shards_a/c-1"}},
		},
		"pending":  Tuple{"o1", "1700000000.12345", int64(5), "text/plain", helloMD5, int64(0), int64(0), nil, nil},
		"manylist": many,
	}
}

func negZero() float64 { z := 0.0; return -z }

func golden(t testing.TB, visit func(name string, protocol int, pickled []byte)) {
	text, err := os.ReadFile("testdata/golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		var name, digits string
		var protocol int
		if _, err := fmt.Sscan(line, &name, &protocol, &digits); err != nil {
			t.Fatal(err)
		}
		b, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		visit(name, protocol, b)
	}
}

func TestGolden(t *testing.T) {
	values := goldenValues()
	golden(t, func(name string, protocol int, pickled []byte) {
		t.Run(fmt.Sprintf("%s/%d", name, protocol), func(t *testing.T) {
			want, ok := values[name]
			if !ok {
				t.Fatal("no such value")
			}
			got, err := Encode(want, protocol)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(pickled) {
				t.Errorf("Encode:\n got %q\nwant %q", got, pickled)
			}
			back, err := Decode(pickled)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, back); diff != "" {
				t.Errorf("Decode (-want +got):\n%s", diff)
			}
		})
	})
}

// What CPython 2 wrote, by its own opcodes.
func TestDecodePython2(t *testing.T) {
	for name, tc := range map[string]struct {
		in   string
		want any
	}{
		"metadata protocol 2": {
			"\x80\x02}q\x00(U\x04nameq\x01U\x06/a/c/oq\x02U\x0eContent-Lengthq\x03U\x015q\x04u.",
			bdict("name", "/a/c/o", "Content-Length", "5"),
		},
		"unicode value": {"\x80\x02}q\x00U\x01aX\x02\x00\x00\x00\xc3\xa9s.", Dict{{Bytes("a"), "é"}}},
		"protocol 0": {
			"(dp0\nS'op'\np1\nS'PUT'\np2\nsS'n'\np3\nL12L\nsS'esc'\np4\nS'a\\'\\x41\\n'\np5\ns.",
			Dict{{Bytes("op"), Bytes("PUT")}, {Bytes("n"), int64(12)}, {Bytes("esc"), Bytes("a'A\n")}},
		},
		"headers of async_pending": {
			"(dp1\nS'headers'\np2\nccopy_reg\n_reconstructor\np3\n(cswift.common.header_key_dict\nHeaderKeyDict\np4\n" +
				"c__builtin__\ndict\np5\n(dp6\nS'X-Size'\np7\nS'0'\nstRp8\ns.",
			Dict{{Bytes("headers"), HeaderDict{{Bytes("X-Size"), Bytes("0")}}}},
		},
		"long tuple":     {"(K\x01K\x02t.", Tuple{int64(1), int64(2)}},
		"same key twice": {"(S'a'\nI1\nS'a'\nI2\nd.", Dict{{Bytes("a"), int64(2)}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Decode([]byte(tc.in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	laughs := "(lp0\n"
	for i := range 30 {
		laughs += fmt.Sprintf("0(lp%d\ng%d\nag%d\na", i+1, i, i)
	}
	for name, in := range map[string]string{
		"nothing":               "",
		"cut off":               "\x80\x02}q\x00(U\x04na",
		"os.system":             "cos\nsystem\n(S'id'\ntR.",
		"builtins eval":         "\x80\x02c__builtin__\neval\nU\x011\x85R.",
		"a class as value":      "c__builtin__\ndict\n.",
		"getattr by encode":     "c_codecs\nencode\n(S'x'\nS'rot13'\ntR.",
		"a foreign class":       "ccopy_reg\n_reconstructor\n(c__builtin__\ndict\nc__builtin__\ndict\n(dtR.",
		"state":                 "\x80\x02cswift.common.header_key_dict\nHeaderKeyDict\n)\x81(U\x01aU\x01bdb.",
		"a list in itself":      "(lp0\ng0\na.",
		"exponential":           laughs + ".",
		"a mark as value":       "(.",
		"append to a dict":      "}Na.",
		"odd items":             "}(Nu.",
		"list as key":           "}(]Nu.",
		"protocol 4":            "\x80\x04}.",
		"persistent id":         "Pid\n.",
		"instance":              "(i__main__\nX\n.",
		"empty memo":            "h\x07.",
		"huge string":           "T\xff\xff\xff\x7fabc.",
		"negative length":       "T\xff\xff\xff\xffabc.",
		"integer beyond 64 bit": "\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01.",
	} {
		t.Run(name, func(t *testing.T) {
			v, err := Decode([]byte(in))
			if !swift.Is(err, swift.Corrupt) {
				t.Errorf("got %#v, %v", v, err)
			}
		})
	}
}

func TestRaw(t *testing.T) {
	for _, s := range []string{"", "plain", "café", "\xff\x00\x80"} {
		if got := ToRaw(FromRaw(s)); got != s {
			t.Errorf("ToRaw(FromRaw(%q)) = %q", s, got)
		}
	}
	if got := ToRaw("中"); got != "中" {
		t.Errorf("ToRaw of what FromRaw cannot make = %q", got)
	}
}

func TestDictEdits(t *testing.T) {
	d := Dict{{"a", int64(1)}}
	d.Set("b", "x")
	d.Set("a", int64(2))
	if v, ok := d.Get("a"); !ok || v != int64(2) {
		t.Errorf("a = %v", v)
	}
	d.Delete("a")
	if _, ok := d.Get("a"); ok || len(d) != 1 {
		t.Errorf("after Delete: %v", d)
	}
}

// FuzzDecode checks that no input panics, and that what is accepted survives
// a round trip.
func FuzzDecode(f *testing.F) {
	golden(f, func(_ string, _ int, pickled []byte) {
		if len(pickled) < 2000 {
			f.Add(pickled)
		}
	})
	f.Add([]byte("(lp0\ng0\na."))
	f.Add([]byte("ccopy_reg\n_reconstructor\n(cswift.common.header_key_dict\nHeaderKeyDict\nc__builtin__\ndict\n(dtR."))
	f.Fuzz(func(t *testing.T, in []byte) {
		v, err := Decode(in)
		if err != nil {
			return
		}
		for _, protocol := range []int{Protocol0, Protocol2} {
			out, err := Encode(v, protocol)
			if err != nil {
				t.Fatal(err)
			}
			w, err := Decode(out)
			if err != nil {
				t.Fatalf("protocol %d: %v of %q", protocol, err, out)
			}
			again, err := Encode(w, protocol)
			if err != nil || string(again) != string(out) {
				t.Fatalf("protocol %d: %q became %q (%v)", protocol, out, again, err)
			}
		}
	})
}

func BenchmarkMetadata(b *testing.B) {
	v := goldenValues()["metadata"]
	p, err := Encode(v, Protocol2)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = Encode(v, Protocol2)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = Decode(p)
		}
	})
}
