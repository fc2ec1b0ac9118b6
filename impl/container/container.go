// Package container is the container server: container databases over HTTP,
// for proxies, object servers and daemons. Paths are
// /device/partition/account/container[/object]; PUT and DELETE with an object
// are the update of one row. All who write send X-Timestamp, which orders
// writes. PUT and DELETE of a container tell the account servers named in
// X-Account-Host, X-Account-Device and X-Account-Partition at once; what they
// miss the container-updater brings later.
package container

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"apus/impl/backend"
	"apus/impl/broker"
	"apus/impl/broker/dbserver"
	"apus/impl/config"
	"apus/impl/dbrepl"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/swift"
	"apus/impl/web"
)

// Server is the container server.
type Server struct {
	*dbserver.Base
	accounts *backend.Client
	syncTo   *syncCheck

	// SyncChanged, if set before the first request, is told after a request
	// that may have changed where a container is synced to: the place for
	// the list of containers that container-sync goes through. The file is
	// that of the database.
	SyncChanged func(ctx context.Context, file string)
}

var _ web.Handler = (*Server)(nil)

// savedHeaders are stored with a container besides its metadata.
var savedHeaders = map[string]bool{
	"x-container-read": true, "x-container-write": true,
	"x-container-sync-key": true, "x-container-sync-to": true,
}

// New reads the options devices, mount_check, fallocate_reserve,
// replication_server, conn_timeout, node_timeout, allowed_sync_hosts and
// swift_dir.
func New(h *host.Host, sw *config.Swift, opts *config.Section, ev *event.Sink) (*Server, error) {
	s := &Server{
		Base:     dbserver.New("container-server", h, sw, opts, ev),
		accounts: backend.New(h.Net, ReadTimeouts(opts)),
		syncTo:   newSyncCheck(h, opts),
	}
	repl := dbrepl.New(h, s.Pool, s.Devices(), broker.ContainersDir)
	s.SetMethods(map[string]dbserver.Method{
		http.MethodPut: s.put, http.MethodPost: s.post, http.MethodGet: s.get,
		http.MethodHead: s.head, http.MethodDelete: s.delete,
		"UPDATE": s.update,
	}, repl.Serve)
	return s, nil
}

// ReadTimeouts takes the timeouts of requests to account servers from opts.
func ReadTimeouts(opts *config.Section) backend.Config {
	return backend.Config{
		ConnTimeout: opts.Seconds("conn_timeout", 500*time.Millisecond),
		NodeTimeout: opts.Seconds("node_timeout", 3*time.Second),
	}
}

// Close closes connections and databases, when no request is being served any
// more.
func (s *Server) Close(context.Context) error {
	s.accounts.Close()
	return s.Pool.Close()
}

func (s *Server) container(t dbserver.Target) *broker.Container {
	return s.Pool.Container(t.Device, t.Partition, t.Account, t.Container)
}

// change is a request that changes something: its target and time.
type change struct {
	dbserver.Target
	at swift.Timestamp
	// policy is the index asked for, -1 if none.
	policy int
}

func (s *Server) change(req *web.Request, most int, check func(device string) *web.Response) (c change, fault *web.Response) {
	if c.Target, fault = dbserver.Split(req, 4, most); fault != nil {
		return c, fault
	}
	if c.at, fault = dbserver.Timestamp(req); fault != nil {
		return c, fault
	}
	if req.Method == http.MethodPut || req.Method == http.MethodPost {
		if fault = s.checkSyncTo(req); fault != nil {
			return c, fault
		}
	}
	if fault = check(c.Device); fault != nil {
		return c, fault
	}
	c.policy = -1
	// POST and DELETE of a container leave its policy alone, so they do not
	// look at the header.
	if req.Method == http.MethodPost || req.Method == http.MethodDelete && c.Object == "" {
		return c, nil
	}
	c.policy, fault = s.Policy(req)
	return c, fault
}

func (s *Server) put(ctx context.Context, req *web.Request) *web.Response {
	c, fault := s.change(req, 5, s.CheckSpace)
	if fault != nil {
		return fault
	}
	if c.Object != "" {
		return s.putObject(ctx, req, c)
	}
	if strings.EqualFold(req.Header.Get("X-Backend-Record-Type"), "shard") {
		return s.putShards(ctx, req, c)
	}
	return s.putContainer(ctx, req, c)
}

