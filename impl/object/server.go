// Package object is the object server: GET, HEAD, PUT, POST and DELETE of
// /<device>/<partition>/<account>/<container>/<object>, as Swift's proxies
// speak it to storage nodes.
//
// Writes are ordered by X-Timestamp. One that is not newer than what is on
// disk gets 409 with the other's time in X-Backend-Timestamp. A device that is
// absent, not mounted, read-only or full gets 507.
//
// After a write the containers named by X-Container-{Host,Partition,Device}
// are told. A write is answered when they have answered, or after
// container_update_timeout; late ones go on in the background. An update that
// a container did not take is left in async_pending for the object-updater.
package object

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"apus/impl/accesslog"
	"apus/impl/backend"
	"apus/impl/config"
	"apus/impl/diskfile"
	"apus/impl/event"
	"apus/impl/expiry"
	"apus/impl/host"
	"apus/impl/policy"
	"apus/impl/swift"
	"apus/impl/web"
)

// Server is an object server.
type Server struct {
	host   *host.Host
	swift  *config.Swift
	log    *slog.Logger
	events *event.Sink
	cfg    settings
	disks  *diskfile.Manager

	updates *updates
	logged  web.Handler // answers, with a line in the log
}

var _ web.Handler = (*Server)(nil)

type settings struct {
	allowed          map[string]bool // lower-case headers that are stored
	updateTimeout    time.Duration
	nodeTimeout      time.Duration
	connTimeout      time.Duration
	maxUpload        time.Duration
	keepCachePrivate bool
	keepCacheSLO     bool
	slow             time.Duration // that a PUT or DELETE takes at least
	slowDelete       time.Duration // a DELETE beyond it is logged; negative: none
	replication      bool          // answers the replicators' methods
	queue            expiry.Queue
}

var defaultAllowedHeaders = []string{
	"Content-Disposition", "Content-Encoding", "X-Delete-At", "X-Object-Manifest", "X-Static-Large-Object",
	"Cache-Control", "Content-Language", "Expires", "X-Robots-Tag",
}

func readSettings(s *config.Section) settings {
	c := settings{
		allowed:          map[string]bool{},
		updateTimeout:    s.Seconds("container_update_timeout", time.Second),
		nodeTimeout:      s.Seconds("node_timeout", 3*time.Second),
		connTimeout:      s.Seconds("conn_timeout", 500*time.Millisecond),
		maxUpload:        s.Seconds("max_upload_time", 24*time.Hour),
		keepCachePrivate: s.Bool("keep_cache_private", false),
		keepCacheSLO:     s.Bool("keep_cache_slo_manifest", false),
		slow:             s.Seconds("slow", 0),
		slowDelete:       time.Duration(s.Float("slow_delete_log_threshold_seconds", 120, -1, 1e9) * float64(time.Second)),
		replication:      s.Bool("replication_server", true),
		queue:            expiry.ReadQueue(s),
	}
	acceptPython(s)
	for _, h := range s.List("allowed_headers", defaultAllowedHeaders...) {
		switch h = strings.ToLower(h); h {
		case "content-length", "deleted", "etag": // the body decides these
		default:
			c.allowed[h] = true
		}
	}
	return c
}

// acceptPython reads the options that tune Python's threads and sockets, so
// that a configuration which has them is not called unknown. Here the runtime
// and impl/web do that work.
func acceptPython(s *config.Section) {
	for _, key := range [...]string{
		"disk_chunk_size", "network_chunk_size", "cooperative_period", "eventlet_tpool_num_threads", "threads_per_disk",
		"servers_per_port", "replication_concurrency", "replication_concurrency_per_device", "replication_lock_timeout",
		"replication_failure_threshold", "replication_failure_ratio", "splice", "auto_create_account_prefix",
	} {
		s.Lookup(key)
	}
}

// New makes a Server of an [app:object-server] section. It touches no disk
// and opens no connection before it is asked to.
func New(h *host.Host, sw *config.Swift, opts *config.Section, ev *event.Sink) (*Server, error) {
	s := &Server{host: h, swift: sw, log: h.Log, events: ev, cfg: readSettings(opts)}
	s.disks = diskfile.New(h, sw.Hasher, diskfile.ReadConfig(opts), ev)
	s.logged = accesslog.Wrap(h, opts, "object-server", ev, web.HandlerFunc(s.answer))
	if err := opts.Err(); err != nil {
		return nil, err
	}
	client := backend.New(h.Net, backend.Config{ConnTimeout: s.cfg.connTimeout, NodeTimeout: s.cfg.nodeTimeout})
	s.updates = newUpdates(client)
	return s, nil
}

