package disk

import (
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"apus/impl/host"
)

// Process is the host.FS of one process incarnation.
type Process struct {
	name   string
	m      *Machine
	exempt bool // a judge
	fenced atomic.Bool
	dead   chan struct{} // closed by Fence

	mu struct {
		sync.Mutex
		open   map[*File]uint64 // with the number of its opening
		opened uint64
	}
}

var _ host.FS = (*Process)(nil)

// OpenFile is an open file and where it was opened.
type OpenFile struct{ Path, Stack string }

// Name is the name given to Machine.Process.
func (p *Process) Name() string { return p.name }

// Fence kills the process. When it returns, no effect of the process can reach
// a disk any more: running and later calls end with ErrDead. Its locks are
// released and its files closed; what it wrote stays in the volatile image.
func (p *Process) Fence() {
	p.mu.Lock()
	was := p.fenced.Swap(true)
	p.mu.Unlock()
	if was {
		return
	}
	close(p.dead)
	for _, d := range p.m.disks() {
		d.mu.Lock()
		//lint:ignore SA2001 a call that was let in before has finished after this
		d.mu.Unlock()
	}
	for _, f := range p.files() {
		f.abandon()
		p.closed(f)
	}
	p.m.forget(p)
}

// OpenFiles lists the files that the process holds open, in order of opening.
func (p *Process) OpenFiles() []OpenFile {
	files := p.files()
	out := make([]OpenFile, 0, len(files))
	for _, f := range files {
		out = append(out, OpenFile{Path: f.shown, Stack: f.stack()})
	}
	return out
}

// files lists the open files in order of opening.
func (p *Process) files() []*File {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]*File, 0, len(p.mu.open))
	for f := range p.mu.open {
		out = append(out, f)
	}
	sort.Slice(out, func(i, j int) bool { return p.mu.open[out[i]] < p.mu.open[out[j]] })
	return out
}

// opened registers a file. It reports false if the process was killed.
func (p *Process) opened(f *File) bool {
	runtime.Callers(3, f.callers[:])
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fenced.Load() {
		return false
	}
	p.mu.opened++
	p.mu.open[f] = p.mu.opened
	return true
}

func (p *Process) closed(f *File) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.mu.open, f)
}

// stack prints where the file was opened.
func (f *File) stack() string {
	var b strings.Builder
	frames := runtime.CallersFrames(f.callers[:])
	for {
		frame, more := frames.Next()
		if frame.Function != "" {
			fmt.Fprintf(&b, "%s\n\t%s:%d\n", frame.Function, frame.File, frame.Line)
		}
		if !more {
			return b.String()
		}
	}
}

// begin resolves name and lets the call pass. Without error the disk is locked.
func (p *Process) begin(kind OpSet, op, name string) (*call, verdict, error) {
	return p.begin2(kind, op, name, "")
}

// begin2 is begin with a second name, given within the disk.
func (p *Process) begin2(kind OpSet, op, name, rel2 string) (*call, verdict, error) {
	c := &call{kind: kind, op: op, name: name, rel2: rel2, p: p}
	var err error
	if c.mt, c.rel, err = p.m.resolve(name); err != nil {
		if p.fenced.Load() {
			err = ErrDead
		}
		return nil, verdict{}, c.fail(err)
	}
	v, err := c.mt.d.admit(c)
	if err == nil && v.err != nil && kind&(OpSyncDir|OpSyncAll) == 0 {
		c.mt.d.mu.Unlock()
		err = c.fail(v.err)
	}
	return c, v, err
}

// exists reports whether name is taken, as a look at the cache does.
func (p *Process) exists(name string) bool {
	mt, rel, err := p.m.resolve(name)
	if err != nil {
		return false
	}
	mt.d.mu.Lock()
	defer mt.d.mu.Unlock()
	_, err = mt.d.walk(rel)
	return err == nil
}

// OpenFile implements host.FS.
func (p *Process) OpenFile(name string, flag int, perm fs.FileMode) (host.File, error) {
	kind := OpOpen
	if flag&host.Create != 0 && !p.exists(name) {
		kind = OpCreate
	} else if flag&host.Truncate != 0 {
		kind = OpOpen | OpTruncate
	}
	c, _, err := p.begin(kind, "open", name)
	if err != nil {
		return nil, err
	}
	d := c.mt.d
	defer d.mu.Unlock()
	ino, err := d.open(c, flag, perm)
	if err != nil {
		return nil, c.fail(err)
	}
	return newFile(c, ino, flag, name, name)
}

// open finds or makes the file of an OpenFile.
func (d *Disk) open(c *call, flag int, perm fs.FileMode) (*inode, error) {
	at, ino, err := d.walkParent(c.rel)
	switch {
	case err == errBusy: // the root
	case err != nil:
		return nil, err
	}
	if ino == nil {
		if flag&host.Create == 0 {
			return nil, fs.ErrNotExist
		}
		return d.create(at, perm&fs.ModePerm, c.now)
	}
	if flag&host.Create != 0 && flag&host.Exclusive != 0 {
		return nil, fs.ErrExist
	}
	if ino.dir != nil {
		return nil, host.ErrIsDir
	}
	if flag&host.Truncate != 0 && ino.vol.size > 0 {
		d.resize(ino, 0)
		ino.mtime = c.p.m.clock.Now()
	}
	return ino, nil
}

