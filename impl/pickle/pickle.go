// Package pickle reads and writes the Python pickles that Swift keeps on disk
// and sends between servers: object metadata in extended attributes, suffix
// hashes (hashes.pkl), container updates that wait in async_pending, and the
// rows of .pending files.
//
// Encode emits the bytes that CPython 3 emits for the same value under
// protocol 0 or 2, memo numbers included. Decode reads protocols 0 to 2 as
// written by CPython 2 and 3. It runs no code: the few globals that Swift's
// own readers accept are known by name and everything else is refused, as is
// anything larger or deeper than Swift ever writes.
//
// Values and their Python types:
//
//	nil None · bool bool · int64 int · float64 float
//	string str · Bytes bytes (and the str of Python 2)
//	List list · Tuple tuple · Dict dict
//	HeaderDict swift.common.header_key_dict.HeaderKeyDict
//	Array array.array, and Ints a list of integers, for [DecodeWith] alone
//
// A Go string is the UTF-8 of the Python str. Bytes that are not UTF-8 stand
// for lone surrogates, as Python's "surrogateescape" has it, in both
// directions. Python code keeps header values as "WSGI strings", one code
// point for each byte; [FromRaw] and [ToRaw] convert.
package pickle

import (
	"strings"
	"unicode/utf8"
)

// Bytes is a Python bytes object.
type Bytes string

// List is a Python list.
type List []any

// Tuple is a Python tuple.
type Tuple []any

// Item is one entry of a Dict.
type Item struct{ Key, Value any }

// Dict is a Python dict in its order of insertion.
type Dict []Item

// HeaderDict is Swift's HeaderKeyDict, a dict whose keys are in title case.
type HeaderDict Dict

// Get is the value of a string or Bytes key. The last one wins.
func (d Dict) Get(key string) (any, bool) {
	for i := len(d) - 1; i >= 0; i-- {
		switch k := d[i].Key.(type) {
		case string:
			if k == key {
				return d[i].Value, true
			}
		case Bytes:
			if string(k) == key {
				return d[i].Value, true
			}
		}
	}
	return nil, false
}

// Set replaces the value of a string key, or appends it.
func (d *Dict) Set(key string, value any) {
	for i := range *d {
		if k, ok := (*d)[i].Key.(string); ok && k == key {
			(*d)[i].Value = value
			return
		}
	}
	*d = append(*d, Item{key, value})
}

// Delete removes a string key.
func (d *Dict) Delete(key string) {
	out := (*d)[:0]
	for _, it := range *d {
		if k, ok := it.Key.(string); !ok || k != key {
			out = append(out, it)
		}
	}
	*d = out
}

// Text is the text of a Python str or bytes.
func Text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case Bytes:
		return string(v), true
	}
	return "", false
}

// FromRaw is the Python str that has one code point for each byte of raw.
func FromRaw(raw string) string {
	if isASCII(raw) {
		return raw
	}
	var b strings.Builder
	for i := range len(raw) {
		b.WriteRune(rune(raw[i]))
	}
	return b.String()
}

// ToRaw undoes FromRaw. A string with a code point beyond 255 was not made by
// it and comes back unchanged.
func ToRaw(s string) string {
	if isASCII(s) {
		return s
	}
	out := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 255 {
			return s
		}
		out = append(out, byte(r))
	}
	return string(out)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

const (
	surrogateLow  = 0xDC80 // byte 0x80 under surrogateescape
	surrogateHigh = 0xDCFF // byte 0xFF
)

// codePoints yields Python's code points of a Go string.
func codePoints(s string, yield func(rune)) {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			r = 0xDC00 + rune(s[i])
		}
		yield(r)
		i += size
	}
}

// appendCodePoint undoes codePoints; other surrogates, which Go cannot hold,
// become U+FFFD.
func appendCodePoint(b []byte, r rune) []byte {
	if r >= surrogateLow && r <= surrogateHigh {
		return append(b, byte(r-0xDC00))
	}
	return utf8.AppendRune(b, r)
}