// Close waits for container updates that are under way. When ctx ends they are
// broken off and kept in async_pending instead.
func (s *Server) Close(ctx context.Context) error { return s.updates.close(ctx) }

// call is one request with its path taken apart.
type call struct {
	*web.Request
	s        *Server
	dev      *diskfile.Device
	part     uint32
	obj      *diskfile.Object // nil for REPLICATE
	suffixes string           // of REPLICATE, joined by "-"; may be empty
	policy   *policy.Policy
	time     swift.Timestamp
	folded   map[string]string // see values
}

type method struct {
	run         func(*call, context.Context) *web.Response
	write       bool // needs X-Timestamp
	replication bool // is the replicators', hidden by replication_server = no
}

var methods = map[string]method{
	http.MethodGet:    {run: (*call).get},
	http.MethodHead:   {run: (*call).get},
	http.MethodPut:    {run: (*call).put, write: true},
	http.MethodPost:   {run: (*call).post, write: true},
	http.MethodDelete: {run: (*call).delete, write: true},
	"REPLICATE":       {run: (*call).replicate, replication: true},
}

// allow is the value of the header Allow.
func (s *Server) allow() string {
	if s.cfg.replication {
		return "DELETE, GET, HEAD, OPTIONS, POST, PUT, REPLICATE"
	}
	return "DELETE, GET, HEAD, OPTIONS, POST, PUT"
}

// Serve implements web.Handler.
func (s *Server) Serve(ctx context.Context, req *web.Request) *web.Response {
	watch := host.StartStopwatch()
	resp := s.logged.Serve(ctx, req)
	took := watch.Elapsed()
	if req.Method == http.MethodDelete && s.cfg.slowDelete >= 0 && took > s.cfg.slowDelete {
		s.log.LogAttrs(ctx, slog.LevelWarn, "slow DELETE", slog.String("path", req.Path),
			slog.Int("status", resp.Status), slog.Duration("took", took))
	}
	if req.Method == http.MethodPut || req.Method == http.MethodDelete {
		s.dawdle(ctx, s.cfg.slow-took)
	}
	return resp
}

