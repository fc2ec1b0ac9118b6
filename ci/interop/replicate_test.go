package interop

import (
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"apus/ci/interop/peer"
)

// perDiff is how many rows a replicator sends at once. A replica that lacks
// more, and has less than half, gets the whole file.
const perDiff = 10

// TestReplicators has upstream's replicators bring databases from a node of
// theirs to nodes of either make. Both must end with the same rows, metadata
// and shard ranges, by the same ways: new files, files to be merged, rows,
// and nothing at all.
func TestReplicators(t *testing.T) {
	reads := replicatedReads()
	var got [2][]answer
	var ways [2][]string
	for i, m := range makes {
		n := newNodes(t, 2)
		from, to := n[0], n[1]
		from.rsyncTo(to)
		from.serve(peer.Theirs)
		to.serve(m)
		for _, x := range []struct {
			n *node
			s *script
		}{{from, replicatedHere()}, {to, replicatedThere()}} {
			for _, c := range x.s.calls {
				if a := x.n.do(c); a.status/100 != 2 {
					t.Fatalf("%v: %v", c, a)
				}
			}
		}
		from.doAll(reads) // moves what is pending into the tables
		to.doAll(reads)
		for pass := range 2 {
			for _, kind := range []string{"container", "account"} {
				ways[i] = append(ways[i], replicated(t, from.once(peer.Theirs, kind+"-replicator", kind), pass))
			}
		}
		got[i] = to.doAll(reads)
		to.stop()
		from.stop()
	}
	for i := range ways[0] {
		if ways[0][i] != ways[1][i] {
			t.Errorf("pass %d is for apus %q, for swift %q", i, ways[0][i], ways[1][i])
		}
	}
	t.Logf("the passes: %q", ways[0])
	compare(t, "after replication", reads, born(reads, got[0]), born(reads, got[1]), "at ours", "at theirs")
	for i, want := range replicatedCounts() {
		if have := strings.Count(got[0][i].body, `"name"`); have != want {
			t.Errorf("%v lists %d, not %d", reads[i], have, want)
		}
	}
}

// rsyncTo lets the replicators of n send files to another node.
func (n *node) rsyncTo(to *node) {
	n.t.Helper()
	port, err := ports().Take()
	if err != nil {
		n.t.Fatal(err)
	}
	ip := to.node().IP
	dir := to.node().DeviceDir
	d, err := peer.Rsyncd(n.t.Context(), filepath.Join(n.dir, "log", "rsyncd"), net.JoinHostPort(ip, strconv.Itoa(port)),
		map[string]string{"container": dir, "account": dir})
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(d.Stop)
	for _, kind := range []string{"container", "account"} {
		n.configure(kind, fmt.Sprintf("\n[%s-replicator]\nrsync_module = rsync://{replication_ip}:%d/%s\nper_diff = %d\n", kind, port, kind, perDiff))
	}
}

// figures are what a replicator says that it did.
var (
	figures  = regexp.MustCompile(`diff:\d+ diff_capped:\d+ empty:\d+ hashmatch:\d+ no_change:\d+ remote_merge:\d+ rsync:\d+ ts_repl:\d+`)
	attempts = regexp.MustCompile(`(\d+) successes, (\d+) failures`)
)

// replicated returns the figures of a pass, which must not have failed.
func replicated(t *testing.T, out string, pass int) string {
	t.Helper()
	f, a := figures.FindString(out), attempts.FindStringSubmatch(out)
	if f == "" || a == nil || a[1] == "0" || a[2] != "0" || strings.Contains(out, "Traceback") {
		t.Errorf("pass %d of a replicator:\n%s", pass, out)
	}
	return f
}

// replicatedRows adds rows of objects, in one UPDATE.
func (s *script) replicatedRows(container string, span [2]int) {
	var rows []string
	for i := span[0]; i < span[1]; i++ {
		rows = append(rows, fmt.Sprintf(`{"name": "o%04d", "created_at": %q, "size": %d, "content_type": "text/plain",
			"etag": "d41d8cd98f00b204e9800998ecf8427e", "deleted": 0, "storage_policy_index": 0}`, i, stamp(s.clock), i))
	}
	s.add("container", "UPDATE", "/AUTH_r/"+container, "["+strings.Join(rows, ",")+"]", "X-Backend-Storage-Policy-Index: 0")
}

