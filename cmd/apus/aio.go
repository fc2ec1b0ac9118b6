package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"apus/impl/host/real"
	"apus/impl/tools/layout"
)

// aioOptions are the flags of apus aio.
type aioOptions struct {
	dir     string
	bind    string
	port    int
	nodes   int
	verbose bool
	asJSON  bool
}

func aioCommand() *cobra.Command {
	o := aioOptions{}
	cmd := &cobra.Command{
		Use:   "aio [DIR]",
		Short: "Run a whole cluster on loopback: a proxy, four storage nodes, three replicas",
		Long: "Run a whole cluster in one process on loopback. DIR (default ./apus-aio) holds its\n" +
			"configuration, rings, data and log; an empty or absent DIR is filled, a DIR of an\n" +
			"earlier run is taken up again with its data. SIGTERM or Ctrl-C drains and stops.",
		Example: "  apus aio\n  apus aio /tmp/swift --port 0 --json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.dir = args[0]
			}
			return runAIO(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.bind, "bind", "127.0.0.1", "address that all servers listen on")
	cmd.Flags().IntVar(&o.port, "port", 8080, "port of the proxy in a new DIR; 0 picks a free one")
	cmd.Flags().IntVar(&o.nodes, "nodes", 4, "storage nodes in a new DIR, 3 or more, each with one device")
	cmd.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "log debug messages")
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print the endpoint as one JSON line")
	o.dir = "apus-aio"
	return cmd
}

const aioReplicas = 3

func runAIO(ctx context.Context, o aioOptions) error {
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return err
	}
	if o.nodes < aioReplicas {
		return usageError{fmt.Errorf("--nodes %d: three replicas need at least three nodes", o.nodes)}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	state, err := loadOrCreateAIO(dir, o)
	if err != nil {
		return err
	}
	logFile, err := os.OpenFile(filepath.Join(dir, "apus.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer logFile.Close()
	return serveAIO(ctx, dir, state, newLog(logFile, o.verbose), o.asJSON)
}

// aioState is what DIR/aio.json remembers of a cluster.
type aioState struct {
	Bind  string `json:"bind"`
	Port  int    `json:"port"`
	Nodes int    `json:"nodes"`
}

func (s aioState) authURL() string {
	return "http://" + net.JoinHostPort(s.Bind, strconv.Itoa(s.Port)) + "/auth/v1.0"
}

func loadOrCreateAIO(dir string, o aioOptions) (aioState, error) {
	name := filepath.Join(dir, "aio.json")
	text, err := os.ReadFile(name)
	if err == nil {
		var s aioState
		if err := json.Unmarshal(text, &s); err != nil {
			return s, fmt.Errorf("%s is damaged (%w); remove %s to start afresh", name, err, dir)
		}
		return s, nil
	}
	if !os.IsNotExist(err) {
		return aioState{}, err
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		return aioState{}, fmt.Errorf("%s is neither empty nor a cluster of an earlier run; name another directory", dir)
	}
	s := aioState{Bind: o.bind, Port: o.port, Nodes: o.nodes}
	if err := createAIO(dir, &s); err != nil {
		return s, err
	}
	text, _ = json.Marshal(s)
	return s, os.WriteFile(name, text, 0o644) // written last: a half-made DIR is refused above
}

// freePorts finds n ports that nobody listens on. Between the search and the
// use somebody else may take one; then the daemon says so.
func freePorts(bind string, n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		ln, err := net.Listen("tcp", net.JoinHostPort(bind, "0"))
		if err != nil {
			return nil, err
		}
		defer ln.Close()
		ports[i] = ln.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

const portsPerNode = 3

func createAIO(dir string, s *aioState) error {
	ports, err := freePorts(s.Bind, s.Nodes*portsPerNode+1)
	if err != nil {
		return err
	}
	if s.Port == 0 {
		s.Port = ports[s.Nodes*portsPerNode]
	}
	etc := filepath.Join(dir, "etc")
	c := layout.Cluster{
		Replicas: aioReplicas, PartPower: 8, RingSeed: 1, Users: layout.TestUsers(),
		HashSuffix: randomText(hex.EncodeToString), FernetKey: randomText(base64.URLEncoding.EncodeToString),
		Cache:    true,
		Policies: []layout.Policy{{Name: "gold", Replicas: aioReplicas}, {Name: "silver", Replicas: 2}, {Name: "bronze", Aliases: "copper", Replicas: aioReplicas}},
		Proxy:    []string{"allow_account_management = true"},
		Proxies: []layout.Proxy{{
			Name: "proxy1", IP: s.Bind, Port: s.Port, ConfDir: etc, SwiftDir: etc,
		}},
	}
	for i := range s.Nodes {
		p := ports[i*portsPerNode:]
		c.Nodes = append(c.Nodes, layout.Node{
			Name: fmt.Sprintf("node%d", i+1), IP: s.Bind, Region: 1, Zone: i + 1,
			Devices: []string{fmt.Sprintf("d%d", i+1)}, Ports: layout.Ports{Object: p[0], Container: p[1], Account: p[2]},
			ConfDir:  filepath.Join(etc, fmt.Sprintf("node%d", i+1)),
			SwiftDir: etc, DeviceDir: filepath.Join(dir, "srv", fmt.Sprintf("node%d", i+1)),
		})
	}
	rings, err := c.Rings()
	if err != nil {
		return err
	}
	hfs := real.New("aio", slog.New(slog.DiscardHandler)).FS
	for _, n := range c.Nodes {
		if err := c.WriteNode(hfs, n, rings); err != nil {
			return err
		}
	}
	return c.WriteProxy(hfs, c.Proxies[0], rings)
}

func randomText(encode func([]byte) string) string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return encode(b)
}

// serveAIO runs every daemon until ctx ends or one of them fails.
func serveAIO(ctx context.Context, dir string, s aioState, log *slog.Logger, asJSON bool) error {
	etc := filepath.Join(dir, "etc")
	g := newGroup(ctx)
	for i := range s.Nodes {
		name := fmt.Sprintf("node%d", i+1)
		if err := g.startNode(name, filepath.Join(etc, name), log); err != nil {
			return err
		}
	}
	if err := g.startNode("proxy1", etc, log); err != nil {
		return err
	}
	if g.awaitReady() {
		announceAIO(dir, s, asJSON)
	}
	return g.wait()
}

func announceAIO(dir string, s aioState, asJSON bool) {
	auth := s.authURL()
	if asJSON {
		text, _ := json.Marshal(map[string]any{
			"auth": auth, "user": "test:tester", "key": "testing", "dir": dir, "pid": os.Getpid(),
		})
		fmt.Println(string(text))
		return
	}
	fmt.Printf(`apus all-in-one is running: 1 proxy, %d storage nodes, %d replicas
  directory  %s (kept when it stops; Ctrl-C or SIGTERM stops it)
  auth URL   %s
  user       test:tester
  key        testing
  try        curl -i -H 'X-Auth-User: test:tester' -H 'X-Auth-Key: testing' %s
`, s.Nodes, aioReplicas, dir, auth, auth)
}
