package object_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apus/impl/diskfile"
	"apus/impl/pickle"
	"apus/impl/policy"
	"apus/impl/swift"
	"apus/impl/web/webtest"
)

func TestMethods(t *testing.T) {
	for _, tc := range []struct {
		options, allow string
		replicate      int
	}{
		{"", "DELETE, GET, HEAD, OPTIONS, POST, PUT, REPLICATE", 200},
		{"replication_server = true", "DELETE, GET, HEAD, OPTIONS, POST, PUT, REPLICATE", 200},
		{"replication_server = false", "DELETE, GET, HEAD, OPTIONS, POST, PUT", 405},
	} {
		bubble(t, tc.options, func(t *testing.T, n *node) {
			r := n.do("OPTIONS", "/", "")
			status(t, r, 200)
			headers(t, r, map[string]string{"Allow": tc.allow, "Server": "object-server/" + swift.Release})
			status(t, n.do("REPLICATE", "/d1/7", ""), tc.replicate)
			status(t, n.put(1, "hello"), 201)
			for method, want := range map[string]int{"GET": 200, "HEAD": 200, "REPORT": 405, "SSYNC": 405, "__call__": 405, "container_update": 405} {
				if got := n.do(method, target, ""); got.Status != want {
					t.Errorf("%q: %s is %d, want %d", tc.options, method, got.Status, want)
				}
			}
		})
	}
}

// Options that tune Python have no effect here and must not stop a boot.
func TestPythonOptions(t *testing.T) {
	bubble(t, "disk_chunk_size = 65536\nnetwork_chunk_size = 65536\neventlet_tpool_num_threads = auto\nthreads_per_disk = 4\n"+
		"replication_concurrency = 4\nreplication_lock_timeout = 15\nsplice = no\nauto_create_account_prefix = .",
		func(t *testing.T, n *node) { status(t, n.put(1, "hello"), 201) })
}

func TestNames(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		for _, tc := range []struct {
			name, path string
			status     int
		}{
			{"reserved", "/d1/7/a/\x00c\x00x/\x00o\x00y", 201},
			{"reserved object in user container", "/d1/7/a/c/\x00o", 400},
			{"user object in reserved container", "/d1/7/a/\x00c/o", 400},
			{"NUL inside object", "/d1/7/a/c/o\x00", 400},
			{"NUL inside container", "/d1/7/a/c\x00/o", 400},
			{"NUL inside account", "/d1/7/a\x00/c/o", 400},
			{"user object in Swift's own account", "/d1/7/.misplaced_objects/c/\x00o", 201},
			{"special characters", "/d1/7/a/c/special昆%20/%", 201},
			{"slashes", "/d1/7/a/c//o//", 201},
			{"not UTF-8", "/d1/7/a/c/\xff", 412},
		} {
			for _, method := range []string{"PUT", "POST", "GET", "HEAD", "DELETE"} {
				want := tc.status
				if want == 201 {
					want = map[string]int{"PUT": 201, "POST": 202, "GET": 200, "HEAD": 200, "DELETE": 204}[method]
				}
				second := map[string]int64{"PUT": 1, "POST": 2, "DELETE": 3}[method]
				r := n.do(method, tc.path, "", "X-Timestamp", stamp(second), "Content-Type", "a/b")
				if r.Status != want {
					t.Errorf("%s: %s is %d, want %d: %s", tc.name, method, r.Status, want, r.Body)
				}
			}
		}
	})
}

// A policy that is not known is noticed before a path that makes no sense.
func TestUnknownPolicy(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		for _, method := range []string{"GET", "HEAD", "PUT", "POST", "DELETE", "REPLICATE"} {
			r := n.do(method, "/x", "", "X-Backend-Storage-Policy-Index", "7")
			status(t, r, 503)
			if r.Body != "No policy with index 7" {
				t.Errorf("%s: %q", method, r.Body)
			}
		}
	})
}

