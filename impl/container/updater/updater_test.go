package updater

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"apus/impl/broker"
	"apus/impl/config"
	"apus/impl/host"
	"apus/impl/host/real"
	"apus/impl/policy"
	"apus/impl/ring"
	"apus/impl/swift"
	"apus/impl/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var bg = context.Background()

// accounts answers for the three replicas of an account.
type accounts struct {
	mu     sync.Mutex
	status map[string]int // by device
	seen   []string
}

func (a *accounts) Serve(_ context.Context, req *web.Request) *web.Response {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen = append(a.seen, fmt.Sprint(req.Method, " ", req.Path, " ", req.Header.Get("X-Object-Count"), " ",
		req.Header.Get("X-Bytes-Used"), " ", req.Header.Get("X-Account-Override-Deleted")))
	for device, status := range a.status {
		if len(req.Path) > len(device)+1 && req.Path[1:len(device)+1] == device {
			return web.NewResponse(status)
		}
	}
	return web.NewResponse(http.StatusCreated)
}

func (a *accounts) take() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	seen := a.seen
	a.seen = nil
	return seen
}

type oneRing struct{ r *ring.Ring }

func (o oneRing) Ring(string) (*ring.Ring, error) { return o.r, nil }

type world struct {
	*accounts
	h    *host.Host
	sw   *config.Swift
	u    *Updater
	pool *broker.Pool
}

func newWorld(t *testing.T, options string) *world {
	h := real.New("test", slog.New(slog.DiscardHandler))
	hasher, err := swift.NewHasher("", "changeme")
	require.NoError(t, err)
	w := &world{accounts: &accounts{status: map[string]int{}}, h: h, sw: &config.Swift{Hasher: hasher, Policies: policy.Default(), Limits: swift.DefaultLimits()}}
	ln, err := h.Net.Listen("127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(bg)
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = web.NewServer(w.accounts, web.ServerConfig{Clock: h.Clock, Log: h.Log}).Serve(ctx, ln)
	})
	t.Cleanup(func() { cancel(); wg.Wait() })

	var devs []*ring.Device
	var rows [][]uint16
	for i := range 3 {
		d := &ring.Device{ID: i, IP: "192.0.2.1", Port: 1, ReplicationIP: "127.0.0.1", Device: fmt.Sprintf("sd%d", i), Weight: 1}
		_, err := fmt.Sscanf(ln.Addr().String(), "127.0.0.1:%d", &d.ReplicationPort)
		require.NoError(t, err)
		devs = append(devs, d)
		rows = append(rows, []uint16{uint16(i)})
	}
	root := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(root, "sda"), 0o755))
	conf, err := config.Parse("[container-updater]\ndevices = "+root+"\nmount_check = no\ncontainers_per_second = 1000\n"+options, "x.conf")
	require.NoError(t, err)
	w.u, err = New(h, w.sw, conf.Section("container-updater"), oneRing{ring.New(devs, 0, rows)}, nil)
	require.NoError(t, err)
	require.NoError(t, conf.Err())
	cfg := broker.DefaultConfig()
	cfg.Devices = root
	w.pool = broker.NewPool(h, hasher, cfg, nil)
	t.Cleanup(func() { require.NoError(t, w.pool.Close()) })
	return w
}

func (w *world) container(t *testing.T, name string, put int64) *broker.Container {
	c := w.pool.Container("sda", "7", "AUTH_t", name)
	require.NoError(t, c.Create(bg, broker.ContainerInit{PutTimestamp: swift.NewTimestamp(put, 0), Limits: w.sw.Limits}))
	return c
}

func (w *world) object(t *testing.T, c *broker.Container, name string, size int64) {
	require.NoError(t, c.PutObject(bg, broker.Object{Name: name, CreatedAt: "1700000000.00000", Size: size, ContentType: "x", ETag: "y"}))
}

func TestOnce(t *testing.T) {
	w := newWorld(t, "")
	c := w.container(t, "c", 5)
	w.object(t, c, "o", 10)
	w.container(t, "made by a row", 0)
	require.NoError(t, w.u.Once(bg))
	require.ElementsMatch(t, []string{"PUT /sd0/0/AUTH_t/c 1 10 yes", "PUT /sd1/0/AUTH_t/c 1 10 yes", "PUT /sd2/0/AUTH_t/c 1 10 yes"}, w.take())
	require.NoError(t, w.u.Once(bg))
	require.Empty(t, w.take(), "nothing is new")
	w.object(t, c, "o2", 7)
	require.NoError(t, w.u.Once(bg))
	require.Len(t, w.take(), 3)
}

