package object_test

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	expires = "1790000500"
	later   = "1790090500"
)

// queueHeaders name two container servers for the queue.
var queueHeaders = []string{
	"X-Delete-At-Container", "1789948770", "X-Delete-At-Partition", "5",
	"X-Delete-At-Host", "10.0.0.1:6201, 10.0.0.1:6201", "X-Delete-At-Device", "e1, e2",
}

// queued describes what was sent to the queue's containers and what waits for
// them: "PUT path" and "pending DELETE path".
func (n *node) queued() []string {
	out := []string{}
	n.mu.Lock()
	for _, r := range n.rows {
		if strings.Contains(r.URL.Path, "expiring") {
			out = append(out, r.Method+" "+r.URL.Path)
		}
	}
	n.mu.Unlock()
	for _, f := range n.pending("async_pending") {
		if u := n.load(f); u.Account == ".expiring_objects" {
			out = append(out, "pending "+u.Op+" "+u.Container+"/"+u.Object)
		}
	}
	sort.Strings(out)
	return out
}

func TestQueueUpdates(t *testing.T) {
	const (
		o       = "-AUTH_a/c/o"
		sent1   = "PUT /e1/5/.expiring_objects/1789948770/" + expires + o
		sent2   = "PUT /e2/5/.expiring_objects/1789948770/" + expires + o
		removed = "pending DELETE 1789948770/" + expires + o
	)
	with := func(lists ...[]string) []string { return slices.Concat(lists...) }
	at := func(v string) []string { return []string{"X-Delete-At", v} }
	typed := []string{"Content-Type", "a/b"}
	for _, tc := range []struct {
		name   string
		before []string // headers of a PUT that comes first
		method string
		header []string
		status int
		want   []string
	}{
		{"PUT", nil, "PUT", with(typed, at(expires), queueHeaders), 201, []string{sent1, sent2}},
		{"PUT without X-Delete-At", nil, "PUT", with(typed, queueHeaders), 201, []string{}},
		{"PUT, told to nobody", nil, "PUT", with(typed, at(expires)), 201, []string{}},
		{"PUT, empty host", nil, "PUT", with(typed, at(expires), []string{"X-Delete-At-Host", ""}), 201, []string{"pending PUT 1789948770/" + expires + o}},
		{"PUT, no partition", nil, "PUT", with(typed, at(expires), queueHeaders, []string{"X-Delete-At-Partition", ""}), 201, []string{"pending PUT 1789948770/" + expires + o}},
		{"PUT, no container", nil, "PUT", with(typed, at(expires), queueHeaders, []string{"X-Delete-At-Container", ""}), 201, []string{sent1, sent2}},
		{"PUT, odd container", nil, "PUT", with(typed, at(expires), queueHeaders, []string{"X-Delete-At-Container", "odd"}), 201, []string{sent1, sent2}},
		{"PUT, other container", nil, "PUT", with(typed, at(expires), queueHeaders, []string{"X-Delete-At-Container", "7"}), 201,
			[]string{"PUT /e1/5/.expiring_objects/0000000007/" + expires + o, "PUT /e2/5/.expiring_objects/0000000007/" + expires + o}},
		{"PUT by a replicator", nil, "PUT", with(typed, at(expires), queueHeaders, []string{"X-Backend-Replication", "True"}), 201, []string{}},
		{"PUT over the same time", at(expires), "PUT", with(typed, at(expires), queueHeaders), 201, []string{sent1, sent2}},
		{"PUT over another time", at(expires), "PUT", with(typed, at(later), queueHeaders, []string{"X-Delete-At-Container", "1790035133"}), 201, []string{
			"PUT /e1/5/.expiring_objects/1790035133/" + later + o, "PUT /e2/5/.expiring_objects/1790035133/" + later + o, removed}},
		{"PUT that stays", at(expires), "PUT", typed, 201, []string{removed}},
		{"PUT that stays, others clean", at(expires), "PUT", with(typed, []string{"X-Backend-Clean-Expiring-Object-Queue", "f"}), 201, []string{}},
		{"PUT that stays, by a replicator", at(expires), "PUT", with(typed, []string{"X-Backend-Replication", "True"}), 201, []string{}},
		{"POST", []string{}, "POST", with(at(expires), queueHeaders), 202, []string{sent1, sent2}},
		{"POST of the same time", at(expires), "POST", with(at(expires), queueHeaders), 202, []string{sent1, sent2}},
		{"POST that stays", at(expires), "POST", nil, 202, []string{removed}},
		{"POST that stays, others clean", at(expires), "POST", []string{"X-Backend-Clean-Expiring-Object-Queue", "false"}, 202, []string{}},
		{"DELETE", at(expires), "DELETE", nil, 204, []string{removed}},
		{"DELETE, others clean", at(expires), "DELETE", []string{"X-Backend-Clean-Expiring-Object-Queue", "f"}, 204, []string{}},
		{"DELETE by a replicator", at(expires), "DELETE", []string{"X-Backend-Replication", "t"}, 204, []string{}},
		{"DELETE of what stays", []string{}, "DELETE", nil, 204, []string{}},
		{"DELETE, too old", at(expires), "DELETE", []string{"X-Timestamp", stamp(0)}, 409, []string{}},
		{"DELETE, not the time", at(expires), "DELETE", []string{"X-If-Delete-At", later}, 412, []string{}},
		{"DELETE by the expirer", at(expires), "DELETE", []string{"X-If-Delete-At", expires, "X-Timestamp", expires, "X-Backend-Clean-Expiring-Object-Queue", "no"}, 204, []string{}},
		{"DELETE of what has expired", at(expires), "DELETE", []string{"X-Timestamp", stamp(600)}, 404, []string{removed}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, "", func(t *testing.T, n *node) {
				if tc.before != nil {
					status(t, n.put(1, "hello", tc.before...), 201)
				}
				status(t, n.do(tc.method, target, "hello!", append([]string{"X-Timestamp", stamp(2)}, tc.header...)...), tc.status)
				if d := cmp.Diff(tc.want, n.queued()); d != "" {
					t.Error(d)
				}
			})
		})
	}
}

