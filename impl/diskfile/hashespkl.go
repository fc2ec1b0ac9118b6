package diskfile

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
	"sort"
	"strings"

	"apus/impl/pickle"
)

// hashTable is what hashes.pkl says of a partition.
type hashTable struct {
	// valid tells that every suffix of the partition is listed.
	valid bool
	// updated is when the file was written, in seconds since 1970; -1 if it
	// does not say.
	updated float64
	// suffixes has a hash, or "" where it is not known, for each suffix.
	suffixes map[string]string
}

func noHashes() hashTable { return hashTable{updated: -1, suffixes: map[string]string{}} }

func validSuffix(s string) bool {
	return len(s) == 3 && strings.Trim(s, "0123456789abcdef") == ""
}

func validHash(s string) bool {
	return s == "" || len(s) == 32 && strings.Trim(s, "0123456789abcdef") == ""
}

// decodeHashes reads hashes.pkl. Whatever is not what Swift writes amounts to
// no file at all: its only purpose is to save work.
func decodeHashes(raw []byte) hashTable {
	v, err := pickle.Decode(raw)
	d, ok := v.(pickle.Dict)
	if err != nil || !ok {
		return noHashes()
	}
	t := noHashes()
	t.valid = true // files of early versions do not say
	for _, it := range d {
		key, _ := pickle.Text(it.Key)
		switch {
		case key == "valid":
			if t.valid, ok = it.Value.(bool); !ok {
				return noHashes()
			}
		case key == "updated":
			t.updated = number(it.Value)
		case validSuffix(key):
			hash, isText := pickle.Text(it.Value)
			if it.Value != nil && !isText || !validHash(hash) {
				return noHashes()
			}
			t.suffixes[key] = hash
		default:
			return noHashes()
		}
	}
	return t
}

func number(v any) float64 {
	switch v := v.(type) {
	case float64:
		return v
	case int64:
		return float64(v)
	}
	return -1
}

// encode is the pickle, protocol 2, as Swift writes it.
func (t hashTable) encode() ([]byte, error) {
	d := pickle.Dict{{Key: "valid", Value: t.valid}}
	for _, s := range t.sorted() {
		var v any
		if h := t.suffixes[s]; h != "" {
			v = h
		}
		d = append(d, pickle.Item{Key: s, Value: v})
	}
	d.Set("updated", t.updated)
	return pickle.Encode(d, pickle.Protocol2)
}

func (t hashTable) sorted() []string {
	out := make([]string, 0, len(t.suffixes))
	for s := range t.suffixes {
		out = append(out, s)
	}
	sort.Strings(out)
	return out
}

// stamped is the value of updated for a write at now, which differs from that
// of the write before even if the clock stands still: readers tell writes
// apart by it.
func stamped(now, before float64) float64 {
	if now > before || math.IsNaN(before) || math.IsInf(before, 0) {
		return now
	}
	return math.Nextafter(before, math.Inf(1))
}

// readInvalid reads hashes.invalid: a suffix on each line. Lines that are none
// are skipped; some tells that there was anything at all.
func readInvalid(r io.Reader) (suffixes []string, some bool, err error) {
	seen := map[string]bool{}
	br := bufio.NewReader(r)
	for long := false; ; {
		line, err := br.ReadSlice('\n')
		some = some || len(line) > 0
		if s := string(bytes.TrimSpace(line[:min(len(line), 64)])); !long && validSuffix(s) && !seen[s] {
			seen[s] = true
			suffixes = append(suffixes, s)
		}
		long = errors.Is(err, bufio.ErrBufferFull)
		switch {
		case long, err == nil:
		case errors.Is(err, io.EOF):
			return suffixes, some, nil
		default:
			return nil, some, err
		}
	}
}