func (s *Server) putObject(ctx context.Context, req *web.Request, c change) *web.Response {
	size, fault := dbserver.Number(req, "X-Size")
	if fault != nil {
		return fault
	}
	row := broker.Object{
		Name: c.Object, CreatedAt: c.at.Internal(), Size: size,
		ContentType: req.Header.Get("X-Content-Type"), ETag: req.Header.Get("X-Etag"), Policy: max(c.policy, 0),
		CtypeTimestamp: req.Header.Get("X-Content-Type-Timestamp"), MetaTimestamp: req.Header.Get("X-Meta-Timestamp"),
	}
	for _, name := range []string{"X-Content-Type", "X-Etag"} {
		if _, ok := req.Header[name]; !ok {
			return web.Plain(http.StatusBadRequest, "Missing %s header", name)
		}
	}
	for _, ts := range []string{row.CtypeTimestamp, row.MetaTimestamp} {
		if _, err := swift.ParseTimestamp(ts); ts != "" && err != nil {
			return web.Plain(http.StatusBadRequest, "Invalid timestamp %q", ts)
		}
	}
	return s.putRow(ctx, req, c, row, http.StatusCreated)
}

// putRow updates one row, unless the caller takes a redirection and there is
// a shard for the name.
func (s *Server) putRow(ctx context.Context, req *web.Request, c change, row broker.Object, status int) *web.Response {
	b := s.container(c.Target)
	moved, err := s.redirect(ctx, req, b, c.Object)
	if err == nil && moved == nil {
		err = b.PutObject(ctx, row)
	}
	if swift.Is(err, swift.NotFound) && autoCreate(req, c.Account) {
		if err = s.create(ctx, b, c); err == nil {
			err = b.PutObject(ctx, row)
		}
	}
	switch {
	case err != nil:
		return s.Fail(req, err)
	case moved != nil:
		return moved
	}
	return web.NewResponse(status)
}

// create makes a container that comes into being with its first row. It is
// fine if somebody was faster.
func (s *Server) create(ctx context.Context, b *broker.Container, c change) error {
	err := b.Create(ctx, broker.ContainerInit{PutTimestamp: c.at.WithOffset(0), Policy: max(c.policy, 0), Limits: s.Swift.Limits})
	if swift.Is(err, swift.Conflict) {
		return nil
	}
	return err
}

// autoCreate: accounts that begin with a dot belong to Swift itself. Of them
// shards are made by the sharder alone, which says so.
func autoCreate(req *web.Request, account string) bool {
	if v := req.Header.Get("X-Backend-Auto-Create"); v != "" {
		return config.Truth(v)
	}
	return strings.HasPrefix(account, ".") && !strings.HasPrefix(account, ".shards_")
}

func (s *Server) delete(ctx context.Context, req *web.Request) *web.Response {
	c, fault := s.change(req, 5, s.CheckDevice)
	if fault != nil {
		return fault
	}
	if c.Object == "" {
		return s.deleteContainer(ctx, req, c)
	}
	return s.putRow(ctx, req, c, broker.DeletedObject(c.Object, c.at, max(c.policy, 0)), http.StatusNoContent)
}

func (s *Server) putContainer(ctx context.Context, req *web.Request, c change) *web.Response {
	policy := c.policy
	if policy < 0 {
		policy = s.Swift.Policies.Default().Index
		if n, err := strconv.Atoi(req.Header.Get("X-Backend-Storage-Policy-Default")); err == nil {
			policy = n
		}
	}
	b, meta := s.container(c.Target), dbserver.Collect(req, "container", savedHeaders, c.at)
	var result outcome
	if err := s.resetSync(ctx, req, b); err != nil {
		return s.Fail(req, err)
	}
	update := func(x *broker.ContainerTx) (err error) {
		result, err = s.revive(x, c, policy, meta)
		return err
	}
	err := b.Update(ctx, update)
	if swift.Is(err, swift.NotFound) {
		err = b.Create(ctx, broker.ContainerInit{PutTimestamp: c.at, Policy: policy, Metadata: meta, Limits: s.Swift.Limits})
		switch {
		case err == nil:
			result = outcome{status: http.StatusCreated, info: &broker.ContainerInfo{PutTimestamp: c.at, Policy: policy}}
		case swift.Is(err, swift.Conflict): // somebody was faster
			err = b.Update(ctx, update)
		}
	}
	if err != nil {
		return s.Fail(req, err)
	}
	resp := web.NewResponse(result.status)
	resp.Header.Set("X-Backend-Storage-Policy-Index", strconv.Itoa(result.info.Policy))
	if !resp.OK() {
		return resp
	}
	s.syncChanged(ctx, b, meta)
	if refused := s.tellAccounts(ctx, req, c.Target, result.info); refused != nil {
		return refused
	}
	return resp
}

