package builder

import (
	crand "crypto/rand"

	"apus/impl/ring/builder/pyrandom"
)

// Seed decides among equally good placements. The zero Seed draws one.
type Seed struct {
	text  string
	num   uint64
	given seedKind
}

type seedKind uint8

const (
	seedDrawn seedKind = iota
	seedText
	seedNumber
)

// SeedText is the seed that swift-ring-builder makes of --seed, which is a
// text even when it looks like a number.
func SeedText(s string) Seed { return Seed{text: s, given: seedText} }

// SeedNumber is the seed of a caller of RingBuilder.rebalance(seed=n).
func SeedNumber(n uint64) Seed { return Seed{num: n, given: seedNumber} }

func (s Seed) random() *pyrandom.Random {
	switch s.given {
	case seedText:
		return pyrandom.FromText(s.text)
	case seedNumber:
		return pyrandom.FromNumber(s.num)
	}
	var key [32]byte
	_, _ = crand.Read(key[:]) // it never fails
	return pyrandom.FromText(string(key[:]))
}
