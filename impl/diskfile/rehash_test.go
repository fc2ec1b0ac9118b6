package diskfile_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"apus/impl/diskfile"
	"apus/impl/host"
	"apus/impl/swift"
	"apus/sim/disk"
)

// suffixHash is Swift's hash of a suffix with these files in it.
func suffixHash(parts ...string) string {
	sum := md5.Sum([]byte(strings.Join(parts, "")))
	return hex.EncodeToString(sum[:])
}

func (w *world) hashesOf(t testing.TB, recalculate ...string) map[string]string {
	t.Helper()
	got, err := w.device(t).Hashes(t.Context(), pol, part, recalculate)
	must(t, err)
	return got
}

func partFile(w *world, name string) string {
	return path.Join(w.root, "d1/objects", fmt.Sprint(part), name)
}

func (w *world) read(t testing.TB, name string) string {
	t.Helper()
	f, err := w.host.FS.OpenFile(name, host.ReadOnly, 0)
	if err != nil {
		return ""
	}
	defer f.Close()
	b := make([]byte, 1<<16)
	n, _ := f.Read(b)
	return string(b[:n])
}

func (w *world) write(t testing.TB, name, content string) {
	t.Helper()
	f, err := w.host.FS.OpenFile(name, host.ReadWrite|host.Create|host.Truncate, 0o600)
	must(t, err)
	_, err = f.Write([]byte(content))
	must(t, err)
	must(t, f.Close())
}

func TestHashes(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		if got := w.hashesOf(t); len(got) != 0 {
			t.Errorf("a partition that is not there: %v", got)
		}
		if _, err := w.host.FS.Stat(partFile(w, "")); err == nil {
			t.Error("asking made the partition")
		}
		o := w.object(t)
		suffix := path.Base(path.Dir(o.Dir))
		must(t, put(o, stamp(1), "body"))
		data := stamp(1).Internal() + ".data"
		want := map[string]string{suffix: suffixHash(data)}
		for range 2 {
			if diff := cmp.Diff(want, w.hashesOf(t)); diff != "" {
				t.Error(diff)
			}
		}
		if j := w.read(t, partFile(w, "hashes.invalid")); j != "" {
			t.Errorf("the journal still holds %q", j)
		}
		must(t, o.WriteMetadata(stamp(2), diskfile.Metadata{}))
		want[suffix] = suffixHash(stamp(2).Internal()+".meta", data)
		if diff := cmp.Diff(want, w.hashesOf(t)); diff != "" {
			t.Error(diff)
		}
		must(t, o.Delete(stamp(3)))
		want[suffix] = suffixHash(stamp(3).Internal() + ".ts")
		if diff := cmp.Diff(want, w.hashesOf(t)); diff != "" {
			t.Error(diff)
		}
		// When the tombstone is old the suffix drops out, if it is looked at.
		w.clock.now = stamp(3).Time().Add(8 * 24 * time.Hour)
		if diff := cmp.Diff(want, w.hashesOf(t)); diff != "" {
			t.Error(diff)
		}
		if got := w.hashesOf(t, suffix, "no", "xyz", "../"); len(got) != 0 {
			t.Errorf("reclaimed: %v", got)
		}
		if _, err := w.host.FS.Stat(path.Dir(o.Dir)); !errors.Is(err, host.ErrNotDir) && err == nil {
			t.Error("the suffix is still there")
		}
		// Writing goes on.
		must(t, put(o, stamp(9_000_000), "again"))
		wantBody(t, o, "again")
	})
}

// Nothing is hashed again without need: neither suffixes that were not
// written nor the file itself.
func TestHashesOnlyWhatIsNeeded(t *testing.T) {
	w := simWorld(t, disk.Config{}, 1)
	o := w.object(t)
	must(t, put(o, stamp(1), "body"))
	w.hashesOf(t)
	before := w.disk().Ops()
	reads := w.disk().Stats().Reads
	w.hashesOf(t)
	if n := w.disk().Ops() - before; n != 0 {
		t.Errorf("%d changes (%d reads) of the disk for nothing", n, w.disk().Stats().Reads-reads)
	}
	// A suffix that the file does not know of is not looked for.
	must(t, w.host.FS.MkdirAll(partFile(w, "aaa/"+strings.Repeat("a", 32)), 0o755))
	touch(t, w.host.FS, partFile(w, "aaa/"+strings.Repeat("a", 32)+"/"+stamp(1).Internal()+".ts"))
	if got := w.hashesOf(t); len(got) != 1 {
		t.Errorf("not invalidated: %v", got)
	}
	if got := w.hashesOf(t, "aaa"); len(got) != 2 {
		t.Errorf("recalculated: %v", got)
	}
}

