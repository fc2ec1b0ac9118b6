package interop

import (
	"bufio"
	"crypto/md5" //nolint:gosec // the ring's own hash
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apus/ci/interop/peer"
	"apus/impl/tools/layout"
)

// node is one storage node with one device. Its servers are of either make, or
// stopped.
type node struct {
	t       *testing.T
	bin     *peer.Binaries
	dir     string
	lay     layout.Cluster // of which it is the first node
	servers map[string]*peer.Daemon
}

const partPower = 6

// newNode is a node with rings that name no other.
func newNode(t *testing.T) *node { return newNodes(t, 1)[0] }

// newNodes are nodes with as many replicas, so that each holds everything.
func newNodes(t *testing.T, count int) (nodes []*node) {
	b, dir := need(t)
	lay := layout.Cluster{
		Replicas: count, PartPower: partPower, RingSeed: 1, HashSuffix: "interop", Default: peer.Common(),
	}
	for i := range count {
		ln, err := peer.NewNode(ports(), dir, i+1)
		if err != nil {
			t.Fatal(err)
		}
		lay.Nodes = append(lay.Nodes, ln)
	}
	rings, err := lay.Rings()
	if err != nil {
		t.Fatal(err)
	}
	for _, ln := range lay.Nodes {
		if err := lay.WriteNode(peer.FS(), ln, rings); err != nil {
			t.Fatal(err)
		}
		n := &node{t: t, bin: b, dir: dir, lay: lay, servers: map[string]*peer.Daemon{}}
		n.lay.Nodes = []layout.Node{ln}
		for _, k := range layout.ServerKinds() { // which their auditors insist on
			n.configure(k, "\n["+k+"-auditor]\n")
		}
		t.Cleanup(n.stop)
		nodes = append(nodes, n)
	}
	return nodes
}

