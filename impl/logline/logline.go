// Package logline makes the lines that servers log for requests: templates in
// Python's format syntax as far as Swift's log options use it, and values made
// fit for a line.
package logline

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
	"time"
)

// missing is what an empty value shows as.
const missing = "-"

// Template makes lines of records of type R. It is immutable.
type Template[R any] []part[R]

// part is literal text, or a value if there is a function for one.
type part[R any] struct {
	text  string
	value func(R) string
}

// Parse reads a template: {name}, {name.attribute}, {name:format}, {{ and }}.
// Field gives the value of what stands between braces.
func Parse[R any](t string, field func(spec string) (func(R) string, error)) (Template[R], error) {
	var f Template[R]
	var text strings.Builder
	for t != "" {
		i := strings.IndexAny(t, "{}")
		if i < 0 {
			text.WriteString(t)
			break
		}
		text.WriteString(t[:i])
		t = t[i:]
		if strings.HasPrefix(t, "{{") || strings.HasPrefix(t, "}}") {
			text.WriteByte(t[0])
			t = t[2:]
			continue
		}
		end := strings.IndexByte(t, '}')
		if t[0] == '}' || end < 0 {
			return nil, fmt.Errorf("has a single %q", t[0])
		}
		value, err := field(t[1:end])
		if err != nil {
			return nil, err
		}
		f = append(f, part[R]{text: text.String()}, part[R]{value: value})
		text.Reset()
		t = t[end+1:]
	}
	return append(f, part[R]{text: text.String()}), nil
}

// Line puts a record into the template. An empty value shows as "-"; others go
// through escape first if that is not nil.
func (f Template[R]) Line(r R, escape func(string) string) string {
	var b strings.Builder
	for _, p := range f {
		if p.value == nil {
			b.WriteString(p.text)
			continue
		}
		v := p.value(r)
		switch {
		case v == "":
			v = missing
		case escape != nil:
			v = escape(v)
		}
		b.WriteString(v)
	}
	return b.String()
}

// Layout is the layout, for [time.Time.Format], of an attribute of a time: a
// letter of strftime or one of three names; empty if there is no such.
func Layout(attribute string) string {
	switch attribute {
	case "datetime":
		return "02/Jan/2006/15/04/05"
	case "iso8601":
		return "2006-01-02T15:04:05"
	case "asctime", "c":
		return time.ANSIC
	}
	return map[string]string{
		"a": "Mon", "A": "Monday", "b": "Jan", "B": "January", "d": "02", "H": "15", "I": "03", "j": "002",
		"m": "01", "M": "04", "p": "PM", "S": "05", "x": "01/02/06", "X": "15:04:05", "y": "06", "Y": "2006", "Z": "MST",
	}[attribute]
}

// Anonymiser hashes text: "{MD5}…", or "{SMD5}…" with a salt. It is false for
// a method that is not MD5 or one of the SHAs.
func Anonymiser(method, salt string) (func(string) string, bool) {
	construct, ok := map[string]func() hash.Hash{
		"md5": md5.New, "sha1": sha1.New, "sha224": sha256.New224, "sha256": sha256.New,
		"sha384": sha512.New384, "sha512": sha512.New,
	}[strings.ToLower(method)]
	label := "{" + strings.ToUpper(method) + "}"
	if salt != "" {
		label = "{S" + strings.ToUpper(method) + "}"
	}
	return func(s string) string {
		if s == "" {
			return ""
		}
		h := construct()
		h.Write([]byte(salt + s)) // hashes do not fail
		return label + hex.EncodeToString(h.Sum(nil))
	}, ok
}

// Quote percent-encodes all but letters, digits, "_.-~" and what is safe.
func Quote(s, safe string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(s))
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			strings.IndexByte("_.-~", c) >= 0, strings.IndexByte(safe, c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}
