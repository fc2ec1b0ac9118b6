package diskfile_test

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"path"
	"strings"
	"testing"
	"time"

	"apus/impl/diskfile"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/host/real"
	"apus/impl/policy"
	"apus/impl/swift"
	"apus/sim/disk"
)

type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

// world is a machine with one device, real or simulated.
type world struct {
	host   *host.Host
	root   string // of the devices
	mgr    *diskfile.Manager
	hasher swift.Hasher
	clock  *clock
	quar   []event.Quarantine
	// cut and sim are nil on the operating system.
	machine *disk.Machine
	proc    *disk.Process
}

var pol = policy.Default().Default()

var object = swift.Path{Account: "AUTH_a", Container: "c", Object: "o/日本"}

const part = 7

func stamp(second int64) swift.Timestamp {
	return swift.NewTimestamp((1_790_000_000+second)*swift.TicksPerSecond, 0)
}

func hashes(t testing.TB) swift.Hasher {
	h, err := swift.NewHasher("", "changeme")
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (w *world) start(t testing.TB, fsys host.FS, mountCheck bool) {
	w.clock = &clock{stamp(100).Time()}
	w.hasher = hashes(t)
	w.host = &host.Host{Name: "node", FS: fsys, Clock: w.clock, Log: slog.New(slog.DiscardHandler)}
	cfg := diskfile.DefaultConfig()
	cfg.Devices, cfg.MountCheck = w.root, mountCheck
	w.mgr = diskfile.New(w.host, w.hasher, cfg, &event.Sink{Quarantine: func(e event.Quarantine) { w.quar = append(w.quar, e) }})
}

func realWorld(t testing.TB) *world {
	w := &world{root: t.TempDir()}
	h := real.New("node", slog.New(slog.DiscardHandler))
	if err := h.FS.Mkdir(w.root+"/d1", 0o755); err != nil {
		t.Fatal(err)
	}
	w.start(t, h.FS, false)
	return w
}

func simWorld(t testing.TB, cfg disk.Config, seed uint64) *world {
	rng := rand.New(rand.NewPCG(seed, 1))
	m := disk.NewMachine(&clock{stamp(0).Time()})
	m.Mount("/", disk.New("root", rng, disk.Config{}))
	m.Mount("/srv/node/d1", disk.New("d1", rng, cfg))
	w := &world{root: "/srv/node"}
	w.boot(t, m)
	return w
}

// boot starts a new incarnation on m.
func (w *world) boot(t testing.TB, m *disk.Machine) {
	w.machine, w.proc = m, m.Process("object-server")
	w.start(t, w.proc, true)
}

// disk is the simulated disk of the device.
func (w *world) disk() *disk.Disk { return w.machine.Disk("/srv/node/d1") }

func worlds(t *testing.T, test func(t *testing.T, w *world)) {
	t.Run("real", func(t *testing.T) { test(t, realWorld(t)) })
	for name, cfg := range map[string]disk.Config{"sim": {}, "sim without unnamed files": {NoUnnamed: true}} {
		t.Run(name, func(t *testing.T) {
			w := simWorld(t, cfg, 1)
			test(t, w)
			for _, f := range w.proc.OpenFiles() {
				t.Errorf("left open: %s\n%s", f.Path, f.Stack)
			}
		})
	}
}

func (w *world) device(t testing.TB) *diskfile.Device {
	t.Helper()
	d, err := w.mgr.Device("d1")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (w *world) object(t testing.TB) *diskfile.Object {
	t.Helper()
	return w.device(t).Object(pol, part, object)
}

func etag(body string) string {
	sum := md5.Sum([]byte(body))
	return hex.EncodeToString(sum[:])
}

func metadata(at swift.Timestamp, body string, more ...string) diskfile.Metadata {
	md := diskfile.Metadata{
		"X-Timestamp": at.Internal(), "Content-Type": "text/plain",
		"Content-Length": fmt.Sprint(len(body)), "ETag": etag(body),
	}
	for i := 0; i < len(more); i += 2 {
		md[more[i]] = more[i+1]
	}
	return md
}

func put(o *diskfile.Object, at swift.Timestamp, body string, more ...string) error {
	w, err := o.Create(int64(len(body)))
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := io.WriteString(w, body); err != nil {
		return err
	}
	return w.Commit(at, metadata(at, body, more...))
}

func get(o *diskfile.Object) (string, diskfile.Metadata, error) {
	f, err := o.Open(diskfile.OpenOptions{Now: stamp(0)})
	if err != nil {
		return "", nil, err
	}
	b, err := f.Body(diskfile.BodyOptions{Whole: true})
	if err != nil {
		return "", nil, err
	}
	defer b.Close()
	content, err := io.ReadAll(b)
	return string(content), f.Metadata, err
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantBody(t testing.TB, o *diskfile.Object, want string) {
	t.Helper()
	got, _, err := get(o)
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("body %.40q of %d bytes, want %.40q of %d", got, len(got), want, len(want))
	}
}

// tree lists every file below dir.
func tree(t testing.TB, fsys host.FS, dir string) []string {
	t.Helper()
	entries, err := fsys.ReadDir(dir)
	must(t, err)
	var out []string
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if e.IsDir() {
			out = append(out, tree(t, fsys, name)...)
			continue
		}
		out = append(out, name)
	}
	return out
}

// objectFiles lists what is in the object's hash directory.
func objectFiles(t testing.TB, w *world, o *diskfile.Object) string {
	t.Helper()
	entries, err := w.host.FS.ReadDir(o.Dir)
	if err != nil {
		return ""
	}
	return names(entries)
}

func names(entries []fs.DirEntry) string {
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return strings.Join(out, " ")
}
