package diskfile

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"path"
	"strconv"

	"apus/impl/host"
	"apus/impl/md5sum"
	"apus/impl/swift"
)

// Writer writes one file of an object. It ends in Commit or Abort; Abort after
// Commit does nothing. A Writer is used by one goroutine.
type Writer struct {
	obj    *Object
	ext    string
	file   host.File
	tmp    string // name of the file while it has a temporary one
	size   int64
	synced int64
	// vetted is up to which size the reserve was looked at; without end if
	// the space was reserved.
	vetted int64
	sum    hash.Hash // MD5 of the body; nil without one
	done   bool
}

// Create starts a new body. Size is how many bytes to reserve, -1 if unknown.
// An error of kind swift.NoDevice says that the device is full.
func (o *Object) Create(size int64) (*Writer, error) {
	const op = "diskfile.Create"
	w, err := o.create(ExtData)
	if err != nil {
		return nil, failed(op, o.Dir, err)
	}
	w.sum = md5sum.New()
	if err := w.reserve(size); err != nil {
		w.Abort()
		return nil, failed(op, o.Dir, err)
	}
	return w, nil
}

// Delete writes a tombstone, however full the device is.
func (o *Object) Delete(ts swift.Timestamp) error {
	w, err := o.create(ExtTombstone)
	if err != nil {
		return failed("diskfile.Delete", o.Dir, err)
	}
	defer w.Abort()
	return w.Commit(ts, Metadata{})
}

// WriteMetadata writes a .meta file, which replaces the object's own metadata.
// It is of kind swift.NotFound if the object has been deleted meanwhile.
func (o *Object) WriteMetadata(ts swift.Timestamp, md Metadata) error {
	w, err := o.create(ExtMeta)
	if err != nil {
		return failed("diskfile.WriteMetadata", o.Dir, err)
	}
	defer w.Abort()
	if err := w.reserve(-1); err != nil {
		return failed("diskfile.WriteMetadata", o.Dir, err)
	}
	return w.Commit(ts, md)
}

func (o *Object) create(ext string) (*Writer, error) {
	w := &Writer{obj: o, ext: ext}
	d := o.dev
	dir := o.partitionDir()
	f, err := d.fs.CreateUnnamed(dir, filePerm)
	if notExist(err) {
		if _, err = d.makeDir(dir); err != nil {
			return nil, err
		}
		f, err = d.fs.CreateUnnamed(dir, filePerm)
	}
	if errors.Is(err, host.ErrUnsupported) {
		f, w.tmp, err = d.createTemp(path.Join(d.Path, o.Policy.TmpDir()))
	}
	if err != nil {
		return nil, err
	}
	w.file = f
	return w, nil
}

// createTemp makes a file with a temporary name in dir.
func (d *Device) createTemp(dir string) (host.File, string, error) {
	name := path.Join(dir, "tmp"+strconv.FormatUint(rand.Uint64(), 36)+".tmp")
	const flags = host.ReadWrite | host.Create | host.Exclusive
	f, err := d.fs.OpenFile(name, flags, filePerm)
	if notExist(err) {
		if _, err = d.makeDir(dir); err != nil {
			return nil, "", err
		}
		f, err = d.fs.OpenFile(name, flags, filePerm)
	}
	return f, name, err
}

// reserve refuses to eat into what must stay free, and takes the space. Of a
// body of unknown size every reserveStep bytes are looked at.
func (w *Writer) reserve(size int64) error {
	cfg := &w.obj.dev.m.cfg
	w.vetted = reserveStep
	if size > 0 {
		w.vetted = math.MaxInt64
		if !cfg.Preallocate {
			return nil
		}
	}
	if cfg.Reserve > 0 {
		st, err := w.obj.dev.fs.StatFS(w.obj.dev.Path)
		if err != nil {
			return err
		}
		if cfg.reserveReached(st, size) {
			return fmt.Errorf("fallocate_reserve is reached: %w", host.ErrNoSpace)
		}
	}
	if size <= 0 {
		return nil
	}
	if err := w.file.Preallocate(size); err != nil && !errors.Is(err, host.ErrUnsupported) {
		return err
	}
	return nil
}

// reserveStep is after how many bytes of unknown total the reserve is looked
// at again.
const reserveStep = 16 << 20

// reserveReached decides whether a write of size bytes, 0 or less if unknown,
// would leave less than the reserve. What is known must leave more than it, as
// Swift has it.
func (c *Config) reserveReached(st host.StatFS, size int64) bool {
	free := float64(st.Avail) - float64(max(size, 0))
	if c.ReservePercent {
		free = free / float64(max(st.Total, 1)) * 100
	}
	if size > 0 {
		return free <= c.Reserve
	}
	return free < c.Reserve
}

