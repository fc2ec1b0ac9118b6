package demo

import "math/rand/v2"

// draw is where the planted copy of this file, which proves that a difference
// is noticed, takes a number that no seed decides.
func draw() uint64 { return rand.Uint64() }
