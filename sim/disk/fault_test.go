package disk_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"apus/impl/host"
	"apus/sim/disk"
)

func wantErr(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("got error %v, want %v", err, kind)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func TestRules(t *testing.T) {
	sum := func(w *world) (failed int) {
		f := w.file("/o/x.data")
		defer f.Close()
		for range 100 {
			if _, err := f.ReadAt(make([]byte, 4), 0); errors.Is(err, host.ErrIO) {
				failed++
			}
		}
		return failed
	}
	for _, c := range []struct {
		name     string
		rule     disk.Rule
		min, max int
	}{
		{"always", disk.Rule{Ops: disk.OpRead, Err: host.ErrIO}, 100, 100},
		{"another operation", disk.Rule{Ops: disk.OpWrite | disk.OpSync, Err: host.ErrIO}, 0, 0},
		{"skip and count", disk.Rule{Ops: disk.OpRead, Err: host.ErrIO, Skip: 10, Count: 7}, 7, 7},
		{"chance", disk.Rule{Ops: disk.OpRead, Err: host.ErrIO, Prob: 0.3}, 15, 45},
		{"path", disk.Rule{Ops: disk.OpRead, Path: "/o/*.data", Err: host.ErrIO}, 100, 100},
		{"path at any depth", disk.Rule{Ops: disk.OpRead, Path: "*.data", Err: host.ErrIO}, 100, 100},
		{"another path", disk.Rule{Ops: disk.OpRead, Path: "/*.data", Err: host.ErrIO}, 0, 0},
		{"process", disk.Rule{Ops: disk.OpRead, Process: "p*", Err: host.ErrIO}, 100, 100},
		{"another process", disk.Rule{Ops: disk.OpRead, Process: "q*", Err: host.ErrIO}, 0, 0},
		{"sticky", disk.Rule{Ops: disk.OpRead, Err: host.ErrIO, Sticky: true, Skip: 50, Count: 1}, 50, 50},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(3, disk.Config{})
			ok(w.Mkdir("/o", 0o755))
			w.durable("/o/x.data", "data")
			w.d.SetRule("r", c.rule)
			got := sum(w)
			if got < c.min || got > c.max {
				t.Fatalf("failed %d times, want %d to %d", got, c.min, c.max)
			}
			equal(t, "fired", w.d.Fired()["r"], got)
			w.d.ClearRule("r")
			equal(t, "failures after ClearRule", sum(w), 0)
			equal(t, "fired", w.d.Fired()["r"], got)
		})
	}
}

func TestRuleStreamsAreIndependent(t *testing.T) {
	run := func(rules ...string) (pattern string) {
		w := newWorld(5, disk.Config{})
		w.durable("/x", "data")
		for _, id := range rules {
			kind := host.ErrIO
			if id == "extra" {
				kind = nil
			}
			w.d.SetRule(id, disk.Rule{Ops: disk.OpRead, Err: kind, Prob: 0.5})
		}
		f := w.file("/x")
		for range 64 {
			_, err := f.ReadAt(make([]byte, 4), 0)
			pattern += fmt.Sprintf("%d", len(fmt.Sprint(err))%10)
		}
		return pattern
	}
	equal(t, "with one more rule", run("extra", "main"), run("main"))
	if !strings.Contains(run("main"), "5") {
		t.Fatalf("no failure in %s", run("main"))
	}
}

func TestStickyBlockHealsWhenWritten(t *testing.T) {
	w := newWorld(3, disk.Config{})
	w.durable("/x", strings.Repeat("x", 10000))
	w.d.SetRule("lse", disk.Rule{Ops: disk.OpRead, Err: host.ErrIO, Sticky: true, Count: 1})
	f := w.file("/x")
	_, err := f.ReadAt(make([]byte, 10), 5000)
	wantErr(t, err, host.ErrIO)
	_, err = f.ReadAt(make([]byte, 10), 6000)
	wantErr(t, err, host.ErrIO)
	_, err = f.ReadAt(make([]byte, 10), 0)
	ok(err)
	_, err = f.WriteAt([]byte("y"), 5000)
	ok(err)
	_, err = f.ReadAt(make([]byte, 10), 6000)
	ok(err)
}

