package e2e

import (
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestNodes runs a cluster that aio laid out as "apus node" with a directory
// for each node: it serves what was stored before, and stops when asked to.
func TestNodes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "aio")
	a := startAIO(t, dir)
	s := login(t, a)
	s.want(t, 201, "PUT", "/c", "")
	s.want(t, 201, "PUT", "/c/before", "kept")
	a.stop(t)

	etc := filepath.Join(dir, "etc")
	dirs, err := filepath.Glob(filepath.Join(etc, "node*"))
	if err != nil || len(dirs) != 4 {
		t.Fatalf("%d nodes in %s: %v", len(dirs), etc, err)
	}
	a.cmd = exec.Command(bin(t, "apus"), append([]string{"node", etc}, dirs...)...)
	var log strings.Builder
	a.cmd.Stderr = &log
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = a.cmd.Process.Kill()
		_ = a.cmd.Wait()
		if t.Failed() {
			t.Logf("stderr: %s", log.String())
		}
	})
	awaitListener(t, strings.TrimPrefix(a.base(t), "http://"))
	for port := range storagePorts(t, dir) {
		awaitListener(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	}
	s = login(t, a)
	if got := s.want(t, 200, "GET", "/c/before", ""); got != "kept" {
		t.Errorf("%q is left of what was stored", got)
	}
	s.want(t, 201, "PUT", "/c/after", "new")
	a.stop(t)
}

// awaitListener waits until somebody accepts connections on addr.
func awaitListener(t *testing.T, addr string) {
	t.Helper()
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			c.Close()
			return
		}
		if time.Since(begun) > startLimit {
			t.Fatalf("nobody listens on %s after %v: %v", addr, startLimit, err)
		}
	}
}