// The bytes are those of pickle.dumps(…, protocol=2) of CPython 3.13.
func TestReplicateBytes(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		empty := n.do("REPLICATE", "/d1/7", "")
		status(t, empty, 200)
		if empty.Body != "\x80\x02}q\x00." {
			t.Errorf("%q", empty.Body)
		}
		status(t, n.put(1, "hello"), 201)
		r := n.do("REPLICATE", "/d1/7", "")
		name := stamp(1) + ".data"
		want := "\x80\x02}q\x00X\x03\x00\x00\x00" + suffix(n) + "q\x01X \x00\x00\x00" + sum(name) + "q\x02s."
		if r.Body != want {
			t.Errorf("%q, want %q", r.Body, want)
		}
		status(t, n.do("REPLICATE", "/d2/7", ""), 507)
		status(t, n.do("REPLICATE", "/d1/x", ""), 400)
		status(t, n.do("REPLICATE", "/d1", ""), 400)
	})
}

func suffix(n *node) string {
	h, _ := swift.NewHasher("", "changeme")
	return h.Hash(swift.Path{Account: "AUTH_a", Container: "c", Object: "o"}).Suffix()
}

// hashes is the answer to REPLICATE of the partition.
func (n *node) hashes() map[string]string {
	v, err := pickle.Decode([]byte(n.do("REPLICATE", "/d1/7", "").Body))
	if err != nil {
		n.t.Fatal(err)
	}
	out := map[string]string{}
	for _, it := range v.(pickle.Dict) {
		k, _ := pickle.Text(it.Key)
		out[k], _ = pickle.Text(it.Value)
	}
	return out
}

// What a peer put below a suffix behind our back shows after a REPLICATE with
// that suffix, which itself answers None.
func TestReplicateSuffixes(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		status(t, n.put(1, "hello"), 201)
		before := n.hashes()
		dir := devices + "/d1/objects/7/" + suffix(n)
		entries, err := n.host.FS.ReadDir(dir)
		if err != nil || len(entries) != 1 {
			t.Fatal(entries, err)
		}
		obj := dir + "/" + entries[0].Name() + "/"
		if err := n.host.FS.Rename(obj+stamp(1)+".data", obj+stamp(2)+".data"); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(before, n.hashes()); d != "" {
			t.Errorf("noticed by itself: %s", d)
		}
		r := n.do("REPLICATE", "/d1/7/"+suffix(n)+"-000-..-zzz-", "")
		status(t, r, 200)
		if r.Body != "\x80\x02N." {
			t.Errorf("%q", r.Body)
		}
		if d := cmp.Diff(map[string]string{suffix(n): sum(stamp(2) + ".data")}, n.hashes()); d != "" {
			t.Error(d)
		}
	})
}

func FuzzSuffixes(f *testing.F) {
	f.Add("a83-0f1")
	f.Add("../../..-")
	f.Add("-/-")
	f.Fuzz(func(t *testing.T, list string) {
		n := newNode(t, "")
		defer n.close()
		status(t, n.put(1, "hello"), 201)
		r := n.do("REPLICATE", "/d1/7/"+list, "")
		if r.Status != 200 && r.Status != 412 {
			t.Errorf("%q: %d", list, r.Status)
		}
		if got := n.hashes(); len(got) != 1 || got[suffix(n)] != sum(stamp(1)+".data") {
			t.Errorf("%q: %v", list, got)
		}
	})
}

func TestNextPartPower(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		h, _ := swift.NewHasher("", "changeme")
		hash := h.Hash(swift.Path{Account: "AUTH_a", Container: "c", Object: "o"})
		next := uint32(hash[0])<<2 | uint32(hash[1])>>6 // power 10
		path := fmt.Sprintf("/d1/%d/AUTH_a/c/o", next>>1)
		other := fmt.Sprintf("/d1/%d/AUTH_a/c/o", next)
		status(t, n.do("PUT", path, "hello", "X-Timestamp", stamp(1), "Content-Type", "a/b", "X-Backend-Next-Part-Power", "10"), 201)
		if r := n.do("GET", other, ""); r.Body != "hello" {
			t.Errorf("%d %q in the partition to come", r.Status, r.Body)
		}
		status(t, n.do("POST", path, "", "X-Timestamp", stamp(2), "X-Object-Meta-A", "a", "X-Backend-Next-Part-Power", "10"), 202)
		headers(t, n.do("HEAD", other, ""), map[string]string{"X-Object-Meta-A": "a"})
		status(t, n.do("DELETE", path, "", "X-Timestamp", stamp(3), "X-Backend-Next-Part-Power", "10"), 204)
		gone := n.do("GET", other, "")
		status(t, gone, 404)
		headers(t, gone, map[string]string{"X-Backend-Timestamp": stamp(3)})
		for _, bad := range []string{"x", "0", "33", "-1"} {
			status(t, n.do("PUT", path, "", "X-Timestamp", stamp(4), "Content-Type", "a/b", "X-Backend-Next-Part-Power", bad), 400)
		}
		status(t, n.do("PUT", path, "", "X-Timestamp", stamp(4), "Content-Type", "a/b", "X-Backend-Next-Part-Power", "None"), 201)
		status(t, n.do("GET", other, ""), 404)
	})
}

