package containers

import (
	"archive/tar"
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ory/dockertest/v3"
	"github.com/ory/dockertest/v3/docker"

	"apus/faults/plan"
	"apus/impl/host/real"
	"apus/impl/tools/layout"
)

// TestContainers does everything that needs a container engine, so that one
// line says that it is skipped.
func TestContainers(t *testing.T) {
	pool := needDocker(t)
	image := buildImage(t, pool)
	t.Run("Conformance", func(t *testing.T) { testConformance(t, deploy(t, pool, image)) })
	t.Run("Faults", func(t *testing.T) { testFaults(t, deploy(t, pool, image)) })
}

const (
	proxyPort  = 8080
	lifetime   = 15 * time.Minute // the engine removes what a killed test leaves behind
	startLimit = time.Minute
	nodes      = 3
)

// deployment is the containers of one test.
type deployment struct {
	pool    *dockertest.Pool
	image   string // its name
	network *dockertest.Network
	nodes   map[string]*dockertest.Resource
	proxy   *dockertest.Resource
	addr    string // of the proxy, on loopback
	dir     string // what the machine <name> sees at / is in dir/<name>
	layout  *layout.Cluster
	counter plan.Counter
}

// prefix makes names of this process's containers and network. The engine's
// name server resolves the name of a container on its network.
func prefix() string { return fmt.Sprintf("apus-test-%d", os.Getpid()) }

// needDocker skips without an engine, except in CI, where containers must be
// tested.
func needDocker(t *testing.T) *dockertest.Pool {
	t.Helper()
	pool, err := dockertest.NewPool("")
	if err == nil {
		err = pool.Client.Ping()
	}
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("no Docker engine answers, and CI must test containers: %v", err)
		}
		t.Skipf("container tests need a Docker engine, and none answers: %v", err)
	}
	pool.MaxWait = startLimit
	return pool
}

// deploy starts a cluster, removed when the test ends.
func deploy(t *testing.T, pool *dockertest.Pool, image string) *deployment {
	t.Helper()
	network, err := pool.CreateNetwork(prefix())
	if err != nil {
		t.Fatalf("creating a network: %v", err)
	}
	d := &deployment{pool: pool, image: image, network: network, nodes: map[string]*dockertest.Resource{}}
	t.Cleanup(func() { d.remove(t) })
	d.dir, d.layout = configure(t)
	for _, n := range d.layout.Nodes {
		d.nodes[n.Name] = d.run(t, n.Name)
	}
	port := docker.Port(fmt.Sprintf("%d/tcp", proxyPort))
	d.proxy = d.run(t, "proxy1", port)
	d.addr = net.JoinHostPort("127.0.0.1", d.proxy.GetPort(string(port)))
	d.await(t)
	return d
}

// buildImage links the static binary and puts it into an empty image, which
// is removed when the test ends. It returns the image's name.
func buildImage(t *testing.T, pool *dockertest.Pool) string {
	t.Helper()
	name := prefix()
	bin := filepath.Join(t.TempDir(), "apus")
	cmd := exec.Command("go", "build", "-trimpath", "-o", bin, "./cmd/apus")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the binary: %v\n%s", err, out)
	}
	text, err := os.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, f := range []struct {
		name string
		mode int64
		text []byte
	}{
		{"Dockerfile", 0o644, []byte("FROM scratch\nCOPY apus /apus\nENTRYPOINT [\"/apus\"]\n")},
		{"apus", 0o755, text},
	} {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = pool.Client.BuildImage(docker.BuildImageOptions{Name: name, InputStream: &archive, OutputStream: &out, RmTmpContainer: true})
	if err != nil {
		t.Fatalf("building the image: %v\n%s", err, out.String())
	}
	t.Cleanup(func() {
		if err := pool.Client.RemoveImage(name); err != nil {
			t.Errorf("removing the image: %v", err)
		}
	})
	return name
}

