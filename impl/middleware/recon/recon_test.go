package recon_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"math/rand/v2"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"apus/impl/host"
	"apus/impl/middleware/recon"
	"apus/impl/swift"
	"apus/impl/web"
	"apus/impl/web/webtest"
	"apus/sim/disk"
)

// world is a machine with files and the filter on it.
type world struct {
	t    *testing.T
	fs   *disk.Process
	disk *disk.Disk
	log  bytes.Buffer
	pipe web.Handler
}

func newWorld(t *testing.T, files map[string]string) *world {
	webtest.TrackBodies(t)
	clock := webtest.NewClock(1_800_000_000)
	m := disk.NewMachine(clock)
	w := &world{t: t, disk: disk.New("root", rand.New(rand.NewPCG(1, 1)), disk.Config{})}
	m.Mount("/", w.disk)
	w.fs = m.Process("server")
	require.NoError(t, w.fs.MkdirAll("/srv/node/sda", 0o755))
	m.Mount("/srv/node/sda", disk.New("sda", rand.New(rand.NewPCG(1, 2)), disk.Config{}))
	for name, text := range files {
		w.write(name, text)
	}
	h := &host.Host{FS: w.fs, Clock: clock, Log: slog.New(slog.NewTextHandler(&w.log, nil))}
	f, _ := webtest.Filter(t, recon.New, h, "recon_cache_path = /cache\nrecon_lock_path = /lock", nil)
	w.pipe = f(webtest.NewNext(webtest.Answer(299, "next"), webtest.Answer(299, "next")))
	return w
}

func (w *world) write(name, text string) {
	require.NoError(w.t, w.fs.MkdirAll(path.Dir(name), 0o755))
	f, err := w.fs.OpenFile(name, host.ReadWrite|host.Create|host.Truncate, 0o600)
	require.NoError(w.t, err)
	_, err = io.WriteString(f, text)
	require.NoError(w.t, err)
	require.NoError(w.t, f.Close())
}

const meminfo = "MemTotal:       16384256 kB\nMemFree:         1234567 kB\nHugePages_Total:       0\n"

const sockstat = "sockets: used 294\nTCP: inuse 10 orphan 1 tw 7 alloc 12 mem 3\nUDP: inuse 4 mem 1\n"

func files() map[string]string {
	return map[string]string{
		"/proc/meminfo":       meminfo,
		"/proc/loadavg":       "0.20 1 0.27 1/338 25416\n",
		"/proc/mounts":        "rootfs / rootfs rw 0 0\n/dev/sdb1 /srv/node/sda xfs rw,noatime 0 0\n",
		"/proc/net/sockstat":  sockstat,
		"/proc/net/sockstat6": "TCP6: inuse 5\nUDP6: inuse 2\n",
		"/cache/object.recon": `{"async_pending": 5, "async_pending_last": 1700000000.5, "object_replication_time": 1.5, ` +
			`"object_auditor_stats_ALL": {"sda": {"passes": 1}}, "object_updater_sweep": 2.0, "replication_stats": {"attempted": 0}}`,
		"/cache/container.recon":                       `{"sharding_time": 600, "container_updater_sweep": 0.25}`,
		"/cache/account.recon":                         `nonsense`,
		"/cache/drive.recon":                           `{"drive_audit_errors": 3}`,
		"/etc/swift/swift.conf":                        "[swift-hash]\n",
		"/etc/swift/account.ring.gz":                   "ring",
		"/etc/swift/object.ring.gz":                    "",
		"/srv/node/file":                               "no device",
		"/srv/node/sdb/.ismount":                       "",
		"/srv/node/sdc/x":                              "",
		"/srv/node/sda/quarantined/objects/1/a":        "",
		"/srv/node/sda/quarantined/objects/2/a":        "",
		"/srv/node/sda/quarantined/objects-1/3/a":      "",
		"/srv/node/sdb/quarantined/objects-1/3/a":      "",
		"/srv/node/sdb/quarantined/containers/4/a":     "",
		"/srv/node/sdb/quarantined/accounts/5/a":       "",
		"/srv/node/sdb/quarantined/accounts/README":    "",
		"/srv/node/sdb/quarantined/notes/x/a":          "",
		"/srv/node/sdb/quarantined/containers/6/empty": "",
	}
}

