package updater

import (
	"fmt"
	"slices"
	"testing"
	"testing/quick"
	"time"

	"apus/impl/diskfile"
	"apus/impl/swift"
)

func TestLimiter(t *testing.T) {
	l := newLimiter[string](10, 2, 2) // a gap of 100 ms
	type step struct {
		at                time.Duration
		bucket            uint32
		item              string
		admitted, skipped bool
	}
	for _, s := range []step{
		{0, 0, "a", true, false},
		{0, 1, "b", true, false},
		{0, 0, "c", false, false},
		{50 * time.Millisecond, 2, "d", false, false},
		{100 * time.Millisecond, 0, "e", true, false},
		{110 * time.Millisecond, 1, "f", true, false},
		{110 * time.Millisecond, 1, "g", false, true}, // c makes room
	} {
		if v := l.offer(s.at, s.bucket, s.item); v.admitted != s.admitted || v.skipped != s.skipped {
			t.Errorf("%s: %+v", s.item, v)
		}
	}
	var got []string
	for now := 120 * time.Millisecond; ; {
		item, at, ok := l.next(now)
		if !ok {
			break
		}
		got, now = append(got, fmt.Sprint(item, " ", at)), at
	}
	if want := []string{"d 200ms", "g 210ms"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestLimiterNoRoom(t *testing.T) {
	l := newLimiter[int](1, 1, 0)
	if v := l.offer(0, 0, 1); !v.admitted {
		t.Error(v)
	}
	if v := l.offer(0, 0, 2); v.admitted || !v.skipped {
		t.Error(v)
	}
	if _, _, ok := l.next(0); ok {
		t.Error("something waits")
	}
}

func TestNoLimit(t *testing.T) {
	l := newLimiter[int](0, 1, 0)
	for i := range 100 {
		if !l.offer(0, 0, i).admitted {
			t.Fatal(i)
		}
	}
}

// Every update is admitted, skipped or waits, and no more wait than may.
func TestLimiterLosesNothing(t *testing.T) {
	count := func(hashes []uint16, most uint8) bool {
		l := newLimiter[int](2, 7, int(most%5))
		admitted, skipped := 0, 0
		for i, h := range hashes {
			v := l.offer(time.Duration(i)*10*time.Millisecond, uint32(h), i)
			if v.admitted {
				admitted++
			}
			if v.skipped {
				skipped++
			}
		}
		left := l.left()
		return admitted+skipped+left == len(hashes) && left <= int(most%5)
	}
	if err := quick.Check(count, nil); err != nil {
		t.Error(err)
	}
}

func TestOldest(t *testing.T) {
	var c counters
	add := func(container string, second int64) {
		c.late(&diskfile.Update{Account: "a", Container: container}, swift.NewTimestamp(second*swift.TicksPerSecond, 0), 3)
	}
	for i, name := range []string{"c5", "c3", "c4", "c1", "c9"} {
		add(name, []int64{5, 3, 4, 1, 9}[i])
	}
	add("c4", 2)
	add("c4", 8)
	var got []string
	for _, w := range c.stats(0, 2).Oldest {
		got = append(got, fmt.Sprint(w.Container, " ", w.Timestamp.Ticks()/swift.TicksPerSecond))
	}
	if want := []string{"c1 1", "c4 2"}; !slices.Equal(got, want) || c.stats(0, 2).Failing != 3 {
		t.Errorf("%v, want %v", got, want)
	}
}
