//go:build !apusexact

package md5sum

import (
	"math"

	"golang.org/x/sys/cpu"
)

// available says whether blocks8 and blocks16 run on this processor; shorter,
// whether it has the instructions that halve their work.
var (
	available = cpu.X86.HasAVX2
	shorter   = cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL
)

// constants are those of RFC 1321, section 3.4, for the assembly: the last
// sixteen are one less, as its function I is one more.
var constants = func() (k [64]uint32) {
	for i := range k {
		k[i] = uint32(math.Abs(math.Sin(float64(i+1))) * (1 << 32))
		if i >= 48 {
			k[i]--
		}
	}
	return k
}()

// blocks8 hashes size bytes, a multiple of BlockSize, from each of 8 addresses
// into the 8 lanes of state.
func blocks8(state *group, base *[8]*byte, size int) {
	if shorter {
		blocks8AVX512(state, base, size, &constants)
	} else {
		blocks8AVX2(state, base, size, &constants)
	}
}

// blocks16 does the same for 16 lanes.
func blocks16(state *[2]group, base *[16]*byte, size int) {
	if shorter {
		blocks16AVX512(state, base, size, &constants)
	} else {
		blocks16AVX2(state, base, size, &constants)
	}
}

//go:noescape
func blocks8AVX2(state *group, base *[8]*byte, size int, k *[64]uint32)

//go:noescape
func blocks16AVX2(state *[2]group, base *[16]*byte, size int, k *[64]uint32)

//go:noescape
func blocks8AVX512(state *group, base *[8]*byte, size int, k *[64]uint32)

//go:noescape
func blocks16AVX512(state *[2]group, base *[16]*byte, size int, k *[64]uint32)
