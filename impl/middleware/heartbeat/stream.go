package heartbeat

import (
	"context"
	"io"
	"strings"
	"time"

	"apus/impl/host"
)

// Stream is the body of answers that nobody asked to come early: bulk uploads
// and deletes. It does work while it is read, a step at a time, sends whitespace only
// when that takes long, and ends in a report. Between steps it is in the middle of nothing, so that closing
// it just stops.
type Stream struct {
	ctx  context.Context
	step func() []byte

	every     time.Duration
	watch     host.Stopwatch
	beats     int64 // pieces of whitespace sent
	beat      string
	separator string
	pending   []byte
	done      bool
}

var _ io.ReadCloser = (*Stream)(nil)

// NewStream is a body in the given format. Step does a little of the work and
// returns nil until there is no more, and then the encoded report. When work
// has gone on for another every, a piece of whitespace is sent.
func NewStream(ctx context.Context, format string, every time.Duration, step func() []byte) *Stream {
	s := &Stream{ctx: ctx, step: step, every: every, watch: host.StartStopwatch(), beat: " "}
	if strings.HasSuffix(format, "/xml") {
		s.beat = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	}
	return s
}

// Read works until there is something to send.
func (s *Stream) Read(p []byte) (int, error) {
	if len(s.pending) == 0 && s.done {
		return 0, io.EOF
	}
	if err := s.Work(); err != nil {
		return 0, err
	}
	n := copy(p, s.pending)
	s.pending = s.pending[n:]
	return n, nil
}

// Work does what Read does before it has something to send: a filter whose
// work reads the request calls it before it answers. The error is that of the
// context.
func (s *Stream) Work() error {
	for len(s.pending) == 0 && !s.done {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		if text := s.step(); text != nil {
			s.pending, s.done = append([]byte(s.separator), text...), true
			return nil
		}
		if s.every > 0 && int64(s.watch.Elapsed()/s.every) > s.beats {
			s.beats = int64(s.watch.Elapsed() / s.every)
			s.pending = []byte(s.beat)
			s.beat, s.separator = " ", "\r\n\r\n"
		}
	}
	return nil
}

// Done tells whether the work is done and only the report is left to be read.
func (s *Stream) Done() bool { return s.done }

// Close stops.
func (s *Stream) Close() error {
	s.done, s.pending = true, nil
	return nil
}
