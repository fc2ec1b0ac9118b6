package updater_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"path"
	"sort"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"apus/impl/backend/backendtest"
	"apus/impl/config"
	"apus/impl/diskfile"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/object/updater"
	"apus/impl/policy"
	"apus/impl/ring"
	"apus/impl/swift"
	"apus/impl/web/webtest"
	"apus/sim/disk"
)

func stamp(second int64) swift.Timestamp {
	return swift.NewTimestamp((1_790_000_000+second)*swift.TicksPerSecond, 0)
}

var pol = policy.Default().Default()

// rings has a container ring of three devices.
type rings struct{ fail bool }

func (r rings) Ring(name string) (*ring.Ring, error) {
	if r.fail || name != "container" {
		return nil, errors.New("no ring " + name)
	}
	var devs []*ring.Device
	rows := make([][]uint16, 3)
	for i := range 3 {
		ip := fmt.Sprint("10.0.0.", i+1)
		devs = append(devs, &ring.Device{ID: i, Zone: i, IP: ip, Port: 1, ReplicationIP: ip, ReplicationPort: 6201, Device: fmt.Sprint("c", i), Weight: 1})
		rows[i] = []uint16{uint16(i), uint16(i)}
	}
	return ring.New(devs, 1, rows), nil
}

type node struct {
	t       testing.TB
	machine *disk.Machine
	proc    *disk.Process
	updater *updater.Updater
	disks   *diskfile.Manager
	events  []string

	mu   sync.Mutex
	got  []string // "id method path"
	last http.Header
	// answer is the status of the container server of that id.
	answer map[int]func(w http.ResponseWriter, r *http.Request)
}

func newNode(t testing.TB, options string, rs rings) *node {
	n := &node{t: t, answer: map[int]func(http.ResponseWriter, *http.Request){}}
	rng := rand.New(rand.NewPCG(1, 1))
	clock := webtest.NewClock(1_790_000_100)
	n.machine = disk.NewMachine(clock)
	n.machine.Mount("/", disk.New("root", rng, disk.Config{}))
	n.machine.Mount("/srv/node/d1", disk.New("d1", rng, disk.Config{}))
	n.proc = n.machine.Process("object-updater")
	net := backendtest.New()
	for i := range 3 {
		t.Cleanup(net.Serve(fmt.Sprintf("10.0.0.%d:6201", i+1), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n.mu.Lock()
			n.got = append(n.got, fmt.Sprint(i, " ", r.Method, " ", r.URL.Path))
			n.last = r.Header
			answer := n.answer[i]
			n.mu.Unlock()
			if answer != nil {
				answer(w, r)
				return
			}
			w.WriteHeader(201)
		})))
	}
	h := &host.Host{Name: "node1", FS: n.proc, Net: net, Clock: clock, Log: slog.New(slog.DiscardHandler)}
	hasher, err := swift.NewHasher("", "changeme")
	must(t, err)
	f, err := config.Parse("[object-updater]\n"+options, "object-server.conf")
	must(t, err)
	sw := &config.Swift{Hasher: hasher, Policies: policy.Default(), Limits: swift.DefaultLimits()}
	n.updater, err = updater.New(h, sw, f.Section("object-updater"), rs, &event.Sink{
		AsyncUpdate: func(e event.AsyncUpdate) { n.note(fmt.Sprint("sent ", e.Path, " ", e.Sent)) },
		Quarantine:  func(e event.Quarantine) { n.note("quarantine") },
	})
	must(t, err)
	must(t, f.Err())
	n.disks = diskfile.New(h, hasher, diskfile.ReadConfig(f.Section("object-updater")), nil)
	return n
}

func (n *node) note(s string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, s)
}

func (n *node) status(id, status int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answer[id] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
}

func (n *node) device() *diskfile.Device {
	d, err := n.disks.Device("d1")
	must(n.t, err)
	return d
}

func (n *node) save(object string, second int64) {
	must(n.t, n.device().SaveUpdate(pol, &diskfile.Update{
		Op: "PUT", Account: "a", Container: "c", Object: object,
		Headers: map[string]string{"X-Timestamp": stamp(second).Internal(), "X-Size": "1", "User-Agent": "object-server x"},
	}, stamp(second)))
}

// pass makes one pass and returns what the container servers were sent.
func (n *node) pass() []string {
	n.mu.Lock()
	n.got = nil
	n.mu.Unlock()
	must(n.t, n.updater.Once(context.Background()))
	n.mu.Lock()
	defer n.mu.Unlock()
	sort.Strings(n.got)
	return n.got
}

