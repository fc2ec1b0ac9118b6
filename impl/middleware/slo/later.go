package slo

import (
	"context"
	"net/http"
	"sort"
	"strings"

	"apus/impl/expiry"
	"apus/impl/info"
	"apus/impl/middleware/heartbeat"
	"apus/impl/swift"
	"apus/impl/web"
)

// emptyMD5 is the ETag of rows of objects that have no body.
const emptyMD5 = "d41d8cd98f00b204e9800998ecf8427e"

// task is a row of the object-expirer's queue, as container servers take it.
type task struct {
	Name        string `json:"name"`
	Deleted     int    `json:"deleted"`
	CreatedAt   string `json:"created_at"`
	Etag        string `json:"etag"`
	Size        int    `json:"size"`
	PolicyIndex int    `json:"storage_policy_index"`
	ContentType string `json:"content_type"`
}

// deleteLater leaves the segments to the object-expirer and deletes the
// manifest. The rows are in the queue before the manifest is gone, so that no
// segment is forgotten.
func (f *filter) deleteLater(ctx context.Context, req *web.Request) *web.Response {
	if !cleanName(req.Path) {
		return web.HTML(http.StatusPreconditionFailed, "Invalid UTF8 or contains NULL")
	}
	_, path, _ := req.Swift()
	list, fault := f.stored(ctx, req, "/"+path.Container+"/"+path.Object, req.Query()["version-id"])
	if fault != nil {
		resp := web.HTML(fault.status, fault.reason)
		if fault.status == http.StatusUnauthorized {
			resp.Header.Set("Www-Authenticate", `Swift realm="unknown"`)
		}
		return resp
	}
	container, objects, problem := deletable(list)
	if problem != "" {
		return web.HTML(http.StatusBadRequest, problem)
	}
	if len(objects) == 0 {
		return f.next.Serve(ctx, req)
	}
	if denial := f.mayDelete(ctx, req, path, container); denial != nil {
		return denial
	}
	if !f.enqueue(ctx, req, path, container, objects) {
		return web.NewResponse(http.StatusServiceUnavailable)
	}
	return f.next.Serve(ctx, req)
}

// deletable is what the expirer is to delete; a problem is why it cannot.
func deletable(list []segment) (container string, objects []string, problem string) {
	containers := map[string]bool{}
	sub := false
	for i := range list {
		if list[i].data != nil {
			continue
		}
		var object string
		container, object, _ = strings.Cut(strings.TrimPrefix(list[i].name, "/"), "/")
		containers[container] = true
		objects = append(objects, object)
		sub = sub || list[i].sub
	}
	if len(containers) > 1 {
		var names []string
		for c := range containers {
			names = append(names, `"`+heartbeat.Quote(c)+`"`)
		}
		sort.Strings(names)
		return "", nil, "All segments must be in one container. Found segments in " + strings.Join(names, ", ")
	}
	if sub {
		return "", nil, "No segments may be large objects."
	}
	return container, objects, ""
}

// mayDelete asks whether the client may write to the manifest's container and
// to the segments'. Nil means yes.
func (f *filter) mayDelete(ctx context.Context, req *web.Request, path swift.Path, segments string) *web.Response {
	if req.Authorize == nil {
		return nil
	}
	for _, container := range []string{path.Container, segments} {
		asked := *req
		asked.ACL = info.Container(ctx, f.next, req, path.Account, container).WriteACL
		if denial := req.Authorize(ctx, &asked); denial != nil {
			return denial
		}
		if segments == path.Container {
			break
		}
	}
	return nil
}

// enqueue writes the objects into the expirer's queue.
func (f *filter) enqueue(ctx context.Context, req *web.Request, path swift.Path, container string, objects []string) bool {
	now, err := swift.ParseTimestamp(req.Header.Get("X-Timestamp"))
	if err != nil {
		now = swift.TimestampOf(f.env.Host.Clock.Now())
		req.Header.Set("X-Timestamp", now.Internal()) // of the manifest's end as well
	}
	tasks := make([]task, len(objects))
	for i, object := range objects {
		target := swift.Path{Account: path.Account, Container: container, Object: object}
		tasks[i] = task{
			Name: now.Normal() + "-" + strings.TrimPrefix(target.String(), "/"), CreatedAt: now.Internal(),
			Etag: emptyMD5, ContentType: expiry.AsyncDeleteType,
		}
	}
	queue := swift.Path{
		Account:   f.queue.Account,
		Container: f.queue.Container(now.Time().Unix(), f.env.Swift.Hasher.Hash(path)),
	}
	text := heartbeat.EncodeJSON(tasks)
	update := req.PreAuthorized("UPDATE", "/v1"+queue.String(), source)
	update.Body, update.ContentLength = web.Bytes(string(text)), int64(len(text))
	update.Header.Set("Content-Type", "application/json")
	update.Header.Set("X-Backend-Storage-Policy-Index", "0")
	update.Header.Set("X-Backend-Allow-Private-Methods", "True")
	resp := f.next.Serve(ctx, update)
	defer resp.Discard()
	if !resp.OK() {
		req.Meta.Log.Error("segments cannot be queued for deletion", "path", req.Path, "status", resp.Status)
	}
	return resp.OK()
}
