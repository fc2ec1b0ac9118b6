package container

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"apus/impl/account"
	"apus/impl/config"
	"apus/impl/host/real"
	"apus/impl/policy"
	"apus/impl/swift"
	"apus/impl/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func testSwift(t testing.TB) *config.Swift {
	hasher, err := swift.NewHasher("", "changeme")
	require.NoError(t, err)
	set, err := policy.NewSet([]policy.Policy{{Index: 0, Name: "gold", Default: true}, {Index: 1, Name: "silver"}})
	require.NoError(t, err)
	return &config.Swift{Hasher: hasher, Policies: set, Limits: swift.DefaultLimits()}
}

func options(t testing.TB, devices ...string) *config.Section {
	root := t.TempDir()
	for _, d := range devices {
		require.NoError(t, os.Mkdir(filepath.Join(root, d), 0o755))
	}
	conf, err := config.Parse("[app:x]\ndevices = "+root+"\nmount_check = false\n", "x.conf")
	require.NoError(t, err)
	return conf.Section("app:x")
}

func newServer(t testing.TB) *Server {
	return serverOf(t, options(t, "sda"))
}

func serverOf(t testing.TB, opts *config.Section) *Server {
	s, err := New(real.New("test", slog.New(slog.DiscardHandler)), testSwift(t), opts, nil)
	require.NoError(t, err)
	require.NoError(t, opts.Err())
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	return s
}

// ask sends "METHOD /path?query" with headers "Name: value".
func ask(t testing.TB, s web.Handler, line string, header ...string) (status int, h http.Header, body string) {
	t.Helper()
	method, target, _ := strings.Cut(line, " ")
	path, query, _ := strings.Cut(target, "?")
	req := web.NewRequest(method, path)
	req.RawQuery = query
	for _, l := range header {
		name, value, _ := strings.Cut(l, ": ")
		req.Header.Set(name, value)
	}
	resp := s.Serve(context.Background(), req)
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.Status, resp.Header, string(b)
}

func ts(n int64) string { return fmt.Sprintf("X-Timestamp: %010d.00000", 1_700_000_000+n) }

func row(n int64, size int, more ...string) []string {
	return append([]string{ts(n), fmt.Sprintf("X-Size: %d", size), "X-Content-Type: text/plain; charset=UTF-8", "X-Etag: e"}, more...)
}

const (
	silver = "X-Backend-Storage-Policy-Index: 1"
	gold   = "X-Backend-Storage-Policy-Index: 0"
)

func TestStatuses(t *testing.T) {
	s := newServer(t)
	steps := []struct {
		line   string
		header []string
		want   int
	}{
		{"HEAD /sda/0/a/c", nil, 404},
		{"GET /sda/0/a/c", nil, 404},
		{"POST /sda/0/a/c", []string{ts(1)}, 404},
		{"DELETE /sda/0/a/c", []string{ts(1)}, 404},
		{"PUT /sda/0/a/c/o", row(1, 1), 404},
		{"DELETE /sda/0/a/c/o", []string{ts(1)}, 404},
		{"PUT /sda/0/a/c", nil, 400},
		{"PUT /sda/0/a", []string{ts(1)}, 400},
		{"PUT /sda/0/a//o", []string{ts(1)}, 400},
		{"PUT /sda/0/a/c", []string{ts(1), "X-Backend-Storage-Policy-Index: 7"}, 400},
		{"PUT /sdb/0/a/c", []string{ts(1)}, 507},
		{"PUT /sda/0/a/c\xff", []string{ts(1)}, 412},
		{"PUT /sda/0/a/x\x00y", []string{ts(1)}, 400},
		{"PUT /sda/0/a/c", []string{ts(10), silver}, 201},
		{"PUT /sda/0/a/c", []string{ts(11)}, 202},
		{"PUT /sda/0/a/c", []string{ts(11), gold}, 409},
		{"PUT /sda/0/a/c/o", row(12, 1, silver), 201},
		{"PUT /sda/0/a/c/o", []string{ts(12), silver}, 400},
		{"PUT /sda/0/a/c/\x00o", row(12, 1), 400},
		{"DELETE /sda/0/a/c", []string{ts(13)}, 409},
		{"POST /sda/0/a/c", []string{ts(13), "X-Container-Meta-A: 1"}, 204},
		{"GET /sda/0/a/c", nil, 200},
		{"GET /sda/0/a/c?prefix=x", nil, 204},
		{"GET /sda/0/a/c?prefix=x&format=json", nil, 200},
		{"GET /sda/0/a/c?limit=10001", nil, 412},
		{"DELETE /sda/0/a/c/o", []string{ts(14), silver}, 204},
		{"DELETE /sda/0/a/c", []string{ts(5)}, 409},
		{"DELETE /sda/0/a/c", []string{ts(20)}, 204},
		{"HEAD /sda/0/a/c", nil, 404},
		{"DELETE /sda/0/a/c", []string{ts(21)}, 404},
		{"PUT /sda/0/a/c", []string{ts(15), gold}, 409},
		{"PUT /sda/0/a/c", []string{ts(30), gold}, 201},
		{"HEAD /sda/0/a/c", nil, 204},
		{"PUT /sda/0/.hidden/c/o", row(31, 1), 201},
		{"PUT /sda/0/.shards_a/c/o", row(31, 1), 404},
		{"PUT /sda/0/a/auto/o", row(31, 1, "X-Backend-Auto-Create: true"), 201},
		{"PUT /sda/0/.hidden/not/o", row(31, 1, "X-Backend-Auto-Create: false"), 404},
	}
	for _, st := range steps {
		status, _, body := ask(t, s, st.line, st.header...)
		require.Equal(t, st.want, status, "%s %v: %s", st.line, st.header, body)
	}
}

