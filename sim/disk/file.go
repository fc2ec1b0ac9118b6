package disk

import (
	"io"
	"io/fs"
	"path"
	"sort"

	"apus/impl/host"
)

// File is an open file. Its position, like all its state, is guarded by the
// mutex of its disk.
type File struct {
	p       *Process
	mt      *mount
	ino     *inode
	flag    int
	name    string // as opened, "" without a name
	shown   string // for errors and lists
	rel     string // for rules
	pos     int64
	gone    bool // closed, killed or taken away
	callers [16]uintptr
}

var (
	_ host.File        = (*File)(nil)
	_ host.RangeWriter = (*File)(nil)
	_ io.WriterTo      = (*File)(nil)
)

// newFile opens ino. The disk is locked.
func newFile(c *call, ino *inode, flag int, name, shown string) (*File, error) {
	f := &File{p: c.p, mt: c.mt, ino: ino, flag: flag, name: name, shown: shown, rel: c.rel}
	if name == "" {
		f.rel = path.Join(c.rel, "(unnamed)")
	}
	ino.opens++
	if !c.p.opened(f) {
		ino.opens--
		c.mt.d.release(ino)
		return nil, c.fail(ErrDead)
	}
	return f, nil
}

// abandon closes the file from outside, without asking anybody.
func (f *File) abandon() {
	d := f.mt.d
	d.mu.Lock()
	defer d.mu.Unlock()
	f.letGo()
}

func (f *File) letGo() {
	if f.gone {
		return
	}
	f.gone = true
	f.ino.locks.drop(f)
	f.ino.opens--
	f.mt.d.release(f.ino)
}

// begin lets a call on the file pass. Without error the disk is locked.
func (f *File) begin(kind OpSet, op string, off, n int64) (*call, verdict, error) {
	return f.admit(&call{kind: kind, op: op, name: f.shown, off: off, n: n})
}

// admit completes a call on the file and lets it pass.
func (f *File) admit(c *call) (*call, verdict, error) {
	c.rel, c.p, c.mt, c.ino = f.rel, f.p, f.mt, f.ino
	v, err := f.mt.d.admit(c)
	if err != nil {
		return nil, verdict{}, err
	}
	if f.gone {
		err = fs.ErrClosed
	} else if v.err != nil && c.kind&(OpSync|OpWrite) == 0 {
		err = v.err
	}
	if err != nil {
		f.mt.d.mu.Unlock()
		return nil, verdict{}, c.fail(err)
	}
	return c, v, nil
}

// Name implements host.File.
func (f *File) Name() string { return f.name }

// Close implements host.File.
func (f *File) Close() error {
	d := f.mt.d
	d.mu.Lock()
	defer d.mu.Unlock()
	c := &call{op: "close", name: f.shown, p: f.p, mt: f.mt}
	if f.p.fenced.Load() {
		return c.fail(ErrDead)
	}
	f.p.closed(f)
	if f.gone && !f.mt.gone {
		return c.fail(fs.ErrClosed)
	}
	f.letGo()
	return nil
}

// Stat implements host.File.
func (f *File) Stat() (fs.FileInfo, error) {
	_, _, err := f.begin(OpStat, "stat", 0, 0)
	if err != nil {
		return nil, err
	}
	defer f.mt.d.mu.Unlock()
	return f.ino.info(path.Base(f.shown)), nil
}

// Read implements io.Reader.
func (f *File) Read(p []byte) (int, error) { return f.read(p, -1) }

// ReadAt implements io.ReaderAt.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, &fs.PathError{Op: "read", Path: f.shown, Err: fs.ErrInvalid}
	}
	n, err := f.read(p, off)
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// read reads at off, or at the position if off is negative.
func (f *File) read(p []byte, off int64) (int, error) {
	at := off
	if off < 0 {
		at = f.position()
	}
	c, v, err := f.begin(OpRead, "read", at, int64(len(p)))
	if err != nil {
		return 0, err
	}
	d := f.mt.d
	defer d.mu.Unlock()
	if off < 0 {
		at = f.pos
	}
	if len(p) == 0 {
		return 0, nil
	}
	n := int(min(int64(len(p)), f.ino.vol.size-at))
	if n <= 0 {
		return 0, io.EOF
	}
	if v.short && off < 0 {
		n = (n + 1) / 2 // ReadAt would have to explain itself
	}
	f.ino.vol.readAt(p[:n], at)
	if off < 0 {
		f.pos += int64(n)
	}
	for _, r := range v.rot {
		f.decay(r, p[:n], at)
	}
	if !c.p.exempt {
		d.stats.Reads++
		d.stats.BytesRead += int64(n)
	}
	return n, nil
}

