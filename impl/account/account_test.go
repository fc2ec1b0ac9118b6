package account

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

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

func newServer(t testing.TB) *Server {
	return newServerWith(t, "")
}

func newServerWith(t testing.TB, more string) *Server {
	root := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(root, "sda"), 0o755))
	conf, err := config.Parse("[app:x]\ndevices = "+root+"\nmount_check = false\n"+more, "x.conf")
	require.NoError(t, err)
	s, err := New(real.New("test", slog.New(slog.DiscardHandler)), testSwift(t), conf.Section("app:x"), nil)
	require.NoError(t, err)
	require.NoError(t, conf.Err())
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

func row(put, del int64, count, bytes int) []string {
	return []string{
		fmt.Sprintf("X-Put-Timestamp: %010d.00000", put), fmt.Sprintf("X-Delete-Timestamp: %010d.00000", del),
		fmt.Sprintf("X-Object-Count: %d", count), fmt.Sprintf("X-Bytes-Used: %d", bytes),
	}
}

func TestStatuses(t *testing.T) {
	s := newServer(t)
	steps := []struct {
		line   string
		header []string
		want   int
	}{
		{"HEAD /sda/0/a", nil, 404},
		{"GET /sda/0/a", nil, 404},
		{"POST /sda/0/a", []string{ts(1)}, 404},
		{"DELETE /sda/0/a", []string{ts(1)}, 404},
		{"PUT /sda/0/a", nil, 400},
		{"PUT /sda/0/a", []string{"X-Timestamp: tomorrow"}, 400},
		{"PUT /sdb/0/a", []string{ts(1)}, 507},
		{"GET /sdb/0/a", nil, 507},
		{"PUT /sd%2F/0/a", []string{ts(1)}, 507},
		{"PUT /../0/a", []string{ts(1)}, 400},
		{"PUT /sda/0/a/c/o", []string{ts(1)}, 400},
		{"PUT /sda/0", []string{ts(1)}, 400},
		{"PUT /sda/0/a\xff", []string{ts(1)}, 412},
		{"PATCH /sda/0/a", nil, 405},
		{"OPTIONS /sda/0/a", nil, 200},
		{"PUT /sda/0/a/c", append(row(1, 0, 0, 0), ts(1)), 404},
		{"PUT /sda/0/a", []string{ts(10)}, 201},
		{"PUT /sda/0/a", []string{ts(11)}, 202},
		{"PUT /sda/0/a/c", append(row(1, 0, 3, 4), ts(12)), 201},
		{"PUT /sda/0/a/c", append(row(1, 2, 3, 4), ts(12)), 204},
		{"PUT /sda/0/a/c", []string{ts(12)}, 400},
		{"POST /sda/0/a", []string{ts(13), "X-Account-Meta-Color: blue"}, 204},
		{"HEAD /sda/0/a", nil, 204},
		{"GET /sda/0/a", nil, 200},
		{"GET /sda/0/a?limit=0", nil, 204},
		{"GET /sda/0/a?format=json&limit=0", nil, 200},
		{"GET /sda/0/a?limit=10001", nil, 412},
		{"GET /sda/0/a?limit=many", nil, 200},
		{"GET /sda/0/a?prefix=%ff", nil, 400},
		{"GET /sda/0/a", []string{"Accept: image/png"}, 406},
		{"GET /sda/0/a", []string{"Accept: nonsense"}, 400},
		{"DELETE /sda/0/a", []string{ts(20)}, 204},
		{"HEAD /sda/0/a", nil, 404},
		{"DELETE /sda/0/a", []string{ts(21)}, 404},
		{"PUT /sda/0/a", []string{ts(30)}, 403},
		{"PUT /sda/0/a/c", append(row(1, 0, 0, 0), ts(31)), 404},
		{"PUT /sda/0/a/c", append(row(1, 0, 0, 0), ts(31), "X-Account-Override-Deleted: yes"), 201},
		{"PUT /sda/0/.hidden/c", append(row(1, 0, 0, 0), ts(31)), 201},
	}
	for _, st := range steps {
		status, h, body := ask(t, s, st.line, st.header...)
		require.Equal(t, st.want, status, "%s %v: %s", st.line, st.header, body)
		require.False(t, status == 403 && h.Get("X-Account-Status") != "Deleted", st.line)
	}
	_, h, _ := ask(t, s, "HEAD /sda/0/a")
	require.Equal(t, "Deleted", h.Get("X-Account-Status"))
}