func TestShortWrite(t *testing.T) {
	w := newWorld(3, disk.Config{})
	f := w.put("/x", "")
	w.d.SetRule("r", disk.Rule{Ops: disk.OpWrite, Err: host.ErrNoSpace, Short: true, Count: 1})
	n, err := f.Write([]byte("12345678"))
	wantErr(t, err, host.ErrNoSpace)
	equal(t, "bytes written", n, 4)
	_, err = f.Write([]byte("5678"))
	ok(err)
	equal(t, "content", readFile(w, "/x"), "12345678")
}

func TestShortRead(t *testing.T) {
	w := newWorld(3, disk.Config{})
	w.durable("/x", "12345678")
	w.d.SetRule("r", disk.Rule{Ops: disk.OpRead, Short: true})
	f, b := w.file("/x"), make([]byte, 8)
	n, err := f.Read(b)
	ok(err)
	equal(t, "bytes read", n, 4)
	n, err = f.ReadAt(b, 0)
	ok(err)
	equal(t, "bytes read by ReadAt", n, 8)
}

func TestRuleSeesBothNames(t *testing.T) {
	w := newWorld(3, disk.Config{})
	w.durable("/x", "data")
	w.d.SetRule("r", disk.Rule{Ops: disk.OpRename | disk.OpLink, Path: "/new*", Err: host.ErrIO})
	wantErr(t, w.Rename("/x", "/new"), host.ErrIO)
	wantErr(t, w.Link("/x", "/new"), host.ErrIO)
	f, err := w.CreateUnnamed("/", 0o644)
	ok(err)
	wantErr(t, f.LinkTo("/new"), host.ErrIO)
	ok(w.Rename("/x", "/y"))
	equal(t, "fired", w.d.Fired()["r"], 3)
}

func TestRot(t *testing.T) {
	text := strings.Repeat("The quick brown fox. ", 1000)
	w := newWorld(3, disk.Config{})
	w.durable("/x", text)
	ok(w.file("/x").SetXattr("k", []byte("value")))
	w.d.SetRule("rot", disk.Rule{Path: "/x", Rot: true})
	first := readFile(w, "/x")
	if first == text {
		t.Fatal("no rot")
	}
	equal(t, "a retry sees the same", readFile(w, "/x"), first)
	var bytewise []byte
	f := w.file("/x")
	for i := range len(text) {
		b := make([]byte, 1)
		_, err := f.ReadAt(b, int64(i))
		ok(err)
		bytewise = append(bytewise, b...)
	}
	equal(t, "small reads see the same", string(bytewise), first)
	v, err := f.GetXattr("k")
	ok(err)
	if string(v) == "value" {
		t.Fatal("attributes do not rot")
	}
	w.d.ClearRule("rot")
	equal(t, "stored content is intact", readFile(w, "/x"), text)

	ok(w.d.Corrupt("/x", 77))
	damaged := readFile(w, "/x")
	if damaged == text || damaged[:77] != text[:77] || damaged[78:] != text[78:] {
		t.Fatal("Corrupt changes one byte")
	}
	equal(t, "damage survives a power cut", readFile(after(w.d, disk.DropUnsynced), "/x"), damaged)
}

