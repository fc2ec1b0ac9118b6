package bulk

import (
	"archive/tar"
	"bufio"
	"compress/bzip2"
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"strings"

	"apus/impl/swift"
)

// archives maps the values of extract-archive to how such a body is read.
var archives = map[string]func(io.Reader) (io.Reader, error){
	"tar":     func(r io.Reader) (io.Reader, error) { return r, nil },
	"tar.bz2": func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil },
	"tar.gz": func(r io.Reader) (io.Reader, error) {
		z, err := gzip.NewReader(r)
		return z, err
	},
}

// archive is a body read as an archive.
type archive struct {
	tar    *tar.Reader
	plain  *interruptible // what tar reads
	body   *source
	global map[string]string // pax records for all files to come
}

// source is the client's body. It ends with the request, so that an archive
// that is small in the body and endless inside ends too.
type source struct {
	ctx  context.Context
	body io.Reader
	err  error // of the body, not of what is in it
}

// over is an error once the request has ended.
func (s *source) over() error {
	if err := s.ctx.Err(); err != nil && s.err == nil {
		s.err = swift.E("bulk.Read", "", swift.ClientGone, err)
	}
	return s.err
}

func (s *source) Read(p []byte) (int, error) {
	if err := s.over(); err != nil {
		return 0, err
	}
	n, err := s.body.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

func openArchive(ctx context.Context, body io.Reader, open func(io.Reader) (io.Reader, error)) (*archive, error) {
	a := &archive{body: &source{ctx: ctx, body: body}, global: map[string]string{}}
	in := bufio.NewReaderSize(a.body, 64<<10)
	if _, err := in.Peek(1); err == io.EOF {
		if _, err := open(in); err != nil {
			return a, gzip.ErrHeader // nothing begins like no gzip file
		}
		return a, errEmpty
	}
	plain, err := open(in)
	if err != nil {
		return a, err
	}
	a.plain = &interruptible{body: a.body, r: plain}
	a.tar = tar.NewReader(a.plain)
	return a, nil
}

// interruptible fails once the request has ended, however much the reader
// could still make of what it has.
type interruptible struct {
	body *source
	r    io.Reader
	n    int64
}

func (i *interruptible) Read(p []byte) (int, error) {
	if err := i.body.over(); err != nil {
		return 0, err
	}
	n, err := i.r.Read(p)
	i.n += int64(n)
	return n, err
}

// file is a regular file in an archive; its content is read from the archive.
type file struct {
	name string
	size int64
	pax  map[string]string
}

// next is the next regular file, io.EOF after the last, nil for something
// else.
func (a *archive) next() (*file, error) {
	h, err := a.tar.Next()
	if err == io.EOF {
		return nil, a.finish()
	}
	if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
		return nil, err
	}
	switch h.Typeflag {
	case tar.TypeXGlobalHeader:
		return nil, a.remember(h.PAXRecords)
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
		return &file{h.Name, h.Size, h.PAXRecords}, nil
	}
	return nil, nil
}

// maxPadding is how much may follow the end of an archive for its checksum to
// be looked at. Tar fills up to 10 KiB unless told otherwise.
const maxPadding = 1 << 20

// finish returns io.EOF, unless the archive breaks off within a block, or the
// checksum of the whole is wrong. What else may follow an archive does not
// matter.
func (a *archive) finish() error {
	if a.plain.n%512 != 0 {
		return io.ErrUnexpectedEOF
	}
	_, err := io.CopyN(io.Discard, a.plain, maxPadding)
	if errors.Is(err, gzip.ErrChecksum) {
		return err
	}
	return io.EOF
}

// maxGlobal bounds the records kept for all files. More could not be sent as
// headers anyway.
const maxGlobal = 64 << 10

func (a *archive) remember(records map[string]string) error {
	for k, v := range records {
		if paxHeader(k) != "" {
			a.global[k] = v
		}
	}
	total := 0
	for k, v := range a.global {
		total += len(k) + len(v)
	}
	if total > maxGlobal {
		return errors.New("too many extended attributes")
	}
	return nil
}

// headers are what a file's extended attributes say about the object; ok is
// false when they cannot be headers.
func (a *archive) headers(f *file) (headers map[string]string, ok bool) {
	headers = map[string]string{}
	for _, records := range [...]map[string]string{a.global, f.pax} {
		for k, v := range records {
			name := paxHeader(k)
			if name == "" {
				continue
			}
			if !validName(name) || strings.ContainsFunc(v, isControl) {
				return nil, false
			}
			headers[name] = v
		}
	}
	return headers, true
}

// paxHeader is the header for a pax record of GNU tar or of libarchive, ""
// for those that mean something else.
func paxHeader(key string) string {
	rest, ok := strings.CutPrefix(key, "SCHILY.xattr.user.")
	if !ok {
		rest, ok = strings.CutPrefix(key, "LIBARCHIVE.xattr.user.")
	}
	meta, isMeta := strings.CutPrefix(rest, "meta.")
	switch {
	case ok && rest == "mime_type":
		return "Content-Type"
	case ok && isMeta:
		return "X-Object-Meta-" + meta
	}
	return ""
}

// validName tells whether s may be a header's name.
func validName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return true
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

var errEmpty = errors.New("empty file")

// explain puts what is wrong with an archive into words that clients know.
func (a *archive) explain(err error) string {
	var bad bzip2.StructuralError
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) && a.plain.n < 512:
		return "truncated header"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "unexpected end of data"
	case errors.Is(err, gzip.ErrHeader):
		return "not a gzip file"
	case errors.Is(err, gzip.ErrChecksum) || errors.As(err, &bad) || errors.As(err, &corrupt):
		return "invalid compressed data"
	case errors.Is(err, tar.ErrHeader):
		return "invalid header"
	}
	return err.Error()
}
