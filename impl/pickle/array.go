package pickle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Array is a Python array.array of unsigned integers.
type Array struct {
	Code   byte // 'B' of 8, 'H' of 16, 'I' or 'L' of 32 bits
	Values []uint32
}

// Ints is a Python list of integers from 0 to 2^32-1.
type Ints []uint32

var arrayClass = global{"array", "array"}

// itemSize is the bytes of one item of a machine's array; 0 is another code.
// 'L' has eight bytes on today's machines.
func itemSize(code byte) int {
	switch code {
	case 'B':
		return 1
	case 'H':
		return 2
	case 'I':
		return 4
	case 'L':
		return 8
	}
	return 0
}

// most is the largest value an array holds here.
func most(code byte) uint32 {
	if size := itemSize(code); size < 4 {
		return 1<<(8*size) - 1
	}
	return math.MaxUint32
}

// add appends to a list.
func (o *listObj) add(items []any, compact bool) {
	if compact && len(o.items) == 0 {
		if ints, ok := smallInts(o.ints, items); ok {
			o.ints = ints
			return
		}
	}
	for _, v := range o.ints {
		o.items = append(o.items, int64(v))
	}
	o.ints = nil
	o.items = append(o.items, items...)
}

// smallInts appends items to ints if all are integers that fit.
func smallInts(ints []uint32, items []any) ([]uint32, bool) {
	for _, it := range items {
		if v, ok := it.(int64); !ok || v < 0 || v > math.MaxUint32 {
			return nil, false
		}
	}
	for _, it := range items {
		ints = append(ints, uint32(it.(int64)))
	}
	return ints, true
}

// newArray is the call array.array(code, values). Pythons before 2.7 wrote the
// bytes of a little-endian machine instead of a list.
func newArray(t Tuple) (Array, error) {
	if len(t) == 0 || len(t) > 2 {
		return Array{}, errors.New("array.array takes a type code and values")
	}
	code, _ := Text(t[0])
	if len(code) != 1 || itemSize(code[0]) == 0 {
		return Array{}, fmt.Errorf("array type code %q is not accepted", code)
	}
	a := Array{Code: code[0]}
	if len(t) == 1 {
		return a, nil
	}
	switch v := t[1].(type) {
	case *listObj:
		if len(v.items) > 0 {
			return Array{}, errors.New("an array holds what is not an integer from 0 to 2^32-1")
		}
		a.Values = v.ints
	case Bytes:
		if err := a.unpack(v); err != nil {
			return Array{}, err
		}
	default:
		return Array{}, errors.New("the values of an array are neither a list nor bytes")
	}
	return a, a.check()
}

func (a *Array) unpack(raw Bytes) error {
	size := itemSize(a.Code)
	if len(raw)%size != 0 {
		return errors.New("an array ends within an item")
	}
	a.Values = make([]uint32, len(raw)/size)
	var wide [8]byte
	for i := range a.Values {
		clear(wide[:])
		copy(wide[:], raw[i*size:(i+1)*size])
		v := binary.LittleEndian.Uint64(wide[:])
		if v > math.MaxUint32 {
			return errors.New("an array holds an integer beyond 2^32-1")
		}
		a.Values[i] = uint32(v)
	}
	return nil
}

func (a *Array) check() error {
	limit := most(a.Code)
	for _, v := range a.Values {
		if v > limit {
			return fmt.Errorf("%d does not fit an array of type %c", v, a.Code)
		}
	}
	return nil
}

func (e *encoder) ints(v []uint32) error {
	return e.list(len(v), func(i int) error {
		e.int(int64(v[i]))
		return nil
	})
}

// array is the reduction of array.array under protocols before 3.
func (e *encoder) array(a Array) error {
	if !e.bin {
		return errors.New("an array is written under protocol 2 alone")
	}
	if itemSize(a.Code) == 0 {
		return fmt.Errorf("array type code %q", a.Code)
	}
	if err := a.check(); err != nil {
		return err
	}
	e.global(arrayClass)
	e.str(string(rune(a.Code)))
	if err := e.ints(a.Values); err != nil {
		return err
	}
	e.out = append(e.out, 0x86)
	e.put()
	e.out = append(e.out, 'R')
	e.put()
	return nil
}
