package proxy

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"apus/impl/backend/backendtest"
	"apus/impl/config"
	"apus/impl/host"
	"apus/impl/memcache"
	"apus/impl/middleware"
	"apus/impl/ring"
	"apus/impl/web"
)

// cluster is three nodes, each with an account, a container and an object
// server that answer as scripted.
type cluster struct {
	net   *backendtest.Net
	srv   *Server
	cache web.Cache
	mu    sync.Mutex
	// scripts answer by "server METHOD"; the default is status 200.
	scripts map[string]http.HandlerFunc
	seen    []seen
	rings   map[string]*ring.Ring
}

// seen is a request as a node got it.
type seen struct {
	server, node, method, path, query string
	header                            http.Header
	body                              string
}

func (c *cluster) Ring(name string) (*ring.Ring, error) {
	if r := c.rings[name]; r != nil {
		return r, nil
	}
	return nil, fmt.Errorf("no ring %q", name)
}

type clock struct{}

func (clock) Now() time.Time { return time.Now().Add(26 * 365 * 24 * time.Hour) }

var ports = map[string]int{"account": 6202, "container": 6201, "object": 6200}

func run(t *testing.T, conf string, f func(t *testing.T, c *cluster)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		bodies, untrack := web.TrackBodies()
		defer untrack()
		c := &cluster{net: backendtest.New(), scripts: map[string]http.HandlerFunc{}, rings: map[string]*ring.Ring{}}
		var stops []func()
		for _, server := range []string{"account", "container", "object"} {
			var devs []*ring.Device
			for i := range 3 {
				d := &ring.Device{ID: i, Region: 1, Zone: i, IP: fmt.Sprintf("10.0.0.%d", i+1), Port: ports[server], Device: fmt.Sprintf("d%d", i), Weight: 1}
				devs = append(devs, d)
				stops = append(stops, c.net.Serve(d.Addr(), c.node(server, d.IP)))
			}
			c.rings[server] = ring.New(devs, 1, [][]uint16{{0, 1}, {1, 2}, {2, 0}})
		}
		defer func() {
			for _, stop := range stops {
				stop()
			}
		}()
		c.srv = newServer(t, c, conf)
		c.cache = memcache.NewLocal(1<<20, clock{})
		f(t, c)
		time.Sleep(4 * time.Second)
		synctest.Wait()
		require.Empty(t, c.net.Open())
		for _, stack := range bodies.Open() {
			t.Error("body open: ", stack)
		}
		require.NoError(t, c.srv.Close(t.Context()))
	})
}

func newServer(t *testing.T, c *cluster, conf string) *Server {
	swiftConf, err := config.Parse("[swift-hash]\nswift_hash_path_suffix = x\n[storage-policy:0]\nname = gold\ndefault = yes\n[storage-policy:1]\nname = old\ndeprecated = yes\n", "swift.conf")
	require.NoError(t, err)
	sw, err := config.ReadSwift(swiftConf)
	require.NoError(t, err)
	f, err := config.Parse("[app:proxy-server]\n"+conf, "proxy.conf")
	require.NoError(t, err)
	h := &host.Host{Name: "proxy", Net: c.net, Clock: clock{}, Log: slog.New(slog.DiscardHandler)}
	s, err := New(h, sw, c, f.Section("app:proxy-server"), middleware.NewCapabilities(), nil)
	require.NoError(t, err)
	return s
}

func (c *cluster) node(server, ip string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		script := c.scripts[server+" "+r.Method]
		c.mu.Unlock()
		if script == nil {
			script = func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(200) }
		}
		var body strings.Builder
		rec := &struct{ http.ResponseWriter }{w}
		if r.Method == "PUT" && server == "object" {
			r.Body = io.NopCloser(io.TeeReader(r.Body, &body))
		}
		script(rec, r)
		c.mu.Lock()
		c.seen = append(c.seen, seen{server, ip, r.Method, r.URL.Path, r.URL.RawQuery, r.Header.Clone(), body.String()})
		c.mu.Unlock()
	})
}

// to lists the requests that reached a kind of server with a method.
func (c *cluster) to(server, method string) []seen {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []seen
	for _, s := range c.seen {
		if s.server == server && s.method == method {
			out = append(out, s)
		}
	}
	return out
}

// on scripts "server METHOD" with a status and headers in pairs.
func (c *cluster) on(what string, status int, header ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.scripts[what] = func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
	}
}

// exists scripts an account and a container that are there.
func (c *cluster) exists(container ...string) {
	c.on("account HEAD", 204, "X-Account-Container-Count", "1")
	c.on("container HEAD", 204, container...)
}

// request makes a client's request; headers come in pairs.
func (c *cluster) request(method, path, body string, header ...string) *web.Request {
	req := web.NewRequest(method, path)
	req.Meta.Cache = c.cache
	req.Meta.TxnID = "tx1"
	req.Owner = true
	if body != "" {
		req.Body, req.ContentLength = strings.NewReader(body), int64(len(body))
	} else if method == "PUT" {
		req.Header.Set("Content-Length", "0")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return req
}

// answer is a response read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

func (c *cluster) serve(t *testing.T, req *web.Request) answer {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	resp := c.srv.Serve(ctx, req)
	b, err := resp.ReadAll(1 << 20)
	require.NoError(t, err)
	return answer{resp.Status, resp.Header, string(b)}
}

func (c *cluster) do(t *testing.T, method, path, body string, header ...string) answer {
	return c.serve(t, c.request(method, path, body, header...))
}
