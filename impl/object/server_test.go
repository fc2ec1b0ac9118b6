package object_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"apus/impl/backend/backendtest"
	"apus/impl/config"
	"apus/impl/diskfile"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/object"
	"apus/impl/swift"
	"apus/impl/web/webtest"
	"apus/sim/disk"
)

const (
	devices = "/srv/node"
	target  = "/d1/7/AUTH_a/c/o"
)

func stamp(second int64) string {
	return swift.NewTimestamp((1_790_000_000+second)*swift.TicksPerSecond, 0).Internal()
}

// node is an object server on a simulated disk, with a container server.
type node struct {
	t       testing.TB
	server  *object.Server
	host    *host.Host
	machine *disk.Machine
	proc    *disk.Process
	net     *backendtest.Net
	log     *slog.Logger
	asyncs  int

	mu   sync.Mutex
	rows []*http.Request
	// answer decides about a row; nil is 201.
	answer func(*http.Request) int
	stop   func()
}

const swiftConf = `
[swift-hash]
swift_hash_path_suffix = changeme
[storage-policy:0]
name = gold
default = yes
[storage-policy:1]
name = silver
[swift-constraints]
max_file_size = 1000000
`

func newNode(t testing.TB, options string) *node {
	rng := rand.New(rand.NewPCG(1, 1))
	clock := webtest.NewClock(1_790_000_100)
	m := disk.NewMachine(clock)
	m.Mount("/", disk.New("root", rng, disk.Config{}))
	m.Mount(devices+"/d1", disk.New("d1", rng, disk.Config{Latency: disk.Latency{Sync: time.Millisecond}}))
	n := &node{t: t, machine: m, net: backendtest.New(), log: slog.New(slog.DiscardHandler)}
	n.boot(clock, options)
	n.stop = n.net.Serve("10.0.0.1:6201", http.HandlerFunc(n.container))
	return n
}

func (n *node) boot(clock host.Clock, options string) {
	f, err := config.Parse("[app:object-server]\n"+options, "object-server.conf")
	if err != nil {
		n.t.Fatal(err)
	}
	sf, err := config.Parse(swiftConf, "swift.conf")
	if err != nil {
		n.t.Fatal(err)
	}
	sw, err := config.ReadSwift(sf)
	if err != nil {
		n.t.Fatal(err)
	}
	n.proc = n.machine.Process("object-server")
	n.host = &host.Host{Name: "node1", FS: n.proc, Net: n.net, Clock: clock, Log: n.log}
	n.server, err = object.New(n.host, sw, f.Section("app:object-server"), &event.Sink{AsyncUpdate: func(event.AsyncUpdate) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.asyncs++
	}})
	if err != nil {
		n.t.Fatal(err)
	}
}

// reboot starts the server again, with other options and the logger that host
// has by now.
func (n *node) reboot(options string) {
	log := n.host.Log
	if err := n.server.Close(context.Background()); err != nil {
		n.t.Error(err)
	}
	n.log = log
	n.boot(n.host.Clock, options)
}

func (n *node) container(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	n.rows = append(n.rows, r)
	answer := n.answer
	n.mu.Unlock()
	status := http.StatusCreated
	if answer != nil {
		status = answer(r)
	}
	w.WriteHeader(status)
}

// close ends everything and checks that nothing is left open.
func (n *node) close() {
	n.t.Helper()
	if err := n.server.Close(context.Background()); err != nil {
		n.t.Error(err)
	}
	n.stop()
	for _, f := range n.proc.OpenFiles() {
		n.t.Errorf("left open: %s\n%s", f.Path, f.Stack)
	}
}

func (n *node) do(method, path, body string, header ...string) webtest.Result {
	req := webtest.Request(method, path)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	req.Host = "10.0.0.9:6200"
	req.Body, req.ContentLength = strings.NewReader(body), int64(len(body))
	return webtest.Do(n.server, req)
}

func (n *node) put(second int64, body string, header ...string) webtest.Result {
	return n.do("PUT", target, body, append([]string{"X-Timestamp", stamp(second), "Content-Type", "text/plain"}, header...)...)
}