// configure adds to the configuration of a server.
func (n *node) configure(kind, more string) {
	n.t.Helper()
	text, err := os.ReadFile(n.conf(kind))
	if err == nil {
		err = os.WriteFile(n.conf(kind), append(text, more...), 0o600)
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) node() layout.Node    { return n.lay.Nodes[0] }
func (n *node) device() string       { return filepath.Join(n.node().DeviceDir, n.node().Devices[0]) }
func (n *node) conf(k string) string { return filepath.Join(n.node().ConfDir, k+"-server.conf") }

func (n *node) addr(kind string) string {
	p := n.node().Ports
	port := map[string]int{"object": p.Object, "container": p.Container, "account": p.Account}[kind]
	return net.JoinHostPort(n.node().IP, strconv.Itoa(port))
}

// serve starts servers of a make; without kinds, all three.
func (n *node) serve(m peer.Make, kinds ...string) {
	n.t.Helper()
	if len(kinds) == 0 {
		kinds = layout.ServerKinds()
	}
	for _, k := range kinds {
		log := filepath.Join(n.dir, "log", k+"-"+n.node().Name+"-"+string(m)+".log")
		d, err := n.bin.Serve(n.t.Context(), m, k+"-server", n.node().SwiftDir, n.conf(k), log, n.addr(k))
		if err != nil {
			n.t.Fatal(err)
		}
		n.servers[k] = d
	}
}

// stop ends all servers.
func (n *node) stop() {
	for _, k := range layout.ServerKinds() {
		if d := n.servers[k]; d != nil {
			d.Stop()
			delete(n.servers, k)
		}
		if n.t.Failed() {
			logs, _ := filepath.Glob(filepath.Join(n.dir, "log", k+"-*.log"))
			for _, l := range logs {
				text, _ := os.ReadFile(l)
				if i := strings.Index(string(text), "Traceback"); i >= 0 {
					n.t.Logf("%s:\n%.2000s", l, text[i:])
				}
			}
		}
	}
}

// once runs one pass of a daemon and returns what it wrote.
func (n *node) once(m peer.Make, daemon, kind string) string {
	n.t.Helper()
	args := append(n.bin.Command(m, n.node().SwiftDir, daemon), n.conf(kind), "once")
	if m == peer.Theirs {
		args = append(args, "-v")
	}
	return command(n.t, args...)
}

// keep copies the device, with attributes, to be used again.
func (n *node) keep() (saved string) {
	n.t.Helper()
	saved, err := os.MkdirTemp(n.dir, "kept-")
	if err != nil {
		n.t.Fatal(err)
	}
	command(n.t, "cp", "-a", n.device()+"/.", saved)
	return saved
}

// put makes a kept copy the content of the device.
func (n *node) put(saved string) {
	n.t.Helper()
	if err := os.RemoveAll(n.device()); err != nil {
		n.t.Fatal(err)
	}
	command(n.t, "cp", "-a", saved, n.device())
}

// partition of a path ("/AUTH_a/c/o") in every ring of the node.
func partition(path string) uint32 {
	sum := md5.Sum([]byte(path + "interop")) //nolint:gosec // the ring's own hash
	return binary.BigEndian.Uint32(sum[:4]) >> (32 - partPower)
}

// call is one request to a storage server of a node.
type call struct {
	kind, method string
	path         string // "/AUTH_a/c/o"; query after "?"
	header       string // "Name: value" a line
	body         string
}

func (c call) String() string {
	return fmt.Sprintf("%s %s %s [%s]", c.kind, c.method, c.path, strings.Join(strings.Fields(c.header), " "))
}

// answer is what a client can see of an answer, in one text.
type answer struct {
	status int
	header []string
	body   string
}

func (a answer) String() string {
	return fmt.Sprintf("%d\n%s\n\n%s", a.status, strings.Join(a.header, "\n"), a.body)
}

// policyElement is how listings of accounts name a policy.
var policyElement = regexp.MustCompile(`<storage_policy>[^<]*</storage_policy>\n?`)

// same is an answer without what no client can depend on: the order of the
// keys in JSON; after "Invalid body: " the words of a library; the times of a range that was
// made up to fill a gap; the policies in listings of accounts and the name of the format
// of shard ranges, which are newer than these packages; and of a 204 or 304 the Content-Length, which HTTP forbids
// there and Go does not send.
func (a answer) same() string {
	if a.body != "" { // net/http has compared the two
		a.header = slices.DeleteFunc(slices.Clone(a.header), func(h string) bool { return strings.HasPrefix(h, "Content-Length: ") })
	}
	a.header = slices.DeleteFunc(slices.Clone(a.header), func(h string) bool { return strings.HasPrefix(h, "X-Backend-Record-Shard-Format: ") })
	if said, _, ok := strings.Cut(a.body, "Invalid body: "); ok {
		a.body = said + "Invalid body: …"
	}
	var rows []map[string]any
	if json.Unmarshal([]byte(a.body), &rows) == nil {
		for _, r := range rows {
			if r["count"] != nil {
				delete(r, "storage_policy")
			}
			if name, _ := r["name"].(string); r["lower"] != nil && !strings.HasPrefix(name, ".") {
				for _, at := range []string{"timestamp", "meta_timestamp", "state_timestamp", "last_modified"} {
					delete(r, at)
				}
			}
		}
		sorted, _ := json.Marshal(rows)
		a.body = string(sorted)
	}
	a.body = policyElement.ReplaceAllString(a.body, "")
	if a.status == http.StatusNoContent || a.status == http.StatusNotModified {
		a.header = slices.DeleteFunc(slices.Clone(a.header), func(h string) bool { return h == "Content-Length: 0" })
	}
	return a.String()
}

// changing are headers that differ between two answers of one server.
var changing = []string{"Date", "X-Trans-Id", "X-Openstack-Request-Id", "Connection", "Keep-Alive"}

const callLimit = 30 * time.Second

// do sends a call. part is of the entity whose database or file it is about.
func (n *node) do(c call) answer {
	n.t.Helper()
	path, query, _ := strings.Cut(c.path, "?")
	owner := path // rows of a database are addressed below it
	if depth := map[string]int{"object": 4, "container": 3, "account": 2}[c.kind]; strings.Count(path, "/") >= depth {
		owner = strings.Join(strings.SplitN(path, "/", depth+1)[:depth], "/")
	}
	if c.kind == "object" {
		owner = path
	}
	return n.send(c, url.URL{
		Scheme: "http", Host: n.addr(c.kind), RawQuery: query,
		Path: fmt.Sprintf("/%s/%d%s", n.node().Devices[0], partition(owner), path),
	})
}

// at sends a call to a path as it is.
func (n *node) at(c call, path string) answer {
	n.t.Helper()
	return n.send(c, url.URL{Scheme: "http", Host: n.addr(c.kind), Path: path})
}

// send writes the request itself: Swift takes names of headers that Go's client
// refuses.
func (n *node) send(c call, u url.URL) answer {
	n.t.Helper()
	conn, err := net.DialTimeout("tcp", u.Host, callLimit)
	if err != nil {
		n.t.Fatalf("%v: %v", c, err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(callLimit))
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: interop\r\nX-Trans-Id: interop\r\nConnection: close\r\n", c.method, u.RequestURI(), u.Host)
	if c.body != "" || c.method == http.MethodPut || c.method == "UPDATE" {
		fmt.Fprintf(&text, "Content-Length: %d\r\n", len(c.body))
	}
	for _, line := range strings.Split(c.header, "\n") {
		if line != "" {
			text.WriteString(line + "\r\n")
		}
	}
	if _, err := io.WriteString(conn, text.String()+"\r\n"+c.body); err != nil {
		n.t.Fatalf("%v: %v", c, err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: c.method})
	if err != nil {
		n.t.Fatalf("%v: %v", c, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		n.t.Fatalf("%v: %v", c, err)
	}
	a := answer{status: resp.StatusCode, body: string(body)}
	for k, v := range resp.Header {
		if !slices.Contains(changing, k) {
			a.header = append(a.header, k+": "+strings.Join(v, " | "))
		}
	}
	slices.Sort(a.header)
	return a
}

// doAll sends calls in order.
func (n *node) doAll(calls []call) (out []answer) {
	n.t.Helper()
	for _, c := range calls {
		out = append(out, n.do(c))
	}
	return out
}

// dump is what a device holds, by path.
func (n *node) dump(device string) map[string]any {
	n.t.Helper()
	var out map[string]any
	text := command(n.t, "/usr/bin/python3", "dump.py", device)
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		n.t.Fatal(err)
	}
	return out
}

// compare reports each call that two makes answer differently.
func compare(t *testing.T, what string, calls []call, a, b []answer, nameA, nameB string) {
	t.Helper()
	different := 0
	for i, c := range calls {
		if a[i].same() == b[i].same() {
			continue
		}
		different++
		t.Errorf("%s: %v (-%s +%s):\n%s", what, c, nameA, nameB, clip(cmp.Diff(lines(a[i]), lines(b[i]))))
	}
	t.Logf("%s: %d of %d answers equal", what, len(calls)-different, len(calls))
}

func lines(a answer) []string { return strings.Split(strings.ReplaceAll(a.same(), "><", ">\n<"), "\n") }

func clip(s string) string {
	if len(s) > 1500 {
		return s[:1500] + "…"
	}
	return s
}
