package staticweb

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"strings"

	"apus/impl/config"
	"apus/impl/info"
	"apus/impl/swift"
	"apus/impl/web"
)

// site is what a container's metadata makes of it; the zero site is none.
type site struct {
	index, errorPage, listings, label, css, dirType string
}

func siteOf(c *info.ContainerInfo) site {
	if !c.OK() {
		return site{dirType: defaultDirType}
	}
	meta := func(name string) string { return strings.TrimSpace(c.Meta["web-"+name]) }
	s := site{
		index: meta("index"), errorPage: meta("error"), listings: meta("listings"),
		label: meta("listings-label"), css: meta("listings-css"), dirType: meta("directory-type"),
	}
	if s.dirType == "" {
		s.dirType = defaultDirType
	}
	return s
}

const defaultDirType = "application/directory"

// exists reports that there is something to serve a directory from.
func (s site) exists() bool { return s.listings != "" || s.index != "" }

// visit is one request to a site.
type visit struct {
	*filter
	req  *web.Request
	path swift.Path
	site site
}

// learn finds out about the site.
func (v *visit) learn(ctx context.Context) *info.ContainerInfo {
	c := info.Container(ctx, v.next, v.req, v.path.Account, v.path.Container)
	v.site = siteOf(c)
	return c
}

func (v *visit) isDir() bool { return strings.HasSuffix(v.req.Path, "/") }

// container serves the root of a site.
func (v *visit) container(ctx context.Context) *web.Response {
	known := v.learn(ctx)
	if denial := v.authorize(ctx, known.ReadACL); denial != nil {
		return v.failed(ctx, denial)
	}
	switch {
	case !v.site.exists() && webMode(v.req):
		return web.NewResponse(http.StatusNotFound)
	case !v.site.exists():
		return v.next.Serve(ctx, v.req)
	case !v.isDir():
		return v.addSlash()
	case v.site.index == "":
		return v.listing(ctx, "")
	}
	resp := v.fetch(ctx, v.req.Path+v.site.index)
	switch {
	case resp.Status == http.StatusNotFound:
		resp.Discard()
		return v.listing(ctx, "")
	case !found(resp):
		return v.failed(ctx, resp)
	}
	return resp
}

// authorize asks whether the client may read by the container's ACL.
func (v *visit) authorize(ctx context.Context, acl string) *web.Response {
	probe := *v.req
	probe.Header = v.req.Header.Clone()
	probe.ACL = acl
	return probe.Authorize(ctx, &probe)
}

// object serves an object, or what the site has for a directory.
func (v *visit) object(ctx context.Context) *web.Response {
	resp := v.fetch(ctx, v.req.Path)
	v.learn(ctx)
	missing := resp.Status == http.StatusNotFound || found(resp) && v.site.marksDir(resp)
	if !missing || !v.site.exists() {
		return resp
	}
	resp.Discard()
	if v.site.index != "" {
		resp := v.fetch(ctx, strings.TrimSuffix(v.req.Path, "/")+"/"+v.site.index)
		switch {
		case found(resp) && v.isDir():
			return resp
		case found(resp):
			resp.Abandon() // it may be long
			return v.addSlash()
		case resp.Status != http.StatusNotFound:
			return resp
		}
		resp.Discard()
	}
	if v.isDir() {
		return v.listing(ctx, v.path.Object)
	}
	if v.holdsObjects(ctx) {
		return v.addSlash()
	}
	return v.failed(ctx, web.NewResponse(http.StatusNotFound))
}

// found reports an answer that is the object, or tells that the client has
// it already.
func found(resp *web.Response) bool { return resp.Status/100 == 2 || resp.Status/100 == 3 }

// marksDir reports that an answer is an object that stands for a directory.
func (s site) marksDir(resp *web.Response) bool {
	return resp.Header.Get("Content-Type") == s.dirType && resp.ContentLength >= 0 && resp.ContentLength <= 1
}

// fetch asks for an object with all that the client's request says.
func (v *visit) fetch(ctx context.Context, path string) *web.Response {
	req := *v.req
	req.Header = v.req.Header.Clone()
	req.Header.Set("User-Agent", v.agent())
	req.Source = source
	if path != req.Path {
		req.Path, req.RawPath = path, ""
	}
	return v.next.Serve(ctx, &req)
}

// sub asks for something else with the client's rights.
func (v *visit) sub(method string, p swift.Path) *web.Request {
	req := v.req.Sub(method, "", source)
	version, _, _ := v.req.Swift()
	req.SetSwift(version, p)
	req.Header.Set("User-Agent", v.agent())
	return req
}

func (v *visit) agent() string {
	return strings.TrimSpace(v.req.Header.Get("User-Agent") + " StaticWeb")
}

// addSlash sends the client to the directory that he named without a slash.
func (v *visit) addSlash() *web.Response {
	resp := web.NewResponse(http.StatusMovedPermanently)
	location := quote(v.req.Path + "/")
	if v.scheme != "" || v.host != "" {
		location = cmp.Or(v.scheme, "http") + "://" + cmp.Or(v.host, v.req.Host) + location
	}
	resp.Header.Set("Location", location)
	return resp
}

// failed answers with the site's page for the status of resp, if it has one,
// else with resp.
func (v *visit) failed(ctx context.Context, resp *web.Response) *web.Response {
	if v.site.errorPage == "" {
		return resp
	}
	page := v.path.Parent()
	if v.path.IsContainer() {
		page = v.path
	}
	page.Object = strconv.Itoa(resp.Status) + v.site.errorPage
	body := v.next.Serve(ctx, v.sub(v.req.Method, page))
	if !body.OK() {
		body.Discard()
		return resp
	}
	resp.Discard()
	body.Status = resp.Status
	return body
}

// listed reports whether the site wants listings.
func (s site) listed() bool { return config.Truth(s.listings) }