// Write appends to the body.
func (w *Writer) Write(p []byte) (int, error) {
	n, err := w.file.Write(p)
	w.sum.Write(p[:n])
	w.size += int64(n)
	if err == nil && w.size > w.vetted {
		vetted := w.size + reserveStep
		err = w.reserve(-1)
		w.vetted = vetted
	}
	if err == nil && w.size-w.synced >= w.obj.dev.m.cfg.BytesPerSync {
		if err = w.file.Sync(); err == nil {
			w.file.DropCache(w.synced, w.size-w.synced)
			w.synced = w.size
		}
	}
	return n, failed("diskfile.Write", w.obj.Dir, err)
}

// Size is the number of bytes written.
func (w *Writer) Size() int64 { return w.size }

// ETag is the MD5 of what was written, in hexadecimal.
func (w *Writer) ETag() string { return hex.EncodeToString(w.sum.Sum(nil)) }

// Abort drops the file, unless it was committed.
func (w *Writer) Abort() {
	if w.done {
		return
	}
	w.done = true
	_ = w.file.Close() // nothing of it is wanted
	if w.tmp != "" {
		_ = w.obj.dev.fs.Remove(w.tmp)
	}
}

// Commit gives the file its name and returns when it is durable. Metadata is
// stored with X-Timestamp and the object's name added. A conflict with what is
// on disk is an error of kind swift.Conflict caused by *Stale.
func (w *Writer) Commit(ts swift.Timestamp, md Metadata) error {
	const op = "diskfile.Commit"
	defer w.Abort()
	md = md.Clone()
	md[KeyName] = w.obj.Path.String()
	if md[KeyTimestamp] == "" || w.ext != ExtMeta {
		md[KeyTimestamp] = ts.Internal()
	}
	stale := w.obj.newMark()
	defer stale.close()
	if err := stale.write(); err != nil {
		return failed(op, w.obj.partitionDir(), err)
	}
	if err := writeMetadata(w.file, md, w.size); err != nil {
		return failed(op, w.obj.Dir, err)
	}
	if err := w.obj.dev.commit(func() error { return together(stale.sync, w.file.Sync) }); err != nil {
		return failed(op, w.obj.Dir, err)
	}
	if w.size >= dropFrom {
		w.file.DropCache(0, w.size)
	}
	var contentTime swift.Timestamp
	if w.ext == ExtMeta {
		contentTime, _ = swift.ParseTimestamp(md[KeyContentTime])
	}
	name := Name{File: FormatName(ts, w.ext, contentTime), Ext: w.ext, Timestamp: ts, ContentType: contentTime}
	return w.publish(name, md, stale)
}

// dropFrom is from which size on a body leaves the page cache once it is on
// disk. For a smaller one the call takes longer than what it makes room for.
const dropFrom = 64 << 10

// publish is the part of Commit in which the writers of one object take turns.
//
// Hashing in this process passes the object before that or after it, and
// another process's comes to light when the name is there.
func (w *Writer) publish(name Name, md Metadata, stale *mark) error {
	const op = "diskfile.Commit"
	o, d := w.obj, w.obj.dev
	defer o.lock()()
	files, made, err := w.claim()
	if err != nil {
		return failed(op, o.Dir, err)
	}
	if same, err := w.precedence(files, name, md); err != nil || same {
		return err
	}
	if err := stale.ensure(); err != nil {
		if made {
			d.removeDir(o.Dir)
		}
		return failed(op, o.partitionDir(), err)
	}
	target := path.Join(o.Dir, name.File)
	d.names.hide(target)
	if err := w.link(target, len(files) == 0 && !made); err != nil {
		d.names.show(target)
		if errors.Is(err, fs.ErrExist) { // another process was faster
			return w.yield(name, md)
		}
		return failed(op, target, err)
	}
	if err := errors.Join(stale.ensure(), d.commitNames(o.Dir)); err != nil {
		// The name may or may not survive. If it cannot be taken back it
		// stays hidden until the device is seen afresh.
		if d.fs.Remove(target) == nil {
			d.names.show(target)
			d.removeDir(o.Dir)
		}
		return failed(op, target, err)
	}
	d.names.show(target)
	w.done = true
	err = w.file.Close()
	o.relink(name.File)
	o.cleanup(append(files, name.File))
	o.cleanupTwin()
	return failed(op, target, err)
}

