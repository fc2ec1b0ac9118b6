package versioning

import (
	"strings"

	"apus/impl/logline"
	"apus/impl/swift"
	"apus/impl/web"
)

// annotate tells the client which version he sees, and the public names of
// what is reserved.
func (o *object) annotate(resp *web.Response) *web.Response {
	h := resp.Header
	h.Set(versionHeader, nullVersion)
	if id, ok := o.versionAt(h.Get("Content-Location")); ok {
		h.Set(versionHeader, id)
		p := swift.Path{Account: o.path.Account, Container: o.path.Container, Object: o.path.Object}
		h.Set("Content-Location", logline.Quote("/"+o.version+p.String(), "/")+"?version-id="+id)
	}
	if id, ok := o.versionOfTarget(h.Get(targetHeader)); ok {
		h.Set(versionHeader, id)
		h.Set(targetHeader, logline.Quote(o.path.Container+"/"+o.path.Object, "/")+"?version-id="+id)
	}
	return resp
}

// versionAt is the id of the version that an encoded path of the API names;
// false if it is none of this container's.
func (o *object) versionAt(path string) (string, bool) {
	_, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	account, target, _ := strings.Cut(rest, "/")
	if web.UnescapePath(account) != o.path.Account {
		return "", false
	}
	return o.versionOfTarget(target)
}

// versionOfTarget is the id of the version that an encoded
// "container/object" names.
func (o *object) versionOfTarget(target string) (string, bool) {
	container, name, _ := strings.Cut(web.UnescapePath(target), "/")
	if container == "" || container != o.hidden {
		return "", false
	}
	_, id, ok := parseVersionName(name)
	return id, ok
}
