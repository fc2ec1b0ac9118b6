package diskfile_test

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"apus/impl/diskfile"
	"apus/impl/host"
	"apus/impl/swift"
	"apus/sim/disk"
)

// quarantined reports whether err says that the object was bad.
func quarantined(err error) bool {
	var m *diskfile.Missing
	return errors.As(err, &m) && m.Quarantined || swift.Is(err, swift.Corrupt)
}

// Each thing that says that an object is lost moves it away, and marks its
// suffix, so that the replicator brings it back.
func TestQuarantineTriggers(t *testing.T) {
	big := strings.Repeat("x", 200<<10)
	for name, tc := range map[string]struct {
		body   string
		rule   disk.Rule
		delete bool
		suffix bool // all of the suffix goes
	}{
		"EIO on a small body":       {body: "body", rule: disk.Rule{Ops: disk.OpRead, Path: "**.data", Err: host.ErrIO}},
		"EIO on a large body":       {body: big, rule: disk.Rule{Ops: disk.OpRead, Path: "**.data", Err: host.ErrIO, Skip: 1}},
		"EIO on metadata":           {body: "body", rule: disk.Rule{Ops: disk.OpGetXattr, Path: "**.data", Err: host.ErrIO}},
		"EUCLEAN on metadata":       {body: "body", rule: disk.Rule{Ops: disk.OpGetXattr, Path: "**.data", Err: host.ErrCorrupt}},
		"ENODATA on opening":        {body: "body", rule: disk.Rule{Ops: disk.OpOpen, Path: "**.data", Err: host.ErrNoXattr}},
		"EUCLEAN on opening":        {body: "body", rule: disk.Rule{Ops: disk.OpOpen, Path: "**.data", Err: host.ErrCorrupt}},
		"ENODATA on listing":        {body: "body", rule: disk.Rule{Ops: disk.OpReadDir, Path: "**/HASH", Err: host.ErrNoXattr}},
		"EUCLEAN on listing":        {body: "body", rule: disk.Rule{Ops: disk.OpReadDir, Path: "**/HASH", Err: host.ErrCorrupt}},
		"EUCLEAN beyond the object": {body: "body", rule: disk.Rule{Ops: disk.OpReadDir, Path: "**/HASH", Err: host.ErrCorrupt}, suffix: true},
		"EIO on a tombstone":        {delete: true, rule: disk.Rule{Ops: disk.OpGetXattr, Path: "**.ts", Err: host.ErrIO}},
	} {
		t.Run(name, func(t *testing.T) {
			w := simWorld(t, disk.Config{}, 1)
			o := w.object(t)
			if tc.delete {
				must(t, o.Delete(stamp(1)))
			} else {
				must(t, put(o, stamp(1), tc.body))
			}
			w.hashesOf(t)
			tc.rule.Path = strings.ReplaceAll(tc.rule.Path, "HASH", path.Base(o.Dir))
			w.disk().SetRule("sick", tc.rule)
			moved := o.Dir
			if tc.suffix {
				w.disk().SetRule("stuck", disk.Rule{Ops: disk.OpRename, Path: "**/" + path.Base(o.Dir), Err: host.ErrIO})
				moved = path.Dir(o.Dir)
			}
			if _, _, err := get(o); !quarantined(err) {
				t.Errorf("reading: %v", err)
			}
			if len(w.quar) != 1 || w.quar[0].Path != moved {
				t.Errorf("events %v", w.quar)
			}
			w.disk().ClearRule("sick")
			if files := tree(t, w.host.FS, path.Join(w.root, "d1/quarantined/objects", path.Base(moved))); len(files) != 1 {
				t.Errorf("moved %v", files)
			}
			if got := w.hashesOf(t); len(got) != 0 {
				t.Errorf("the suffix still has the hash %v", got)
			}
			if _, _, err := get(o); !swift.Is(err, swift.NotFound) || quarantined(err) {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// Other errors say nothing about the object: it stays.
func TestNoQuarantine(t *testing.T) {
	for name, rule := range map[string]disk.Rule{
		"EIO on listing":          {Ops: disk.OpReadDir, Err: host.ErrIO},
		"EIO on opening":          {Ops: disk.OpOpen, Err: host.ErrIO},
		"attributes not there":    {Ops: disk.OpGetXattr, Err: host.ErrUnsupported},
		"the network":             {},
		"it cannot be moved away": {Ops: disk.OpGetXattr | disk.OpRename, Err: host.ErrIO},
	} {
		t.Run(name, func(t *testing.T) {
			w := simWorld(t, disk.Config{}, 1)
			o := w.object(t)
			must(t, put(o, stamp(1), "body"))
			if rule.Ops != 0 {
				w.disk().SetRule("sick", rule)
				if _, _, err := get(o); err == nil || swift.Is(err, swift.NotFound) {
					t.Errorf("reading: %v", err)
				}
			} else {
				f, err := o.Open(diskfile.OpenOptions{})
				must(t, err)
				b, err := f.Body(diskfile.BodyOptions{})
				must(t, err)
				if _, err := b.WriteTo(brokenPipe{}); err == nil {
					t.Error("written to a broken pipe")
				}
				must(t, b.Close())
			}
			w.disk().ClearRule("sick")
			wantBody(t, o, "body")
			if len(w.quar) > 0 {
				t.Errorf("quarantined %v", w.quar)
			}
		})
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// A POST decides whether an object expires: it takes X-Delete-At away or
// brings it. Replicators see the object either way.
func TestExpiryOfPosts(t *testing.T) {
	soon := fmt.Sprint(stamp(50).Ticks() / swift.TicksPerSecond)
	for name, tc := range map[string]struct {
		put, post []string
		expired   bool
	}{
		"expired, taken away": {put: []string{"X-Delete-At", soon}, post: nil},
		"never, brought":      {post: []string{"X-Delete-At", soon}, expired: true},
		"put off":             {put: []string{"X-Delete-At", soon}, post: []string{"X-Delete-At", "9999999999"}},
		"brought forward":     {put: []string{"X-Delete-At", "9999999999"}, post: []string{"X-Delete-At", soon}, expired: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := simWorld(t, disk.Config{}, 1)
			o := w.object(t)
			must(t, put(o, stamp(1), "body", tc.put...))
			md := diskfile.Metadata{}
			for i := 0; i < len(tc.post); i += 2 {
				md[tc.post[i]] = tc.post[i+1]
			}
			must(t, o.WriteMetadata(stamp(2), md))
			for _, all := range []bool{false, true} {
				f, err := o.Open(diskfile.OpenOptions{Now: stamp(60), Expired: all})
				if expired := swift.Is(err, swift.NotFound); expired != (tc.expired && !all) {
					t.Errorf("opened with all %v: %v", all, err)
				}
				if err == nil {
					f.Close()
				}
			}
		})
	}
}

// Readers of an object that is being replaced and POSTed to all the time
// find it; too many changes are "try later", not "no such object".
func TestNoFalse404(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			lat := disk.Latency{Sync: time.Millisecond, Write: time.Millisecond, Meta: time.Millisecond, Tail: 2 * time.Millisecond}
			w := simWorld(t, disk.Config{Latency: lat}, seed)
			o := w.object(t)
			must(t, put(o, stamp(0), "body"))
			var wg sync.WaitGroup
			write := func(from int64, do func(at swift.Timestamp) error) {
				wg.Go(func() {
					for i := range int64(20) {
						if err := do(stamp(from + 2*i)); err != nil && !swift.Is(err, swift.Conflict) {
							t.Error(err)
						}
					}
				})
			}
			write(1, func(at swift.Timestamp) error { return put(o, at, "body") })
			write(2, func(at swift.Timestamp) error { return o.WriteMetadata(at, diskfile.Metadata{"X-Object-Meta-A": "b"}) })
			done := make(chan struct{})
			go func() { wg.Wait(); close(done) }()
			for reading := true; reading; {
				select {
				case <-done:
					reading = false
				default:
				}
				if _, _, err := get(o); err != nil && !swift.Is(err, swift.Unavailable) {
					t.Fatalf("seed %d: %v", seed, err)
				}
				time.Sleep(time.Millisecond / 3)
			}
			if len(w.quar) > 0 {
				t.Errorf("seed %d: quarantined %v", seed, w.quar)
			}
		})
	}
}

// Metadata of early versions has no checksum. It is added when asked for.
func TestModernize(t *testing.T) {
	w := simWorld(t, disk.Config{}, 1)
	o := w.object(t)
	must(t, put(o, stamp(1), "body"))
	var want []byte
	overwrite(t, w, o, func(f host.File) {
		want, _ = f.GetXattr("user.swift.metadata_checksum")
		must(t, f.RemoveXattr("user.swift.metadata_checksum"))
	})
	for _, modernize := range []bool{false, true} {
		f, err := o.Open(diskfile.OpenOptions{Modernize: modernize})
		must(t, err)
		f.Close()
		overwrite(t, w, o, func(f host.File) {
			got, _ := f.GetXattr("user.swift.metadata_checksum")
			if modernize != (string(got) == string(want)) {
				t.Errorf("modernize %v: %q", modernize, got)
			}
		})
	}
}

// A full device takes tombstones, and nothing else: neither bodies of unknown
// size nor empty ones nor metadata.
func TestReserve(t *testing.T) {
	w := simWorld(t, disk.Config{Size: 100 << 20}, 1)
	cfg := diskfile.DefaultConfig()
	cfg.Devices, cfg.Reserve = w.root, 50
	m := diskfile.New(w.host, w.hasher, cfg, nil)
	d, err := m.Device("d1")
	must(t, err)
	o := d.Object(pol, part, object)
	must(t, put(o, stamp(1), "body"))
	if _, err := o.Create(50 << 20); !swift.Is(err, swift.NoDevice) {
		t.Errorf("a large body: %v", err)
	}
	// Of unknown size: it is noticed under way.
	wr, err := o.Create(-1)
	must(t, err)
	var n int
	for n = 0; n < 100 && err == nil; n++ {
		_, err = wr.Write(make([]byte, 1<<20))
	}
	if !errors.Is(err, host.ErrNoSpace) || !swift.Is(err, swift.NoDevice) || n > 80 {
		t.Errorf("after %d MiB: %v", n, err)
	}
	wr.Abort()
	w.write(t, path.Join(w.root, "d1/filler"), "")
	f, err := w.host.FS.OpenFile(path.Join(w.root, "d1/filler"), host.ReadWrite, 0)
	must(t, err)
	for range 60 {
		_, err = f.Write(make([]byte, 1<<20))
		must(t, err)
	}
	must(t, f.Close())
	for name, size := range map[string]int64{"unknown": -1, "empty": 0, "one byte": 1} {
		if _, err := o.Create(size); !swift.Is(err, swift.NoDevice) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := o.WriteMetadata(stamp(2), diskfile.Metadata{}); !swift.Is(err, swift.NoDevice) {
		t.Errorf("metadata: %v", err)
	}
	must(t, o.Delete(stamp(3)))
	for _, f := range w.proc.OpenFiles() {
		t.Errorf("left open: %s\n%s", f.Path, f.Stack)
	}
}
