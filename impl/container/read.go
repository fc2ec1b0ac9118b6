package container

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"apus/impl/broker"
	"apus/impl/broker/dbserver"
	"apus/impl/swift"
	"apus/impl/web"
)

func (s *Server) head(ctx context.Context, req *web.Request) *web.Response {
	t, fault := dbserver.Split(req, 4, 5)
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
	return s.show(ctx, req, t, func(_ *broker.ContainerTx, _ *broker.ContainerInfo, h http.Header) (*web.Response, error) {
		resp := web.Empty(http.StatusNoContent)
		resp.Header = h
		resp.Header.Set("Content-Type", format+"; charset=utf-8")
		return resp, nil
	})
}

func (s *Server) get(ctx context.Context, req *web.Request) *web.Response {
	t, fault := dbserver.Split(req, 4, 5)
	if fault != nil {
		return fault
	}
	o, fault := dbserver.ListOptions(req, s.Swift.Limits.ContainerListingLimit)
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
	wanted, fault := s.Policy(req)
	if fault != nil {
		return fault
	}
	return s.show(ctx, req, t, func(x *broker.ContainerTx, info *broker.ContainerInfo, h http.Header) (*web.Response, error) {
		policy := wanted
		if policy < 0 {
			policy = info.Policy
		}
		h.Set("X-Backend-Record-Type", "object")
		h.Set("X-Backend-Record-Storage-Policy-Index", strconv.Itoa(policy))
		entries, err := x.List(policy, o)
		if err != nil {
			return nil, err
		}
		return listing(format, t.Container, entries).Response(h), nil
	})
}

// show runs fn on one state of the container, if it is there, with the
// headers that GET and HEAD share.
func (s *Server) show(ctx context.Context, req *web.Request, t dbserver.Target,
	fn func(*broker.ContainerTx, *broker.ContainerInfo, http.Header) (*web.Response, error)) *web.Response {
	var resp *web.Response
	err := s.container(t).View(ctx, func(x *broker.ContainerTx) error {
		info, err := x.Info()
		if err != nil {
			return err
		}
		if info.Deleted() {
			resp = absent(info)
			return nil
		}
		meta, err := x.Metadata()
		if err != nil {
			return err
		}
		h := headers(info)
		dbserver.Restore(h, meta, "container", savedHeaders)
		resp, err = fn(x, info, h)
		return err
	})
	if swift.Is(err, swift.NotFound) {
		return absent(&broker.ContainerInfo{})
	}
	if err != nil {
		return s.Fail(req, err)
	}
	return resp
}

// absent tells a proxy what is known of a container that is not there.
func absent(info *broker.ContainerInfo) *web.Response {
	resp := web.NewResponse(http.StatusNotFound)
	backendHeaders(resp.Header, info)
	return resp
}

func backendHeaders(h http.Header, info *broker.ContainerInfo) {
	h.Set("X-Backend-Timestamp", info.CreatedAt.Internal())
	h.Set("X-Backend-Put-Timestamp", info.PutTimestamp.Internal())
	h.Set("X-Backend-Delete-Timestamp", info.DeleteTimestamp.Internal())
	h.Set("X-Backend-Status-Changed-At", info.StatusChangedAt.Internal())
	h.Set("X-Backend-Storage-Policy-Index", strconv.Itoa(info.Policy))
}

func headers(info *broker.ContainerInfo) http.Header {
	h := http.Header{}
	backendHeaders(h, info)
	h.Set("X-Container-Object-Count", strconv.FormatInt(info.ObjectCount, 10))
	h.Set("X-Container-Bytes-Used", strconv.FormatInt(info.BytesUsed, 10))
	h.Set("X-Timestamp", info.CreatedAt.Normal())
	h.Set("X-Put-Timestamp", info.PutTimestamp.Normal())
	h.Set("X-Backend-Sharding-State", "unsharded")
	h.Set("Last-Modified", web.FormatDate(time.Unix(info.PutTimestamp.CeilSeconds(), 0)))
	return h
}

// entrySize is about what an entry takes in a listing.
const entrySize = 240

func listing(format, container string, entries []broker.ObjectEntry) *dbserver.Listing {
	l := dbserver.NewListing(format, "container", container, "object", len(entries)*entrySize)
	var fields [5]dbserver.Field
	for i := range entries {
		e := &entries[i]
		if e.Subdir {
			l.Subdir(e.Name)
			continue
		}
		contentType, counted := broker.SplitSwiftBytes(e.ContentType)
		if n, err := strconv.ParseInt(counted, 10, 64); err == nil {
			e.Size = n
		}
		fields = [5]dbserver.Field{
			{Name: "name", Text: e.Name}, {Name: "hash", Text: e.ETag}, {Name: "bytes", Number: &e.Size},
			{Name: "content_type", Text: contentType}, {Name: "last_modified", Text: e.LastModified.ISO()},
		}
		l.Entry(e.Name, fields[:])
	}
	return l
}
