package slo

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"

	"apus/impl/host"
	"apus/impl/swift"
	"apus/impl/web"
)

func md5Hex(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

// object is the body of a large object. It opens nothing until it is told to.
type object struct {
	src      *fetcher
	segments []segment
	size     int64
	whole    *stream // nil until opened
}

var _ web.Ranger = (*object)(nil)

// newObject keeps ctx, which lives as long as the body.
func newObject(ctx context.Context, f *filter, req *web.Request, segments []segment, size int64) *object {
	src := &fetcher{ctx: ctx, filter: f, req: req, watch: host.StartStopwatch()}
	src.pace.free, src.pace.perSec = f.limitAfter, f.perSec
	return &object{src: src, segments: segments, size: size}
}

// open opens the first segment.
func (o *object) open() (err error) {
	if o.whole == nil {
		o.whole, err = o.src.stream(o.segments, 0, o.size)
	}
	return err
}

func (o *object) Read(p []byte) (int, error) {
	if err := o.open(); err != nil {
		return 0, err
	}
	return o.whole.Read(p)
}

// Close closes what is open of the whole. Ranges are closed on their own.
func (o *object) Close() error {
	if o.whole == nil {
		return nil
	}
	return o.whole.Close()
}

// OpenRange opens the first segment of a range.
func (o *object) OpenRange(start, end int64) (io.ReadCloser, error) {
	s, err := o.src.stream(o.segments, start, end)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// stream reads the bytes of one range, one segment after the other.
type stream struct {
	src    *fetcher
	cursor cursor
	left   int64 // of the range

	cur     *web.Response // open segment; nil between segments and for inline data
	rd      io.Reader     // of the open segment or data
	piece   piece
	curLeft int64     // of the piece
	sum     hash.Hash // of the piece, when it can be verified
	err     error     // sticky
}

// stream opens the first segment of the range.
func (f *fetcher) stream(segments []segment, start, end int64) (*stream, error) {
	s := &stream{src: f, left: end - start}
	s.cursor.push(slice(segments, start, end))
	if s.left == 0 {
		return s, nil
	}
	if err := s.advance(); err != nil {
		f.complain(err)
		return nil, err
	}
	return s, nil
}

func (s *stream) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.read(p)
	if err != nil {
		s.err = err
		_ = s.Close()
		if err != io.EOF {
			s.src.complain(err)
		}
	}
	return n, err
}

func (s *stream) read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	if err := s.src.inTime(); err != nil {
		return 0, err
	}
	if s.rd == nil {
		if err := s.advance(); err != nil {
			return 0, err
		}
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := s.rd.Read(p[:min(int64(len(p)), s.curLeft)])
	s.curLeft -= int64(n)
	s.left -= int64(n)
	if s.sum != nil {
		_, _ = s.sum.Write(p[:n])
	}
	if s.curLeft == 0 {
		// The last bytes are not given away before the checksum is right.
		if err := s.finish(); err != nil {
			return 0, err
		}
		return n, nil
	}
	if err == io.EOF {
		err = conflict(s.piece.name, "ended %d bytes early", s.curLeft)
	}
	return n, err
}

// advance opens the next piece.
func (s *stream) advance() error {
	p, err := s.cursor.next(s.src)
	if err != nil {
		return err
	}
	s.piece, s.curLeft, s.sum = p, p.length(), nil
	if p.data != nil {
		s.rd = bytes.NewReader(p.data[p.from:p.to])
		return nil
	}
	if p.size < s.src.filter.limitUnder {
		if err := s.src.pace.wait(s.src.ctx, s.src.watch.Elapsed()); err != nil {
			return err
		}
	}
	if s.cur, err = s.src.fetch(p); err != nil {
		return err
	}
	s.rd = s.cur.Body
	if p.whole() {
		s.sum = md5.New()
	}
	return nil
}

// finish closes a piece that was read to its end.
func (s *stream) finish() error {
	cur := s.cur
	s.cur, s.rd = nil, nil
	if cur != nil {
		cur.Discard() // reads the end of the body, so that the connection is kept
	}
	if s.sum != nil && hex.EncodeToString(s.sum.Sum(nil)) != s.piece.hash {
		return conflict(s.piece.name, "fails its checksum")
	}
	return nil
}

// Close closes the open segment, if there is one, without reading it.
func (s *stream) Close() error {
	if s.err == nil {
		s.err = errors.New("slo: read of a closed body")
	}
	cur := s.cur
	s.cur, s.rd = nil, nil
	if cur == nil {
		return nil
	}
	return cur.Body.Close()
}

// conflict is an error about a segment that is not what the manifest says:
// 409 while there is a status to choose.
func conflict(name, format string, args ...any) error {
	return swift.E("slo.segment", name, swift.Conflict, fmt.Errorf(format, args...))
}

// fetcher gets segments for one request.
type fetcher struct {
	ctx    context.Context
	filter *filter
	req    *web.Request
	watch  host.Stopwatch
	pace   pace
	known  []subManifest
}

func (f *fetcher) inTime() error {
	if f.watch.Elapsed() > f.filter.maxGetTime {
		return swift.E("slo.get", f.req.Path, swift.Unavailable, fmt.Errorf("took longer than max_get_time, %s", f.filter.maxGetTime))
	}
	return f.ctx.Err()
}

// complain logs why a large object could not be read. A client that hung up
// is no reason.
func (f *fetcher) complain(err error) {
	if f.ctx.Err() == nil {
		f.req.Meta.Log.Error("large object cannot be read", "path", f.req.Path, "txn", f.req.Meta.TxnID, "err", err)
	}
}

// object requests an object below the account, never what it stands for.
func (f *fetcher) object(name string) *web.Request {
	version, path, _ := f.req.Swift()
	s := sub(f.req, http.MethodGet, "/"+version+"/"+path.Account+name, "MultipartGET")
	s.RawQuery = "multipart-manifest=get"
	return s
}

// serve answers only with what succeeded.
func (f *fetcher) serve(req *web.Request, name string) (*web.Response, error) {
	resp := f.filter.next.Serve(f.ctx, req)
	switch {
	case resp.OK():
		return resp, nil
	case resp.Status >= 500:
		resp.Discard()
		return nil, swift.E("slo.segment", name, swift.Unavailable, fmt.Errorf("answered %d", resp.Status))
	}
	resp.Discard()
	return nil, conflict(name, "answered %d", resp.Status)
}

// fetch opens a piece and checks that it is what the manifest promises.
func (f *fetcher) fetch(p piece) (*web.Response, error) {
	req := f.object(p.name)
	if !p.whole() {
		last := strconv.FormatInt(p.to-1, 10)
		if p.to == p.size {
			last = ""
		}
		req.Header.Set("Range", "bytes="+strconv.FormatInt(p.from, 10)+"-"+last)
	}
	resp, err := f.serve(req, p.name)
	if err != nil {
		return nil, err
	}
	if err := check(p, resp); err != nil {
		resp.Abandon()
		return nil, err
	}
	return resp, nil
}

func check(p piece, resp *web.Response) error {
	if etag := web.Unquote(resp.Header.Get("Etag")); etag != p.hash {
		return conflict(p.name, "has ETag %q, the manifest says %q", etag, p.hash)
	}
	if n := resp.ContentLength; n >= 0 && n != p.length() {
		return conflict(p.name, "sends %d bytes instead of %d", n, p.length())
	}
	if p.whole() {
		return nil
	}
	want := web.ContentRange(web.Range{Start: p.from, End: p.to}, p.size)
	if got := resp.Header.Get("Content-Range"); resp.Status != http.StatusPartialContent || strings.TrimSpace(got) != want {
		return conflict(p.name, "sends %d, %q instead of %q", resp.Status, got, want)
	}
	return nil
}
