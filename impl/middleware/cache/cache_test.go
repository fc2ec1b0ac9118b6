package cache_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"strings"
	"testing"

	"apus/impl/config"
	"apus/impl/host"
	"apus/impl/middleware"
	"apus/impl/middleware/cache"
	"apus/impl/web/webtest"
)

// files is a host.FS of texts.
type files struct {
	host.FS
	text map[string]string
}

type info struct{ fs.FileInfo }

func (info) IsDir() bool { return false }

func (f files) Stat(name string) (fs.FileInfo, error) {
	if _, ok := f.text[name]; ok {
		return info{}, nil
	}
	return nil, fs.ErrNotExist
}

func (f files) OpenFile(name string, _ int, _ fs.FileMode) (host.File, error) {
	text, ok := f.text[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return file{text: strings.NewReader(text)}, nil
}

type file struct {
	host.File
	text *strings.Reader
}

func (f file) Read(p []byte) (int, error) { return f.text.Read(p) }
func (file) Close() error                 { return nil }

// dialed is a host.Net that notes where it was asked to connect.
type dialed struct{ addrs *[]string }

func (dialed) Listen(string) (net.Listener, error) { return nil, errors.New("not here") }
func (d dialed) Dial(_ context.Context, addr string) (net.Conn, error) {
	*d.addrs = append(*d.addrs, addr)
	return nil, errors.New("connection refused")
}

func machine(text map[string]string) (*host.Host, *[]string) {
	addrs := &[]string{}
	return &host.Host{FS: files{text: text}, Net: dialed{addrs}, Clock: webtest.NewClock(1)}, addrs
}

func TestLocal(t *testing.T) {
	webtest.TrackBodies(t)
	h, _ := machine(nil)
	f, _ := webtest.Filter(t, cache.New, h, "memcache_backend = local", nil)
	next := webtest.NewNext(webtest.Answer(200, "a"), webtest.Answer(200, "b"))
	for range 2 {
		webtest.Do(f(next), webtest.Request("GET", "/"))
	}
	first, second := next.Requests()[0].Meta.Cache, next.Requests()[1].Meta.Cache
	first.Set(context.Background(), "k", []byte("v"), 0)
	if got, ok := second.Get(context.Background(), "k"); !ok || string(got) != "v" {
		t.Error("requests do not share the cache")
	}
}

func TestServers(t *testing.T) {
	for _, tt := range []struct {
		name, options string
		files         map[string]string
		want          string
	}{
		{"default", "", nil, "127.0.0.1:11211"},
		{"in the section", "memcache_servers = 10.0.0.1:1", map[string]string{"/etc/swift/memcache.conf": "[memcache]\nmemcache_servers = 10.0.0.2:2"}, "10.0.0.1:1"},
		{"in memcache.conf", "", map[string]string{"/etc/swift/memcache.conf": "[memcache]\nmemcache_servers = 10.0.0.2"}, "10.0.0.2:11211"},
		{"file not needed", "memcache_servers = 10.0.0.1:1\nmemcache_max_connections = 1", map[string]string{"/etc/swift/memcache.conf": "[memcache]\ntries = nonsense"}, "10.0.0.1:1"},
		{"old name", "memcache_servers = 10.0.0.1:1\nmax_connections = 1", map[string]string{"/etc/swift/memcache.conf": "nonsense"}, "10.0.0.1:1"},
		{"in another directory", "swift_dir = /x", map[string]string{"/x/memcache.conf": "[memcache]\nmemcache_servers = [::1]:3"}, "[::1]:3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			webtest.TrackBodies(t)
			h, addrs := machine(tt.files)
			f, _ := webtest.Filter(t, cache.New, h, tt.options, nil)
			next := webtest.NewNext(webtest.Answer(200, ""))
			webtest.Do(f(next), webtest.Request("GET", "/"))
			next.Last().Meta.Cache.Get(context.Background(), "k")
			if got := strings.Join(*addrs, ","); got != tt.want {
				t.Errorf("asked %q, want %q", got, tt.want)
			}
		})
	}
}

func TestBadOptions(t *testing.T) {
	for _, options := range []string{"memcache_backend = redis", "tls_enabled = yes\ntls_cafile = /none", "tls_enabled = yes\ntls_cafile = /empty", "tls_enabled = yes\ntls_certfile = /empty", "io_timeout = soon", "memcache_servers = ,"} {
		conf, err := config.Parse("[filter:x]\n"+options, "test.conf")
		if err != nil {
			t.Fatal(err)
		}
		h, _ := machine(map[string]string{"/empty": ""})
		if _, err = cache.New(&middleware.Env{Host: h}, conf.Section("filter:x")); err == nil && conf.Err() == nil {
			t.Errorf("%s: accepted", options)
		}
	}
}
