package broker

import (
	"fmt"
	"strconv"

	"apus/impl/swift"
)

// The created_at column of an object row packs three times into one text:
// data[±content-type−data[±meta−content-type]], the differences in
// hexadecimal ticks of 10 µs. Left out are differences that are all zero. The
// offset of the data time is hexadecimal without leading zeros.

// encodeTimes packs the times of an object row.
func encodeTimes(data, ctype, meta swift.Timestamp) string {
	s := data.Normal()
	if data.Offset() != 0 {
		s += "_" + strconv.FormatUint(data.Offset(), 16)
	}
	d1, d2 := ctype.Ticks()-data.Ticks(), meta.Ticks()-ctype.Ticks()
	if d1 == 0 && d2 == 0 {
		return s
	}
	return fmt.Sprintf("%s%+x%+x", s, d1, d2)
}

// decodeTimes unpacks the times of an object row. A time that is not there
// is that before it.
func decodeTimes(s string) (data, ctype, meta swift.Timestamp, err error) {
	base, rest := cutSign(s)
	if data, err = swift.ParseTimestamp(base); err != nil {
		return data, ctype, meta, err
	}
	var first string
	first, rest = cutSign(rest)
	if ctype, err = shifted(data, first); err != nil {
		return data, ctype, meta, err
	}
	meta, err = shifted(ctype, rest)
	return data, ctype, meta, err
}

// cutSign splits before the first sign that is not at the start.
func cutSign(s string) (head, tail string) {
	for i := 1; i < len(s); i++ {
		if s[i] == '+' || s[i] == '-' {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

func shifted(t swift.Timestamp, delta string) (swift.Timestamp, error) {
	if delta == "" {
		return t, nil
	}
	n, err := strconv.ParseInt(delta, 16, 64)
	if err != nil {
		return t, swift.E("broker.decodeTimes", delta, swift.Invalid, err)
	}
	if n == 0 {
		return t, nil // keeps the offset
	}
	return swift.NewTimestamp(t.Ticks()+n, 0), nil
}

// stamp reads a timestamp column. What cannot be read counts as never.
func stamp(s string) swift.Timestamp {
	t, err := swift.ParseTimestamp(s)
	if err != nil {
		return swift.Timestamp{}
	}
	return t
}
