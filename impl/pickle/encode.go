package pickle

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"unicode/utf8"

	"apus/impl/swift"
)

// Protocols that Swift writes.
const (
	Protocol0 = 0
	Protocol2 = 2
)

// dictBatch is how many items CPython puts before one SETITEMS or APPENDS.
const dictBatch = 1000

// Encode pickles v. Equal strings are pickled as distinct objects, except for
// those that CPython shares: the empty ones and those of one character.
func Encode(v any, protocol int) ([]byte, error) {
	if protocol != Protocol0 && protocol != Protocol2 {
		return nil, swift.E("pickle.Encode", "", swift.Invalid, fmt.Errorf("protocol %d is not written by Swift", protocol))
	}
	e := &encoder{bin: protocol == Protocol2, memo: map[any]int{}}
	if e.bin {
		e.out = append(e.out, 0x80, 2)
	}
	if err := e.value(v); err != nil {
		return nil, swift.E("pickle.Encode", "", swift.Invalid, err)
	}
	return append(e.out, '.'), nil
}

type encoder struct {
	out  []byte
	bin  bool
	next int         // number of the next memo entry
	memo map[any]int // shared objects: string, Bytes, global
}

type global struct{ module, name string }

func (e *encoder) value(v any) error {
	switch v := v.(type) {
	case nil:
		e.out = append(e.out, 'N')
	case bool:
		e.bool(v)
	case int:
		e.int(int64(v))
	case int64:
		e.int(v)
	case float64:
		e.float(v)
	case string:
		e.str(v)
	case Bytes:
		return e.bytes(v)
	case List:
		return e.list(len(v), func(i int) error { return e.value(v[i]) })
	case Ints:
		return e.ints(v)
	case Array:
		return e.array(v)
	case Tuple:
		return e.tuple(v)
	case Dict:
		return e.dict(v)
	case HeaderDict:
		return e.headerDict(v)
	default:
		return fmt.Errorf("a value of type %T has no pickle", v)
	}
	return nil
}

func (e *encoder) put() int {
	n := e.next
	e.next++
	switch {
	case !e.bin:
		e.out = fmt.Appendf(e.out, "p%d\n", n)
	case n < 256:
		e.out = append(e.out, 'q', byte(n))
	default:
		e.out = binary.LittleEndian.AppendUint32(append(e.out, 'r'), uint32(n))
	}
	return n
}

// get emits a reference if obj was pickled before.
func (e *encoder) get(obj any) bool {
	n, ok := e.memo[obj]
	if !ok {
		return false
	}
	switch {
	case !e.bin:
		e.out = fmt.Appendf(e.out, "g%d\n", n)
	case n < 256:
		e.out = append(e.out, 'h', byte(n))
	default:
		e.out = binary.LittleEndian.AppendUint32(append(e.out, 'j'), uint32(n))
	}
	return true
}

func (e *encoder) bool(v bool) {
	switch {
	case e.bin && v:
		e.out = append(e.out, 0x88)
	case e.bin:
		e.out = append(e.out, 0x89)
	case v:
		e.out = append(e.out, "I01\n"...)
	default:
		e.out = append(e.out, "I00\n"...)
	}
}

func (e *encoder) int(v int64) {
	small := v >= math.MinInt32 && v <= math.MaxInt32
	switch {
	case !e.bin && small:
		e.out = fmt.Appendf(e.out, "I%d\n", v)
	case !e.bin:
		e.out = fmt.Appendf(e.out, "L%dL\n", v)
	case v >= 0 && v < 1<<8:
		e.out = append(e.out, 'K', byte(v))
	case v >= 0 && v < 1<<16:
		e.out = append(e.out, 'M', byte(v), byte(v>>8))
	case small:
		e.out = binary.LittleEndian.AppendUint32(append(e.out, 'J'), uint32(int32(v)))
	default:
		b := binary.LittleEndian.AppendUint64(nil, uint64(v))
		for len(b) > 1 && (b[len(b)-1] == 0 && b[len(b)-2] < 0x80 || b[len(b)-1] == 0xff && b[len(b)-2] >= 0x80) {
			b = b[:len(b)-1]
		}
		e.out = append(append(e.out, 0x8a, byte(len(b))), b...)
	}
}

func (e *encoder) float(v float64) {
	if e.bin {
		e.out = binary.BigEndian.AppendUint64(append(e.out, 'G'), math.Float64bits(v))
		return
	}
	e.out = append(append(append(e.out, 'F'), floatRepr(v)...), '\n')
}

// floatRepr is Python's repr of a float.
func floatRepr(v float64) string {
	switch {
	case math.IsNaN(v):
		return "nan"
	case math.IsInf(v, 1):
		return "inf"
	case math.IsInf(v, -1):
		return "-inf"
	}
	if a := math.Abs(v); v != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(v, 'e', -1, 64)
	}
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if _, ok := new(big.Int).SetString(s, 10); ok {
		s += ".0"
	}
	return s
}

// shared reports whether CPython keeps one object for all strings like s.
func shared(s string) bool {
	if s == "" {
		return true
	}
	r, size := utf8.DecodeRuneInString(s)
	return size == len(s) && r < 256
}

