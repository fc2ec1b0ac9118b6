package listingformats

import (
	"unicode/utf16"
	"unicode/utf8"

	"apus/impl/swift"
)

// line is one entry of a listing. Numbers are as they were written. Its slices
// are good until the next line is read.
type line struct {
	name, count, bytes, hash, contentType, lastModified, policy []byte
	subdir                                                      bool // name is that of a group
	policed                                                     bool // there is a policy
}

// scan reads a listing of the form that container and account servers write
// and calls add for each entry, the same line every time. It is false, maybe
// after some lines, for whatever else there is: that may be JSON all the same.
//
// A listing has no end of rows, so this reads what it knows instead of all that
// JSON allows: keys that are known, once each, with a blank at most between the
// tokens, and text in ASCII.
func scan(text []byte, add func(*line)) bool {
	s := scanner{text: text}
	if !s.skip('[') {
		return false
	}
	for first := true; !s.skip(']'); first = false {
		if !first && !s.next() || !s.entry() {
			return false
		}
		add(&s.line)
	}
	return s.at == len(text)
}

type scanner struct {
	text []byte
	at   int
	line line
	// plain is where strings with escapes are put into plain text.
	plain []byte
}

// skip passes c if it is next.
func (s *scanner) skip(c byte) bool {
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

// next passes a comma.
func (s *scanner) next() bool {
	ok := s.skip(',')
	s.skip(' ')
	return ok
}

// Fields of a line.
const (
	fieldName = 1 << iota
	fieldSubdir
	fieldCount
	fieldBytes
	fieldHash
	fieldContentType
	fieldLastModified
	fieldPolicy
)

func (s *scanner) entry() bool {
	s.line, s.plain = line{}, s.plain[:0]
	if !s.skip('{') {
		return false
	}
	seen := 0
	for !s.skip('}') {
		if seen != 0 && !s.next() {
			return false
		}
		field := s.field()
		if field == 0 || seen&field != 0 {
			return false
		}
		seen |= field
	}
	s.line.subdir, s.line.policed = seen&fieldSubdir != 0, seen&fieldPolicy != 0
	both := fieldName | fieldSubdir
	return seen&both != 0 && seen&both != both
}

// field reads one and says which it was, 0 for none.
func (s *scanner) field() int {
	key, ok := s.string()
	if !ok || !s.skip(':') {
		return 0
	}
	s.skip(' ')
	field, to, number := s.place(key)
	if number {
		*to, ok = s.number()
	} else if to != nil {
		*to, ok = s.string()
	}
	if !ok {
		return 0
	}
	return field
}

// place is where the value of a key goes.
func (s *scanner) place(key []byte) (field int, to *[]byte, number bool) {
	l := &s.line
	switch string(key) {
	case "name":
		return fieldName, &l.name, false
	case "bytes":
		return fieldBytes, &l.bytes, true
	case "hash":
		return fieldHash, &l.hash, false
	case "content_type":
		return fieldContentType, &l.contentType, false
	case "last_modified":
		return fieldLastModified, &l.lastModified, false
	case "subdir":
		return fieldSubdir, &l.name, false
	case "count":
		return fieldCount, &l.count, true
	case "storage_policy":
		return fieldPolicy, &l.policy, false
	}
	return 0, nil, false
}

// number reads digits.
func (s *scanner) number() ([]byte, bool) {
	from := s.at
	for s.at < len(s.text) && s.text[s.at]-'0' < 10 {
		s.at++
	}
	n := s.text[from:s.at]
	return n, len(n) == 1 || len(n) > 1 && n[0] != '0'
}

// string reads a string.
func (s *scanner) string() ([]byte, bool) {
	if !s.skip('"') {
		return nil, false
	}
	from := s.at
	s.at += swift.PlainJSON(s.text[from:])
	end := s.at
	if s.skip('"') {
		return s.text[from:end], true
	}
	start := len(s.plain)
	s.plain = append(s.plain, s.text[from:end]...)
	for !s.skip('"') {
		if !s.escape() {
			return nil, false
		}
		from = s.at
		s.at += swift.PlainJSON(s.text[from:])
		s.plain = append(s.plain, s.text[from:s.at]...)
	}
	return s.plain[start:], true
}

// escape reads one into the plain text.
func (s *scanner) escape() bool {
	if !s.skip('\\') || s.at == len(s.text) {
		return false
	}
	c := s.text[s.at]
	s.at++
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		return s.character()
	default:
		return false
	}
	s.plain = append(s.plain, c)
	return true
}

// character reads the digits of one, and the other half of a pair.
func (s *scanner) character() bool {
	r, ok := s.hex()
	if ok && utf16.IsSurrogate(r) {
		low := rune(-1)
		if s.skip('\\') && s.skip('u') {
			low, _ = s.hex()
		}
		r = utf16.DecodeRune(r, low)
		ok = r != utf8.RuneError
	}
	s.plain = utf8.AppendRune(s.plain, r)
	return ok
}

func (s *scanner) hex() (r rune, ok bool) {
	if len(s.text)-s.at < 4 {
		return -1, false
	}
	for _, c := range s.text[s.at : s.at+4] {
		switch {
		case c-'0' < 10:
			c -= '0'
		case c-'a' < 6:
			c -= 'a' - 10
		case c-'A' < 6:
			c -= 'A' - 10
		default:
			return -1, false
		}
		r = r<<4 | rune(c)
	}
	s.at += 4
	return r, true
}
