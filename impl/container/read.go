package container

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"apus/impl/broker"
	"apus/impl/broker/dbserver"
	"apus/impl/config"
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
	resp, err := s.view(ctx, t, func(x *broker.ContainerTx, info *broker.ContainerInfo) (*web.Response, error) {
		if info.Deleted() {
			return absent(info), nil
		}
		h, err := fullHeaders(x, info)
		if err != nil {
			return nil, err
		}
		h.Set("Content-Type", format+"; charset=utf-8")
		resp := web.Empty(http.StatusNoContent)
		resp.Header = h
		return resp, nil
	})
	if err != nil {
		return s.Fail(req, err)
	}
	return resp
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
	if _, _, _, fault := shardParams(req); fault != nil {
		return fault
	}
	resp, err := s.view(ctx, t, func(x *broker.ContainerTx, info *broker.ContainerInfo) (*web.Response, error) {
		kind := strings.ToLower(req.Header.Get("X-Backend-Record-Type"))
		if kind == "auto" && (info.DBState == broker.DBSharding || info.DBState == broker.DBSharded) {
			kind = "shard"
		}
		if kind == "shard" {
			return showShards(x, info, req, o, format)
		}
		return s.showObjects(x, info, req, t, o, format)
	})
	if err != nil {
		return s.Fail(req, err)
	}
	return resp
}

// view runs fn on one state of the container, also if it is removed but has a
// database.
func (s *Server) view(ctx context.Context, t dbserver.Target,
	fn func(*broker.ContainerTx, *broker.ContainerInfo) (*web.Response, error)) (resp *web.Response, err error) {
	err = s.container(t).View(ctx, func(x *broker.ContainerTx) error {
		info, err := x.Info()
		if err != nil {
			return err
		}
		resp, err = fn(x, info)
		return err
	})
	if err != nil && resp != nil { // the transaction did not end well
		resp.Abandon()
		resp = nil
	}
	if swift.Is(err, swift.NotFound) {
		return absent(&broker.ContainerInfo{}), nil
	}
	return resp, err
}

// showShards answers GET with shard ranges; those of a removed container only
// to callers that insist.
func showShards(x *broker.ContainerTx, info *broker.ContainerInfo, req *web.Request, o broker.ListOptions, format string) (*web.Response, error) {
	if info.Deleted() && !config.Truth(req.Header.Get("X-Backend-Override-Deleted")) {
		return absent(info), nil
	}
	q, more, fault := readShardQuery(req, o, info.DBState)
	if fault != nil {
		return fault, nil
	}
	h, err := fullHeaders(x, info)
	if err != nil {
		return nil, err
	}
	maps.Copy(h, more)
	return getShards(x, q, format, h)
}

// showObjects answers GET with objects.
func (s *Server) showObjects(x *broker.ContainerTx, info *broker.ContainerInfo, req *web.Request,
	t dbserver.Target, o broker.ListOptions, format string) (*web.Response, error) {
	policy, fault := s.Policy(req)
	if fault != nil {
		return fault, nil
	}
	if info.Deleted() {
		return absent(info), nil
	}
	if policy < 0 {
		policy = info.Policy
	}
	h, err := fullHeaders(x, info)
	if err != nil {
		return nil, err
	}
	h.Set("X-Backend-Record-Type", "object")
	h.Set("X-Backend-Record-Storage-Policy-Index", strconv.Itoa(policy))
	l, add := listing(format, t.Container)
	if err := x.EachServed(policy, o, add); err != nil {
		return nil, err
	}
	return l.Response(h), nil
}

// fullHeaders are those of an existing container, stored ones included.
func fullHeaders(x *broker.ContainerTx, info *broker.ContainerInfo) (http.Header, error) {
	meta, err := x.Metadata()
	if err != nil {
		return nil, err
	}
	h := headers(info)
	dbserver.Restore(h, meta, "container", savedHeaders)
	return h, nil
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
	h.Set("X-Backend-Sharding-State", string(info.DBState))
	h.Set("Last-Modified", web.FormatDate(time.Unix(info.PutTimestamp.CeilSeconds(), 0)))
	return h
}

func listing(format, container string) (l *dbserver.Listing, add func(*broker.ObjectRow) error) {
	l = dbserver.NewListing(format, "container", container, "object")
	isJSON := strings.HasSuffix(format, "/json")
	modified := make([]byte, 0, 32)
	return l, func(r *broker.ObjectRow) error {
		if r.Subdir {
			l.Subdir(r.Name)
			return nil
		}
		contentType, size := counted(r)
		modified = r.LastModified.AppendISO(modified[:0])
		fields := [5]dbserver.Field{
			{Name: "name", Text: r.Name}, {Name: "hash", Text: r.ETag}, {Name: "bytes", Number: &size},
			{Name: "content_type", Text: contentType}, {Name: "last_modified", Text: modified},
		}
		if isJSON {
			fields[0], fields[2] = fields[2], fields[0] // upstream's orders differ
		}
		l.Entry(r.Name, fields[:])
		return nil
	}
}

// counted is the content type that clients see, and the size that a large
// object stands for.
func counted(r *broker.ObjectRow) (contentType []byte, size int64) {
	if bytes.IndexByte(r.ContentType, ';') < 0 {
		return r.ContentType, r.Size
	}
	rest, text := swift.SplitSwiftBytes(string(r.ContentType))
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return []byte(rest), n
	}
	return []byte(rest), r.Size
}
