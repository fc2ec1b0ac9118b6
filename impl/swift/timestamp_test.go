package swift

import (
	"encoding/json"
	"os"
	"strconv"
	"testing"
	"time"
)

// testdata/timestamps.json is what OpenStack Swift's Timestamp makes of texts.
func TestTimestampAgainstSwift(t *testing.T) {
	b, err := os.ReadFile("testdata/timestamps.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		Text, Error, Normal, Internal, Offset, ISO, Inverted string
		Raw, Ceil                                            int64
	}
	if err := json.Unmarshal(b, &rows); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		t.Run(strconv.Quote(r.Text), func(t *testing.T) {
			ts, err := ParseTimestamp(r.Text)
			if r.Error != "" {
				if err == nil || KindOf(err) != Invalid {
					t.Fatalf("%v, %v; Swift: %s", ts, err, r.Error)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range []struct{ name, got, want string }{
				{"Normal", ts.Normal(), r.Normal}, {"Internal", ts.Internal(), r.Internal},
				{"Offset", strconv.FormatUint(ts.Offset(), 10), r.Offset},
				{"ISO", ts.ISO(), r.ISO}, {"Inverted", ts.Inverted().Internal(), r.Inverted},
				{"Ticks", strconv.FormatInt(ts.Ticks(), 10), strconv.FormatInt(r.Raw, 10)},
				{"CeilSeconds", strconv.FormatInt(ts.CeilSeconds(), 10), strconv.FormatInt(r.Ceil, 10)},
			} {
				if f.got != f.want {
					t.Errorf("%s %s, Swift %s", f.name, f.got, f.want)
				}
			}
		})
	}
}

func TestTimestampOf(t *testing.T) {
	for _, tt := range []struct {
		at   time.Time
		want string
	}{
		{time.Unix(0, 0), "0000000000.00000"},
		{time.Unix(1_800_000_000, 9_999), "1800000000.00000"}, // truncated, never from the future
		{time.Unix(1_800_000_000, 10_000), "1800000000.00001"},
		{time.Unix(1_800_000_000, 999_999_999), "1800000000.99999"},
	} {
		ts := TimestampOf(tt.at)
		if ts.Normal() != tt.want {
			t.Errorf("%v: %s, want %s", tt.at, ts.Normal(), tt.want)
		}
		if d := tt.at.Sub(ts.Time()); d < 0 || d >= 10*time.Microsecond {
			t.Errorf("%v: off by %v", tt.at, d)
		}
	}
}

// The order of timestamps is the order of their internal forms as text.
func TestTimestampOrder(t *testing.T) {
	texts := []string{
		"0000000000.00000", "0000000000.00000_0000000000000001", "0000000001.00000", "1402464677.04188",
		"1402464677.04188_0000000000000001", "1402464677.04188_00000000000000ff", "1402464677.04188_ffffffffffffffff",
		"1402464677.04189", "9999999999.99999",
	}
	for i, a := range texts {
		for j, b := range texts {
			x, err1 := ParseTimestamp(a)
			y, err2 := ParseTimestamp(b)
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			if x.Before(y) != (i < j) || x.After(y) != (i > j) || (x.Compare(y) == 0) != (i == j) || (x == y) != (i == j) {
				t.Errorf("%s and %s: %d", a, b, x.Compare(y))
			}
			if x.Inverted().Before(y.Inverted()) != (i > j) {
				t.Errorf("inverted %s and %s are in the wrong order", a, b)
			}
		}
	}
	if !(Timestamp{}).IsZero() || NewTimestamp(0, 1).IsZero() || NewTimestamp(7, 1).WithOffset(0) != NewTimestamp(7, 0) {
		t.Error("zero or WithOffset")
	}
}

func FuzzParseTimestamp(f *testing.F) {
	for _, s := range []string{"1402464677.04188", "1402464677.04188_0000000000000001", "1e3_f", "9999999999.999996", "nan", "_", "0.000015"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ts, err := ParseTimestamp(s)
		if err != nil {
			return
		}
		if ts.Ticks() < 0 || ts.Ticks() > MaxTicks {
			t.Fatalf("%q: %d ticks", s, ts.Ticks())
		}
		again, err := ParseTimestamp(ts.Internal())
		if err != nil || again != ts {
			t.Errorf("%q is %s, which is %v, %v", s, ts, again, err)
		}
		if n := len(ts.Normal()); n != 16 {
			t.Errorf("%q: normal form of %d characters", s, n)
		}
		if ts.Ticks() < MaxTicks && ts.Inverted().Inverted() != ts {
			t.Errorf("%s inverted twice is %s", ts, ts.Inverted().Inverted())
		}
	})
}

// Every day that a timestamp may fall on has the date that package time says,
// and every part of a second its digits.
func TestISOAsTime(t *testing.T) {
	check := func(ticks int64) {
		ts := NewTimestamp(ticks, 1)
		if want, got := ts.Time().Format("2006-01-02T15:04:05.000000"), ts.ISO(); got != want {
			t.Fatalf("%d: %s, want %s", ticks, got, want)
		}
	}
	const day = 24 * 60 * 60 * TicksPerSecond
	for ticks := int64(0); ticks <= MaxTicks; ticks += day {
		check(ticks)
		check(min(ticks+day-1, MaxTicks))
	}
	for ticks := int64(0); ticks < 2*day; ticks += 77_777 {
		check(1_700_000_000*TicksPerSecond + ticks)
	}
	for _, ticks := range []int64{-1, -day, MaxTicks, MaxTicks + 1} {
		check(ticks)
	}
}

func TestParseNormal(t *testing.T) {
	for text, want := range map[string]int64{
		"1700000000.12345": 170000000012345, "0000000000.00001": 1, "1700000000.1234": -1, "1700000000,12345": -1, "17000000x0.12345": -1, "": -1,
	} {
		got, ok := ParseNormal([]byte(text))
		if ok != (want >= 0) || ok && got != NewTimestamp(want, 0) {
			t.Errorf("%q: %v, %v", text, got, ok)
		}
	}
}
