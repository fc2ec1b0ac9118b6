package fanout

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"apus/impl/swift"
)

// runInline is run with bodies of up to 100 bytes going with the headers.
func runInline(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	run(t, func(t *testing.T, w *world) {
		w.f.cfg.InlinePut = 100
		f(t, w)
	})
}

func TestInlinePut(t *testing.T) {
	for name, c := range map[string]struct {
		body   string
		length int64
		onlyNew,
		asked bool
	}{
		"short":             {"hello", 5, false, false},
		"empty":             {"", 0, false, false},
		"longest":           {strings.Repeat("x", 100), 100, false, false},
		"longer":            {strings.Repeat("x", 101), 101, false, true},
		"of unknown length": {"hello", -1, false, true},
		"conditional":       {"hello", 5, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			runInline(t, func(t *testing.T, w *world) {
				for range 2 {
					r := w.putRequest(strings.NewReader(c.body), c.length)
					r.IfNoneMatch = c.onlyNew
					a, err := w.f.Put(t.Context(), r)
					require.NoError(t, err)
					require.Equal(t, 201, a.Status)
					require.Equal(t, etagOf(c.body), a.get("Etag"))
				}
				p, h := w.stored(c.body)
				require.Equal(t, []int{6, 0}, []int{p, h})
				for _, n := range w.nodes[:3] {
					require.Equal(t, c.asked, n.seen[0].Header.Get("Expect") != "")
				}
				require.Equal(t, 1, w.net.Dials(addr(0)), "the connection is kept")
			})
		})
	}
}

// Without Config.InlinePut not even an empty body goes unasked.
func TestNoInlinePut(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		_, err := w.put(http.NoBody, 0)
		require.NoError(t, err)
		require.NotEmpty(t, w.nodes[0].seen[0].Header.Get("Expect"))
	})
}

// As long as connections tell that there is no quorum nobody gets the body.
func TestInlinePutNeedsAQuorum(t *testing.T) {
	runInline(t, func(t *testing.T, w *world) {
		for i, n := range w.nodes {
			if i != 1 {
				n.stop()
			}
		}
		a, err := w.put(strings.NewReader("hello"), 5)
		require.NoError(t, err)
		require.Equal(t, 503, a.Status)
		synctest.Wait()
		p, _ := w.stored("")
		require.Zero(t, p, "the one node there is must not take the object")
		require.Empty(t, w.net.Open())
	})
}

func TestInlinePutClientProblems(t *testing.T) {
	for _, c := range []struct {
		name   string
		body   io.Reader
		length int64
		kind   swift.Kind
	}{
		{"short", strings.NewReader("hell"), 5, swift.ClientGone},
		{"nothing", strings.NewReader(""), 5, swift.ClientGone},
		{"long", strings.NewReader("hello!"), 5, swift.ClientGone},
		{"not empty", strings.NewReader("!"), 0, swift.ClientGone},
		{"gone", &slowly{[]string{"he", "ll"}, time.Second, io.ErrUnexpectedEOF}, 5, swift.ClientGone},
		{"too slow", &slowly{nil, time.Second, swift.E("t", "", swift.Timeout, nil)}, 5, swift.Timeout},
		{"too large", strings.NewReader(strings.Repeat("x", 60)), 60, swift.TooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			runInline(t, func(t *testing.T, w *world) {
				r := w.putRequest(c.body, c.length)
				r.MaxSize = 50
				_, err := w.f.Put(t.Context(), r)
				require.Equal(t, c.kind, swift.KindOf(err), "%v", err)
				for _, n := range w.nodes {
					require.Zero(t, n.requests(), "nobody was asked")
				}
			})
		})
	}
}

// A client who leaves while nodes are being connected to has stored nothing.
func TestInlinePutCancelled(t *testing.T) {
	runInline(t, func(t *testing.T, w *world) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		w.net.Silence(addr(1), true)
		_, err := w.f.Put(ctx, w.putRequest(strings.NewReader("x"), 1))
		require.Equal(t, swift.ClientGone, swift.KindOf(err))
		synctest.Wait()
		p, h := w.stored("")
		require.Zero(t, p+h)
		require.Empty(t, w.net.Open())
	})
}

// A kept connection that dies as soon as it is used costs nothing but another.
func TestInlinePutOverAStaleConnection(t *testing.T) {
	runInline(t, func(t *testing.T, w *world) {
		for range 2 {
			a, err := w.put(strings.NewReader("hello"), 5)
			require.NoError(t, err)
			require.Equal(t, 201, a.Status)
			w.net.CutOnWrite()
		}
		p, h := w.stored("hello")
		require.Equal(t, []int{6, 0}, []int{p, h})
		require.Equal(t, 2, w.net.Dials(addr(0)))
	})
}