func TestReports(t *testing.T) {
	for _, tt := range []struct{ path, want string }{
		{"mem", `{"HugePages_Total": "0", "MemFree": "1234567 kB", "MemTotal": "16384256 kB"}`},
		{"load", `{"15m": 0.27, "1m": 0.2, "5m": 1.0, "processes": 25416, "tasks": "1/338"}`},
		{"load/anything", `{"15m": 0.27, "1m": 0.2, "5m": 1.0, "processes": 25416, "tasks": "1/338"}`},
		{"mounted", `[{"device": "rootfs", "path": "/"}, {"device": "/dev/sdb1", "path": "/srv/node/sda"}]`},
		{"sockstat", `{"orphan": 1, "tcp6_in_use": 5, "tcp_in_use": 10, "tcp_mem_allocated_bytes": 12288, "time_wait": 7}`},
		{"async", `{"async_pending": 5, "async_pending_last": 1700000000.5}`},
		{"replication", `{"object_replication_last": null, "object_replication_time": 1.5, "replication_last": null, "replication_stats": {"attempted": 0}, "replication_time": null}`},
		{"replication/object", `{"object_replication_last": null, "object_replication_time": 1.5, "replication_last": null, "replication_stats": {"attempted": 0}, "replication_time": null}`},
		{"replication/container", `{"replication_last": null, "replication_stats": null, "replication_time": null}`},
		{"replication/account", `{"replication_last": null, "replication_stats": null, "replication_time": null}`},
		{"reconstruction/object", `{"object_reconstruction_last": null, "object_reconstruction_time": null}`},
		{"devices", `{"/srv/node": ["file", "sda", "sdb", "sdc"]}`},
		{"updater/container", `{"container_updater_sweep": 0.25}`},
		{"updater/object", `{"object_updater_last": null, "object_updater_stats": null, "object_updater_sweep": 2.0}`},
		{"auditor/account", `{"account_auditor_pass_completed": null, "account_audits_failed": null, "account_audits_passed": null, "account_audits_since": null}`},
		{"auditor/container", `{"container_auditor_pass_completed": null, "container_audits_failed": null, "container_audits_passed": null, "container_audits_since": null}`},
		{"auditor/object", `{"object_auditor_stats_ALL": {"sda": {"passes": 1}}, "object_auditor_stats_ZBF": null}`},
		{"expirer/object", `{"expired_last_pass": null, "object_expiration_pass": null}`},
		{"sharding", `{"sharding_last": null, "sharding_stats": null, "sharding_time": 600}`},
		{"relinker", `{"devices": null, "workers": null}`},
		{"driveaudit", `{"drive_audit_errors": 3}`},
		{"unmounted", `[{"device": "sdc", "mounted": false}]`},
		{"ringmd5", `{"/etc/swift/account.ring.gz": "1a5df958e0f29d35594c7cf057fe4bd1", "/etc/swift/object.ring.gz": "d41d8cd98f00b204e9800998ecf8427e"}`},
		{"swiftconfmd5", `{"/etc/swift/swift.conf": "1998b4482ef903349302cf651a3b1899"}`},
		{"quarantined", `{"accounts": 1, "containers": 2, "objects": 4, "policies": {"0": {"objects": 2}, "1": {"objects": 2}}}`},
		{"version", `{"version": "` + swift.Release + `"}`},
		{"time", `1800000000.0`},
	} {
		t.Run(tt.path, func(t *testing.T) {
			w := newWorld(t, files())
			got := webtest.Do(w.pipe, webtest.Request("GET", "/recon/"+tt.path))
			require.Equal(t, 200, got.Status)
			require.Equal(t, "application/json", got.Header.Get("Content-Type"))
			require.Equal(t, tt.want, got.Body)
			require.Empty(t, w.fs.OpenFiles())
		})
	}
}

