package swift

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Timestamp orders writes in Swift: tens of microseconds since the Unix epoch
// plus an offset, which breaks ties for copies that middleware or daemons
// make of one client write.
//
// Wire forms: normal "1234567890.12345" (ten digits, a dot, five digits) and
// internal, which appends "_" and sixteen hexadecimal digits when the offset
// is not zero. The zero Timestamp sorts before every other one.
type Timestamp struct {
	ticks  int64 // 10 µs each
	offset uint64
}

// TicksPerSecond is the resolution of a Timestamp.
const TicksPerSecond = 100_000

const (
	precision    = 1e-5 // seconds in a tick
	offsetDigits = 16
)

// MaxTicks is the largest tick count whose normal form has ten digits before
// the dot.
const MaxTicks = 9_999_999_999*TicksPerSecond + (TicksPerSecond - 1)

// NewTimestamp makes a Timestamp of ticks and an offset.
func NewTimestamp(ticks int64, offset uint64) Timestamp { return Timestamp{ticks, offset} }

// TimestampOf truncates t to the resolution of a Timestamp.
func TimestampOf(t time.Time) Timestamp {
	return Timestamp{ticks: t.Unix()*TicksPerSecond + int64(t.Nanosecond())/10_000}
}

// ParseTimestamp reads a normal or internal form, and also any decimal number
// of seconds, rounded to the nearest tick as Swift does.
func ParseTimestamp(s string) (Timestamp, error) {
	base, off, _ := strings.Cut(s, "_")
	var ts Timestamp
	if off != "" {
		o, err := strconv.ParseUint(off, 16, 64)
		if err != nil || len(off) > offsetDigits {
			return Timestamp{}, E("swift.ParseTimestamp", s, Invalid,
				fmt.Errorf("offset %q is not hexadecimal of at most %d digits", off, offsetDigits))
		}
		ts.offset = o
	}
	if t, ok := parseNormal(base); ok {
		ts.ticks = t
		return ts, nil
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(base), 64)
	// Dividing by the inexact 0.00001 and rounding halves to even is how
	// Swift gets at ticks; 0.000015 depends on it.
	ticks := math.RoundToEven(f / precision)
	if err != nil || strings.ContainsAny(base, "xXpP") || !(ticks >= 0 && ticks <= MaxTicks) {
		return Timestamp{}, E("swift.ParseTimestamp", s, Invalid,
			fmt.Errorf("%q is not a number of seconds from 0 to 9999999999.99999", base))
	}
	ts.ticks = int64(ticks)
	return ts, nil
}

// parseNormal reads exactly dddddddddd.ddddd without loss.
func parseNormal(s string) (int64, bool) {
	if len(s) != normalDigits || s[normalDot] != '.' {
		return 0, false
	}
	var n int64
	for i := range len(s) {
		if i == normalDot {
			continue
		}
		c := s[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// Normal is the sixteen-character form without the offset.
func (t Timestamp) Normal() string {
	if t.ticks < 0 || t.ticks > MaxTicks {
		return fmt.Sprintf("%010d.%05d", t.ticks/TicksPerSecond, t.ticks%TicksPerSecond)
	}
	var out [normalDigits]byte // every answer has several of these
	for i, n := len(out)-1, t.ticks; i >= 0; i-- {
		if i == normalDot {
			out[i] = '.'
			continue
		}
		out[i] = byte('0' + n%10)
		n /= 10
	}
	return string(out[:])
}

// normalDigits is the length of the normal form, normalDot where its dot is.
const (
	normalDigits = 16
	normalDot    = 10
)

// Internal is the form used between servers and in file names.
func (t Timestamp) Internal() string {
	if t.offset == 0 {
		return t.Normal()
	}
	return fmt.Sprintf("%s_%016x", t.Normal(), t.offset)
}

// String is Internal.
func (t Timestamp) String() string { return t.Internal() }

// Ticks counts 10 µs since the epoch.
func (t Timestamp) Ticks() int64 { return t.ticks }

// Offset breaks ties between equal Ticks.
func (t Timestamp) Offset() uint64 { return t.offset }

// IsZero reports whether t is the zero Timestamp.
func (t Timestamp) IsZero() bool { return t == Timestamp{} }

// WithOffset replaces the offset.
func (t Timestamp) WithOffset(o uint64) Timestamp { return Timestamp{t.ticks, o} }

// Compare is negative, zero or positive as t is before, at or after u.
func (t Timestamp) Compare(u Timestamp) int {
	switch {
	case t.ticks != u.ticks:
		if t.ticks < u.ticks {
			return -1
		}
		return 1
	case t.offset < u.offset:
		return -1
	case t.offset > u.offset:
		return 1
	}
	return 0
}

// Before reports t < u.
func (t Timestamp) Before(u Timestamp) bool { return t.Compare(u) < 0 }

// After reports t > u.
func (t Timestamp) After(u Timestamp) bool { return t.Compare(u) > 0 }

// Time is the instant without the offset, in UTC.
func (t Timestamp) Time() time.Time {
	return time.Unix(t.ticks/TicksPerSecond, t.ticks%TicksPerSecond*10_000).UTC()
}

// CeilSeconds is the Unix time in whole seconds, rounded up: Last-Modified of
// an object is never before its timestamp.
func (t Timestamp) CeilSeconds() int64 {
	return (t.ticks + TicksPerSecond - 1) / TicksPerSecond
}

// ISO is the form of last_modified in listings: microseconds, no zone.
func (t Timestamp) ISO() string { return t.Time().Format("2006-01-02T15:04:05.000000") }

// Inverted sorts newest first in a listing of names. Twice inverted is t
// again, but for the very last tick with an offset.
func (t Timestamp) Inverted() Timestamp {
	if t.offset == 0 {
		return Timestamp{ticks: MaxTicks - t.ticks}
	}
	return Timestamp{ticks: max(MaxTicks-t.ticks-1, 0), offset: -t.offset}
}
