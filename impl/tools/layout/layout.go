// Package layout writes what a small cluster needs before its daemons can
// start: directories, swift.conf, a .conf file for each server, and rings. It
// describes an all-in-one cluster on loopback, the nodes of a simulated
// cluster, and the machines of a container test in the same terms, so that
// all three boot from the same text.
package layout

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"apus/impl/host"
	"apus/impl/ring"
	"apus/impl/ring/builder"
	"apus/impl/swift"
)

// Cluster describes a cluster. Zero fields of New's result may be changed
// before anything is written.
type Cluster struct {
	Nodes     []Node
	Proxies   []Proxy
	Replicas  int
	PartPower int
	// RingSeed makes the rings reproducible.
	RingSeed uint64
	// HashSuffix is the cluster's secret; every node needs the same.
	HashSuffix string
	// FernetKey signs tokens, so that every proxy accepts those of the
	// others: 32 bytes in URL-safe base64.
	FernetKey string
	Users     []User
	// Policies are the storage policies by index, the first of them the
	// default; none means one, gold, with Replicas.
	Policies []Policy
	// Cache puts a cache filter, local to the process, in front of the
	// proxies. Without it every request asks the container servers anew.
	Cache bool
	// Proxy, Object, Container, Account are further "key = value" lines for the
	// app sections; Updater for the updaters' sections, Default for [DEFAULT]
	// of every file, Swift for swift.conf.
	Proxy, Object, Container, Account, Updater, Default, Swift []string
}

// Policy is a storage policy whose objects are replicated.
type Policy struct {
	Name     string
	Aliases  string // further names, separated by commas
	Replicas int
}

func (c *Cluster) policies() []Policy {
	if len(c.Policies) > 0 {
		return c.Policies
	}
	return []Policy{{Name: "gold", Replicas: c.Replicas}}
}

// Node is one storage node: an object, a container and an account server
// over the same devices.
type Node struct {
	Name string
	// IP is what the rings say: an address, or a name that the other
	// machines resolve.
	IP string
	// Bind is the address to listen on if it is another than IP.
	Bind         string
	Region, Zone int
	Devices      []string
	Ports        Ports
	// ConfDir holds the node's .conf files, SwiftDir swift.conf and the
	// rings, DeviceDir the devices ("/srv/node").
	ConfDir, SwiftDir, DeviceDir string
	// Mounts says that devices are mount points and must be mounted.
	Mounts bool
}

// Ports of the servers of a node.
type Ports struct{ Object, Container, Account int }

// Of is the port of a server of this kind (ServerKinds).
func (p Ports) Of(kind string) int {
	switch kind {
	case "account":
		return p.Account
	case "container":
		return p.Container
	}
	return p.Object
}

// DefaultPorts are Swift's.
func DefaultPorts() Ports { return Ports{Object: 6200, Container: 6201, Account: 6202} }

// Proxy is one proxy server.
type Proxy struct {
	Name              string
	IP                string // to listen on
	Port              int
	ConfDir, SwiftDir string
}

// User is one account of tempauth.
type User struct {
	Account, Name, Key string
	Groups             []string
}

// TestUsers are the six that OpenStack's functional tests expect, of which
// test:tester is the usual one.
func TestUsers() []User {
	return []User{
		{"admin", "admin", "admin", []string{".admin", ".reseller_admin"}},
		{"test", "tester", "testing", []string{".admin"}},
		{"test2", "tester2", "testing2", []string{".admin"}},
		{"test", "tester3", "testing3", nil},
		{"test5", "tester5", "testing5", []string{"service"}},
		{"test6", "tester6", "testing6", []string{".reseller_reader"}},
	}
}

// ringKind is one ring of the cluster.
type ringKind struct {
	name     string
	server   string // whose ports it names
	replicas int
}

func (c *Cluster) ringKinds() []ringKind {
	kinds := []ringKind{{"account", "account", c.Replicas}, {"container", "container", c.Replicas}}
	for i, p := range c.policies() {
		name := "object"
		if i > 0 {
			name = fmt.Sprintf("object-%d", i)
		}
		kinds = append(kinds, ringKind{name, "object", p.Replicas})
	}
	return kinds
}

// ringTime is when the rings are built: the same in every run, so that equal
// clusters have equal rings. Any time beyond min-part-hours after 1970 does.
func ringTime() time.Time { return time.Unix(1700000000, 0) }

