//go:build !amd64

package md5sum

// available is false: there is no vector code for this kind of processor, and
// New never makes a digest that would call it.
const available = false

var constants [64]uint32

func blocks8(*group, *[8]*byte, int, *[64]uint32) { panic("md5sum: no vector code") }

func blocks16(*[2]group, *[16]*byte, int, *[64]uint32) { panic("md5sum: no vector code") }
