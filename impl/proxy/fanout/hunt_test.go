package fanout

import (
	"net/http"
	"testing"
)

// TestPreconditionsOfReplicas judges answers to a read with a condition: 412
// says as much about what a node has as 404 does.
func TestPreconditionsOfReplicas(t *testing.T) {
	const older, newer = "1000000001.00000", "1000000002.00000"
	stamped := func(ts string) http.Header {
		if ts == "" {
			return http.Header{}
		}
		return http.Header{"X-Backend-Timestamp": {ts}}
	}
	type answer struct {
		handoff bool
		status  int
		stamp   string
	}
	for _, c := range []struct {
		name    string
		answers []answer
		want    int // status of the verdict; 200: the last answer is a source
	}{
		{"tombstones beat what a handoff kept", []answer{{false, 412, newer}, {false, 412, newer}, {false, 412, newer}, {true, 200, older}}, 412},
		{"a newer object that does not match beats an older that does", []answer{{false, 412, newer}, {false, 412, newer}, {true, 200, older}}, 412},
		{"a stale replica that does not match does not hide the object", []answer{{false, 412, older}, {false, 200, newer}}, 200},
		{"one primary that never heard of the object is not believed", []answer{{false, 412, ""}, {false, 200, older}}, 200},
		{"handoffs that never heard of it are not counted", []answer{{false, 503, ""}, {false, 503, ""}, {true, 412, ""}, {true, 412, ""}, {true, 412, ""}}, 503},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHunt(ServerObject, true, 3, 1)
			var last verdict
			for _, a := range c.answers {
				last = h.judge(&Node{Handoff: a.handoff}, a.status, stamped(a.stamp))
			}
			got := h.verdict().Status
			if last == source {
				got = http.StatusOK
			}
			if got != c.want {
				t.Errorf("verdict is %d, want %d", got, c.want)
			}
		})
	}
}
