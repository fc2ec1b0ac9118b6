package diskfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path"
	"strconv"
	"strings"

	"apus/impl/host"
	"apus/impl/swift"
)

// OpenOptions say which objects may be opened.
type OpenOptions struct {
	// Now is when the request was made, by which objects expire.
	Now swift.Timestamp
	// Expired opens objects past their X-Delete-At as well.
	Expired bool
	// Modernize adds what early versions of Swift did not store: the
	// checksum of the metadata.
	Modernize bool
}

// File is an open object. Close it, or hand it over with Body.
type File struct {
	// Metadata is what the object has now: of the .data file, with what a
	// later .meta file replaced.
	Metadata Metadata
	// DataMetadata and MetaMetadata are what the two files hold; the latter
	// is nil without a .meta file.
	DataMetadata, MetaMetadata Metadata
	DataTimestamp              swift.Timestamp
	Size                       int64

	obj  *Object
	file host.File
	name string   // of the .data file
	tail overflow // metadata behind the body
}

// Timestamp is when the object or its metadata was written last.
func (f *File) Timestamp() swift.Timestamp { return f.Metadata.Timestamp() }

// ContentTypeTimestamp is when the content type was set.
func (f *File) ContentTypeTimestamp() swift.Timestamp {
	if ts, err := swift.ParseTimestamp(f.Metadata[KeyContentTime]); err == nil {
		return ts
	}
	return f.DataTimestamp
}

// Close releases the file.
func (f *File) Close() { _ = f.file.Close() } // only read from

// Opening is tried again when files are replaced meanwhile.
const openAttempts = 8

// errChanged says that a file went away between listing and opening.
var errChanged = errors.New("files keep being replaced")

// Open opens the object. Without one the error is of kind swift.NotFound and
// caused by *Missing; kind swift.Unavailable says that writers were too busy
// to get a consistent view. An object that turns out bad is quarantined.
func (o *Object) Open(opt OpenOptions) (*File, error) {
	const op = "diskfile.Open"
	for range openAttempts {
		f, err := o.tryOpen(opt)
		if errors.Is(err, errChanged) {
			continue
		}
		if swift.Is(err, swift.Corrupt) {
			f, err = o.reopenOrQuarantine(opt)
			if errors.Is(err, errChanged) {
				continue
			}
		}
		return f, err
	}
	return nil, swift.E(op, o.Dir, swift.Unavailable, errChanged)
}

// reopenOrQuarantine looks once more while no writer is at work, and moves
// the object away if it is still bad.
func (o *Object) reopenOrQuarantine(opt OpenOptions) (*File, error) {
	defer o.lock()()
	f, err := o.tryOpen(opt)
	if !swift.Is(err, swift.Corrupt) {
		return f, err
	}
	if qerr := o.moveAway(err); qerr != nil {
		return nil, failed("diskfile.Quarantine", o.Dir, qerr)
	}
	return nil, swift.E("diskfile.Open", o.Dir, swift.NotFound, &Missing{Quarantined: true})
}

func (o *Object) tryOpen(opt OpenOptions) (*File, error) {
	const op = "diskfile.Open"
	missing := func(m *Missing) (*File, error) { return nil, swift.E(op, o.Dir, swift.NotFound, m) }
	files, err := o.list()
	if unlistable(err) {
		return nil, swift.E(op, o.Dir, swift.Corrupt, fmt.Errorf("%w: %w", errUnlisted, err))
	}
	if err != nil {
		return nil, failed(op, o.Dir, err)
	}
	o.absent.Store(files == nil)
	have := Select(o.dev.names.visible(o.Dir, files))
	if have.Data == nil {
		m, err := o.deleted(have.Tombstone)
		if err != nil {
			return nil, err
		}
		return missing(m)
	}
	f := &File{obj: o, name: have.Data.File, DataTimestamp: have.Data.Timestamp}
	if err := f.open(have, opt); err != nil {
		return nil, err
	}
	if m, err := f.verify(opt); err != nil || m != nil {
		f.Close()
		if m != nil {
			return missing(m)
		}
		return nil, err
	}
	return f, nil
}

// deleted says what a tombstone, which may be nil, tells. A bad one is an
// error of kind swift.Corrupt.
func (o *Object) deleted(tombstone *Name) (*Missing, error) {
	if tombstone == nil {
		return &Missing{}, nil
	}
	_, err := o.readStoredOf(tombstone.File, OpenOptions{})
	if errors.Is(err, errChanged) || swift.Is(err, swift.Corrupt) {
		return nil, err
	}
	return &Missing{Timestamp: tombstone.Timestamp}, nil // its name tells all
}

// open opens the .data file and reads the metadata of all files that count.
func (f *File) open(have OnDisk, opt OpenOptions) error {
	file, err := f.obj.openFile(have.Data.File)
	if err != nil {
		return err
	}
	f.file = file
	s, err := f.obj.readStored(file, opt)
	if err == nil {
		f.DataMetadata, f.Metadata, f.tail = s.metadata, s.metadata, s.tail
		if have.Meta != nil {
			err = f.readMeta(have, opt)
		}
	}
	if err != nil {
		f.Close()
	}
	return err
}

