package diskfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apus/impl/config"
	"apus/impl/diskfile"
	"apus/impl/host"
	"apus/impl/swift"
	"apus/sim/disk"
)

func TestPutGet(t *testing.T) {
	for _, size := range []int{0, 1, 4096, 64 << 10, 64<<10 + 1, 3 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			worlds(t, func(t *testing.T, w *world) {
				body := strings.Repeat("swift ", size/6+1)[:size]
				o := w.object(t)
				must(t, put(o, stamp(1), body, "X-Object-Meta-Color", "café"))
				got, md, err := get(o)
				must(t, err)
				if got != body {
					t.Errorf("%d bytes came back of %d", len(got), size)
				}
				want := metadata(stamp(1), body, "X-Object-Meta-Color", "café", "name", object.String())
				if d := cmp.Diff(want, md); d != "" {
					t.Error(d)
				}
				dir := path.Join(w.root, "d1/objects/7", o.Dir[len(o.Dir)-3:], w.hasher.Hash(object).String())
				if o.Dir != dir {
					t.Errorf("directory %s, want %s", o.Dir, dir)
				}
				if got, want := objectFiles(t, w, o), stamp(1).Internal()+".data"; got != want {
					t.Errorf("files %q, want %q", got, want)
				}
			})
		})
	}
}

func TestOrderOfWrites(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		o := w.object(t)
		must(t, put(o, stamp(5), "five"))
		var stale *diskfile.Stale
		if err := put(o, stamp(4), "four"); !swift.Is(err, swift.Conflict) || !errors.As(err, &stale) || stale.Timestamp != stamp(5) {
			t.Errorf("older PUT: %v", err)
		}
		if err := put(o, stamp(5), "FIVE"); !swift.Is(err, swift.Conflict) {
			t.Errorf("PUT of the same time with another body: %v", err)
		}
		if err := put(o, stamp(5), "five"); err != nil {
			t.Errorf("the same PUT again: %v", err)
		}
		if err := o.Delete(stamp(4)); !swift.Is(err, swift.Conflict) {
			t.Errorf("older DELETE: %v", err)
		}
		wantBody(t, o, "five")
		must(t, put(o, stamp(6), "six"))
		wantBody(t, o, "six")
		must(t, o.Delete(stamp(7)))
		must(t, o.Delete(stamp(7)))
		_, _, err := get(o)
		var m *diskfile.Missing
		if !swift.Is(err, swift.NotFound) || !errors.As(err, &m) || m.Timestamp != stamp(7) {
			t.Errorf("after DELETE: %v", err)
		}
		if err := put(o, stamp(6), "six"); !swift.Is(err, swift.Conflict) {
			t.Errorf("PUT before the DELETE: %v", err)
		}
		if got, want := objectFiles(t, w, o), stamp(7).Internal()+".ts"; got != want {
			t.Errorf("files %q, want %q", got, want)
		}
	})
}

func TestPostMerges(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		o := w.object(t)
		if err := o.WriteMetadata(stamp(1), diskfile.Metadata{}); !swift.Is(err, swift.NotFound) {
			t.Errorf("POST to nothing: %v", err)
		}
		must(t, put(o, stamp(1), "body", "X-Object-Meta-A", "1", "X-Object-Sysmeta-S", "s", "X-Static-Large-Object", "True", "X-Delete-At", "99999999999"))
		must(t, o.WriteMetadata(stamp(3), diskfile.Metadata{"X-Object-Meta-B": "2", "Content-Type": "a/b", "Content-Type-Timestamp": stamp(3).Internal()}))
		_, md, err := get(o)
		must(t, err)
		want := diskfile.Metadata{
			"X-Timestamp": stamp(3).Internal(), "Content-Type": "a/b", "Content-Type-Timestamp": stamp(3).Internal(),
			"Content-Length": "4", "ETag": etag("body"), "X-Object-Meta-B": "2", "X-Object-Sysmeta-S": "s",
			"X-Static-Large-Object": "True", "name": object.String(),
		}
		if d := cmp.Diff(want, md); d != "" {
			t.Error(d)
		}
		// A newer POST that does not set the type leaves that of the other file.
		must(t, o.WriteMetadata(stamp(4), diskfile.Metadata{"X-Object-Meta-C": "3"}))
		_, md, err = get(o)
		must(t, err)
		if md["Content-Type"] != "a/b" || md["X-Object-Meta-C"] != "3" || md["X-Object-Meta-B"] != "" {
			t.Errorf("after another POST: %v", md)
		}
		must(t, put(o, stamp(5), "new"))
		if got, want := objectFiles(t, w, o), stamp(5).Internal()+".data"; got != want {
			t.Errorf("files %q, want %q", got, want)
		}
		if err := o.WriteMetadata(stamp(4), diskfile.Metadata{}); !swift.Is(err, swift.Conflict) {
			t.Errorf("POST before the PUT: %v", err)
		}
	})
}

