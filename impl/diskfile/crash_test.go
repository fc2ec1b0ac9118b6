package diskfile_test

import (
	"fmt"
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

// step is one write of a history and what a reader finds after it: a body and
// a color, or nothing.
type step struct {
	name string
	do   func(o *diskfile.Object) error
	then func(before string) string
}

func always(state string) func(string) string { return func(string) string { return state } }

// history is writes of one object, each newer than the one before.
func history() []step {
	long := strings.Repeat("two", 5000)
	return []step{
		{"first PUT", func(o *diskfile.Object) error { return put(o, stamp(1), "one", "X-Object-Meta-Color", "red") }, always("one red")},
		{"overwrite", func(o *diskfile.Object) error { return put(o, stamp(2), long, "X-Object-Meta-Color", "green") }, always(long + " green")},
		{
			"POST",
			func(o *diskfile.Object) error {
				return o.WriteMetadata(stamp(3), diskfile.Metadata{"X-Object-Meta-Color": "blue"})
			},
			func(before string) string {
				body, _, _ := strings.Cut(before, " ")
				return body + " blue"
			},
		},
		{"DELETE", func(o *diskfile.Object) error { return o.Delete(stamp(4)) }, always("")},
		{"PUT again", func(o *diskfile.Object) error { return put(o, stamp(5), "three", "X-Object-Meta-Color", "white") }, always("three white")},
	}
}

// state is what a reader finds.
func state(t testing.TB, o *diskfile.Object) string {
	t.Helper()
	body, md, err := get(o)
	if swift.Is(err, swift.NotFound) {
		return ""
	}
	if err != nil {
		t.Fatalf("reading: %v", err)
	}
	return body + " " + md["X-Object-Meta-Color"]
}

// run makes the steps until one fails, and looks before each, as a server does,
// which decides how a new directory is made. It returns what an acknowledged state
// promises and what the step that failed may have left.
func run(o *diskfile.Object, steps []step) (acked, pending string, failed string, err error) {
	for _, s := range steps {
		_, _, _ = get(o) // whether it is there, whatever else is wrong
		if err := s.do(o); err != nil {
			return acked, s.then(acked), s.name, err
		}
		acked = s.then(acked)
	}
	return acked, acked, "", nil
}

var cutModes = map[string]disk.CutMode{"drop": disk.DropUnsynced, "keep": disk.KeepAll, "random": disk.RandomSubset}

// disks differ in what they take: files without a name, and metadata.
var disks = map[string]disk.Config{"unnamed": {}, "temporary names": {NoUnnamed: true}, "small attributes": {XattrLimit: 200}}

// Histories begin on a device that is empty, and on one where another object
// told what to expect of directories.
var beginnings = map[string][]swift.Path{
	"empty":          nil,
	"another object": {{Account: "AUTH_a", Container: "c", Object: "another"}},
}

func begin(t *testing.T, w *world, with []swift.Path) *diskfile.Object {
	t.Helper()
	for _, p := range with {
		o := w.device(t).Object(pol, part, p)
		_, _, _ = get(o) // as a server does
		must(t, put(o, stamp(1), "another"))
	}
	return w.object(t)
}

// A power cut before each operation of a history leaves the old or the new
// object, and the new one if it was acknowledged. What a reader saw stays.
func TestPowerCutAnywhere(t *testing.T) {
	for name, cfg := range disks {
		for mode := range cutModes {
			for beginning, with := range beginnings {
				t.Run(name+"/"+mode+"/"+beginning, func(t *testing.T) {
					seeds := uint64(1)
					if mode == "random" {
						seeds = 6
					}
					for seed := range seeds {
						for n := int64(1); !cutAt(t, cfg, with, cutModes[mode], seed, n); n++ {
						}
					}
				})
			}
		}
	}
}

// cutAt reports whether the history ended before operation n.
func cutAt(t *testing.T, cfg disk.Config, with []swift.Path, mode disk.CutMode, seed uint64, n int64) (done bool) {
	w := simWorld(t, cfg, seed)
	o := begin(t, w, with)
	w.disk().SetCrashAt(w.disk().Ops() + n)
	acked, pending, failed, err := run(o, history())
	w.boot(t, w.machine.PowerCut(mode))
	got := state(t, w.object(t))
	if got != acked && got != pending {
		t.Errorf("seed %d, cut before operation %d, in %q: found %.20q, acknowledged was %.20q, under way %.20q",
			seed, n, failed, got, acked, pending)
	}
	if len(w.quar) > 0 {
		t.Errorf("seed %d, cut before operation %d, in %q: quarantined %v", seed, n, failed, w.quar)
	}
	// Once read it stays, whatever happens next.
	w.boot(t, w.machine.PowerCut(disk.DropUnsynced))
	if again := state(t, w.object(t)); again != got {
		t.Errorf("seed %d, operation %d: read %.20q, after another cut %.20q", seed, n, got, again)
	}
	// The object can be written again.
	must(t, put(w.object(t), stamp(9), "last"))
	wantBody(t, w.object(t), "last")
	return err == nil
}

// Each operation of a history fails once. The step that it belongs to either
// still succeeds or leaves the old object, and everything is let go of.
func TestFailAnywhere(t *testing.T) {
	for _, fault := range []error{host.ErrIO, host.ErrNoSpace, host.ErrReadOnly} {
		for name, cfg := range disks {
			for beginning, with := range beginnings {
				t.Run(fault.Error()+"/"+name+"/"+beginning, func(t *testing.T) {
					for n := int64(1); !failAt(t, cfg, with, fault, n); n++ {
					}
				})
			}
		}
	}
}

func failAt(t *testing.T, cfg disk.Config, with []swift.Path, fault error, n int64) (done bool) {
	w := simWorld(t, cfg, 1)
	o := begin(t, w, with)
	first := w.disk().Ops()
	w.disk().FailAt(first+n, fault)
	acked := state(t, o)
	for _, s := range history() {
		err := s.do(o)
		got := state(t, o)
		switch {
		case err == nil:
			acked = s.then(acked)
			if got != acked {
				t.Errorf("operation %d: %q was acknowledged and reads %.20q", n, s.name, got)
			}
		case got != acked:
			t.Errorf("operation %d: %q failed (%v) and left %.20q, not %.20q", n, s.name, err, got, acked)
		case !swift.Is(err, swift.NoDevice) && fault != host.ErrIO && !swift.Is(err, swift.NotFound):
			t.Errorf("operation %d: %q failed with kind %v: %v", n, s.name, swift.KindOf(err), err)
		}
	}
	for _, f := range w.proc.OpenFiles() {
		t.Errorf("operation %d: left open: %s\n%s", n, f.Path, f.Stack)
	}
	for _, f := range tree(t, w.host.FS, "/srv/node/d1") {
		if strings.Contains(f, "/tmp/") {
			t.Errorf("operation %d: left behind: %s", n, f)
		}
	}
	if len(w.quar) > 0 {
		t.Errorf("operation %d: quarantined %v", n, w.quar)
	}
	over := w.disk().Ops() < first+n
	w.boot(t, w.machine.PowerCut(disk.DropUnsynced))
	if got := state(t, w.object(t)); got != acked {
		t.Errorf("operation %d: after a power cut %.20q, acknowledged was %.20q", n, got, acked)
	}
	return over
}

// Saving an update: after a cut or a failure at any operation it is there if
// that was said, and the directory of pending updates can be read.
func TestUpdateFailAndCutAnywhere(t *testing.T) {
	u := &diskfile.Update{Op: "PUT", Account: "a", Container: "c", Object: "o", Headers: map[string]string{"X-Size": "1"}}
	for mode := range cutModes {
		t.Run(mode, func(t *testing.T) {
			for _, cut := range []bool{false, true} {
				for n := int64(1); ; n++ {
					w := simWorld(t, disk.Config{}, uint64(n))
					d := w.device(t)
					at := w.disk().Ops() + n
					if cut {
						w.disk().SetCrashAt(at)
					} else {
						w.disk().FailAt(at, host.ErrIO)
					}
					errs := []error{d.SaveUpdate(pol, u, stamp(1)), d.SaveUpdate(pol, u, stamp(2)), d.SaveUpdate(pol, u, stamp(2))}
					over := w.disk().Ops() < at
					w.boot(t, w.machine.PowerCut(cutModes[mode]))
					have := map[swift.Timestamp]bool{}
					d = w.device(t)
					for p, err := range d.Updates(pol) {
						must(t, err)
						if _, err := d.LoadUpdate(p.Path); err != nil {
							t.Errorf("operation %d: %v", n, err)
						}
						have[p.Timestamp] = true
					}
					if errs[0] == nil && !have[stamp(1)] || (errs[1] == nil || errs[2] == nil) && !have[stamp(2)] {
						t.Errorf("operation %d: errors %v, found %v", n, errs, have)
					}
					if over {
						break
					}
				}
			}
		})
	}
}

// A quarantine that is cut or fails leaves the object where it is or moved, and
// its suffix is marked if it moved.
func TestQuarantineFailAndCutAnywhere(t *testing.T) {
	fail := func(d *disk.Disk, n int64) { d.FailAt(n, host.ErrIO) }
	for n := int64(1); !quarantineUntil(t, fail, nil, 1, n); n++ {
	}
	for name, mode := range cutModes {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(16) {
				for n := int64(1); !quarantineUntil(t, (*disk.Disk).SetCrashAt, &mode, seed, n); n++ {
				}
			}
		})
	}
}