// A damaged hashes.pkl or journal never stalls: it is made anew.
func TestHashesRebuilt(t *testing.T) {
	for name, tc := range map[string]struct{ pkl, journal string }{
		"empty":             {pkl: ""},
		"garbage":           {pkl: "garbage"},
		"a list":            {pkl: "\x80\x02]q\x00."},
		"a bad key":         {pkl: "\x80\x02}q\x00(X\x04\x00\x00\x00abcdq\x01NX\x05\x00\x00\x00validq\x02\x88u."},
		"a bad type":        {pkl: "\x80\x02}q\x00(X\x03\x00\x00\x00abcq\x01K\x05X\x05\x00\x00\x00validq\x02\x88u."},
		"a bad hash":        {pkl: "\x80\x02}q\x00(X\x03\x00\x00\x00abcq\x01X\x01\x00\x00\x00xq\x02X\x05\x00\x00\x00validq\x03\x88u."},
		"not valid":         {pkl: "\x80\x02}q\x00X\x05\x00\x00\x00validq\x01\x89s."},
		"journal of zeros":  {pkl: "", journal: strings.Repeat("\x00", 5000)},
		"journal not UTF-8": {pkl: "", journal: "\xff\xfe\n../\nabc"},
	} {
		t.Run(name, func(t *testing.T) {
			w := simWorld(t, disk.Config{}, 1)
			o := w.object(t)
			suffix := path.Base(path.Dir(o.Dir))
			must(t, put(o, stamp(1), "body"))
			w.write(t, partFile(w, "hashes.pkl"), tc.pkl)
			w.write(t, partFile(w, "hashes.invalid"), tc.journal)
			must(t, w.host.FS.MkdirAll(partFile(w, "xyz/0"), 0o755)) // three characters that are no suffix
			touch(t, w.host.FS, partFile(w, "xyz/0/"+stamp(1).Internal()+".ts"))
			want := map[string]string{suffix: suffixHash(stamp(1).Internal() + ".data")}
			if diff := cmp.Diff(want, w.hashesOf(t)); diff != "" {
				t.Error(diff)
			}
			ops := w.disk().Ops()
			if diff := cmp.Diff(want, w.hashesOf(t)); diff != "" {
				t.Error(diff)
			}
			if w.disk().Ops() != ops {
				t.Error("it is made anew each time")
			}
		})
	}
}

// What cannot be listed is quarantined, a suffix that cannot be read has no
// hash and the others have theirs.
func TestHashesOfDamage(t *testing.T) {
	w := simWorld(t, disk.Config{}, 1)
	o := w.object(t)
	suffix := path.Base(path.Dir(o.Dir))
	must(t, put(o, stamp(1), "body"))
	touch(t, w.host.FS, path.Join(path.Dir(o.Dir), strings.Repeat("0", 29)+suffix))
	must(t, w.host.FS.MkdirAll(partFile(w, "abc/"+strings.Repeat("1", 29)+"abc"), 0o755))
	w.disk().SetRule("sick", disk.Rule{Ops: disk.OpReadDir, Path: "**/abc/*", Err: host.ErrIO})
	want := map[string]string{suffix: suffixHash(stamp(1).Internal() + ".data"), "abc": ""}
	if diff := cmp.Diff(want, w.hashesOf(t, "abc", suffix)); diff != "" {
		t.Error(diff)
	}
	if len(w.quar) != 1 {
		t.Errorf("quarantined %v", w.quar)
	}
	w.disk().SetRule("sick", disk.Rule{Ops: disk.OpReadDir, Path: "**/abc/*", Err: host.ErrCorrupt, Count: 1})
	delete(want, "abc")
	if diff := cmp.Diff(want, w.hashesOf(t)); diff != "" || len(w.quar) != 2 {
		t.Error(w.quar, diff)
	}
}