func TestQueueRowHeaders(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		h := slices.Concat([]string{"X-Delete-At", expires, "X-Backend-Storage-Policy-Index", "1", "X-Trans-Id", "tx7"}, queueHeaders)
		status(t, n.put(1, "hello", h...), 201)
		status(t, n.do("POST", target, "", append([]string{"X-Timestamp", stamp(2)}, h...)...), 202)
		if len(n.rows) != 4 {
			t.Fatalf("%d rows", len(n.rows))
		}
		for i, ts := range []string{stamp(1), stamp(1), stamp(2), stamp(2)} {
			for k, v := range map[string]string{
				"X-Size": "0", "X-Etag": "d41d8cd98f00b204e9800998ecf8427e", "X-Content-Type": "text/plain;swift_expirer_bytes=5",
				"X-Content-Type-Timestamp": stamp(1), "X-Timestamp": ts, "X-Trans-Id": "tx7",
				"X-Backend-Storage-Policy-Index": "0", "User-Agent": "object-server node1",
			} {
				if got := n.rows[i].Header.Get(k); got != v {
					t.Errorf("row %d: %s is %q, want %q", i, k, got, v)
				}
			}
		}
		status(t, n.do("DELETE", target, "", "X-Timestamp", stamp(3), "X-Backend-Storage-Policy-Index", "1"), 204)
		files := n.pending("async_pending-1") // of the object's policy, whatever the row's
		if len(files) != 1 || !strings.HasSuffix(path.Base(files[0]), "-"+stamp(3)) {
			t.Fatalf("pending %v", files)
		}
		want := map[string]string{
			"X-Timestamp": stamp(3), "X-Trans-Id": "-", "X-Backend-Storage-Policy-Index": "0",
			"Referer": "DELETE http://10.0.0.9:6200" + target, "User-Agent": "object-server node1",
		}
		if d := cmp.Diff(want, n.load(files[0]).Headers); d != "" {
			t.Error(d)
		}
	})
}

// The queue is told before the client is answered, beyond
// container_update_timeout; a container server that is silent costs
// node_timeout and leaves the row in async_pending.
func TestQueueIsWaitedFor(t *testing.T) {
	bubble(t, "container_update_timeout = 0.2\nnode_timeout = 3", func(t *testing.T, n *node) {
		n.answer = func(*http.Request) int { time.Sleep(5 * time.Second); return 201 }
		start := time.Now()
		status(t, n.put(1, "hello", append([]string{"X-Delete-At", expires}, queueHeaders...)...), 201)
		if d := time.Since(start); d < 3*time.Second || d > 4*time.Second {
			t.Errorf("the client waited %v", d)
		}
		if got := n.queued(); !slices.Contains(got, fmt.Sprintf("pending PUT 1789948770/%s-AUTH_a/c/o", expires)) {
			t.Errorf("pending: %v", got)
		}
		time.Sleep(10 * time.Second)
	})
}