// quarantineUntil has trouble at operation n, then perhaps a power cut, and
// reports whether the quarantine ended before.
func quarantineUntil(t *testing.T, trouble func(*disk.Disk, int64), mode *disk.CutMode, seed uint64, n int64) (over bool) {
	w := simWorld(t, disk.Config{}, seed)
	o := w.object(t)
	must(t, put(o, stamp(1), "body"))
	w.hashesOf(t)
	overwrite(t, w, o, func(f host.File) { _, _ = f.WriteAt([]byte("B"), 0); must(t, f.Sync()) })
	at := w.disk().Ops() + n
	trouble(w.disk(), at)
	if body, _, err := get(o); err == nil {
		t.Errorf("seed %d, operation %d: a bad body %q is served", seed, n, body)
	}
	over = w.disk().Ops() < at
	for _, f := range w.proc.OpenFiles() {
		t.Errorf("seed %d, operation %d: left open: %s", seed, n, f.Path)
	}
	if mode != nil {
		w.boot(t, w.machine.PowerCut(*mode))
	}
	for range 2 {
		if body, _, err := get(w.object(t)); err == nil {
			t.Errorf("seed %d, operation %d: a bad body %q is served later", seed, n, body)
		}
	}
	if got := w.hashesOf(t); len(got) > 0 {
		t.Errorf("seed %d, operation %d: the suffix still has a hash: %v", seed, n, got)
	}
	must(t, put(w.object(t), stamp(2), "again"))
	wantBody(t, w.object(t), "again")
	return over
}

