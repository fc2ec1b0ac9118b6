package daemon

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"apus/impl/host"
	objectupdater "apus/impl/object/updater"
	"apus/impl/recon"
	"apus/impl/swift"
	"apus/impl/web/webtest"
	"apus/sim/disk"
)

func newTestReporter(t *testing.T, dir string) (*reporter, *bytes.Buffer) {
	m := disk.NewMachine(webtest.NewClock(1_800_000_000))
	m.Mount("/", disk.New("d", rand.New(rand.NewPCG(1, 1)), disk.Config{}))
	p := m.Process("updater")
	require.NoError(t, p.MkdirAll("/cache", 0o755))
	log := &bytes.Buffer{}
	return &reporter{recon.New(p, dir), slog.New(slog.NewTextHandler(log, nil)), webtest.NewClock(1_800_000_000).Now}, log
}

func TestUpdatersReport(t *testing.T) {
	r, log := newTestReporter(t, "/cache")
	r.containerSweep(1500 * time.Millisecond)
	text, err := r.cache.ReadText(recon.ContainerFile)
	require.NoError(t, err)
	require.Equal(t, "{\"container_updater_sweep\": 1.5}\n", string(text))

	r.objectSweep(objectupdater.Stats{Elapsed: 2 * time.Second})
	text, err = r.cache.ReadText(recon.ObjectFile)
	require.NoError(t, err)
	require.Equal(t, `{"object_updater_last": 1800000000.0, "object_updater_stats": {"failures_account_container_count": 0, `+
		`"failures_oldest_timestamp": null, "failures_oldest_timestamp_account_containers": {"oldest_count": 0, "oldest_entries": []}, `+
		`"failures_oldest_timestamp_age": null, "tracker_memory_usage": 0}, "object_updater_sweep": 2.0}`+"\n", string(text))

	r.objectSweep(objectupdater.Stats{Failing: 3, Oldest: []objectupdater.Waiting{{Account: "a", Container: "c", Timestamp: swift.TimestampOf(time.Unix(1_799_999_990, 0))}}})
	got, err := r.cache.Read(recon.ObjectFile)
	require.NoError(t, err)
	text, err = recon.Encode(got["object_updater_stats"])
	require.NoError(t, err)
	require.Contains(t, string(text), `"oldest_entries": [{"account": "a", "container": "c", "timestamp": 1799999990.0}]`)
	require.Contains(t, string(text), `"failures_oldest_timestamp_age": 10.0`)
	require.Empty(t, log.String())
}

func TestReportFails(t *testing.T) {
	r, log := newTestReporter(t, "/absent")
	r.containerSweep(time.Second)
	require.Contains(t, log.String(), "Exception dumping recon cache")
}

// The daemon as it is started leaves its figures where its section says.
func TestUpdaterDaemonReports(t *testing.T) {
	m := disk.NewMachine(webtest.NewClock(1_800_000_000))
	m.Mount("/", disk.New("d", rand.New(rand.NewPCG(1, 1)), disk.Config{}))
	p := m.Process("updater")
	ring, err := os.ReadFile("../tools/locations/testdata/swift/account.ring.gz")
	require.NoError(t, err)
	for name, text := range map[string]string{
		"/etc/swift/account.ring.gz": string(ring),
		"/etc/swift/swift.conf":      "[swift-hash]\nswift_hash_path_suffix = x\n",
		"/etc/c.conf":                "[DEFAULT]\ndevices = /srv\nmount_check = false\n[container-updater]\nrecon_cache_path = /srv\n",
	} {
		require.NoError(t, p.MkdirAll(path.Dir(name), 0o755))
		f, err := p.OpenFile(name, host.ReadWrite|host.Create, 0o600)
		require.NoError(t, err)
		_, err = io.WriteString(f, text)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	require.NoError(t, p.MkdirAll("/srv", 0o755))
	h := &host.Host{Name: "n", FS: p, Clock: webtest.NewClock(1_800_000_000), Log: slog.New(slog.DiscardHandler)}
	d, err := New(h, ContainerUpdater, "/etc/c.conf", nil)
	require.NoError(t, err)
	require.NoError(t, d.Once(context.Background()))
	got, err := recon.New(p, "/srv").Read(recon.ContainerFile)
	require.NoError(t, err)
	require.Contains(t, got, "container_updater_sweep")
}
