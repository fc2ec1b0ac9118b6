package diskfile

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// quickMetadata reads the one form of pickle in which Python 3 and apus write
// metadata, if no header has anything but ASCII. It is read with every request;
// ok is false for the rest, which takes the long way.
func quickMetadata(b []byte) (m Metadata, ok bool) {
	q := quick{rest: b}
	if !q.skip("\x80\x02}q\x00(") {
		return nil, false
	}
	m = make(Metadata, 8)
	for !q.skip("u.") {
		key, kok := q.text()
		value, vok := q.text()
		if !kok || !vok || !ascii(key) {
			return nil, false
		}
		k, v := knownKey(key), string(value)
		if !ascii(value) {
			if v, ok = latin1(value); !ok || k != KeyName {
				return nil, false
			}
		}
		m[k] = v
	}
	return m, len(q.rest) == 0 && len(m) > 0
}

// knownKey is string(key), for the usual ones without a copy.
func knownKey(key []byte) string {
	for _, k := range [...]string{KeyName, KeyTimestamp, KeyContentType, KeyContentLength, KeyETag} {
		if string(key) == k {
			return k
		}
	}
	return string(key)
}

// quick reads pieces of a pickle. Objects are numbered as they come, which
// makes 1 the function and 3 the name of the encoding.
type quick struct {
	rest []byte
	memo uint32 // the last number given
}

func (q *quick) skip(s string) bool {
	if !bytes.HasPrefix(q.rest, []byte(s)) {
		return false
	}
	q.rest = q.rest[len(s):]
	return true
}

// put reads the numbering of an object.
func (q *quick) put() bool {
	q.memo++
	if q.memo < 256 {
		return q.skip(string([]byte{'q', byte(q.memo)}))
	}
	return q.skip(string(binary.LittleEndian.AppendUint32([]byte{'r'}, q.memo)))
}

// text reads a bytes object: a call of _codecs.encode with a str and "latin1".
func (q *quick) text() ([]byte, bool) {
	first := q.memo == 0
	if first && !(q.skip("c_codecs\nencode\n") && q.put()) || !first && !q.skip("h\x01") {
		return nil, false
	}
	text, ok := q.str()
	if !ok || first && !(q.skip("X\x06\x00\x00\x00latin1") && q.put()) || !first && !q.skip("h\x03") {
		return nil, false
	}
	return text, q.skip("\x86") && q.put() && q.skip("R") && q.put()
}

func (q *quick) str() ([]byte, bool) {
	const head = 5
	if len(q.rest) < head || q.rest[0] != 'X' {
		return nil, false
	}
	n := int64(binary.LittleEndian.Uint32(q.rest[1:]))
	if n > int64(len(q.rest)-head) {
		return nil, false
	}
	text := q.rest[head : head+n]
	q.rest = q.rest[head+n:]
	return text, q.put()
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// latin1 encodes UTF-8 in one byte for each code point.
func latin1(text []byte) (string, bool) {
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if r > 0xff {
			return "", false
		}
		out = append(out, byte(r))
		text = text[n:]
	}
	return string(out), true
}