// position reads the position; a call that waits may find another one later.
func (f *File) position() int64 {
	f.mt.d.mu.Lock()
	defer f.mt.d.mu.Unlock()
	return f.pos
}

// decay lets a rule rot what was read at off, page by page.
func (f *File) decay(r *rule, p []byte, off int64) {
	for len(p) > 0 {
		i, o := off/pageSize, int(off%pageSize)
		n := min(len(p), pageSize-o)
		if pg := f.ino.vol.page(i); pg != nil {
			whole := pg.b[:min(int64(len(pg.b)), f.ino.vol.size-i*pageSize)]
			f.mt.d.faults.decay(r, whole, p[:n], o)
		}
		p, off = p[n:], off+int64(n)
	}
}

// Write implements io.Writer.
func (f *File) Write(p []byte) (int, error) { return f.write(p, -1) }

// WriteAt implements io.WriterAt.
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 || f.flag&host.Append != 0 {
		return 0, &fs.PathError{Op: "write", Path: f.shown, Err: fs.ErrInvalid}
	}
	return f.write(p, off)
}

// write writes at off, or where the file says if off is negative.
func (f *File) write(p []byte, off int64) (int, error) {
	if f.flag&host.ReadWrite == 0 {
		return 0, &fs.PathError{Op: "write", Path: f.shown, Err: fs.ErrPermission}
	}
	at := off
	if off < 0 {
		at = f.position()
	}
	c, v, err := f.begin(OpWrite, "write", at, int64(len(p)))
	if err != nil {
		return 0, err
	}
	d := f.mt.d
	defer d.mu.Unlock()
	if off < 0 {
		at = f.pos
		if f.flag&host.Append != 0 {
			at = f.ino.vol.size
		}
	}
	want, err := int64(len(p)), v.err
	if err != nil {
		want = 0
		if v.short {
			want = int64(len(p) / 2)
		}
	}
	n := d.charge(f.ino, at, want)
	if n < want && err == nil {
		err = host.ErrNoSpace
	}
	if n > 0 {
		d.soil(f.ino, min(at, f.ino.vol.size)/pageSize, pagesOf(at+n))
		f.ino.vol.writeAt(p[:n], at)
		f.ino.mtime = c.now
		if off < 0 {
			f.pos = at + n
		}
	}
	if !c.p.exempt {
		d.stats.Writes++
		d.stats.BytesWritten += n
	}
	return int(n), c.fail(err)
}

// Seek implements io.Seeker.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	d := f.mt.d
	d.mu.Lock()
	defer d.mu.Unlock()
	c := &call{op: "seek", name: f.shown, p: f.p, mt: f.mt}
	if err := d.alive(c); err != nil {
		return 0, c.fail(err)
	}
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += f.pos
	case io.SeekEnd:
		offset += f.ino.vol.size
	default:
		return 0, c.fail(fs.ErrInvalid)
	}
	if f.gone {
		return 0, c.fail(fs.ErrClosed)
	}
	if offset < 0 {
		return 0, c.fail(fs.ErrInvalid)
	}
	f.pos = offset
	return offset, nil
}

// Truncate implements host.File.
func (f *File) Truncate(size int64) error {
	if f.flag&host.ReadWrite == 0 || size < 0 {
		return &fs.PathError{Op: "truncate", Path: f.shown, Err: fs.ErrInvalid}
	}
	c, _, err := f.begin(OpTruncate, "truncate", size, 0)
	if err != nil {
		return err
	}
	defer f.mt.d.mu.Unlock()
	f.mt.d.resize(f.ino, size)
	f.ino.mtime = c.now
	return nil
}

// Sync implements host.File. After an error the content that was at risk is
// taken for written, so that the next Sync succeeds, but a power cut loses it.
func (f *File) Sync() error {
	c, v, err := f.begin(OpSync, "sync", 0, 0)
	if err != nil {
		return err
	}
	d := f.mt.d
	defer d.mu.Unlock()
	d.stats.Syncs++
	switch {
	case v.err != nil:
		f.ino.lose()
		return c.fail(v.err)
	case !v.lie:
		f.ino.flush()
		delete(d.dirty, f.ino)
	}
	return nil
}

