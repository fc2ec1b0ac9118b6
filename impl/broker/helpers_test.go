package broker

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"log/slog"

	"apus/impl/host"
	"apus/impl/host/real"
	"apus/impl/swift"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var bg = context.Background()

func at(seconds int64) swift.Timestamp {
	return swift.NewTimestamp((1_700_000_000+seconds)*swift.TicksPerSecond, 0)
}

func testHasher(t testing.TB) swift.Hasher {
	h, err := swift.NewHasher("", "changeme")
	require.NoError(t, err)
	return h
}

// newPool is a pool over a fresh device "sda" of the operating system, or
// over the file system that wrap makes of it.
func newPool(t testing.TB, wrap func(host.FS) host.FS) *Pool {
	t.Helper()
	root := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(root, "sda"), 0o755))
	return poolAt(t, root, wrap)
}

func poolAt(t testing.TB, root string, wrap func(host.FS) host.FS) *Pool {
	t.Helper()
	h := real.New("test", slog.New(slog.DiscardHandler))
	if wrap != nil {
		h.FS = wrap(h.FS)
	}
	cfg := DefaultConfig()
	cfg.Devices = root
	p := NewPool(h, testHasher(t), cfg, nil)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

func newContainer(t testing.TB, p *Pool, name string) *Container {
	t.Helper()
	c := p.Container("sda", "7", "AUTH_test", name)
	require.NoError(t, c.Create(bg, ContainerInit{PutTimestamp: at(0), Limits: swift.DefaultLimits()}))
	return c
}

func object(name string, seconds int64) Object {
	return Object{Name: name, CreatedAt: at(seconds).Internal(), Size: 10, ContentType: "text/plain", ETag: "e" + fmt.Sprint(seconds)}
}

func names(t testing.TB, c *Container, o ListOptions) []string {
	t.Helper()
	if o.Limit == 0 {
		o.Limit = 10000
	}
	var out []string
	require.NoError(t, c.View(bg, func(x *ContainerTx) error {
		entries, err := x.List(0, o)
		for _, e := range entries {
			out = append(out, e.Name)
		}
		return err
	}))
	return out
}

func info(t testing.TB, c *Container) *ContainerInfo {
	t.Helper()
	var i *ContainerInfo
	require.NoError(t, c.View(bg, func(x *ContainerTx) (err error) { i, err = x.Info(); return err }))
	return i
}

type stmt = sqlite3.Stmt

// PutObjectOrCreate proves that the database accepts writes.
func (c *Container) PutObjectOrCreate(ctx context.Context) error {
	err := c.PutObject(ctx, object("last", 99))
	if swift.Is(err, swift.NotFound) {
		err = c.Create(ctx, ContainerInit{PutTimestamp: at(0), Limits: swift.DefaultLimits()})
	}
	return err
}
