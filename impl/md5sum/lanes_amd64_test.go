//go:build !apusexact

package md5sum

import "testing"

// TestAVX2 runs the tests with the code for processors without AVX-512VL. On
// such a one the others have done so.
func TestAVX2(t *testing.T) {
	if !available || !shorter {
		t.Skip("this processor has one of the two sets of instructions at most")
	}
	shorter = false
	defer func() { shorter = true }()
	t.Run("batch", TestBatch)
	t.Run("every length", TestEveryLength)
	t.Run("writers", TestWriters)
}