// yield ends a write whose name somebody else took meanwhile. If the file is
// what was to be written it only remains to make the name durable.
func (w *Writer) yield(name Name, md Metadata) error {
	const op = "diskfile.Commit"
	if !w.equals(name.File, md) {
		return swift.E(op, w.obj.Dir, swift.Conflict, &Stale{name.Timestamp})
	}
	return failed(op, w.obj.Dir, w.obj.dev.commitNames(w.obj.Dir))
}

// link gives the file its name; dirMissing says that the hash directory is
// probably not there.
func (w *Writer) link(target string, dirMissing bool) error {
	d, dir := w.obj.dev, w.obj.Dir
	if dirMissing {
		if _, err := d.makeDir(dir); err != nil {
			return err
		}
	}
	give := func() error { return w.file.LinkTo(target) }
	if w.tmp != "" {
		give = func() error { return d.fs.Rename(w.tmp, target) }
	}
	err := give()
	if notExist(err) { // another process cleaned the directory away
		if _, err = d.makeDir(dir); err == nil {
			err = give()
		}
	}
	if err == nil {
		w.tmp = ""
	}
	return err
}

// precedence decides, from the names on disk, whether the write still counts.
// It is moot, and a success, if the very same file is there already.
func (w *Writer) precedence(files []string, name Name, md Metadata) (same bool, err error) {
	stale := func(ts swift.Timestamp) error {
		return swift.E("diskfile.Commit", w.obj.Dir, swift.Conflict, &Stale{ts})
	}
	for _, f := range files {
		if f == name.File {
			if w.equals(f, md) {
				return true, nil
			}
			return false, stale(name.Timestamp)
		}
	}
	have := Select(files)
	if w.ext == ExtMeta {
		if have.Data == nil || have.Data.Timestamp.After(name.Timestamp) {
			m := &Missing{}
			if have.newest() != nil {
				m.Timestamp = have.newest().Timestamp
			}
			if have.Data != nil {
				return false, stale(have.Data.Timestamp)
			}
			return false, swift.E("diskfile.Commit", w.obj.Dir, swift.NotFound, m)
		}
		return false, nil
	}
	if n := have.newest(); n != nil && !n.Timestamp.Before(name.Timestamp) {
		return false, stale(n.Timestamp)
	}
	return false, nil
}

// equals reports whether the file on disk is what was to be written.
func (w *Writer) equals(file string, md Metadata) bool {
	f, err := w.obj.dev.fs.OpenFile(path.Join(w.obj.Dir, file), host.ReadOnly, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	have, err := readStored(f)
	return err == nil && maps.Equal(have.metadata, md)
}

// list is the files of the hash directory; nil if there is no directory.
func (o *Object) list() ([]string, error) {
	entries, err := o.dev.fs.ReadDir(o.Dir)
	if notExist(err) {
		return nil, nil
	}
	return fileNames(entries), err
}

// claim lists the hash directory, or makes it if Open did not find it, which
// tells as much in one step less. A .meta file has no use for an empty one. The
// caller holds the object's lock.
func (w *Writer) claim() (files []string, made bool, err error) {
	o := w.obj
	if w.ext != ExtMeta && o.absent.Swap(false) {
		if made, err = o.makeDir(); made || err != nil {
			return nil, made, err
		}
	}
	files, err = o.list()
	return files, false, err
}

func fileNames(entries []fs.DirEntry) []string {
	names := make([]string, 0, len(entries)+1)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// cleanup removes the files that the newest of them made obsolete and returns
// what is left. What cannot be removed does no harm and is left to the next
// time. The caller holds the object's lock.
func (o *Object) cleanup(files []string) OnDisk {
	d := o.dev
	have := Select(files)
	gone := have.Obsolete
	old := swift.TimestampOf(d.m.host.Clock.Now().Add(-d.m.cfg.ReclaimAge))
	for _, n := range have.Reclaimable {
		if n.Timestamp.Before(old) {
			gone = append(gone, n)
		}
	}
	if have.Tombstone != nil && have.Tombstone.Timestamp.Before(old) {
		gone = append(gone, *have.Tombstone)
		have.Tombstone = nil
	}
	left := len(files)
	for _, n := range gone {
		err := d.fs.Remove(path.Join(o.Dir, n.File))
		if err == nil || notExist(err) {
			left--
			continue
		}
		d.m.host.Log.LogAttrs(context.Background(), slog.LevelWarn, "cannot remove an obsolete file",
			slog.String("path", path.Join(o.Dir, n.File)), slog.Any("error", err))
	}
	if left == 0 {
		d.removeDir(o.Dir)
	}
	return have
}
