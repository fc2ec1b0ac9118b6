//go:build !amd64 || apusexact

package md5sum

// available is false, and New never makes a digest that would call what is
// below: there is no vector code for this kind of processor, or the program is
// the exact simulator, whose runs must not depend on the kind of processor.
const available = false

func blocks8(*group, *[8]*byte, int) { panic("md5sum: no vector code") }

func blocks16(*[2]group, *[16]*byte, int) { panic("md5sum: no vector code") }
