package broker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/swift"
	"apus/sim/disk"
)

// slowDisk is a simulated disk in a bubble, with the latency of a real one.
func slowDisk(t *testing.T, clock host.Clock) (*disk.Machine, *disk.Disk) {
	m := disk.NewMachine(clock)
	d := disk.New("d", rand.New(rand.NewPCG(3, 3)), disk.Config{Latency: disk.Latency{
		Read: 50 * time.Microsecond, Write: 50 * time.Microsecond, Sync: 2 * time.Millisecond, Meta: time.Millisecond, Tail: time.Millisecond,
	}})
	m.Mount("/", d)
	p := m.Inspector("setup")
	require.NoError(t, p.Mkdir("/sda", 0o755))
	require.NoError(t, p.SyncDir("/"))
	p.Fence()
	return m, d
}

type bubbleClock struct{}

func (bubbleClock) Now() time.Time { return time.Now().AddDate(26, 0, 0) }

func bubblePool(t *testing.T, fs host.FS) *Pool {
	cfg := DefaultConfig()
	cfg.Devices = "/"
	return NewPool(&host.Host{FS: fs, Clock: bubbleClock{}, Log: slog.New(slog.DiscardHandler)}, testHasher(t), cfg, nil)
}

// Requests in virtual time: two processes, slow disk, nothing left open five
// seconds later.
func TestBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := slowDisk(t, bubbleClock{})
		procs := []*disk.Process{m.Process("server"), m.Process("updater")}
		pools := []*Pool{bubblePool(t, procs[0]), bubblePool(t, procs[1])}
		first := newContainer(t, pools[0], "c")
		handles := []*Container{first, pools[1].ContainerFile(first.File())}
		start := time.Now()
		var wg sync.WaitGroup
		for w := range 8 {
			c := handles[w%2]
			wg.Go(func() {
				for i := range 30 {
					if err := c.PutObject(bg, object(fmt.Sprintf("%d-%d", w, i), 1)); err != nil {
						t.Error(err)
					}
					if i%7 == w%7 {
						info(t, c)
					}
				}
			})
		}
		wg.Wait()
		require.Equal(t, int64(240), info(t, first).ObjectCount)
		t.Logf("took %v of virtual time", time.Since(start))
		time.Sleep(5 * time.Second)
		for i, p := range pools {
			require.Zero(t, p.Open())
			require.Empty(t, procs[i].OpenFiles())
		}
		synctest.Wait()
		for _, p := range pools {
			require.NoError(t, p.Close())
		}
	})
}

// A killed process's requests end, whatever they waited for.
func TestBubbleKill(t *testing.T) {
	for _, after := range []time.Duration{0, 3 * time.Millisecond, 20 * time.Millisecond, 111 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			m, _ := slowDisk(t, bubbleClock{})
			setup := bubblePool(t, m.Process("setup"))
			newContainer(t, setup, "c")
			require.NoError(t, setup.Close())

			proc := m.Process("killed")
			p := bubblePool(t, proc)
			c := p.Container("sda", "7", "AUTH_test", "c")
			acked := make([]int, 6)
			var wg sync.WaitGroup
			for w := range acked {
				wg.Go(func() {
					for i := 0; ; i++ {
						if c.PutObject(bg, object(fmt.Sprintf("%d-%d", w, i), 1)) != nil {
							return
						}
						acked[w]++
						_ = c.View(bg, func(x *ContainerTx) error { _, err := x.Info(); return err })
					}
				})
			}
			time.Sleep(after)
			proc.Fence()
			wg.Wait()
			require.NoError(t, p.Close())
			next := bubblePool(t, m.Process("next"))
			c = next.Container("sda", "7", "AUTH_test", "c")
			there := map[string]bool{}
			for _, n := range names(t, c, ListOptions{}) {
				there[n] = true
			}
			for w, n := range acked {
				for i := range n {
					require.True(t, there[fmt.Sprintf("%d-%d", w, i)])
				}
			}
			require.NoError(t, next.Close())
		})
	}
}

// Somebody who holds .lock for too long makes requests fail, not hang.
func TestLockTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := slowDisk(t, bubbleClock{})
		p := bubblePool(t, m.Process("server"))
		c := newContainer(t, p, "c")
		other := m.Process("other")
		f, err := other.OpenFile(strings.Replace(c.File(), filepath.Base(c.File()), ".lock", 1), host.ReadWrite|host.Create, 0o644)
		require.NoError(t, err)
		require.NoError(t, f.TryLock(host.Exclusively))
		start := time.Now()
		require.True(t, swift.Is(c.PutObject(bg, object("o", 1)), swift.Unavailable))
		require.Greater(t, time.Since(start), 9*time.Second)
		ctx, cancel := context.WithTimeout(bg, time.Second)
		defer cancel()
		require.True(t, swift.Is(c.Update(ctx, func(*ContainerTx) error { return nil }), swift.Unavailable))
		other.Fence()
		require.NoError(t, c.PutObject(bg, object("o", 1)))
		require.NoError(t, p.Close())
	})
}

func TestMaxIdle(t *testing.T) {
	p := newPool(t, nil)
	p.cfg.MaxIdle = 3
	for i := range 8 {
		info(t, newContainer(t, p, fmt.Sprint("c", i)))
	}
	require.Equal(t, 3, p.Open())
}

