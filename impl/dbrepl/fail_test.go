package dbrepl

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"apus/impl/broker"
	"apus/impl/host"
	"apus/impl/host/real"
	"apus/impl/swift"
	"apus/impl/web"
	"apus/sim/disk"
)

// simNode is a node on a simulated disk with the device "sda".
func simNode(t testing.TB) (*node, *disk.Disk, *disk.Process) {
	m := disk.NewMachine(real.Clock{})
	d := disk.New("d", rand.New(rand.NewPCG(1, 1)), disk.Config{})
	m.Mount("/", d)
	setup := m.Inspector("setup")
	require.NoError(t, setup.MkdirAll("/sda/tmp", 0o755))
	require.NoError(t, setup.SyncDir("/"))
	proc := m.Process("server")
	n := nodeOn(t, proc)
	return n, d, setup
}

func nodeOn(t testing.TB, fsys host.FS) *node {
	h := &host.Host{Name: "sim", FS: fsys, Clock: real.Clock{}, Log: slog.New(slog.DiscardHandler)}
	n := &node{t: t, root: "/", pool: newPool(t, h, "/"), datadir: broker.ContainersDir}
	n.s = New(h, n.pool, "/", n.datadir)
	n.database = n.container()
	n.hash = strings.TrimSuffix(path.Base(n.container().File()), ".db")
	return n
}

func write(t testing.TB, fsys host.FS, name string, content []byte) {
	f, err := fsys.OpenFile(name, host.ReadWrite|host.Create, 0o600)
	require.NoError(t, err)
	_, err = f.Write(content)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// received is the content of a database file with the row "sent".
func receivedFile(t testing.TB) []byte {
	o := newNode(t, broker.ContainersDir)
	o.create(1, 0)
	require.NoError(t, o.container().PutObject(bg, row("sent", 2)))
	o.info()
	require.NoError(t, o.pool.Close())
	b, err := os.ReadFile(o.container().File())
	require.NoError(t, err)
	return b
}

func item(name string) map[string]any {
	return map[string]any{
		"ROWID": 5, "name": name, "created_at": at(3).Internal(), "size": 1, "content_type": "x", "etag": "e",
		"deleted": 0, "storage_policy_index": 0,
	}
}

// Every operation of the disk fails once, then the power goes: what was
// answered with success is there afterwards, what was there before is too.
func TestFailAnywhere(t *testing.T) {
	file := receivedFile(t)
	for _, c := range []struct {
		name, body string
		status     int
		create     bool
		want       string // the name that success promises
	}{
		{"merge_items", body("merge_items", []any{item("merged")}, "remote-sdb"), 202, true, "merged"},
		{"complete_rsync", body("complete_rsync", "remote-sdb"), 204, false, "sent"},
		{"rsync_then_merge", body("rsync_then_merge", "remote-sdb"), 204, true, "sent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			failures := 0
			for i := int64(1); ; i++ {
				n, d, setup := simNode(t)
				write(t, setup, "/sda/tmp/remote-sdb", file)
				if c.create {
					n.create(1, 0)
					require.NoError(t, n.container().PutObject(bg, row("before", 2)))
				}
				first := d.Ops()
				d.FailAt(first+i, host.ErrIO)
				status := n.statusOf(c.body)
				done := d.Ops() < first+i
				require.NoError(t, n.pool.Close())
				setup.Fence()

				after := disk.NewMachine(real.Clock{})
				after.Mount("/", d.PowerCut(disk.DropUnsynced))
				again := nodeOn(t, after.Process("after"))
				again.check(fmt.Sprintf("operation %d: status %d", i, status), c.create, status == c.status, c.want)
				require.NoError(t, again.pool.Close())
				if status != c.status {
					failures++
				}
				if done {
					break
				}
			}
			require.Greater(t, failures, 3, "the loop fails operations that matter")
		})
	}
}

func (n *node) statusOf(body string) int {
	resp, err := n.try(body)
	if err != nil {
		resp = web.FromError(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.Status
}

func (n *node) check(when string, existed, success bool, want string) {
	n.t.Helper()
	there, err := n.container().Exists(bg)
	require.NoError(n.t, err, when)
	if !there {
		require.False(n.t, existed || success, when)
		return
	}
	names := n.names()
	if existed {
		require.Contains(n.t, names, "before", when)
	}
	if success {
		require.Contains(n.t, names, want, when)
		if point, err := n.container().Sync(bg, "remote-sdb", true); err != nil || point < 1 {
			n.t.Errorf("%s: sync point %d, %v", when, point, err)
		}
	}
	err = n.container().PutObject(bg, row("later", 9))
	require.False(n.t, swift.Is(err, swift.Corrupt), when)
	require.NoError(n.t, err, when)
}
