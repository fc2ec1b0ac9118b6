package peer

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"apus/impl/host"
	"apus/impl/host/real"
	"apus/impl/tools/layout"
)

// Plan describes a cluster: whose code each storage node and each proxy runs.
// All proxies share memcached, the rings and the users.
type Plan struct {
	Dir      string
	Storage  []Make
	Proxies  []Make
	Replicas int
	// OneProcess runs all servers of all nodes of ours in one process ("apus node").
	OneProcess bool
	// Default are the options that every server gets in [DEFAULT]; nil means
	// Common.
	Default []string
}

// Cluster is a running cluster.
type Cluster struct {
	Dir       string
	Layout    layout.Cluster
	Auth      []string  // URL of each proxy, as in Plan.Proxies
	Proxies   []*Daemon // as in Plan.Proxies
	bin       *Binaries
	daemons   []*Daemon
	listeners []listener
}

// FS is the real file system, for what writes through a seam.
func FS() host.FS { return real.New("interop", slog.New(slog.DiscardHandler)).FS }

const hashSuffix = "interop"

// Up lays a cluster out below p.Dir and starts it. Whoever gets a cluster
// calls Down.
func Up(ctx context.Context, b *Binaries, ports *Ports, p Plan) (*Cluster, error) {
	c := &Cluster{Dir: p.Dir, bin: b}
	if err := c.lay(ports, p); err != nil {
		return nil, err
	}
	if err := c.start(ctx, ports, p); err != nil {
		c.Down()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) lay(ports *Ports, p Plan) error {
	etc := filepath.Join(c.Dir, "etc")
	c.Layout = layout.Cluster{
		Replicas: p.Replicas, PartPower: 6, RingSeed: 1, Users: layout.TestUsers(), HashSuffix: hashSuffix,
		FernetKey: base64.URLEncoding.EncodeToString([]byte(strings.Repeat("k", 32))),
		Default:   p.Default,
	}
	if p.Default == nil {
		c.Layout.Default = Common()
	}
	for i := range p.Storage {
		n, err := NewNode(ports, c.Dir, i+1)
		if err != nil {
			return err
		}
		c.Layout.Nodes = append(c.Layout.Nodes, n)
	}
	rings, err := c.Layout.Rings()
	if err != nil {
		return err
	}
	for _, n := range c.Layout.Nodes {
		if err := c.Layout.WriteNode(FS(), n, rings); err != nil {
			return err
		}
	}
	for i := range p.Proxies {
		port, err := ports.Take()
		if err != nil {
			return err
		}
		c.Layout.Proxies = append(c.Layout.Proxies, layout.Proxy{
			Name: fmt.Sprintf("proxy%d", i+1), IP: "127.0.0.1", Port: port,
			ConfDir: filepath.Join(etc, fmt.Sprintf("proxy%d", i+1)), SwiftDir: etc,
		})
	}
	return nil
}

// NewNode is the n-th storage node of a cluster below dir, from 1, on an
// address of its own. All nodes share dir/etc; their .conf files are in
// dir/etc/nodeN, their device is dir/srv/nodeN/dN.
func NewNode(ports *Ports, dir string, n int) (layout.Node, error) {
	name := fmt.Sprintf("node%d", n)
	var p [3]int
	for i := range p {
		var err error
		if p[i], err = ports.Take(); err != nil {
			return layout.Node{}, err
		}
	}
	etc := filepath.Join(dir, "etc")
	return layout.Node{
		Name: name, IP: fmt.Sprintf("127.0.0.%d", n), Region: 1, Zone: n, Devices: []string{fmt.Sprintf("d%d", n)},
		Ports:   layout.Ports{Object: p[0], Container: p[1], Account: p[2]},
		ConfDir: filepath.Join(etc, name), SwiftDir: etc, DeviceDir: filepath.Join(dir, "srv", name),
	}, nil
}

// Common are the options that both makes get in [DEFAULT]: one process a
// server, so that its id is the one that was started, and no user to become.
func Common() []string {
	user := os.Getenv("USER")
	if os.Getuid() == 0 || user == "" {
		user = "root"
	}
	return []string{
		"workers = 0", "user = " + user, "log_level = INFO", "disable_fallocate = true",
	}
}

func (c *Cluster) start(ctx context.Context, ports *Ports, p Plan) error {
	port, err := ports.Take()
	if err != nil {
		return err
	}
	cache := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	d, err := Memcached(ctx, c.log("memcached"), cache)
	if err != nil {
		return err
	}
	c.daemons = append(c.daemons, d)
	var together []layout.Node
	for i, m := range p.Storage {
		if m == Ours && p.OneProcess {
			together = append(together, c.Layout.Nodes[i])
		} else if err := c.startNode(c.Layout.Nodes[i], m); err != nil {
			return err
		}
	}
	if err := c.startTogether(together); err != nil {
		return err
	}
	for i, m := range p.Proxies {
		if err := c.startProxy(m, c.Layout.Proxies[i], cache); err != nil {
			return err
		}
	}
	for _, l := range c.listeners {
		if err := l.daemon.await(ctx, l.addr); err != nil {
			return err
		}
	}
	return nil
}

// listener is an address that a daemon has to listen on.
type listener struct {
	daemon *Daemon
	addr   string
}

func (c *Cluster) started(d *Daemon, ip string, ports ...int) {
	c.daemons = append(c.daemons, d)
	for _, port := range ports {
		c.listeners = append(c.listeners, listener{d, net.JoinHostPort(ip, strconv.Itoa(port))})
	}
}

// startTogether runs nodes of ours in one process.
func (c *Cluster) startTogether(nodes []layout.Node) error {
	if len(nodes) == 0 {
		return nil
	}
	var dirs []string
	for _, n := range nodes {
		dirs = append(dirs, n.ConfDir)
	}
	d, err := c.bin.StartNodes(dirs, c.log("nodes"))
	if err != nil {
		return err
	}
	for _, n := range nodes {
		c.started(d, n.IP, n.Ports.Account, n.Ports.Container, n.Ports.Object)
	}
	return nil
}

func (c *Cluster) startNode(n layout.Node, m Make) error {
	for _, kind := range layout.ServerKinds() {
		conf := filepath.Join(n.ConfDir, kind+"-server.conf")
		d, err := c.bin.Start(m, kind+"-server", n.SwiftDir, conf, c.log(n.Name+"-"+kind))
		if err != nil {
			return err
		}
		c.started(d, n.IP, n.Ports.Of(kind))
	}
	return nil
}

func (c *Cluster) log(name string) string { return filepath.Join(c.Dir, "log", name+".log") }

func (c *Cluster) startProxy(m Make, p layout.Proxy, cache string) error {
	conf := filepath.Join(p.ConfDir, "proxy-server.conf")
	if err := os.MkdirAll(p.ConfDir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(conf, []byte(c.proxyConf(p, cache)), 0o600); err != nil {
		return err
	}
	d, err := c.bin.Start(m, "proxy-server", p.SwiftDir, conf, c.log(p.Name))
	if err != nil {
		return err
	}
	c.started(d, p.IP, p.Port)
	c.Proxies = append(c.Proxies, d)
	c.Auth = append(c.Auth, fmt.Sprintf("http://%s:%d/auth/v1.0", p.IP, p.Port))
	return nil
}

// proxyConf is layout's proxy-server.conf with a cache that both makes know,
// and without the reading of expired objects, which the storage servers of the
// other make are too old for.
func (c *Cluster) proxyConf(p layout.Proxy, cache string) string {
	l := c.Layout
	l.Cache = true
	return strings.NewReplacer(
		"memcache_backend = local", "memcache_servers = "+cache+"\nmemcache_max_connections = 32",
		"allow_open_expired = true", "allow_open_expired = false",
	).Replace(l.ProxyConf(p))
}

// Down ends every daemon, the last started first.
func (c *Cluster) Down() {
	for i := len(c.daemons) - 1; i >= 0; i-- {
		_ = c.daemons[i].cmd.Process.Signal(os.Interrupt)
	}
	for i := len(c.daemons) - 1; i >= 0; i-- {
		c.daemons[i].Kill()
	}
}

// Logs is the end of every log, for a test that failed.
func (c *Cluster) Logs() string {
	var b strings.Builder
	for _, d := range c.daemons {
		fmt.Fprintf(&b, "--- %s (%s)\n%s\n", d.Name, filepath.Base(d.Log), d.Tail())
	}
	return b.String()
}