func TestHeadersAndListing(t *testing.T) {
	s := newServer(t)
	_, _, _ = ask(t, s, "PUT /sda/0/a", ts(1), "X-Account-Meta-a1b: ü", "X-Account-Sysmeta-Secret: s", "X-Other: no")
	for _, name := range []string{"one", "two/x", "<ü>", "two/y"} {
		status, _, body := ask(t, s, "PUT /sda/0/a/"+strings.ReplaceAll(name, "/", "-"),
			append(row(1700000000, 0, 3, 1<<40), ts(2), "X-Backend-Storage-Policy-Index: 1")...)
		require.Equal(t, 201, status, body)
	}
	status, h, _ := ask(t, s, "HEAD /sda/0/a?format=json")
	require.Equal(t, 204, status)
	for name, want := range map[string]string{
		"X-Account-Container-Count": "4", "X-Account-Object-Count": "12", "X-Account-Bytes-Used": "4398046511104",
		"X-Put-Timestamp": "1700000001.00000", "X-Account-Meta-A1b": "ü", "X-Account-Sysmeta-Secret": "s", "X-Other": "",
		"X-Account-Storage-Policy-Silver-Container-Count": "4", "X-Account-Storage-Policy-Silver-Bytes-Used": "4398046511104",
		"Content-Type": "application/json; charset=utf-8",
	} {
		require.Equal(t, want, h.Get(name), name)
	}
	_, _, body := ask(t, s, "GET /sda/0/a?format=json&limit=2")
	require.JSONEq(t, `[{"name":"<ü>","count":3,"bytes":1099511627776,"last_modified":"2023-11-14T22:13:20.000000","storage_policy":"silver"},
		{"name":"one","count":3,"bytes":1099511627776,"last_modified":"2023-11-14T22:13:20.000000","storage_policy":"silver"}]`, body)
	_, _, body = ask(t, s, "GET /sda/0/a?delimiter=-")
	require.Equal(t, "<ü>\none\ntwo-\n", body)
	_, h, body = ask(t, s, "GET /sda/0/a?delimiter=-&prefix=t", "Accept: text/xml")
	require.Equal(t, "text/xml; charset=utf-8", h.Get("Content-Type"))
	require.Equal(t, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<account name=\"a\">\n<subdir name=\"two-\" />\n</account>", body)
}

func TestMetadataLimits(t *testing.T) {
	s := newServer(t)
	var many []string
	for i := range 91 {
		many = append(many, fmt.Sprintf("X-Account-Meta-K%d: v", i))
	}
	status, _, body := ask(t, s, "PUT /sda/0/a", append(many, ts(1))...)
	require.Equal(t, 400, status)
	require.Contains(t, body, "Too many metadata items; max 90")
	status, _, _ = ask(t, s, "HEAD /sda/0/a")
	require.Equal(t, 404, status, "nothing of a refused PUT stays")
	status, _, _ = ask(t, s, "PUT /sda/0/a", ts(1), "X-Account-Meta-K: "+strings.Repeat("x", 4096))
	require.Equal(t, 400, status)
	status, _, _ = ask(t, s, "PUT /sda/0/a", append(many[:90:90], ts(1))...)
	require.Equal(t, 201, status)
	status, _, _ = ask(t, s, "POST /sda/0/a", ts(2), many[90])
	require.Equal(t, 400, status)
	status, _, _ = ask(t, s, "POST /sda/0/a", ts(3), "X-Account-Meta-K0: ", many[90])
	require.Equal(t, 204, status)
}
