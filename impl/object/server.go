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

	"apus/impl/backend"
	"apus/impl/config"
	"apus/impl/diskfile"
	"apus/impl/event"
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
	}
	for _, h := range s.List("allowed_headers", defaultAllowedHeaders...) {
		switch h = strings.ToLower(h); h {
		case "content-length", "deleted", "etag": // the body decides these
		default:
			c.allowed[h] = true
		}
	}
	return c
}

// New makes a Server of an [app:object-server] section. It touches no disk
// and opens no connection before it is asked to.
func New(h *host.Host, sw *config.Swift, opts *config.Section, ev *event.Sink) (*Server, error) {
	s := &Server{host: h, swift: sw, log: h.Log, events: ev, cfg: readSettings(opts)}
	s.disks = diskfile.New(h, sw.Hasher, diskfile.ReadConfig(opts), ev)
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
	s      *Server
	dev    *diskfile.Device
	obj    *diskfile.Object
	policy *policy.Policy
	time   swift.Timestamp
}

type method struct {
	run   func(*call, context.Context) *web.Response
	write bool // needs X-Timestamp
}

var methods = map[string]method{
	http.MethodGet:    {(*call).get, false},
	http.MethodHead:   {(*call).get, false},
	http.MethodPut:    {(*call).put, true},
	http.MethodPost:   {(*call).post, true},
	http.MethodDelete: {(*call).delete, true},
}

const allow = "DELETE, GET, HEAD, OPTIONS, POST, PUT"

// Serve implements web.Handler.
func (s *Server) Serve(ctx context.Context, req *web.Request) *web.Response {
	m, ok := methods[req.Method]
	switch {
	case req.Method == http.MethodOptions:
		resp := web.Empty(http.StatusOK)
		resp.Header.Set("Allow", allow)
		resp.Header.Set("Server", "object-server/apus")
		return resp
	case !ok:
		resp := web.NewResponse(http.StatusMethodNotAllowed)
		resp.Header.Set("Allow", allow)
		return resp
	}
	c := &call{Request: req, s: s}
	if resp := c.place(m.write); resp != nil {
		return resp
	}
	return m.run(c, ctx)
}

// place finds the device, the policy and the object, and the time of the
// request; a response says why it cannot.
func (c *call) place(write bool) *web.Response {
	device, part, name, err := splitPath(c.Path)
	if err != nil {
		return web.Plain(http.StatusBadRequest, "Invalid path: %s: %v", web.EscapePath(c.Path), err)
	}
	index := c.Header.Get("X-Backend-Storage-Policy-Index")
	n, err := strconv.Atoi(strings.TrimSpace(index))
	if index == "" {
		n, err = 0, nil
	}
	if c.policy = c.s.swift.Policies.ByIndex(n); err != nil || c.policy == nil {
		return web.Plain(http.StatusServiceUnavailable, "No policy with index %s", index)
	}
	if c.time, err = c.timestamp(write); err != nil {
		return web.Plain(http.StatusBadRequest, "%v", err)
	}
	if c.dev, err = c.s.disks.Device(device); err != nil {
		return c.failure(err)
	}
	c.obj = c.dev.Object(c.policy, part, name)
	return nil
}

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
		return ts, errors.New("X-Timestamp should be a UNIX timestamp float value; was " + strconv.Quote(v))
	}
	return ts, nil
}

// splitPath reads "/device/partition/account/container/object".
func splitPath(p string) (device string, part uint32, name swift.Path, err error) {
	device, rest, _ := strings.Cut(strings.TrimPrefix(p, "/"), "/")
	partition, rest, _ := strings.Cut(rest, "/")
	if device == "" || device == "." || device == ".." {
		return "", 0, name, fmt.Errorf("invalid device %q", device)
	}
	n, err := strconv.ParseUint(partition, 10, 32)
	if err != nil || partition != strconv.FormatUint(n, 10) {
		return "", 0, name, fmt.Errorf("invalid partition %q", partition)
	}
	name, err = swift.ParsePath("/" + rest)
	if err != nil || !name.IsObject() {
		return "", 0, name, errors.New("it names no object")
	}
	return device, uint32(n), name, nil
}

// failure is the answer to an error that is not the client's doing.
func (c *call) failure(err error) *web.Response {
	kind := swift.KindOf(err)
	if kind == swift.Other || kind == swift.NoDevice || kind == swift.Corrupt {
		c.s.log.LogAttrs(context.Background(), slog.LevelError, "request failed",
			slog.String("method", c.Method), slog.String("path", c.Path),
			slog.String("txn", c.Meta.TxnID), slog.Any("error", err))
	}
	return web.FromError(err)
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
