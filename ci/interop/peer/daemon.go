// Package peer runs Swift daemons of two makes side by side: ours, and those
// of OpenStack Swift as the distribution packages it. Tests and benchmarks
// that compare the two share it.
//
// Every daemon is a process of its own on loopback. It dies with the process
// that started it, however that ends.
package peer

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Make says whose code a daemon is.
type Make string

// The makes there are.
const (
	Ours   Make = "apus"
	Theirs Make = "swift"
)

// Daemon is a running process.
type Daemon struct {
	Name string // "node1/object-server swift"
	Log  string // file with what it writes
	cmd  *exec.Cmd
	gone chan struct{}
}

// starter runs fork on one thread that lives as long as the process: Linux
// sends a child its death signal when the thread that forked it ends.
var starter = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

// run starts a command that writes to a log and dies with this process.
func run(name, log string, args ...string) (*Daemon, error) {
	if err := os.MkdirAll(filepath.Dir(log), 0o755); err != nil {
		return nil, err
	}
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = filepath.Dir(log), out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	starter() <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	d := &Daemon{Name: name, Log: log, cmd: cmd, gone: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(d.gone)
	}()
	return d, nil
}

// PID is the daemon's process, which may have children.
func (d *Daemon) PID() int { return d.cmd.Process.Pid }

// StopLimit is how long a daemon may take to end after SIGTERM.
const StopLimit = 10 * time.Second

// Stop ends a daemon and its children; it asks first and kills later.
func (d *Daemon) Stop() {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.gone:
	case <-time.After(StopLimit):
	}
	d.Kill()
}

// Kill ends a daemon and its children at once, as kill -9 does.
func (d *Daemon) Kill() {
	_ = syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL)
	<-d.gone
}

// StartLimit is how long a daemon may take to answer. The thirteen Python
// processes of a cluster start at once, on two cores.
const StartLimit = 3 * time.Minute

// await waits until addr accepts connections.
func (d *Daemon) await(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, StartLimit)
	defer cancel()
	for {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			return c.Close()
		}
		select {
		case <-d.gone:
			return fmt.Errorf("%s ended before it listened on %s:\n%s", d.Name, addr, d.Tail())
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen on %s: %w\n%s", d.Name, addr, ctx.Err(), d.Tail())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

const tailBytes = 4 << 10

// Tail is the end of a daemon's log.
func (d *Daemon) Tail() string {
	b, err := os.ReadFile(d.Log)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-tailBytes):])
}

// Binaries are our commands, built from the tree.
type Binaries struct {
	dir   string
	quiet bool
}

// Build compiles the commands of the module at root into dir.
func Build(root, dir string) (*Binaries, error) {
	cmd := exec.Command("go", "build", "-o", dir+"/", "./cmd/apus", "./cmd/apus-conform")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	return &Binaries{dir: dir}, os.WriteFile(filepath.Join(dir, "launch.py"), launcher, 0o644)
}

//go:embed launch.py
var launcher []byte

// Path of one of our commands.
func (b *Binaries) Path(name string) string { return filepath.Join(b.dir, name) }

// Quiet are the same commands, whose daemons of the other make do not copy
// their log to the file: for measurements.
func (b *Binaries) Quiet() *Binaries { return &Binaries{dir: b.dir, quiet: true} }

// Command is the beginning of a command line: the program name ("ring-builder",
// "object-server") of a make, with swift.conf in swiftDir.
func (b *Binaries) Command(m Make, swiftDir, name string) []string {
	if m == Ours {
		return []string{b.Path("apus"), name}
	}
	return append(b.Python(swiftDir), "/usr/bin/swift-"+name)
}

// Python is the beginning of a command line that runs a script with the
// distribution's Swift as a library.
func (b *Binaries) Python(swiftDir string) []string {
	return []string{"/usr/bin/python3", b.Path("launch.py"), swiftDir}
}

// Start runs the daemon kind ("object-server") of either make with a
// configuration file and swift.conf in swiftDir, without waiting for it.
func (b *Binaries) Start(m Make, kind, swiftDir, conf, log string) (*Daemon, error) {
	args := append(b.Command(m, swiftDir, kind), conf)
	if m == Theirs && !b.quiet {
		args = append(args, "-v")
	}
	return run(kind+" "+string(m), log, args...)
}

