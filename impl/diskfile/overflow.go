package diskfile

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"apus/impl/host"
)

// overflowXattr says where metadata is that the file system does not take as
// an extended attribute: "<offset> <length>" within the file itself, decimal.
const overflowXattr = "user.swift.metadata_at"

// maxMetadata is the longest pickle that is read back.
const maxMetadata = xattrChunk * xattrChunks

// overflow is a place within a file.
type overflow struct{ offset, length int64 }

func (o overflow) String() string { return fmt.Sprintf("%d %d", o.offset, o.length) }

func parseOverflow(s string) (overflow, error) {
	a, b, _ := strings.Cut(s, " ")
	offset, err := strconv.ParseInt(a, 10, 64)
	length, lerr := strconv.ParseInt(b, 10, 64)
	o := overflow{offset, length}
	if err != nil || lerr != nil || offset < 0 || length < 1 || length > maxMetadata || s != o.String() {
		return overflow{}, fmt.Errorf("%s is %q, not an offset and a length of at most %d bytes", overflowXattr, s, maxMetadata)
	}
	return o, nil
}

// writeOverflow appends raw to the file, at offset size, and leaves a note of
// it. What attributes had been set of the metadata are removed.
func writeOverflow(f host.File, raw []byte, size int64) error {
	for i := 0; ; i++ {
		err := f.RemoveXattr(pieceName(i))
		if errors.Is(err, host.ErrNoXattr) {
			break
		}
		if err != nil {
			return err
		}
	}
	if _, err := f.WriteAt(raw, size); err != nil {
		return err
	}
	return f.SetXattr(overflowXattr, []byte(overflow{size, int64(len(raw))}.String()))
}

// readOverflow reads what writeOverflow wrote; nil if the file has no note of
// it. An errOverflow says that it is lost, others that it could not be read.
func readOverflow(f host.File) ([]byte, overflow, error) {
	note, err := f.GetXattr(overflowXattr)
	if errors.Is(err, host.ErrNoXattr) {
		return nil, overflow{}, nil
	}
	if err != nil {
		return nil, overflow{}, err
	}
	at, err := parseOverflow(string(note))
	if err != nil {
		return nil, overflow{}, fmt.Errorf("%w: %w", errOverflow, err)
	}
	raw := make([]byte, at.length)
	n, err := f.ReadAt(raw, at.offset)
	if n == len(raw) {
		return raw, at, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: the file holds %d of %d bytes at %d", errOverflow, n, at.length, at.offset)
	}
	return nil, overflow{}, err
}

// errOverflow says that metadata in the file itself is bad or cut off.
var errOverflow = errors.New("bad metadata behind the body")
