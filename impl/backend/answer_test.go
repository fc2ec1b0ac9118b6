package backend_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"apus/impl/backend"
)

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name, method string
		answer       []string
		status       int
		body         string
		length       int64
		kept         bool
	}{
		{"length", "GET", []string{"HTTP/1.1 200 OK", "Content-Length: 5", "", "hello"}, 200, "hello", 5, true},
		{"length zero", "GET", []string{"HTTP/1.1 200 OK", "Content-Length: 0", "", ""}, 200, "", 0, true},
		{"chunks", "GET", []string{"HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "", "3;x=y", "hel", "2", "lo", "0", "", ""}, 200, "hello", -1, true},
		{"trailers", "GET", []string{"HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "", "5", "hello", "0", "Etag: x", "X-Y: z", "", ""}, 200, "hello", -1, true},
		{"refuses to be kept", "GET", []string{"HTTP/1.1 200 OK", "Connection: close", "Content-Length: 5", "", "hello"}, 200, "hello", 5, false},
		{"old", "GET", []string{"HTTP/1.0 200 OK", "Content-Length: 5", "", "hello"}, 200, "hello", 5, false},
		{"old, kept", "GET", []string{"HTTP/1.0 200 OK", "Connection: keep-alive", "Content-Length: 5", "", "hello"}, 200, "hello", 5, true},
		{"more than announced", "GET", []string{"HTTP/1.1 200 OK", "Content-Length: 5", "", "hello, world"}, 200, "hello", 5, false},
		{"length and chunks", "GET", []string{"HTTP/1.1 200 OK", "Content-Length: 2", "Transfer-Encoding: chunked", "", "5", "hello", "0", "", ""}, 200, "hello", -1, false},
		{"HEAD with a length", "HEAD", []string{"HTTP/1.1 200 OK", "Content-Length: 123456", "", ""}, 200, "", 123456, true},
		{"HEAD without", "HEAD", []string{"HTTP/1.1 204 No Content", "", ""}, 204, "", -1, true},
		{"204", "GET", []string{"HTTP/1.1 204 No Content", "", ""}, 204, "", 0, true},
		{"304 with a length", "GET", []string{"HTTP/1.1 304 Not Modified", "Content-Length: 77", "", ""}, 304, "", 0, true},
		{"interim", "GET", []string{"HTTP/1.1 100 Continue", "", "HTTP/1.1 102 Processing", "X: y", "", "HTTP/1.1 200 OK", "Content-Length: 2", "", "ok"}, 200, "ok", 2, true},
		{"status without words", "GET", []string{"HTTP/1.1 507", "Content-Length: 0", "", ""}, 507, "", 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			runRaw(t, backend.Config{}, func(r *raw) {
				for range 2 {
					resp, err := r.client.Do(r.Context(), &backend.Request{Method: c.method, Addr: node, Path: "/d/1/a"})
					require.NoError(r, err)
					require.Equal(r, c.status, resp.Status)
					require.Equal(r, c.length, resp.ContentLength)
					body, err := resp.ReadAll(100)
					require.NoError(r, err)
					require.Equal(r, c.body, string(body))
				}
				if c.kept {
					r.dials(1)
				} else {
					r.dials(2)
				}
			}, serve(c.answer...))
		})
	}
}

func TestAnswerUntilTheEndOfTheConnection(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	runRaw(t, backend.Config{}, func(r *raw) {
		resp, err := r.client.Do(r.Context(), &backend.Request{Method: "GET", Addr: node, Path: "/d/1/a"})
		require.NoError(r, err)
		require.EqualValues(r, -1, resp.ContentLength)
		body, err := resp.ReadAll(1 << 20)
		require.NoError(r, err)
		require.Equal(r, long, string(body))
		synctest.Wait()
		require.Empty(r, r.net.Open())
	}, func(p *peer) {
		p.head()
		p.say("HTTP/1.1 200 OK", "", long)
	})
}

func TestHeaderOfAnswer(t *testing.T) {
	runRaw(t, backend.Config{}, func(r *raw) {
		resp, err := r.client.Do(r.Context(), &backend.Request{Method: "GET", Addr: node, Path: "/d/1/a"})
		require.NoError(r, err)
		resp.Discard()
		require.Equal(r, http.Header{"X-Object-Meta-A": {"1", "2"}, "Content-Length": {"0"}, "Etag": {"ü"}}, resp.Header)
	}, serve("HTTP/1.1 200 OK", "x-object-meta-a: 1", "content-length:0", "ETAG: \tü ", "X-Object-Meta-A: 2", "", ""))
}

// A node that fails while it answers: the caller learns it, and the request is
// not sent again, as it was heard.
func TestBrokenAnswers(t *testing.T) {
	many := strings.Repeat("X-Y: z\r\n", 5000)
	for name, answer := range map[string][]string{
		"no head at all":        {""},
		"ends within the head":  {"HTTP/1.1 200 OK", "Content-Le"},
		"ends within the body":  {"HTTP/1.1 200 OK", "Content-Length: 10", "", "12345"},
		"ends within a chunk":   {"HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "", "a", "12345"},
		"ends between chunks":   {"HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "", "5", "12345", ""},
		"ends in the trailers":  {"HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "", "5", "12345", "0", ""},
		"malformed chunk":       {"HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "", "zz", "12345", "0", "", ""},
		"another protocol":      {"SSH-2.0-OpenSSH_9.6", "", ""},
		"another version":       {"HTTP/2.0 200 OK", "", ""},
		"malformed status":      {"HTTP/1.1 20 OK", "", ""},
		"malformed field":       {"HTTP/1.1 200 OK", "no colon here", "", ""},
		"lengths that disagree": {"HTTP/1.1 200 OK", "Content-Length: 1", "Content-Length: 2", "", "ab"},
		"negative length":       {"HTTP/1.1 200 OK", "Content-Length: -1", "", "ab"},
		"unknown coding":        {"HTTP/1.1 200 OK", "Transfer-Encoding: gzip, chunked", "", "0", "", ""},
		"endless first line":    {"HTTP/1.1 200 " + strings.Repeat("x", 1<<20)},
		"endless field":         {"HTTP/1.1 200 OK", "X-Y: " + strings.Repeat("x", 1<<20)},
		"endless fields":        {"HTTP/1.1 200 OK", many + many + many, "", ""},
		"other protocol":        {"HTTP/1.1 101 Switching Protocols", "", "HTTP/1.1 200 OK", "Content-Length: 0", "", ""},
		"interim storm":         {strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 1000), "HTTP/1.1 200 OK", "Content-Length: 0", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			runRaw(t, backend.Config{}, func(r *raw) {
				_, _, err := r.do("GET")
				r.failure(err)
				r.dials(1)
			}, func(p *peer) {
				p.head()
				p.say(answer...)
			})
		})
	}
}

func TestInterimAnswersAreNoTimeWon(t *testing.T) {
	runRaw(t, backend.Config{}, func(r *raw) {
		start := time.Now()
		_, _, err := r.do("GET")
		r.failure(err)
		require.Equal(r, 10*time.Second, time.Since(start))
	}, func(p *peer) {
		p.head()
		for range 7 {
			time.Sleep(3 * time.Second)
			p.say("HTTP/1.1 102 Processing", "", "")
		}
	})
}

// Every step of the node has its own time.
func TestTimesOfADo(t *testing.T) {
	runRaw(t, backend.Config{}, func(r *raw) {
		start := time.Now()
		status, body, err := r.do("GET")
		require.NoError(r, err)
		require.Equal(r, 200, status)
		require.Equal(r, "123456", body)
		require.Equal(r, 63*time.Second, time.Since(start))

		resp, err := r.client.Do(r.Context(), &backend.Request{Method: "GET", Addr: node, Path: "/d/1/a", NodeTimeout: 3 * time.Second})
		require.NoError(r, err)
		_, err = io.ReadFull(resp.Body, make([]byte, 2))
		require.NoError(r, err)
		time.Sleep(time.Minute)
		start = time.Now()
		_, err = resp.ReadAll(100)
		r.failure(err)
		require.ErrorContains(r, err, "node timeout")
		require.Equal(r, 3*time.Second, time.Since(start))
	}, func(p *peer) {
		p.head()
		time.Sleep(9 * time.Second)
		p.say("HTTP/1.1 200 OK", "Content-Length: 6", "", "")
		for _, b := range "123456" {
			time.Sleep(9 * time.Second)
			p.say(string(b))
		}
	}, func(p *peer) {
		p.head()
		p.say("HTTP/1.1 200 OK", "Content-Length: 6", "", "12")
		p.hold()
	})
}

func TestClosedBody(t *testing.T) {
	runRaw(t, backend.Config{}, func(r *raw) {
		resp, err := r.client.Do(r.Context(), &backend.Request{Method: "GET", Addr: node, Path: "/d/1/a"})
		require.NoError(r, err)
		require.NoError(r, resp.Body.Close())
		_, err = resp.Body.Read(make([]byte, 1))
		require.Error(r, err)
		require.NotErrorIs(r, err, io.EOF)
		synctest.Wait()
		require.Empty(r, r.net.Open(), "unread bodies close their connection")
	}, serve("HTTP/1.1 200 OK", "Content-Length: 5", "", "hello"))
}

func TestCancelled(t *testing.T) {
	answered := []string{"HTTP/1.1 200 OK", "Content-Length: 5", "", "he"}
	for _, c := range []struct {
		name   string
		silent bool // nobody accepts
		say    []string
	}{
		{"connecting", true, nil},
		{"waiting for the head", false, nil},
		{"within the head", false, answered[:1]},
		{"within the body", false, answered},
	} {
		t.Run(c.name, func(t *testing.T) {
			runRaw(t, backend.Config{}, func(r *raw) {
				r.net.Silence(node, c.silent)
				ctx, cancel := cancelAfter(r.T, 300*time.Millisecond)
				defer cancel()
				start := time.Now()
				_, _, err := r.doBody(ctx, "GET", nil, 0)
				require.ErrorIs(r, err, errTired)
				require.Equal(r, 300*time.Millisecond, time.Since(start))
				r.failure(err) // errTired is not what a client's leaving looks like
			}, func(p *peer) {
				p.head()
				p.say(c.say...)
				p.hold()
			})
		})
	}
}

func TestCancelledBefore(t *testing.T) {
	runRaw(t, backend.Config{}, func(r *raw) {
		ctx, cancel := cancelAfter(r.T, time.Second)
		defer cancel()
		time.Sleep(2 * time.Second)
		_, _, err := r.doBody(ctx, "GET", nil, 0)
		require.ErrorIs(r, err, errTired)
		r.dials(0)
	}, serve(""))
}

func TestCancelClosesABodyThatNobodyReads(t *testing.T) {
	runRaw(t, backend.Config{}, func(r *raw) {
		ctx, cancel := cancelAfter(r.T, time.Second)
		defer cancel()
		resp, err := r.client.Do(ctx, &backend.Request{Method: "GET", Addr: node, Path: "/d/1/a"})
		require.NoError(r, err)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Empty(r, r.net.Open())
		require.NoError(r, resp.Body.Close())
	}, serve("HTTP/1.1 200 OK", "Content-Length: 5", "", "he"))
}

// The context of an answered request may end; the connection lives on.
func TestCancelledAfter(t *testing.T) {
	runRaw(t, backend.Config{}, func(r *raw) {
		for range 3 {
			ctx, cancel := cancelAfter(r.T, time.Second)
			_, body, err := r.doBody(ctx, "GET", nil, 0)
			require.NoError(r, err)
			require.Equal(r, "hello", body)
			cancel()
		}
		r.dials(1)
	}, serve("HTTP/1.1 200 OK", "Content-Length: 5", "", "hello"))
}

func TestCloseClosesWhatIsIdle(t *testing.T) {
	runRaw(t, backend.Config{}, func(r *raw) {
		_, _, err := r.do("GET")
		require.NoError(r, err)
		require.Len(r, r.net.Open(), 1)
		r.client.Close()
		require.Empty(r, r.net.Open())
	}, serve("HTTP/1.1 200 OK", "Content-Length: 5", "", "hello"))
}

func TestAfterClose(t *testing.T) {
	runRaw(t, backend.Config{}, func(r *raw) {
		resp, err := r.client.Do(r.Context(), &backend.Request{Method: "GET", Addr: node, Path: "/d/1/a"})
		require.NoError(r, err)
		r.client.Close()
		body, err := resp.ReadAll(10)
		require.NoError(r, err)
		require.Equal(r, "hello", string(body))
		synctest.Wait()
		require.Empty(r, r.net.Open(), "nothing is kept after Close")
		_, _, err = r.do("GET")
		require.Error(r, err)
		r.dials(1)
	}, serve("HTTP/1.1 200 OK", "Content-Length: 5", "", "hello"))
}
