package versioning

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"apus/impl/web"
)

// maxListing bounds a listing in memory: ten thousand entries with names of
// the longest kind, some of them links.
const maxListing = 64 << 20

// entry is one of a listing. What this filter does not know of stays in it.
type entry map[string]any

func (e entry) text(key string) string {
	s, _ := e[key].(string)
	return s
}

// key is what a listing is in order of.
func (e entry) key() string {
	if s, ok := e["subdir"].(string); ok {
		return s
	}
	return e.text("name")
}

func (e entry) number(key string) int64 {
	n, _ := e[key].(json.Number)
	i, _ := n.Int64() // 0 if it is none
	return i
}

// decodeListing is false for what is no listing.
func decodeListing(text []byte) ([]entry, bool) {
	var items []entry
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if dec.Decode(&items) != nil || slices.ContainsFunc(items, func(e entry) bool { return e == nil }) {
		return nil, false
	}
	return items, true
}

func encodeListing(items []entry) []byte {
	if items == nil {
		items = []entry{}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(items) // of strings, numbers and truths: cannot fail
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// replaceBody puts a listing into the response whose body was read.
func replaceBody(resp *web.Response, text []byte) *web.Response {
	resp.Body = web.Slice(text)
	resp.SetLength(int64(len(text)))
	return resp
}

// sorted is the beginning of a listing. Entries of one name stay in order.
func sorted(items []entry, reverse bool, limit int) []entry {
	slices.SortStableFunc(items, func(a, b entry) int {
		if reverse {
			a, b = b, a
		}
		return cmp.Compare(a.key(), b.key())
	})
	return items[:min(limit, len(items))]
}

// limitOf reads the parameter limit, which the proxy has checked.
func limitOf(text string, most int) int {
	if n, err := strconv.ParseUint(text, 10, 31); err == nil && !strings.HasPrefix(text, "+") {
		return min(int(n), most)
	}
	return most
}