func (n *node) pending() (out []*diskfile.Update) {
	d := n.device()
	for p, err := range d.Updates(pol) {
		must(n.t, err)
		u, err := d.LoadUpdate(p.Path)
		must(n.t, err)
		out = append(out, u)
	}
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal(t testing.TB, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func part(t testing.TB, account, container string) uint32 {
	h, err := swift.NewHasher("", "changeme")
	must(t, err)
	r, err := rings{}.Ring("container")
	must(t, err)
	return r.Partition(h.Hash(swift.Path{Account: account, Container: container}))
}

func to(t testing.TB, ids ...int) (out []string) {
	for _, id := range ids {
		out = append(out, fmt.Sprintf("%d PUT /c%d/%d/a/c/o", id, id, part(t, "a", "c")))
	}
	return out
}

func bubble(t *testing.T, options string, test func(t *testing.T, n *node)) {
	synctest.Test(t, func(t *testing.T) {
		webtest.TrackBodies(t)
		n := newNode(t, options, rings{})
		test(t, n)
		for _, f := range n.proc.OpenFiles() {
			t.Errorf("left open: %s\n%s", f.Path, f.Stack)
		}
	})
}

func TestDelivers(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		equal(t, len(n.pass()), 0)
		n.save("o", 1)
		equal(t, n.pass(), to(t, 0, 1, 2))
		for k, v := range map[string]string{
			"X-Timestamp": stamp(1).Internal(), "X-Size": "1", "User-Agent": "object-updater node1",
			"X-Backend-Storage-Policy-Index": "0", "X-Backend-Accept-Redirect": "true",
		} {
			equal(t, n.last.Get(k), v)
		}
		equal(t, n.events, []string{"sent /a/c/o true"})
		equal(t, len(n.pass()), 0)
		if entries, err := n.proc.ReadDir("/srv/node/d1/async_pending"); err != nil || len(entries) != 0 {
			t.Errorf("left: %v, %v", entries, err)
		}
	})
}

func TestRemembersSuccesses(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		n.save("o", 1)
		n.status(0, 404)
		n.status(1, 503)
		equal(t, n.pass(), to(t, 0, 1, 2))
		equal(t, n.pending()[0].Successes, []int{2})
		n.status(1, 202)
		equal(t, n.pass(), to(t, 0, 1))
		equal(t, n.pending()[0].Successes, []int{2, 1})
		equal(t, n.pass(), to(t, 0)) // nothing new: the file stays as it is
		n.status(0, 201)
		equal(t, n.pass(), to(t, 0))
		equal(t, len(n.pending()), 0)
	})
}

func TestNewestCounts(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		for _, s := range []int64{2, 3, 1} {
			n.save("o", s)
		}
		n.save("other", 1)
		equal(t, len(n.pass()), 6)
		equal(t, len(n.pending()), 0)
	})
}

func TestQuarantinesBadFiles(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		n.save("o", 1)
		var name string
		for p := range n.device().Updates(pol) {
			name = p.Path
		}
		f, err := n.proc.OpenFile(name, host.ReadWrite|host.Truncate, 0)
		must(t, err)
		_, err = f.Write([]byte("cos\nsystem\n(S'id'\ntR."))
		must(t, err)
		must(t, f.Close())
		equal(t, len(n.pass()), 0)
		equal(t, n.events, []string{"quarantine"})
		if _, err := n.proc.Stat("/srv/node/d1/quarantined/objects/" + path.Base(name)); err != nil {
			t.Error(err)
		}
	})
}

func redirectTo(account, container string, second int64) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, account) {
			w.WriteHeader(201)
			return
		}
		w.Header().Set("Location", "/"+account+"/"+container+"/o")
		w.Header().Set("X-Backend-Redirect-Timestamp", stamp(second).Internal())
		w.WriteHeader(301)
	}
}

func TestRedirects(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		n.save("o", 1)
		n.answer[0] = redirectTo(".shards_a", "old", 1)
		n.answer[1] = redirectTo(".shards_a", "new", 2)
		got := n.pass()
		want := to(t, 0, 1, 2)
		for id := range 3 {
			want = append(want, fmt.Sprintf("%d PUT /c%d/%d/.shards_a/new/o", id, id, part(t, ".shards_a", "new")))
		}
		sort.Strings(want)
		equal(t, got, want)
		equal(t, len(n.pending()), 0)
	})
}

func TestRedirectInCircles(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		n.save("o", 1)
		for id := range 3 {
			n.answer[id] = func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", "/.shards_a/x/o")
				w.Header().Set("X-Backend-Redirect-Timestamp", stamp(1).Internal())
				w.WriteHeader(301)
			}
		}
		equal(t, len(n.pass()), 6)
		u := n.pending()[0]
		if u.ContainerPath != "" || len(u.Redirects) != 0 || len(u.Successes) != 0 {
			t.Errorf("after a circle: %+v", u)
		}
	})
}

