package scenario

import (
	"testing"

	"apus/sim/engine"

	"github.com/stretchr/testify/require"
)

func TestConformance(t *testing.T) {
	report := engine.RunTest(t, 1, Conformance)
	require.Greater(t, report.Checks, int64(150), "cases")
}
