//go:build !apusexact

package engine

// Engine names what runs scenarios in this binary.
const Engine = "best effort"

func runtimeSeed(uint64, bool) {}
