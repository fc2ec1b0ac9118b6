package container

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"strconv"

	"apus/impl/broker"
	"apus/impl/broker/dbserver"
	"apus/impl/dbrepl"
	"apus/impl/swift"
	"apus/impl/web"
)

// update is UPDATE of a container: many rows at once, in a JSON list.
func (s *Server) update(ctx context.Context, req *web.Request) *web.Response {
	c, fault := s.change(req, 4, s.CheckSpace)
	if fault != nil {
		return fault
	}
	b := s.container(c.Target)
	body, fault := s.ReadBody(req)
	if fault != nil {
		return fault
	}
	if _, err := s.ensure(ctx, req, b, c); err != nil {
		return s.Fail(req, err)
	}
	items, err := parseRows(body)
	if err == nil {
		err = b.MergeItems(ctx, items, "")
	}
	if err != nil {
		return s.Fail(req, err)
	}
	return web.NewResponse(http.StatusAccepted)
}

// parseRows reads the body of an UPDATE.
func parseRows(body []byte) ([]broker.Item, error) {
	items, err := broker.ParseItems(body)
	if err != nil {
		return nil, swift.E("container.UPDATE", "", swift.Invalid, err)
	}
	return items, nil
}

// ensure makes the container if there is none and it may be made by this
// request, which then must say in which policy (kind Invalid); it reports
// whether it did. Kind NotFound if there is no container then.
func (s *Server) ensure(ctx context.Context, req *web.Request, b *broker.Container, c change) (created bool, err error) {
	there, err := b.Exists(ctx)
	if err != nil || there {
		return false, err
	}
	if !autoCreate(req, c.Account) {
		return false, swift.E("container.ensure", req.Path, swift.NotFound, fs.ErrNotExist)
	}
	if c.policy < 0 {
		return false, swift.E("container.ensure", req.Path, swift.Invalid, errors.New("X-Backend-Storage-Policy-Index header is required"))
	}
	err = s.create(ctx, b, c)
	return err == nil, err
}

// putShards is PUT of a container with X-Backend-Record-Type: shard: it merges
// shard ranges, a JSON list in the body, and metadata.
func (s *Server) putShards(ctx context.Context, req *web.Request, c change) *web.Response {
	body, fault := s.ReadBody(req)
	if fault != nil {
		return fault
	}
	ranges, err := dbrepl.ParseShardRanges(body)
	if err != nil {
		return web.Text(http.StatusBadRequest, "Invalid body: "+err.Error(), "text/html; charset=UTF-8")
	}
	b, meta := s.container(c.Target), dbserver.Collect(req, "container", savedHeaders, c.at)
	created, err := s.ensure(ctx, req, b, c)
	if err == nil {
		err = s.resetSync(ctx, req, b)
	}
	var info *broker.ContainerInfo
	if err == nil {
		err = b.Update(ctx, func(x *broker.ContainerTx) (err error) {
			if err = x.UpdateMetadata(meta, s.Swift.Limits); err != nil {
				return err
			}
			if err = x.MergeShardRanges(ranges); err != nil {
				return err
			}
			info, err = x.Info()
			return err
		})
	}
	if err != nil {
		return s.Fail(req, err)
	}
	s.syncChanged(ctx, b, meta)
	status := http.StatusAccepted
	if created {
		status = http.StatusCreated
	}
	resp := web.NewResponse(status)
	resp.Header.Set("X-Backend-Storage-Policy-Index", strconv.Itoa(info.Policy))
	return resp
}
