package disk

import (
	"io/fs"
	"math"

	"apus/impl/host"
)

// lockTable holds the advisory locks on a file: flock and ranges, which do not
// know of each other. Both belong to open files.
type lockTable struct {
	whole  []rangeLock
	ranges []rangeLock
}

// rangeLock is a lock on bytes start up to end.
type rangeLock struct {
	f          *File
	mode       host.LockMode
	start, end int64
}

// blocked reports whether another open file's lock conflicts.
func blocked(held []rangeLock, want rangeLock) bool {
	for _, l := range held {
		if l.f != want.f && l.start < want.end && want.start < l.end &&
			(l.mode == host.Exclusively || want.mode == host.Exclusively) {
			return true
		}
	}
	return false
}

// replace returns held with want in place of what its owner had there.
func replace(held []rangeLock, want rangeLock) []rangeLock {
	out := make([]rangeLock, 0, len(held)+2)
	for _, l := range held {
		if l.f != want.f || l.end <= want.start || want.end <= l.start {
			out = append(out, l)
			continue
		}
		if l.start < want.start {
			out = append(out, rangeLock{l.f, l.mode, l.start, want.start})
		}
		if want.end < l.end {
			out = append(out, rangeLock{l.f, l.mode, want.end, l.end})
		}
	}
	if want.mode != host.Unlocked {
		out = append(out, want)
	}
	return out
}

// drop releases what an open file holds.
func (t *lockTable) drop(f *File) {
	all := rangeLock{f, host.Unlocked, 0, math.MaxInt64}
	if len(t.whole) > 0 {
		t.whole = replace(t.whole, all)
	}
	if len(t.ranges) > 0 {
		t.ranges = replace(t.ranges, all)
	}
}

// TryLock implements host.File. A conversion gives up the old lock first.
func (f *File) TryLock(mode host.LockMode) error {
	c, _, err := f.begin(OpLock, "flock", 0, 0)
	if err != nil {
		return err
	}
	defer f.mt.d.mu.Unlock()
	t := &f.ino.locks
	want := rangeLock{f, mode, 0, math.MaxInt64}
	for _, l := range t.whole {
		if l.f == f && l.mode == mode {
			return nil
		}
	}
	t.whole = replace(t.whole, rangeLock{f, host.Unlocked, 0, math.MaxInt64})
	if mode != host.Unlocked && blocked(t.whole, want) {
		return c.fail(host.ErrWouldBlock)
	}
	t.whole = replace(t.whole, want)
	return nil
}

// TryLockRange implements host.File. A conversion that fails changes nothing.
func (f *File) TryLockRange(mode host.LockMode, offset, length int64) error {
	c, _, err := f.begin(OpLock, "lock", offset, length)
	if err != nil {
		return err
	}
	defer f.mt.d.mu.Unlock()
	want := rangeLock{f, mode, offset, offset + length}
	switch {
	case offset < 0 || length < 0:
		return c.fail(fs.ErrInvalid)
	case length == 0:
		want.end = math.MaxInt64
	}
	if mode == host.Exclusively && f.flag&host.ReadWrite == 0 {
		return c.fail(fs.ErrPermission)
	}
	t := &f.ino.locks
	if mode != host.Unlocked && blocked(t.ranges, want) {
		return c.fail(host.ErrWouldBlock)
	}
	t.ranges = replace(t.ranges, want)
	return nil
}
