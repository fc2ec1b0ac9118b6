// Package recon is the recon filter of storage servers: GET /recon/… answers
// with figures about the machine, its disks, its rings and its daemons, as JSON
// that swift-recon and monitoring read.
//
// What daemons did comes from the recon cache (package impl/recon), what the
// machine does from /proc.
package recon

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"path"
	"strings"

	"apus/impl/config"
	"apus/impl/host"
	"apus/impl/middleware"
	"apus/impl/recon"
	"apus/impl/swift"
	"apus/impl/web"
)

type filter struct {
	next     web.Handler
	fs       host.FS
	clock    host.Clock
	log      *slog.Logger
	cache    *recon.Cache
	devices  string
	swiftDir string
	rings    []string // files
}

var _ middleware.Constructor = New

// New reads recon_cache_path, swift_dir and devices.
func New(env *middleware.Env, opts *config.Section) (web.Filter, error) {
	opts.Lookup("recon_lock_path") // read by swift-recon-cron
	dir := opts.String("swift_dir", "/etc/swift")
	rings := []string{path.Join(dir, "account.ring.gz"), path.Join(dir, "container.ring.gz")}
	for _, p := range env.Swift.Policies.All() {
		rings = append(rings, path.Join(dir, p.RingName()+".ring.gz"))
	}
	f := filter{
		fs: env.Host.FS, clock: env.Host.Clock, log: env.Host.Log,
		cache:   recon.New(env.Host.FS, opts.String("recon_cache_path", recon.DefaultPath)),
		devices: opts.String("devices", "/srv/node"), swiftDir: dir, rings: rings,
	}
	return func(next web.Handler) web.Handler {
		g := f
		g.next = next
		return &g
	}, nil
}

// Serve answers any method, as upstream does.
func (f *filter) Serve(ctx context.Context, req *web.Request) *web.Response {
	rest, ok := strings.CutPrefix(req.Path, "/recon/")
	if !ok {
		return f.next.Serve(ctx, req)
	}
	show := f.route(rest)
	if show == nil {
		return web.Text(http.StatusNotFound, "Invalid path: "+web.EscapePath(req.Path), "text/plain")
	}
	value, err := show(ctx)
	if err == nil {
		var text []byte
		if text, err = recon.Encode(value); err == nil {
			return web.Text(http.StatusOK, string(text), "application/json")
		}
	}
	f.log.LogAttrs(ctx, slog.LevelError, "recon cannot answer", slog.String("path", req.Path), slog.Any("error", err))
	return web.Text(http.StatusInternalServerError, "", "text/plain")
}

// report finds out what one path shows.
type report func(ctx context.Context) (any, error)

// route finds the report of a path without "/recon/"; nil is none. A check
// without a type ignores what follows it.
func (f *filter) route(rest string) report {
	check, kind, typed := strings.Cut(rest, "/")
	if check == "replication" && !typed {
		kind = "object" // as it was before there were types
	}
	if keys, ok := cached()[check+"/"+kind]; ok {
		return func(ctx context.Context) (any, error) { return f.fromCache(ctx, keys), nil }
	}
	if keys, ok := cached()[check]; ok {
		return func(ctx context.Context) (any, error) { return f.fromCache(ctx, keys), nil }
	}
	return map[string]report{
		"mem":          func(context.Context) (any, error) { return f.memory() },
		"load":         func(context.Context) (any, error) { return f.load() },
		"mounted":      func(context.Context) (any, error) { return f.mounted() },
		"sockstat":     func(context.Context) (any, error) { return f.sockets() },
		"devices":      func(ctx context.Context) (any, error) { return f.deviceList(ctx), nil },
		"unmounted":    func(context.Context) (any, error) { return f.unmounted() },
		"diskusage":    func(context.Context) (any, error) { return f.diskUsage() },
		"quarantined":  func(context.Context) (any, error) { return f.quarantined() },
		"ringmd5":      func(ctx context.Context) (any, error) { return f.ringSums(ctx), nil },
		"swiftconfmd5": func(ctx context.Context) (any, error) { return f.confSum(ctx), nil },
		"version":      func(context.Context) (any, error) { return map[string]any{"version": swift.Release}, nil },
		"time":         func(context.Context) (any, error) { return float64(f.clock.Now().UnixNano()) / 1e9, nil },
	}[check]
}

// cacheKeys is a selection of a cache file.
type cacheKeys struct {
	file string
	keys []string
}

// cached are the reports that come from the cache, by check or check/type.
func cached() map[string]cacheKeys {
	replication := []string{"replication_time", "replication_stats", "replication_last"}
	auditor := func(server string) []string {
		return []string{
			server + "_audits_passed", server + "_auditor_pass_completed",
			server + "_audits_since", server + "_audits_failed",
		}
	}
	return map[string]cacheKeys{
		"async":                 {recon.ObjectFile, []string{"async_pending", "async_pending_last"}},
		"replication/account":   {recon.AccountFile, replication},
		"replication/container": {recon.ContainerFile, replication},
		"replication/object":    {recon.ObjectFile, append([]string{"object_replication_time", "object_replication_last"}, replication...)},
		"reconstruction/object": {recon.ObjectFile, []string{"object_reconstruction_last", "object_reconstruction_time"}},
		"updater/container":     {recon.ContainerFile, []string{"container_updater_sweep"}},
		"updater/object":        {recon.ObjectFile, []string{"object_updater_sweep", "object_updater_stats", "object_updater_last"}},
		"auditor/account":       {recon.AccountFile, auditor("account")},
		"auditor/container":     {recon.ContainerFile, auditor("container")},
		"auditor/object":        {recon.ObjectFile, []string{"object_auditor_stats_ALL", "object_auditor_stats_ZBF"}},
		"expirer/object":        {recon.ObjectFile, []string{"object_expiration_pass", "expired_last_pass"}},
		"driveaudit":            {recon.DriveFile, []string{"drive_audit_errors"}},
		"sharding":              {recon.ContainerFile, []string{"sharding_stats", "sharding_time", "sharding_last"}},
		"relinker":              {recon.RelinkerFile, []string{"devices", "workers"}},
	}
}

// fromCache shows keys of a file, null for what is not known.
func (f *filter) fromCache(ctx context.Context, sel cacheKeys) any {
	out := make(map[string]any, len(sel.keys))
	for _, k := range sel.keys {
		out[k] = nil
	}
	text, err := f.cache.ReadText(sel.file)
	if err != nil {
		if !(isAbsent(err) && sel.file == recon.RelinkerFile) { // which is there while it relinks
			f.log.LogAttrs(ctx, slog.LevelError, "Error reading recon cache file", slog.Any("error", err))
		}
		return out
	}
	entry, err := recon.Decode(text)
	if err != nil {
		f.log.LogAttrs(ctx, slog.LevelError, "Error parsing recon cache file",
			slog.String("file", sel.file), slog.Any("error", err))
		return out
	}
	for _, k := range sel.keys {
		out[k] = entry[k]
	}
	return out
}

func isAbsent(err error) bool { return errors.Is(err, fs.ErrNotExist) }