func TestDeleteAtRules(t *testing.T) {
	now := strings.TrimLeft(strings.Split(stamp(10), ".")[0], "0")
	for _, tc := range []struct {
		name, method string
		header       []string
		status       int
	}{
		{"PUT now", "PUT", []string{"X-Delete-At", now}, 400},
		{"PUT zero", "PUT", []string{"X-Delete-At", "0"}, 400},
		{"PUT negative", "PUT", []string{"X-Delete-At", "-5"}, 400},
		{"PUT past, by a replicator", "PUT", []string{"X-Delete-At", "5", "X-Backend-Replication", "true"}, 201},
		{"PUT after zero", "PUT", []string{"X-Delete-After", "0"}, 400},
		{"PUT after negative", "PUT", []string{"X-Delete-After", "-1"}, 400},
		{"PUT after nonsense", "PUT", []string{"X-Delete-After", "1.5"}, 400},
		{"PUT after one", "PUT", []string{"X-Delete-After", "1"}, 201},
		{"POST now", "POST", []string{"X-Delete-At", now}, 202},
		{"POST past", "POST", []string{"X-Delete-At", "1790000009"}, 400},
		{"POST past, by a replicator", "POST", []string{"X-Delete-At", "1790000009", "X-Backend-Replication", "true"}, 400},
		{"POST zero", "POST", []string{"X-Delete-At", "0"}, 202},
		{"POST nonsense", "POST", []string{"X-Delete-At", "soon"}, 400},
		{"POST bad content type time", "POST", []string{"Content-Type-Timestamp", "x"}, 400},
	} {
		bubble(t, "", func(t *testing.T, n *node) {
			status(t, n.put(1, "hello"), 201)
			r := n.do(tc.method, target, "", append([]string{"X-Timestamp", stamp(10), "Content-Type", "a/b"}, tc.header...)...)
			if r.Status != tc.status {
				t.Errorf("%s: %d, want %d: %s", tc.name, r.Status, tc.status, r.Body)
			}
		})
	}
}

// Forms of X-If-Delete-At. An offset is part of a time.
func TestIfDeleteAtForms(t *testing.T) {
	at := swift.NewTimestamp(1_790_000_500*swift.TicksPerSecond, 0)
	for v, want := range map[string]int{
		expires: 204, at.Normal(): 204, at.Internal(): 204, expires + ":": 400, at.ISO(): 400, "": 400,
		swift.NewTimestamp(at.Ticks()+1, 0).Normal(): 412, swift.NewTimestamp(at.Ticks()-1, 0).Normal(): 412,
		at.WithOffset(1).Internal(): 412, at.WithOffset(15).Internal(): 412,
	} {
		bubble(t, "", func(t *testing.T, n *node) {
			status(t, n.put(1, "hello", "X-Delete-At", expires), 201)
			if r := n.do("DELETE", target, "", "X-Timestamp", stamp(2), "X-If-Delete-At", v); r.Status != want {
				t.Errorf("%q: %d, want %d", v, r.Status, want)
			}
			status(t, n.do("GET", target, ""), map[bool]int{true: 404, false: 200}[want == 204])
			status(t, n.do("DELETE", target, "", "X-Timestamp", stamp(1), "X-If-Delete-At", expires), 409)
		})
	}
}

