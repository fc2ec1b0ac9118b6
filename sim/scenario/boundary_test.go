package scenario

import (
	"testing"

	"apus/sim/engine"

	"github.com/stretchr/testify/require"
)

// TestBoundary visits one slice of the boundaries of a storage node's disk.
func TestBoundary(t *testing.T) {
	report := engine.RunTest(t, BoundarySlices, Boundary)
	require.Greater(t, report.Marks["boundaries: of"], 300)
	require.Greater(t, report.Marks["boundaries: cut at"], 5)
	require.Greater(t, report.Marks["boundaries: failed at"], 5)
}
