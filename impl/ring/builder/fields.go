package builder

import (
	"fmt"
	"math"

	"apus/impl/pickle"
)

// fields reads values of a dict and keeps the first error.
type fields struct {
	dict pickle.Dict
	err  error
}

// need, as a default, says that there is none.
const need = math.MinInt

func (f *fields) get(key string) any {
	v, _ := f.dict.Get(key)
	return v
}

func (f *fields) fail(key string, v any) {
	if f.err == nil {
		f.err = fmt.Errorf("%s is %v, of type %T, which it cannot be", key, v, v)
	}
}

// integer is a number from lo to hi. None, and no such key, is def.
func (f *fields) integer(key string, def, lo, hi int) int {
	v := f.get(key)
	if v == nil && def != need {
		return def
	}
	n, ok := v.(int64)
	if x, isFloat := v.(float64); isFloat && math.Abs(x) < math.MaxInt32 && x == math.Trunc(x) {
		n, ok = int64(x), true
	}
	if !ok || n < int64(lo) || n > int64(hi) {
		f.fail(key, v)
		return 0
	}
	return int(n)
}

// float is a number that is finite. NaN as a default says that there is none.
func (f *fields) float(key string, def float64) float64 {
	switch v := f.get(key).(type) {
	case nil:
		if !math.IsNaN(def) {
			return def
		}
	case int64:
		return float64(v)
	case float64:
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			return v
		}
	}
	f.fail(key, f.get(key))
	return 0
}

func (f *fields) text(key, def string) string {
	v := f.get(key)
	if v == nil {
		return def
	}
	s, ok := pickle.Text(v)
	if !ok {
		f.fail(key, v)
	}
	return s
}

// list is a list that must be there.
func list(d pickle.Dict, key string) (pickle.List, error) {
	v, ok := d.Get(key)
	if !ok {
		return nil, fmt.Errorf("%s is missing", key)
	}
	l, ok := v.(pickle.List)
	if !ok {
		return nil, fmt.Errorf("%s is a %T, not a list", key, v)
	}
	return l, nil
}

// ints is a copy of an array or of a list of small integers.
func ints(v any) ([]uint32, error) {
	var in []uint32
	switch v := v.(type) {
	case pickle.Array:
		in = v.Values
	case pickle.Ints:
		in = v
	case pickle.List:
		if len(v) > 0 {
			return nil, fmt.Errorf("a list holds what is not an integer from 0 to 2^32-1")
		}
	default:
		return nil, fmt.Errorf("%T is not an array", v)
	}
	return append([]uint32{}, in...), nil
}
