//go:build linux

package real

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"apus/impl/host"
)

// pipeSize is how much a Splice holds at most, as far as the system lets a pipe
// be that large.
const pipeSize = 256 << 10

// maxPipes is how many pipes are kept for the next Splice.
const maxPipes = 64

// pipe is a pipe(2), empty while nobody uses it.
type pipe struct{ r, w int }

func newPipe() (*pipe, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, err
	}
	_, _ = unix.FcntlInt(uintptr(fds[1]), unix.F_SETPIPE_SZ, pipeSize) // a smaller one does as well
	return &pipe{fds[0], fds[1]}, nil
}

func (p *pipe) close() {
	_ = unix.Close(p.r)
	_ = unix.Close(p.w)
}

// splice moves bytes by splice(2) through a pipe.
type splice struct {
	pipes    chan *pipe // where the pipe goes back to
	p        *pipe
	src, dst syscall.RawConn
	held     int64 // bytes in the pipe
	want     int64
	n        int64
	err      error
	// fill and drain are kept, for a function made for each call would be
	// garbage at once.
	fill, drain func(fd uintptr) bool
}

var _ host.Splicer = (*Net)(nil)

// Splice implements host.Splicer for TCP connections.
func (n *Net) Splice(dst, src net.Conn) host.Splice {
	to, ok1 := dst.(*net.TCPConn)
	from, ok2 := src.(*net.TCPConn)
	if !ok1 || !ok2 {
		return nil
	}
	s := &splice{pipes: n.pipes}
	var err1, err2 error
	s.dst, err1 = to.SyscallConn()
	s.src, err2 = from.SyscallConn()
	if err1 != nil || err2 != nil {
		return nil
	}
	select {
	case s.p = <-n.pipes:
	default:
		var err error
		if s.p, err = newPipe(); err != nil {
			return nil // no descriptors are left; there is another way
		}
	}
	s.fill = func(fd uintptr) bool { return s.move(int(fd), s.p.w, s.want) }
	s.drain = func(fd uintptr) bool { return s.move(s.p.r, int(fd), s.held) }
	return s
}

// move reports false if it would have to wait.
func (s *splice) move(from, to int, most int64) bool {
	for {
		s.n, s.err = unix.Splice(from, nil, to, nil, int(min(most, pipeSize)), unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		switch s.err {
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			return true
		}
	}
}

// Take implements host.Splice.
func (s *splice) Take(n int64) (int64, error) {
	if s.held > 0 || n <= 0 {
		return 0, errors.New("real: take of a splice that has not given all")
	}
	s.want = n
	err := s.src.Read(s.fill)
	switch {
	case err != nil:
		return 0, err
	case s.err != nil:
		return 0, os.NewSyscallError("splice", s.err)
	case s.n == 0:
		return 0, io.EOF
	}
	s.held = s.n
	return s.n, nil
}

// Give implements host.Splice.
func (s *splice) Give() (int64, error) {
	if s.held == 0 {
		return 0, errors.New("real: nothing to give")
	}
	err := s.dst.Write(s.drain)
	switch {
	case err != nil:
		return 0, err
	case s.err != nil:
		return 0, os.NewSyscallError("splice", s.err)
	}
	s.held -= s.n
	return s.n, nil
}

// Close implements host.Splice.
func (s *splice) Close() {
	if s.held > 0 {
		s.p.close()
		return
	}
	select {
	case s.pipes <- s.p:
	default:
		s.p.close()
	}
}
