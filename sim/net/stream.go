package simnet

import (
	"hash/fnv"
	"math"
	"time"
)

// stream is a splitmix64 generator. Each direction of each connection and each
// rule has its own, so that a draw more in one place moves nothing elsewhere.
type stream uint64

func (s *stream) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (s *stream) float() float64 { return float64(s.next()>>11) / (1 << 53) }

// below returns a number in [0, n).
func (s *stream) below(n int) int { return int(s.next()>>1) % n }

// tail draws from an exponential distribution.
func (s *stream) tail(mean time.Duration) time.Duration {
	if mean <= 0 {
		return 0
	}
	return time.Duration(-math.Log(1-s.float()) * float64(mean))
}

func (n *Network) streamLocked(name string) stream {
	h := fnv.New64a()
	h.Write([]byte(name))
	return stream(h.Sum64() ^ n.base)
}
