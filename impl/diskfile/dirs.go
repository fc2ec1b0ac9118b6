package diskfile

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sync"
)

// nameState is what this process knows of names that are not durable yet.
type nameState struct {
	mu struct {
		sync.Mutex
		hidden map[string]int    // files that have their name but may lose it
		fresh  map[string]uint64 // directories whose own entry was not synced, with their mark
		marks  uint64            // the last mark given
	}
}

// freshDir is a directory and which of its makings is meant.
type freshDir struct {
	dir  string
	mark uint64
}

// maxFresh is how many marks are kept before the device is synced as a whole.
const maxFresh = 1 << 16

// hide keeps a file from readers until show.
func (s *nameState) hide(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.hidden[name]++
}

func (s *nameState) show(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.hidden[name]--; s.mu.hidden[name] <= 0 {
		delete(s.mu.hidden, name)
	}
}

// visible drops the hidden ones of files of dir.
func (s *nameState) visible(dir string, files []string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mu.hidden) == 0 {
		return files
	}
	out := files[:0]
	for _, f := range files {
		if s.mu.hidden[path.Join(dir, f)] == 0 {
			out = append(out, f)
		}
	}
	return out
}

// created marks a directory that is about to be made. The mark comes first:
// whoever finds the directory must find the mark as well.
func (s *nameState) created(dir string) freshDir {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.marks++
	s.mu.fresh[dir] = s.mu.marks
	return freshDir{dir, s.mu.marks}
}

// settled takes marks back, unless the directory was made anew meanwhile.
func (s *nameState) settled(dirs ...freshDir) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range dirs {
		if s.mu.fresh[d.dir] == d.mark {
			delete(s.mu.fresh, d.dir)
		}
	}
}

// unsettled lists dir and the directories above it, up to root, that somebody
// in this process made and nobody has synced. When failures have left very
// many marks it lists them all; all is then set.
func (s *nameState) unsettled(dir, root string) (list []freshDir, all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mu.fresh) > maxFresh {
		for d, mark := range s.mu.fresh {
			list = append(list, freshDir{d, mark})
		}
		return list, true
	}
	for ; len(dir) > len(root); dir = path.Dir(dir) {
		if mark := s.mu.fresh[dir]; mark != 0 {
			list = append(list, freshDir{dir, mark})
		}
	}
	return list, false
}

// makeDir makes dir and what is missing above it, below the device's own
// directory, which is the mount's business. An existing dir is success; made
// says that it was not there.
func (d *Device) makeDir(dir string) (made bool, err error) {
	if len(dir) <= len(d.Path) {
		return false, fs.ErrNotExist
	}
	if path.Dir(dir) == d.Path {
		// These are made once in a device's life. If one is missing the
		// device may have been unmounted since it was checked, and this
		// would fill the disk below.
		if err := d.m.check(d.Path); err != nil {
			return false, fmt.Errorf("%w: %w", errGone, err)
		}
	}
	made, err = d.makeOne(dir)
	for i := 0; notExist(err) && i < mkdirAttempts; i++ { // somebody may be removing empty ones
		if _, err = d.makeDir(path.Dir(dir)); err == nil {
			made, err = d.makeOne(dir)
		}
	}
	return made, err
}

// makeOne makes dir in a directory that exists.
func (d *Device) makeOne(dir string) (made bool, err error) {
	mark := d.names.created(dir)
	err = d.fs.Mkdir(dir, dirPerm)
	if errors.Is(err, fs.ErrExist) {
		return false, nil // the mark stays: another maker may be waiting for its own sync
	}
	if err != nil {
		d.names.settled(mark)
	}
	return err == nil, err
}

const mkdirAttempts = 4

// makeDir makes the hash directory. With few objects in each partition its
// suffix directory is missing as well, with many it is there: what the last
// object found is tried first.
func (o *Object) makeDir() (made bool, err error) {
	d := o.dev
	if d.sparse.Load() {
		missed, err := d.makeDir(o.suffixDir())
		if err != nil {
			return false, err
		}
		d.sparse.Store(missed)
	}
	if made, err = d.makeOne(o.Dir); notExist(err) {
		d.sparse.Store(true)
		made, err = d.makeDir(o.Dir)
	}
	return made, err
}

// errGone is what writing to a device that was unmounted meanwhile gives.
var errGone = errors.New("the device is gone")

// removeDir removes a directory if it is empty and reports whether it is gone.
func (d *Device) removeDir(dir string) bool {
	err := d.fs.Remove(dir)
	if err == nil {
		list, _ := d.names.unsettled(dir, path.Dir(dir))
		d.names.settled(list...)
	}
	return err == nil || notExist(err)
}

// commitNames returns when the entries of dir, and those that lead to it from
// the device's root, are durable.
func (d *Device) commitNames(dir string) error {
	fresh, all := d.names.unsettled(dir, d.Path)
	err := d.commit(func() error {
		if all {
			return d.syncAll()
		}
		if err := d.fs.SyncDir(dir); err != nil {
			return err
		}
		for _, f := range fresh {
			if err := d.fs.SyncDir(path.Dir(f.dir)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		d.names.settled(fresh...)
	}
	return err
}

const (
	dirPerm  = 0o755
	filePerm = 0o600
)
