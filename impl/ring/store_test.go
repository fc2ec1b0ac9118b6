package ring

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"apus/impl/host"
	"apus/impl/swift"
)

// shelf is a directory in memory that counts and can fail what is done to it.
type shelf struct {
	host.FS
	mu     sync.Mutex
	files  map[string]*volume
	ops    []string
	failAt int // 1 is the first operation; 0 never
	slow   time.Duration
}

type volume struct {
	data  []byte
	mtime time.Time
}

var errShelf = errors.New("shelf broke")

func newShelf() *shelf { return &shelf{files: map[string]*volume{}} }

func (s *shelf) step(op, name string) error {
	s.ops = append(s.ops, op)
	if len(s.ops) == s.failAt {
		return fmt.Errorf("%s %s: %w", op, name, errShelf)
	}
	return nil
}

func (s *shelf) count(op string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(strings.Join(s.ops, " "), op)
}

func (s *shelf) put(name string, data []byte, mtime time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[name] = &volume{data, mtime}
}

func (s *shelf) Stat(name string) (fs.FileInfo, error) {
	if s.slow > 0 {
		time.Sleep(s.slow)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.step("stat", name); err != nil {
		return nil, err
	}
	v := s.files[name]
	if v == nil {
		return nil, fs.ErrNotExist
	}
	return v, nil
}

func (v *volume) Name() string       { return "" }
func (v *volume) Size() int64        { return int64(len(v.data)) }
func (v *volume) Mode() fs.FileMode  { return 0o644 }
func (v *volume) ModTime() time.Time { return v.mtime }
func (v *volume) IsDir() bool        { return false }
func (v *volume) Sys() any           { return nil }

func (s *shelf) OpenFile(name string, flag int, _ fs.FileMode) (host.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.step("open", name); err != nil {
		return nil, err
	}
	if flag&host.Create != 0 {
		s.files[name] = &volume{}
	}
	v := s.files[name]
	if v == nil {
		return nil, fs.ErrNotExist
	}
	return &page{shelf: s, v: v, rd: bytes.NewReader(v.data)}, nil
}

func (s *shelf) Rename(from, to string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.step("rename", to); err != nil {
		return err
	}
	s.files[to] = s.files[from]
	delete(s.files, from)
	return nil
}

func (s *shelf) Remove(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.files, name)
	return nil
}

func (s *shelf) SyncDir(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.step("syncdir", name)
}

type page struct {
	host.File
	shelf *shelf
	v     *volume
	rd    *bytes.Reader
}

func (p *page) Read(b []byte) (int, error) { return p.rd.Read(b) }

func (p *page) Write(b []byte) (int, error) {
	p.shelf.mu.Lock()
	defer p.shelf.mu.Unlock()
	p.v.data = append(p.v.data, b...)
	return len(b), p.shelf.step("write", "")
}

func (p *page) Sync() error {
	p.shelf.mu.Lock()
	defer p.shelf.mu.Unlock()
	return p.shelf.step("sync", "")
}

func (p *page) Close() error {
	p.shelf.mu.Lock()
	defer p.shelf.mu.Unlock()
	return p.shelf.step("close", "")
}

func TestSaveOrder(t *testing.T) {
	s := newShelf()
	if err := readGolden(t, "one-zone").Save(s, "/etc/swift/object.ring.gz"); err != nil {
		t.Fatal(err)
	}
	ops := strings.Join(s.ops, " ")
	if !strings.HasPrefix(ops, "open write") || !strings.HasSuffix(ops, "write sync close rename syncdir") {
		t.Errorf("operations were %s", ops)
	}
	if len(s.files) != 1 || s.files["/etc/swift/object.ring.gz"] == nil {
		t.Errorf("left %d files", len(s.files))
	}
}

// TestSaveFailures fails every operation of Save in turn: the file is the old
// or the new one, whole, and nothing is left beside it.
func TestSaveFailures(t *testing.T) {
	const name = "/etc/swift/object.ring.gz"
	old, next := encode(t, readGolden(t, "one-zone")), readGolden(t, "fractional")
	for failAt := 1; ; failAt++ {
		s := newShelf()
		s.put(name, old, time.Time{})
		s.failAt = failAt
		err := next.Save(s, name)
		got := s.files[name].data
		read, readErr := Read(bytes.NewReader(got))
		if !bytes.Equal(got, old) && (readErr != nil || !read.Equal(next)) {
			t.Errorf("failure %d left a torn file", failAt)
		}
		if len(s.files) != 1 {
			t.Errorf("failure %d left %d files", failAt, len(s.files))
		}
		if err == nil {
			if failAt < 5 {
				t.Errorf("only %d operations failed Save", failAt)
			}
			return
		}
		if !errors.Is(err, errShelf) {
			t.Errorf("failure %d: %v", failAt, err)
		}
	}
}

func TestStoreReloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		const name = "/etc/swift/object-1.ring.gz"
		store := NewStore(s, "/etc/swift")
		var reports []error
		store.Report = func(_ string, err error) { reports = append(reports, err) }

		if _, err := store.Ring("object-1"); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("an absent ring: %v", err)
		}
		day := time.Unix(1e9, 0)
		s.put(name, encode(t, readGolden(t, "one-zone")), day)
		expect := func(partitions int, what string) {
			t.Helper()
			r, err := store.Ring("object-1")
			if err != nil || r.Partitions() != partitions {
				t.Fatalf("%s: %v", what, err)
			}
		}
		expect(64, "first reading")
		s.put(name, encode(t, readGolden(t, "three-zones")), day.Add(time.Second))
		time.Sleep(14 * time.Second)
		expect(64, "the file was not looked at again yet")
		looks, opens := s.count("stat"), s.count("open")
		time.Sleep(time.Second)
		expect(256, "replaced")
		expect(256, "cached")
		time.Sleep(15 * time.Second)
		expect(256, "unchanged")
		if l, o := s.count("stat")-looks, s.count("open")-opens; l != 2 || o != 1 {
			t.Errorf("%d looks and %d readings, want 2 and 1", l, o)
		}
		s.put(name, []byte("garbage"), day.Add(2*time.Second))
		time.Sleep(15 * time.Second)
		expect(256, "a broken replacement leaves the ring in use")
		s.put(name, encode(t, readGolden(t, "fractional")), day.Add(3*time.Second))
		time.Sleep(15 * time.Second)
		expect(128, "repaired")
		if len(reports) != 3 || reports[0] != nil || reports[1] == nil || reports[2] != nil {
			t.Errorf("reports: %v", reports)
		}
	})
}

// TestStoreSlowDisk has many callers while the disk stalls: those who have a
// ring go on with it, and the file is read once.
func TestStoreSlowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		s.put("/r/object.ring.gz", encode(t, readGolden(t, "one-zone")), time.Unix(1, 0))
		s.slow = time.Minute
		store := NewStore(s, "/r")
		call := func(wait time.Duration) (slow int) {
			var wg sync.WaitGroup
			var mu sync.Mutex
			for range 20 {
				wg.Go(func() {
					watch := host.StartStopwatch()
					if r, err := store.Ring("object"); err != nil || r.Partitions() != 64 {
						t.Errorf("ring %v, %v", r, err)
					}
					if watch.Elapsed() >= wait {
						mu.Lock()
						slow++
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			return slow
		}
		if n := call(time.Minute); n != 20 {
			t.Errorf("%d callers waited for the first reading, want all", n)
		}
		time.Sleep(time.Hour)
		if n := call(time.Second); n != 1 {
			t.Errorf("%d callers waited for the look at a known ring, want 1", n)
		}
		if s.count("open") != 1 {
			t.Errorf("the file was read %d times", s.count("open"))
		}
	})
}

// TestStoreChecks replaces a ring by one that does not fit what it is used
// for: it is reported at every look and the one in use stays; as the first
// ring it is refused.
func TestStoreChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		const name = "/etc/swift/object-1.ring.gz"
		errReplicas := errors.New("must have exactly 3 replicas")
		newChecked := func(reports *[]error) *Store {
			store := NewStore(s, "/etc/swift")
			store.Report = func(_ string, err error) { *reports = append(*reports, err) }
			store.Check = func(name string, r *Ring) error {
				if name == "object-1" && r.ReplicaCount() != 3 {
					return errReplicas
				}
				return nil
			}
			return store
		}
		good, bad := readGolden(t, "three-zones"), readGolden(t, "fractional")
		var reports, none []error
		store := newChecked(&reports)
		s.put(name, encode(t, good), time.Unix(1, 0))
		if _, err := store.Ring("object-1"); err != nil {
			t.Fatal(err)
		}
		s.put(name, encode(t, bad), time.Unix(2, 0))
		for look := 1; look <= 2; look++ {
			time.Sleep(reloadAfter)
			r, err := store.Ring("object-1")
			if err != nil || !r.Equal(good) || len(reports) != look || !errors.Is(reports[look-1], errReplicas) {
				t.Fatalf("look %d: error %v, %d reports", look, err, len(reports))
			}
		}
		if _, err := newChecked(&none).Ring("object-1"); !errors.Is(err, errReplicas) || !swift.Is(err, swift.Invalid) {
			t.Errorf("started with a ring that does not fit: %v", err)
		}
		s.put(name, encode(t, good.WithInfo(Info{Version: 9})), time.Unix(3, 0))
		time.Sleep(reloadAfter)
		if r, err := store.Ring("object-1"); err != nil || r.Info().Version != 9 {
			t.Errorf("a ring that fits again is not used: %v", err)
		}
	})
}