// dawdle makes writes slow where the operator asks for it, to test with.
func (s *Server) dawdle(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func (s *Server) answer(ctx context.Context, req *web.Request) *web.Response {
	m, ok := methods[req.Method]
	switch {
	case !utf8.ValidString(req.Path):
		return web.Text(http.StatusPreconditionFailed, "Invalid UTF8 or contains NULL", "text/html; charset=UTF-8")
	case req.Method == http.MethodOptions:
		resp := web.Empty(http.StatusOK)
		resp.Header.Set("Allow", s.allow())
		resp.Header.Set("Server", "object-server/"+swift.Release)
		return resp
	case !ok, m.replication && !s.cfg.replication:
		resp := web.NewResponse(http.StatusMethodNotAllowed)
		resp.Header.Set("Allow", s.allow())
		return resp
	}
	c := &call{Request: req, s: s}
	if resp := c.place(m); resp != nil {
		return resp
	}
	return m.run(c, ctx)
}

// place finds the policy, the device and the object or partition, and the time
// of the request; a response says why it cannot.
func (c *call) place(m method) *web.Response {
	index := c.Header.Get("X-Backend-Storage-Policy-Index")
	n, err := strconv.Atoi(strings.TrimSpace(index))
	if index == "" {
		n, err = 0, nil
	}
	if c.policy = c.s.swift.Policies.ByIndex(n); err != nil || c.policy == nil {
		return web.Plain(http.StatusServiceUnavailable, "No policy with index %s", index)
	}
	device, rest, err := c.splitPath()
	var name swift.Path
	if err == nil && m.replication {
		c.suffixes = rest
	} else if err == nil {
		name, err = objectName(rest)
	}
	if err != nil {
		return web.Plain(http.StatusBadRequest, "Invalid path: %s: %v", web.EscapePath(c.Path), err)
	}
	if c.time, err = c.timestamp(m.write); err != nil {
		return web.Plain(http.StatusBadRequest, "%v", err)
	}
	power, err := c.nextPartPower()
	if err != nil {
		return web.Plain(http.StatusBadRequest, "%v", err)
	}
	if c.dev, err = c.s.disks.Device(device); err != nil {
		return c.failure(err)
	}
	if !m.replication {
		c.obj = c.dev.Object(c.policy, c.part, name)
		c.obj.NextPartPower = power
	}
	return nil
}

// nextPartPower is that of a ring whose partitions are being doubled, else 0.
func (c *call) nextPartPower() (int, error) {
	v := strings.TrimSpace(c.Header.Get("X-Backend-Next-Part-Power"))
	if v == "" || strings.EqualFold(v, "none") {
		return 0, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > maxPartPower {
		return 0, fmt.Errorf("X-Backend-Next-Part-Power should be a number from 1 to %d; was %q", maxPartPower, v)
	}
	return n, nil
}

// maxPartPower is the highest that a ring can have.
const maxPartPower = 32

func (c *call) timestamp(must bool) (swift.Timestamp, error) {
	v := c.Header.Get("X-Timestamp")
	switch {
	case v == "" && must:
		return swift.Timestamp{}, errors.New("Missing X-Timestamp header")
	case v == "":
		return swift.TimestampOf(c.s.host.Clock.Now()), nil
	}
	ts, err := swift.ParseTimestamp(v)
	if err != nil {
		return ts, errors.New("Invalid X-Timestamp header")
	}
	return ts, nil
}

// splitPath reads "/device/partition" and what follows it.
func (c *call) splitPath() (device, rest string, err error) {
	device, rest, _ = strings.Cut(strings.TrimPrefix(c.Path, "/"), "/")
	partition, rest, _ := strings.Cut(rest, "/")
	if device == "" || device == "." || device == ".." {
		return "", "", fmt.Errorf("invalid device %q", device)
	}
	n, err := strconv.ParseUint(partition, 10, 32)
	if err != nil || partition != strconv.FormatUint(n, 10) {
		return "", "", fmt.Errorf("invalid partition %q", partition)
	}
	c.part = uint32(n)
	return device, rest, nil
}

// reserved begins the names of what filters keep for themselves.
const reserved = "\x00"

// objectName reads "account/container/object". Reserved objects live in
// reserved containers, and nothing else does; accounts of Swift's own hold
// what they like.
func objectName(s string) (swift.Path, error) {
	name, err := swift.ParsePath("/" + s)
	if err != nil || !name.IsObject() {
		return name, errors.New("it names no object")
	}
	inner := func(s string) bool { return strings.LastIndex(s, reserved) > 0 && !strings.HasPrefix(s, reserved) }
	container, object := strings.HasPrefix(name.Container, reserved), strings.HasPrefix(name.Object, reserved)
	switch {
	case inner(name.Account):
		return name, errors.New("Invalid reserved-namespace account")
	case inner(name.Container):
		return name, errors.New("Invalid reserved-namespace container")
	case strings.HasPrefix(name.Account, "."):
	case inner(name.Object):
		return name, errors.New("Invalid reserved-namespace object")
	case container && !object:
		return name, errors.New("Invalid user-namespace object in reserved-namespace container")
	case object && !container:
		return name, errors.New("Invalid reserved-namespace object in user-namespace container")
	}
	return name, nil
}

// failure is the answer to an error that is not the client's doing.
func (c *call) failure(err error) *web.Response {
	kind := swift.KindOf(err)
	if kind == swift.Other || kind == swift.NoDevice || kind == swift.Corrupt {
		c.log(slog.LevelError, "request failed", slog.Any("error", err))
	}
	return web.FromError(err)
}

// log says what is the matter with this request.
func (c *call) log(level slog.Level, msg string, attrs ...slog.Attr) {
	attrs = append(attrs, slog.String("method", c.Method), slog.String("path", c.Path), slog.String("txn", c.txn()))
	c.s.log.LogAttrs(context.Background(), level, msg, attrs...)
}

// conflict is 409 with the time of what is there.
func conflict(ts swift.Timestamp) *web.Response {
	resp := web.NewResponse(http.StatusConflict)
	resp.Header.Set("X-Backend-Timestamp", ts.Internal())
	return resp
}

// commitFailure is the answer to an error of Commit, which may have found that
// another write was faster.
func (c *call) commitFailure(err error) *web.Response {
	var stale *diskfile.Stale
	if errors.As(err, &stale) {
		return conflict(stale.Timestamp)
	}
	return c.failure(err)
}

// openOptions are those of requests that may see an expired object: GET, HEAD
// and POST.
func (c *call) openOptions() diskfile.OpenOptions {
	return diskfile.OpenOptions{Now: c.time, Expired: c.truth("X-Backend-Open-Expired") || c.truth("X-Backend-Replication")}
}

func (c *call) truth(header string) bool { return config.Truth(c.Header.Get(header)) }

// sortedKeys lists a map's keys in order, for what can be observed.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