func TestHeadersAndListing(t *testing.T) {
	s := newServer(t)
	status, h, _ := ask(t, s, "PUT /sda/0/a/c", ts(1), silver, "X-Container-Read: .r:*", "X-Container-Meta-K: v", "X-Container-Sysmeta-S: s", "X-Other: no")
	require.Equal(t, 201, status)
	require.Equal(t, "1", h.Get("X-Backend-Storage-Policy-Index"))
	for i, name := range []string{"a", "b/1", "ü\"\\😀"} {
		status, _, body := ask(t, s, "PUT /sda/0/a/c/"+name, row(int64(2+i), 5, silver)...)
		require.Equal(t, 201, status, body)
	}
	status, _, _ = ask(t, s, "PUT /sda/0/a/c/large", row(5, 77, silver, "X-Content-Type: a/b;swift_bytes=4000")...)
	require.Equal(t, 201, status)

	status, h, _ = ask(t, s, "HEAD /sda/0/a/c")
	require.Equal(t, 204, status)
	for name, want := range map[string]string{
		"X-Container-Object-Count": "4", "X-Container-Bytes-Used": "92", "X-Put-Timestamp": "1700000001.00000",
		"X-Backend-Put-Timestamp": "1700000001.00000", "X-Backend-Delete-Timestamp": "0000000000.00000",
		"X-Backend-Status-Changed-At": "1700000001.00000", "X-Backend-Storage-Policy-Index": "1",
		"X-Backend-Sharding-State": "unsharded", "Last-Modified": "Tue, 14 Nov 2023 22:13:21 GMT",
		"X-Container-Read": ".r:*", "X-Container-Meta-K": "v", "X-Container-Sysmeta-S": "s", "X-Other": "",
		"Content-Type": "text/plain; charset=utf-8",
	} {
		require.Equal(t, want, h.Get(name), name)
	}
	_, h, body := ask(t, s, "GET /sda/0/a/c?format=json&delimiter=/")
	require.Equal(t, "object", h.Get("X-Backend-Record-Type"))
	require.Equal(t, "1", h.Get("X-Backend-Record-Storage-Policy-Index"))
	require.JSONEq(t, `[
		{"name":"a","hash":"e","bytes":5,"content_type":"text/plain;charset=UTF-8","last_modified":"2023-11-14T22:13:22.000000"},
		{"subdir":"b/"},
		{"name":"large","hash":"e","bytes":4000,"content_type":"a/b","last_modified":"2023-11-14T22:13:25.000000"},
		{"name":"ü\"\\😀","hash":"e","bytes":5,"content_type":"text/plain;charset=UTF-8","last_modified":"2023-11-14T22:13:24.000000"}]`, body)
	require.Contains(t, body, `"\u00fc\"\\\ud83d\ude00"`)
	_, _, body = ask(t, s, "GET /sda/0/a/c?reverse=yes")
	require.Equal(t, "ü\"\\😀\nlarge\nb/1\na\n", body)
	_, _, body = ask(t, s, "GET /sda/0/a/c?path=b", "Accept: application/xml")
	require.Equal(t, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<container name=\"c\"><object><name>b/1</name><hash>e</hash>"+
		"<bytes>5</bytes><content_type>text/plain;charset=UTF-8</content_type><last_modified>2023-11-14T22:13:23.000000</last_modified></object></container>", body)
	_, _, body = ask(t, s, "GET /sda/0/a/c", gold)
	require.Empty(t, body, "another policy has no objects")

	_, _, _ = ask(t, s, "POST /sda/0/a/c", ts(9), "X-Container-Meta-K: ", "X-Container-Read: ")
	_, h, _ = ask(t, s, "HEAD /sda/0/a/c")
	require.NotContains(t, h, "X-Container-Meta-K")
	require.NotContains(t, h, "X-Container-Read")
	require.Equal(t, "1700000009.00000", h.Get("X-Put-Timestamp"))
	_, _, _ = ask(t, s, "POST /sda/0/a/c", ts(10), "X-Backend-No-Timestamp-Update: true")
	_, h, _ = ask(t, s, "HEAD /sda/0/a/c")
	require.Equal(t, "1700000009.00000", h.Get("X-Put-Timestamp"))
}

