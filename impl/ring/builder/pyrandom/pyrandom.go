// Package pyrandom is the random number generator of Python's module random:
// the Mersenne Twister MT19937 of Matsumoto and Nishimura, seeded as CPython
// seeds it, with the few ways of drawing that a ring builder uses. The same
// seed yields the same numbers as CPython 3.2 and later.
package pyrandom

import (
	"crypto/sha512"
	"math/bits"
)

const (
	size       = 624
	middle     = 397
	matrix     = 0x9908b0df
	upperMask  = 0x80000000
	lowerMask  = 0x7fffffff
	wordBits   = 32
	firstState = 19650218
)

// Random is a generator. It is for one goroutine.
type Random struct {
	state [size]uint32
	next  int
}

// FromNumber is random.Random(n).
func FromNumber(n uint64) *Random {
	if n <= 0xffffffff {
		return fromKey([]uint32{uint32(n)})
	}
	return fromKey([]uint32{uint32(n), uint32(n >> wordBits)})
}

// FromText is random.Random(s) for a str.
func FromText(s string) *Random {
	sum := sha512.Sum512([]byte(s))
	b := append([]byte(s), sum[:]...)
	for len(b) > 1 && b[0] == 0 {
		b = b[1:] // the text is read as a big-endian number
	}
	key := make([]uint32, (len(b)+3)/4)
	for i := range b {
		key[i/4] |= uint32(b[len(b)-1-i]) << (8 * (i % 4))
	}
	return fromKey(key)
}

// fromKey spreads a key over the state.
func fromKey(key []uint32) *Random {
	r := &Random{next: size}
	m := &r.state
	m[0] = firstState
	for i := uint32(1); i < size; i++ {
		m[i] = 1812433253*(m[i-1]^m[i-1]>>30) + i
	}
	i, j := 1, 0
	for range max(size, len(key)) {
		m[i] = (m[i] ^ (m[i-1]^m[i-1]>>30)*1664525) + key[j] + uint32(j)
		if i++; i >= size {
			m[0], i = m[size-1], 1
		}
		if j++; j >= len(key) {
			j = 0
		}
	}
	for range size - 1 {
		m[i] = (m[i] ^ (m[i-1]^m[i-1]>>30)*1566083941) - uint32(i)
		if i++; i >= size {
			m[0], i = m[size-1], 1
		}
	}
	m[0] = upperMask
	return r
}

// Uint32 draws 32 bits.
func (r *Random) Uint32() uint32 {
	if r.next >= size {
		r.refill()
	}
	y := r.state[r.next]
	r.next++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

func (r *Random) refill() {
	m := &r.state
	for i := range m {
		y := m[i]&upperMask | m[(i+1)%size]&lowerMask
		m[i] = m[(i+middle)%size] ^ y>>1 ^ y&1*matrix
	}
	r.next = 0
}

// Below draws from 0 to n-1; n is from 1 to 2^32-1.
func (r *Random) Below(n uint32) uint32 {
	shift := wordBits - bits.Len32(n)
	for {
		if v := r.Uint32() >> shift; v < n {
			return v
		}
	}
}

// Between is random.randint(0, top): from 0 to top inclusive.
func (r *Random) Between(top uint32) uint32 { return r.Below(top + 1) }

// Shuffle is random.shuffle.
func (r *Random) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, int(r.Below(uint32(i+1))))
	}
}
