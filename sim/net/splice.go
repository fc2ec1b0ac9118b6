package simnet

import (
	"errors"
	"net"

	"apus/impl/host"
)

// pipeSize is how much a splice holds at most.
const pipeSize = 64 << 10

// splice is a [host.Splice] through a buffer, which stands for the pipe that a
// system has.
type splice struct {
	dst, src *Conn
	buf      []byte
	held     []byte // of buf: taken and not yet given
}

// Splice implements [host.Splicer].
func (p *Process) Splice(dst, src net.Conn) host.Splice {
	to, ok1 := dst.(*Conn)
	from, ok2 := src.(*Conn)
	if !ok1 || !ok2 {
		return nil
	}
	return &splice{dst: to, src: from}
}

// Take implements [host.Splice].
func (s *splice) Take(n int64) (int64, error) {
	if len(s.held) > 0 || n <= 0 {
		return 0, errors.New("simnet: take of a splice that has not given all")
	}
	if s.buf == nil {
		s.buf = make([]byte, pipeSize)
	}
	m, err := s.src.Read(s.buf[:min(n, pipeSize)])
	s.held = s.buf[:m]
	return int64(m), err
}

// Give implements [host.Splice].
func (s *splice) Give() (int64, error) {
	if len(s.held) == 0 {
		return 0, errors.New("simnet: nothing to give")
	}
	m, err := s.dst.Write(s.held)
	s.held = s.held[m:]
	return int64(m), err
}

// Close implements [host.Splice].
func (s *splice) Close() { s.held = nil }
