//go:build apusexact

package engine

import _ "unsafe" // for the hook of the changed runtime

// Engine names what runs scenarios in this binary.
const Engine = "exact"

// runtimeSeed is in the file that the overlay adds to package runtime.
func runtimeSeed(seed uint64, mix bool)