func TestExpiry(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		o := w.object(t)
		at := stamp(50).Ticks() / swift.TicksPerSecond
		must(t, put(o, stamp(1), "body", "X-Delete-At", fmt.Sprint(at)))
		open := func(now swift.Timestamp, expired bool) error {
			f, err := o.Open(diskfile.OpenOptions{Now: now, Expired: expired})
			if err == nil {
				f.Close()
			}
			return err
		}
		must(t, open(stamp(49), false))
		err := open(stamp(50), false)
		var m *diskfile.Missing
		if !errors.As(err, &m) || !m.Expired || m.Timestamp != stamp(1) || m.Metadata.DeleteAt() != at {
			t.Errorf("expired: %v", err)
		}
		must(t, open(stamp(50), true))
	})
}

func TestRanges(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		body := strings.Repeat("0123456789", 30000)
		o := w.object(t)
		must(t, put(o, stamp(1), body))
		f, err := o.Open(diskfile.OpenOptions{Now: stamp(2)})
		must(t, err)
		b, err := f.Body(diskfile.BodyOptions{})
		must(t, err)
		defer b.Close()
		for _, r := range [][2]int64{{0, 1}, {5, 15}, {0, 300000}, {299990, 300000}, {7, 7}, {100000, 200000}} {
			want := body[r[0]:r[1]]
			p, err := b.OpenRange(r[0], r[1])
			must(t, err)
			got, err := io.ReadAll(onlyReader{p})
			if err != nil || string(got) != want {
				t.Errorf("range %v by Read: %d bytes, %v", r, len(got), err)
			}
			p, err = b.OpenRange(r[0], r[1])
			must(t, err)
			var buf bytes.Buffer
			n, err := p.(io.WriterTo).WriteTo(&buf)
			if err != nil || buf.String() != want || n != int64(len(want)) {
				t.Errorf("range %v by WriteTo: %d bytes, %v", r, n, err)
			}
			must(t, p.Close())
		}
		for _, r := range [][2]int64{{-1, 1}, {2, 1}, {0, 300001}} {
			if _, err := b.OpenRange(r[0], r[1]); !swift.Is(err, swift.Invalid) {
				t.Errorf("range %v: %v", r, err)
			}
		}
	})
}

type onlyReader struct{ io.Reader }

// overwrite changes content behind the back of the object.
func overwrite(t *testing.T, w *world, o *diskfile.Object, change func(f host.File)) {
	t.Helper()
	f, err := w.host.FS.OpenFile(path.Join(o.Dir, strings.Fields(objectFiles(t, w, o))[0]), host.ReadWrite, 0)
	must(t, err)
	change(f)
	must(t, f.Close())
}

func TestQuarantine(t *testing.T) {
	big := strings.Repeat("x", 200<<10)
	for name, tc := range map[string]struct {
		body   string
		change func(f host.File)
		late   bool // found only while reading
	}{
		"flipped byte of a small body": {body: "body", change: func(f host.File) { _, _ = f.WriteAt([]byte("B"), 0) }},
		"flipped byte of a large body": {body: big, change: func(f host.File) { _, _ = f.WriteAt([]byte("B"), 100<<10) }, late: true},
		"short":                        {body: "body", change: func(f host.File) { _ = f.Truncate(3) }},
		"long":                         {body: "body", change: func(f host.File) { _, _ = f.WriteAt([]byte("!"), 4) }},
		"no metadata":                  {body: "body", change: func(f host.File) { _ = f.RemoveXattr("user.swift.metadata") }},
		"wrong checksum": {body: "body", change: func(f host.File) {
			_ = f.SetXattr("user.swift.metadata_checksum", []byte("0123"))
		}},
		"hostile pickle": {body: "body", change: func(f host.File) {
			_ = f.SetXattr("user.swift.metadata", []byte("cos\nsystem\n(S'id'\ntR."))
			_ = f.RemoveXattr("user.swift.metadata_checksum")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			worlds(t, func(t *testing.T, w *world) {
				o := w.object(t)
				must(t, put(o, stamp(1), tc.body))
				overwrite(t, w, o, tc.change)
				got, _, err := get(o)
				switch {
				case tc.late && (!swift.Is(err, swift.Corrupt) || len(got) >= len(tc.body)):
					t.Errorf("%d bytes, %v", len(got), err)
				case !tc.late && !swift.Is(err, swift.NotFound):
					t.Errorf("%q, %v", got, err)
				}
				if len(w.quar) != 1 {
					t.Errorf("events: %v", w.quar)
				}
				moved := path.Join(w.root, "d1/quarantined/objects", path.Base(o.Dir))
				if files := tree(t, w.host.FS, moved); len(files) != 1 {
					t.Errorf("quarantined: %v", files)
				}
				if _, _, err := get(o); !swift.Is(err, swift.NotFound) {
					t.Errorf("afterwards: %v", err)
				}
				// The place is free again, and a second one goes beside the first.
				must(t, put(o, stamp(2), tc.body))
				overwrite(t, w, o, tc.change)
				_, _, _ = get(o)
				if n := len(tree(t, w.host.FS, path.Dir(moved))); n != 2 {
					t.Errorf("%d quarantined files", n)
				}
			})
		})
	}
}

