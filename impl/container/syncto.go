package container

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"apus/impl/broker"
	"apus/impl/config"
	"apus/impl/host"
	"apus/impl/realms"
	"apus/impl/web"
)

const syncToHeader = "X-Container-Sync-To"

// syncCheck decides where containers may be synced to: to a cluster of a realm
// in container-sync-realms.conf ("//realm/cluster/account/container"), or to
// URLs of allowed_sync_hosts.
type syncCheck struct {
	hosts  []string
	realms *realms.File
}

func newSyncCheck(h *host.Host, opts *config.Section) *syncCheck {
	return &syncCheck{opts.List("allowed_sync_hosts", "127.0.0.1"), realms.New(h, opts.String("swift_dir", "/etc/swift"))}
}

// validateSyncTo says what is wrong with a value of X-Container-Sync-To, ""
// if nothing is.
func validateSyncTo(value string, hosts []string, known realms.Set) string {
	text := strings.TrimRight(value, "/")
	if text == "" {
		return ""
	}
	if rest, ok := strings.CutPrefix(text, "//"); ok {
		parts := strings.Split(rest, "/")
		if len(parts) != 4 {
			return "Invalid X-Container-Sync-To format " + repr(value)
		}
		r := known.Realm(parts[0])
		if r.Key == "" {
			return "No realm key for " + repr(parts[0])
		}
		if r.Endpoint(parts[1]) == "" {
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
	if wrong := validateSyncTo(values[0], s.syncTo.hosts, s.syncTo.realms.Known()); wrong != "" {
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
