package check

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"apus/impl/host"
	"apus/impl/swift"
	"apus/sim/model"
)

// MetadataReader reads the metadata that Swift keeps in the extended
// attributes of an object's file.
type MetadataReader func(f host.File) (map[string]string, error)

// Scan reads what the devices of one node hold of replicated objects, of all
// policies, below root (/srv/node). It shares no code with the object server,
// so that it can disagree with it.
func Scan(fsys host.FS, root, node string, zone int, disks []string, metadata MetadataReader) ([]Record, error) {
	s := &scanner{fs: fsys, metadata: metadata}
	for _, disk := range disks {
		s.device, s.zone = model.Device{Node: node, Disk: disk}, zone
		base := path.Join(root, disk)
		top, err := fsys.ReadDir(base)
		if err != nil {
			return nil, fmt.Errorf("check.Scan: %w", err)
		}
		for _, e := range top {
			if e.Name() == "objects" || strings.HasPrefix(e.Name(), "objects-") {
				if err := s.walk(path.Join(base, e.Name()), 3); err != nil {
					return nil, fmt.Errorf("check.Scan: %w", err)
				}
			}
		}
	}
	return s.records, nil
}

type scanner struct {
	fs       host.FS
	metadata MetadataReader
	device   model.Device
	zone     int
	records  []Record
}

// walk descends through partition, suffix and hash directories.
func (s *scanner) walk(dir string, depth int) error {
	entries, err := s.fs.ReadDir(dir)
	if err != nil {
		return err
	}
	if depth == 0 {
		return s.object(dir, entries)
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := s.walk(path.Join(dir, e.Name()), depth-1); err != nil {
				return err
			}
		}
	}
	return nil
}

// object chooses among the files of a hash directory: the newest .data or .ts
// counts, and the newest .meta if it is newer than that and there is data.
func (s *scanner) object(dir string, entries []fs.DirEntry) error {
	raw, err := hex.DecodeString(path.Base(dir))
	if err != nil || len(raw) != md5.Size {
		return nil // not a hash directory
	}
	r := Record{Device: s.device, Zone: s.zone, Dir: dir, Hash: swift.Hash(raw)}
	var data, meta string
	found := false
	for _, e := range entries {
		ts, ext, ok := fileTimestamp(e.Name())
		switch {
		case !ok:
		case ext == ".meta" && ts.After(r.MetaTimestamp):
			r.MetaTimestamp, meta = ts, e.Name()
		case (ext == ".data" || ext == ".ts") && (!found || ts.After(r.Timestamp) || ts == r.Timestamp && ext == ".ts"):
			r.Timestamp, r.Tombstone, data, found = ts, ext == ".ts", e.Name(), true
		}
	}
	if !found {
		if meta != "" {
			r.Damage = "a .meta without .data"
			s.records = append(s.records, r)
		}
		return nil
	}
	if r.Tombstone || !r.MetaTimestamp.After(r.Timestamp) {
		r.MetaTimestamp, meta = swift.Timestamp{}, ""
	}
	if !r.Tombstone {
		if err := s.read(&r, path.Join(dir, data), meta); err != nil {
			return err
		}
	}
	s.records = append(s.records, r)
	return nil
}

// fileTimestamp reads "1234567890.12345[_offset][-delta][#frag…].ext". The
// delta of a .meta is the time of its Content-Type and does not order it.
func fileTimestamp(name string) (ts swift.Timestamp, ext string, ok bool) {
	ext = path.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	stem, _, _ = strings.Cut(stem, "#")
	for i, c := range stem {
		if i > 0 && (c == '-' || c == '+') {
			stem = stem[:i]
			break
		}
	}
	ts, err := swift.ParseTimestamp(stem)
	return ts, ext, err == nil && strings.Contains(stem, ".")
}

// read fills in body and metadata. What is wrong with the stored data goes to
// Damage; err is for what keeps the judge from looking.
func (s *scanner) read(r *Record, data, meta string) error {
	f, err := s.fs.OpenFile(data, host.ReadOnly, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	var damage *damageError
	r.Size, r.MD5, err = readBody(f)
	if errors.As(err, &damage) {
		r.Damage = fmt.Sprintf("%s: %v", path.Base(data), damage.err)
		return nil
	}
	if err != nil {
		return err
	}
	if r.Metadata, err = s.metadata(f); err != nil {
		r.Damage = fmt.Sprintf("metadata of %s: %v", path.Base(data), err)
		return nil
	}
	r.Damage = disagreement(r)
	if meta == "" || r.Damage != "" {
		return nil
	}
	over, err := s.readMeta(path.Join(r.Dir, meta))
	switch {
	case errors.As(err, &damage):
		r.Damage = fmt.Sprintf("metadata of %s: %v", meta, damage.err)
		return nil
	case err != nil:
		return err
	}
	for k := range r.Metadata {
		if strings.HasPrefix(k, "X-Object-Meta-") || k == "X-Delete-At" {
			delete(r.Metadata, k)
		}
	}
	for k, v := range over {
		r.Metadata[k] = v
	}
	return nil
}

// behindBody is an attribute of a file whose metadata had no room as
// attributes: "<offset> <length>" of where it is, behind the body.
const behindBody = "user.swift.metadata_at"

// readBody returns length and MD5 of the body of a .data file.
func readBody(f host.File) (size int64, digest string, err error) {
	sum := md5.New()
	note, err := f.GetXattr(behindBody)
	switch {
	case errors.Is(err, host.ErrNoXattr):
		size, err = io.Copy(sum, f)
	case err != nil:
		return 0, "", &damageError{fmt.Errorf("%s: %w", behindBody, err)}
	default:
		size, err = readBefore(sum, f, string(note))
	}
	return size, hex.EncodeToString(sum.Sum(nil)), err
}

// readBefore reads the body before metadata; the file must hold these two and
// nothing else.
func readBefore(body io.Writer, f io.Reader, note string) (size int64, err error) {
	var offset, length int64
	if n, err := fmt.Sscanf(note, "%d %d", &offset, &length); n != 2 || err != nil || offset < 0 || length < 1 {
		return 0, &damageError{fmt.Errorf("%s is %q", behindBody, note)}
	}
	size, err = io.Copy(body, io.LimitReader(f, offset))
	if err != nil {
		return size, err
	}
	rest, err := io.Copy(io.Discard, f)
	if err == nil && (size != offset || rest != length) {
		err = &damageError{fmt.Errorf("%s is %q, the file has %d bytes", behindBody, note, size+rest)}
	}
	return size, err
}

// damageError tells stored nonsense from a disk that cannot be read.
type damageError struct{ err error }

func (e *damageError) Error() string { return e.err.Error() }

func (s *scanner) readMeta(name string) (map[string]string, error) {
	f, err := s.fs.OpenFile(name, host.ReadOnly, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	m, err := s.metadata(f)
	if err != nil {
		return nil, &damageError{err}
	}
	return m, nil
}

// disagreement says how body and metadata of a .data file contradict.
func disagreement(r *Record) string {
	switch {
	case r.Metadata["name"] == "":
		return "metadata without a name"
	case r.Metadata["Content-Length"] != strconv.FormatInt(r.Size, 10):
		return fmt.Sprintf("Content-Length %s, the body has %d bytes", r.Metadata["Content-Length"], r.Size)
	case strings.Trim(r.Metadata["ETag"], `"`) != r.MD5:
		return fmt.Sprintf("ETag %s, the body has MD5 %s", r.Metadata["ETag"], r.MD5)
	}
	return ""
}
