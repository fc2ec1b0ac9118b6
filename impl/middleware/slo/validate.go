package slo

import (
	"apus/impl/middleware/heartbeat"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

// wanted is a segment as a client describes it.
type wanted struct {
	path    string // as given; empty for inline data
	etag    string
	hasEtag bool
	size    int64 // -1 when not given
	rng     *wantedRange
	data    []byte
}

// wantedRange is "first-last", "first-" (last is -1) or "-last" (first is -1).
type wantedRange struct{ first, last int64 }

// object is the path below the account.
func (w *wanted) object() string { return "/" + strings.TrimLeft(w.path, "/") }

// problem is what is wrong with a manifest: each line names an index.
type problem []string

func (p problem) Error() string { return strings.Join(p, "\n") + "\n" }

// parseManifest reads what a client sent. base is "/v1/account" and self the
// manifest's own path, neither of them encoded.
func parseManifest(text []byte, base, self string) ([]wanted, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("Manifest must be valid JSON.\n")
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var top any
	if err := dec.Decode(&top); err != nil || dec.More() {
		return nil, errors.New("Manifest must be valid JSON.\n")
	}
	items, ok := top.([]any)
	if !ok {
		return nil, errors.New("Manifest must be a list.\n")
	}
	var problems problem
	out := make([]wanted, len(items))
	inline := 0
	for i, item := range items {
		if err := out[i].parse(item, i == len(items)-1, base, self); err != nil {
			problems = append(problems, fmt.Sprintf("Index %d: %s", i, err))
		}
		if m, ok := item.(map[string]any); ok && has(m, "data") {
			inline++
		}
	}
	if len(items) > 0 && inline == len(items) {
		problems = append(problems, "Inline data segments require at least one object-backed segment.")
	}
	if problems != nil {
		return nil, problems
	}
	return out, nil
}

func has(m map[string]any, key string) bool { _, ok := m[key]; return ok }

var errTooSmall = errors.New("too small; each segment must be at least 1 byte.")

func (w *wanted) parse(item any, last bool, base, self string) error {
	m, ok := item.(map[string]any)
	switch {
	case !ok:
		return errors.New("not a JSON object")
	case has(m, "data"):
		if err := onlyKeys(m, "data"); err != nil {
			return err
		}
		text, ok := m["data"].(string)
		if ok {
			w.data, ok = decodeBase64(text)
		}
		if !ok {
			return errors.New("data must be valid base64")
		}
		if len(w.data) == 0 {
			return errTooSmall
		}
		return nil
	case has(m, "path"):
		if err := onlyKeys(m, "path", "etag", "size_bytes", "range"); err != nil {
			return err
		}
		return w.parseObject(m, last, base, self)
	}
	return errors.New("expected keys to include one of 'data' or 'path'")
}

func onlyKeys(m map[string]any, allowed ...string) error {
	var extra []string
next:
	for key := range m {
		for _, a := range allowed {
			if key == a {
				continue next
			}
		}
		extra = append(extra, string(heartbeat.EncodeJSON(key)))
	}
	if extra == nil {
		return nil
	}
	sort.Strings(extra)
	return fmt.Errorf("extraneous keys %s", strings.Join(extra, ", "))
}

func (w *wanted) parseObject(m map[string]any, last bool, base, self string) error {
	var ok bool
	if w.path, ok = m["path"].(string); !ok {
		return errors.New(`"path" must be a string`)
	}
	if w.etag, w.hasEtag = m["etag"].(string); !w.hasEtag && m["etag"] != nil {
		return errors.New(`"etag" must be a string or null (if provided)`)
	}
	if !strings.Contains(strings.Trim(w.path, "/"), "/") {
		return errors.New("path does not refer to an object. Path must be of the form /container/object.")
	}
	if w.size, ok = parseSize(m["size_bytes"]); !ok {
		return errors.New("invalid size_bytes")
	}
	if m["size_bytes"] != nil && w.size < 1 && !last {
		return errTooSmall
	}
	if base+w.object() == self {
		return errors.New("manifest must not include itself as a segment")
	}
	return w.parseRange(m["range"])
}

// parseSize takes what Python's int() takes; -1 stands for none.
func parseSize(v any) (int64, bool) {
	switch v := v.(type) {
	case nil:
		return -1, true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case string:
		n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		return max(n, 0), err == nil
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return max(n, 0), true
		}
		f, err := v.Float64()
		if err != nil || math.Abs(f) >= 1<<62 {
			return 0, false
		}
		return max(int64(f), 0), true
	}
	return 0, false
}

var errRange = errors.New("invalid range")

func (w *wanted) parseRange(v any) error {
	text, ok := v.(string)
	if v == nil || ok && text == "" || v == false {
		return nil
	}
	if !ok {
		return errRange
	}
	parts := strings.Split(strings.ReplaceAll(text, " ", ""), ",")
	for _, part := range parts {
		r, ok := parseOneRange(part)
		if !ok {
			return errRange
		}
		w.rng = &r
	}
	if len(parts) > 1 {
		return errors.New("multiple ranges (only one allowed)")
	}
	if w.size >= 0 {
		// The last bytes of nothing pass; the segment itself decides.
		ending := w.size == 0 && w.rng.first < 0 && w.rng.last > 0
		if _, _, ok := w.rng.within(w.size); !ok && !ending {
			return errors.New("unsatisfiable range")
		}
	}
	return nil
}

func parseOneRange(s string) (r wantedRange, ok bool) {
	first, last, dash := strings.Cut(s, "-")
	if !dash || first == "" && last == "" {
		return r, false
	}
	var ok1, ok2 bool
	r.first, ok1 = parseEnd(first)
	r.last, ok2 = parseEnd(last)
	return r, ok1 && ok2 && (first == "" || last == "" || r.first <= r.last)
}

// parseEnd is -1 for an open end.
func parseEnd(s string) (int64, bool) {
	if s == "" {
		return -1, true
	}
	n, err := strconv.ParseUint(s, 10, 62) // takes digits only
	return int64(n), err == nil
}

// within is the range of an object of size bytes, end exclusive.
func (r *wantedRange) within(size int64) (from, end int64, ok bool) {
	switch {
	case r.first < 0:
		from, end = max(size-r.last, 0), size
	case r.last < 0:
		from, end = r.first, size
	default:
		from, end = r.first, min(r.last+1, size)
	}
	return from, end, from < end
}