// A tombstone and the .meta file of an object that is gone: the hash is that
// of the tombstone alone, and the .meta goes when it is old.
func TestHashesOrphanMeta(t *testing.T) {
	w := simWorld(t, disk.Config{}, 1)
	o := w.object(t)
	suffix := path.Base(path.Dir(o.Dir))
	must(t, o.Delete(stamp(1)))
	touch(t, w.host.FS, path.Join(o.Dir, stamp(2).Internal()+".meta"))
	want := map[string]string{suffix: suffixHash(stamp(1).Internal() + ".ts")}
	if diff := cmp.Diff(want, w.hashesOf(t)); diff != "" {
		t.Error(diff)
	}
	w.clock.now = stamp(2).Time().Add(8 * 24 * time.Hour)
	if got := w.hashesOf(t, suffix); len(got) != 0 || objectFiles(t, w, o) != "" {
		t.Errorf("%v, files %q", got, objectFiles(t, w, o))
	}
}

// Writers and hashers of one partition, in every interleaving that latency
// makes: when all is quiet the hashes are those of what is on disk.
func TestHashesWhileWriting(t *testing.T) {
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			lat := disk.Latency{Sync: time.Millisecond, Write: time.Millisecond, Meta: time.Millisecond, Tail: 3 * time.Millisecond}
			w := simWorld(t, disk.Config{Latency: lat}, seed)
			d := w.device(t)
			var wg sync.WaitGroup
			for i := range int64(6) {
				p := swift.Path{Account: "a", Container: "c", Object: fmt.Sprint("o", i%3)}
				wg.Go(func() {
					if err := put(d.Object(pol, part, p), stamp(i+1), "x"); err != nil && !swift.Is(err, swift.Conflict) {
						t.Error(err)
					}
				})
				wg.Go(func() {
					if _, err := d.Hashes(context.Background(), pol, part, nil); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			got := w.hashesOf(t)
			must(t, w.host.FS.Remove(partFile(w, "hashes.pkl")))
			if diff := cmp.Diff(w.hashesOf(t), got); diff != "" {
				t.Errorf("seed %d, -true +cached:\n%s", seed, diff)
			}
		})
	}
}

// Two processes hash what one of them writes at the same time. Each notices
// the other by what it wrote, even when the clock stands still.
func TestHashesRace(t *testing.T) {
	for _, second := range []time.Duration{0, 2 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			w := simWorld(t, disk.Config{}, 1)
			o := w.object(t)
			suffix := path.Base(path.Dir(o.Dir))
			must(t, put(o, stamp(1), "one"))
			var wg sync.WaitGroup
			// hash waits between hashing and writing the result.
			hash := func(d *diskfile.Device, delay time.Duration) {
				w.disk().SetRule("slow", disk.Rule{Ops: disk.OpRemove, Path: "**/" + suffix, Delay: delay, Count: 1})
				wg.Go(func() {
					if _, err := d.Hashes(context.Background(), pol, part, nil); err != nil {
						t.Error(err)
					}
				})
				synctest.Wait()
			}
			hash(w.device(t), time.Second)
			other := &world{root: w.root}
			other.boot(t, w.machine)
			must(t, put(other.object(t), stamp(2), "two"))
			hash(other.device(t), second)
			wg.Wait()
			want := map[string]string{suffix: suffixHash(stamp(2).Internal() + ".data")}
			if diff := cmp.Diff(want, w.hashesOf(t)); diff != "" {
				t.Errorf("the second waits %v: %s", second, diff)
			}
		})
	}
}

// Hashing that takes the mark of a write, while the body is being synced or
// the name is, leaves the write's suffix marked all the same.
func TestMarkOutlivesHashing(t *testing.T) {
	for name, tc := range map[string]struct {
		slow  disk.OpSet
		other bool // another process hashes
	}{
		"body, this process": {disk.OpSync, false}, "body, another process": {disk.OpSync, true},
		"name, another process": {disk.OpLink, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := simWorld(t, disk.Config{}, 1)
				o := w.object(t)
				suffix := path.Base(path.Dir(o.Dir))
				must(t, put(o, stamp(1), "one"))
				w.hashesOf(t)
				hasher := w
				if tc.other {
					hasher = &world{root: w.root}
					hasher.boot(t, w.machine)
					hasher.hashesOf(t) // past its recovery
				}
				w.disk().SetRule("slow", disk.Rule{Ops: tc.slow, Delay: time.Second})
				done := make(chan error, 1)
				go func() { done <- put(o, stamp(2), "two") }()
				time.Sleep(500 * time.Millisecond)
				w.disk().ClearRule("slow")
				hasher.hashesOf(t)
				must(t, <-done)
				want := map[string]string{suffix: suffixHash(stamp(2).Internal() + ".data")}
				if diff := cmp.Diff(want, w.hashesOf(t)); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// An acknowledged write is seen by hashing after a power cut.
func TestMarkIsDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := simWorld(t, disk.Config{}, 1)
		o := w.object(t)
		suffix := path.Base(path.Dir(o.Dir))
		must(t, put(o, stamp(1), "one"))
		w.hashesOf(t)
		must(t, put(o, stamp(2), "two"))
		after := &world{root: w.root}
		after.boot(t, w.machine.PowerCut(disk.DropUnsynced))
		want := map[string]string{suffix: suffixHash(stamp(2).Internal() + ".data")}
		if diff := cmp.Diff(want, after.hashesOf(t)); diff != "" {
			t.Error(diff)
		}
	})
}

