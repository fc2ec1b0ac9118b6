package host

import "time"

// Stopwatch measures a duration, unaffected by jumps of the wall clock.
type Stopwatch struct{ start time.Time }

// StartStopwatch starts now.
func StartStopwatch() Stopwatch { return Stopwatch{time.Now()} }

// Elapsed is the time since the start.
func (s Stopwatch) Elapsed() time.Duration { return time.Since(s.start) }
