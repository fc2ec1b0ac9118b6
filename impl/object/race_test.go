package object_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"apus/impl/web/webtest"
)

// TestDeletesRace lets a newer DELETE overtake an older one at every step of
// its way to the disk. Whichever is first, each of them finds an object or a
// tombstone, never data that are newer: 409 would be a lie.
func TestDeletesRace(t *testing.T) {
	// Those that begin together are tried often: the scheduler decides.
	delays := make([]time.Duration, 50)
	for behind := time.Duration(0); behind < 6*time.Millisecond; behind += 50 * time.Microsecond {
		delays = append(delays, behind)
	}
	for _, behind := range delays {
		bubble(t, "", func(t *testing.T, n *node) {
			status(t, n.put(1, "content"), http.StatusCreated)
			var older, newer webtest.Result
			var both sync.WaitGroup
			both.Go(func() { older = n.do("DELETE", target, "", "X-Timestamp", stamp(2)) })
			both.Go(func() {
				time.Sleep(behind)
				newer = n.do("DELETE", target, "", "X-Timestamp", stamp(3))
			})
			both.Wait()
			for name, got := range map[string]int{"older": older.Status, "newer": newer.Status} {
				if got != http.StatusNoContent && got != http.StatusNotFound {
					t.Errorf("the newer DELETE %v behind: the %s one answers %d, want 204 or 404", behind, name, got)
				}
			}
			gone := n.do("GET", target, "")
			status(t, gone, http.StatusNotFound)
			headers(t, gone, map[string]string{"X-Backend-Timestamp": stamp(3)})
		})
	}
}
