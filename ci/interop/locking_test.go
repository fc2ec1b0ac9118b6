package interop

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"apus/ci/interop/peer"
)

// rowWriter puts rows into one container through one server.
type rowWriter struct {
	n        *node
	addr     string
	accepted atomic.Int64
	names    sync.Map // of accepted rows
}

const lockedContainer = "/AUTH_a/locked"

// write puts count rows whose names begin with prefix; it ends early when
// the server does.
func (w *rowWriter) write(prefix string, count int) {
	for i := range count {
		name := fmt.Sprintf("%s-%04d", prefix, i)
		status, err := w.n.row(w.addr, name, i)
		if err != nil {
			return
		}
		if status == 201 {
			w.accepted.Add(1)
			w.names.Store(name, true)
		}
	}
}

// row puts one row and returns the status.
func (n *node) row(addr, name string, i int) (int, error) {
	conn, err := net.DialTimeout("tcp", addr, callLimit)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	text := fmt.Sprintf("PUT /%s/%d%s/%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\nX-Timestamp: %s\r\n"+
		"X-Size: %d\r\nX-Content-Type: text/plain\r\nX-Etag: d41d8cd98f00b204e9800998ecf8427e\r\nX-Backend-Storage-Policy-Index: 0\r\n\r\n",
		n.node().Devices[0], partition(lockedContainer), lockedContainer, name, stamp(10+i), i)
	if _, err := conn.Write([]byte(text)); err != nil {
		return 0, err
	}
	head := make([]byte, len("HTTP/1.1 201"))
	for got := 0; got < len(head); {
		k, err := conn.Read(head[got:])
		if err != nil {
			return 0, err
		}
		got += k
	}
	return strconv.Atoi(string(head[len(head)-3:]))
}

// second starts a container server of a make on the same device, on a port
// of its own.
func (n *node) second(m peer.Make) (*peer.Daemon, string) {
	n.t.Helper()
	port, err := ports().Take()
	if err != nil {
		n.t.Fatal(err)
	}
	text, err := os.ReadFile(n.conf("container"))
	if err != nil {
		n.t.Fatal(err)
	}
	old := fmt.Sprintf("bind_port = %d", n.node().Ports.Container)
	conf := filepath.Join(n.node().ConfDir, fmt.Sprintf("container-%d.conf", port))
	if err := os.WriteFile(conf, []byte(strings.Replace(string(text), old, fmt.Sprintf("bind_port = %d", port), 1)), 0o600); err != nil {
		n.t.Fatal(err)
	}
	addr := net.JoinHostPort(n.node().IP, strconv.Itoa(port))
	log := filepath.Join(n.dir, "log", fmt.Sprintf("container-%s-%d.log", m, port))
	d, err := n.bin.Serve(n.t.Context(), m, "container-server", n.node().SwiftDir, conf, log, addr)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(d.Kill)
	return d, addr
}

// listed are the names in the container, asked from the server of the node.
func (n *node) listed() map[string]bool {
	n.t.Helper()
	out := map[string]bool{}
	a := n.do(call{"container", "GET", lockedContainer + "?limit=10000", "", ""})
	if a.status/100 != 2 {
		n.t.Fatalf("listing: %v", a)
	}
	for _, name := range strings.Fields(a.body) {
		out[name] = true
	}
	return out
}

// TestSharedDatabase has container servers of both makes, as processes side by
// side, write rows of one database and merge each other's pending rows. None
// may be lost.
func TestSharedDatabase(t *testing.T) {
	const writers, rows = 4, 60
	n := newNode(t)
	n.serve(peer.Ours, "container")
	_, theirs := n.second(peer.Theirs)
	if a := n.do(call{"container", "PUT", lockedContainer, "X-Timestamp: " + stamp(1), ""}); a.status != 201 {
		t.Fatal(a)
	}
	var wait sync.WaitGroup
	var all []*rowWriter
	for i := range writers {
		w := &rowWriter{n: n, addr: n.addr("container")}
		if i%2 == 1 {
			w.addr = theirs
		}
		all = append(all, w)
		wait.Go(func() { w.write(fmt.Sprintf("w%d", i), rows) })
	}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	readers.Go(func() { // each listing moves pending rows into the table
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				_, _ = n.row([]string{theirs, n.addr("container")}[i%2], "reader", 1)
				n.do(call{"container", "HEAD", lockedContainer, "", ""})
			}
		}
	})
	wait.Wait()
	close(stop)
	readers.Wait()
	listed, accepted := n.listed(), int64(0)
	for i, w := range all {
		accepted += w.accepted.Load()
		w.names.Range(func(name, _ any) bool {
			if !listed[name.(string)] {
				t.Errorf("writer %d: row %s was accepted and is not listed", i, name)
			}
			return true
		})
	}
	if accepted < writers*rows/2 {
		t.Errorf("only %d of %d rows were accepted", accepted, writers*rows)
	}
	t.Logf("%d of %d rows accepted by two processes of different makes, %d listed", accepted, writers*rows, len(listed))
}

// TestKilledWriter kills the server of one make while it writes and serves
// what it leaves, hot journals and pending rows included, with the other.
func TestKilledWriter(t *testing.T) {
	for i, m := range makes {
		t.Run(string(m)+" killed", func(t *testing.T) {
			n := newNode(t)
			n.serve(makes[1-i], "container")
			if a := n.do(call{"container", "PUT", lockedContainer, "X-Timestamp: " + stamp(1), ""}); a.status != 201 {
				t.Fatal(a)
			}
			n.stop()
			victim, addr := n.second(m)
			w := &rowWriter{n: n, addr: addr}
			var wait sync.WaitGroup
			for k := range 4 {
				wait.Go(func() { w.write(fmt.Sprintf("w%d", k), 10000) })
			}
			for w.accepted.Load() < 300 {
				if _, err := n.row(addr, "more", 0); err != nil {
					t.Fatal(err)
				}
			}
			victim.Kill()
			wait.Wait()
			n.serve(makes[1-i], "container")
			listed, lost := n.listed(), 0
			w.names.Range(func(name, _ any) bool {
				if !listed[name.(string)] {
					lost++
				}
				return true
			})
			if lost > 0 {
				t.Errorf("%d of %d accepted rows are lost", lost, w.accepted.Load())
			}
			t.Logf("%d rows accepted before kill -9, all of them listed by %s", w.accepted.Load(), makes[1-i])
		})
	}
}

// TestHotJournal leaves the rollback journal of a transaction that never
// committed, as a power cut does, and opens the database with each make: both
// must roll back.
func TestHotJournal(t *testing.T) {
	for i, m := range makes {
		t.Run("left to "+string(m), func(t *testing.T) {
			n := newNode(t)
			n.serve(makes[1-i], "container")
			n.do(call{"container", "PUT", lockedContainer, "X-Timestamp: " + stamp(1), ""})
			for k := range 20 {
				if _, err := n.row(n.addr("container"), fmt.Sprintf("kept-%02d", k), k); err != nil {
					t.Fatal(err)
				}
			}
			before := len(n.listed())
			n.stop()
			db := files(t, filepath.Join(n.device(), "containers"), "*.db")
			if len(db) != 1 {
				t.Fatalf("databases: %v", db)
			}
			command(t, "/usr/bin/python3", "hotjournal.py", db[0])
			if j := files(t, filepath.Dir(db[0]), "*.db-journal"); len(j) != 1 {
				t.Fatalf("no hot journal beside %s", db[0])
			}
			n.serve(m, "container")
			if after := len(n.listed()); after != before || before != 20 {
				t.Errorf("%d rows before the crash, %d after", before, after)
			}
		})
	}
}
