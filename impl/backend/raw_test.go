package backend_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"apus/impl/backend"
	"apus/impl/backend/backendtest"
	"apus/impl/swift"
	"apus/impl/web"
)

// peer is a node's side of one connection in a script.
type peer struct {
	net.Conn
	br *bufio.Reader
	r  *raw
}

// raw is a world whose node says exactly what its scripts say: one script for
// each connection, the last one for all further ones.
type raw struct {
	*testing.T
	net     *backendtest.Net
	client  *backend.Client
	mu      sync.Mutex
	heads   []string // of all requests
	scripts []func(p *peer)
}

// head reads the head of a request.
func (p *peer) head() string {
	var text strings.Builder
	for {
		line, err := p.br.ReadString('\n')
		if err != nil {
			return ""
		}
		text.WriteString(line)
		if strings.TrimSpace(line) == "" {
			break
		}
	}
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	p.r.heads = append(p.r.heads, text.String())
	return text.String()
}

// say writes an answer with CRLF for the end of each line.
func (p *peer) say(lines ...string) { _, _ = io.WriteString(p, strings.Join(lines, "\r\n")) }

// serve answers request after request.
func serve(lines ...string) func(p *peer) {
	return func(p *peer) {
		for p.head() != "" {
			p.say(lines...)
		}
	}
}

// hold keeps the connection open until the client closes it.
func (p *peer) hold() { _, _ = io.Copy(io.Discard, p.br) }

func (r *raw) script(l net.Listener, done *sync.WaitGroup) {
	for i := 0; ; i++ {
		c, err := l.Accept()
		if err != nil {
			return
		}
		f := r.scripts[min(i, len(r.scripts)-1)]
		done.Go(func() {
			defer c.Close()
			f(&peer{Conn: c, br: bufio.NewReader(c), r: r})
		})
	}
}

// runRaw runs f with such a node in a bubble, and checks that nothing is left.
func runRaw(t *testing.T, cfg backend.Config, f func(r *raw), scripts ...func(p *peer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		bodies, untrack := web.TrackBodies()
		defer untrack()
		r := &raw{T: t, net: backendtest.New(), scripts: scripts}
		r.client = backend.New(r.net, cfg)
		l, err := r.net.Listen(node)
		require.NoError(t, err)
		var done sync.WaitGroup
		done.Go(func() { r.script(l, &done) })
		f(r)
		time.Sleep(4 * time.Second)
		synctest.Wait()
		require.Empty(t, r.net.Open(), "connections open after the idle timeout")
		require.Empty(t, bodies.Open())
		r.client.Close()
		require.NoError(t, l.Close())
		done.Wait()
	})
}

// do sends a request and reads the answer.
func (r *raw) do(method string) (status int, body string, err error) {
	return r.doBody(r.Context(), method, nil, 0)
}

func (r *raw) doBody(ctx context.Context, method string, body io.Reader, length int64) (int, string, error) {
	resp, err := r.client.Do(ctx, &backend.Request{Method: method, Addr: node, Path: "/d/1/a", Body: body, ContentLength: length})
	if err != nil {
		return 0, "", err
	}
	b, err := resp.ReadAll(1 << 20)
	return resp.Status, string(b), err
}

// good expects a 200 with this body.
func (r *raw) good(method, body string) {
	r.Helper()
	status, got, err := r.do(method)
	require.NoError(r, err)
	require.Equal(r, 200, status)
	require.Equal(r, body, got)
}

// failure expects that the node failed.
func (r *raw) failure(err error) {
	r.Helper()
	require.Equal(r, swift.Unavailable, swift.KindOf(err), "%v", err)
	synctest.Wait()
	require.Empty(r, r.net.Open(), "the connection of a failure closes at once")
}

// dials expects this many connections so far.
func (r *raw) dials(n int) {
	r.Helper()
	require.Equal(r, n, r.net.Dials(node), "connections")
}

// put begins a PUT that must be asked for its body.
func (r *raw) put(length int64) *backend.Put {
	r.Helper()
	p, resp, err := r.client.StartPut(r.Context(), &backend.Request{Method: "PUT", Addr: node, Path: "/d/1/a", Header: http.Header{}, ContentLength: length})
	require.NoError(r, err)
	require.Nil(r, resp)
	return p
}

// end waits for the answer.
func (r *raw) end(p *backend.Put) (int, string, error) {
	defer p.Abort()
	resp, err := p.Response(r.Context())
	if err != nil {
		return 0, "", err
	}
	b, err := resp.ReadAll(1 << 20)
	return resp.Status, string(b), err
}

var errTired = errors.New("tired of waiting")

// cancelAfter is a context that ends.
func cancelAfter(t *testing.T, d time.Duration) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(t.Context())
	timer := time.AfterFunc(d, func() { cancel(errTired) })
	return ctx, func() {
		timer.Stop()
		cancel(nil)
	}
}