// CreateUnnamed implements host.FS.
func (p *Process) CreateUnnamed(dir string, perm fs.FileMode) (host.File, error) {
	c, _, err := p.begin(OpCreate, "tmpfile", dir)
	if err != nil {
		return nil, err
	}
	d := c.mt.d
	defer d.mu.Unlock()
	if _, err := d.walkDir(c.rel); err != nil {
		return nil, c.fail(err)
	}
	if d.cfg.NoUnnamed {
		return nil, c.fail(host.ErrUnsupported)
	}
	ino, err := d.create(nil, perm&fs.ModePerm, c.now)
	if err != nil {
		return nil, c.fail(err)
	}
	return newFile(c, ino, host.ReadWrite, "", path.Join(dir, "(unnamed)"))
}

// Mkdir implements host.FS.
func (p *Process) Mkdir(name string, perm fs.FileMode) error {
	c, _, err := p.begin(OpMkdir, "mkdir", name)
	if err != nil {
		return err
	}
	d := c.mt.d
	defer d.mu.Unlock()
	at, ino, err := d.walkParent(c.rel)
	if ino != nil {
		err = fs.ErrExist
	}
	if err == nil {
		_, err = d.create(at, fs.ModeDir|perm&fs.ModePerm, c.now)
	}
	return c.fail(err)
}

// MkdirAll implements host.FS.
func (p *Process) MkdirAll(name string, perm fs.FileMode) error {
	info, err := p.Stat(name)
	if err == nil {
		if !info.IsDir() {
			err = &fs.PathError{Op: "mkdir", Path: name, Err: host.ErrNotDir}
		}
		return err
	}
	if !isNotExist(err) || name == "/" {
		return err
	}
	if err := p.MkdirAll(path.Dir(name), perm); err != nil {
		return err
	}
	if err = p.Mkdir(name, perm); err != nil && isExist(err) {
		if info, serr := p.Stat(name); serr == nil && info.IsDir() {
			return nil // somebody else was faster
		}
	}
	return err
}

// Remove implements host.FS.
func (p *Process) Remove(name string) error {
	c, _, err := p.begin(OpRemove, "remove", name)
	if err != nil {
		return err
	}
	d := c.mt.d
	defer d.mu.Unlock()
	at, ino, err := d.walkParent(c.rel)
	if err == nil && ino == nil {
		err = fs.ErrNotExist
	}
	if err == nil {
		err = d.remove(at, ino, c.now)
	}
	return c.fail(err)
}

// RemoveAll implements host.FS. It goes name by name, as a real one does.
func (p *Process) RemoveAll(name string) error {
	err := p.Remove(name)
	if err == nil || isNotExist(err) {
		return nil
	}
	list, lerr := p.ReadDir(name)
	if lerr != nil {
		return err
	}
	for _, e := range list {
		if err := p.RemoveAll(path.Join(name, e.Name())); err != nil {
			return err
		}
	}
	if err := p.Remove(name); err != nil && !isNotExist(err) {
		return err
	}
	return nil
}

// pair starts an operation on two names of one file system.
func (p *Process) pair(kind OpSet, op, oldName, newName string) (c *call, from, to *place, ino, old *inode, err error) {
	mt, rel, err := p.m.resolve(newName)
	if err != nil {
		return nil, nil, nil, nil, nil, &fs.PathError{Op: op, Path: newName, Err: err}
	}
	c, _, err = p.begin2(kind, op, oldName, rel)
	if err != nil {
		return nil, nil, nil, nil, nil, err
	}
	d := c.mt.d
	if from, ino, err = d.walkParent(c.rel); err == nil && ino == nil {
		err = fs.ErrNotExist
	}
	if err == nil && mt != c.mt {
		err = host.ErrCrossDevice
	}
	if err == nil {
		to, old, err = d.walkParent(rel)
	}
	if err != nil {
		d.mu.Unlock()
		return nil, nil, nil, nil, nil, c.fail(err)
	}
	return c, from, to, ino, old, nil
}

// Rename implements host.FS.
func (p *Process) Rename(oldName, newName string) error {
	c, from, to, ino, old, err := p.pair(OpRename, "rename", oldName, newName)
	if err != nil {
		return err
	}
	defer c.mt.d.mu.Unlock()
	return c.fail(c.mt.d.rename(from, to, ino, old, c.now))
}

// Link implements host.FS.
func (p *Process) Link(oldName, newName string) error {
	c, _, to, ino, old, err := p.pair(OpLink, "link", oldName, newName)
	if err != nil {
		return err
	}
	defer c.mt.d.mu.Unlock()
	switch {
	case ino.dir != nil:
		return c.fail(fs.ErrPermission)
	case old != nil:
		return c.fail(fs.ErrExist)
	}
	c.mt.d.enter(to, ino, c.now)
	return nil
}
