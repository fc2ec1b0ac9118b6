package demo

import (
	"testing"

	"apus/sim/engine"

	"github.com/stretchr/testify/require"
)

func TestRun(t *testing.T) {
	report := engine.RunTest(t, 1, Run)
	require.Greater(t, report.Requests, int64(1000))
	require.Greater(t, report.Events, report.Requests)
	t.Logf("%s engine: %+v", engine.Engine, report)
}