func (o *Object) openFile(name string) (host.File, error) {
	file := path.Join(o.Dir, name)
	f, err := o.dev.fs.OpenFile(file, host.ReadOnly, 0)
	switch {
	case err == nil:
		return f, nil
	case notExist(err):
		return nil, errChanged
	case errors.Is(err, host.ErrNoXattr), errors.Is(err, host.ErrCorrupt):
		return nil, swift.E("diskfile.Open", file, swift.Corrupt, err)
	}
	return nil, failed("diskfile.Open", file, err)
}

func (o *Object) readStoredOf(name string, opt OpenOptions) (stored, error) {
	f, err := o.openFile(name)
	if err != nil {
		return stored{}, err
	}
	defer f.Close() // only read from
	return o.readStored(f, opt)
}

func (o *Object) readStored(f host.File, opt OpenOptions) (stored, error) {
	s, err := readStored(f)
	if err != nil || s.checked || !opt.Modernize {
		return s, err
	}
	if err := f.SetXattr(checksumXattr, []byte(s.sum)); err != nil {
		o.dev.m.host.Log.LogAttrs(context.Background(), slog.LevelWarn, "cannot add a checksum to metadata",
			slog.String("path", o.Dir), slog.Any("error", err))
	}
	return s, nil
}

// readMeta reads the newest .meta file, takes the content type from the other
// one if there are two, and merges.
func (f *File) readMeta(have OnDisk, opt OpenOptions) error {
	s, err := f.obj.readStoredOf(have.Meta.File, opt)
	if err != nil {
		return err
	}
	m := s.metadata
	if have.ContentType != nil && have.ContentType.File != have.Meta.File {
		c, err := f.obj.readStoredOf(have.ContentType.File, opt)
		if err != nil {
			return err
		}
		set, _ := swift.ParseTimestamp(c.metadata[KeyContentTime])
		had, _ := swift.ParseTimestamp(m[KeyContentTime])
		if c.metadata[KeyContentType] != "" && set.After(had) && set.After(f.DataTimestamp) {
			m[KeyContentType], m[KeyContentTime] = c.metadata[KeyContentType], c.metadata[KeyContentTime]
		}
	}
	f.MetaMetadata = m
	f.merge()
	return nil
}

// persistent reports keys that a POST cannot change.
func persistent(key string) bool {
	switch key = strings.ToLower(key); key {
	case "content-length", "deleted", "etag", "x-static-large-object":
		return true
	}
	return strings.HasPrefix(key, "x-object-sysmeta-")
}

func (f *File) merge() {
	f.Metadata = f.MetaMetadata.Clone()
	for k, v := range f.DataMetadata {
		if persistent(k) {
			f.Metadata[k] = v
		}
	}
	delete(f.MetaMetadata, KeyName)
	set, err := swift.ParseTimestamp(f.MetaMetadata[KeyContentTime])
	if ct, ok := f.DataMetadata[KeyContentType]; ok && (err != nil || f.DataTimestamp.After(set)) {
		f.Metadata[KeyContentType] = ct
		delete(f.Metadata, KeyContentTime)
	}
}

// verify checks the metadata against the directory, the clock and the file.
func (f *File) verify(opt OpenOptions) (*Missing, error) {
	corrupt := func(format string, args ...any) error {
		return swift.E("diskfile.Open", path.Join(f.obj.Dir, f.name), swift.Corrupt, fmt.Errorf(format, args...))
	}
	name, ok := f.Metadata[KeyName]
	if !ok {
		return nil, corrupt("metadata has no name")
	}
	if err := f.verifyName(name); err != nil {
		return nil, err
	}
	if at, ok := f.Metadata[KeyDeleteAt]; ok {
		secs, err := strconv.ParseInt(strings.TrimSpace(at), 10, 64)
		if err != nil {
			return nil, corrupt("X-Delete-At %q is not a number", at)
		}
		if !opt.Expired && secs <= opt.Now.Ticks()/swift.TicksPerSecond {
			return &Missing{Expired: true, Timestamp: f.Timestamp(), Metadata: f.Metadata}, nil
		}
	}
	size, err := strconv.ParseInt(f.Metadata[KeyContentLength], 10, 64)
	if err != nil {
		return nil, corrupt("Content-Length %q is not a number", f.Metadata[KeyContentLength])
	}
	info, err := f.file.Stat()
	if err != nil {
		return nil, failed("diskfile.Open", path.Join(f.obj.Dir, f.name), err)
	}
	if f.tail.length > 0 && f.tail.offset != size || info.Size() != size+f.tail.length {
		return nil, corrupt("the file has %d bytes, its metadata says %d", info.Size()-f.tail.length, size)
	}
	f.Size = size
	return nil, nil
}

func (f *File) verifyName(name string) error {
	o := f.obj
	if !o.Path.IsObject() {
		p, err := swift.ParsePath(name)
		if err != nil || !p.IsObject() || o.dev.m.hasher.Hash(p) != o.hash {
			return swift.E("diskfile.Open", o.Dir, swift.Corrupt, fmt.Errorf("the name %q does not belong in this directory", name))
		}
		o.Path = p
		return nil
	}
	if name != o.Path.String() {
		return swift.E("diskfile.Open", o.Dir, swift.Other, fmt.Errorf("holds %q, whose hash is that of %q", name, o.Path))
	}
	return nil
}

// readFull reads the whole file into p.
func (f *File) readFull(p []byte) error {
	n, err := f.file.ReadAt(p, 0)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}
