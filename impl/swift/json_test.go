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

func TestHasMarker(t *testing.T) {
	for _, c := range []struct {
		text string
		want bool
	}{
		{"", false}, {"a=", true}, {"=", false}, {"a", false}, {"==a==", true}, {"=a", false}, {"aa=", true}, {"b=a=b", true}, {"b=a", false}, {"xxxxxxxxxxxxa=", true},
	} {
		require.Equal(t, c.want, HasMarker([]byte(c.text), "a=", 1), "%q at the end", c.text)
		require.Equal(t, c.want, HasMarker([]byte(c.text), "a=", 0), "%q at the beginning", c.text)
	}
	require.True(t, HasMarker([]byte("kksymlink_path"), "symlink_path", 6))
	require.False(t, HasMarker([]byte("kksymlink_pat"), "symlink_path", 6))
}
