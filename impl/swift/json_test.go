package swift

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each byte is found wherever it is in a word, and none that is not special.
func TestPlainJSON(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			text := []byte(strings.Repeat("\x7f ]!#[\x21\x5d~a", 3)[:23])
			text[at] = byte(c)
			want := len(text)
			if c < ' ' || c == '"' || c == '\\' || c >= 0x80 {
				want = at
			}
			require.Equal(t, want, PlainJSON(text), "%q", text)
			text[22] = '"'
			require.Equal(t, min(want, 22), PlainJSON(text), "%q", text)
		}
	}
}