func TestDiskUsage(t *testing.T) {
	w := newWorld(t, files())
	got := webtest.Do(w.pipe, webtest.Request("GET", "/recon/diskusage"))
	var list []map[string]any
	require.NoError(t, json.Unmarshal([]byte(got.Body), &list))
	require.Len(t, list, 3)
	st, err := w.fs.StatFS("/srv/node/sda")
	require.NoError(t, err)
	require.Equal(t, map[string]any{
		"device": "sda", "mounted": true, "size": float64(st.Total), "used": float64(st.Total - st.Avail), "avail": float64(st.Avail),
	}, list[0])
	require.Equal(t, map[string]any{"device": "sdc", "mounted": false, "size": "", "used": "", "avail": ""}, list[2])
}

func TestPaths(t *testing.T) {
	w := newWorld(t, files())
	for _, p := range strings.Fields("/recon/ /recon/x /recon/replication/ /recon/replication/objects /recon/updater /recon/updater/account " +
		"/recon/auditor /recon/expirer/container /recon/reconstruction /recon/mem%20x") {
		got := webtest.Do(w.pipe, webtest.Request("GET", web.UnescapePath(p)))
		require.Equal(t, 404, got.Status, p)
		require.Equal(t, "Invalid path: "+p, got.Body)
	}
	for _, p := range []string{"/recon", "/sda/1/a"} {
		require.Equal(t, 299, webtest.Do(w.pipe, webtest.Request("GET", p)).Status, p)
	}
	require.Equal(t, 200, webtest.Do(w.pipe, webtest.Request("POST", "/recon/version")).Status, "any method")
}

// A machine that has nothing of it.
func TestNothingThere(t *testing.T) {
	for p, want := range map[string]struct {
		status int
		body   string
		log    string
	}{
		"mem":          {500, "", "/proc/meminfo"},
		"load":         {500, "", "/proc/loadavg"},
		"mounted":      {500, "", "/proc/mounts"},
		"sockstat":     {200, "{}", ""},
		"async":        {200, `{"async_pending": null, "async_pending_last": null}`, "Error reading recon cache file"},
		"relinker":     {200, `{"devices": null, "workers": null}`, ""},
		"ringmd5":      {200, "{}", ""},
		"swiftconfmd5": {200, `{"/etc/swift/swift.conf": null}`, ""},
		"quarantined":  {200, `{"accounts": 0, "containers": 0, "objects": 0, "policies": {}}`, ""},
	} {
		t.Run(p, func(t *testing.T) {
			w := newWorld(t, nil)
			got := webtest.Do(w.pipe, webtest.Request("GET", "/recon/"+p))
			require.Equal(t, want.status, got.Status)
			require.Equal(t, want.body, got.Body)
			if want.log == "" {
				require.Empty(t, w.log.String())
			}
			require.Contains(t, w.log.String(), want.log)
		})
	}
}

func TestBadFiles(t *testing.T) {
	for p, file := range map[string][2]string{
		"load":     {"/proc/loadavg", "0.1 x 0.2 1/2 3"},
		"sockstat": {"/proc/net/sockstat", "TCP: inuse 10 orphan"},
	} {
		t.Run(p, func(t *testing.T) {
			w := newWorld(t, map[string]string{file[0]: file[1]})
			require.Equal(t, 500, webtest.Do(w.pipe, webtest.Request("GET", "/recon/"+p)).Status)
		})
	}
	t.Run("cache", func(t *testing.T) {
		w := newWorld(t, files())
		webtest.Do(w.pipe, webtest.Request("GET", "/recon/auditor/account"))
		require.Contains(t, w.log.String(), "Error parsing recon cache file")
	})
}
