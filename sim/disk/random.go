package disk

import (
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// stream returns the random stream of a name.
func stream(seed [2]uint64, name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name)) // never fails
	return rand.New(rand.NewPCG(seed[0]^h.Sum64(), mix(seed[1]^h.Sum64())))
}

// mix is the finaliser of splitmix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// tail draws an exponential delay, cut off at twenty times its mean.
func tail(rng *rand.Rand, mean time.Duration) time.Duration {
	if mean <= 0 {
		return 0
	}
	return time.Duration(min(rng.ExpFloat64(), 20) * float64(mean))
}

// jitter keeps delays apart, so that no two timers tie.
func jitter(rng *rand.Rand) time.Duration { return time.Duration(1 + rng.IntN(999)) }

// glob matches a whole name: ? is one character and * any number of them, both
// without slashes; ** is anything.
func glob(pattern, name string) bool {
	for len(pattern) > 0 {
		switch pattern[0] {
		case '*':
			deep := len(pattern) > 1 && pattern[1] == '*'
			rest := pattern[1:]
			if deep {
				rest = pattern[2:]
			}
			for i := 0; ; i++ {
				if glob(rest, name[i:]) {
					return true
				}
				if i == len(name) || !deep && name[i] == '/' {
					return false
				}
			}
		case '?':
			if name == "" || name[0] == '/' {
				return false
			}
		default:
			if name == "" || name[0] != pattern[0] {
				return false
			}
		}
		pattern, name = pattern[1:], name[1:]
	}
	return name == ""
}