// Preallocate implements host.File.
func (f *File) Preallocate(size int64) error {
	if size <= 0 {
		return nil
	}
	if f.flag&host.ReadWrite == 0 {
		return &fs.PathError{Op: "preallocate", Path: f.shown, Err: fs.ErrPermission}
	}
	c, _, err := f.begin(OpPreallocate, "preallocate", 0, size)
	if err != nil {
		return err
	}
	defer f.mt.d.mu.Unlock()
	return c.fail(f.mt.d.reserve(f.ino, size))
}

// DropCache implements host.File. What a failed Sync has lost shows after it.
func (f *File) DropCache(offset, length int64) {
	d := f.mt.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if f.gone || f.p.fenced.Load() {
		return
	}
	end := pagesOf(offset + length)
	if length == 0 {
		end = int64(len(f.ino.vol.pages))
	}
	f.ino.evict(pagesOf(offset), end)
}

// LinkTo implements host.File.
func (f *File) LinkTo(name string) error {
	mt, rel, err := f.p.m.resolve(name)
	if err == nil && mt != f.mt {
		err = host.ErrCrossDevice
	}
	if err != nil {
		return &fs.PathError{Op: "link", Path: name, Err: err}
	}
	c, _, err := f.admit(&call{kind: OpLink, op: "link", name: name, rel2: rel})
	if err != nil {
		return err
	}
	defer f.mt.d.mu.Unlock()
	at, old, err := f.mt.d.walkParent(rel)
	switch {
	case old != nil:
		err = fs.ErrExist
	case err == nil && f.ino.nlink == 0 && f.name != "":
		err = fs.ErrNotExist // it had a name and lost it
	}
	if err != nil {
		return c.fail(err)
	}
	f.mt.d.enter(at, f.ino, c.now)
	f.rel = rel
	return nil
}

// GetXattr implements host.File.
func (f *File) GetXattr(name string) ([]byte, error) {
	c, v, err := f.begin(OpGetXattr, "getxattr", 0, 0)
	if err != nil {
		return nil, err
	}
	defer f.mt.d.mu.Unlock()
	value, ok := f.ino.xvol[name]
	if !ok {
		return nil, c.fail(host.ErrNoXattr)
	}
	out := []byte(value)
	for _, r := range v.rot {
		f.mt.d.faults.decay(r, []byte(value), out, 0)
	}
	return out, nil
}

// SetXattr implements host.File.
func (f *File) SetXattr(name string, value []byte) error {
	c, _, err := f.begin(OpSetXattr, "setxattr", 0, 0)
	if err != nil {
		return err
	}
	defer f.mt.d.mu.Unlock()
	if len(value) > maxXattr || name == "" || len(name) > maxName {
		return c.fail(host.ErrXattrSize)
	}
	next := f.ino.xvol.with(name, string(value))
	if limit := f.mt.d.cfg.XattrLimit; limit > 0 && next.size() > limit {
		return c.fail(host.ErrXattrSize)
	}
	f.setXattrs(next)
	return nil
}

// maxXattr is the largest value that Linux takes.
const maxXattr = 64 << 10

// RemoveXattr implements host.File.
func (f *File) RemoveXattr(name string) error {
	c, _, err := f.begin(OpSetXattr, "removexattr", 0, 0)
	if err != nil {
		return err
	}
	defer f.mt.d.mu.Unlock()
	if _, ok := f.ino.xvol[name]; !ok {
		return c.fail(host.ErrNoXattr)
	}
	f.setXattrs(f.ino.xvol.without(name))
	return nil
}

func (f *File) setXattrs(next xattrs) {
	f.ino.xvol = next
	f.ino.xpast = append(f.ino.xpast, next)
	f.mt.d.soil(f.ino, 0, 0)
}

// ListXattr implements host.File. Names come sorted.
func (f *File) ListXattr() ([]string, error) {
	_, _, err := f.begin(OpGetXattr, "listxattr", 0, 0)
	if err != nil {
		return nil, err
	}
	defer f.mt.d.mu.Unlock()
	var names []string
	for name := range f.ino.xvol {
		names = append(names, name)
	}
	sort.Strings(names)
	return names, nil
}

// WriteTo implements io.WriterTo.
func (f *File) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{f})
}

// WriteRangeTo implements host.RangeWriter.
func (f *File) WriteRangeTo(w io.Writer, off, n int64) (int64, error) {
	done, err := io.Copy(w, io.NewSectionReader(f, off, n))
	if err == nil && done < n {
		err = io.ErrUnexpectedEOF
	}
	return done, err
}
