package proxy

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"apus/impl/config"
	"apus/impl/host"
	"apus/impl/middleware"
	"apus/impl/proxy/fanout"
	"apus/impl/ring"
	"apus/impl/web"
)

// settings reads a conf, which must or must not be acceptable.
func settings(t *testing.T, conf string) (options, error) {
	swiftConf, err := config.Parse("[swift-hash]\nswift_hash_path_suffix = x\n[storage-policy:0]\nname = gold\ndefault = yes\n[storage-policy:1]\nname = silver\n", "swift.conf")
	require.NoError(t, err)
	sw, err := config.ReadSwift(swiftConf)
	require.NoError(t, err)
	f, err := config.Parse("[app:proxy-server]\n"+conf, "proxy.conf")
	require.NoError(t, err)
	o := readOptions(f.Section("app:proxy-server"), sw.Policies)
	return o, f.Err()
}

func TestPreferences(t *testing.T) {
	o, err := settings(t, `sorting_method = Timing
read_affinity = r1=1
rebalance_missing_suppression_count = 0
conn_timeout = 0.25
[proxy-server:policy:1]
sorting_method = affinity
read_affinity = r2=1
write_affinity = r1
write_affinity_node_count = 4
write_affinity_handoff_delete_count = 2
concurrent_gets = yes
concurrency_timeout = 2
`)
	require.NoError(t, err)
	common, own := o.preferences.of(0), o.preferences.of(1)
	require.Equal(t, fanout.ByTiming, common.Sorting)
	require.True(t, o.fanout.Timed)
	require.Equal(t, -1, common.HandoffDeletes)
	require.Equal(t, -1, common.MissingPrimaries)
	require.False(t, common.Concurrent)
	require.Equal(t, 250*time.Millisecond, common.ConcurrencyTimeout)
	require.Equal(t, 6, common.WriteNodes(3))
	require.Equal(t, fanout.ByAffinity, own.Sorting)
	require.NotEqual(t, common.ReadAffinity, own.ReadAffinity)
	require.Len(t, own.WriteAffinity, 1)
	require.Equal(t, 4, own.WriteNodes(3))
	require.Equal(t, 2, own.HandoffDeletes)
	require.Equal(t, -1, own.MissingPrimaries, "the app's holds for policies, too")
	require.True(t, own.Concurrent)
	require.Equal(t, 2*time.Second, own.ConcurrencyTimeout)
	for _, conf := range []string{
		"sorting_method = fastest", "read_affinity = r1", "write_affinity = r1=2", "write_affinity_node_count = many",
		"write_affinity_handoff_delete_count = some", "rebalance_missing_suppression_count = -1", "concurrency_timeout = x",
		"account_existence_skip_cache_pct = 101",
		"[proxy-server:policy:7]\nsorting_method = shuffle", "[proxy-server:policy:gold]\nsorting_method = shuffle",
		"[proxy-server:policy:1]\nsorting_method = none",
	} {
		_, err := settings(t, conf+"\n")
		require.Error(t, err, conf)
	}
}

func TestOpenExpired(t *testing.T) {
	for conf, want := range map[string]string{"": "", "allow_open_expired = yes\n": "true"} {
		run(t, conf, func(t *testing.T, c *cluster) {
			c.exists()
			c.on("object POST", 202)
			for _, m := range []string{"GET", "HEAD", "POST"} {
				c.do(t, m, "/v1/a/c/o", "", "X-Open-Expired", "yes")
				require.Equal(t, want, c.to("object", m)[0].header.Get("X-Backend-Open-Expired"), m)
			}
			c.on("object DELETE", 204)
			c.do(t, "DELETE", "/v1/a/c/o", "", "X-Open-Expired", "yes")
			require.Empty(t, c.to("object", "DELETE")[0].header.Get("X-Backend-Open-Expired"))
		})
	}
}

func TestContentTypeParameters(t *testing.T) {
	run(t, "", func(t *testing.T, c *cluster) {
		c.exists()
		c.on("object PUT", 201)
		require.Equal(t, 400, c.do(t, "PUT", "/v1/a/c/o", "x", "Content-Type", "text/plain; charset=utf-8;  swift_bytes=9").status)
		require.Equal(t, 201, c.do(t, "PUT", "/v1/a/c/o", "x", "Content-Type", "text/plain; charset=swift_").status)
		require.Equal(t, 201, c.do(t, "PUT", "/v1/a/c/o", "x", "Content-Type", "text/plain;swift_bytes=9", typeOverridden, "true").status)
		for _, p := range c.to("object", "PUT") {
			require.Empty(t, p.header.Get(typeOverridden))
		}
	})
}

func TestReservedNames(t *testing.T) {
	run(t, "", func(t *testing.T, c *cluster) {
		c.exists()
		for path, want := range map[string]int{
			"/v1/a/\x00c/\x00o": 200, "/v1/a/\x00c/o": 400, "/v1/a/c/\x00o": 400, "/v1/a/c/o\x00": 400, "/v1/a/c\x00/o": 400, "/v1/a/\x00c": 200,
		} {
			require.Equal(t, want, c.do(t, "GET", path, "", "X-Backend-Allow-Reserved-Names", "true").status, "%q", path)
			require.Equal(t, 412, c.do(t, "GET", path, "").status, "%q", path)
		}
	})
}