func TestStallAndFence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := boot(disk.Config{})
		d := m.Disk("/srv/node/d1")
		p, q := m.Process("p"), m.Process("q")
		d.SetRule("stall", disk.Rule{Ops: disk.OpMkdir, Process: "p", Stall: true})
		killed := make(chan error, 1)
		go func() { killed <- p.Mkdir("/srv/node/d1/x", 0o755) }()
		time.Sleep(time.Hour)
		ok(q.Mkdir("/srv/node/d1/y", 0o755))
		p.Fence()
		wantErr(t, <-killed, disk.ErrDead)
		_, err := q.Stat("/srv/node/d1/x")
		wantErr(t, err, fs.ErrNotExist)

		p = m.Process("p")
		go func() { killed <- p.Mkdir("/srv/node/d1/x", 0o755) }()
		time.Sleep(time.Hour)
		d.ClearRule("stall")
		ok(<-killed)
		p.Fence()
		q.Fence()
	})
}

func TestLatencyPassesVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(3, disk.Config{Latency: disk.Latency{Sync: 10 * time.Millisecond, Bandwidth: 1 << 20}})
		f := w.put("/x", "")
		start := time.Now()
		_, err := f.Write(make([]byte, 1<<20))
		ok(err)
		ok(f.Sync())
		if took := time.Since(start); took < 1010*time.Millisecond || took > 1011*time.Millisecond {
			t.Fatalf("took %v", took)
		}
		// Operations of several goroutines wait side by side, and nobody who
		// waits holds the disk.
		start = time.Now()
		done := make(chan error, 10)
		for range 10 {
			go func() { done <- f.Sync() }()
		}
		for range 10 {
			ok(<-done)
		}
		if took := time.Since(start); took > 11*time.Millisecond {
			t.Fatalf("took %v", took)
		}
	})
}

func TestWriteback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(3, disk.Config{Writeback: 30 * time.Second})
		w.put("/old", "old")
		time.Sleep(31 * time.Second)
		w.put("/new", "new")
		equal(t, "disk", show(w.d.PowerCut(disk.DropUnsynced), "old"), "/old=old")
	})
}

func TestCapacity(t *testing.T) {
	w := newWorld(3, disk.Config{Size: 64 << 10, Inodes: 4})
	f := w.put("/x", "")
	n, err := f.Write(make([]byte, 100<<10))
	wantErr(t, err, host.ErrNoSpace)
	equal(t, "bytes written", n, 64<<10)
	_, err = f.WriteAt([]byte("over"), 1000)
	ok(err) // what is there can be overwritten
	ok(f.Truncate(32 << 10))
	g := w.put("/y", "")
	wantErr(t, g.Preallocate(33<<10), host.ErrNoSpace)
	ok(g.Preallocate(32 << 10))
	_, err = f.WriteAt([]byte("x"), 40<<10)
	wantErr(t, err, host.ErrNoSpace)
	_, err = g.Write(make([]byte, 32<<10))
	ok(err)
	st, err := w.StatFS("/")
	ok(err)
	equal(t, "free", st.Free, 0)
	ok(w.Remove("/x"))
	st, _ = w.StatFS("/")
	equal(t, "free while the removed file is open", st.Free, 0)
	ok(f.Close())
	st, _ = w.StatFS("/")
	equal(t, "free after it is closed", st.Free, 32<<10)
	w.put("/z", "")
	ok(w.Mkdir("/dir", 0o755)) // the fourth inode, with the root and two files
	wantErr(t, w.Mkdir("/dir2", 0o755), host.ErrNoSpace)
}

func TestReadOnly(t *testing.T) {
	w := newWorld(3, disk.Config{})
	w.durable("/x", "data")
	w.d.SetRule("ro", disk.Rule{Ops: disk.OpPersistent, Err: host.ErrReadOnly})
	wantErr(t, w.Mkdir("/d", 0o755), host.ErrReadOnly)
	wantErr(t, w.Remove("/x"), host.ErrReadOnly)
	_, err := w.OpenFile("/y", host.ReadWrite|host.Create, 0o644)
	wantErr(t, err, host.ErrReadOnly)
	equal(t, "content", readFile(w, "/x"), "data")
}

