package swift

import (
	"bytes"
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

// HasMarker reports whether marker is in text. It looks for the byte at the
// given place of the marker first, which should be one that is rare: filters
// ask this of listings of megabytes, which seldom have any.
func HasMarker(text []byte, marker string, at int) bool {
	for from := 0; ; {
		i := bytes.IndexByte(text[from:], marker[at])
		if i < 0 {
			return false
		}
		begin := from + i - at
		if begin >= 0 && bytes.HasPrefix(text[begin:], []byte(marker)) {
			return true
		}
		from += i + 1
	}
}
