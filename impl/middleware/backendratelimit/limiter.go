package backendratelimit

import "math"

// limiter decides which of the requests arriving at given times are allowed.
// Each takes a time slot of 1/rate seconds; slots that were not used are kept
// for the last buffer seconds and may be taken all at once.
type limiter struct {
	next float64 // when the next slot begins, in milliseconds
}

// newLimiter has been idle for ever.
func newLimiter() *limiter { return &limiter{next: math.Inf(-1)} }

const msPerSecond = 1000.0

// allow reports whether a request at now (milliseconds) is allowed, and takes a
// slot for it. Rate is per second, 0 for no limit; buffer is seconds.
func (l *limiter) allow(now, rate, buffer float64) bool {
	if rate <= 0 {
		return true
	}
	if l.idle(now, buffer) {
		l.next = now - buffer*msPerSecond
	}
	if now < l.next {
		return false
	}
	l.next += msPerSecond / rate
	return true
}

// idle reports that the limiter remembers nothing that a new one would not.
func (l *limiter) idle(now, buffer float64) bool { return now-l.next > buffer*msPerSecond }
