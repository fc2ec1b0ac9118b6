package check_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"apus/impl/host"
	"apus/impl/swift"
	"apus/sim/check"
	"apus/sim/model"
	"apus/sim/workload"
	"apus/sim/workload/toyswift"
)

// toyNode is an object and container server of one map.
type toyNode struct {
	mu       sync.Mutex
	objects  map[string]*toyObject
	forget   bool // a crash forgets what was acknowledged last
	lastPath string
}

type toyObject struct {
	ts, meta swift.Timestamp
	live     bool
	header   http.Header
	body     []byte
}

func (n *toyNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	time.Sleep(3 * time.Millisecond)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	time.Sleep(2 * time.Millisecond)
	n.mu.Lock()
	defer n.mu.Unlock()
	parts := strings.SplitN(r.URL.Path, "/", 6) // "", device, partition, account, container, object
	ts, _ := swift.ParseTimestamp(r.Header.Get("X-Timestamp"))
	if len(parts) < 6 {
		n.list(w, r)
		return
	}
	o := n.objects[parts[5]]
	if o == nil {
		o = &toyObject{}
		n.objects[parts[5]] = o
	}
	newest := max(o.ts.Ticks(), o.meta.Ticks())
	rows := r.Header.Get("X-Size") != "" || strings.HasPrefix(parts[2], "9")
	status := http.StatusNotFound
	switch {
	case r.Method == "GET" && o.live:
		for k, v := range o.header {
			w.Header()[k] = v
		}
		w.Header().Set("X-Timestamp", swift.NewTimestamp(newest, 0).Normal())
		_, _ = w.Write(o.body)
		return
	case r.Method == "GET" || r.Method == "POST" && !o.live:
	case r.Method == "POST" && newest >= ts.Ticks(), r.Method == "PUT" && !o.ts.Before(ts) && !rows, r.Method == "DELETE" && o.live && !o.ts.Before(ts) && !rows:
		status = http.StatusConflict
	case r.Method == "POST":
		o.meta, status = ts, http.StatusAccepted
		o.header.Set("X-Object-Meta-Post", r.Header.Get("X-Object-Meta-Post"))
	default:
		status = n.replace(o, r, ts, body, parts[5])
	}
	w.WriteHeader(status)
}

// replace does PUT and DELETE, of objects and of rows.
func (n *toyNode) replace(o *toyObject, r *http.Request, ts swift.Timestamp, body []byte, path string) int {
	status := http.StatusCreated
	if r.Method == "DELETE" {
		status = http.StatusNoContent
		if !o.live && !strings.HasPrefix(r.URL.Path, "/d1/9") {
			status = http.StatusNotFound
		}
	}
	if !o.ts.Before(ts) {
		return status
	}
	ct := r.Header.Get("X-Content-Type")
	if ct == "" {
		ct = r.Header.Get("Content-Type")
	}
	next := toyObject{ts: ts, live: r.Method == "PUT", body: body, header: http.Header{"Content-Type": {ct}}}
	if id := r.Header.Get("X-Object-Sysmeta-Value"); id != "" {
		next.header.Set("X-Object-Sysmeta-Value", id)
	}
	next.header.Set("Etag", r.Header.Get("X-Etag"))
	if next.live && o.live && o.meta.After(ts) {
		next.meta = o.meta
		next.header.Set("X-Object-Meta-Post", o.header.Get("X-Object-Meta-Post"))
	}
	*o = next
	n.lastPath = path
	return status
}

func (n *toyNode) list(w http.ResponseWriter, r *http.Request) {
	if r.Method == "PUT" {
		w.WriteHeader(http.StatusCreated)
		return
	}
	rows := []map[string]string{}
	for name, o := range n.objects {
		if o.live {
			rows = append(rows, map[string]string{"name": name, "content_type": o.header.Get("Content-Type"), "hash": o.header.Get("Etag"), "last_modified": o.ts.ISO()})
		}
	}
	slices.SortFunc(rows, func(a, b map[string]string) int { return strings.Compare(a["name"], b["name"]) })
	_ = json.NewEncoder(w).Encode(rows)
}

// runNode drives the toy through two crashes.
func runNode(t *testing.T, cfg workload.NodeConfig, forget bool) *model.NodeHistory {
	t.Helper()
	var h *model.NodeHistory
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		network := &toyswift.Net{}
		node := &toyNode{objects: map[string]*toyObject{}, forget: forget}
		var crashes []model.Crash
		var wg sync.WaitGroup
		wg.Go(func() {
			for range 3 {
				l, err := network.Listen("10.0.0.1:6200")
				if err != nil {
					t.Error(err)
				}
				srv := &http.Server{Handler: node}
				done := make(chan error)
				go func() { done <- srv.Serve(l) }()
				time.Sleep(900 * time.Millisecond)
				down := time.Since(start)
				_ = srv.Close()
				<-done
				time.Sleep(300 * time.Millisecond)
				if node.forget {
					node.mu.Lock()
					delete(node.objects, node.lastPath)
					node.mu.Unlock()
				}
				crashes = append(crashes, model.Crash{At: down, Back: time.Since(start), PowerCut: true})
			}
		})
		var err error
		h, err = workload.RunNode(t.Context(), cfg, workload.NodeWorld{
			Net: func(int) host.Net { return network }, Addr: "10.0.0.1:6200", Device: "d1",
			Partition: func(p swift.Path) uint32 {
				if cfg.Subject == workload.NodeRows {
					return 9
				}
				return 1
			},
			Start: start, Epoch: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		})
		if err != nil {
			t.Error(err)
		}
		wg.Wait()
		h.Crashes = crashes
	})
	return h
}

func TestNodeWorkloads(t *testing.T) {
	for _, rows := range []bool{false, true} {
		subject := workload.NodeObjects
		if rows {
			subject = workload.NodeRows
		}
		cfg := workload.NodeConfig{Clients: 4, Steps: 60, Names: 3, Think: 20 * time.Millisecond, Timeout: 10 * time.Second, MaxSize: 5000, Subject: subject}
		decide := func(h *model.NodeHistory) check.Verdict {
			if rows {
				v, _ := check.ContainerNode(h, false, check.DefaultLimits())
				return v
			}
			v, _ := check.ObjectNode(h, check.DefaultLimits())
			return v
		}
		found := false
		for seed := range uint64(6) {
			cfg.Seed = seed
			h := runNode(t, cfg, false)
			statuses := map[int]int{}
			for _, o := range h.Ops {
				statuses[o.Status]++
			}
			if v := decide(h); v.Checked == 0 || v.Undecided > 0 || len(v.Violations) > 0 {
				t.Errorf("rows %t, seed %d: %+v", rows, seed, v)
			}
			if statuses[0] == 0 || statuses[201] == 0 || statuses[200] == 0 || !rows && statuses[409] == 0 {
				t.Errorf("rows %t, seed %d: statuses %v", rows, seed, statuses)
			}
			found = found || len(decide(runNode(t, cfg, true)).Violations) > 0
		}
		if !found {
			t.Errorf("rows %t: a node that forgets was not found", rows)
		}
	}
}