// What another request made between the look at an object and its write counts:
// it was found missing, and is there.
func TestMadeMeanwhile(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		older, newer := w.object(t), w.object(t)
		for _, o := range []*diskfile.Object{older, newer} {
			if _, _, err := get(o); !swift.Is(err, swift.NotFound) {
				t.Fatalf("reading nothing: %v", err)
			}
		}
		must(t, put(w.object(t), stamp(2), "meanwhile"))
		if err := put(older, stamp(1), "older"); !swift.Is(err, swift.Conflict) {
			t.Errorf("an older PUT: %v", err)
		}
		wantBody(t, older, "meanwhile")
		must(t, put(newer, stamp(3), "newer"))
		wantBody(t, newer, "newer")
		entries, err := w.host.FS.ReadDir(newer.Dir)
		must(t, err)
		if len(entries) != 1 {
			t.Errorf("%d files are left", len(entries))
		}
	})
}

// Of a bad body that goes to a writer the end is withheld, whole windows of it
// at most get out, and in one that is good nothing is left out or twice.
func TestBadEndIsWithheld(t *testing.T) {
	const window = 1 << 20
	for _, size := range []int{64<<10 + 1, window, window + 1, 2*window + 100<<10, 3 * window} {
		worlds(t, func(t *testing.T, w *world) {
			o := w.object(t)
			body := strings.Repeat("0123456789abcdef", size/16+1)[:size]
			must(t, put(o, stamp(1), body))
			send := func() (string, error) {
				f, err := o.Open(diskfile.OpenOptions{Now: stamp(0)})
				must(t, err)
				b, err := f.Body(diskfile.BodyOptions{Whole: true})
				must(t, err)
				defer b.Close()
				var got strings.Builder
				_, err = b.WriteTo(&got)
				return got.String(), err
			}
			if got, err := send(); err != nil || got != body {
				t.Errorf("%d bytes: sent %d, %v", size, len(got), err)
			}
			overwrite(t, w, o, func(f host.File) { _, _ = f.WriteAt([]byte("!"), int64(size-1)) })
			got, err := send()
			if !swift.Is(err, swift.Corrupt) || len(got) != (size-1)/window*window || got != body[:len(got)] {
				t.Errorf("%d bytes, the last one bad: sent %d, %v", size, len(got), err)
			}
		})
	}
}

// A reader that finds the old body bad must not take the new one away.
func TestQuarantineSparesNewer(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		o := w.object(t)
		old := strings.Repeat("x", 200<<10)
		must(t, put(o, stamp(1), old))
		overwrite(t, w, o, func(f host.File) { _, _ = f.WriteAt([]byte("B"), 0) })
		f, err := o.Open(diskfile.OpenOptions{Now: stamp(2)})
		must(t, err)
		b, err := f.Body(diskfile.BodyOptions{Whole: true})
		must(t, err)
		must(t, put(o, stamp(2), "new"))
		if _, err := io.ReadAll(b); !swift.Is(err, swift.Corrupt) {
			t.Errorf("reading the bad body: %v", err)
		}
		must(t, b.Close())
		wantBody(t, o, "new")
	})
}

func TestLargeMetadata(t *testing.T) {
	w := simWorld(t, disk.Config{}, 1)
	o := w.object(t)
	value := strings.Repeat("v", 200_000)
	must(t, put(o, stamp(1), "body", "X-Object-Meta-Big", value))
	_, md, err := get(o)
	must(t, err)
	if md["X-Object-Meta-Big"] != value {
		t.Errorf("%d bytes came back", len(md["X-Object-Meta-Big"]))
	}
}

