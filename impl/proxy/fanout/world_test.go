package fanout

import (
	"context"
	"crypto/md5"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"apus/impl/backend"
	"apus/impl/backend/backendtest"
	"apus/impl/ring"
	"apus/impl/web"
)

// world is a cluster of scripted nodes: three primaries and three handoffs.
type world struct {
	t     *testing.T
	net   *backendtest.Net
	f     *Fanout
	ring  *ring.Ring
	nodes [6]*storage
}

func newNode(d *ring.Device, handoff bool) *Node {
	n := &Node{Device: d, Handoff: handoff}
	n.name()
	return n
}

// storage is one scripted node.
type storage struct {
	mu     sync.Mutex
	script func(s *storage, w http.ResponseWriter, r *http.Request) // nil: store
	bodies []string                                                 // complete bodies of PUTs
	cut    int                                                      // PUTs whose body broke off
	seen   []*http.Request
	stop   func()
}

func (s *storage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.seen = append(s.seen, r)
	script := s.script
	s.mu.Unlock()
	if script != nil {
		script(s, w, r)
		return
	}
	s.store(w, r)
}

func (s *storage) store(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.cut++
		return
	}
	s.bodies = append(s.bodies, string(b))
	w.Header().Set("Etag", etagOf(string(b)))
	w.WriteHeader(201)
}

func (s *storage) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen)
}

func etagOf(body string) string { return fmt.Sprintf("%x", md5.Sum([]byte(body))) }

func addr(i int) string { return fmt.Sprintf("10.0.0.%d:6200", i+1) }

// run runs f in a bubble and checks at the end that nothing is left open.
func run(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		bodies, untrack := web.TrackBodies()
		defer untrack()
		w := &world{t: t, net: backendtest.New()}
		var devs []*ring.Device
		for i := range w.nodes {
			w.nodes[i] = &storage{}
			w.nodes[i].stop = w.net.Serve(addr(i), w.nodes[i])
			devs = append(devs, &ring.Device{ID: i, Region: 1, Zone: i, IP: fmt.Sprintf("10.0.0.%d", i+1), Port: 6200, Device: "sda", Weight: 1})
		}
		rows := [][]uint16{{0, 3}, {1, 4}, {2, 5}} // handoffs are devices that hold other partitions
		w.ring = ring.New(devs, 1, rows)
		client := backend.New(w.net, backend.Config{})
		w.f = New(client, Config{}, nil)
		defer time.Sleep(10 * time.Minute) // handlers that sleep
		defer func() {
			for _, n := range w.nodes {
				n.stop()
			}
		}()
		f(t, w)
		time.Sleep(4 * time.Second)
		synctest.Wait()
		require.Empty(t, w.net.Open(), "connections open")
		for _, stack := range bodies.Open() {
			t.Error("body open: ", stack)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.NoError(t, w.f.Close(ctx))
		client.Close()
	})
}

func (w *world) put(body io.Reader, length int64) (Answer, error) {
	return w.f.Put(w.t.Context(), w.putRequest(body, length))
}

func (w *world) putRequest(body io.Reader, length int64) PutRequest {
	headers := make([]http.Header, 3)
	for i := range headers {
		headers[i] = http.Header{"X-Index": {fmt.Sprint(i)}}
	}
	return PutRequest{
		Entity: "/a/c/o", Headers: headers, Nodes: w.f.Nodes(w.ring, 0), Body: body, Length: length, MaxSize: 1 << 30,
	}
}

func (w *world) get(h http.Header) *web.Response {
	return w.f.Get(w.t.Context(), w.getRequest(h))
}

func (w *world) getRequest(h http.Header) GetRequest {
	if h == nil {
		h = http.Header{}
	}
	return GetRequest{Method: "GET", Entity: "/a/c/o", Header: h, Nodes: w.f.Nodes(w.ring, 0), Server: ServerObject}
}

// all gives every node a script.
func (w *world) all(script func(s *storage, rw http.ResponseWriter, r *http.Request)) {
	for _, n := range w.nodes {
		n.script = script
	}
}

func status(code int) func(*storage, http.ResponseWriter, *http.Request) {
	return func(_ *storage, w http.ResponseWriter, r *http.Request) { w.WriteHeader(code) }
}

func hang(_ *storage, _ http.ResponseWriter, _ *http.Request) { time.Sleep(5 * time.Minute) }

// serving answers with content, honouring one range, and breaks off after
// each request's share of bytes given by limit (negative: never).
func serving(content string, limit func(n int) int) func(*storage, http.ResponseWriter, *http.Request) {
	var mu sync.Mutex
	n := 0
	return func(_ *storage, w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		stop := limit(n)
		n++
		mu.Unlock()
		body, code := content, 200
		if v, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
			from, to, _ := strings.Cut(v, "-")
			a, _ := strconv.Atoi(from)
			b, err := strconv.Atoi(to)
			if err != nil || b >= len(content) {
				b = len(content) - 1
			}
			body, code = content[a:b+1], 206
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", a, b, len(content)))
		}
		w.Header().Set("Etag", etagOf(content))
		w.Header().Set("X-Backend-Timestamp", stampOf(1))
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(code)
		if stop < 0 || stop >= len(body) {
			_, _ = io.WriteString(w, body)
			return
		}
		_, _ = io.WriteString(w, body[:stop])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

func never(int) int { return -1 }
