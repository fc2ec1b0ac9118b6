package daemon_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"path"
	"testing"

	"github.com/stretchr/testify/require"

	"apus/impl/daemon"
	"apus/impl/host"
	"apus/impl/web/webtest"
	"apus/sim/disk"
	"apus/sim/net"
)

func machine(t *testing.T, files map[string]string) (*host.Host, *bytes.Buffer) {
	m := disk.NewMachine(webtest.NewClock(1_800_000_000))
	m.Mount("/", disk.New("d", rand.New(rand.NewPCG(1, 1)), disk.Config{}))
	p := m.Process("server")
	files["/etc/swift/swift.conf"] = "[swift-hash]\nswift_hash_path_suffix = x\n"
	for name, text := range files {
		require.NoError(t, p.MkdirAll(path.Dir(name), 0o755))
		f, err := p.OpenFile(name, host.ReadWrite|host.Create, 0o600)
		require.NoError(t, err)
		_, err = io.WriteString(f, text)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	log := &bytes.Buffer{}
	return &host.Host{Name: "n", FS: p, Clock: webtest.NewClock(1_800_000_000), Log: slog.New(slog.NewTextHandler(log, nil))}, log
}

// start runs d until it is ready. The function that it returns stops it.
func start(t *testing.T, d *daemon.Daemon) (stop func()) {
	run, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(run) }()
	<-d.Ready()
	return func() {
		cancel()
		require.NoError(t, <-ended)
	}
}

// ask sends text to 10.0.0.1:6200 and returns the status of the answer.
func ask(t *testing.T, network *simnet.Network, text string) int {
	t.Helper()
	c, err := network.Process("client", "10.0.0.2").Dial(t.Context(), "10.0.0.1:6200")
	require.NoError(t, err)
	defer c.Close()
	_, err = io.WriteString(c, text)
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

const defaults = `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = 6200
bind_timeout = 30
backlog = 4096
user = swift
swift_dir = /etc/swift
devices = /srv/node
mount_check = true
disable_fallocate = false
workers = auto
log_name = swift
log_facility = LOG_LOCAL0
log_level = INFO
log_statsd_host = localhost
fallocate_reserve = 1%
`

func pipeline(kind string) string {
	return "[pipeline:main]\npipeline = healthcheck recon backend_ratelimit " + kind + "-server\n"
}

func sections(kind, more string) string {
	return "[filter:healthcheck]\nuse = egg:swift#healthcheck\n" +
		"[filter:recon]\nuse = egg:swift#recon\nrecon_cache_path = /var/cache/swift\nrecon_lock_path = /var/lock\n" +
		"[filter:backend_ratelimit]\nuse = egg:swift#backend_ratelimit\n" +
		"[filter:unused]\nuse = egg:swift#xprofile\nprofile_module = x\n" +
		"[" + kind + "-replicator]\nanything = goes\n" +
		"[app:" + kind + "-server]\nuse = egg:swift#" + kind + "\nset log_name = " + kind + "\nset log_requests = true\nnice_priority = 1\n" +
		"ionice_class = IOPRIO_CLASS_BE\nstale_worker_timeout = 86400\n" + more
}

var servers = map[string]daemon.Kind{
	"account": daemon.AccountServer, "container": daemon.ContainerServer, "object": daemon.ObjectServer,
}

// Configurations as Swift's are accepted, in one file or in a directory, and
// nothing in them is unknown.
func TestConfigurations(t *testing.T) {
	for name, kind := range servers {
		for form, files := range map[string]map[string]string{
			"/etc/swift/" + name + "-server.conf":   {"": defaults + pipeline(name) + sections(name, "")},
			"/etc/swift/" + name + "-server/1.conf": {"": defaults + pipeline(name) + sections(name, "")},
			"/etc/swift/" + name + "-server.conf.d": {
				"/00_base.conf": defaults, "/10_sections.conf": sections(name, ""), "/20_pipeline.conf": pipeline(name),
				"/notes.txt": "not read",
			},
		} {
			t.Run(form, func(t *testing.T) {
				all := map[string]string{}
				for f, text := range files {
					all[form+f] = text
				}
				h, log := machine(t, all)
				_, err := daemon.New(h, kind, form, nil)
				require.NoError(t, err)
				require.NotContains(t, log.String(), "does not know")
			})
		}
	}
}

// An option of a section in use that nobody knows is told; a bad value refuses.
func TestUnknownOption(t *testing.T) {
	for name, kind := range servers {
		t.Run(name, func(t *testing.T) {
			conf := "/etc/swift/server.conf"
			h, log := machine(t, map[string]string{conf: defaults + pipeline(name) + sections(name, "mispelt = 1\n")})
			_, err := daemon.New(h, kind, conf, nil)
			require.NoError(t, err)
			require.Contains(t, log.String(), "app:"+name+"-server/mispelt")
			require.NotContains(t, log.String(), "replicator/anything")
			require.NotContains(t, log.String(), "profile_module")
		})
	}
	conf := "/etc/swift/server.conf"
	h, _ := machine(t, map[string]string{conf: "[DEFAULT]\nconfig_reload_interval = -1\n" + pipeline("object") + sections("object", "")})
	_, err := daemon.New(h, daemon.ObjectServer, conf, nil)
	require.ErrorContains(t, err, "config_reload_interval")
}