func TestXattrLimit(t *testing.T) {
	w := newWorld(3, disk.Config{XattrLimit: 4000})
	f := w.put("/x", "")
	ok(f.SetXattr("user.a", make([]byte, 3000)))
	wantErr(t, f.SetXattr("user.b", make([]byte, 1000)), host.ErrXattrSize)
	ok(f.SetXattr("user.a", make([]byte, 2000)))
	ok(f.SetXattr("user.b", make([]byte, 1000)))
}

func TestFence(t *testing.T) {
	m := boot(disk.Config{})
	p, q := m.Process("p"), m.Process("q")
	f, err := p.OpenFile("/srv/node/d1/x", host.ReadWrite|host.Create, 0o644)
	ok(err)
	g, err := q.OpenFile("/srv/node/d1/x", host.ReadWrite, 0)
	ok(err)
	_, err = f.Write([]byte("hello"))
	ok(err)
	ok(f.TryLock(host.Exclusively))
	ok(f.TryLockRange(host.Exclusively, 0, 0))
	wantErr(t, g.TryLock(host.Shared), host.ErrWouldBlock)
	open := p.OpenFiles()
	equal(t, "open files", len(open), 1)
	equal(t, "path", open[0].Path, "/srv/node/d1/x")
	if !strings.Contains(open[0].Stack, "TestFence") {
		t.Fatalf("stack:\n%s", open[0].Stack)
	}
	p.Fence()
	p.Fence()
	equal(t, "open files", len(p.OpenFiles()), 0)
	for _, err := range []error{f.Sync(), f.Close(), p.Mkdir("/y", 0o755), p.SyncAll("/"), p.Mkdir("/none/y", 0o755)} {
		wantErr(t, err, disk.ErrDead)
	}
	_, err = f.Write([]byte("x"))
	wantErr(t, err, disk.ErrDead)
	ok(g.TryLock(host.Exclusively))
	ok(g.TryLockRange(host.Exclusively, 0, 0))
	equal(t, "the page cache stays", readFile(q, "/srv/node/d1/x"), "hello")
}

// TestFenceIsFinal: while several goroutines write, nothing lands once Fence
// has returned.
func TestFenceIsFinal(t *testing.T) {
	m := boot(disk.Config{})
	judge := m.Inspector("judge")
	for range 20 {
		p := m.Process("p")
		done := make(chan error, 4)
		for range 4 {
			go func() {
				for {
					f, err := p.OpenFile("/srv/node/d1/log", host.ReadWrite|host.Create|host.Append, 0o644)
					if err == nil {
						_, err = f.Write([]byte("x"))
					}
					if err != nil {
						done <- err
						return
					}
					_ = f.Close() // fails once the process is dead
				}
			}()
		}
		time.Sleep(time.Millisecond)
		p.Fence()
		then := len(readFile(judge, "/srv/node/d1/log"))
		for range 4 {
			wantErr(t, <-done, disk.ErrDead)
		}
		equal(t, "bytes written", len(readFile(judge, "/srv/node/d1/log")), then)
		equal(t, "open files", len(p.OpenFiles()), 0)
	}
}

