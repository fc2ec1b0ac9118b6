package fanout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"apus/impl/backend"
	"apus/impl/host"
	"apus/impl/host/real"
	"apus/impl/ring"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

// countingNet counts what went past the process.
type countingNet struct {
	*real.Net
	moved *atomic.Int64
}

func (n countingNet) Splice(dst, src net.Conn) host.Splice {
	s := n.Net.Splice(dst, src)
	if s == nil {
		return nil
	}
	return countingSplice{s, n.moved}
}

type countingSplice struct {
	host.Splice
	moved *atomic.Int64
}

func (s countingSplice) Take(n int64) (int64, error) {
	m, err := s.Splice.Take(n)
	s.moved.Add(m)
	return m, err
}

// overTCP is a proxy that reads an object from nodes with these handlers, which
// have so long for each step.
func overTCP(t *testing.T, patience time.Duration, opts NodeOptions, handlers ...http.Handler) (url string, moved *atomic.Int64) {
	t.Helper()
	moved = new(atomic.Int64)
	n := countingNet{real.NewNet(), moved}
	var devs []*ring.Device
	var rows [][]uint16
	for i, h := range handlers {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		a := s.Listener.Addr().(*net.TCPAddr)
		devs = append(devs, &ring.Device{ID: i, Region: 1, Zone: i, IP: a.IP.String(), Port: a.Port, Device: "sda", Weight: 1})
		rows = append(rows, []uint16{uint16(i)})
	}
	client := backend.New(n, backend.Config{NodeTimeout: patience})
	t.Cleanup(client.Close)
	f := New(client, Config{NodeTimeout: patience}, nil)
	r := ring.New(devs, 32, rows)
	h := web.HandlerFunc(func(ctx context.Context, req *web.Request) *web.Response {
		return f.Get(ctx, GetRequest{
			Method: http.MethodGet, Entity: "/a/c/o", Header: http.Header{}, Nodes: f.NodesFor(r, 0, opts), Server: ServerObject,
		})
	})
	ln, err := n.Listen("127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() {
		cfg := web.ServerConfig{Clock: webtest.NewClock(1), Splicer: n, Log: slog.New(slog.DiscardHandler)}
		served <- web.NewServer(h, cfg).Serve(ctx, ln)
	}()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-served)
	})
	return "http://" + ln.Addr().String(), moved
}

const spliced = 3 << 20

var splicedContent = strings.Repeat("0123456789abcdef", spliced/16)

// node answers like an object server and lets end have a hand in the body.
func node(end ending) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := 0
		if v := r.Header.Get("Range"); v != "" {
			_, _ = fmt.Sscanf(v, "bytes=%d-", &from)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, spliced-1, spliced))
		}
		w.Header().Set("Etag", "e")
		w.Header().Set("X-Timestamp", "1700000000.00000")
		w.Header().Set("Content-Length", fmt.Sprint(spliced-from))
		if from > 0 {
			w.WriteHeader(http.StatusPartialContent)
		}
		end(w, r, splicedContent[from:])
	})
}

// ending sends a part of the object, or some of it.
type ending func(w http.ResponseWriter, r *http.Request, part string)

func whole(w http.ResponseWriter, _ *http.Request, part string) { _, _ = io.WriteString(w, part) }

func cut(w http.ResponseWriter, _ *http.Request, part string) {
	_, _ = io.WriteString(w, part[:len(part)/3])
	panic(http.ErrAbortHandler)
}

// stall says no more until the proxy has given it up.
func stall(w http.ResponseWriter, r *http.Request, part string) {
	_, _ = io.WriteString(w, part[:len(part)/3])
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

// A body passes the proxy without being read, and where a node fails on the
// way the rest comes from another, to the byte.
func TestGetPastTheProcess(t *testing.T) {
	for name, c := range map[string]struct {
		first    ending
		patience time.Duration
		opts     NodeOptions
	}{
		"whole": {whole, time.Minute, NodeOptions{}}, "cut": {cut, time.Minute, NodeOptions{}}, "stall": {stall, 2 * time.Second, NodeOptions{}},
		"hedged": {whole, time.Minute, NodeOptions{Preferences: &Preferences{Concurrent: true, ConcurrencyTimeout: time.Minute}}},
	} {
		t.Run(name, func(t *testing.T) {
			webtest.TrackBodies(t)
			var asked atomic.Int32
			failing := node(func(w http.ResponseWriter, r *http.Request, part string) {
				if asked.Add(1) == 1 { // whichever node is the first
					c.first(w, r, part)
					return
				}
				whole(w, r, part)
			})
			url, moved := overTCP(t, c.patience, c.opts, failing, failing)
			for range 3 { // the connections are good for more
				resp, err := http.Get(url)
				require.NoError(t, err)
				got, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				require.True(t, string(got) == splicedContent, "%d bytes", len(got))
			}
			require.Greater(t, moved.Load(), int64(2*spliced))
			http.DefaultClient.CloseIdleConnections()
		})
	}
}

// When no node has the rest the client must not take the body for complete.
func TestGetPastTheProcessCutShort(t *testing.T) {
	webtest.TrackBodies(t)
	url, _ := overTCP(t, time.Minute, NodeOptions{}, node(cut), node(cut))
	resp, err := http.Get(url)
	require.NoError(t, err)
	got, err := io.ReadAll(resp.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.True(t, strings.HasPrefix(splicedContent, string(got)))
	require.NoError(t, resp.Body.Close())
}

// A client who leaves is noticed, and everything is closed.
func TestClientLeavesPastTheProcess(t *testing.T) {
	webtest.TrackBodies(t)
	gone := make(chan struct{})
	slow := node(func(w http.ResponseWriter, _ *http.Request, part string) {
		defer close(gone)
		for _, err := io.WriteString(w, part); err == nil; {
			_, err = io.WriteString(w, "more, until somebody hangs up")
		}
	})
	url, _ := overTCP(t, time.Minute, NodeOptions{}, slow)
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	_, err = io.ReadFull(c, make([]byte, 100<<10))
	require.NoError(t, err)
	require.NoError(t, c.Close())
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		require.Fail(t, "the node still sends", errors.New("no end"))
	}
}