func TestMinorityIsNotEnough(t *testing.T) {
	w := newWorld(t, "account_suppression_time = 0.3")
	w.container(t, "c", 5)
	w.status["sd0"], w.status["sd1"] = 503, 507
	require.NoError(t, w.u.Once(bg))
	require.Len(t, w.take(), 3)
	require.NoError(t, w.u.Once(bg))
	require.Empty(t, w.take(), "the account is suppressed")
	time.Sleep(300 * time.Millisecond)
	w.status["sd1"] = 201
	require.NoError(t, w.u.Once(bg))
	require.Len(t, w.take(), 3)
	require.NoError(t, w.u.Once(bg))
	require.Empty(t, w.take())
}

func TestUnknownAccount(t *testing.T) {
	w := newWorld(t, "")
	c := w.container(t, "c", 5)
	w.status["sd0"], w.status["sd1"], w.status["sd2"] = 404, 404, 404
	require.NoError(t, w.u.Once(bg))
	err := c.View(bg, func(*broker.ContainerTx) error { return nil })
	require.True(t, swift.Is(err, swift.NotFound), "%v", err)
	dir := filepath.Dir(c.File())
	_, err = os.Stat(filepath.Join(w.u.broker.Devices, "sda", "quarantined", "containers", filepath.Base(dir)))
	require.NoError(t, err)
}

// What a shard holds its root tells of.
func TestShardsAreToldWithoutObjects(t *testing.T) {
	w := newWorld(t, "slowdown = 0")
	require.Equal(t, time.Millisecond, w.u.pause, "containers_per_second wins")
	var sweeps []time.Duration
	w.u.Swept = func(d time.Duration) { sweeps = append(sweeps, d) }
	c := w.container(t, "shard", 5)
	w.object(t, c, "o", 10)
	meta := broker.Metadata{}
	meta.Set("X-Container-Sysmeta-Shard-Quoted-Root", "AUTH_t/root", swift.NewTimestamp(6, 0))
	require.NoError(t, c.UpdateMetadata(bg, meta, nil))
	require.NoError(t, w.u.Once(bg))
	require.ElementsMatch(t, []string{"PUT /sd0/0/AUTH_t/shard 0 0 yes", "PUT /sd1/0/AUTH_t/shard 0 0 yes", "PUT /sd2/0/AUTH_t/shard 0 0 yes"}, w.take())
	require.NoError(t, w.u.Once(bg))
	require.Empty(t, w.take())
	require.Len(t, sweeps, 2)
}

// #1328735: a mix of 404s and failures is neither success nor a stub.
func TestSomeUnknown(t *testing.T) {
	w := newWorld(t, "account_suppression_time = 0")
	c := w.container(t, "c", 5)
	w.status["sd0"], w.status["sd1"], w.status["sd2"] = 404, 404, 503
	require.NoError(t, w.u.Once(bg))
	require.Len(t, w.take(), 3)
	there, err := c.Exists(bg)
	require.NoError(t, err)
	require.True(t, there, "not quarantined")
	w.status["sd2"] = 201
	require.NoError(t, w.u.Once(bg))
	require.Len(t, w.take(), 3)
	require.NoError(t, w.u.Once(bg))
	require.Len(t, w.take(), 3, "one of three is no majority, so it is still to be told")
}

// A removed container is reported as removed.
func TestDeletedIsTold(t *testing.T) {
	w := newWorld(t, "")
	c := w.container(t, "c", 5)
	require.NoError(t, w.u.Once(bg))
	require.Len(t, w.take(), 3)
	require.NoError(t, c.Update(bg, func(x *broker.ContainerTx) error { return x.MarkDeleted(swift.NewTimestamp(9, 0)) }))
	require.NoError(t, w.u.Once(bg))
	require.Len(t, w.take(), 3)
	require.NoError(t, w.u.Once(bg))
	require.Empty(t, w.take())
}

func TestRunEnds(t *testing.T) {
	w := newWorld(t, "interval = 0.05")
	for i := range 5 {
		w.container(t, fmt.Sprint("c", i), 5)
	}
	ctx, cancel := context.WithTimeout(bg, 600*time.Millisecond)
	defer cancel()
	require.NoError(t, w.u.Run(ctx))
	require.Len(t, w.take(), 15)
}
