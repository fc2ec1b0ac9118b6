package http1

import (
	"net/http"
	"net/textproto"
	"strings"
)

// classes of bytes.
const (
	token   = 1 << iota // of methods and names of fields
	high                // from 0x80 on
	control             // and DEL, but not tab
)

var class = classes()

func classes() (t [256]byte) {
	for c := range t {
		switch {
		case c >= 0x80:
			t[c] = high
		case c == 0x7f || c < ' ' && c != '\t':
			t[c] = control
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', strings.IndexByte("!#$%&'*+-.^_`|~", byte(c)) >= 0:
			t[c] = token
		}
	}
	return t
}

// kinds are the classes of all bytes of s together, and whether each byte has
// one.
func kinds(s string) (union byte, all bool) {
	all = true
	for i := range len(s) {
		k := class[s[i]]
		union |= k
		all = all && k != 0
	}
	return union, all
}

func isToken(s string) bool {
	union, all := kinds(s)
	return all && union == token
}

// ValidName reports whether a field may have this name on the wire.
func ValidName(name string) bool {
	union, all := kinds(name)
	return all && union&control == 0 && name != ""
}

// ValidValue reports whether a field may have this value on the wire.
func ValidValue(value string) bool {
	union, _ := kinds(value)
	return union&control == 0
}

// CanonicalName is the key of a field in a map. It is what
// [http.CanonicalHeaderKey] says, and the same for names with bytes from
// 0x80 on.
func CanonicalName(name string) string {
	if union, _ := kinds(name); union&high == 0 {
		return textproto.CanonicalMIMEHeaderKey(name)
	}
	key := []byte(name)
	upper := true
	for i, c := range key {
		switch {
		case upper && 'a' <= c && c <= 'z':
			key[i] = c - 'a' + 'A'
		case !upper && 'A' <= c && c <= 'Z':
			key[i] = c - 'A' + 'a'
		}
		upper = c == '-'
	}
	return string(key)
}

// parseFields reads the lines of fields up to the empty one.
func parseFields(text string, l *Limits) (http.Header, error) {
	n := strings.Count(text, "\n")
	values := make([]string, 0, n) // of all fields
	h := make(http.Header, n)
	total, count := 0, 0
	for {
		line, rest, size := cutLine(text)
		if line == "" {
			break
		}
		if size >= l.Line {
			return nil, ErrLineTooLong
		}
		name, value, err := parseField(line)
		if err != nil {
			return nil, err
		}
		if old := h[name]; old != nil {
			h[name] = append(old, value)
		} else {
			values = append(values, value)
			h[name] = values[len(values)-1 : len(values) : len(values)]
		}
		if total += size; name != "Host" {
			count++
		}
		text = rest
	}
	switch {
	case total > l.Total:
		return nil, ErrTooLarge
	case count > l.Count:
		return nil, ErrTooMany
	}
	return h, nil
}

// parseField reads "Name: value".
func parseField(line string) (name, value string, err error) {
	colon := strings.IndexByte(line, ':')
	if colon < 0 {
		return "", "", malformed("header line", line)
	}
	name, value = line[:colon], trim(line[colon+1:])
	if !ValidName(name) || !ValidValue(value) {
		return "", "", malformed("header line", line)
	}
	return CanonicalName(name), value, nil
}

// trim removes the optional space around a value.
func trim(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// hasToken reports whether a list in a field's values names a token.
func hasToken(values []string, want string) bool {
	for _, v := range values {
		for v != "" {
			var item string
			item, v, _ = strings.Cut(v, ",")
			if strings.EqualFold(trim(item), want) {
				return true
			}
		}
	}
	return false
}
