package backend

import (
	"io"
	"time"

	"apus/impl/host"
	"apus/impl/http1"
)

// sink writes the body of a request, as its head announced it.
type sink struct {
	cn     *conn
	left   int64 // to be written; -1 unknown
	chunks *http1.ChunkWriter
	w      io.Writer
}

func newSink(cn *conn, length int64) sink {
	s := sink{cn: cn, left: length, w: cn.Conn}
	if length < 0 {
		s.chunks = http1.NewChunkWriter(cn.Conn)
		s.w = s.chunks
	}
	return s
}

// fit is p, no longer than what is left.
func (s *sink) fit(p []byte) []byte {
	if s.left >= 0 && int64(len(p)) > s.left {
		return p[:s.left]
	}
	return p
}

// write writes a piece, which must fit, and gives the node time to take it.
func (s *sink) write(p []byte, limit time.Duration) error {
	_ = s.cn.SetWriteDeadline(host.Deadline(limit))
	_, err := s.w.Write(p)
	if s.left > 0 {
		s.left -= int64(len(p))
	}
	return err
}

// end writes what is behind a body of unknown length.
func (s *sink) end(limit time.Duration) error {
	if s.chunks == nil {
		return nil
	}
	_ = s.cn.SetWriteDeadline(host.Deadline(limit))
	return s.chunks.Close()
}