var updateHeaders = []string{"X-Container-Host", "10.0.0.1:6201", "X-Container-Partition", "12", "X-Container-Device", "d9"}

// pending lists what is in async_pending.
func (n *node) pending(dir string) []string {
	var out []string
	suffixes, err := n.host.FS.ReadDir(devices + "/d1/" + dir)
	if err != nil {
		return nil
	}
	for _, s := range suffixes {
		files, err := n.host.FS.ReadDir(devices + "/d1/" + dir + "/" + s.Name())
		if err != nil {
			n.t.Fatal(err)
		}
		for _, f := range files {
			out = append(out, devices+"/d1/"+dir+"/"+s.Name()+"/"+f.Name())
		}
	}
	return out
}

func (n *node) load(name string) *diskfile.Update {
	f, err := n.host.FS.OpenFile(name, host.ReadOnly, 0)
	if err != nil {
		n.t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		n.t.Fatal(err)
	}
	u, err := diskfile.DecodeUpdate(b)
	if err != nil {
		n.t.Fatal(err)
	}
	return u
}

// bubble runs a test in a bubble with tracked bodies.
func bubble(t *testing.T, options string, test func(t *testing.T, n *node)) {
	synctest.Test(t, func(t *testing.T) {
		webtest.TrackBodies(t)
		n := newNode(t, options)
		defer n.close()
		test(t, n)
	})
}

func status(t testing.TB, r webtest.Result, want int) {
	t.Helper()
	if r.Status != want {
		t.Errorf("status %d, want %d: %s", r.Status, want, r.Body)
	}
}

func headers(t testing.TB, r webtest.Result, want map[string]string) {
	t.Helper()
	for k, v := range want {
		if got := r.Header.Get(k); got != v {
			t.Errorf("%s is %q, want %q", k, got, v)
		}
	}
}

const helloMD5 = "5d41402abc4b2a76b9719d911017c592"

func TestPutGetHead(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		r := n.put(1, "hello", "X-Object-Meta-Color", "café", "X-Object-Sysmeta-S", "s", "X-Object-Transient-Sysmeta-T", "t",
			"Content-Encoding", "gzip", "X-Unknown", "no", "Etag", helloMD5)
		status(t, r, 201)
		headers(t, r, map[string]string{"Etag": `"` + helloMD5 + `"`})
		for _, method := range []string{"GET", "HEAD"} {
			r = n.do(method, target, "")
			status(t, r, 200)
			headers(t, r, map[string]string{
				"Content-Type": "text/plain", "Etag": `"` + helloMD5 + `"`, "X-Object-Meta-Color": "café", "X-Object-Sysmeta-S": "s",
				"X-Object-Transient-Sysmeta-T": "t", "Content-Encoding": "gzip", "X-Unknown": "",
				"X-Timestamp": stamp(1), "X-Backend-Timestamp": stamp(1), "X-Backend-Data-Timestamp": stamp(1),
				"X-Backend-Durable-Timestamp": stamp(1), "Last-Modified": "Mon, 21 Sep 2026 14:13:21 GMT",
			})
			if want := map[string]string{"GET": "hello", "HEAD": ""}[method]; r.Body != want || r.ContentLength != 5 {
				t.Errorf("%s: body %q, length %d", method, r.Body, r.ContentLength)
			}
		}
	})
}

