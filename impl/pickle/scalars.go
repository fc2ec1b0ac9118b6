package pickle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// line is an argument that ends with a newline.
func (d *decoder) line() (string, error) {
	n := bytes.IndexByte(d.in[d.at:], '\n')
	if n < 0 {
		return "", errShort
	}
	s := string(d.in[d.at : d.at+n])
	d.at += n + 1
	return s, nil
}

// lineOp runs the opcodes of protocol 0 that have text arguments.
func (d *decoder) lineOp(op byte) error {
	s, err := d.line()
	if err != nil {
		return err
	}
	switch op {
	case 'I':
		if s == "00" || s == "01" {
			return d.push(s == "01")
		}
		return d.pushDecimal(s)
	case 'L':
		return d.pushDecimal(strings.TrimSuffix(s, "L"))
	case 'F':
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return fmt.Errorf("%q is not a float", s)
		}
		return d.push(v)
	case 'S':
		v, err := unquote(s)
		if err != nil {
			return err
		}
		return d.push(Bytes(v))
	case 'V':
		v, err := rawUnicode(s)
		if err != nil {
			return err
		}
		return d.push(v)
	case 'c':
		name, err := d.line()
		if err != nil {
			return err
		}
		g, ok := known[global{s, name}]
		if !ok || g == arrayClass && !d.opt.Arrays {
			return fmt.Errorf("global %s.%s is not accepted", s, name)
		}
		return d.push(g)
	}
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return fmt.Errorf("%q is not a memo number", s)
	}
	if op == 'p' {
		return d.store(int(n))
	}
	return d.load(int(n))
}

func (d *decoder) pushDecimal(s string) error {
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return fmt.Errorf("%q is not an integer of 64 bits", s)
	}
	return d.push(v)
}

// binaryOp runs the opcodes that have counted arguments.
func (d *decoder) binaryOp(op byte) error {
	switch op {
	case 'K', 'M', 'J', 'G':
		n := map[byte]int{'K': 1, 'M': 2, 'J': 4, 'G': 8}[op]
		b, err := d.take(n)
		if err != nil {
			return err
		}
		switch op {
		case 'K':
			return d.push(int64(b[0]))
		case 'M':
			return d.push(int64(binary.LittleEndian.Uint16(b)))
		case 'J':
			return d.push(int64(int32(binary.LittleEndian.Uint32(b))))
		}
		return d.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
	}
	size := 4
	if op == 'U' || op == 0x8a {
		size = 1
	}
	b, err := d.take(size)
	if err != nil {
		return err
	}
	n := int64(b[0])
	if size == 4 {
		n = int64(int32(binary.LittleEndian.Uint32(b)))
	}
	if n < 0 || n > int64(len(d.in)) {
		return errShort
	}
	if b, err = d.take(int(n)); err != nil {
		return err
	}
	switch op {
	case 'U', 'T':
		return d.push(Bytes(b))
	case 'X':
		s, err := fromSurrogatePass(b)
		if err != nil {
			return err
		}
		return d.push(s)
	}
	return d.pushLong(b)
}

// pushLong is a two's complement little-endian integer.
func (d *decoder) pushLong(b []byte) error {
	if len(b) > 9 {
		return fmt.Errorf("an integer of %d bytes", len(b))
	}
	be := make([]byte, len(b))
	for i := range b {
		be[len(b)-1-i] = b[i]
	}
	v := new(big.Int).SetBytes(be)
	if len(b) > 0 && b[len(b)-1] >= 0x80 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	if !v.IsInt64() {
		return fmt.Errorf("the integer %s does not fit 64 bits", v)
	}
	return d.push(v.Int64())
}

// known maps the globals that are accepted to their Python 2 names.
var known = map[global]global{
	{"_codecs", "encode"}:                             {"_codecs", "encode"},
	{"copy_reg", "_reconstructor"}:                    {"copy_reg", "_reconstructor"},
	{"copyreg", "_reconstructor"}:                     {"copy_reg", "_reconstructor"},
	{"__builtin__", "dict"}:                           {"__builtin__", "dict"},
	{"builtins", "dict"}:                              {"__builtin__", "dict"},
	{"__builtin__", "bytes"}:                          {"__builtin__", "bytes"},
	{"builtins", "bytes"}:                             {"__builtin__", "bytes"},
	{"swift.common.header_key_dict", "HeaderKeyDict"}: headerClass,
	{"array", "array"}:                                arrayClass,
}

var headerClass = global{"swift.common.header_key_dict", "HeaderKeyDict"}

