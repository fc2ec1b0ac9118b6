package object_test

import (
	"context"
	"net/http"
	"sort"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"apus/impl/diskfile"
	"apus/impl/host"
	"apus/sim/disk"
)

func TestContainerUpdate(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		status(t, n.put(1, "hello", append([]string{"X-Trans-Id", "tx1", "X-Backend-Storage-Policy-Index", "1"}, updateHeaders...)...), 201)
		if len(n.rows) != 1 {
			t.Fatalf("%d rows", len(n.rows))
		}
		r := n.rows[0]
		if r.Method != "PUT" || r.URL.Path != "/d9/12/AUTH_a/c/o" {
			t.Errorf("%s %s", r.Method, r.URL.Path)
		}
		for k, v := range map[string]string{
			"X-Size": "5", "X-Content-Type": "text/plain", "X-Timestamp": stamp(1), "X-Etag": helloMD5, "X-Trans-Id": "tx1",
			"X-Backend-Storage-Policy-Index": "1", "Referer": "PUT http://10.0.0.9:6200" + target, "User-Agent": "object-server node1",
		} {
			if got := r.Header.Get(k); got != v {
				t.Errorf("%s is %q, want %q", k, got, v)
			}
		}
		status(t, n.do("DELETE", target, "", append([]string{"X-Timestamp", stamp(2), "X-Backend-Storage-Policy-Index", "1"}, updateHeaders...)...), 204)
		if r := n.rows[1]; r.Method != "DELETE" || r.Header.Get("X-Timestamp") != stamp(2) || r.Header.Get("X-Size") != "" {
			t.Errorf("%s %v", r.Method, r.Header)
		}
		if p := n.pending("async_pending-1"); len(p) != 0 || n.asyncs != 0 {
			t.Errorf("pending %v", p)
		}
	})
}

func TestUpdateOverrides(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		status(t, n.put(1, "hello", append([]string{
			"X-Backend-Container-Update-Override-Size", "7", "X-Backend-Container-Update-Override-Etag", "first",
			"X-Object-Sysmeta-Container-Update-Override-Etag", "second", "X-Backend-Container-Update-Override-Content-Type", "x/y",
		}, updateHeaders...)...), 201)
		got := []string{}
		for _, k := range []string{"X-Size", "X-Etag", "X-Content-Type"} {
			got = append(got, n.rows[0].Header.Get(k))
		}
		if d := cmp.Diff([]string{"7", "second", "x/y"}, got); d != "" {
			t.Error(d)
		}
	})
}

func TestUpdateIsKept(t *testing.T) {
	for name, tc := range map[string]struct {
		answer  int
		header  []string
		want    int // files in async_pending
		waits   time.Duration
		silence bool
	}{
		"404":             {answer: 404, want: 1},
		"500":             {answer: 500, want: 1},
		"507":             {answer: 507, want: 1},
		"202":             {answer: 202},
		"refused":         {header: []string{"X-Container-Host", "10.0.0.2:6201"}, want: 1},
		"no host":         {header: []string{"X-Container-Host", ""}, want: 1},
		"uneven lists":    {header: []string{"X-Container-Host", "10.0.0.1:6201,10.0.0.2:6201"}},
		"no partition":    {header: []string{"X-Container-Partition", ""}},
		"silent":          {silence: true, want: 1, waits: 500 * time.Millisecond},
		"one of the two":  {header: []string{"X-Container-Host", "10.0.0.1:6201, 10.0.0.2:6201", "X-Container-Device", "d9, d8"}, want: 1},
		"container moved": {answer: 301, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, "", func(t *testing.T, n *node) {
				n.answer = func(*http.Request) int { return max(tc.answer, 201) }
				n.net.Silence("10.0.0.1:6201", tc.silence)
				start := time.Now()
				status(t, n.put(1, "hello", append(append([]string{"X-Container-Root-Db-State", "unsharded"}, updateHeaders...), tc.header...)...), 201)
				if d := time.Since(start); d < tc.waits || d > tc.waits+100*time.Millisecond {
					t.Errorf("took %v", d)
				}
				files := n.pending("async_pending")
				if len(files) != tc.want || n.asyncs != tc.want {
					t.Fatalf("pending %v, %d events", files, n.asyncs)
				}
				if tc.want == 0 {
					return
				}
				if !strings.HasSuffix(files[0], "-"+stamp(1)) {
					t.Errorf("file %s", files[0])
				}
				u := n.load(files[0])
				want := &diskfile.Update{Op: "PUT", Account: "AUTH_a", Container: "c", Object: "o", DBState: "unsharded", Headers: u.Headers}
				if d := cmp.Diff(want, u); d != "" {
					t.Error(d)
				}
				keys := []string{}
				for k := range u.Headers {
					keys = append(keys, k)
				}
				sort.Strings(keys)
				if d := cmp.Diff([]string{"Referer", "User-Agent", "X-Backend-Storage-Policy-Index", "X-Content-Type", "X-Etag", "X-Size", "X-Timestamp", "X-Trans-Id"}, keys); d != "" {
					t.Error(d)
				}
			})
		})
	}
}