// configure writes the configuration of every machine below a directory.
// Machines find each other by the names of their containers.
func configure(t *testing.T) (string, *layout.Cluster) {
	t.Helper()
	dir := t.TempDir()
	c := &layout.Cluster{
		Replicas: 3, PartPower: 6, RingSeed: 1, Users: layout.TestUsers(), HashSuffix: "containers",
		FernetKey: "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
		Proxy:     []string{"error_suppression_interval = 5", "node_timeout = 5", "recoverable_node_timeout = 3"},
		Updater:   []string{"interval = 5"},
		Proxies:   []layout.Proxy{{Name: "proxy1", IP: "0.0.0.0", Port: proxyPort, ConfDir: "/etc/swift", SwiftDir: "/etc/swift"}},
	}
	for i := range nodes {
		name := fmt.Sprintf("node%d", i+1)
		c.Nodes = append(c.Nodes, layout.Node{
			Name: name, IP: prefix() + "-" + name, Bind: "0.0.0.0", Region: 1, Zone: i + 1, Devices: []string{"d1"}, Ports: layout.DefaultPorts(),
			ConfDir: "/etc/swift", SwiftDir: "/etc/swift", DeviceDir: "/srv/node",
		})
	}
	rings, err := c.Rings()
	if err != nil {
		t.Fatal(err)
	}
	// What the containers see at / is below dir/<name> here.
	hfs := real.New("setup", slog.New(slog.DiscardHandler)).FS
	for _, n := range c.Nodes {
		at := filepath.Join(dir, n.Name)
		if err := c.WriteNode(below{hfs, at}, n, rings); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.WriteProxy(below{hfs, filepath.Join(dir, "proxy1")}, c.Proxies[0], rings); err != nil {
		t.Fatal(err)
	}
	return dir, c
}

// run starts one machine.
func (d *deployment) run(t *testing.T, name string, published ...docker.Port) *dockertest.Resource {
	t.Helper()
	mounts := []string{filepath.Join(d.dir, name, "etc/swift") + ":/etc/swift"}
	if len(published) == 0 {
		mounts = append(mounts, filepath.Join(d.dir, name, "srv/node")+":/srv/node")
	}
	o := &dockertest.RunOptions{
		Name: prefix() + "-" + name, Hostname: name, Repository: d.image, Tag: "latest",
		User: fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid()), // what it writes is ours to read and remove
		Cmd:  []string{"node", "/etc/swift"}, Networks: []*dockertest.Network{d.network}, Mounts: mounts,
		PortBindings: map[docker.Port][]docker.PortBinding{},
	}
	for _, p := range published {
		o.ExposedPorts = append(o.ExposedPorts, string(p))
		o.PortBindings[p] = []docker.PortBinding{{HostIP: "127.0.0.1", HostPort: "0"}}
	}
	r, err := d.pool.RunWithOptions(o, func(c *docker.HostConfig) { c.RestartPolicy = docker.NeverRestart() })
	if err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	if err := r.Expire(uint(lifetime.Seconds())); err != nil {
		t.Fatalf("bounding the life of %s: %v", name, err)
	}
	return r
}

// await waits until the cluster takes a write.
func (d *deployment) await(t *testing.T) {
	t.Helper()
	err := d.pool.Retry(func() error {
		resp, err := http.Get("http://" + d.addr + "/healthcheck")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("healthcheck answers %s", resp.Status)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("the cluster does not answer: %v\n%s", err, d.logs(d.proxy))
	}
}

func (d *deployment) logs(r *dockertest.Resource) string {
	var out bytes.Buffer
	_ = d.pool.Client.Logs(docker.LogsOptions{
		Container: r.Container.ID, OutputStream: &out, ErrorStream: &out, Stdout: true, Stderr: true, Tail: "200",
	})
	return out.String()
}

// state says how a container fares.
func (d *deployment) state(r *dockertest.Resource) string {
	c, err := d.pool.Client.InspectContainer(r.Container.ID)
	if err != nil {
		return err.Error()
	}
	return c.State.String()
}

// remove deletes containers and network by id.
func (d *deployment) remove(t *testing.T) {
	for _, name := range d.names() {
		r := d.resource(name)
		if r == nil {
			continue
		}
		if t.Failed() {
			t.Logf("%s: %s; log:\n%s", name, d.state(r), d.logs(r))
		}
		if err := d.pool.Purge(r); err != nil {
			t.Errorf("removing %s: %v", name, err)
		}
	}
	if err := d.pool.RemoveNetwork(d.network); err != nil {
		t.Errorf("removing the network: %v", err)
	}
}

// stop ends every machine as SIGTERM does. All must drain and exit cleanly.
func (d *deployment) stop(t *testing.T) {
	t.Helper()
	for _, name := range slices.Backward(d.names()) {
		if err := d.terminate(d.resource(name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func (d *deployment) names() []string {
	var out []string
	for name := range d.nodes {
		out = append(out, name)
	}
	slices.Sort(out)
	return append(out, "proxy1")
}

func (d *deployment) resource(name string) *dockertest.Resource {
	if name == "proxy1" {
		return d.proxy
	}
	return d.nodes[name]
}