// While a name is not durable yet, hashing neither counts it nor removes what
// it replaces: a power cut could take both.
func TestHashesOnlyDurable(t *testing.T) {
	for seed := range uint64(10) {
		synctest.Test(t, func(t *testing.T) {
			w := simWorld(t, disk.Config{}, seed)
			o := w.object(t)
			must(t, put(o, stamp(1), "one"))
			w.hashesOf(t)
			w.disk().SetRule("slow", disk.Rule{Ops: disk.OpSyncDir, Path: "**/" + path.Base(o.Dir), Delay: time.Hour, Count: 1})
			suffix := path.Base(path.Dir(o.Dir))
			w.disk().SetRule("wait", disk.Rule{Ops: disk.OpReadDir, Path: "**/" + suffix, Delay: 2 * time.Second, Count: 1})
			d := w.device(t)
			go func() { _, _ = d.Hashes(context.Background(), pol, part, []string{suffix}) }()
			time.Sleep(time.Second)
			go func() { _ = put(o, stamp(2), "two") }()
			time.Sleep(2 * time.Second)
			after := &world{root: w.root}
			after.boot(t, w.machine.PowerCut(disk.RandomSubset))
			body, _, err := get(after.object(t))
			must(t, err)
			at := map[string]swift.Timestamp{"one": stamp(1), "two": stamp(2)}[body]
			want := map[string]string{suffix: suffixHash(at.Internal() + ".data")}
			if diff := cmp.Diff(want, after.hashesOf(t, suffix)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Each operation of hashing fails once, or the power goes before it: later
// hashes are true, and no invalidation that was durable is lost.
func TestHashesFailAndCutAnywhere(t *testing.T) {
	modes := map[string]disk.CutMode{"fail": 0}
	for name, mode := range cutModes {
		modes["cut "+name] = mode
	}
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			for n := int64(1); ; n++ {
				w := simWorld(t, disk.Config{}, uint64(n))
				o := w.object(t)
				suffix := path.Base(path.Dir(o.Dir))
				must(t, put(o, stamp(1), "one"))
				w.hashesOf(t)
				must(t, put(o, stamp(2), "two"))
				must(t, w.host.FS.SyncAll(path.Join(w.root, "d1")))
				at := w.disk().Ops() + n
				if name == "fail" {
					w.disk().FailAt(at, host.ErrIO)
				} else {
					w.disk().SetCrashAt(at)
				}
				_, err := w.device(t).Hashes(t.Context(), pol, part, nil)
				over := w.disk().Ops() < at
				if over {
					must(t, err)
				}
				for _, f := range w.proc.OpenFiles() {
					t.Errorf("operation %d: left open: %s", n, f.Path)
				}
				if name != "fail" {
					w.boot(t, w.machine.PowerCut(mode))
				}
				want := map[string]string{suffix: suffixHash(stamp(2).Internal() + ".data")}
				if diff := cmp.Diff(want, w.hashesOf(t)); diff != "" {
					t.Errorf("operation %d (%v): %s", n, err, diff)
				}
				if over {
					break
				}
			}
		})
	}
}

// What a power cut left of a line does not swallow the next one.
func TestTornJournal(t *testing.T) {
	for _, torn := range []string{"\x00", "\x00\x00\x00\x00", "5c", "abc\n5"} {
		w := simWorld(t, disk.Config{}, 1)
		o := w.object(t)
		must(t, put(o, stamp(1), "one"))
		w.hashesOf(t)
		w.write(t, partFile(w, "hashes.invalid"), torn)
		must(t, put(o, stamp(2), "two"))
		want := map[string]string{path.Base(path.Dir(o.Dir)): suffixHash(stamp(2).Internal() + ".data")}
		if diff := cmp.Diff(want, w.hashesOf(t)); diff != "" {
			t.Errorf("after %q: %s", torn, diff)
		}
	}
}