// Rings builds the cluster's rings: "account", "container", "object" and
// "object-1", … for further policies.
func (c *Cluster) Rings() (map[string]*ring.Ring, error) {
	out := map[string]*ring.Ring{}
	for i, kind := range c.ringKinds() {
		b, err := builder.New(ringTime, c.PartPower, float64(kind.replicas), 1)
		if err != nil {
			return nil, err
		}
		for _, n := range c.Nodes {
			port := n.Ports.Of(kind.server)
			for _, d := range n.Devices {
				dev := ring.Device{
					Region: n.Region, Zone: n.Zone, IP: n.IP, Port: port, Device: d, Weight: 100,
					ReplicationIP: n.IP, ReplicationPort: port,
				}
				if _, err := b.AddDevice(dev); err != nil {
					return nil, err
				}
			}
		}
		if _, err := b.Rebalance(builder.SeedNumber(c.RingSeed + uint64(i))); err != nil {
			return nil, err
		}
		if out[kind.name], err = b.Ring(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// SwiftConf is the text of swift.conf.
func (c *Cluster) SwiftConf() string {
	var b text
	b.section("swift-hash", "swift_hash_path_suffix = "+c.HashSuffix)
	for i, p := range c.policies() {
		b.section(fmt.Sprintf("storage-policy:%d", i), "name = "+p.Name)
		if p.Aliases != "" {
			b.lines([]string{"aliases = " + p.Aliases})
		}
		if i == 0 {
			b.lines([]string{"default = yes"})
		}
	}
	b.lines(c.Swift)
	return b.String()
}

// filter is one word of the proxies' pipeline.
type filter struct {
	name, use string
	options   []string
}

// proxyFilters is the pipeline of the proxies, outermost first: all there is,
// each with options that leave requests alone which do not ask for it.
func proxyFilters() []filter {
	f := func(name string, options ...string) filter {
		return filter{name, strings.ReplaceAll(name, "-", "_"), options}
	}
	return []filter{
		f("catch_errors"), f("gatekeeper"), f("healthcheck"), f("proxy-logging"),
		{"cache", "memcache", []string{"memcache_backend = local"}},
		f("etag-quoter", "enable_by_default = false"),
		f("cname_lookup", "storage_domain ="), f("domain_remap", "storage_domain = "+StorageDomain),
		f("listing_formats"), f("name_check", "forbidden_chars =", "maximum_length = 4096", "forbidden_regexp ="),
		f("bulk"), f("list_endpoints"), f("tempurl"), f("formpost"), f("ratelimit"), f("crossdomain"), f("read_only"),
		f("container_sync"), f("tempauth"), f("staticweb"), f("copy"), f("container-quotas"), f("account-quotas"),
		f("slo"), f("dlo"), f("versioned_writes", "allow_versioned_writes = true", "allow_object_versioning = true"),
		f("symlink"), f("proxy-logging"),
	}
}

// StorageDomain is where domain_remap finds accounts and containers in names
// of hosts: "container.account.example.net".
const StorageDomain = "example.net"

// ProxyConf is the text of proxy-server.conf.
func (c *Cluster) ProxyConf(p Proxy) string {
	var b text
	b.section("DEFAULT", "bind_ip = "+p.IP, fmt.Sprintf("bind_port = %d", p.Port), "swift_dir = "+p.SwiftDir)
	b.lines(c.Default)
	names := make([]string, 0, len(proxyFilters())+1)
	for _, f := range proxyFilters() {
		if f.name != "cache" || c.Cache {
			names = append(names, f.name)
		}
	}
	b.section("pipeline:main", "pipeline = "+strings.Join(names, " ")+" proxy-server")
	b.section("app:proxy-server", "use = egg:swift#proxy", "account_autocreate = true", "allow_open_expired = true")
	b.lines(c.Proxy)
	seen := map[string]bool{"tempauth": true, "cache": !c.Cache}
	for _, f := range proxyFilters() {
		if !seen[f.name] {
			seen[f.name] = true
			b.section("filter:"+f.name, "use = egg:swift#"+f.use)
			b.lines(f.options)
		}
	}
	b.section("filter:tempauth", "use = egg:swift#tempauth",
		"reseller_prefix = AUTH, SERVICE", "SERVICE_require_group = service",
		"fernet_key_cluster = "+c.FernetKey, "active_fernet_key_id = cluster")
	for _, u := range c.Users {
		b.lines([]string{strings.TrimRight(fmt.Sprintf("user_%s_%s = %s %s", u.Account, u.Name, u.Key, strings.Join(u.Groups, " ")), " ")})
	}
	return b.String()
}

// ServerConf is the text of a storage server's .conf; kind is "object",
// "container" or "account".
func (c *Cluster) ServerConf(n Node, kind string) string {
	options := c.Object
	switch kind {
	case "container":
		options = c.Container
	case "account":
		options = c.Account
	}
	bind := n.IP
	if n.Bind != "" {
		bind = n.Bind
	}
	var b text
	b.section("DEFAULT", "bind_ip = "+bind, fmt.Sprintf("bind_port = %d", n.Ports.Of(kind)),
		"swift_dir = "+n.SwiftDir, "devices = "+n.DeviceDir, fmt.Sprintf("mount_check = %t", n.Mounts),
		"recon_cache_path = "+n.reconDir())
	b.lines(c.Default)
	b.section("pipeline:main", "pipeline = healthcheck recon "+kind+"-server")
	b.section("filter:healthcheck", "use = egg:swift#healthcheck")
	b.section("filter:recon", "use = egg:swift#recon")
	b.section("app:"+kind+"-server", "use = egg:swift#"+kind)
	b.lines(options)
	if kind != "account" {
		b.section(kind + "-updater")
		b.lines(c.Updater)
	}
	return b.String()
}

// reconDir is where the node's daemons leave their figures.
func (n Node) reconDir() string { return path.Join(n.ConfDir, "recon") }

// text builds an INI file.
type text struct{ strings.Builder }

func (b *text) section(name string, lines ...string) {
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	fmt.Fprintf(b, "[%s]\n", name)
	b.lines(lines)
}

func (b *text) lines(lines []string) {
	for _, l := range lines {
		b.WriteString(l)
		b.WriteByte('\n')
	}
}

// ServerKinds are the storage servers of a node.
func ServerKinds() []string { return []string{"account", "container", "object"} }

// WriteNode writes a node's configuration and makes its device directories
// (unless they are mount points, which must exist).
func (c *Cluster) WriteNode(hfs host.FS, n Node, rings map[string]*ring.Ring) error {
	if err := c.WriteSwiftDir(hfs, n.SwiftDir, rings); err != nil {
		return err
	}
	for _, kind := range ServerKinds() {
		if err := writeFile(hfs, path.Join(n.ConfDir, kind+"-server.conf"), c.ServerConf(n, kind)); err != nil {
			return err
		}
	}
	if err := hfs.MkdirAll(n.reconDir(), 0o755); err != nil {
		return swift.E("layout.WriteNode", n.Name, swift.Other, err)
	}
	for _, d := range n.Devices {
		if err := hfs.MkdirAll(path.Join(n.DeviceDir, d), 0o755); err != nil {
			return swift.E("layout.WriteNode", n.Name, swift.Other, err)
		}
	}
	return nil
}

// WriteProxy writes a proxy's configuration.
func (c *Cluster) WriteProxy(hfs host.FS, p Proxy, rings map[string]*ring.Ring) error {
	if err := c.WriteSwiftDir(hfs, p.SwiftDir, rings); err != nil {
		return err
	}
	return writeFile(hfs, path.Join(p.ConfDir, "proxy-server.conf"), c.ProxyConf(p))
}

// WriteSwiftDir writes swift.conf and the rings, which every machine has.
func (c *Cluster) WriteSwiftDir(hfs host.FS, dir string, rings map[string]*ring.Ring) error {
	if err := writeFile(hfs, path.Join(dir, "swift.conf"), c.SwiftConf()); err != nil {
		return err
	}
	for _, kind := range c.ringKinds() {
		if err := rings[kind.name].Save(hfs, path.Join(dir, kind.name+".ring.gz")); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(hfs host.FS, name, content string) (err error) {
	defer func() {
		if err != nil {
			err = swift.E("layout.write", name, swift.Other, err)
		}
	}()
	if err := hfs.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := hfs.OpenFile(name, host.ReadWrite|host.Create|host.Truncate, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(content))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return hfs.SyncDir(path.Dir(name))
}

// Exists reports whether a file is there.
func Exists(hfs host.FS, name string) (bool, error) {
	_, err := hfs.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