func TestQuarantine(t *testing.T) {
	cases := []struct {
		name   string
		damage func(t *testing.T, file string)
	}{
		{"not a database", func(t *testing.T, file string) {
			require.NoError(t, os.WriteFile(file, []byte(strings.Repeat("rubbish ", 2000)), 0o644))
		}},
		{"empty", func(t *testing.T, file string) { require.NoError(t, os.WriteFile(file, nil, 0o644)) }},
		{"page of zeros", func(t *testing.T, file string) {
			f, err := os.OpenFile(file, os.O_RDWR, 0)
			require.NoError(t, err)
			_, err = f.WriteAt(make([]byte, 4096), 4096*2)
			require.NoError(t, err)
			_, err = f.WriteAt(make([]byte, 3000), 100)
			require.NoError(t, err)
			require.NoError(t, f.Close())
		}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			p := newPool(t, nil)
			var events []event.Quarantine
			p.events = &event.Sink{Quarantine: func(e event.Quarantine) { events = append(events, e) }}
			for range 2 { // the second time the place is taken
				c := newContainer(t, p, "c")
				info(t, c)
				require.NoError(t, c.PutObject(bg, object("o", 1)))
				tc.damage(t, c.File())
				q := poolAt(t, p.cfg.Devices, nil) // knows no pages from before
				q.events = p.events
				err := q.ContainerFile(c.File()).View(bg, func(x *ContainerTx) error { _, err := x.Info(); return err })
				require.True(t, swift.Is(err, swift.Corrupt), "%v", err)
				_, err = os.Stat(filepath.Dir(c.File()))
				require.True(t, errors.Is(err, fs.ErrNotExist))
			}
			require.Len(t, events, 2)
			kept, err := os.ReadDir(filepath.Join(p.cfg.Devices, "sda", "quarantined", "containers"))
			require.NoError(t, err)
			require.Len(t, kept, 2)
		})
	}
}

// Pending files are read and written by Python, too.
func TestPendingOfPython(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("needs python3")
	}
	c := newContainer(t, newPool(t, nil), "c")
	require.NoError(t, c.PutObject(bg, Object{Name: "ü\x00", CreatedAt: at(1).Internal(), Size: 1 << 40, ContentType: "a/b", ETag: "e", CtypeTimestamp: at(2).Internal()}))
	const program = `
import base64, pickle, sys
for e in open(sys.argv[1], 'rb').read().split(b':'):
    if e: print(ascii(pickle.loads(base64.b64decode(e))))
with open(sys.argv[1], 'ab') as f:
    same = 'x' * 3
    for t in [(same, '1700000005.00000', 7, same, same, 0, 0, None, None), ('old', '1700000005.00000', -1, 't', 'e', 0),
              ('text', '1700000005.00000', '70000', 't', 'e', '0', '0', '1700000006.00000', None)]:
        f.write(b':' + base64.b64encode(pickle.dumps(t, protocol=2)))
    f.write(b':not an entry')
`
	out, err := exec.Command("python3", "-c", program, c.File()+".pending").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, `('\xfc\x00', '1700000001.00000', 1099511627776, 'a/b', 'e', 0, 0, '1700000002.00000', None)`+"\n", string(out))
	require.Equal(t, []string{"old", "text", "xxx", "ü\x00"}, names(t, c, ListOptions{}))
	require.Equal(t, int64(1<<40+7-1+70000), info(t, c).BytesUsed)
}

// A database that was moved away and made anew is not written to by those who
// had the old one open.
func TestReplaced(t *testing.T) {
	p := newPool(t, nil)
	c := newContainer(t, p, "c")
	info(t, c)
	require.NoError(t, c.PutObject(bg, object("old", 1)))
	require.NoError(t, os.Rename(filepath.Dir(c.File()), filepath.Join(p.cfg.Devices, "away")))
	require.True(t, swift.Is(c.PutObject(bg, object("o", 1)), swift.NotFound))
	require.True(t, swift.Is(c.View(bg, func(*ContainerTx) error { return nil }), swift.NotFound))
	newContainer(t, poolAt(t, p.cfg.Devices, nil), "c")
	require.NoError(t, c.PutObject(bg, object("new", 1)))
	require.Equal(t, []string{"new"}, names(t, c, ListOptions{}))
}

func TestCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := slowDisk(t, bubbleClock{})
		p := bubblePool(t, m.Process("server"))
		c := newContainer(t, p, "c")
		done := make(chan error, 1)
		go func() { done <- c.PutObject(bg, object("o", 1)) }()
		synctest.Wait()
		require.NoError(t, p.Close())
		require.NoError(t, <-done)
		require.True(t, swift.Is(c.PutObject(bg, object("o", 1)), swift.Unavailable))
	})
}

// A database that does not exist leaves nothing in the pool, and no janitor,
// however often it is asked for.
func TestAbsentLeavesNothing(t *testing.T) {
	p := newPool(t, nil)
	c := newContainer(t, p, "c")
	info(t, c)
	require.Equal(t, 1, p.Open())
	absent := p.ContainerFile(strings.Replace(c.File(), "sda", "sda/absent", 1))
	for range 3 {
		err := absent.View(bg, func(*ContainerTx) error { return nil })
		require.True(t, swift.Is(err, swift.NotFound), "%v", err)
		require.True(t, swift.Is(absent.PutObject(bg, object("o", 1)), swift.NotFound))
		require.Equal(t, 1, p.Open())
	}
	// One that exists stays open, and so does one that was only appended to.
	fresh := newContainer(t, p, "d")
	require.NoError(t, fresh.PutObject(bg, object("o", 1)))
	require.Equal(t, 2, p.Open())
}
