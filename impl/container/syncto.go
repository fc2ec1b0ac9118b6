package container

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"apus/impl/broker"
	"apus/impl/config"
	"apus/impl/host"
	"apus/impl/web"
)

const syncToHeader = "X-Container-Sync-To"

// syncCheck decides where containers may be synced to: to a cluster of a realm
// in container-sync-realms.conf ("//realm/cluster/account/container"), or to
// URLs of allowed_sync_hosts.
type syncCheck struct {
	host  *host.Host
	hosts []string
	file  string

	mu struct {
		sync.Mutex
		realms  realms
		watch   host.Stopwatch // since the file was looked at
		looked  bool
		changed time.Time // of the file that was read
	}
}

// realms are those of the file, by name in capitals.
type realms map[string]realm

type realm struct {
	key      string
	clusters map[string]string // endpoint by name in capitals
}

// realmsInterval is how often the file is looked at.
const realmsInterval = 5 * time.Minute

func newSyncCheck(h *host.Host, opts *config.Section) *syncCheck {
	return &syncCheck{
		host: h, hosts: opts.List("allowed_sync_hosts", "127.0.0.1"),
		file: path.Join(opts.String("swift_dir", "/etc/swift"), "container-sync-realms.conf"),
	}
}

// known are the realms, read again when the file has changed.
func (c *syncCheck) known() realms {
	c.mu.Lock()
	due := !c.mu.looked || c.mu.watch.Elapsed() >= realmsInterval
	have, changed := c.mu.realms, c.mu.changed
	c.mu.looked = true
	if due {
		c.mu.watch = host.StartStopwatch()
	}
	c.mu.Unlock()
	if !due {
		return have
	}
	read, at, err := readRealms(c.host.FS, c.file, changed)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return have
	case err != nil:
		c.host.Log.Error("Could not load realms", "file", c.file, "error", err.Error())
		return have
	case read == nil:
		return have
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.realms, c.mu.changed = read, at
	return read
}

// readRealms is nil if the file is still that of the time last.
func readRealms(fsys host.FS, file string, last time.Time) (realms, time.Time, error) {
	info, err := fsys.Stat(file)
	if err != nil || info.ModTime().Equal(last) {
		return nil, last, err
	}
	f, err := fsys.OpenFile(file, host.ReadOnly, 0)
	if err != nil {
		return nil, last, err
	}
	defer f.Close() // only read
	text, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return nil, last, err
	}
	conf, err := config.Parse(string(text), file)
	if err != nil {
		return nil, last, err
	}
	return parseRealms(conf), info.ModTime(), nil
}

func parseRealms(conf *config.File) realms {
	out := realms{}
	for _, name := range conf.Sections() {
		if name == "DEFAULT" {
			continue
		}
		section := conf.Section(name)
		r := realm{key: section.String("key", ""), clusters: map[string]string{}}
		for _, option := range section.Keys() {
			if cluster, ok := strings.CutPrefix(strings.ToLower(option), "cluster_"); ok {
				r.clusters[strings.ToUpper(cluster)] = section.String(option, "")
			}
		}
		out[strings.ToUpper(name)] = r
	}
	return out
}

// validateSyncTo says what is wrong with a value of X-Container-Sync-To, ""
// if nothing is.
func validateSyncTo(value string, hosts []string, known realms) string {
	text := strings.TrimRight(value, "/")
	if text == "" {
		return ""
	}
	if rest, ok := strings.CutPrefix(text, "//"); ok {
		parts := strings.Split(rest, "/")
		if len(parts) != 4 {
			return "Invalid X-Container-Sync-To format " + repr(value)
		}
		r := known[strings.ToUpper(parts[0])]
		if r.key == "" {
			return "No realm key for " + repr(parts[0])
		}
		if r.clusters[strings.ToUpper(parts[1])] == "" {
			return "No cluster endpoint for " + repr(parts[0]) + " " + repr(parts[1])
		}
		return ""
	}
	scheme, _, ok := strings.Cut(text, ":")
	if scheme = strings.ToLower(scheme); !ok || strings.ContainsAny(scheme, "/?#") {
		scheme = ""
	}
	if scheme != "http" && scheme != "https" {
		return "Invalid scheme " + repr(scheme) + ` in X-Container-Sync-To, must be "//", "http", or "https".`
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "Invalid X-Container-Sync-To format " + repr(value)
	case u.Path == "" && u.Opaque == "":
		return "Path required in X-Container-Sync-To"
	case u.RawQuery != "" || u.Fragment != "" || strings.Contains(path.Base(u.Path), ";"):
		return "Params, queries, and fragments not allowed in X-Container-Sync-To"
	case !slices.Contains(hosts, strings.ToLower(u.Hostname())):
		return "Invalid host " + repr(strings.ToLower(u.Hostname())) + " in X-Container-Sync-To"
	}
	return ""
}

// repr quotes s as upstream's messages do.
func repr(s string) string {
	q := "'"
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		q = `"`
	}
	return q + strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s) + q
}

func (s *Server) checkSyncTo(req *web.Request) *web.Response {
	values, ok := req.Header[syncToHeader]
	if !ok {
		return nil
	}
	if wrong := validateSyncTo(values[0], s.syncTo.hosts, s.syncTo.known()); wrong != "" {
		return web.Text(http.StatusBadRequest, wrong, "text/html; charset=UTF-8")
	}
	return nil
}

// resetSync lets container-sync begin anew when it is told to go elsewhere,
// before that is stored: syncing once more does no harm.
func (s *Server) resetSync(ctx context.Context, req *web.Request, b *broker.Container) error {
	values, ok := req.Header[syncToHeader]
	if !ok {
		return nil
	}
	if there, err := b.Exists(ctx); err != nil || !there {
		return err
	}
	changes := false
	err := b.View(ctx, func(x *broker.ContainerTx) error {
		meta, err := x.Metadata()
		old, had := meta[syncToHeader]
		changes = !had || old.Value != values[0]
		return err
	})
	if err != nil || !changes {
		return err
	}
	start := int64(-1)
	return b.SetContainerSyncPoints(ctx, &start, &start)
}

// syncChanged tells whoever listens that metadata was stored.
func (s *Server) syncChanged(ctx context.Context, b *broker.Container, meta broker.Metadata) {
	if s.SyncChanged != nil && len(meta) > 0 {
		s.SyncChanged(ctx, b.File())
	}
}