// StartNodes runs every daemon of ours that dirs configure in one process,
// without waiting for it.
func (b *Binaries) StartNodes(dirs []string, log string) (*Daemon, error) {
	return run("nodes "+string(Ours), log, append([]string{b.Path("apus"), "node"}, dirs...)...)
}

// Serve runs a server of either make and waits until it listens on addr.
func (b *Binaries) Serve(ctx context.Context, m Make, kind, swiftDir, conf, log, addr string) (*Daemon, error) {
	d, err := b.Start(m, kind, swiftDir, conf, log)
	if err != nil {
		return nil, err
	}
	if err := d.await(ctx, addr); err != nil {
		d.Kill()
		return nil, err
	}
	return d, nil
}

// Memcached runs memcached on addr.
func Memcached(ctx context.Context, log, addr string) (*Daemon, error) {
	ip, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	args := []string{"memcached", "-l", ip, "-p", port, "-m", "64", "-c", "2048"}
	if os.Getuid() == 0 {
		args = append(args, "-u", "root")
	}
	d, err := run("memcached", log, args...)
	if err != nil {
		return nil, err
	}
	if err := d.await(ctx, addr); err != nil {
		d.Kill()
		return nil, err
	}
	return d, nil
}

// Rsyncd runs rsync's daemon on addr. Each module is a name and the directory
// that others may write below.
func Rsyncd(ctx context.Context, log, addr string, modules map[string]string) (*Daemon, error) {
	ip, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	conf := "use chroot = no\n"
	if os.Getuid() == 0 {
		conf += "uid = root\ngid = root\n"
	}
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		conf += fmt.Sprintf("[%s]\npath = %s\nread only = no\n", name, modules[name])
	}
	if err := os.MkdirAll(filepath.Dir(log), 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(log+".conf", []byte(conf), 0o600); err != nil {
		return nil, err
	}
	d, err := run("rsyncd", log, "rsync", "--daemon", "--no-detach", "--log-file=/dev/stdout", "--address="+ip, "--port="+port, "--config="+log+".conf")
	if err != nil {
		return nil, err
	}
	if err := d.await(ctx, addr); err != nil {
		d.Kill()
		return nil, err
	}
	return d, nil
}

// Version is the one the tests are written against.
const Version = "2.30.1"

// Upstream says why the distribution's Swift cannot be used, or nil.
func Upstream() error {
	out, err := exec.Command("/usr/bin/python3", "-c", "import swift; print(swift.__version__)").Output()
	if err != nil {
		return fmt.Errorf("the distribution's Swift is not installed (%w); ci/interop/install does it", err)
	}
	if got := strings.TrimSpace(string(out)); got != Version {
		return fmt.Errorf("the distribution's Swift is %s; these tests are written against %s", got, Version)
	}
	for _, name := range []string{"object-server", "container-server", "account-server", "proxy-server", "ring-builder"} {
		if _, err := os.Stat("/usr/bin/swift-" + name); err != nil {
			return fmt.Errorf("%w; ci/interop/install installs it", err)
		}
	}
	return nil
}

// Ports below those that the kernel gives to clients, so that no connection
// takes one between the search and the use.
const firstPort, lastPort = 22000, 22999

// Ports hands out ports on which nobody listens.
type Ports struct {
	mu   sync.Mutex
	next int
}

// NewPorts begins at a place that depends on the process, so that two runs
// side by side do not search the same ports.
func NewPorts() *Ports {
	return &Ports{next: firstPort + os.Getpid()*37%(lastPort-firstPort)}
}

var errNoPort = errors.New("every port from " + strconv.Itoa(firstPort) + " to " + strconv.Itoa(lastPort) + " is taken")

// Take returns a port that is free on every address of loopback.
func (p *Ports) Take() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range lastPort - firstPort {
		port := p.next
		if p.next++; p.next > lastPort {
			p.next = firstPort
		}
		ln, err := net.Listen("tcp", ":"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		if err := ln.Close(); err != nil {
			return 0, err
		}
		return port, nil
	}
	return 0, errNoPort
}
