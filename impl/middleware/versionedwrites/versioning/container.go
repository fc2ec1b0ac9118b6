package versioning

import (
	"context"
	"net/http"
	"strconv"

	"apus/impl/config"
	"apus/impl/info"
	"apus/impl/logline"
	"apus/impl/middleware/versionedwrites/archive"
	"apus/impl/swift"
	"apus/impl/web"
)

// container answers requests of a container.
func (f *filter) container(ctx context.Context, client *web.Request, version string, path swift.Path) *web.Response {
	req := *client
	req.Header = client.Header.Clone()
	_, set := req.Header[enabledHeader]
	switch {
	case set && (req.Method == http.MethodPut || req.Method == http.MethodPost):
		return f.setEnabled(ctx, &req, version, path)
	case req.Method == http.MethodDelete:
		return f.deleteContainer(ctx, &req, path)
	}
	resp := f.next.Serve(ctx, &req)
	showEnabled(resp.Header)
	hidden := archive.ContainerOf(resp.Header.Get(locationSysmeta))
	if hidden != "" {
		f.addBytes(ctx, &req, resp, swift.Path{Account: path.Account, Container: hidden})
	}
	if !resp.OK() || req.Method != http.MethodGet {
		return resp
	}
	if hidden == "" {
		// The settings that were found need not be the newest: versions are
		// looked for all the same.
		hidden, _ = hiddenContainer(path.Container)
	}
	return f.listing(ctx, &req, resp, path, hidden)
}

func showEnabled(h http.Header) {
	if v, ok := h[enabledSysmeta]; ok {
		h[enabledHeader] = v
	}
}

// addBytes adds what the versions need to what a container is said to need.
func (f *filter) addBytes(ctx context.Context, req *web.Request, resp *web.Response, hidden swift.Path) {
	used, err := strconv.ParseInt(resp.Header.Get(bytesHeader), 10, 64)
	if err != nil {
		return
	}
	head := f.next.Serve(ctx, f.move.Request(req, http.MethodHead, "v1", hidden))
	head.Discard()
	if n, err := strconv.ParseInt(head.Header.Get(bytesHeader), 10, 64); err == nil && head.OK() {
		resp.Header.Set(bytesHeader, formatLength(used+n))
	}
}

func formatLength(n int64) string { return strconv.FormatInt(n, 10) }

// setEnabled turns versioning on or off.
func (f *filter) setEnabled(ctx context.Context, req *web.Request, version string, path swift.Path) *web.Response {
	if denial := mayOwn(ctx, req); denial != nil {
		return denial
	}
	have := info.Container(ctx, f.next, req, path.Account, path.Container)
	switch {
	case have.Sysmeta["versions-location"] != "" || have.Versions != "":
		return web.HTML(http.StatusBadRequest, "Cannot enable object versioning on a container "+
			"that is already using the legacy versioned writes feature.")
	case have.SyncTo != "":
		return web.HTML(http.StatusBadRequest, "Cannot enable object versioning on a container "+
			"configured as source of container syncing.")
	}
	enable := config.Truth(req.Header.Get(enabledHeader))
	req.Header.Set(enabledSysmeta, map[bool]string{true: "True", false: "False"}[enable])
	if !enable {
		return f.applySetting(ctx, req)
	}
	hidden, ok := hiddenContainer(path.Container)
	if !ok {
		return web.HTML(http.StatusBadRequest, "Invalid reserved-namespace container")
	}
	create := f.move.Request(req, http.MethodPut, version, swift.Path{Account: path.Account, Container: hidden})
	if fault := f.choosePolicy(req, have, create.Header); fault != nil {
		return fault
	}
	created := f.next.Serve(ctx, create)
	created.Discard()
	if !created.OK() && created.Status != http.StatusConflict {
		return web.HTML(http.StatusInternalServerError, "Error enabling object versioning")
	}
	req.Header.Set(locationSysmeta, logline.Quote(hidden, "/"))
	resp := f.applySetting(ctx, req)
	if !resp.OK() {
		// Nobody would find it. It stays if there are versions in it.
		undo := f.move.Request(req, http.MethodDelete, version, swift.Path{Account: path.Account, Container: hidden})
		f.next.Serve(ctx, undo).Discard()
	}
	return resp
}

// mayOwn asks for the right to change the container before anything is done
// with the filter's own: strangers neither learn nor cause anything. Nil means
// yes.
func mayOwn(ctx context.Context, req *web.Request) *web.Response {
	if req.Authorize == nil {
		return nil
	}
	asked := *req
	return asked.Authorize(ctx, &asked)
}

func (f *filter) applySetting(ctx context.Context, req *web.Request) *web.Response {
	resp := f.next.Serve(ctx, req)
	showEnabled(resp.Header)
	return resp
}

// choosePolicy stores versions as the objects are stored.
func (f *filter) choosePolicy(req *web.Request, have *info.ContainerInfo, h http.Header) *web.Response {
	if !have.OK() {
		if asked := req.Header.Get("X-Storage-Policy"); asked != "" && req.Method == http.MethodPut {
			h.Set("X-Storage-Policy", asked)
		}
		return nil
	}
	p := f.policies.ByIndex(have.PolicyIndex)
	switch {
	case p == nil:
		return web.NewResponse(http.StatusServiceUnavailable)
	case p.Deprecated:
		return web.HTML(http.StatusBadRequest, "Cannot enable object versioning on a container "+
			"that uses a deprecated storage policy.")
	}
	h.Set("X-Storage-Policy", p.Name)
	return nil
}

const cannotDelete = "Error deleting versioned container"

// deleteContainer deletes the container of versions too, once it is empty.
func (f *filter) deleteContainer(ctx context.Context, req *web.Request, path swift.Path) *web.Response {
	have := info.Container(ctx, f.next, req, path.Account, path.Container)
	name := have.VersionsContainer()
	if name == "" {
		return f.next.Serve(ctx, req)
	}
	if denial := mayOwn(ctx, req); denial != nil {
		return denial
	}
	hidden := swift.Path{Account: path.Account, Container: name}
	head := f.next.Serve(ctx, f.move.Request(req, http.MethodHead, "v1", hidden)) // what is cached may be old
	head.Discard()
	count, _ := strconv.ParseInt(head.Header.Get("X-Container-Object-Count"), 10, 64) // 0 if absent
	switch {
	case head.OK() && count > 0:
		return web.HTML(http.StatusConflict, "Delete all versions before deleting container.")
	case !head.OK() && head.Status != http.StatusNotFound:
		return web.HTML(http.StatusInternalServerError, cannotDelete)
	}
	deleted := f.next.Serve(ctx, f.move.Request(req, http.MethodDelete, "v1", hidden))
	deleted.Discard()
	if !deleted.OK() && deleted.Status != http.StatusNotFound {
		return web.HTML(http.StatusInternalServerError, cannotDelete)
	}
	return f.next.Serve(ctx, req)
}