// Writers that meet share one sync of the device. A cut before any operation
// loses no acknowledged object.
func TestGroupCommitCutAnywhere(t *testing.T) {
	const writers = 8
	cfg := disk.Config{Latency: disk.Latency{Sync: 5 * time.Millisecond, Write: time.Millisecond, Meta: 100 * time.Microsecond, Tail: time.Millisecond}}
	shared := false
	for _, mode := range []disk.CutMode{disk.DropUnsynced, disk.RandomSubset} {
		for n, done := int64(1), false; !done; n += 1 + n/40 {
			synctest.Test(t, func(t *testing.T) {
				w := simWorld(t, cfg, uint64(n))
				d := w.device(t)
				w.disk().SetCrashAt(w.disk().Ops() + n)
				objects, acked := writeTogether(d, writers)
				done = len(acked) == 2*writers
				if syncs := w.disk().Stats().Syncs; done && syncs < 6*writers {
					shared = true
				}
				w.boot(t, w.machine.PowerCut(mode))
				for i := range objects {
					checkOne(t, w, objects[i], acked, n)
				}
			})
		}
	}
	if !shared {
		t.Error("the writers never shared a sync")
	}
}

// writeTogether writes each of some objects twice, all at once.
func writeTogether(d *diskfile.Device, n int) (names []swift.Path, acked map[string]bool) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	acked = map[string]bool{}
	for i := range n {
		p := swift.Path{Account: "a", Container: "c", Object: fmt.Sprint("o", i)}
		names = append(names, p)
		wg.Go(func() {
			o := d.Object(pol, uint32(i%3), p)
			for round := range int64(2) {
				if put(o, stamp(round+1), fmt.Sprint("round ", round)) == nil {
					mu.Lock()
					acked[fmt.Sprint(p.Object, " ", round)] = true
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return names, acked
}

func checkOne(t *testing.T, w *world, p swift.Path, acked map[string]bool, n int64) {
	t.Helper()
	var i int
	_, _ = fmt.Sscanf(p.Object, "o%d", &i)
	got, _, err := get(w.device(t).Object(pol, uint32(i%3), p))
	var allowed []string
	switch {
	case acked[p.Object+" 1"]:
		allowed = []string{"round 1"}
	case acked[p.Object+" 0"]:
		allowed = []string{"round 0", "round 1"}
	default:
		allowed = []string{"round 0", "round 1", ""}
	}
	if err != nil && !swift.Is(err, swift.NotFound) {
		t.Errorf("cut before operation %d: %s: %v", n, p.Object, err)
	}
	for _, a := range allowed {
		if got == a {
			return
		}
	}
	t.Errorf("cut before operation %d: %s reads %q (%v), want one of %q", n, p.Object, got, err, allowed)
}

// A failed sync of the device fails every writer that waited for it, and none
// of their objects is seen.
func TestGroupCommitFailsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := simWorld(t, disk.Config{Latency: disk.Latency{Sync: 5 * time.Millisecond}}, 1)
		d := w.device(t)
		w.disk().SetRule("sick", disk.Rule{Ops: disk.OpSync | disk.OpSyncDir | disk.OpSyncAll, Err: host.ErrIO})
		objects, acked := writeTogether(d, 8)
		if len(acked) != 0 {
			t.Errorf("acknowledged %v", acked)
		}
		w.disk().ClearRule("sick")
		for i, p := range objects {
			if body, _, err := get(d.Object(pol, uint32(i%3), p)); !swift.Is(err, swift.NotFound) {
				t.Errorf("%s reads %q, %v", p.Object, body, err)
			}
		}
		for _, f := range tree(t, w.host.FS, path.Join(w.root, "d1")) {
			if strings.HasSuffix(f, ".data") {
				t.Errorf("left behind: %s", f)
			}
		}
	})
}

// What a reader has seen is durable, even while its writer is still waiting.
func TestReadersSeeOnlyDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := simWorld(t, disk.Config{Latency: disk.Latency{Sync: 20 * time.Millisecond}}, 1)
		o := w.object(t)
		must(t, put(o, stamp(1), "old"))
		done := make(chan error, 1)
		go func() { done <- put(o, stamp(2), "new") }()
		for {
			body, _, err := get(o)
			must(t, err)
			if body == "new" {
				break
			}
			time.Sleep(time.Millisecond)
		}
		w2 := &world{root: w.root}
		w2.boot(t, w.machine.PowerCut(disk.DropUnsynced))
		wantBody(t, w2.object(t), "new")
		<-done
	})
}

