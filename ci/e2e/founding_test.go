package e2e

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"apus/impl/host/real"
	"apus/sim/scenario"
)

// leakLimit is the time after which nothing of a request may be held.
const leakLimit = 5 * time.Second

// TestFounding runs the founding scenario against real daemons. Sockets and
// files are counted through the operating system.
func TestFounding(t *testing.T) {
	if testing.Short() {
		t.Skip("waits five seconds after each of many requests")
	}
	dir := filepath.Join(t.TempDir(), "aio")
	startAIO(t, dir).stop(t)
	restUpdaters(t, dir)
	a := startAIO(t, dir)
	ports := storagePorts(t, dir)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	net := real.New("client", slog.New(slog.DiscardHandler)).Net
	seen := 0
	err := scenario.EarlyEnds(ctx, net, a.base(t), func(name string) error {
		deadline := time.Now().Add(leakLimit)
		for {
			held := append(sockets(t, a.PID, ports), files(t, a.PID, dir)...)
			seen += len(held)
			if len(held) == 0 {
				return nil
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("%v after %q the daemons still hold:\n%s", leakLimit, name, strings.Join(held, "\n"))
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
	if err != nil {
		t.Error(err)
	}
	if seen == 0 {
		t.Error("never was a storage connection or object file seen open; the count does not work")
	}
	a.stop(t)
}

var updaterLine = regexp.MustCompile(`(?m)^\[\w+-updater\]$`)

// restUpdaters lets the updaters sleep for a day: they open databases and
// connections on their own account, which is no leak of a request.
func restUpdaters(t *testing.T, dir string) {
	t.Helper()
	changed := 0
	for _, name := range nodeConfs(t, dir) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		changed += len(updaterLine.FindAll(text, -1))
		text = updaterLine.ReplaceAll(text, []byte("$0\ninterval = 86400"))
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if changed == 0 {
		t.Fatalf("no updater is configured below %s", dir)
	}
}

func nodeConfs(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "etc", "node*", "*.conf"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no configuration below %s: %v", dir, err)
	}
	return names
}

var portLine = regexp.MustCompile(`(?m)^bind_port = (\d+)$`)

// storagePorts are where the storage servers listen.
func storagePorts(t *testing.T, dir string) map[int]bool {
	t.Helper()
	ports := map[int]bool{}
	for _, name := range nodeConfs(t, dir) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		m := portLine.FindSubmatch(text)
		if m == nil {
			t.Fatalf("%s has no bind_port", name)
		}
		port, _ := strconv.Atoi(string(m[1]))
		ports[port] = true
	}
	return ports
}

const (
	tcpListen   = "0A"
	tcpTimeWait = "06"
)

// sockets lists the process's sockets to or from a storage port.
func sockets(t *testing.T, pid int, ports map[int]bool) []string {
	t.Helper()
	inodes := map[string]bool{}
	for _, target := range descriptors(t, pid) {
		if rest, ok := strings.CutPrefix(target, "socket:["); ok {
			inodes[strings.TrimSuffix(rest, "]")] = true
		}
	}
	f, err := os.Open(fmt.Sprintf("/proc/%d/net/tcp", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		w := strings.Fields(lines.Text())
		if len(w) < 10 || w[3] == tcpListen || w[3] == tcpTimeWait || !inodes[w[9]] {
			continue
		}
		if ports[hexPort(w[1])] || ports[hexPort(w[2])] {
			out = append(out, fmt.Sprintf("socket %d → %d, state %s", hexPort(w[1]), hexPort(w[2]), w[3]))
		}
	}
	return out
}

func hexPort(addr string) int {
	_, port, _ := strings.Cut(addr, ":")
	n, _ := strconv.ParseInt(port, 16, 32)
	return int(n)
}

// files lists what the process holds open below the devices.
func files(t *testing.T, pid int, dir string) []string {
	t.Helper()
	var out []string
	for _, target := range descriptors(t, pid) {
		if strings.HasPrefix(target, filepath.Join(dir, "srv")) {
			out = append(out, "file "+target)
		}
	}
	return out
}

func descriptors(t *testing.T, pid int) []string {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if target, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil {
			out = append(out, target)
		}
	}
	return out
}
