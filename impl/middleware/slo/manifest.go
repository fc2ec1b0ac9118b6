package slo

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"

	"apus/impl/config"
	"apus/impl/middleware/heartbeat"
	"apus/impl/swift"
)

func md5Hex(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

// segment is one element of a manifest: inline data, or the bytes from, to
// (exclusive) of an object of size bytes.
type segment struct {
	name     string // "/container/object"; empty for inline data
	hash     string // ETag of the object
	size     int64
	from, to int64
	ranged   bool // part of the object
	sub      bool // the object is a large object itself
	data     []byte
}

// length is how many bytes the segment contributes.
func (s *segment) length() int64 { return s.to - s.from }

// fingerprint is what the segment contributes to the ETag.
func (s *segment) fingerprint() string {
	switch {
	case s.data != nil:
		return md5Hex(s.data)
	case s.ranged:
		return s.hash + ":" + s.rangeText() + ";"
	}
	return s.hash
}

func (s *segment) rangeText() string { return fmt.Sprintf("%d-%d", s.from, s.to-1) }

// measure is the size and the ETag of a large object.
func measure(segments []segment) (size int64, etag string) {
	sum := md5.New()
	for i := range segments {
		size += segments[i].length()
		_, _ = sum.Write([]byte(segments[i].fingerprint()))
	}
	return size, hex.EncodeToString(sum.Sum(nil))
}

// storedSegment is the JSON form of a segment that refers to an object.
type storedSegment struct {
	Name         string     `json:"name"`
	Bytes        looseInt   `json:"bytes"`
	Hash         string     `json:"hash"`
	ContentType  string     `json:"content_type"`
	LastModified string     `json:"last_modified"`
	Range        string     `json:"range,omitempty"`
	SubSLO       looseTruth `json:"sub_slo,omitempty"`
}

// storedData is the JSON form of inline data. The bytes appear as base64.
type storedData struct {
	Data []byte `json:"data"`
}

// looseInt and looseTruth also accept the strings that old versions of Swift
// stored.
type (
	looseInt   int64
	looseTruth bool
)

func (i *looseInt) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseInt(string(bytes.Trim(b, `"`)), 10, 64)
	*i = looseInt(n)
	return err
}

func (t *looseTruth) UnmarshalJSON(b []byte) error {
	*t = looseTruth(config.Truth(string(bytes.Trim(b, `"`))))
	return nil
}

var errManifest = errors.New("the stored manifest is damaged")

// decodeManifest reads a stored manifest.
func decodeManifest(text []byte) ([]segment, error) {
	var items []struct {
		storedSegment
		Data *[]byte `json:"data"`
	}
	if err := json.Unmarshal(text, &items); err != nil {
		return nil, fmt.Errorf("%w: %w", errManifest, err)
	}
	segments := make([]segment, len(items))
	var total int64
	for i := range items {
		s := &segments[i]
		if items[i].Data != nil {
			s.data = append([]byte{}, *items[i].Data...)
			s.size, s.to = int64(len(s.data)), int64(len(s.data))
		} else if err := s.fromStored(&items[i].storedSegment); err != nil {
			return nil, fmt.Errorf("%w: segment %d: %w", errManifest, i, err)
		}
		if s.length() > math.MaxInt64-1-total {
			return nil, fmt.Errorf("%w: larger than any object", errManifest)
		}
		total += s.length()
	}
	return segments, nil
}

func (s *segment) fromStored(in *storedSegment) error {
	*s = segment{name: "/" + strings.TrimLeft(in.Name, "/"), hash: in.Hash, size: int64(in.Bytes), sub: bool(in.SubSLO)}
	if !strings.Contains(s.name[1:], "/") {
		return fmt.Errorf("%q is no object", in.Name)
	}
	if s.sub {
		// Old versions stored the manifest's own size, and the large object's
		// in the content type.
		_, text := swift.SplitSwiftBytes(in.ContentType)
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			s.size = n
		}
	}
	if s.size < 0 {
		return fmt.Errorf("has %d bytes", s.size)
	}
	s.to = s.size
	if in.Range == "" {
		return nil
	}
	first, last, _ := strings.Cut(in.Range, "-")
	from, err1 := strconv.ParseInt(first, 10, 64)
	end, err2 := strconv.ParseInt(last, 10, 64)
	if err1 != nil || err2 != nil || from < 0 || end < from || end >= s.size {
		return fmt.Errorf("range %q of %d bytes", in.Range, s.size)
	}
	s.from, s.to, s.ranged = from, end+1, true
	return nil
}

// rawManifest turns a stored manifest into the form in which a client may PUT
// it again. Its keys are in alphabetical order.
func rawManifest(stored []byte) ([]byte, error) {
	var items []map[string]any
	dec := json.NewDecoder(bytes.NewReader(stored))
	dec.UseNumber()
	if err := dec.Decode(&items); err != nil {
		return nil, fmt.Errorf("%w: %w", errManifest, err)
	}
	for _, item := range items {
		if _, inline := item["data"]; inline {
			continue
		}
		item["path"], item["size_bytes"], item["etag"] = item["name"], item["bytes"], item["hash"]
		for _, key := range [...]string{"name", "bytes", "hash", "content_type", "last_modified", "sub_slo"} {
			delete(item, key)
		}
	}
	if items == nil {
		items = []map[string]any{}
	}
	return encodeManifest(items), nil
}

// encodeManifest is JSON as OpenStack Swift writes it, so that equal manifests
// have equal ETags and lengths: ASCII, with spaces behind commas and colons.
func encodeManifest(v any) []byte {
	var out []byte
	quoted, escaped := false, false
	for _, c := range string(heartbeat.EncodeJSON(v)) {
		switch {
		case c >= 0x10000:
			high, low := utf16.EncodeRune(c)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		case c >= 0x80:
			out = fmt.Appendf(out, `\u%04x`, c)
		case !quoted && (c == ',' || c == ':'):
			out = append(out, byte(c), ' ')
		default:
			out = append(out, byte(c))
		}
		quoted = quoted != (c == '"' && !escaped)
		escaped = c == '\\' && !escaped
	}
	return out
}

// decodeBase64 wants the padding, of which there may be too much, and takes
// nothing else that is lax.
func decodeBase64(s string) ([]byte, bool) {
	digits := strings.TrimRight(s, "=")
	if strings.ContainsAny(s, "\r\n") || (len(s)-len(digits)) < (4-len(digits)%4)%4 {
		return nil, false
	}
	b, err := base64.RawStdEncoding.DecodeString(digits)
	return b, err == nil
}
