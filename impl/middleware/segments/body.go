package segments

import (
	"io"

	"apus/impl/web"
)

// Body is the body of a large object. It opens nothing until it is told to.
type Body struct {
	f     *Fetcher
	cut   func(start, end int64) Source
	size  int64
	whole *stream // nil until opened
}

var (
	_ io.ReadCloser = (*Body)(nil)
	_ web.Ranger    = (*Body)(nil)
)

// NewBody is a body of size bytes, -1 if nobody knows. Cut yields the pieces of
// a range; for the whole of an unknown size, end is -1.
func NewBody(f *Fetcher, size int64, cut func(start, end int64) Source) *Body {
	return &Body{f: f, cut: cut, size: size}
}

// Open opens the first segment.
func (b *Body) Open() (err error) {
	if b.whole == nil {
		b.whole, err = b.f.stream(b.cut(0, b.size), b.size)
	}
	return err
}

func (b *Body) Read(p []byte) (int, error) {
	if err := b.Open(); err != nil {
		return 0, err
	}
	return b.whole.Read(p)
}

// Close closes what is open of the whole. Ranges are closed on their own.
func (b *Body) Close() error {
	if b.whole == nil {
		return nil
	}
	return b.whole.Close()
}

// OpenRange opens the first segment of a range.
func (b *Body) OpenRange(start, end int64) (io.ReadCloser, error) {
	s, err := b.f.stream(b.cut(start, end), end-start)
	if err != nil {
		return nil, err
	}
	return s, nil
}