func TestDevices(t *testing.T) {
	w := simWorld(t, disk.Config{Size: 1 << 20}, 1)
	for _, name := range []string{"d2", "", ".", "..", "d1/x"} {
		if _, err := w.mgr.Device(name); err == nil {
			t.Errorf("device %q exists", name)
		}
	}
	o := w.object(t)
	if err := put(o, stamp(1), strings.Repeat("x", 2<<20)); !swift.Is(err, swift.NoDevice) {
		t.Errorf("full: %v", err)
	}
	must(t, put(o, stamp(1), "small"))
	if got, err := w.mgr.Devices(); err != nil || len(got) != 1 || got[0] != "d1" {
		t.Errorf("devices %v, %v", got, err)
	}
	d := w.device(t)
	w.machine.Unmount("/srv/node/d1")
	if err := put(o, stamp(2), "below"); !swift.Is(err, swift.NoDevice) {
		t.Errorf("unmounted after the check: %v", err)
	}
	if err := o.Delete(stamp(2)); !swift.Is(err, swift.NoDevice) {
		t.Errorf("unmounted after the check: %v", err)
	}
	if err := d.SaveUpdate(pol, &diskfile.Update{}, stamp(2)); !swift.Is(err, swift.NoDevice) {
		t.Errorf("unmounted after the check: %v", err)
	}
	if left := tree(t, w.host.FS, "/srv/node"); len(left) != 0 {
		t.Errorf("on the disk below: %v", left)
	}
	if _, err := w.mgr.Device("d1"); !swift.Is(err, swift.NoDevice) {
		t.Errorf("unmounted: %v", err)
	}
}

func TestReclaim(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		o := w.object(t)
		w.clock.now = stamp(30 * 24 * 3600).Time()
		must(t, o.Delete(stamp(1)))
		if got := objectFiles(t, w, o); got != "" {
			t.Errorf("files %q", got)
		}
	})
}

func TestSuffixInvalidation(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		o := w.object(t)
		must(t, put(o, stamp(1), "body"))
		must(t, o.Delete(stamp(2)))
		f, err := w.host.FS.OpenFile(path.Join(w.root, "d1/objects/7/hashes.invalid"), host.ReadOnly, 0)
		must(t, err)
		defer f.Close()
		b, err := io.ReadAll(f)
		must(t, err)
		suffix := w.hasher.Hash(object).Suffix()
		if want := suffix + "\n" + suffix + "\n"; string(b) != want {
			t.Errorf("journal %q, want %q", b, want)
		}
	})
}

// Writers of one object, all at once: the newest wins, whoever comes first.
func TestConcurrentWriters(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		o := w.object(t)
		var wg sync.WaitGroup
		for i := range int64(40) {
			wg.Go(func() {
				var err error
				at := stamp(i%20 + 1)
				if i%20 == 18 {
					err = o.Delete(at)
				} else {
					err = put(o, at, fmt.Sprint("body ", at))
				}
				if err != nil && !swift.Is(err, swift.Conflict) {
					t.Error(err)
				}
				if _, _, err := get(o); err != nil && !swift.Is(err, swift.NotFound) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		wantBody(t, o, fmt.Sprint("body ", stamp(20)))
		if got, want := objectFiles(t, w, o), stamp(20).Internal()+".data"; got != want {
			t.Errorf("files %q, want %q", got, want)
		}
	})
}

func TestWalk(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		d := w.device(t)
		want := map[string]bool{}
		for i := range 20 {
			p := swift.Path{Account: "a", Container: "c", Object: fmt.Sprint("o", i)}
			must(t, put(d.Object(pol, uint32(i%3), p), stamp(1), "body"))
			want[p.String()] = true
		}
		got := map[string]bool{}
		for o, err := range d.Walk(pol) {
			must(t, err)
			st, err := o.State()
			if err != nil || st.Data == nil {
				t.Fatalf("state %+v, %v", st, err)
			}
			f, err := o.Open(diskfile.OpenOptions{Now: stamp(0)})
			must(t, err)
			f.Close()
			got[o.Path.String()] = true
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		for range d.Walk(pol) {
			break
		}
	})
}

