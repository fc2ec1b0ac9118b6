package fanout

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"apus/impl/web"
)

func TestSortByLoad(t *testing.T) {
	for _, c := range []struct {
		loads []int64
		want  string // places before
	}{
		{nil, ""}, {[]int64{3}, "0"}, {[]int64{0, 0, 0}, "012"}, {[]int64{2, 1, 0}, "210"}, {[]int64{1, 0, 1, 0, 2}, "13024"},
	} {
		var nodes []*Node
		for i, load := range c.loads {
			n := &Node{key: string(rune('0' + i)), load: new(atomic.Int64)}
			n.load.Store(load)
			nodes = append(nodes, n)
		}
		sortByLoad(nodes)
		got := ""
		for _, n := range nodes {
			got += n.key
		}
		require.Equal(t, c.want, got)
	}
}

// While bodies are being read the next reads go elsewhere, and when all is over
// nothing counts any more.
func TestReadsSpread(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		body := strings.Repeat("x", 300_000)
		w.all(func(_ *storage, rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Etag", etagOf(body))
			_, _ = io.WriteString(rw, body)
		})
		for range 10 {
			var open []*web.Response
			for range 6 {
				open = append(open, w.get(nil))
			}
			for i := range 3 {
				require.EqualValues(t, 2, w.f.loads.of(w.ring.Devices()[i]).Load(), "node %d", i)
			}
			for i, resp := range open {
				if i%2 == 0 {
					_, err := io.Copy(io.Discard, resp.Body)
					require.NoError(t, err)
				}
				require.NoError(t, resp.Body.Close())
			}
		}
		a, err := w.put(strings.NewReader("hello"), 5)
		require.NoError(t, err)
		require.Equal(t, 200, a.Status)
		for i, d := range w.ring.Devices() {
			require.Zero(t, w.f.loads.of(d).Load(), "node %d", i)
		}
	})
}
