// Package account is the account server: account databases over HTTP, for
// proxies, container servers and daemons. Paths are
// /device/partition/account[/container]; a PUT with a container is the update
// of one row. All who write send X-Timestamp, which orders writes. REPLICATE
// is for other replicas, see package dbrepl.
package account

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"apus/impl/broker"
	"apus/impl/broker/dbserver"
	"apus/impl/config"
	"apus/impl/dbrepl"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/swift"
	"apus/impl/web"
)

// Server is the account server.
type Server struct{ *dbserver.Base }

var _ web.Handler = (*Server)(nil)

// New reads the options devices, mount_check, fallocate_reserve and
// replication_server.
func New(h *host.Host, sw *config.Swift, opts *config.Section, ev *event.Sink) (*Server, error) {
	s := &Server{dbserver.New("account-server", h, sw, opts, ev)}
	repl := dbrepl.New(h, s.Pool, s.Devices(), broker.AccountsDir)
	s.SetMethods(map[string]dbserver.Method{
		http.MethodPut: s.put, http.MethodPost: s.post, http.MethodGet: s.get,
		http.MethodHead: s.head, http.MethodDelete: s.delete,
	}, repl.Serve)
	return s, nil
}

// Close closes the databases, when no request is being served any more.
func (s *Server) Close(context.Context) error { return s.Pool.Close() }

func (s *Server) account(t dbserver.Target) *broker.Account {
	return s.Pool.Account(t.Device, t.Partition, t.Account)
}

// gone is an answer about an account that is not there; deleted says that it
// was removed, not that it never was. The spelling of the type is upstream's
// for these answers alone, and the body of a 404 is empty.
func gone(status int, deleted bool, body string) *web.Response {
	resp := web.Text(status, body, "text/html; charset=utf-8")
	if deleted {
		resp.Header.Set("X-Account-Status", "Deleted")
	}
	return resp
}

// result is the answer of a transaction, or to the error that ended it.
func (s *Server) result(req *web.Request, resp *web.Response, err error) *web.Response {
	if err != nil && resp != nil { // the transaction did not end well
		resp.Abandon()
	}
	switch {
	case swift.Is(err, swift.NotFound):
		return gone(http.StatusNotFound, false, "")
	case err != nil:
		return s.Fail(req, err)
	}
	return resp
}

func (s *Server) put(ctx context.Context, req *web.Request) *web.Response {
	t, fault := dbserver.Split(req, 3, 4)
	if fault != nil {
		return fault
	}
	if fault := s.CheckSpace(t.Device); fault != nil {
		return fault
	}
	if t.Container != "" {
		return s.putContainer(ctx, req, t)
	}
	at, fault := dbserver.Timestamp(req)
	if fault != nil {
		return fault
	}
	a, meta := s.account(t), dbserver.Collect(req, "account", nil, at)
	var resp *web.Response
	update := func(x *broker.AccountTx) (err error) {
		resp, err = s.revive(x, at, meta)
		return err
	}
	err := a.Update(ctx, update)
	if swift.Is(err, swift.NotFound) {
		if err = a.Create(ctx, at, meta, s.Swift.Limits); err == nil {
			return web.NewResponse(http.StatusCreated)
		}
		if swift.Is(err, swift.Conflict) { // somebody was faster
			err = a.Update(ctx, update)
		}
	}
	if err != nil {
		return s.Fail(req, err)
	}
	return resp
}

// revive puts an account that has a database.
func (s *Server) revive(x *broker.AccountTx, at swift.Timestamp, meta broker.Metadata) (*web.Response, error) {
	info, err := x.Info()
	if err != nil {
		return nil, err
	}
	if info.StatusDeleted() {
		return gone(http.StatusForbidden, true, "Recently deleted"), nil
	}
	if err := x.SetPutTimestamp(at); err != nil {
		return nil, err
	}
	if err := x.UpdateMetadata(meta, s.Swift.Limits); err != nil {
		return nil, err
	}
	return web.NewResponse(http.StatusAccepted), nil
}