// reduce calls one of the known globals (R), or makes a HeaderKeyDict (NEWOBJ).
func (d *decoder) reduce(op byte) error {
	args, err := d.pop()
	if err != nil {
		return err
	}
	f, err := d.pop()
	if err != nil {
		return err
	}
	g, ok := f.(global)
	t, isTuple := args.(Tuple)
	if !ok || !isTuple {
		return errStack
	}
	if op == 0x81 || g == headerClass {
		if g != headerClass || len(t) != 0 {
			return fmt.Errorf("objects of %s.%s are not accepted", g.module, g.name)
		}
		return d.push(&dictObj{header: true})
	}
	switch g {
	case global{"_codecs", "encode"}:
		return d.codecsEncode(t)
	case global{"__builtin__", "bytes"}:
		if len(t) == 0 {
			return d.push(Bytes(""))
		}
	case global{"__builtin__", "dict"}:
		if len(t) == 0 {
			return d.push(&dictObj{})
		}
	case global{"copy_reg", "_reconstructor"}:
		return d.reconstruct(t)
	case arrayClass:
		a, err := newArray(t)
		if err != nil {
			return err
		}
		return d.push(a)
	}
	return fmt.Errorf("this call of %s.%s is not accepted", g.module, g.name)
}

// codecsEncode is how Python 3 writes bytes under protocols before 3.
func (d *decoder) codecsEncode(t Tuple) error {
	if len(t) == 2 {
		s, ok := t[0].(string)
		enc, _ := Text(t[1])
		if ok && (enc == "latin1" || enc == "latin-1" || enc == "iso8859-1") {
			raw := make([]byte, 0, len(s))
			bad := false
			codePoints(s, func(r rune) {
				bad = bad || r > 255
				raw = append(raw, byte(r))
			})
			if bad {
				return errors.New("bytes with a code point beyond 255")
			}
			return d.push(Bytes(raw))
		}
	}
	return errors.New("_codecs.encode is accepted for latin1 text alone")
}

func (d *decoder) reconstruct(t Tuple) error {
	if len(t) != 3 || t[0] != any(headerClass) || t[1] != any(global{"__builtin__", "dict"}) {
		return errors.New("copy_reg._reconstructor is accepted for HeaderKeyDict alone")
	}
	base, ok := t[2].(*dictObj)
	if !ok {
		return errStack
	}
	return d.push(&dictObj{items: append(Dict(nil), base.items...), header: true})
}

// fromSurrogatePass reads UTF-8 in which lone surrogates are allowed.
func fromSurrogatePass(b []byte) (string, error) {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size <= 1 {
			if i+3 > len(b) || b[i] != 0xED || b[i+1]&0xE0 != 0xA0 || b[i+2]&0xC0 != 0x80 {
				return "", errors.New("a string is not UTF-8")
			}
			r, size = 0xD000|rune(b[i+1]&0x3F)<<6|rune(b[i+2]&0x3F), 3
		}
		out = appendCodePoint(out, r)
		i += size
	}
	return string(out), nil
}

// rawUnicode reads the escapes of a V line: \uXXXX and \UXXXXXXXX, the rest
// being Latin-1.
func rawUnicode(s string) (string, error) {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		digits := 0
		if s[i] == '\\' && i+1 < len(s) {
			switch s[i+1] {
			case 'u':
				digits = 4
			case 'U':
				digits = 8
			}
		}
		if digits == 0 {
			out = appendCodePoint(out, rune(s[i]))
			i++
			continue
		}
		if i+2+digits > len(s) {
			return "", errors.New("a unicode escape is cut off")
		}
		r, err := strconv.ParseUint(s[i+2:i+2+digits], 16, 32)
		if err != nil || r > utf8.MaxRune {
			return "", errors.New("a unicode escape is not a code point")
		}
		out = appendCodePoint(out, rune(r))
		i += 2 + digits
	}
	return string(out), nil
}

// unquote reads the repr of a Python 2 str.
func unquote(s string) (string, error) {
	if len(s) < 2 || s[0] != s[len(s)-1] || s[0] != '\'' && s[0] != '"' {
		return "", errors.New("a string has no quotes")
	}
	s = s[1 : len(s)-1]
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			out = append(out, s[i])
			continue
		}
		i++
		if i >= len(s) {
			return "", errors.New("a string ends in a backslash")
		}
		if at := strings.IndexByte(`\'"abfnrtv`, s[i]); at >= 0 {
			out = append(out, "\\'\"\a\b\f\n\r\t\v"[at])
			continue
		}
		if s[i] != 'x' || i+2 >= len(s) {
			return "", fmt.Errorf("escape \\%c is not accepted", s[i])
		}
		v, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return "", errors.New("a \\x escape has no two digits")
		}
		out = append(out, byte(v))
		i += 2
	}
	return string(out), nil
}
