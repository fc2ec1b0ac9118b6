package ring

import (
	"compress/flate"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
)

// Sections of a file of version 2.
const (
	metadataSection    = "swift/ring/metadata"
	devicesSection     = "swift/ring/devices"
	assignmentsSection = "swift/ring/assignments"
)

// tailSize is the distance from the end of a file to the stored block with the
// offset of the index: 18 bytes of it and 13 that end the stream.
const tailSize = 18 + 13

// entry says where a section is. In the index it is a list of these in order.
type entry struct {
	start, rawStart, end, rawEnd int64 // offsets in the file and uncompressed
	method, digest               string
}

// UnmarshalJSON reads the list.
func (e *entry) UnmarshalJSON(text []byte) error {
	var items []json.RawMessage
	if err := json.Unmarshal(text, &items); err != nil {
		return err
	}
	into := []any{&e.start, &e.rawStart, &e.end, &e.rawEnd, &e.method, &e.digest}
	if len(items) != len(into) {
		return fmt.Errorf("%d items instead of %d", len(items), len(into))
	}
	for i, item := range items {
		if err := json.Unmarshal(item, into[i]); err != nil {
			return err
		}
	}
	return nil
}

// metadata is the section of that name.
type metadata struct {
	IDBytes       int    `json:"dev_id_bytes"`
	NextPartPower *int   `json:"next_part_power"`
	PartShift     *uint  `json:"part_shift"`
	Version       *int64 `json:"version"`
}

// archive is a file of version 2 of which the index was read.
type archive struct {
	file  io.ReaderAt
	size  int64
	index map[string]*entry
}

func readV2(file io.ReaderAt, size int64) (*Ring, error) {
	a := &archive{file: file, size: size}
	if err := a.readIndex(); err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	var meta metadata
	if err := a.readJSON(metadataSection, &meta); err != nil {
		return nil, err
	}
	if err := checkPartShift(meta.PartShift); err != nil {
		return nil, err
	}
	if meta.IDBytes != 2 && meta.IDBytes != 4 {
		return nil, fmt.Errorf("dev_id_bytes %d is neither 2 nor 4", meta.IDBytes)
	}
	var devs []*Device
	if err := a.readJSON(devicesSection, &devs); err != nil {
		return nil, err
	}
	if err := checkDevices(devs, meta.IDBytes); err != nil {
		return nil, err
	}
	rows, err := a.readRows(1<<(32-*meta.PartShift), decoding{meta.IDBytes, binary.BigEndian, devs})
	if err != nil {
		return nil, fmt.Errorf("section %s: %w", assignmentsSection, err)
	}
	return assemble(devs, meta.PartShift, meta.IDBytes, rows, meta.Version, meta.NextPartPower), nil
}

// from inflates the file from an offset.
func (a *archive) from(offset int64) (io.Reader, error) {
	if offset < 0 || offset >= a.size {
		return nil, fmt.Errorf("offset %d is not within the file of %d bytes", offset, a.size)
	}
	return flate.NewReader(io.NewSectionReader(a.file, offset, a.size-offset)), nil
}

func (a *archive) readIndex() error {
	in, err := a.from(a.size - tailSize)
	if err != nil {
		return err
	}
	var word [8]byte
	if _, err := io.ReadFull(in, word[:]); err != nil {
		return fmt.Errorf("its place is not where it should be; was the file compressed again? %w", err)
	}
	if in, err = a.from(int64(binary.BigEndian.Uint64(word[:]))); err != nil {
		return err
	}
	if _, err := io.ReadFull(in, word[:]); err != nil {
		return noEOF(err)
	}
	text, err := readText(in, "text", binary.BigEndian.Uint64(word[:]))
	if err != nil {
		return err
	}
	return json.Unmarshal(text, &a.index)
}

// digests by their names in an index.
func newDigest(method string) (hash.Hash, error) {
	switch method {
	case "md5":
		return md5.New(), nil
	case "sha1":
		return sha1.New(), nil
	case "sha256":
		return sha256.New(), nil
	case "sha512":
		return sha512.New(), nil
	}
	return nil, fmt.Errorf("digest %q is none of md5, sha1, sha256 and sha512", method)
}

