package swift

import (
	"testing"
	"time"
)

func TestStampsNeverRepeat(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for name, step := range map[string]time.Duration{
		"the clock stands": 0, "it steps back a little": -time.Microsecond, "it goes on": time.Second,
	} {
		t.Run(name, func(t *testing.T) {
			var s Stamps
			last := s.Next(now)
			for i := range 100 {
				next := s.Next(now.Add(time.Duration(i+1) * step))
				if !next.After(last) {
					t.Fatalf("%s comes after %s", next.Internal(), last.Internal())
				}
				last = next
			}
		})
	}
	var s Stamps
	s.Next(now)
	if got := s.Next(now.Add(-time.Hour)); got != TimestampOf(now.Add(-time.Hour)) {
		t.Errorf("a clock that was an hour ahead and is set right still gives %s", got.Internal())
	}
}