func TestTimestamps(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		for _, tc := range []struct {
			method string
			second int64
			status int
			body   string
			then   string // X-Backend-Timestamp of the answer
		}{
			{"POST", 1, 404, "", ""},
			{"DELETE", 2, 404, "", stamp(2)},
			{"DELETE", 1, 404, "", stamp(2)},
			{"PUT", 2, 409, "x", stamp(2)},
			{"PUT", 3, 201, "three", ""},
			{"PUT", 3, 409, "three", stamp(3)},
			{"PUT", 1, 409, "one", stamp(3)},
			{"POST", 3, 409, "", stamp(3)},
			{"POST", 2, 409, "", stamp(3)},
			{"POST", 4, 202, "", ""},
			{"POST", 4, 409, "", stamp(4)},
			{"PUT", 4, 201, "four", ""},
			{"DELETE", 4, 409, "", stamp(4)},
			{"DELETE", 3, 409, "", stamp(4)},
			{"DELETE", 5, 204, "", stamp(5)},
			{"DELETE", 6, 404, "", stamp(6)},
			{"GET", 0, 404, "", stamp(6)},
			{"HEAD", 0, 404, "", stamp(6)},
			{"PUT", 5, 409, "x", stamp(6)},
			{"PUT", 7, 201, "seven", ""},
		} {
			h := []string{"X-Timestamp", stamp(tc.second), "Content-Type", "text/plain"}
			r := n.do(tc.method, target, tc.body, h...)
			if r.Status != tc.status || r.Header.Get("X-Backend-Timestamp") != tc.then {
				t.Errorf("%s at %d: %d %s, want %d %s", tc.method, tc.second, r.Status, r.Header.Get("X-Backend-Timestamp"), tc.status, tc.then)
			}
		}
	})
}

func TestBadRequests(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		ok := []string{"X-Timestamp", stamp(1), "Content-Type", "a/b"}
		long := strings.Repeat("n", 1025)
		for _, tc := range []struct {
			name, method, path, body string
			header                   []string
			status                   int
		}{
			{"no timestamp", "PUT", target, "", []string{"Content-Type", "a/b"}, 400},
			{"bad timestamp", "PUT", target, "", []string{"X-Timestamp", "x", "Content-Type", "a/b"}, 400},
			{"no timestamp on POST", "POST", target, "", nil, 400},
			{"no timestamp on DELETE", "DELETE", target, "", nil, 400},
			{"no content type", "PUT", target, "", []string{"X-Timestamp", stamp(1)}, 400},
			{"bad content type", "PUT", target, "", []string{"X-Timestamp", stamp(1), "Content-Type", "\xff"}, 400},
			{"bad partition", "GET", "/d1/x/a/c/o", "", nil, 400},
			{"partition with sign", "GET", "/d1/+7/a/c/o", "", nil, 400},
			{"no object", "GET", "/d1/7/a/c", "", nil, 400},
			{"device above", "GET", "/../7/a/c/o", "", nil, 400},
			{"no such device", "GET", "/d2/7/a/c/o", "", nil, 507},
			{"no such policy", "GET", target, "", []string{"X-Backend-Storage-Policy-Index", "9"}, 503},
			{"bad policy", "GET", target, "", []string{"X-Backend-Storage-Policy-Index", "x"}, 503},
			{"bad method", "REPORT", target, "", nil, 405},
			{"options", "OPTIONS", target, "", nil, 200},
			{"etag mismatch", "PUT", target, "hello", append(ok, "Etag", "0"), 422},
			{"name too long", "PUT", "/d1/7/a/c/" + long, "", ok, 400},
			{"too large", "PUT", target, strings.Repeat("x", 1000001), ok, 413},
			{"empty meta name", "PUT", target, "", append(ok, "X-Object-Meta-", "v"), 400},
			{"long meta name", "PUT", target, "", append(ok, "X-Object-Meta-"+long[:129], "v"), 400},
			{"long meta value", "PUT", target, "", append(ok, "X-Object-Meta-A", long[:257]), 400},
			{"long header", "PUT", target, "", append(ok, "X-Any", strings.Repeat("v", 8193)), 400},
			{"delete at in the past", "PUT", target, "", append(ok, "X-Delete-At", "1000"), 400},
			{"delete at is no number", "PUT", target, "", append(ok, "X-Delete-At", "soon"), 400},
			{"post, delete at in the past", "POST", target, "", append(ok, "X-Delete-At", "1000"), 400},
			{"post, bad meta", "POST", target, "", append(ok, "X-Object-Meta-", "v"), 400},
			{"bad if-delete-at", "DELETE", target, "", append(ok, "X-If-Delete-At", "x"), 400},
		} {
			if r := n.do(tc.method, tc.path, tc.body, tc.header...); r.Status != tc.status {
				t.Errorf("%s: %d, want %d: %s", tc.name, r.Status, tc.status, r.Body)
			}
		}
		status(t, n.do("GET", target, ""), 404)
	})
}

