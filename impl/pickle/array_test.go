package pickle

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apus/impl/swift"
)

func withArrays() Options {
	o := limits()
	o.Arrays = true
	return o
}

func arrayValues() Dict {
	many := make([]uint32, 2001)
	for i := range many {
		many[i] = uint32(i)
	}
	return Dict{
		{"half", Array{'H', []uint32{0, 1, 65535}}}, {"bytes", Array{Code: 'B'}}, {"wide", Array{'I', []uint32{7, 1<<32 - 1}}},
		{"again", Array{'H', many}},
		{"graph", Dict{{Tuple{int64(1)}, Ints{1, 2}}, {Tuple{int64(1), int64(2), "10.0.0.1", int64(4)}, List{}}}},
	}
}

// testdata/arrays.hex is what CPython 3.11 prints for
//
//	v = {'half': array('H', [0, 1, 65535]), 'bytes': array('B', []), 'wide': array('I', [7, 2**32-1]),
//	     'again': array('H', range(2001)), 'graph': {(1,): [1, 2], (1, 2, '10.0.0.1', 4): []}}
//	print(pickle.dumps(v, 2).hex())
func TestArraysAreCPythons(t *testing.T) {
	text, err := os.ReadFile("testdata/arrays.hex")
	if err != nil {
		t.Fatal(err)
	}
	want, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeWith(want, withArrays())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(any(arrayValues()), got); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
	out, err := Encode(arrayValues(), Protocol2)
	if err != nil || string(out) != string(want) {
		t.Errorf("encoded %x\nwant    %x (%v)", out, want, err)
	}
	if _, err := Decode(want); !swift.Is(err, swift.Corrupt) || !strings.Contains(err.Error(), "global array.array is not accepted") {
		t.Errorf("where nobody asked for arrays: %v", err)
	}
}

func TestArrayOfOldPythons(t *testing.T) {
	got, err := DecodeWith([]byte("\x80\x02carray\narray\nU\x01HU\x04\x01\x00\xff\xff\x86R."), withArrays())
	if diff := cmp.Diff(any(Array{'H', []uint32{1, 65535}}), got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestListsOfMixedContent(t *testing.T) {
	for in, want := range map[string]any{
		"](K\x01K\x02eNa.":           List{int64(1), int64(2), nil},
		"](K\x01J\xff\xff\xff\xffe.": List{int64(1), int64(-1)},
		"(K\x05K\x06l.":              Ints{5, 6},
		"].":                         List{},
		"](Ne(K\x01e.":               List{nil, int64(1)},
	} {
		got, err := DecodeWith([]byte(in), withArrays())
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v\n%s", in, err, diff)
		}
	}
}

func TestHostilePickles(t *testing.T) {
	small := Options{MaxInput: 1000, MaxObjects: 50, MaxNodes: 100, Arrays: true}
	for name, c := range map[string]struct{ in, want string }{
		"another global":    {"cos\nsystem\n(U\x02lstR.", "global os.system is not accepted"},
		"array of objects":  {"carray\narray\n(U\x01H](NetR.", "not an integer"},
		"floats":            {"carray\narray\n(U\x01d](K\x01etR.", `type code "d" is not accepted`},
		"too large an item": {"carray\narray\n(U\x01B](M\x00\x01etR.", "256 does not fit"},
		"half an item":      {"carray\narray\n(U\x01HU\x03abctR.", "ends within an item"},
		"beyond 32 bits":    {"carray\narray\n(U\x01LU\x08abcdefghtR.", "beyond 2^32-1"},
		"no arguments":      {"carray\narray\n)R.", "takes a type code"},
		"new array":         {"carray\narray\n)\x81.", "are not accepted"},
		"the class":         {"carray\narray\n.", "yields a class"},
		"large":             {strings.Repeat("(", 1001), "1001 bytes are more than 1000"},
		"wide":              {strings.Repeat("N", 51), "more than 50 objects"},
		"memo":              {"N" + memos(51), "more than 50 objects"},
		"deep":              {strings.Repeat("]", 45) + strings.Repeat("a", 44) + "q\x00]h\x00ah\x00" + strings.Repeat("\x85", 60) + ".", "deeper than 64"},
		"exponential":       {"Nq\x00" + strings.Repeat("h\x00\x86q\x00", 20) + ".", "parts"},
	} {
		if _, err := DecodeWith([]byte(c.in), small); !swift.Is(err, swift.Corrupt) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func memos(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("q" + string([]byte{byte(i)}))
	}
	return b.String()
}

func FuzzDecodeArrays(f *testing.F) {
	raw, err := Encode(arrayValues(), Protocol2)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw[:200])
	f.Add([]byte("\x80\x02carray\narray\nU\x01HU\x04\x01\x00\xff\xff\x86R."))
	f.Add([]byte("](K\x01K\x02eNa."))
	f.Add([]byte("}(K\x01K\x02\x86q\x00Nh\x00K\x01u."))
	f.Fuzz(func(t *testing.T, in []byte) {
		v, err := DecodeWith(in, withArrays())
		if err != nil {
			return
		}
		out, err := Encode(v, Protocol2)
		if err != nil {
			t.Fatal(err)
		}
		w, err := DecodeWith(out, withArrays())
		if err != nil {
			t.Fatalf("%v of %q", err, out)
		}
		if again, err := Encode(w, Protocol2); err != nil || string(again) != string(out) {
			t.Fatalf("%q became %q (%v)", out, again, err)
		}
	})
}
