package disk

import (
	"errors"
	"io/fs"
	"path"
	"sort"
	"strings"
	"sync"
	"time"

	"apus/impl/host"
)

// Machine is a mount table and the processes that look through it.
type Machine struct {
	clock host.Clock

	mu     sync.RWMutex
	mounts []*mount // longest path first
	procs  []*Process
}

// mount is a disk at a place, until it is unmounted.
type mount struct {
	path string
	d    *Disk
	gone bool // guarded by d.mu
}

// NewMachine returns a machine without disks; mount one at "/" first. The
// clock gives modification times.
func NewMachine(clock host.Clock) *Machine { return &Machine{clock: clock} }

// Mount attaches d at path. The mount point is made, durably, on the disk that
// holds path so far; what that disk has below it is hidden.
func (m *Machine) Mount(at string, d *Disk) {
	if !path.IsAbs(at) || path.Clean(at) != at {
		panic("disk: mount point " + at)
	}
	m.Unmount(at)
	if below, rel, err := m.resolve(at); err == nil {
		below.d.makeMountPoint(rel, m.clock.Now())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mounts = append(m.mounts, &mount{path: at, d: d})
	sort.SliceStable(m.mounts, func(i, j int) bool { return len(m.mounts[i].path) > len(m.mounts[j].path) })
}

// Unmount takes the disk at path away by force: files open on it answer
// host.ErrIO and their locks are gone. Names at and below path then lead to
// the disk below, which has an empty directory there.
func (m *Machine) Unmount(at string) {
	m.mu.Lock()
	var mt *mount
	for i := range m.mounts {
		if m.mounts[i].path == at {
			mt = m.mounts[i]
			m.mounts = append(m.mounts[:i:i], m.mounts[i+1:]...)
			break
		}
	}
	procs := append([]*Process(nil), m.procs...)
	m.mu.Unlock()
	if mt == nil {
		return
	}
	mt.d.mu.Lock()
	mt.gone = true
	mt.d.mu.Unlock()
	for _, p := range procs {
		for _, f := range p.files() {
			if f.mt == mt {
				f.abandon()
			}
		}
	}
}

// Disk returns the disk mounted at path, or nil.
func (m *Machine) Disk(at string) *Disk {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, mt := range m.mounts {
		if mt.path == at {
			return mt.d
		}
	}
	return nil
}

// Mounts lists the mount points, sorted.
func (m *Machine) Mounts() []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	out := make([]string, 0, len(m.mounts))
	for _, mt := range m.mounts {
		out = append(out, mt.path)
	}
	sort.Strings(out)
	return out
}

// Process returns the file system as a new process incarnation sees it.
func (m *Machine) Process(name string) *Process { return m.process(name, false) }

// Inspector returns a view for judges: faults, latency, counters and the death
// of a disk do not touch it.
func (m *Machine) Inspector(name string) *Process { return m.process(name, true) }

func (m *Machine) process(name string, exempt bool) *Process {
	p := &Process{name: name, m: m, exempt: exempt, dead: make(chan struct{})}
	p.mu.open = map[*File]uint64{}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.procs = append(m.procs, p)
	return p
}

// PowerCut kills every process and returns the machine as it boots again: the
// same mount points, each disk as found after the cut.
func (m *Machine) PowerCut(mode CutMode) *Machine {
	m.mu.RLock()
	procs := append([]*Process(nil), m.procs...)
	m.mu.RUnlock()
	for _, p := range procs {
		p.Fence()
	}
	after := NewMachine(m.clock)
	for _, at := range m.Mounts() {
		after.Mount(at, m.Disk(at).PowerCut(mode))
	}
	return after
}

func (m *Machine) forget(p *Process) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.procs {
		if m.procs[i] == p {
			m.procs = append(m.procs[:i:i], m.procs[i+1:]...)
			return
		}
	}
}

// disks lists what is mounted.
func (m *Machine) disks() []*Disk {
	m.mu.RLock()
	defer m.mu.RUnlock()
	out := make([]*Disk, 0, len(m.mounts))
	for _, mt := range m.mounts {
		out = append(out, mt.d)
	}
	return out
}

// resolve finds the file system that holds name, and the path within it.
func (m *Machine) resolve(name string) (*mount, string, error) {
	if !path.IsAbs(name) || path.Clean(name) != name {
		return nil, "", fs.ErrInvalid
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, mt := range m.mounts {
		if mt.path == "/" {
			return mt, name, nil
		}
		if rest, ok := strings.CutPrefix(name, mt.path); ok {
			if rest == "" {
				return mt, "/", nil
			}
			if rest[0] == '/' {
				return mt, rest, nil
			}
		}
	}
	return nil, "", fs.ErrNotExist
}

// makeMountPoint makes a directory and its parents, durably and free of charge.
func (d *Disk) makeMountPoint(rel string, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := d.root
	for name := range strings.SplitSeq(strings.Trim(rel, "/"), "/") {
		if name == "" {
			continue
		}
		next := at.dir.entries[name]
		if next == nil {
			next = d.newInode(fs.ModeDir|0o755, now)
			next.dir = newDirectory(at)
			next.nlink = 1
			at.dir.put(name, next)
			d.record(&change{to: &place{at, name}, ino: next}, nil)
		}
		if next.dir == nil {
			panic("disk: mount point below a file: " + rel)
		}
		d.commitDir(at)
		at = next
	}
}

var (
	errBusy    = errors.New("device or resource busy")
	errTooLong = errors.New("file name too long")
)