// outcome is what a transaction decided.
type outcome struct {
	status int
	info   *broker.ContainerInfo
}

// revive puts a container that has a database. One that was removed may come
// back with another policy.
func (s *Server) revive(x *broker.ContainerTx, c change, policy int, meta broker.Metadata) (outcome, error) {
	info, err := x.Info()
	if err != nil {
		return outcome{}, err
	}
	removed := info.Deleted()
	if !removed && c.policy >= 0 && c.policy != info.Policy {
		return outcome{http.StatusConflict, info}, nil
	}
	if removed {
		if c.at.Before(info.DeleteTimestamp) {
			return outcome{http.StatusConflict, info}, nil
		}
		if err := x.SetPolicy(policy, c.at); err != nil {
			return outcome{}, err
		}
	}
	if err := x.SetPutTimestamp(c.at); err != nil {
		return outcome{}, err
	}
	if info, err = x.Info(); err != nil {
		return outcome{}, err
	}
	if removed {
		if err := x.SetStatusChangedAt(c.at); err != nil {
			return outcome{}, err
		}
	}
	if err := x.UpdateMetadata(meta, s.Swift.Limits); err != nil {
		return outcome{}, err
	}
	if removed {
		return outcome{http.StatusCreated, info}, nil
	}
	return outcome{http.StatusAccepted, info}, nil
}

func (s *Server) deleteContainer(ctx context.Context, req *web.Request, c change) *web.Response {
	var result outcome
	b := s.container(c.Target)
	err := b.Update(ctx, func(x *broker.ContainerTx) error {
		info, err := x.Info()
		if err != nil {
			return err
		}
		if empty, err := empty(x, info); err != nil || !empty {
			result.status = http.StatusConflict
			return err
		}
		existed := !info.PutTimestamp.IsZero() && !info.Deleted()
		if err := x.MarkDeleted(c.at); err != nil {
			return err
		}
		if result.info, err = x.Info(); err != nil {
			return err
		}
		switch {
		case !result.info.Deleted():
			result.status = http.StatusConflict
		case existed:
			result.status = http.StatusNoContent
		default:
			result.status = http.StatusNotFound
		}
		return nil
	})
	if err != nil {
		return s.Fail(req, err)
	}
	if result.status == http.StatusConflict {
		return web.NewResponse(result.status)
	}
	if s.SyncChanged != nil {
		s.SyncChanged(ctx, b.File())
	}
	if refused := s.tellAccounts(ctx, req, c.Target, result.info); refused != nil {
		return refused
	}
	return web.NewResponse(result.status)
}

// empty reports whether no policy has objects, nor the file that is being
// sharded, nor the shards of a root.
func empty(x *broker.ContainerTx, info *broker.ContainerInfo) (bool, error) {
	if empty, err := x.Empty(); err != nil || !empty {
		return false, err
	}
	if info.DBState == broker.DBSharding && info.ObjectCount > 0 {
		return false, nil
	}
	root, err := x.IsRoot()
	if err != nil || !root {
		return err == nil, err
	}
	sharding, err := x.ShardingInitiated()
	if err != nil || !sharding {
		return err == nil, err
	}
	usage, err := x.ShardUsage()
	return err == nil && usage.ObjectCount <= 0, err
}

func (s *Server) post(ctx context.Context, req *web.Request) *web.Response {
	c, fault := s.change(req, 4, s.CheckSpace)
	if fault != nil {
		return fault
	}
	status := http.StatusNoContent
	b, meta := s.container(c.Target), dbserver.Collect(req, "container", savedHeaders, c.at)
	if err := s.resetSync(ctx, req, b); err != nil && !swift.Is(err, swift.NotFound) {
		return s.Fail(req, err)
	}
	err := b.Update(ctx, func(x *broker.ContainerTx) error {
		info, err := x.Info()
		if err != nil {
			return err
		}
		if info.Deleted() {
			status = http.StatusNotFound
			return nil
		}
		if !config.Truth(req.Header.Get("X-Backend-No-Timestamp-Update")) {
			if err := x.SetPutTimestamp(c.at); err != nil {
				return err
			}
		}
		return x.UpdateMetadata(meta, s.Swift.Limits)
	})
	if err != nil {
		return s.Fail(req, err)
	}
	if status == http.StatusNoContent {
		s.syncChanged(ctx, b, meta)
	}
	return web.NewResponse(status)
}
