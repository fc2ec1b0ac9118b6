package diskfile

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"apus/impl/host"
	"apus/impl/pickle"
	"apus/impl/swift"
)

const (
	metadataXattr = "user.swift.metadata"
	checksumXattr = "user.swift.metadata_checksum"
	xattrChunk    = 65536 // the most that Linux lets one attribute hold
	xattrChunks   = 64    // the most that are read back
)

// Keys of metadata with a meaning of their own.
const (
	KeyName          = "name"
	KeyTimestamp     = "X-Timestamp"
	KeyContentType   = "Content-Type"
	KeyContentLength = "Content-Length"
	KeyETag          = "ETag"
	KeyContentTime   = "Content-Type-Timestamp"
	KeyDeleteAt      = "X-Delete-At"
)

// Metadata is the metadata of one file: names in title case, values as the
// bytes of the headers that they came in.
type Metadata map[string]string

// Clone is a copy.
func (m Metadata) Clone() Metadata {
	out := make(Metadata, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

// Timestamp is X-Timestamp; zero if it is absent or malformed.
func (m Metadata) Timestamp() swift.Timestamp {
	ts, _ := swift.ParseTimestamp(m[KeyTimestamp])
	return ts
}

// DeleteAt is X-Delete-At in seconds, zero if the object does not expire.
func (m Metadata) DeleteAt() int64 {
	n, _ := strconv.ParseInt(strings.TrimSpace(m[KeyDeleteAt]), 10, 64)
	return n
}

// Title is the case in which Swift stores header names: a capital letter after
// whatever is not a letter, small ones elsewhere.
func Title(s string) string {
	out := []byte(s)
	letter := false
	for i, c := range out {
		lower := c | 0x20
		isLetter := lower >= 'a' && lower <= 'z'
		if isLetter {
			if letter {
				out[i] = lower
			} else {
				out[i] = lower &^ 0x20
			}
		}
		letter = isLetter
	}
	return string(out)
}

// rank orders keys as an object server writes them: the obligatory ones first,
// then what the client sent, the name last.
func rank(key string) int {
	switch key {
	case KeyTimestamp:
		return 0
	case KeyContentType:
		return 1
	case KeyContentLength:
		return 2
	case KeyETag:
		return 3
	case KeyName:
		return 5
	}
	return 4
}

// EncodeMetadata is the pickle of m. The name is UTF-8; all else was kept as
// WSGI strings, whose every byte Python encodes as one code point.
func EncodeMetadata(m Metadata) ([]byte, error) {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool {
		if a, b := rank(keys[i]), rank(keys[j]); a != b {
			return a < b
		}
		return keys[i] < keys[j]
	})
	d := make(pickle.Dict, 0, len(keys))
	for _, k := range keys {
		v := m[k]
		if k != KeyName {
			v = pickle.FromRaw(v)
		}
		d = append(d, pickle.Item{Key: pickle.Bytes(pickle.FromRaw(k)), Value: pickle.Bytes(v)})
	}
	return pickle.Encode(d, pickle.Protocol2)
}

// DecodeMetadata reads a pickle that EncodeMetadata or a Python object server
// wrote. Python 2 left header bytes as they are, Python 3 did not.
func DecodeMetadata(b []byte) (Metadata, error) {
	if m, ok := quickMetadata(b); ok {
		return m, nil
	}
	return decodeMetadata(b)
}

func decodeMetadata(b []byte) (Metadata, error) {
	const op = "diskfile.DecodeMetadata"
	v, err := pickle.Decode(b)
	if err != nil {
		return nil, err
	}
	d, ok := v.(pickle.Dict)
	if !ok {
		return nil, swift.E(op, "", swift.Corrupt, fmt.Errorf("is a %T, not a dict", v))
	}
	py3 := strings.Contains(string(b[:min(len(b), 32)]), "_codecs\nencode")
	m := make(Metadata, len(d))
	for _, it := range d {
		k, kok := pickle.Text(it.Key)
		v, vok := pickle.Text(it.Value)
		if n, isInt := it.Value.(int64); isInt {
			v, vok = strconv.FormatInt(n, 10), true
		}
		if !kok || !vok {
			return nil, swift.E(op, "", swift.Corrupt, errors.New("holds something that is not text"))
		}
		if py3 {
			k = pickle.ToRaw(k)
			if k != KeyName {
				v = pickle.ToRaw(v)
			}
		}
		m[k] = v
	}
	return m, nil
}

// ReadMetadata reads the metadata of an open .data, .meta or .ts file, its
// name included. An error of kind swift.Corrupt means that the attributes were
// read and are bad or absent; others that they could not be read.
func ReadMetadata(f host.File) (map[string]string, error) {
	s, err := readStored(f)
	return s.metadata, err
}

// stored is what a file holds besides its body.
type stored struct {
	metadata Metadata
	tail     overflow // where metadata is behind the body; else zero
	sum      string   // MD5 of the pickle
	checked  bool     // the file says what the MD5 must be
}

func readStored(f host.File) (stored, error) {
	const op = "diskfile.ReadMetadata"
	raw, s, err := readPickle(f)
	switch {
	case err == nil:
	case errors.Is(err, errBadPickle), errors.Is(err, errOverflow), errors.Is(err, host.ErrIO), errors.Is(err, host.ErrCorrupt):
		return stored{}, swift.E(op, f.Name(), swift.Corrupt, err)
	default:
		return stored{}, swift.E(op, f.Name(), swift.Other, err)
	}
	if s.metadata, err = DecodeMetadata(raw); err != nil {
		return stored{}, swift.E(op, f.Name(), swift.Corrupt, err)
	}
	return s, nil
}

// errBadPickle says that metadata is absent or not what its checksum says.
var errBadPickle = errors.New("bad metadata")

// readPickle reads the pickle and checks its checksum, if there is one: the
// oldest files have none.
func readPickle(f host.File) (raw []byte, s stored, err error) {
	want, err := f.GetXattr(checksumXattr)
	if err != nil && !errors.Is(err, host.ErrNoXattr) {
		return nil, s, err
	}
	s.checked = len(want) > 0
	raw, err = f.GetXattr(metadataXattr)
	if errors.Is(err, host.ErrNoXattr) {
		raw, s.tail, err = readOverflow(f)
		if err == nil && s.tail.length > 0 && !s.checked {
			err = fmt.Errorf("%w: has no checksum", errOverflow)
		}
		if err == nil && raw == nil {
			err = fmt.Errorf("%w: there is none", errBadPickle)
		}
	}
	if err != nil {
		return nil, s, err
	}
	s.sum = md5Hex(raw)
	if s.tail.length == 0 && (!s.checked || s.sum != string(want)) {
		if raw, err = moreMetadata(f, raw); err != nil {
			return nil, s, err
		}
		s.sum = md5Hex(raw)
	}
	if s.checked && s.sum != string(want) {
		return nil, s, fmt.Errorf("%w: MD5 is %s, not %q", errBadPickle, s.sum, want)
	}
	return raw, s, nil
}

// pieceName is the attribute that holds piece i of the pickle.
func pieceName(i int) string {
	if i == 0 {
		return metadataXattr
	}
	return metadataXattr + strconv.Itoa(i)
}

// moreMetadata appends the pieces that did not fit the first attribute.
func moreMetadata(f host.File, raw []byte) ([]byte, error) {
	for i := 1; i < xattrChunks; i++ {
		piece, err := f.GetXattr(pieceName(i))
		if errors.Is(err, host.ErrNoXattr) {
			break
		}
		if err != nil {
			return nil, err
		}
		raw = append(raw, piece...)
	}
	return raw, nil
}

// writeMetadata stores m with a body of size bytes.
func writeMetadata(f host.File, m Metadata, size int64) error {
	raw, err := EncodeMetadata(m)
	if err != nil {
		return err
	}
	if len(raw) > maxMetadata {
		return swift.E("diskfile.WriteMetadata", "", swift.Invalid, fmt.Errorf("metadata has %d bytes, more than %d", len(raw), maxMetadata))
	}
	sum := []byte(md5Hex(raw))
	err = setPieces(f, raw)
	if err == nil {
		err = f.SetXattr(checksumXattr, sum)
	}
	if !errors.Is(err, host.ErrXattrSize) {
		return err
	}
	if err := writeOverflow(f, raw, size); err != nil {
		return err
	}
	return f.SetXattr(checksumXattr, sum)
}

func setPieces(f host.File, raw []byte) error {
	for i := 0; len(raw) > 0; i++ {
		n := min(len(raw), xattrChunk)
		if err := f.SetXattr(pieceName(i), raw[:n]); err != nil {
			return err
		}
		raw = raw[n:]
	}
	return nil
}

func md5Hex(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}