func (e *encoder) str(s string) {
	if shared(s) && e.get(s) {
		return
	}
	e.rawStr(s)
	n := e.put()
	if shared(s) {
		e.memo[s] = n
	}
}

func (e *encoder) rawStr(s string) {
	if e.bin {
		b := make([]byte, 0, len(s))
		codePoints(s, func(r rune) {
			if r >= surrogateLow && r <= surrogateHigh { // "surrogatepass"
				b = append(b, 0xE0|byte(r>>12), 0x80|byte(r>>6)&0x3F, 0x80|byte(r)&0x3F)
				return
			}
			b = utf8.AppendRune(b, r)
		})
		e.out = append(binary.LittleEndian.AppendUint32(append(e.out, 'X'), uint32(len(b))), b...)
		return
	}
	e.out = append(e.out, 'V')
	codePoints(s, func(r rune) {
		switch {
		case r > 0xFFFF:
			e.out = fmt.Appendf(e.out, "\\U%08x", r)
		case r > 0xFF, r == '\\', r == 0, r == '\n', r == '\r', r == 0x1a:
			e.out = fmt.Appendf(e.out, "\\u%04x", r)
		default:
			e.out = append(e.out, byte(r))
		}
	})
	e.out = append(e.out, '\n')
}

func (e *encoder) global(g global) {
	if e.get(g) {
		return
	}
	e.out = fmt.Appendf(e.out, "c%s\n%s\n", g.module, g.name)
	e.memo[g] = e.put()
}

// latin1 is the one string object 'latin1' of CPython's pickler, not to be
// confused with strings of users that read the same.
type latin1 struct{}

func (e *encoder) bytes(b Bytes) error {
	one := len(b) <= 1
	if one && e.get(b) {
		return nil
	}
	if len(b) == 0 {
		e.global(global{"__builtin__", "bytes"})
		e.emptyTuple()
	} else {
		e.global(global{"_codecs", "encode"})
		if !e.bin {
			e.out = append(e.out, '(')
		}
		e.str(FromRaw(string(b)))
		if !e.get(latin1{}) {
			e.rawStr("latin1")
			e.memo[latin1{}] = e.put()
		}
		if e.bin {
			e.out = append(e.out, 0x86)
		} else {
			e.out = append(e.out, 't')
		}
		e.put()
	}
	e.out = append(e.out, 'R')
	if n := e.put(); one {
		e.memo[b] = n
	}
	return nil
}

func (e *encoder) emptyTuple() {
	if e.bin {
		e.out = append(e.out, ')')
	} else {
		e.out = append(e.out, '(', 't')
	}
}

func (e *encoder) tuple(t Tuple) error {
	if len(t) == 0 {
		e.emptyTuple()
		return nil
	}
	short := e.bin && len(t) <= 3
	if !short {
		e.out = append(e.out, '(')
	}
	for _, v := range t {
		if err := e.value(v); err != nil {
			return err
		}
	}
	if short {
		e.out = append(e.out, 0x84+byte(len(t)))
	} else {
		e.out = append(e.out, 't')
	}
	e.put()
	return nil
}

func (e *encoder) list(n int, item func(i int) error) error {
	if e.bin {
		e.out = append(e.out, ']')
	} else {
		e.out = append(e.out, '(', 'l')
	}
	e.put()
	return e.batches(n, 'a', 'e', item)
}

func (e *encoder) dict(d Dict) error {
	if e.bin {
		e.out = append(e.out, '}')
	} else {
		e.out = append(e.out, '(', 'd')
	}
	e.put()
	return e.batches(len(d), 's', 'u', func(i int) error {
		if err := e.value(d[i].Key); err != nil {
			return err
		}
		return e.value(d[i].Value)
	})
}

// batches emits n items: one by one under protocol 0 or when there is only
// one, else in batches after a MARK.
func (e *encoder) batches(n int, single, many byte, item func(i int) error) error {
	for i := 0; i < n; {
		if !e.bin || n == 1 {
			if err := item(i); err != nil {
				return err
			}
			e.out = append(e.out, single)
			i++
			continue
		}
		e.out = append(e.out, '(')
		for end := min(n, i+dictBatch); i < end; i++ {
			if err := item(i); err != nil {
				return err
			}
		}
		e.out = append(e.out, many)
	}
	return nil
}

// headerDict is the reduction of a dict subclass: copy_reg._reconstructor
// under protocol 0, copy_reg.__newobj__ under protocol 2.
func (e *encoder) headerDict(h HeaderDict) error {
	class := global{"swift.common.header_key_dict", "HeaderKeyDict"}
	if e.bin {
		e.global(class)
		e.out = append(e.out, ')', 0x81)
		e.put()
		d := Dict(h)
		return e.batches(len(d), 's', 'u', func(i int) error {
			if err := e.value(d[i].Key); err != nil {
				return err
			}
			return e.value(d[i].Value)
		})
	}
	e.global(global{"copy_reg", "_reconstructor"})
	e.out = append(e.out, '(')
	e.global(class)
	e.global(global{"__builtin__", "dict"})
	if err := e.dict(Dict(h)); err != nil {
		return err
	}
	e.out = append(e.out, 't')
	e.put()
	e.out = append(e.out, 'R')
	e.put()
	return nil
}