func TestRun(t *testing.T) {
	bubble(t, "interval = 100", func(t *testing.T, n *node) {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- n.updater.Run(ctx) }()
		time.Sleep(time.Second)
		n.save("o", 1)
		time.Sleep(201 * time.Second)
		equal(t, len(n.pending()), 0)
		cancel()
		must(t, <-done)
	})
}

func TestNoRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "", rings{fail: true})
		n.save("o", 1)
		if err := n.updater.Once(context.Background()); err == nil {
			t.Error("no error")
		}
		equal(t, len(n.pending()), 1)
	})
}

func TestCancelled(t *testing.T) {
	bubble(t, "objects_per_second = 1", func(t *testing.T, n *node) {
		for i := range 20 {
			n.save(fmt.Sprint("o", i), 1)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := n.updater.Once(ctx); err == nil {
			t.Error("no error")
		}
		if left := len(n.pending()); left < 10 || left > 17 {
			t.Errorf("%d left", left)
		}
	})
}

// Every operation of the disk fails once during a pass that must remember a
// success; the next passes deliver what is left.
func TestFailAnywhere(t *testing.T) {
	for at, done := int64(1), false; !done; at++ {
		bubble(t, "", func(t *testing.T, n *node) {
			n.save("o", 1)
			n.save("p", 1)
			n.save("p", 2)
			n.status(0, 503)
			d := n.machine.Disk("/srv/node/d1")
			first := d.Ops()
			d.FailAt(first+at, host.ErrIO)
			if err := n.updater.Once(context.Background()); err != nil {
				t.Error(err)
			}
			n.pass()
			n.status(0, 201)
			n.pass()
			n.pass()
			equal(t, len(n.pending()), 0)
			done = d.Ops() < first+at
		})
	}
}

// A busy container does not hold up the others; what had to wait goes at the
// container's own pace until the next pass is due.
func TestBusyContainer(t *testing.T) {
	for _, tc := range []struct {
		name, options string
		want          updater.Stats
		took          time.Duration
	}{
		{"waits", "", updater.Stats{Successes: 6, Unlinks: 6, Deferrals: 4, Drains: 4}, 4 * time.Second},
		{"may not wait", "max_deferred_updates = 0\n", updater.Stats{Successes: 2, Unlinks: 2, Deferrals: 4, Skips: 4}, 0},
		{"two may wait", "max_deferred_updates = 2\n", updater.Stats{Successes: 4, Unlinks: 4, Deferrals: 4, Drains: 2, Skips: 2}, 2 * time.Second},
		{"out of time", "interval = 2\n", updater.Stats{Successes: 4, Unlinks: 4, Deferrals: 4, Drains: 2, Skips: 2}, 2 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, tc.options+"max_objects_per_container_per_second = 1\nobjects_per_second = 0", func(t *testing.T, n *node) {
				for i := range 5 {
					n.save(fmt.Sprint("o", i), 1)
				}
				must(t, n.device().SaveUpdate(pol, &diskfile.Update{
					Op: "PUT", Account: "a", Container: "quiet", Object: "o", Headers: map[string]string{"X-Timestamp": stamp(1).Internal()},
				}, stamp(1)))
				var got updater.Stats
				n.updater.Report = func(s updater.Stats) { got = s }
				start := time.Now()
				n.pass()
				took := time.Since(start)
				if took < tc.took || took > tc.took+500*time.Millisecond {
					t.Errorf("the pass took %v", took)
				}
				got.Elapsed = 0
				equal(t, got, tc.want)
				equal(t, len(n.pending()), 6-int(tc.want.Successes))
			})
		})
	}
}

// A pass reports whose updates failed, the oldest first.
func TestReportsOldest(t *testing.T) {
	bubble(t, "async_tracker_dump_count = 1", func(t *testing.T, n *node) {
		n.save("o", 5)
		n.save("p", 3)
		for id := range 3 {
			n.status(id, 404)
		}
		var got updater.Stats
		n.updater.Report = func(s updater.Stats) { got = s }
		n.pass()
		got.Elapsed = 0
		equal(t, fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", updater.Stats{Failures: 2, Failing: 1, Oldest: []updater.Waiting{{Account: "a", Container: "c", Timestamp: stamp(3)}}}))
		equal(t, len(n.pending()), 2)
	})
}

func TestSlowdown(t *testing.T) {
	bubble(t, "slowdown = 0.99", func(t *testing.T, n *node) {
		for i := range 3 {
			n.save(fmt.Sprint("o", i), 1)
		}
		start := time.Now()
		n.pass()
		if took := time.Since(start); took < 2*time.Second || took > 4*time.Second {
			t.Errorf("the pass took %v", took)
		}
	})
}
