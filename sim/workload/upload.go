package workload

import (
	"io"
	"sync/atomic"
)

// upload is the body of a PUT. The transport may still read it when the
// round trip is over, hence the atomics.
type upload struct {
	r     io.Reader
	size  int64
	stop  int64 // hang up after so many bytes; -1: never
	sent  atomic.Int64
	ended atomic.Bool // EOF was passed on
}

func newUpload(r io.Reader, size, leave int64) *upload {
	return &upload{r: r, size: size, stop: leave - 1}
}

func (u *upload) Read(p []byte) (int, error) {
	sent := u.sent.Load()
	if u.stop >= 0 && sent >= u.stop {
		return 0, errLeft
	}
	if u.stop >= 0 {
		p = p[:min(int64(len(p)), u.stop-sent)]
	}
	n, err := u.r.Read(p)
	u.sent.Add(int64(n))
	if err == io.EOF {
		u.ended.Store(true)
	}
	return n, err
}

// Close implements io.Closer.
func (u *upload) Close() error { return nil }

// complete reports whether the transport may have sent everything. If not,
// the server cannot have the whole body.
func (u *upload) complete() bool {
	return u.ended.Load() || u.size > 0 && u.sent.Load() == u.size
}