func TestUpdates(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		d := w.device(t)
		u := &diskfile.Update{
			Op: "PUT", Account: "a", Container: "c", Object: "o",
			Headers:   map[string]string{"X-Size": "4", "X-Content-Type": "text/é"},
			Successes: []int{3}, ContainerPath: ".shards_a/x", DBState: "sharded", Redirects: []string{".shards_a/x"},
		}
		for i := range int64(3) {
			must(t, d.SaveUpdate(pol, u, stamp(i)))
		}
		must(t, d.SaveUpdate(pol, u, stamp(2)))
		var seen []swift.Timestamp
		for p, err := range d.Updates(pol) {
			must(t, err)
			seen = append(seen, p.Timestamp)
			if p.Hash != w.hasher.Hash(swift.Path{Account: "a", Container: "c", Object: "o"}).String() {
				t.Errorf("hash %s", p.Hash)
			}
			got, err := d.LoadUpdate(p.Path)
			must(t, err)
			if diff := cmp.Diff(u, got); diff != "" {
				t.Error(diff)
			}
			if p.Timestamp == stamp(0) {
				must(t, d.QuarantineUpdate(p.Path))
			} else {
				must(t, d.RemoveUpdate(p.Path))
			}
		}
		if want := []swift.Timestamp{stamp(2), stamp(1), stamp(0)}; !cmp.Equal(seen, want, cmp.Comparer(func(a, b swift.Timestamp) bool { return a == b })) {
			t.Errorf("order %v", seen)
		}
		if left := tree(t, w.host.FS, path.Join(w.root, "d1/async_pending")); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
		if left := tree(t, w.host.FS, path.Join(w.root, "d1/tmp")); len(left) != 0 {
			t.Errorf("temporary files: %v", left)
		}
	})
}

func TestReadConfig(t *testing.T) {
	read := func(text string) (diskfile.Config, error) {
		f, err := config.Parse("[app:object-server]\n"+text, "object-server.conf")
		must(t, err)
		c := diskfile.ReadConfig(f.Section("app:object-server"))
		return c, f.Err()
	}
	c, err := read("")
	if err != nil || !cmp.Equal(c, diskfile.DefaultConfig()) {
		t.Errorf("defaults %+v, %v", c, err)
	}
	c, err = read("devices = /d\nmount_check = no\nfallocate_reserve = 1000\nmb_per_sync = 1\netag_validate_pct = 5%\n" +
		"disk_chunk_size = 1000\nnetwork_chunk_size = 2000\nkeep_cache_size = 3\nreclaim_age = 60\ndisable_fallocate = true\n")
	if err != nil || c.DiskChunk != 1000 || c.NetworkChunk != 2000 || c.KeepCacheSize != 3 || c.ReclaimAge != time.Minute || c.Preallocate {
		t.Errorf("%+v, %v", c, err)
	}
	if err != nil || c.Devices != "/d" || c.MountCheck || c.ReservePercent || c.Reserve != 1000 || c.BytesPerSync != 1<<20 || c.ValidatePercent != 5 {
		t.Errorf("%+v, %v", c, err)
	}
	for _, bad := range []string{"fallocate_reserve = x", "fallocate_reserve = 101%", "etag_validate_pct = 200", "disk_chunk_size = 0", "network_chunk_size = 999999999999"} {
		if _, err := read(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// Making the directories of a new object takes one attempt for each that is
// missing, once another object has told what to expect.
func TestHashDirectories(t *testing.T) {
	w := simWorld(t, disk.Config{}, 1)
	var made []string
	w.disk().OnOp(func(op disk.Op, _ func(disk.CutMode) *disk.Disk) {
		if op.Kind == disk.OpMkdir {
			made = append(made, op.Path)
		}
	})
	next := 0
	// create PUTs an object and says how many directories were tried.
	create := func(inSuffix func(string) bool) int {
		for ; ; next++ {
			o := w.device(t).Object(pol, part, swift.Path{Account: "AUTH_a", Container: "c", Object: fmt.Sprint(next)})
			if !inSuffix(path.Base(path.Dir(o.Dir))) {
				continue
			}
			next++
			_, _, _ = get(o)
			made = nil
			must(t, put(o, stamp(1), "body"))
			wantBody(t, o, "body")
			return len(made)
		}
	}
	some := func(suffix string) bool { return suffix < "800" }
	one := func(suffix string) bool { return suffix == "fff" }
	create(some) // makes the partition
	for _, c := range []struct {
		name   string
		suffix func(string) bool
		want   int
	}{
		{"a new suffix", some, 2},
		{"and another", some, 2},
		{"a new suffix that will be used again", one, 2},
		{"its second object is a surprise", one, 2},
		{"its third is none", one, 1},
		{"a new suffix is a surprise", some, 4},
		{"another is none", some, 2},
	} {
		if got := create(c.suffix); got != c.want {
			t.Errorf("%s: %d attempts, want %d: %q", c.name, got, c.want, made)
		}
	}
}
