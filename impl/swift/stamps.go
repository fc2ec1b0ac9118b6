package swift

import (
	"sync"
	"time"
)

// Stamps makes timestamps that never repeat, also when the clock stands still
// or steps back by less than a second: two writes of one client must not be a
// tie. The zero value is ready; it is safe for concurrent use.
type Stamps struct {
	mu   sync.Mutex
	last Timestamp
}

// Next is a timestamp of now, or the earliest one behind the last.
func (s *Stamps) Next(now time.Time) Timestamp {
	t := TimestampOf(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	if ahead := s.last.Ticks() - t.Ticks(); ahead >= 0 && ahead < TicksPerSecond {
		t = NewTimestamp(s.last.Ticks()+1, 0)
	}
	s.last = t
	return t
}