// A container server that is slow does not hold up the client; the update goes
// on, and Close waits for it.
func TestLateUpdate(t *testing.T) {
	for _, tc := range []struct {
		answer, pending int
	}{{201, 0}, {503, 1}} {
		synctest.Test(t, func(t *testing.T) {
			n := newNode(t, "container_update_timeout = 0.2")
			n.answer = func(*http.Request) int {
				time.Sleep(2 * time.Second)
				return tc.answer
			}
			start := time.Now()
			status(t, n.put(1, "hello", updateHeaders...), 201)
			if d := time.Since(start); d > 300*time.Millisecond {
				t.Errorf("the client waited %v", d)
			}
			if err := n.server.Close(context.Background()); err != nil {
				t.Error(err)
			}
			if d := time.Since(start); d < 2*time.Second {
				t.Errorf("Close returned after %v", d)
			}
			if p := n.pending("async_pending"); len(p) != tc.pending {
				t.Errorf("%d: pending %v", tc.answer, p)
			}
			n.stop()
		})
	}
}

// When Close may not wait any longer the row is kept for later.
func TestCloseGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "container_update_timeout = 0.1\nnode_timeout = 60")
		n.answer = func(*http.Request) int { time.Sleep(30 * time.Second); return 201 }
		status(t, n.put(1, "hello", updateHeaders...), 201)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := n.server.Close(ctx); err == nil {
			t.Error("Close did not say that it gave up")
		}
		if p := n.pending("async_pending"); len(p) != 1 {
			t.Errorf("pending %v", p)
		}
		time.Sleep(time.Minute)
		n.stop()
	})
}

// The write is refused when its row is neither taken nor kept.
func TestUpdateCannotBeKept(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		n.answer = func(*http.Request) int { return 503 }
		n.machine.Disk(devices+"/d1").SetRule("tmp", disk.Rule{Ops: disk.OpCreate, Path: "/tmp/*", Err: host.ErrIO})
		status(t, n.put(1, "hello", updateHeaders...), 500)
	})
}

