package ring

import (
	"path"
	"sync"
	"sync/atomic"
	"time"

	"apus/impl/host"
	"apus/impl/swift"
)

// reloadAfter is how old the knowledge about a ring file may get.
const reloadAfter = 15 * time.Second

// Store keeps the rings of one directory and notices, at most every 15
// seconds, that a file was replaced. A replacement that cannot be read leaves
// the ring in use as it was.
type Store struct {
	fs  host.FS
	dir string
	// Report, if set before the first use, hears about every replaced ring
	// (err is nil) and every replacement that could not be read.
	Report func(name string, err error)

	// Check, if set before the first use, says why a ring that was read must
	// not be used under its name: say, that its number of replicas is not the
	// number of fragments of its policy. It is treated as one that cannot be
	// read.
	Check func(name string, r *Ring) error

	mu struct {
		sync.Mutex
		slots map[string]*slot
	}
}

// slot is one ring file.
type slot struct {
	current atomic.Pointer[loaded]
	busy    chan struct{} // one slot: whoever fills it looks at the file
}

// loaded is a ring as of one look at its file.
type loaded struct {
	ring  *Ring
	since host.Stopwatch
	mtime time.Time
	size  int64
}

// NewStore keeps the rings below dir, each in "<name>.ring.gz".
func NewStore(fs host.FS, dir string) *Store {
	s := &Store{fs: fs, dir: dir}
	s.mu.slots = map[string]*slot{}
	return s
}

// Ring is the named ring: "account", "container", "object", "object-1", ….
// It is an error only if the ring was never read.
func (s *Store) Ring(name string) (*Ring, error) {
	sl := s.slot(name)
	have := sl.current.Load()
	switch {
	case have == nil:
		sl.busy <- struct{}{}
	case have.since.Elapsed() < reloadAfter:
		return have.ring, nil
	default:
		select {
		case sl.busy <- struct{}{}:
		default:
			return have.ring, nil // somebody is looking already
		}
	}
	defer func() { <-sl.busy }()
	if have = sl.current.Load(); have != nil && have.since.Elapsed() < reloadAfter {
		return have.ring, nil
	}
	now, err := s.look(name, have)
	if err != nil {
		if have == nil {
			return nil, err
		}
		s.report(name, err)
		again := *have // keep mtime and size: a repaired file is read as soon as it is seen
		again.since = host.StartStopwatch()
		now = &again
	}
	sl.current.Store(now)
	return now.ring, nil
}

// look reads the file unless it is what have came from.
func (s *Store) look(name string, have *loaded) (*loaded, error) {
	file := path.Join(s.dir, name+".ring.gz")
	info, err := s.fs.Stat(file)
	if err != nil {
		return nil, swift.E("ring.Store", file, swift.Other, err)
	}
	now := &loaded{since: host.StartStopwatch(), mtime: info.ModTime(), size: info.Size()}
	if have != nil && have.mtime.Equal(now.mtime) && have.size == now.size {
		now.ring = have.ring
		return now, nil
	}
	// A file replaced between Stat and Load is read again at the next look.
	if now.ring, err = Load(s.fs, file); err != nil {
		return nil, err
	}
	if s.Check != nil {
		if err := s.Check(name, now.ring); err != nil {
			return nil, swift.E("ring.Store", file, swift.Invalid, err)
		}
	}
	if have != nil {
		s.report(name, nil)
	}
	return now, nil
}

func (s *Store) report(name string, err error) {
	if s.Report != nil {
		s.Report(name, err)
	}
}

func (s *Store) slot(name string) *slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	sl := s.mu.slots[name]
	if sl == nil {
		sl = &slot{busy: make(chan struct{}, 1)}
		s.mu.slots[name] = sl
	}
	return sl
}
