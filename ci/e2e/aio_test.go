package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// aio is a running all-in-one cluster.
type aio struct {
	Auth string `json:"auth"`
	User string `json:"user"`
	Key  string `json:"key"`
	Dir  string `json:"dir"`
	PID  int    `json:"pid"`
	cmd  *exec.Cmd
}

// base is the endpoint without a path.
func (a *aio) base(t *testing.T) string {
	u, err := url.Parse(a.Auth)
	if err != nil {
		t.Fatal(err)
	}
	return u.Scheme + "://" + u.Host
}

// binary builds a command once a test process.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "apus-e2e")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-o", dir+"/", "./cmd/apus", "./cmd/apus-conform")
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := binary(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

func bin(t *testing.T, name string) string {
	t.Helper()
	dir, err := binary()
	if err != nil {
		t.Fatalf("building the commands: %v", err)
	}
	return filepath.Join(dir, name)
}

const startLimit = 30 * time.Second

// startAIO runs apus aio on an empty directory.
func startAIO(t *testing.T, dir string) *aio {
	t.Helper()
	cmd := exec.Command(bin(t, "apus"), "aio", dir, "--port", "0", "--json")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	a := &aio{cmd: cmd}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(dir, "apus.log"))
			t.Logf("stderr: %s\nlog: %s", stderr.String(), tail(log, 8<<10))
		}
	})
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(out).ReadString('\n')
		line <- text
		_, _ = io.Copy(io.Discard, out)
	}()
	select {
	case text := <-line:
		if err := json.Unmarshal([]byte(text), a); err != nil {
			t.Fatalf("apus aio prints %q: %v", text, err)
		}
	case <-time.After(startLimit):
		t.Fatalf("apus aio does not come up within %v", startLimit)
	}
	return a
}

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }

// stop sends SIGTERM and expects a clean exit.
func (a *aio) stop(t *testing.T) {
	t.Helper()
	if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("after SIGTERM: %v", err)
		}
	case <-time.After(startLimit):
		t.Errorf("it has not drained %v after SIGTERM", startLimit)
	}
}

// TestConformance judges apus aio by every case, from the command that users
// run, then restarts it on its directory: what was stored is there.
func TestConformance(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "aio")
	a := startAIO(t, dir)
	out, err := exec.Command(bin(t, "apus-conform"), "--quiet", "--auth", a.Auth, "--user", a.User, "--key", a.Key,
		"--user2", "test2:tester2", "--key2", "testing2", "--user3", "test:tester3", "--key3", "testing3",
		"--admin-user", "admin:admin", "--admin-key", "admin", "--storage-domain", "example.net").CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("apus-conform: %v", err)
	}
	k := login(t, a)
	k.want(t, 201, "PUT", "/kept", "")
	k.want(t, 201, "PUT", "/kept/object", "content")
	a.stop(t)
	k = login(t, startAIO(t, dir))
	if got := k.want(t, 200, "GET", "/kept/object", ""); got != "content" {
		t.Errorf("after a restart the object is %q", got)
	}
}
