package proxy_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"apus/impl/account"
	"apus/impl/config"
	"apus/impl/container"
	"apus/impl/host"
	"apus/impl/host/real"
	"apus/impl/memcache"
	"apus/impl/middleware"
	"apus/impl/object"
	"apus/impl/proxy"
	"apus/impl/ring"
	"apus/impl/web"
)

// real storage servers on loopback behind a proxy.
type aio struct {
	url   string
	rings rings
	stops map[string]func() // "object0" stops a server
}

type rings map[string]*ring.Ring

func (r rings) Ring(name string) (*ring.Ring, error) {
	if x := r[name]; x != nil {
		return x, nil
	}
	return nil, fmt.Errorf("no ring %q", name)
}

type server interface {
	web.Handler
	Close(context.Context) error
}

func section(t testing.TB, text string) *config.Section {
	f, err := config.Parse("[app]\n"+text, "test.conf")
	require.NoError(t, err)
	return f.Section("app")
}

func swiftConf(t testing.TB) *config.Swift {
	f, err := config.Parse("[swift-hash]\nswift_hash_path_suffix = x\n", "swift.conf")
	require.NoError(t, err)
	sw, err := config.ReadSwift(f)
	require.NoError(t, err)
	return sw
}

const nodes = 4

func start(t testing.TB) *aio {
	h := real.New("test", slog.New(slog.DiscardHandler))
	sw := swiftConf(t)
	a := &aio{rings: rings{}, stops: map[string]func(){}}
	constructors := map[string]func(*config.Section) (server, error){
		"account":   func(s *config.Section) (server, error) { return account.New(h, sw, s, nil) },
		"container": func(s *config.Section) (server, error) { return container.New(h, sw, s, nil) },
		"object":    func(s *config.Section) (server, error) { return object.New(h, sw, s, nil) },
	}
	root := t.TempDir()
	for name, construct := range constructors {
		var devs []*ring.Device
		for i := range nodes {
			dir := filepath.Join(root, fmt.Sprint(i))
			require.NoError(t, os.MkdirAll(filepath.Join(dir, "sda"), 0o755))
			srv, err := construct(section(t, "devices = "+dir+"\nmount_check = no\n"))
			require.NoError(t, err)
			addr, stop := serve(t, h, srv, srv.Close)
			a.stops[fmt.Sprint(name, i)] = stop
			devs = append(devs, &ring.Device{ID: i, Region: 1, Zone: i, IP: "127.0.0.1", Port: addr.Port, Device: "sda", Weight: 1})
		}
		a.rings[name] = ring.New(devs, 2, [][]uint16{{0, 1, 2, 3}, {1, 2, 3, 0}, {2, 3, 0, 1}})
	}
	p, err := proxy.New(h, sw, a.rings, section(t, "account_autocreate = yes\n"), middleware.NewCapabilities(), nil)
	require.NoError(t, err)
	cache := memcache.NewLocal(1<<20, h.Clock)
	addr, _ := serve(t, h, web.HandlerFunc(func(ctx context.Context, req *web.Request) *web.Response {
		req.Meta.Cache, req.Owner = cache, true
		return p.Serve(ctx, req)
	}), p.Close)
	a.url = "http://" + addr.String() + "/v1/AUTH_test"
	return a
}

// serve runs h until the test ends or stop is called.
func serve(t testing.TB, hst *host.Host, h web.Handler, closer func(context.Context) error) (*net.TCPAddr, func()) {
	ln, err := hst.Net.Listen("127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = web.NewServer(h, web.ServerConfig{Clock: hst.Clock, DrainTimeout: time.Second}).Serve(ctx, ln)
	}()
	var once sync.Once
	stop := func() {
		once.Do(func() {
			cancel()
			<-done
			late, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			_ = closer(late)
		})
	}
	t.Cleanup(stop)
	return ln.Addr().(*net.TCPAddr), stop
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (a *aio) do(t testing.TB, method, path string, body io.Reader, header ...string) reply {
	req, err := http.NewRequest(method, a.url+path, body)
	require.NoError(t, err)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err, "%s %s", method, path)
	return reply{resp.StatusCode, resp.Header, string(b)}
}