// putContainer updates one row.
func (s *Server) putContainer(ctx context.Context, req *web.Request, t dbserver.Target) *web.Response {
	row, at, fault := s.row(req, t.Container)
	if fault != nil {
		return fault
	}
	a := s.account(t)
	gone, err := a.Deleted(ctx)
	if swift.Is(err, swift.NotFound) && strings.HasPrefix(t.Account, ".") {
		gone = false
		if err = a.Create(ctx, at, nil, s.Swift.Limits); swift.Is(err, swift.Conflict) {
			err = nil
		}
	}
	if err == nil && gone && !strings.EqualFold(req.Header.Get("X-Account-Override-Deleted"), "yes") {
		return web.NewResponse(http.StatusNotFound)
	}
	if err == nil {
		err = a.PutContainer(ctx, row)
	}
	if err != nil {
		return s.Fail(req, err)
	}
	if row.DeleteTimestamp.After(row.PutTimestamp) {
		return web.NewResponse(http.StatusNoContent)
	}
	return web.NewResponse(http.StatusCreated)
}

// row reads the headers of a row update. X-Timestamp may be missing.
func (s *Server) row(req *web.Request, name string) (row broker.ContainerRow, at swift.Timestamp, fault *web.Response) {
	if at, fault = dbserver.Timestamp(req); fault != nil && req.Header.Get("X-Timestamp") != "" {
		return row, at, fault
	} else if fault != nil {
		at = swift.TimestampOf(s.Host.Clock.Now())
	}
	row.Name = name
	for _, h := range []struct {
		name string
		to   *swift.Timestamp
	}{{"X-Put-Timestamp", &row.PutTimestamp}, {"X-Delete-Timestamp", &row.DeleteTimestamp}} {
		var err error
		if *h.to, err = swift.ParseTimestamp(req.Header.Get(h.name)); err != nil {
			return row, at, web.Plain(http.StatusBadRequest, "Invalid %s header", h.name)
		}
	}
	if row.ObjectCount, fault = dbserver.Number(req, "X-Object-Count"); fault != nil {
		return row, at, fault
	}
	if row.BytesUsed, fault = dbserver.Number(req, "X-Bytes-Used"); fault != nil {
		return row, at, fault
	}
	if text := req.Header.Get("X-Backend-Storage-Policy-Index"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return row, at, web.Plain(http.StatusBadRequest, "Invalid X-Backend-Storage-Policy-Index %q", text)
		}
		row.Policy = n
	}
	return row, at, nil
}

func (s *Server) post(ctx context.Context, req *web.Request) *web.Response {
	t, fault := dbserver.Split(req, 3, 3)
	if fault != nil {
		return fault
	}
	at, fault := dbserver.Timestamp(req)
	if fault != nil {
		return fault
	}
	if fault := s.CheckSpace(t.Device); fault != nil {
		return fault
	}
	return s.change(ctx, req, t, func(x *broker.AccountTx) (*web.Response, error) {
		return web.NewResponse(http.StatusNoContent), x.UpdateMetadata(dbserver.Collect(req, "account", nil, at), s.Swift.Limits)
	})
}

// change runs fn in a transaction, if the account is there.
func (s *Server) change(ctx context.Context, req *web.Request, t dbserver.Target, fn func(*broker.AccountTx) (*web.Response, error)) *web.Response {
	var resp *web.Response
	err := s.account(t).Update(ctx, func(x *broker.AccountTx) error {
		info, err := x.Info()
		if err != nil {
			return err
		}
		if info.Deleted() {
			resp = gone(http.StatusNotFound, info.StatusDeleted(), "")
			return nil
		}
		resp, err = fn(x)
		return err
	})
	return s.result(req, resp, err)
}

func (s *Server) delete(ctx context.Context, req *web.Request) *web.Response {
	t, fault := dbserver.Split(req, 3, 3)
	if fault != nil {
		return fault
	}
	if fault := s.CheckDevice(t.Device); fault != nil {
		return fault
	}
	at, fault := dbserver.Timestamp(req)
	if fault != nil {
		return fault
	}
	return s.change(ctx, req, t, func(x *broker.AccountTx) (*web.Response, error) {
		if err := x.MarkDeleted(at); err != nil {
			return nil, err
		}
		info, err := x.Info()
		return gone(http.StatusNoContent, info.StatusDeleted(), ""), err
	})
}