func TestFarFuture(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
		ok   bool
	}{
		{"17", 17, true}, {" 17 ", 17, true}, {"-5", -5, true}, {"99999999999999999999999", 1<<63 - 1, true},
		{"-99999999999999999999999", -1 << 63, true}, {"1.5", 0, false}, {"soon", 0, false}, {"", 0, false}, {"1e3", 0, false},
	} {
		n, ok := parseSeconds(c.text)
		require.Equal(t, c.ok, ok, c.text)
		if ok {
			require.Equal(t, c.want, n, c.text)
		}
	}
	run(t, "", func(t *testing.T, c *cluster) {
		c.exists()
		c.on("object PUT", 201)
		for _, name := range []string{"X-Delete-At", "X-Delete-After"} {
			require.Equal(t, 201, c.do(t, "PUT", "/v1/a/c/o", "x", name, "99999999999999999999999").status)
		}
		for _, p := range c.to("object", "PUT") {
			require.Equal(t, "9999999999", p.header.Get("X-Delete-At"))
		}
	})
}

// The metadata of each node's request is its own.
func TestObjectHeadersAreNotShared(t *testing.T) {
	run(t, "", func(t *testing.T, c *cluster) {
		c.exists()
		c.on("object DELETE", 204)
		c.do(t, "DELETE", "/v1/a/c/o", "")
		cleaners := 0
		for _, p := range c.to("object", "DELETE") {
			require.NotContains(t, p.header.Get("X-Container-Host"), ",")
			if p.header.Get(cleanQueue) == "t" {
				cleaners++
			}
		}
		require.Equal(t, 2, cleaners)
	})
}

// hedged reads of databases and objects find the one node that answers.
func TestConcurrentGets(t *testing.T) {
	run(t, "concurrent_gets = yes\nconcurrency_timeout = 0.1\n", func(t *testing.T, c *cluster) {
		c.exists()
		slow := func(server string) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.scripts[server+" GET"] = func(w http.ResponseWriter, r *http.Request) {
				if !strings.HasPrefix(r.Host, "10.0.0.3") {
					select {
					case <-r.Context().Done():
					case <-time.After(5 * time.Second):
					}
				}
				w.WriteHeader(200)
			}
		}
		for server, path := range map[string]string{"object": "/v1/a/c/o", "container": "/v1/a/c", "account": "/v1/a"} {
			slow(server)
			start := time.Now()
			require.Equal(t, 200, c.do(t, "GET", path, "").status)
			require.LessOrEqual(t, time.Since(start), 200*time.Millisecond, server)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
	})
}

func TestPrepare(t *testing.T) {
	f, err := config.Parse("[app:proxy-server]\ncontainer_existence_skip_cache_pct = 100\n", "proxy.conf")
	require.NoError(t, err)
	swiftConf, err := config.Parse("[swift-hash]\nswift_hash_path_suffix = x\n", "swift.conf")
	require.NoError(t, err)
	sw, err := config.ReadSwift(swiftConf)
	require.NoError(t, err)
	h := &host.Host{Name: "proxy", Clock: clock{}, Log: slog.New(slog.DiscardHandler)}
	s, err := New(h, sw, nil, f.Section("app:proxy-server"), middleware.NewCapabilities(), nil)
	require.NoError(t, err)
	req := web.NewRequest("GET", "/v1/a")
	s.Prepare(web.HandlerFunc(func(context.Context, *web.Request) *web.Response { return web.NewResponse(200) })).Serve(t.Context(), req).Discard()
	require.Len(t, req.Meta.Info, 1)
	require.NoError(t, s.Close(t.Context()))
}

// A DELETE under write affinity goes to primaries and near handoffs, and names
// so many container servers that a quorum of them hears of it even if only a
// quorum of the policy's replicas does.
func TestDeleteUnderWriteAffinity(t *testing.T) {
	run(t, "write_affinity = r1\nwrite_affinity_handoff_delete_count = 2\n", func(t *testing.T, c *cluster) {
		c.exists()
		c.on("object DELETE", 204)
		var devs []*ring.Device
		for i := range 5 {
			d := &ring.Device{ID: i, Region: 1, Zone: i, IP: fmt.Sprintf("10.0.1.%d", i), Port: 6200, Device: "sda", Weight: 1}
			devs = append(devs, d)
			defer c.net.Serve(d.Addr(), c.node("object", d.IP))()
		}
		rows := make([][]uint16, 3)
		for part := range 16 {
			for i := range rows {
				rows[i] = append(rows[i], uint16((part+i)%5))
			}
		}
		c.rings["object"] = ring.New(devs, 4, rows)
		require.Equal(t, 204, c.do(t, "DELETE", "/v1/a/c/o", "").status)
		asked := c.to("object", "DELETE")
		updates, nodes := 0, map[string]bool{}
		for _, d := range asked {
			nodes[d.node] = true
			if d.header.Get("X-Container-Host") != "" {
				updates++
			}
		}
		require.Len(t, nodes, 5)
		require.Equal(t, 5, updates)
	})
}
