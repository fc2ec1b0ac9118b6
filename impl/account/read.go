package account

import (
	"context"
	"net/http"
	"strconv"

	"apus/impl/broker"
	"apus/impl/broker/dbserver"
	"apus/impl/web"
)

func (s *Server) head(ctx context.Context, req *web.Request) *web.Response {
	t, fault := dbserver.Split(req, 3, 3)
	if fault != nil {
		return fault
	}
	format, fault := dbserver.Format(req)
	if fault != nil {
		return fault
	}
	if fault := s.CheckDevice(t.Device); fault != nil {
		return fault
	}
	return s.show(ctx, req, t, func(_ *broker.AccountTx, h http.Header) (*web.Response, error) {
		resp := web.Empty(http.StatusNoContent)
		resp.Header = h
		resp.Header.Set("Content-Type", format+"; charset=utf-8")
		return resp, nil
	})
}

func (s *Server) get(ctx context.Context, req *web.Request) *web.Response {
	t, fault := dbserver.Split(req, 3, 3)
	if fault != nil {
		return fault
	}
	o, fault := dbserver.ListOptions(req, s.Swift.Limits.AccountListingLimit)
	if fault != nil {
		return fault
	}
	o.Path = nil // containers have no pseudo-directories
	format, fault := dbserver.Format(req)
	if fault != nil {
		return fault
	}
	if fault := s.CheckDevice(t.Device); fault != nil {
		return fault
	}
	return s.show(ctx, req, t, func(x *broker.AccountTx, h http.Header) (*web.Response, error) {
		entries, err := x.List(o)
		if err != nil {
			return nil, err
		}
		return s.listing(format, t.Account, entries).Response(h), nil
	})
}

// show runs fn on one state of the account, if it is there, with the headers
// that GET and HEAD share.
func (s *Server) show(ctx context.Context, req *web.Request, t dbserver.Target, fn func(*broker.AccountTx, http.Header) (*web.Response, error)) *web.Response {
	var resp *web.Response
	err := s.account(t).View(ctx, func(x *broker.AccountTx) error {
		info, err := x.Info()
		if err != nil {
			return err
		}
		if info.Deleted() {
			resp = gone(http.StatusNotFound, info.StatusDeleted(), "")
			return nil
		}
		h, err := s.headers(x, info)
		if err != nil {
			return err
		}
		resp, err = fn(x, h)
		return err
	})
	return s.result(req, resp, err)
}

func (s *Server) headers(x *broker.AccountTx, info *broker.AccountInfo) (http.Header, error) {
	h := http.Header{}
	number := func(name string, n int64) { h.Set(name, strconv.FormatInt(n, 10)) }
	number("X-Account-Container-Count", info.ContainerCount)
	number("X-Account-Object-Count", info.ObjectCount)
	number("X-Account-Bytes-Used", info.BytesUsed)
	h.Set("X-Timestamp", info.CreatedAt.Normal())
	h.Set("X-Put-Timestamp", info.PutTimestamp.Normal())
	stats, err := x.PolicyStats()
	if err != nil {
		return nil, err
	}
	for _, st := range stats {
		if p := s.Swift.Policies.ByIndex(st.Policy); p != nil {
			prefix := "X-Account-Storage-Policy-" + p.Name
			number(prefix+"-Container-Count", st.ContainerCount)
			number(prefix+"-Object-Count", st.ObjectCount)
			number(prefix+"-Bytes-Used", st.BytesUsed)
		}
	}
	meta, err := x.Metadata()
	if err != nil {
		return nil, err
	}
	dbserver.Restore(h, meta, "account", nil)
	return h, nil
}

func (s *Server) listing(format, account string, entries []broker.ContainerEntry) *dbserver.Listing {
	l := dbserver.NewListing(format, "account", account, "container")
	for i := range entries {
		e := &entries[i]
		if e.Subdir {
			l.Subdir([]byte(e.Name))
			continue
		}
		fields := []dbserver.Field{
			{Name: "name", Text: []byte(e.Name)},
			{Name: "count", Number: &e.ObjectCount},
			{Name: "bytes", Number: &e.BytesUsed},
			{Name: "last_modified", Text: e.PutTimestamp.AppendISO(nil)},
		}
		if p := s.Swift.Policies.ByIndex(e.Policy); p != nil {
			fields = append(fields, dbserver.Field{Name: "storage_policy", Text: []byte(p.Name)})
		}
		l.Entry([]byte(e.Name), fields)
	}
	return l
}
