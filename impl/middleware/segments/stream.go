package segments

import (
	"bytes"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"

	"apus/impl/md5sum"
	"apus/impl/web"
)

// stream reads the bytes of one range, one segment after the other.
type stream struct {
	f      *Fetcher
	source Source
	left   int64 // of the range; negative if unknown

	cur     *web.Response // open segment; nil between segments and for data
	rd      io.Reader     // of the open segment or data
	name    string        // of the segment
	curLeft int64         // of the segment
	sum     hash.Hash     // of the segment, when it can be verified
	want    string        // what sum must be
	err     error         // sticky
}

// stream opens the first segment of a range of length bytes, -1 if unknown.
func (f *Fetcher) stream(source Source, length int64) (*stream, error) {
	s := &stream{f: f, source: source, left: length}
	if s.left == 0 {
		return s, nil
	}
	switch err := s.advance(); {
	case err == io.EOF:
		s.left, s.err = 0, io.EOF
	case err != nil:
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
			s.f.complain(err)
		}
	}
	return n, err
}

func (s *stream) read(p []byte) (int, error) {
	if s.left == 0 && s.rd == nil {
		return 0, io.EOF
	}
	if err := s.f.inTime(); err != nil {
		return 0, err
	}
	for s.rd == nil || s.curLeft == 0 {
		if s.rd != nil { // an empty segment
			if err := s.finish(); err != nil {
				return 0, err
			}
		}
		if err := s.advance(); err != nil {
			return 0, err
		}
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := s.rd.Read(p[:min(int64(len(p)), s.curLeft)])
	s.curLeft -= int64(n)
	if s.left >= 0 {
		if s.left -= int64(n); s.left < 0 || s.left == 0 && s.curLeft > 0 {
			return 0, Conflict(s.name, "is longer than it was")
		}
	}
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
		err = Conflict(s.name, "ended %d bytes early", s.curLeft)
	}
	return n, err
}

var errPiecesEnd = errors.New("the segments are shorter than they were")

// advance opens the next piece. At the end of a range of unknown length it
// returns io.EOF.
func (s *stream) advance() error {
	p, err := s.source.Next()
	switch {
	case err == io.EOF && s.left > 0:
		return Conflict("", "%w", errPiecesEnd)
	case err != nil:
		return err
	}
	s.name, s.curLeft, s.sum = p.Name, p.length(), nil
	if p.Data != nil {
		s.rd = bytes.NewReader(p.Data[p.From:p.To])
		return nil
	}
	if p.Paced {
		if err := s.f.pace.wait(s.f.ctx, s.f.watch.Elapsed()); err != nil {
			return err
		}
	}
	if s.cur, err = s.f.fetch(&p); err != nil {
		return err
	}
	s.rd = s.cur.Body
	if p.Hash == "" {
		s.curLeft = s.cur.ContentLength
	}
	if p.whole() {
		s.sum, s.want = md5sum.New(), web.Unquote(s.cur.Header.Get("Etag"))
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
	if s.sum != nil && s.want != "" && hex.EncodeToString(s.sum.Sum(nil)) != s.want {
		return Conflict(s.name, "fails its checksum")
	}
	return nil
}

// Close closes the open segment, if there is one, without reading it.
func (s *stream) Close() error {
	if s.err == nil {
		s.err = errors.New("segments: read of a closed body")
	}
	cur := s.cur
	s.cur, s.rd = nil, nil
	if cur == nil {
		return nil
	}
	return cur.Body.Close()
}

// fetch opens a piece and checks that it is what it should be.
func (f *Fetcher) fetch(p *Piece) (*web.Response, error) {
	var header []string
	if !p.whole() {
		last := strconv.FormatInt(p.To-1, 10)
		if p.To == p.Size {
			last = ""
		}
		header = []string{"Range", "bytes=" + strconv.FormatInt(p.From, 10) + "-" + last}
	}
	resp, err := f.Get(p.Name, header...)
	if err != nil {
		return nil, err
	}
	if p.Hash == "" {
		err = checkAny(p, resp)
	} else {
		err = check(p, resp)
	}
	if err != nil {
		resp.Abandon()
		return nil, err
	}
	return resp, nil
}

// check is for a piece of an object that is known.
func check(p *Piece, resp *web.Response) error {
	if etag := web.Unquote(resp.Header.Get("Etag")); etag != p.Hash {
		return Conflict(p.Name, "has ETag %q, the manifest says %q", etag, p.Hash)
	}
	if n := resp.ContentLength; n >= 0 && n != p.length() {
		return Conflict(p.Name, "sends %d bytes instead of %d", n, p.length())
	}
	if p.whole() {
		return nil
	}
	want := web.ContentRange(web.Range{Start: p.From, End: p.To}, p.Size)
	if got := resp.Header.Get("Content-Range"); resp.Status != http.StatusPartialContent || strings.TrimSpace(got) != want {
		return Conflict(p.Name, "sends %d, %q instead of %q", resp.Status, got, want)
	}
	return nil
}

// checkAny is for a piece of whatever object has the name.
func checkAny(p *Piece, resp *web.Response) error {
	if resp.ContentLength < 0 {
		return Conflict(p.Name, "has no length")
	}
	if p.whole() {
		return nil
	}
	want := "bytes " + strconv.FormatInt(p.From, 10) + "-"
	if got := resp.Header.Get("Content-Range"); resp.Status != http.StatusPartialContent || !strings.HasPrefix(strings.TrimSpace(got), want) {
		return Conflict(p.Name, "sends %d, %q instead of %q", resp.Status, got, want)
	}
	return nil
}