// section reads one section through its digest.
type section struct {
	io.Reader // the content, after the length
	length    uint64
	sum       hash.Hash
	want      string
}

func (a *archive) open(name string) (*section, error) {
	e := a.index[name]
	if e == nil {
		return nil, errors.New("not in the index")
	}
	sum, err := newDigest(e.method)
	if err != nil {
		return nil, err
	}
	in, err := a.from(e.start)
	if err != nil {
		return nil, err
	}
	all := io.TeeReader(in, sum)
	var word [8]byte
	if _, err := io.ReadFull(all, word[:]); err != nil {
		return nil, noEOF(err)
	}
	s := &section{length: binary.BigEndian.Uint64(word[:]), sum: sum, want: e.digest}
	if s.length > maxAssignment || int64(s.length)+8 != e.rawEnd-e.rawStart {
		return nil, fmt.Errorf("length %d does not agree with the index, %d to %d", s.length, e.rawStart, e.rawEnd)
	}
	s.Reader = io.LimitReader(all, int64(s.length))
	return s, nil
}

// verify is called when all was read.
func (s *section) verify() error {
	if got := hex.EncodeToString(s.sum.Sum(nil)); got != s.want {
		return fmt.Errorf("digest is %s instead of %s", got, s.want)
	}
	return nil
}

func (a *archive) readJSON(name string, into any) error {
	s, err := a.open(name)
	if err != nil {
		return fmt.Errorf("section %s: %w", name, err)
	}
	text, err := readText(s, "section "+name, s.length)
	if err != nil {
		return err
	}
	if err := errors.Join(s.verify(), json.Unmarshal(text, into)); err != nil {
		return fmt.Errorf("section %s: %w", name, err)
	}
	return nil
}

// readRows cuts the ids into rows of a full partition count; what is left is
// the last, short row.
func (a *archive) readRows(parts int, d decoding) ([]row, error) {
	s, err := a.open(assignmentsSection)
	if err != nil {
		return nil, err
	}
	full := uint64(parts) * uint64(d.idBytes)
	count := (s.length + full - 1) / full
	if count > maxReplicas {
		return nil, fmt.Errorf("%d replicas; at most %d are accepted", count, maxReplicas)
	}
	var rows []row
	for i := range count {
		w, err := readRow(s, parts, d)
		if err != nil {
			return nil, fmt.Errorf("replica %d: %w", i, err)
		}
		if w.len() < parts && i < count-1 {
			return nil, io.ErrUnexpectedEOF
		}
		rows = append(rows, w)
	}
	return rows, s.verify()
}

// encodeV2 writes the sections, the index of them and where that is.
func (r *Ring) encodeV2(b *blocks) {
	meta := encodeSection(b, metadataSection, r.textV2())
	devs := encodeSection(b, devicesSection, r.appendDevices(nil))
	rows := indexed(b, assignmentsSection, r.putRows)
	index := strings.Join([]string{rows, devs, meta}, ", ") // by name
	start, rawStart := b.packed, b.raw
	putText(b.write, []byte("{"+index+"}"))
	b.stored(binary.BigEndian.AppendUint64(nil, uint64(rawStart)))
	b.stored(binary.BigEndian.AppendUint64(nil, uint64(start)))
}

// indexed writes one section and returns its member of the index.
func indexed(b *blocks, name string, content func(put func([]byte))) string {
	sum, start, rawStart := sha256.New(), b.packed, b.raw
	content(func(p []byte) {
		_, _ = sum.Write(p)
		b.write(p)
	})
	b.flush()
	return fmt.Sprintf(`"%s": [%d, %d, %d, %d, "sha256", "%x"]`, name, start, rawStart, b.packed, b.raw, sum.Sum(nil))
}

func encodeSection(b *blocks, name string, text []byte) string {
	return indexed(b, name, func(put func([]byte)) { putText(put, text) })
}

func putText(put func([]byte), text []byte) {
	put(binary.BigEndian.AppendUint64(nil, uint64(len(text))))
	put(text)
}

func (r *Ring) putRows(put func([]byte)) {
	size := 0
	for _, w := range r.rows {
		size += w.len() * r.IDBytes()
	}
	put(binary.BigEndian.AppendUint64(nil, uint64(size)))
	r.eachChunk(binary.BigEndian, put)
}