// Writers of one object in every interleaving that latency makes: what is
// acknowledged is either the newest or older than what is there.
func TestWritersTakeTurns(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			cfg := disk.Config{Latency: disk.Latency{Sync: time.Millisecond, Write: time.Millisecond, Meta: time.Millisecond, Tail: 3 * time.Millisecond}}
			w := simWorld(t, cfg, seed)
			o := w.object(t)
			var wg sync.WaitGroup
			for i := range int64(12) {
				at := stamp(i%6 + 1)
				wg.Go(func() {
					err := put(o, at, fmt.Sprint("body ", i))
					if err == nil {
						f, oerr := o.Open(diskfile.OpenOptions{Now: at})
						must(t, oerr)
						defer f.Close()
						if f.DataTimestamp.Before(at) {
							t.Errorf("seed %d: %v was acknowledged and %v is read", seed, at, f.DataTimestamp)
						}
					} else if !swift.Is(err, swift.Conflict) {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if got, want := objectFiles(t, w, o), stamp(6).Internal()+".data"; got != want {
				t.Errorf("seed %d: files %q, want %q", seed, got, want)
			}
		})
	}
}

// A process that is killed leaves work that is visible and not durable. The
// next one makes it durable before anybody reads it.
func TestKillThenPowerCut(t *testing.T) {
	cfg := disk.Config{Latency: disk.Latency{Sync: time.Millisecond, Write: time.Millisecond, Meta: time.Millisecond}}
	for at, done := time.Duration(0), false; !done; at += 900 * time.Microsecond {
		synctest.Test(t, func(t *testing.T) {
			w := simWorld(t, cfg, 1)
			o := w.object(t)
			kill := time.AfterFunc(at, w.proc.Fence)
			acked, pending, failed, err := run(o, history())
			done = err == nil
			kill.Stop()
			w.boot(t, w.machine)
			got := state(t, w.object(t))
			if got != acked && got != pending {
				t.Errorf("killed after %v, in %q: found %.20q, acknowledged was %.20q", at, failed, got, acked)
			}
			w.boot(t, w.machine.PowerCut(disk.DropUnsynced))
			if again := state(t, w.object(t)); again != got {
				t.Errorf("killed after %v, in %q: read %.20q, after a power cut %.20q", at, failed, got, again)
			}
		})
	}
}