// shardRanges is the body of a PUT of shard ranges of a container.
func shardRanges(container string, bounds ...string) string {
	var out []string
	for i := range len(bounds) - 1 {
		out = append(out, fmt.Sprintf(`{"name": ".shards_AUTH_r/%s-%d", "lower": %q, "upper": %q, "timestamp": %q, "meta_timestamp": %q,
			"object_count": %d, "bytes_used": %d, "deleted": 0, "state": 20, "state_timestamp": %q, "epoch": null, "reported": 0, "tombstones": -1}`,
			container, i, bounds[i], bounds[i+1], stamp(800), stamp(800+i), 10*i, 1000*i, stamp(810)))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// replicatedContainers are those whose rows differ, and how many rows each has
// in the end.
var replicatedContainers = []struct {
	name        string
	here, there [2]int // first and last row, exclusive
	want        int
}{
	{"new", [2]int{0, 5}, [2]int{}, 5},
	{"few", [2]int{0, 8}, [2]int{6, 12}, 12},
	{"many", [2]int{0, 4000}, [2]int{3990, 4003}, 4003}, // upstream waits a second for 2000 rows to be merged
	{"same", [2]int{0, 3}, [2]int{0, 3}, 3},
	{"less", [2]int{0, 1}, [2]int{0, 40}, 40},
}

func replicatedCounts() (out []int) {
	for _, c := range replicatedContainers {
		out = append(out, c.want)
	}
	return out
}

// replicatedHere is what the sender gets. It is newer than what the receiver
// has: upstream's receiver forgets its own put timestamp when it merges with a
// file, and ours keeps the newest.
func replicatedHere() *script {
	s := &script{clock: 300}
	s.add("account", "PUT", "/AUTH_r", "", "X-Account-Meta-Sent: yes")
	s.add("account", "PUT", "/AUTH_new", "", "X-Account-Meta-Sent: ü")
	for _, c := range replicatedContainers {
		s.add("container", "PUT", "/AUTH_r/"+c.name, "", "X-Backend-Storage-Policy-Index: 0", "X-Container-Meta-Sent: yes")
		s.replicatedRows(c.name, c.here)
	}
	for i := range perDiff - 2 {
		s.add("account", "PUT", fmt.Sprintf("/AUTH_r/c%d", i), "", "X-Put-Timestamp: "+stamp(700+i), "X-Delete-Timestamp: 0",
			"X-Object-Count: 1", "X-Bytes-Used: 2", "X-Backend-Storage-Policy-Index: 0")
	}
	s.add("container", "PUT", "/AUTH_r/removed", "", "X-Backend-Storage-Policy-Index: 0")
	s.at(600, "container", "DELETE", "/AUTH_r/removed", "")
	s.add("container", "PUT", "/AUTH_r/ranges", "", "X-Backend-Storage-Policy-Index: 0")
	s.add("container", "PUT", "/AUTH_r/ranges", shardRanges("ranges", "", "h", "p", ""), "X-Backend-Record-Type: shard")
	return s
}

// replicatedThere is what the receiver has already.
func replicatedThere() *script {
	s := &script{}
	s.add("account", "PUT", "/AUTH_r", "", "X-Account-Meta-Had: yes")
	for _, c := range replicatedContainers {
		if c.there[1] == 0 {
			continue
		}
		s.add("container", "PUT", "/AUTH_r/"+c.name, "", "X-Backend-Storage-Policy-Index: 0", "X-Container-Meta-Had: yes")
		s.replicatedRows(c.name, c.there)
	}
	s.add("account", "PUT", "/AUTH_r/own", "", "X-Put-Timestamp: "+stamp(699), "X-Delete-Timestamp: 0",
		"X-Object-Count: 1", "X-Bytes-Used: 2", "X-Backend-Storage-Policy-Index: 0")
	s.add("container", "PUT", "/AUTH_r/removed", "", "X-Backend-Storage-Policy-Index: 0")
	s.add("container", "PUT", "/AUTH_r/ranges", "", "X-Backend-Storage-Policy-Index: 0")
	return s
}

// replicatedReads look at the result; those that replicatedCounts counts are
// first.
func replicatedReads() (out []call) {
	for _, c := range replicatedContainers {
		out = append(out, call{"container", "GET", "/AUTH_r/" + c.name + "?format=json", "", ""})
	}
	return append(out,
		call{"container", "HEAD", "/AUTH_r/removed", "", ""},
		call{"container", "GET", "/AUTH_r/ranges?format=json", "X-Backend-Record-Type: shard", ""},
		call{"account", "GET", "/AUTH_r?format=json", "", ""}, call{"account", "HEAD", "/AUTH_new", "", ""})
}

// born are answers without the time at which a server made a database.
func born(calls []call, a []answer) []answer {
	for i := range a {
		if calls[i].kind != "object" {
			a[i].header = slices.DeleteFunc(a[i].header, func(h string) bool {
				return strings.HasPrefix(h, "X-Timestamp:") || strings.HasPrefix(h, "X-Backend-Timestamp:")
			})
		}
	}
	return a
}
