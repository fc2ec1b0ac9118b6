package cluster

import (
	"bytes"
	"context"
	"log/slog"
	"sync"

	"apus/sim/engine"
)

// logLimit bounds what is kept of a machine's log, in bytes.
const logLimit = 256 << 10

// logBuffer keeps the end of a machine's log, stamped with its own wall
// clock.
type logBuffer struct {
	clock   *engine.Clock
	inner   slog.Handler
	storage *logStorage
}

type logStorage struct {
	mu struct {
		sync.Mutex
		text []byte
	}
}

func newLogBuffer(clock *engine.Clock) *logBuffer {
	s := &logStorage{}
	return &logBuffer{clock: clock, storage: s, inner: slog.NewTextHandler(s, nil)}
}

// Write appends and forgets the oldest half when there is too much.
func (s *logStorage) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mu.text)+len(p) > logLimit {
		keep := s.mu.text[len(s.mu.text)/2:]
		if i := bytes.IndexByte(keep, '\n'); i >= 0 {
			keep = keep[i+1:]
		}
		s.mu.text = append([]byte(nil), keep...)
	}
	s.mu.text = append(s.mu.text, p...)
	return len(p), nil
}

func (b *logBuffer) tail() []byte {
	b.storage.mu.Lock()
	defer b.storage.mu.Unlock()
	return bytes.Clone(b.storage.mu.text)
}

func (b *logBuffer) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

func (b *logBuffer) Handle(ctx context.Context, r slog.Record) error {
	r.Time = b.clock.Now()
	return b.inner.Handle(ctx, r)
}

func (b *logBuffer) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logBuffer{b.clock, b.inner.WithAttrs(attrs), b.storage}
}

func (b *logBuffer) WithGroup(name string) slog.Handler {
	return &logBuffer{b.clock, b.inner.WithGroup(name), b.storage}
}