// An object that has expired may be read and changed by whoever asks for it,
// but is in nobody's way.
func TestExpiredIsOpened(t *testing.T) {
	for _, header := range []string{"X-Backend-Open-Expired", "X-Backend-Replication"} {
		bubble(t, "", func(t *testing.T, n *node) {
			status(t, n.put(1, "hello", "X-Delete-At", expires), 201)
			for _, method := range []string{"GET", "HEAD"} {
				status(t, n.do(method, target, "", "X-Timestamp", stamp(600)), 404)
				status(t, n.do(method, target, "", "X-Timestamp", stamp(600), header, "true"), 200)
			}
			status(t, n.do("POST", target, "", "X-Timestamp", stamp(600)), 404)
			status(t, n.do("POST", target, "", "X-Timestamp", stamp(600), header, "yes"), 202)
			status(t, n.do("GET", target, "", "X-Timestamp", stamp(601)), 200)
		})
	}
	bubble(t, "", func(t *testing.T, n *node) {
		status(t, n.put(1, "hello", "X-Delete-At", expires), 201)
		r := n.do("PUT", target, "again", "X-Timestamp", stamp(600), "Content-Type", "a/b", "If-None-Match", "*", "X-Backend-Open-Expired", "true")
		status(t, r, 201)
	})
}

func TestZeroBytesWithBadEtag(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		status(t, n.put(1, "", "Etag", "bad"), 422)
		status(t, n.put(1, "", "Etag", `"d41d8cd98f00b204e9800998ecf8427e"`), 201)
	})
}

func TestIfNoneMatchStarOverTombstone(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		status(t, n.do("DELETE", target, "", "X-Timestamp", stamp(5)), 404)
		r := n.put(4, "x", "If-None-Match", "*")
		status(t, r, 409)
		headers(t, r, map[string]string{"X-Backend-Timestamp": stamp(5)})
		status(t, n.put(6, "x", "If-None-Match", "*"), 201)
		status(t, n.put(7, "x", "If-None-Match", "*"), 412)
	})
}

func TestReplicationHeaders(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		status(t, n.put(1, "hello", "X-Backend-Replication-Headers", "X-Some Content-Type", "X-Some", "value", "X-Other", "no"), 201)
		d, err := disks(n).Device("d1")
		if err != nil {
			t.Fatal(err)
		}
		f, err := d.Object(policy.Default().Default(), 7, swift.Path{Account: "AUTH_a", Container: "c", Object: "o"}).Open(diskfile.OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		if f.Metadata["X-Some"] != "value" || f.Metadata["X-Other"] != "" {
			t.Errorf("%v", f.Metadata)
		}
	})
}

func disks(n *node) *diskfile.Manager {
	h, _ := swift.NewHasher("", "changeme")
	return diskfile.New(n.host, h, diskfile.DefaultConfig(), nil)
}

func TestSlow(t *testing.T) {
	bubble(t, "slow = 2", func(t *testing.T, n *node) {
		for method, want := range map[string]time.Duration{"PUT": 2 * time.Second, "DELETE": 2 * time.Second, "GET": 0} {
			start := time.Now()
			n.do(method, target, "", "X-Timestamp", stamp(1), "Content-Type", "a/b")
			if d := time.Since(start); d < want || d > want+100*time.Millisecond {
				t.Errorf("%s took %v", method, d)
			}
		}
	})
}

func TestSlowDeleteIsLogged(t *testing.T) {
	for threshold, logged := range map[string]bool{"0": true, "-1": false, "120": false} {
		bubble(t, "slow_delete_log_threshold_seconds = "+threshold, func(t *testing.T, n *node) {
			var log strings.Builder
			n.host.Log = slog.New(slog.NewTextHandler(&log, nil))
			n.reboot("slow_delete_log_threshold_seconds = " + threshold)
			status(t, n.put(1, "x"), 201)
			status(t, n.do("DELETE", target, "", "X-Timestamp", stamp(2)), 204)
			if strings.Contains(log.String(), "slow DELETE") != logged {
				t.Errorf("threshold %s: %s", threshold, log.String())
			}
		})
	}
}

func TestMaxUploadTime(t *testing.T) {
	bubble(t, "max_upload_time = 1", func(t *testing.T, n *node) {
		req := webtest.Request("PUT", target, "X-Timestamp", stamp(1), "Content-Type", "a/b")
		req.Body, req.ContentLength = io.MultiReader(strings.NewReader("he"), &late{2 * time.Second}, strings.NewReader("llo")), -1
		status(t, webtest.Do(n.server, req), 408)
		status(t, n.do("GET", target, ""), 404)
	})
}

type late struct{ d time.Duration }

func (l *late) Read([]byte) (int, error) { time.Sleep(l.d); return 0, io.EOF }

