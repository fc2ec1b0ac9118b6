package disk_test

import (
	"errors"
	"testing"

	"apus/impl/host"
	"apus/sim/disk"
)

// replaceAtomically is the classic algorithm, with steps that can be left out.
func replaceAtomically(p host.FS, name, text string, syncFile, syncDir bool) error {
	f, err := p.OpenFile(name+".tmp", host.ReadWrite|host.Create|host.Truncate, 0o644)
	if err != nil {
		return err
	}
	defer f.Close() // what counts is Sync
	if _, err := f.Write([]byte(text)); err != nil {
		return err
	}
	if syncFile {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	if err := p.Rename(name+".tmp", name); err != nil {
		return err
	}
	if syncDir {
		return p.SyncDir("/")
	}
	return nil
}

// crashes cuts the power before every persistent operation of an update and
// collects what is found: the content of the file, after an update that said
// it was done or one that did not.
func crashes(t *testing.T, syncFile, syncDir bool) (undone, done map[string]bool) {
	undone, done = map[string]bool{}, map[string]bool{}
	for n := int64(1); ; n++ {
		w := newWorld(uint64(n), disk.Config{})
		w.durable("/x", "old")
		struck := false
		w.d.OnCrash(func() { struck = true })
		w.d.SetCrashAt(w.d.Ops() + n)
		err := replaceAtomically(w, "/x", "new", syncFile, syncDir)
		if w.d.Crashed() != struck || struck != errors.Is(err, disk.ErrDead) {
			t.Fatalf("crashed %v, hook %v, error %v", w.d.Crashed(), struck, err)
		}
		for range 50 {
			got := readFile(after(w.d, disk.RandomSubset), "/x")
			if err == nil {
				done[got] = true
			} else {
				undone[got] = true
			}
		}
		if !struck {
			return undone, done
		}
	}
}

func TestCrashEnumeration(t *testing.T) {
	t.Run("right", func(t *testing.T) {
		undone, done := crashes(t, true, true)
		if len(undone) != 2 || !undone["old"] || !undone["new"] || len(done) != 1 || !done["new"] {
			t.Fatalf("undone %v, done %v", undone, done)
		}
	})
	t.Run("file not synced", func(t *testing.T) {
		if undone, done := crashes(t, false, true); !undone[""] || !done[""] {
			t.Fatalf("no empty file: undone %v, done %v", undone, done)
		}
	})
	t.Run("directory not synced", func(t *testing.T) {
		if _, done := crashes(t, true, false); !done["old"] {
			t.Fatalf("nothing lost: done %v", done)
		}
	})
}

func TestFailEnumeration(t *testing.T) {
	failed := 0
	for n := int64(1); ; n++ {
		w := newWorld(1, disk.Config{})
		w.durable("/x", "old")
		w.d.FailAt(w.d.Ops()+n, host.ErrNoSpace)
		err := replaceAtomically(w, "/x", "new", true, true)
		if err == nil {
			break
		}
		wantErr(t, err, host.ErrNoSpace)
		failed++
	}
	equal(t, "operations", failed, 5) // create, write, sync, rename, syncdir
}

// TestSameSeedSameDisk: everything random is decided by the seed.
func TestSameSeedSameDisk(t *testing.T) {
	run := func(seed uint64) (out string) {
		w := newWorld(seed, disk.Config{Sector: 512})
		for i := range 40 {
			name := "/" + string(rune('a'+i%13))
			f := w.put(name, string(make([]byte, 100*i))+"x")
			if i%3 == 0 {
				ok(f.Sync())
			}
			if i%5 == 0 {
				ok(w.Rename(name, "/z"))
			}
		}
		d := w.d.PowerCut(disk.RandomSubset)
		return tree(after(d, disk.KeepAll))
	}
	for seed := range uint64(20) {
		equal(t, "second run", run(seed), run(seed))
	}
	if run(1) == run(2) {
		t.Fatal("two seeds, one outcome")
	}
}

// TestUnsyncedChurnNeedsNoMemory: a name that comes and goes for ever, with
// nobody syncing, leaves a bounded history and loses nothing of the model.
func TestUnsyncedChurnNeedsNoMemory(t *testing.T) {
	w := newWorld(1, disk.Config{})
	w.durable("/x", "old")
	for range 10000 {
		ok(w.put("/journal", "journal").Close())
		ok(w.Remove("/journal"))
	}
	if pending := w.d.Stats().Pending; pending > 20 {
		t.Fatalf("%d pending transactions", pending)
	}
	equal(t, "disk", show(w.d.PowerCut(disk.DropUnsynced), "old"), "/x=old")
	equal(t, "disk", show(w.d.PowerCut(disk.KeepAll), "old"), "/x=old")

	w = newWorld(1, disk.Config{MaxPending: 100})
	for i := range 1000 {
		ok(w.put("/"+string(rune(0x100+i)), "").Close())
	}
	if pending := w.d.Stats().Pending; pending > 100 {
		t.Fatalf("%d pending transactions", pending)
	}
}

func BenchmarkObjectPut(b *testing.B) {
	p := boot(disk.Config{}).Process("p")
	body := make([]byte, 4096)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		dir := "/srv/node/d1/objects/" + string(rune('a'+i%20)) + "/" + string(rune('a'+i/20%20))
		ok(p.MkdirAll(dir, 0o755))
		f, err := p.CreateUnnamed(dir, 0o644)
		ok(err)
		_, err = f.Write(body)
		ok(err)
		ok(f.SetXattr("user.swift.metadata", body[:300]))
		ok(f.Sync())
		_ = p.Remove(dir + "/ts.data")
		ok(f.LinkTo(dir + "/ts.data"))
		ok(p.SyncDir(dir))
		ok(f.Close())
	}
}

func BenchmarkRewritePages(b *testing.B) {
	p := boot(disk.Config{}).Process("p")
	f, err := p.OpenFile("/srv/node/d1/db", host.ReadWrite|host.Create, 0o644)
	ok(err)
	ok(f.Truncate(1 << 20))
	page := make([]byte, 4096)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		for j := range 4 {
			_, err := f.WriteAt(page, int64((i*4+j)%256)*4096)
			ok(err)
		}
		ok(f.Sync())
	}
}

func BenchmarkReadMegabyte(b *testing.B) {
	p := boot(disk.Config{}).Process("p")
	f, err := p.OpenFile("/srv/node/d1/o", host.ReadWrite|host.Create, 0o644)
	ok(err)
	_, err = f.Write(make([]byte, 1<<20))
	ok(err)
	buf := make([]byte, 64<<10)
	b.SetBytes(1 << 20)
	for b.Loop() {
		for at := int64(0); at < 1<<20; at += 64 << 10 {
			_, err := f.ReadAt(buf, at)
			ok(err)
		}
	}
}
