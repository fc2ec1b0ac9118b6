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

// ParseNormal reads the normal form alone.
func ParseNormal(b []byte) (t Timestamp, ok bool) {
	t.ticks, ok = parseNormal(b)
	return t, ok
}

// parseNormal reads exactly dddddddddd.ddddd without loss.
func parseNormal[T string | []byte](s T) (int64, bool) {
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
func (t Timestamp) ISO() string { return string(t.AppendISO(make([]byte, 0, len(isoLayout)))) }

const isoLayout = "2006-01-02T15:04:05.000000"

// AppendISO appends ISO. A listing has ten thousand of them.
func (t Timestamp) AppendISO(b []byte) []byte {
	if t.ticks < 0 || t.ticks > MaxTicks {
		return t.Time().AppendFormat(b, isoLayout)
	}
	seconds := t.ticks / TicksPerSecond
	year, month, day := civil(seconds / secondsPerDay)
	seconds %= secondsPerDay
	b = append(appendDigits(appendDigits(b, year/100), year%100), '-')
	b = append(appendDigits(b, month), '-')
	b = append(appendDigits(b, day), 'T')
	b = append(appendDigits(b, seconds/3600), ':')
	b = append(appendDigits(b, seconds/60%60), ':')
	b = append(appendDigits(b, seconds%60), '.')
	fraction := t.ticks % TicksPerSecond
	b = appendDigits(appendDigits(b, fraction/1000), fraction/10%100)
	return append(b, byte('0'+fraction%10), '0')
}

// appendDigits appends a number below 100.
func appendDigits(b []byte, n int64) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }

const secondsPerDay = 24 * 60 * 60

// Days of the Gregorian calendar, which repeats itself after an era of 400
// years. Years begin in March here, so that a leap day is the last of its year.
const (
	daysPerYear    = 365
	daysPerLeap    = 4*daysPerYear + 1
	daysPerCentury = 25*daysPerLeap - 1
	daysPerEra     = 4*daysPerCentury + 1
	epochDay       = 719468 // days from March of the year 0 to 1970
)

// civil is the date of a day since 1970.
func civil(day int64) (year, month, dayOfMonth int64) {
	day += epochDay
	era := day / daysPerEra
	day %= daysPerEra
	inEra := (day - day/(daysPerLeap-1) + day/daysPerCentury - day/(daysPerEra-1)) / daysPerYear
	day -= daysPerYear*inEra + inEra/4 - inEra/100
	fromMarch := (5*day + 2) / 153 // five months from March have 153 days, in the same order again and again
	year, month = era*400+inEra, fromMarch+3
	if month > 12 {
		year, month = year+1, month-12
	}
	return year, month, day - (153*fromMarch+2)/5 + 1
}

// Inverted sorts newest first in a listing of names. Twice inverted is t
// again, but for the very last tick with an offset.
func (t Timestamp) Inverted() Timestamp {
	if t.offset == 0 {
		return Timestamp{ticks: MaxTicks - t.ticks}
	}
	return Timestamp{ticks: max(MaxTicks-t.ticks-1, 0), offset: -t.offset}
}