func broken(kind swift.Kind) io.Reader {
	return io.MultiReader(strings.NewReader("hel"), iotest.ErrReader(swift.E("web", "", kind, io.ErrUnexpectedEOF)))
}

func TestBrokenBodies(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		for _, tc := range []struct {
			name   string
			body   io.Reader
			length int64
			status int
		}{
			{"short", strings.NewReader("hel"), 5, 499},
			{"hung up", broken(swift.ClientGone), 5, 499},
			{"hung up while chunked", broken(swift.ClientGone), -1, 499},
			{"too slow", broken(swift.Timeout), 5, 408},
			{"too large while chunked", strings.NewReader(strings.Repeat("x", 1000001)), -1, 413},
			{"chunked", strings.NewReader("hello"), -1, 201},
		} {
			req := webtest.Request("PUT", target, "X-Timestamp", stamp(1), "Content-Type", "a/b")
			req.Body, req.ContentLength = tc.body, tc.length
			r := webtest.Do(n.server, req)
			if r.Status != tc.status {
				t.Errorf("%s: %d, want %d", tc.name, r.Status, tc.status)
			}
			if want := map[bool]int{true: 200, false: 404}[tc.status == 201]; n.do("GET", target, "").Status != want {
				t.Errorf("%s: GET is not %d", tc.name, want)
			}
		}
	})
}

func TestConditionsAndRanges(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		status(t, n.put(1, "hello", "X-Object-Sysmeta-Other-Etag", "other"), 201)
		for _, tc := range []struct {
			name   string
			method string
			header []string
			status int
			body   string
		}{
			{"match", "GET", []string{"If-Match", `"` + helloMD5 + `"`}, 200, "hello"},
			{"no match", "GET", []string{"If-Match", `"x"`}, 412, ""},
			{"none match", "GET", []string{"If-None-Match", helloMD5}, 304, ""},
			{"head none match", "HEAD", []string{"If-None-Match", helloMD5}, 304, ""},
			{"other etag", "GET", []string{"If-None-Match", "other", "X-Backend-Etag-Is-At", "X-Object-Sysmeta-Other-Etag"}, 304, ""},
			{"modified since", "GET", []string{"If-Modified-Since", "Mon, 21 Sep 2026 14:13:21 GMT"}, 304, ""},
			{"unmodified since", "GET", []string{"If-Unmodified-Since", "Mon, 21 Sep 2026 14:13:20 GMT"}, 412, ""},
			{"range", "GET", []string{"Range", "bytes=1-3"}, 206, "ell"},
			{"suffix", "GET", []string{"Range", "bytes=-2"}, 206, "lo"},
			{"beyond", "GET", []string{"Range", "bytes=9-"}, 416, "*"},
			{"ignored range", "GET", []string{"Range", "bytes=1-3", "X-Backend-Ignore-Range-If-Metadata-Present", "X-None,x-object-sysmeta-other-etag"}, 200, "hello"},
			{"put, exists", "PUT", []string{"If-None-Match", "*", "X-Timestamp", stamp(2), "Content-Type", "a/b"}, 412, "*"},
			{"put, same", "PUT", []string{"If-None-Match", helloMD5, "X-Timestamp", stamp(2), "Content-Type", "a/b"}, 412, "*"},
		} {
			r := n.do(tc.method, target, "", tc.header...)
			if r.Status != tc.status || tc.body != "*" && r.Body != tc.body {
				t.Errorf("%s: %d %q, want %d %q", tc.name, r.Status, r.Body, tc.status, tc.body)
			}
		}
		status(t, n.do("GET", "/d1/7/a/c/none", "", "If-Match", "*"), 412)
		status(t, n.do("DELETE", target, "", "X-Timestamp", stamp(3)), 204)
		status(t, n.put(4, "again", "If-None-Match", "*"), 201)
	})
}

