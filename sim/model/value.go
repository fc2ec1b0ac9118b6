package model

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// ValueID identifies a written value. 0 is none.
type ValueID uint64

// NewValueID makes an identity of a seed, a client and the number of its
// write. It does not depend on what other clients do, so that leaving some
// operations out of a workload does not rename the rest.
func NewValueID(seed uint64, client, n int) ValueID {
	x := mix(seed + 0x9e3779b97f4a7c15*uint64(client+1))
	if id := ValueID(mix(x + uint64(n))); id != 0 {
		return id
	}
	return 1
}

// mix is the finaliser of splitmix64.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

func (id ValueID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

// MarshalText implements encoding.TextMarshaler.
func (id ValueID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *ValueID) UnmarshalText(b []byte) error {
	n, err := strconv.ParseUint(string(b), 16, 64)
	*id = ValueID(n)
	return err
}

const typePrefix = "application/vnd.apus.v"

// ContentType is how the identity travels with the object.
func (id ValueID) ContentType() string { return typePrefix + id.String() }

// ValueOfType is the identity in a Content-Type, with or without parameters;
// 0 if there is none.
func ValueOfType(contentType string) ValueID {
	rest, ok := strings.CutPrefix(contentType, typePrefix)
	if !ok || len(rest) < 16 {
		return 0
	}
	n, err := strconv.ParseUint(rest[:16], 16, 64)
	if err != nil || len(rest) > 16 && rest[16] != ';' && rest[16] != ' ' {
		return 0
	}
	return ValueID(n)
}

// Value is what one PUT wrote, or meant to.
type Value struct {
	ID   ValueID `json:"id"`
	Size int64   `json:"size"`
	// ETag is the MD5 of the content; of a large object the MD5 of the ETags
	// of its segments. Without quotes.
	ETag string `json:"etag"`
	// Parts are the segments of a large object, in order.
	Parts []Part `json:"parts,omitempty"`
	// MD5 is that of the content of a large object.
	MD5 string `json:"md5,omitempty"`
	// Copy says that the value is a copy of another, which only the ETag of
	// answers and records tells. Size and ETag are not known.
	Copy bool `json:"copy,omitempty"`
}

// Sum is the MD5 of the content; empty if that is not known.
func (v Value) Sum() string {
	if v.Parts != nil {
		return v.MD5
	}
	return v.ETag
}

// As is a plain object of the same content with another identity.
func (v Value) As(id ValueID) Value {
	parts := v.Parts
	if parts == nil {
		parts = []Part{{Value: v.ID, Size: v.Size, ETag: v.ETag}}
	}
	return Value{ID: id, Size: v.Size, ETag: v.Sum(), Parts: parts, Copy: true}
}

// Part is a segment: a value of its own under a name of its own.
type Part struct {
	Value     ValueID `json:"value"`
	Size      int64   `json:"size"`
	ETag      string  `json:"etag"`
	Container Name    `json:"container"`
	Object    Name    `json:"object"`
}

// BySum finds the values that are no copies by the MD5 of their content.
func BySum(values map[ValueID]Value) map[string]ValueID {
	out := map[string]ValueID{}
	for _, id := range slices.Sorted(maps.Keys(values)) {
		if v := values[id]; !v.Copy {
			out[v.Sum()] = id
		}
	}
	return out
}

// NewValue is a plain value of the given size.
func NewValue(id ValueID, size int64) Value {
	h := md5.New()
	_, _ = io.Copy(h, io.NewSectionReader(Content(id), 0, size))
	return Value{ID: id, Size: size, ETag: hex.EncodeToString(h.Sum(nil))}
}

// NewLarge is a large object made of parts.
func NewLarge(id ValueID, parts []Part) Value {
	v := Value{ID: id, Parts: parts}
	h := md5.New()
	for _, p := range parts {
		v.Size += p.Size
		_, _ = io.WriteString(h, p.ETag)
	}
	v.ETag = hex.EncodeToString(h.Sum(nil))
	content := md5.New()
	_, _ = io.Copy(content, v.Reader(0))
	v.MD5 = hex.EncodeToString(content.Sum(nil))
	return v
}

// Reader reads the content of the value from an offset.
func (v Value) Reader(offset int64) io.Reader {
	if v.Parts == nil {
		return io.NewSectionReader(Content(v.ID), offset, max(v.Size-offset, 0))
	}
	var rs []io.Reader
	for _, p := range v.Parts {
		if offset < p.Size {
			rs = append(rs, io.NewSectionReader(Content(p.Value), offset, p.Size-offset))
		}
		offset = max(offset-p.Size, 0)
	}
	return io.MultiReader(rs...)
}

// Content is the endless content of a value: blocks of 16 bytes, each the
// identity and a word that tells the identity and the number of the block, so
// that a stray piece can be recognised ([Recognize]).
type Content ValueID

const blockSize = 16

func (c Content) block(b *[blockSize]byte, n int64) {
	binary.BigEndian.PutUint64(b[:8], uint64(c))
	binary.BigEndian.PutUint64(b[8:], second(ValueID(c), n))
}

func second(id ValueID, n int64) uint64 { return mix(uint64(id)) + uint64(n) }

// ReadAt implements io.ReaderAt; it never ends.
func (c Content) ReadAt(p []byte, off int64) (int, error) {
	var b [blockSize]byte
	for i := 0; i < len(p); {
		at := off + int64(i)
		c.block(&b, at/blockSize)
		i += copy(p[i:], b[at%blockSize:])
	}
	return len(p), nil
}

// Recognize says from which value and offset a piece of content comes. It
// needs two whole blocks, that is 47 bytes at most.
func Recognize(p []byte) (id ValueID, offset int64, ok bool) {
	for i := 0; i+2*blockSize <= len(p) && i < blockSize; i++ {
		id := ValueID(binary.BigEndian.Uint64(p[i:]))
		n := int64(binary.BigEndian.Uint64(p[i+8:]) - mix(uint64(id)))
		if id == 0 || n < 0 || n > 1<<50 {
			continue
		}
		if ValueID(binary.BigEndian.Uint64(p[i+blockSize:])) == id &&
			binary.BigEndian.Uint64(p[i+blockSize+8:]) == second(id, n+1) {
			return id, n*blockSize - int64(i), true
		}
	}
	return 0, 0, false
}

// Describe says what a piece of content looks like.
func Describe(p []byte) string {
	if id, off, ok := Recognize(p); ok {
		return fmt.Sprintf("value %s at %d", id, off)
	}
	zero := true
	for _, b := range p {
		zero = zero && b == 0
	}
	if zero && len(p) > 0 {
		return fmt.Sprintf("%d zero bytes", len(p))
	}
	return fmt.Sprintf("unknown bytes %x", p[:min(len(p), 16)])
}

// Compare reads r to its end and compares it with the content of v from
// offset. The span that it returns has Got, Bad and Found set; err is what
// ended r other than io.EOF.
func (v Value) Compare(r io.Reader, offset int64) (Span, error) {
	s := Span{Start: offset, Bad: -1}
	want := v.Reader(offset)
	buf, ref := make([]byte, 32<<10), make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 && s.Bad < 0 {
			m, _ := io.ReadFull(want, ref[:n])
			if i := firstDiff(buf[:n], ref[:m]); i >= 0 {
				s.Bad = offset + s.Got + int64(i)
				s.Found = Describe(buf[i:min(n, i+64)])
			}
		}
		s.Got += int64(n)
		if err == io.EOF {
			return s, nil
		}
		if err != nil {
			return s, err
		}
	}
}

// firstDiff is the first index at which a is not b, -1 if b starts with a.
func firstDiff(a, b []byte) int {
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			return i
		}
	}
	return -1
}