// startAccount serves an account server on loopback and returns its address.
func startAccount(t *testing.T) (addr string, s *account.Server) {
	h := real.New("account", slog.New(slog.DiscardHandler))
	s, err := account.New(h, testSwift(t), options(t, "sdx", "sdy"), nil)
	require.NoError(t, err)
	ln, err := h.Net.Listen("127.0.0.1:0")
	require.NoError(t, err)
	serve(t, ln, s, func() { require.NoError(t, s.Close(context.Background())) })
	return ln.Addr().String(), s
}

func serve(t testing.TB, ln net.Listener, h web.Handler, after func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = web.NewServer(h, web.ServerConfig{Clock: real.Clock{}, Log: slog.New(slog.DiscardHandler)}).Serve(ctx, ln)
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		after()
	})
}

func TestAccountsAreTold(t *testing.T) {
	addr, accounts := startAccount(t)
	s := newServer(t)
	told := []string{"X-Account-Host: " + addr + ", " + addr, "X-Account-Device: sdx, sdy", "X-Account-Partition: 3"}
	put := func(n int64, more ...string) int {
		status, _, _ := ask(t, s, "PUT /sda/0/AUTH_t/c", append(append(told[:3:3], ts(n)), more...)...)
		return status
	}
	require.Equal(t, 404, put(1), "no account server knows the account")
	for _, dev := range []string{"sdx", "sdy"} {
		status, _, _ := ask(t, accounts, "PUT /"+dev+"/3/AUTH_t", ts(2))
		require.Equal(t, 201, status)
	}
	require.Equal(t, 202, put(3))
	for _, dev := range []string{"sdx", "sdy"} {
		_, h, body := ask(t, accounts, "GET /"+dev+"/3/AUTH_t?format=json")
		require.Equal(t, "1", h.Get("X-Account-Container-Count"))
		require.Contains(t, body, `"name": "c"`)
	}
	status, _, _ := ask(t, s, "DELETE /sda/0/AUTH_t/c", append(told[:3:3], ts(4))...)
	require.Equal(t, 204, status)
	_, h, body := ask(t, accounts, "GET /sdx/3/AUTH_t")
	require.Equal(t, "0", h.Get("X-Account-Container-Count"))
	require.Empty(t, body)

	require.Equal(t, 400, put(5, "X-Account-Device: sdx"))
	require.Equal(t, 202, put(6, "X-Account-Host: 127.0.0.1:1", "X-Account-Device: sdx"), "the updater will tell later")
}