func TestPost(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		status(t, n.put(1, "hello", "X-Object-Meta-A", "1", "X-Object-Sysmeta-S", "s", "X-Static-Large-Object", "True",
			"Content-Type", "a/b;swift_bytes=1;swift_bytes=99", "Content-Encoding", "gzip"), 201)
		r := n.do("POST", target, "", append([]string{"X-Timestamp", stamp(2), "X-Object-Meta-B", "2", "X-Object-Sysmeta-S", "changed"}, updateHeaders...)...)
		status(t, r, 202)
		headers(t, r, map[string]string{"X-Object-Sysmeta-S": "s", "X-Backend-Content-Type": "a/b;swift_bytes=1;swift_bytes=99"})
		r = n.do("GET", target, "")
		headers(t, r, map[string]string{
			"X-Object-Meta-A": "", "X-Object-Meta-B": "2", "X-Object-Sysmeta-S": "s", "X-Static-Large-Object": "True",
			"Content-Encoding": "", "Content-Type": "a/b;swift_bytes=1;swift_bytes=99", "X-Timestamp": stamp(2), "X-Backend-Data-Timestamp": stamp(1),
		})
		r = n.do("POST", target, "", append([]string{"X-Timestamp", stamp(3), "Content-Type", "c/d"}, updateHeaders...)...)
		headers(t, r, map[string]string{"X-Backend-Content-Type": "c/d;swift_bytes=99"})
		headers(t, n.do("HEAD", target, ""), map[string]string{"Content-Type": "c/d", "X-Object-Meta-B": ""})
		rows := n.rows
		if len(rows) != 2 {
			t.Fatalf("%d rows", len(rows))
		}
		for k, v := range map[string]string{
			"X-Size": "5", "X-Etag": helloMD5, "X-Timestamp": stamp(1), "X-Meta-Timestamp": stamp(3),
			"X-Content-Type-Timestamp": stamp(3), "X-Content-Type": "c/d;swift_bytes=99", "X-Backend-Storage-Policy-Index": "0",
		} {
			if got := rows[1].Header.Get(k); got != v {
				t.Errorf("row: %s is %q, want %q", k, got, v)
			}
		}
	})
}

func TestExpired(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		at := fmt.Sprint(1_790_000_050)
		status(t, n.put(1, "hello", "X-Delete-At", at), 201)
		headers(t, n.do("GET", target, "", "X-Timestamp", stamp(49)), map[string]string{"X-Delete-At": at})
		r := n.do("GET", target, "", "X-Timestamp", stamp(50))
		status(t, r, 404)
		headers(t, r, map[string]string{"X-Backend-Timestamp": stamp(1)})
		status(t, n.do("HEAD", target, ""), 404)
		status(t, n.do("GET", target, "", "X-Backend-Open-Expired", "true"), 200)
		status(t, n.do("POST", target, "", "X-Timestamp", stamp(60)), 404)
		status(t, n.do("DELETE", target, "", "X-Timestamp", at, "X-If-Delete-At", "1790000051"), 412)
		status(t, n.do("DELETE", target, "", "X-Timestamp", at, "X-If-Delete-At", at), 204)
		status(t, n.do("DELETE", target, "", "X-Timestamp", stamp(99), "X-If-Delete-At", at), 412)
		status(t, n.do("DELETE", "/d1/7/a/c/none", "", "X-Timestamp", at, "X-If-Delete-At", at), 404)
		status(t, n.put(60, "again", "X-Delete-After", "10"), 201)
		headers(t, n.do("GET", target, "", "X-Timestamp", stamp(61)), map[string]string{"X-Delete-At": "1790000070"})
	})
}

func TestDeviceGone(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		status(t, n.put(1, "hello"), 201)
		n.machine.Unmount(devices + "/d1")
		for _, method := range []string{"GET", "HEAD", "PUT", "POST", "DELETE"} {
			status(t, n.do(method, target, "", "X-Timestamp", stamp(2), "Content-Type", "a/b"), 507)
		}
	})
}
