package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStreamsAreIndependent(t *testing.T) {
	a, b := NewWorld(7), NewWorld(7)
	require.Equal(t, a.Stream("network").Uint64(), b.Stream("network").Uint64())
	require.NotEqual(t, a.Stream("network").Uint64(), a.Stream("disk").Uint64())
	require.NotEqual(t, a.Stream("network").Uint64(), NewWorld(8).Stream("network").Uint64())
}

func TestTraceHashSeesEverything(t *testing.T) {
	hash := func(events ...func(*tracer)) string {
		var tr tracer
		tr.init(1)
		for _, e := range events {
			e(&tr)
		}
		return tr.sum()
	}
	event := func(at time.Duration, kind string, args ...any) func(*tracer) {
		return func(tr *tracer) { tr.event(at, kind, args) }
	}
	x, y := event(1, "x", 1, "a"), event(2, "y", []byte("b"), true, nil, errors.New("e"))
	seen := map[string]string{}
	for name, h := range map[string]string{
		"nothing": hash(), "x": hash(x), "xy": hash(x, y), "yx": hash(y, x),
		"other time":  hash(event(2, "x", 1, "a")),
		"other kind":  hash(event(1, "z", 1, "a")),
		"other arg":   hash(event(1, "x", 2, "a")),
		"other split": hash(event(1, "x", 1, "", "a")),
		"long":        hash(event(1, "x", "0123456789abcdef")),
		"long too":    hash(event(1, "x", "0123456789abcdeg")),
	} {
		require.Empty(t, seen[h], name)
		seen[h] = name
	}
	require.Equal(t, hash(x, y), hash(x, y))
}

func TestEventLog(t *testing.T) {
	var text strings.Builder
	var tr tracer
	tr.init(1)
	tr.keep(&text)
	tr.event(5, "net data", []any{uint64(3), "a b", []byte{1, 2}, time.Second})
	require.NoError(t, tr.flush())
	require.Equal(t, "5 net data 3 \"a b\" 0102 1s\n", text.String())
	require.EqualValues(t, 1, tr.count())
}

func TestRunTestFillsInTheReport(t *testing.T) {
	report := RunTest(t, 3, func(_ context.Context, w *World) (*Report, error) {
		w.Trace("something")
		w.Mark("here")
		time.Sleep(time.Hour)
		w.Quiesce()
		return nil, nil
	})
	require.Equal(t, time.Hour, report.VirtualTime)
	require.EqualValues(t, 1, report.Events)
	require.NotEmpty(t, report.TraceHash)
	require.Equal(t, map[string]int{"here": 1}, report.Marks)
}
