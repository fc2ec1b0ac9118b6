package host

import "time"

// Stopwatch measures a duration, unaffected by jumps of the wall clock.
type Stopwatch struct{ start time.Time }

// StartStopwatch starts now.
func StartStopwatch() Stopwatch { return Stopwatch{time.Now()} }

// Elapsed is the time since the start.
func (s Stopwatch) Elapsed() time.Duration { return time.Since(s.start) }

// Deadline is what SetReadDeadline and its like need for "d from now". It is
// no reading of the wall clock: hand it to a connection and forget it.
func Deadline(d time.Duration) time.Time { return time.Now().Add(d) }
