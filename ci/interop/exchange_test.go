package interop

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apus/ci/interop/peer"
)

// makes in the order in which messages name them.
var makes = []peer.Make{peer.Ours, peer.Theirs}

// TestExchange writes the same to empty devices through servers of each make,
// then serves each device through servers of both: every answer, to writes and
// to reads, must be the same, and so must what is on the devices.
func TestExchange(t *testing.T) {
	n := newNode(t)
	room := roomy(n.dir)
	if !room {
		t.Log("no room for large metadata on this file system; those cases are left out")
	}
	writes := n.writes(room)
	reads := append(append(objectReads(), containerReads()...), accountReads()...)

	var written [][]answer
	var disks []string
	var dumps []map[string]any
	for _, m := range makes {
		n.serve(m)
		written = append(written, n.doAll(writes))
		disks = append(disks, n.keep())
		n.doAll(append(containerReads(), accountReads()...)) // moves what is pending into the tables
		n.stop()
		dumps = append(dumps, n.dump(n.device()))
		n.put(t.TempDir())
	}
	compare(t, "writes", writes, written[0], written[1], "ours", "theirs")
	compareDisks(t, dumps[0], dumps[1])

	var read [2][2][]answer
	for w, disk := range disks {
		for r, m := range makes {
			n.put(disk)
			n.serve(m)
			read[w][r] = n.doAll(reads)
			n.stop()
		}
		what := fmt.Sprintf("reads of what %s wrote", makes[w])
		compare(t, what, reads, read[w][0], read[w][1], "ours", "theirs")
	}
	compare(t, "reads by swift", reads, born(reads, read[0][1]), born(reads, read[1][1]), "written by apus", "written by swift")
}

// compareDisks reports each difference between two devices.
func compareDisks(t *testing.T, ours, theirs map[string]any) {
	t.Helper()
	names := map[string]bool{}
	for _, d := range []map[string]any{ours, theirs} {
		for name := range d {
			names[name] = true
		}
	}
	different := 0
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if d := cmp.Diff(ours[name], theirs[name]); d != "" {
			different++
			t.Errorf("disk: %s (-ours +theirs):\n%s", name, clip(d))
		}
	}
	t.Logf("disks: %d of %d files equal", len(names)-different, len(names))
}

// writes are the calls of the exchange: databases first, so that rows of
// objects find theirs.
func (n *node) writes(room bool) []call {
	toAccount := func(path string) []string {
		return []string{
			"X-Account-Host: " + n.addr("account"), "X-Account-Device: " + n.node().Devices[0],
			fmt.Sprintf("X-Account-Partition: %d", partition("/AUTH_a")),
		}
	}
	toContainer := func(path string) []string {
		addr := n.addr("container")
		if strings.Contains(path, "/z") || strings.Contains(path, "/e") {
			addr = "127.0.0.1:1" // nobody listens: the update stays pending
		}
		return []string{
			"X-Container-Host: " + addr, "X-Container-Device: " + n.node().Devices[0],
			fmt.Sprintf("X-Container-Partition: %d", partition("/AUTH_a/c")),
		}
	}
	calls := []call{{"account", "PUT", "/AUTH_a", "X-Timestamp: " + stamp(0), ""}}
	calls = append(calls, containerCalls(toAccount)...)
	calls = append(calls, accountCalls()...)
	return append(calls, objectCalls(toContainer, room)...)
}