// Every header of upstream's object server with X-Backend in its name is known
// here, but for those of erasure codes and SSYNC.
func TestBackendHeadersAreKnown(t *testing.T) {
	upstream := []string{
		"X-Backend-Clean-Expiring-Object-Queue", "X-Backend-Container-Path", "X-Backend-Container-Update-Override-",
		"X-Backend-Content-Type", "X-Backend-Data-Timestamp", "X-Backend-Durable-Timestamp", "X-Backend-Etag-Is-At",
		"X-Backend-Ignore-Range-If-Metadata-Present", "X-Backend-Next-Part-Power", "X-Backend-Obj-Content-Length",
		"X-Backend-Obj-Metadata-Footer", "X-Backend-Obj-Multipart-Mime-Boundary", "X-Backend-Obj-Multiphase-Commit",
		"X-Backend-Open-Expired", "X-Backend-Quoted-Container-Path", "X-Backend-Replication", "X-Backend-Replication-Headers",
		"X-Backend-Storage-Policy-Index", "X-Backend-Timestamp",
	}
	var known []string
	name := regexp.MustCompile(`"(?i)x-backend-[a-z-]+"`)
	for _, pattern := range []string{"*.go", "../web/conditional.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			source, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range name.FindAllString(string(source), -1) {
				known = append(known, strings.ToLower(strings.Trim(m, `"`)))
			}
		}
	}
	for _, h := range upstream {
		if !slices.Contains(known, strings.ToLower(h)) {
			t.Errorf("%s is not known", h)
		}
	}
}

func TestContainerPaths(t *testing.T) {
	for _, tc := range []struct{ header, value, path string }{
		{"X-Backend-Quoted-Container-Path", ".shards_a/c%2Fx", "AUTH_a/c"}, // decodes to too much
		{"X-Backend-Quoted-Container-Path", ".shards_a/c%20x", ".shards_a/c x"},
		{"X-Backend-Container-Path", ".shards_a/c%20x", ".shards_a/c%20x"},
		{"X-Backend-Container-Path", "c", "AUTH_a/c"},
		{"X-Backend-Container-Path", "/c", "AUTH_a/c"},
		{"X-Container-Path", ".shards_a/c", "AUTH_a/c"}, // what a client might send
	} {
		bubble(t, "", func(t *testing.T, n *node) {
			status(t, n.put(1, "hello", append([]string{tc.header, tc.value}, updateHeaders...)...), 201)
			if len(n.rows) != 1 || n.rows[0].URL.Path != "/d9/12/"+tc.path+"/o" {
				t.Errorf("%s: %v", tc.value, n.rows[0].URL)
			}
		})
	}
}

// A 301 of the container server is remembered with the row.
func TestRedirectIsKept(t *testing.T) {
	for _, tc := range []struct {
		header map[string]string
		path   string
	}{
		{map[string]string{"Location": "/.shards_a/c-x/o", "X-Backend-Redirect-Timestamp": stamp(5)}, ".shards_a/c-x"},
		{map[string]string{"Location": "/.shards_a/c%2520x/o", "X-Backend-Redirect-Timestamp": stamp(5)}, ".shards_a/c%2520x"},
		{map[string]string{"Location": "/.shards_a/c%2520x/o", "X-Backend-Redirect-Timestamp": stamp(5), "X-Backend-Location-Is-Quoted": "true"}, ".shards_a/c%20x"},
		{map[string]string{"Location": "http://10.0.0.1:6201/.shards_a/c/o", "X-Backend-Redirect-Timestamp": stamp(5)}, ".shards_a/c"},
		{map[string]string{"Location": "/.shards_a/c-x/o"}, ""},
		{map[string]string{"Location": "/.shards_a", "X-Backend-Redirect-Timestamp": stamp(5)}, ""},
		{map[string]string{}, ""},
	} {
		bubble(t, "", func(t *testing.T, n *node) {
			stop := n.net.Serve("10.0.0.3:6201", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for k, v := range tc.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(301)
			}))
			defer stop()
			status(t, n.put(1, "hello", append(append([]string{}, updateHeaders...), "X-Container-Host", "10.0.0.3:6201")...), 201)
			files := n.pending("async_pending")
			if len(files) != 1 || n.load(files[0]).ContainerPath != tc.path {
				t.Errorf("%v: %v", tc.header, files)
			}
		})
	}
}
