package web

import (
	"errors"
	"io"
	"net"
	"time"

	"apus/impl/host"
	"apus/impl/swift"
)

// requestBody is a client's body with a deadline for each read. Reading it
// first is what sends "100 Continue".
type requestBody struct {
	inner   io.Reader
	rc      readDeadliner
	timeout time.Duration
	started bool
	err     error // sticky; io.EOF when the body was read to its end
}

type readDeadliner interface{ SetReadDeadline(time.Time) error }

func (b *requestBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	b.started = true
	_ = b.rc.SetReadDeadline(host.Deadline(b.timeout))
	n, err := b.inner.Read(p)
	switch {
	case err == nil:
	case err == io.EOF:
		b.err = io.EOF
		// net/http now watches the connection for the client's hang-up; an
		// old deadline would look like one.
		_ = b.rc.SetReadDeadline(time.Time{})
	default:
		b.err = bodyError(err)
	}
	return n, b.err
}

// bodyError gives an error of reading from the client its kind. All that is
// not a timeout is his doing: a hang-up, or chunks that end in nonsense.
func bodyError(err error) error {
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		return swift.E("web.Read", "", swift.Timeout, err)
	}
	return swift.E("web.Read", "", swift.ClientGone, err)
}

// broken is true when the connection cannot carry another request.
func (b *requestBody) broken() bool { return b.err != nil && b.err != io.EOF }

// unread is true when some of the body may still come.
func (b *requestBody) unread() bool { return b.err == nil }
