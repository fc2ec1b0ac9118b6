package swift

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// PlainJSON is how many of the first bytes of text stand in a JSON string as
// they are, if all that is not ASCII is escaped: there are no quotes,
// backslashes and control characters among them.
func PlainJSON(text []byte) int {
	i := 0
	for ; len(text)-i >= 8; i += 8 {
		// The highest bit of each byte says that it is special. Only those after
		// the first can be wrong, for what they lent to their neighbour.
		x := binary.LittleEndian.Uint64(text[i:])
		quote, backslash := x^ones*'"', x^ones*'\\'
		special := (x | (x - ones*' ') | (quote - ones) | (backslash - ones)) & highs
		if special != 0 {
			return i + bits.TrailingZeros64(special)/8
		}
	}
	for ; i < len(text); i++ {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			break
		}
	}
	return i
}