func TestWithStorageServers(t *testing.T) {
	a := start(t)
	require.Equal(t, "[]", a.do(t, "GET", "", nil).body)
	require.Equal(t, 404, a.do(t, "GET", "/c", nil).status)
	require.Equal(t, 201, a.do(t, "PUT", "/c", nil, "X-Container-Meta-Color", "red", "X-Container-Read", ".r:*").status)
	require.Equal(t, 202, a.do(t, "PUT", "/c", nil).status)
	r := a.do(t, "HEAD", "/c", nil)
	require.Equal(t, 204, r.status)
	require.Equal(t, "red", r.header.Get("X-Container-Meta-Color"))
	require.Equal(t, "Policy-0", r.header.Get("X-Storage-Policy"))

	require.Equal(t, 404, a.do(t, "PUT", "/none/o", strings.NewReader("x")).status)
	r = a.do(t, "PUT", "/c/o%20%C3%BC", strings.NewReader("hello"), "X-Object-Meta-A", "b", "Content-Type", "text/plain", "Content-Disposition", "inline")
	require.Equal(t, 201, r.status)
	require.Equal(t, "5d41402abc4b2a76b9719d911017c592", r.header.Get("Etag"))
	r = a.do(t, "GET", "/c/o%20%C3%BC", nil)
	require.Equal(t, 200, r.status)
	require.Equal(t, "hello", r.body)
	require.Equal(t, "b", r.header.Get("X-Object-Meta-A"))
	require.Equal(t, "bytes", r.header.Get("Accept-Ranges"))
	for _, c := range []struct {
		header, value string
		want          int
	}{
		{"Range", "bytes=1-2", 206}, {"Range", "bytes=9-", 416},
		{"If-None-Match", "5d41402abc4b2a76b9719d911017c592", 304}, {"If-Match", "nope", 412},
		{"If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT", 304}, {"If-Unmodified-Since", "Fri, 01 Jan 1999 00:00:00 GMT", 412},
	} {
		require.Equal(t, c.want, a.do(t, "GET", "/c/o%20%C3%BC", nil, c.header, c.value).status, c.header)
	}
	require.Equal(t, "inline", a.do(t, "GET", "/c/o%20%C3%BC", nil, "If-Match", "nope").header.Get("Content-Disposition"))
	require.Equal(t, "el", a.do(t, "GET", "/c/o%20%C3%BC", nil, "Range", "bytes=1-2").body)
	require.Equal(t, 412, a.do(t, "PUT", "/c/o%20%C3%BC", strings.NewReader("x"), "If-None-Match", "*").status)
	require.Equal(t, 422, a.do(t, "PUT", "/c/o%20%C3%BC", strings.NewReader("x"), "Etag", "0123").status)
	require.Equal(t, 202, a.do(t, "POST", "/c/o%20%C3%BC", nil, "X-Object-Meta-B", "c").status)
	r = a.do(t, "HEAD", "/c/o%20%C3%BC", nil, "X-Newest", "true")
	require.Equal(t, "c", r.header.Get("X-Object-Meta-B"))
	require.Equal(t, "", r.header.Get("X-Object-Meta-A"))
	require.Equal(t, "5", r.header.Get("Content-Length"))

	var rows []map[string]any
	require.Eventually(t, func() bool {
		return json.Unmarshal([]byte(a.do(t, "GET", "/c", nil).body), &rows) == nil && len(rows) == 1
	}, 5*time.Second, 20*time.Millisecond)
	require.Equal(t, "o ü", rows[0]["name"])
	require.EqualValues(t, 5, rows[0]["bytes"])
	require.Equal(t, 409, a.do(t, "DELETE", "/c", nil).status)
	require.Equal(t, 204, a.do(t, "DELETE", "/c/o%20%C3%BC", nil).status)
	require.Equal(t, 404, a.do(t, "DELETE", "/c/o%20%C3%BC", nil).status)
	require.Equal(t, 404, a.do(t, "GET", "/c/o%20%C3%BC", nil).status)
	require.Eventually(t, func() bool { return a.do(t, "DELETE", "/c", nil).status == 204 }, 5*time.Second, 20*time.Millisecond)
	require.Equal(t, 404, a.do(t, "HEAD", "/c", nil).status)
}

func TestWithAStorageServerDown(t *testing.T) {
	a := start(t)
	require.Equal(t, 201, a.do(t, "PUT", "/c", nil).status)
	a.stops["object1"]()
	big := make([]byte, 3<<20)
	for i := range big {
		big[i] = byte(rand.Int())
	}
	for i := range 8 {
		path := fmt.Sprintf("/c/o%d", i)
		r := a.do(t, "PUT", path, io.MultiReader(bytes.NewReader(big))) // chunked
		require.Equal(t, 201, r.status)
		require.Equal(t, fmt.Sprintf("%x", md5.Sum(big)), r.header.Get("Etag"))
		r = a.do(t, "GET", path, nil)
		require.Equal(t, 200, r.status)
		require.True(t, r.body == string(big))
		require.Equal(t, 202, a.do(t, "POST", path, nil, "X-Object-Meta-A", "b").status)
		require.Equal(t, 204, a.do(t, "DELETE", path, nil).status)
		require.Equal(t, 404, a.do(t, "GET", path, nil).status)
	}
	a.stops["object2"]()
	a.stops["object3"]()
	require.Equal(t, 503, a.do(t, "PUT", "/c/o", strings.NewReader("x")).status)
}

func BenchmarkPut4K(b *testing.B) { benchmark(b, "PUT", 4<<10) }
func BenchmarkGet4K(b *testing.B) { benchmark(b, "GET", 4<<10) }
func BenchmarkGet1M(b *testing.B) { benchmark(b, "GET", 1<<20) }

func benchmark(b *testing.B, method string, size int) {
	a := start(b)
	a.do(b, "PUT", "/c", nil)
	body := make([]byte, size)
	a.do(b, "PUT", "/c/o", bytes.NewReader(body))
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		var rd io.Reader
		if method == "PUT" {
			rd = bytes.NewReader(body)
		}
		a.do(b, method, "/c/o", rd)
	}
}