func TestUnmount(t *testing.T) {
	m := boot(disk.Config{})
	p := m.Process("p")
	d := m.Disk("/srv/node/d1")
	f, err := p.OpenFile("/srv/node/d1/x", host.ReadWrite|host.Create, 0o644)
	ok(err)
	mounted, err := p.IsMount("/srv/node/d1")
	ok(err)
	equal(t, "mounted", mounted, true)
	wantErr(t, p.Rename("/srv/node/d1/x", "/x"), host.ErrCrossDevice)
	wantErr(t, p.Link("/srv/node/d1/x", "/x"), host.ErrCrossDevice)
	if p.Remove("/srv/node/d1") == nil {
		t.Fatal("removed a mount point")
	}

	m.Unmount("/srv/node/d1")
	equal(t, "mounts", fmt.Sprint(m.Mounts()), "[/]")
	_, err = f.Write([]byte("x"))
	wantErr(t, err, host.ErrIO)
	wantErr(t, f.Sync(), host.ErrIO)
	mounted, err = p.IsMount("/srv/node/d1")
	ok(err)
	equal(t, "mounted", mounted, false)
	list, err := p.ReadDir("/srv/node/d1")
	ok(err)
	equal(t, "entries below the mount point", len(list), 0)
	ok(f.Close())
	equal(t, "open files", len(p.OpenFiles()), 0)
	ok(p.Mkdir("/srv/node/d1/stray", 0o755))

	m.Mount("/srv/node/d1", d)
	_, err = p.Stat("/srv/node/d1/x")
	ok(err)
	_, err = p.Stat("/srv/node/d1/stray")
	wantErr(t, err, fs.ErrNotExist)
	_, err = f.Read(make([]byte, 1))
	if err == nil {
		t.Fatal("a file of the first mount works on the second")
	}
}

func TestMachinePowerCut(t *testing.T) {
	m := boot(disk.Config{})
	p := m.Process("p")
	f, err := p.OpenFile("/srv/node/d1/x", host.ReadWrite|host.Create, 0o644)
	ok(err)
	_, err = io.WriteString(f, "hello")
	ok(err)
	ok(f.Sync())
	ok(p.SyncDir("/srv/node/d1"))
	ok(p.Mkdir("/tmp", 0o755))
	m.Disk("/srv/node/d1").SetRule("slow", disk.Rule{Ops: disk.OpStat, Count: 1})
	next := m.PowerCut(disk.DropUnsynced)
	wantErr(t, f.Sync(), disk.ErrDead)
	wantErr(t, m.Process("late").Mkdir("/z", 0o755), disk.ErrDead)
	q := next.Process("q")
	equal(t, "content", readFile(q, "/srv/node/d1/x"), "hello")
	_, err = q.Stat("/tmp")
	wantErr(t, err, fs.ErrNotExist)
	equal(t, "mounts", fmt.Sprint(next.Mounts()), "[/ /srv/node/d1]")
	equal(t, "rules live on", next.Disk("/srv/node/d1").Fired()["slow"], 1)
}

func TestDropCacheShowsWhatAFailedSyncLost(t *testing.T) {
	w := newWorld(3, disk.Config{})
	w.durable("/x", "old")
	f := w.file("/x")
	_, err := f.WriteAt([]byte("new"), 0)
	ok(err)
	syncFails(w, f)
	equal(t, "cached", readFile(w, "/x"), "new")
	f.DropCache(0, 0)
	equal(t, "on the medium", readFile(w, "/x"), "old")
}

// TestTear: an unsynced megabyte has old, new and garbage sectors, and synced
// bytes around it are untouched.
func TestTear(t *testing.T) {
	const size = 1 << 20
	older, newer := bytes.Repeat([]byte("o"), size), bytes.Repeat([]byte("n"), size)
	for _, sector := range []int{512, 4096} {
		w := newWorld(9, disk.Config{Sector: sector})
		w.durable("/x", string(older))
		_, err := w.file("/x").WriteAt(newer[:size-2000], 1000)
		ok(err)
		var o, n, g int
		for range 40 {
			got := readFile(after(w.d, disk.RandomSubset), "/x")
			equal(t, "size", len(got), size)
			equal(t, "head", got[:1000], string(older[:1000]))
			equal(t, "tail", got[size-1000:], string(older[size-1000:]))
			for at := sector; at+sector <= size-sector; at += sector {
				switch part := got[at : at+sector]; {
				case strings.Count(part, "o") == sector:
					o++
				case strings.Count(part, "n") == sector:
					n++
				default:
					g++
				}
			}
		}
		if o < 100 || n < 100 || g < 100 {
			t.Fatalf("sector %d: %d old, %d new, %d garbage", sector, o, n, g)
		}
	}
}