// Every operation of the disk fails once, in a PUT, a POST and a DELETE with
// updates that must be kept: the status never claims what did not happen.
func TestFailAnywhere(t *testing.T) {
	for at, done := int64(1), false; !done; at++ {
		synctest.Test(t, func(t *testing.T) {
			n := newNode(t, "")
			defer n.close()
			n.answer = func(*http.Request) int { return 503 }
			status(t, n.put(1, "old", updateHeaders...), 201)
			d := n.machine.Disk(devices + "/d1")
			first := d.Ops()
			d.FailAt(first+at, host.ErrIO)
			live := "old"
			if r := n.put(2, "new", updateHeaders...); r.Status == 201 {
				live = "new"
			} else if r.Status != 500 {
				t.Errorf("operation %d: PUT %d", at, r.Status)
			} else if got := n.do("GET", target, "").Body; got == "new" {
				live = got // written, but its row was lost
			}
			color := ""
			if r := n.do("POST", target, "", append([]string{"X-Timestamp", stamp(3), "X-Object-Meta-Color", "red"}, updateHeaders...)...); r.Status == 202 {
				color = "red"
			} else if r.Status != 500 {
				t.Errorf("operation %d: POST %d", at, r.Status)
			}
			r := n.do("GET", target, "")
			status(t, r, 200)
			if r.Body != live || color != "" && r.Header.Get("X-Object-Meta-Color") != color {
				t.Errorf("operation %d: %q %q, want %q %q", at, r.Body, r.Header.Get("X-Object-Meta-Color"), live, color)
			}
			if r := n.do("DELETE", target, "", append([]string{"X-Timestamp", stamp(4)}, updateHeaders...)...); r.Status == 204 {
				status(t, n.do("GET", target, ""), 404)
			} else if r.Status != 500 {
				t.Errorf("operation %d: DELETE %d", at, r.Status)
			}
			done = d.Ops() < first+at
		})
	}
}

// The same with footers, rows of the expirer's queue and a partition power
// that is about to grow: an object that expires has its row, sent or kept.
func TestFailAnywhereWithQueue(t *testing.T) {
	const path = "/d1/0/AUTH_a/c/o"
	power := append([]string{"X-Backend-Next-Part-Power", "1"}, updateHeaders...)
	queue := func(at string) []string {
		return append([]string{"X-Delete-At", at, "X-Delete-At-Host", ""}, power...)
	}
	// kept is whether a row of the queue waits.
	kept := func(n *node, op, at string) bool {
		for _, q := range n.queued() {
			if strings.HasPrefix(q, "pending "+op) && strings.HasSuffix(q, "/"+at+"-AUTH_a/c/o") {
				return true
			}
		}
		return false
	}
	for at, done := int64(1), false; !done; at++ {
		synctest.Test(t, func(t *testing.T) {
			n := newNode(t, "")
			defer n.close()
			n.answer = func(*http.Request) int { return 503 }
			d := n.machine.Disk(devices + "/d1")
			status(t, n.do("PUT", path, "old", append([]string{"X-Timestamp", stamp(1), "Content-Type", "a/b"}, power...)...), 201)
			first := d.Ops()
			d.FailAt(first+at, host.ErrIO)
			body := mime(objectDoc("new"), footerDoc(`{"X-Object-Meta-Color": "blue"}`))
			r := n.putAt(path, 2, strings.NewReader(body), append(queue(expires), footerHeaders...)...)
			if r.Status == 201 {
				if !kept(n, "PUT", expires) {
					t.Errorf("operation %d: PUT has no row", at)
				}
				if got := n.do("GET", path, ""); got.Body != "new" || got.Header.Get("X-Object-Meta-Color") != "blue" {
					t.Errorf("operation %d: %d %q", at, got.Status, got.Body)
				}
			} else if r.Status != 500 {
				t.Errorf("operation %d: PUT %d", at, r.Status)
			}
			if r = n.do("POST", path, "", append([]string{"X-Timestamp", stamp(3)}, queue(later)...)...); r.Status == 202 {
				if !kept(n, "PUT", later) {
					t.Errorf("operation %d: POST has no row", at)
				}
				headers(t, n.do("HEAD", path, ""), map[string]string{"X-Delete-At": later})
			} else if r.Status != 500 {
				t.Errorf("operation %d: POST %d", at, r.Status)
			}
			expiring := n.do("HEAD", path, "").Header.Get("X-Delete-At")
			if r = n.do("DELETE", path, "", append([]string{"X-Timestamp", stamp(4)}, power...)...); r.Status == 204 {
				status(t, n.do("GET", path, ""), 404)
				if expiring != "" && !kept(n, "DELETE", expiring) {
					t.Errorf("operation %d: DELETE leaves the row", at)
				}
			} else if r.Status != 500 {
				t.Errorf("operation %d: DELETE %d", at, r.Status)
			}
			done = d.Ops() < first+at
		})
	}
}
