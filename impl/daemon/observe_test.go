package daemon_test

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"apus/impl/daemon"
	"apus/impl/event"
	"apus/impl/host"
	"apus/sim/net"
)

// wire is a simulated network that keeps the datagrams of one process.
type wire struct {
	*simnet.Process
	mu   sync.Mutex
	sent []string
}

func (w *wire) Datagrams(string) (io.WriteCloser, error) { return w, nil }

func (w *wire) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, string(b))
	return len(b), nil
}

func (w *wire) Close() error { return nil }

// What a daemon does reaches whoever runs it, statsd, and Prometheus, each
// section with the options of its own.
func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conf := "/etc/swift/object.conf"
		h, log := machine(t, map[string]string{conf: "[DEFAULT]\nbind_port = 6200\nbind_ip = 10.0.0.1\nprometheus_port = 9100\n" +
			"log_statsd_host = 10.0.0.9\nlog_statsd_metric_prefix = all\ndevices = /srv/node\nmount_check = false\n" +
			"[pipeline:main]\npipeline = backend_ratelimit object-server\n" +
			"[filter:backend_ratelimit]\nuse = egg:swift#backend_ratelimit\nset log_statsd_metric_prefix = limit\n" +
			"[app:object-server]\nuse = egg:swift#object\n"})
		network := simnet.New(rand.New(rand.NewPCG(1, 2)), simnet.Config{})
		w := &wire{Process: network.Process("server", "10.0.0.1")}
		h.Net = w
		heard := 0
		d, err := daemon.New(h, daemon.ObjectServer, conf, &event.Sink{Request: func(event.Request) { heard++ }})
		require.NoError(t, err)
		require.NotContains(t, log.String(), "does not know")
		stop := start(t, d)
		client := network.Process("client", "10.0.0.2")
		transport := &http.Transport{DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) { return client.Dial(ctx, addr) }}
		ask := func(method, url string) string {
			req, err := http.NewRequest(method, url, nil)
			require.NoError(t, err)
			resp, err := transport.RoundTrip(req)
			require.NoError(t, err)
			b, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			return string(b)
		}
		ask("DELETE", "http://10.0.0.1:6200/sda/1/a/c/o")
		page := ask("GET", "http://10.0.0.1:9100/metrics")
		transport.CloseIdleConnections()
		stop()
		require.Equal(t, 1, heard)
		require.Contains(t, page, `swift_requests_total{method="DELETE",resource="",server="object-server",status="400"} 1`)
		require.Len(t, w.sent, 1)
		require.True(t, strings.HasPrefix(w.sent[0], "all.object-server.DELETE.timing:"), w.sent[0])
		synctest.Wait()
	})
}

// occupied is a network on which others listen.
type occupied struct{ host.Net }

func (occupied) Listen(string) (net.Listener, error) { return nil, host.ErrAddrInUse }

// Of a daemon that waits for its address, or for that of its metrics, nothing is
// left when it is stopped; one that has waited enough says for what.
func TestAddressInUse(t *testing.T) {
	for _, tt := range []struct{ name, more, addr string }{
		{"its own", "", "10.0.0.1:6200"}, {"that of its metrics", "prometheus_port = 9100\n", "10.0.0.1:9100"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conf := "/etc/swift/object.conf"
				for stop, wait := range map[time.Duration]time.Duration{10 * time.Second: 10 * time.Second, time.Hour: 30 * time.Second} {
					h, _ := machine(t, map[string]string{conf: "[DEFAULT]\nbind_port = 6200\nbind_ip = 10.0.0.1\n" + tt.more +
						"devices = /srv/node\nmount_check = false\n[pipeline:main]\npipeline = object-server\n[app:object-server]\nuse = egg:swift#object\n"})
					h.Net = occupied{}
					d, err := daemon.New(h, daemon.ObjectServer, conf, nil)
					require.NoError(t, err)
					ctx, cancel := context.WithTimeout(t.Context(), stop)
					begun := time.Now()
					err = d.Run(ctx)
					cancel()
					require.Equal(t, wait, time.Since(begun).Round(time.Second))
					if stop == time.Hour {
						require.ErrorIs(t, err, host.ErrAddrInUse)
						require.ErrorContains(t, err, tt.addr)
					} else {
						require.NoError(t, err)
					}
				}
			})
		})
	}
}
