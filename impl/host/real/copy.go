//go:build linux

package real

import (
	"errors"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// directMin is the size below which a second descriptor for sendfile costs
// more than copying.
const directMin = 64 << 10

// WriteTo implements io.WriterTo, so that io.Copy ends in sendfile,
// copy_file_range or splice, whatever w can do.
func (f *File) WriteTo(w io.Writer) (int64, error) {
	src, release, err := f.osFile("read")
	if err != nil {
		return 0, err
	}
	defer release()
	if dst, ok := w.(*File); ok {
		whole, release, err := dst.osFile("write")
		if err != nil {
			return 0, err
		}
		defer release()
		w = whole
	}
	var n int64
	if rf, ok := w.(io.ReaderFrom); ok {
		n, err = rf.ReadFrom(src)
	} else {
		n, err = src.WriteTo(w)
	}
	return n, f.wrapOwn("read", err)
}

// ReadFrom implements io.ReaderFrom, so that io.Copy from another file ends in
// copy_file_range and from a connection in splice.
func (f *File) ReadFrom(r io.Reader) (int64, error) {
	dst, release, err := f.osFile("write")
	if err != nil {
		return 0, err
	}
	defer release()
	// Package os recognises files of its own, also in a LimitedReader.
	limited, isLimited := r.(*io.LimitedReader)
	from := r
	if isLimited {
		from = limited.R
	}
	if src, ok := from.(*File); ok {
		whole, release, err := src.osFile("read")
		if err != nil {
			return 0, err
		}
		defer release()
		if isLimited {
			limited.R = whole
			defer func() { limited.R = src }()
		} else {
			r = whole
		}
	}
	n, err := dst.ReadFrom(r)
	return n, f.wrapOwn("write", err)
}

// wrapOwn wraps errors of this file and leaves those of the other side alone.
func (f *File) wrapOwn(op string, err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return wrap(op, f.name, err)
	}
	return err
}

// WriteRangeTo implements host.RangeWriter. Sendfile moves the position of the
// descriptor it reads from, so a second one is opened for the purpose.
func (f *File) WriteRangeTo(w io.Writer, off, n int64) (int64, error) {
	if n <= 0 {
		return 0, nil
	}
	var src io.Reader = io.NewSectionReader(f, off, n)
	if rf, ok := w.(io.ReaderFrom); ok && n >= directMin {
		if own, err := f.reopen(off); err == nil {
			defer own.Close() // only read from
			w, src = writerFrom{w, rf}, &io.LimitedReader{R: own, N: n}
		}
	}
	done, err := io.Copy(w, src)
	if err == nil && done < n {
		err = io.ErrUnexpectedEOF
	}
	return done, f.wrapOwn("read", err)
}

// writerFrom makes io.Copy use the ReaderFrom of a destination.
type writerFrom struct {
	io.Writer
	io.ReaderFrom
}

// reopen opens the same file once more, positioned at off.
func (f *File) reopen(off int64) (*os.File, error) {
	var own *os.File
	err := f.do("open", func(fd int) error {
		again, err := open("/proc/self/fd/"+strconv.Itoa(fd), unix.O_RDONLY, 0)
		if err == nil {
			own = os.NewFile(uintptr(again), f.name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, err := own.Seek(off, io.SeekStart); err != nil {
		_ = own.Close() // nothing was written
		return nil, err
	}
	return own, nil
}
