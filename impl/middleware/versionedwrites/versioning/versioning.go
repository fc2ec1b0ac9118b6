// Package versioning is object versioning: every PUT and DELETE in a container
// with X-Versions-Enabled makes a version with an id of its own, which can be
// listed, read, deleted and made the current one again.
//
// # What is stored
//
// The versions of the objects of container c are in a container with a
// reserved name, "\0versions\0c"; a version of object o is "\0o\0" and the
// inverted timestamp of its write, so that the newest is listed first. The
// timestamp is the version's id. Sysmeta of c are Versions-Enabled (True or
// False) and Versions-Container, the encoded name of the other one.
//
// In c itself there is, for an object that exists, a static symbolic link to
// its current version, whose timestamp is the version's with offset 1. Sysmeta
// Versions-Symlink marks it; marks of the symlink filter let it lead to a
// reserved name and not count as a hop. A deletion is a version too, an empty
// object of the type archive.DeleteMarker, and removes the link. What is in c
// and no such link, was written while nothing was kept: its id is "null",
// and it becomes a version when it is overwritten.
//
// # Who may do what
//
// Current objects are subject to the ACLs of c as ever. The container of
// versions has no ACL: what names a version is for the account's owner.
package versioning

import (
	"context"
	"net/http"

	"apus/impl/config"
	"apus/impl/info"
	"apus/impl/middleware"
	"apus/impl/middleware/versionedwrites/archive"
	"apus/impl/policy"
	"apus/impl/swift"
	"apus/impl/web"
)

const (
	source = "OV" // of sub-requests, in logs

	enabledHeader   = "X-Versions-Enabled"
	versionHeader   = "X-Object-Version-Id"
	currentHeader   = "X-Object-Current-Version-Id"
	enabledSysmeta  = "X-Container-Sysmeta-Versions-Enabled"
	locationSysmeta = "X-Container-Sysmeta-Versions-Container"
	linkMark        = "X-Object-Sysmeta-Versions-Symlink"

	allowReserved = "X-Backend-Allow-Reserved-Names"
	bytesHeader   = "X-Container-Bytes-Used"

	// Of the symlink filter.
	targetHeader  = "X-Symlink-Target"
	targetAccount = "X-Symlink-Target-Account"
	targetEtag    = "X-Object-Sysmeta-Symlink-Target-Etag"
	targetBytes   = "X-Object-Sysmeta-Symlink-Target-Bytes"
	extendMark    = "X-Object-Sysmeta-Symloop-Extend"
	reservedMark  = "X-Object-Sysmeta-Allow-Reserved-Names"

	// Of the slo filter.
	sloEtag = "X-Object-Sysmeta-Slo-Etag"
	sloSize = "X-Object-Sysmeta-Slo-Size"

	// What the container hears of an object instead of its ETag, and that of a
	// link.
	listingEtag = "X-Object-Sysmeta-Container-Update-Override-Etag"
	emptyMD5    = "d41d8cd98f00b204e9800998ecf8427e"

	// nullVersion is the id of what was written while nothing was kept.
	nullVersion = "null"
)

type filter struct {
	next     web.Handler
	move     *archive.Mover
	policies *policy.Set
	limits   *swift.Limits
}

var _ web.Handler = (*filter)(nil)

// New builds the filter.
func New(env *middleware.Env) web.Filter {
	limits := &env.Swift.Limits
	return func(next web.Handler) web.Handler {
		move := &archive.Mover{Next: next, Source: source, MaxFileSize: limits.MaxFileSize, Reserved: true}
		if env.Host != nil {
			move.Clock = env.Host.Clock
		}
		return &filter{next, move, env.Swift.Policies, limits}
	}
}

// Serve takes account listings, containers and objects of the client API.
func (f *filter) Serve(ctx context.Context, client *web.Request) *web.Response {
	version, path, ok := client.Swift()
	if !ok || version != "v1" && version != "v1.0" {
		return f.next.Serve(ctx, client)
	}
	switch {
	case path.IsAccount() && client.Method == http.MethodGet:
		return f.account(ctx, client, path)
	case path.IsAccount():
		return f.next.Serve(ctx, client)
	case path.IsContainer():
		return f.container(ctx, client, version, path)
	}
	return f.object(ctx, client, version, path)
}

// object decides by the settings of the container.
func (f *filter) object(ctx context.Context, client *web.Request, version string, path swift.Path) *web.Response {
	have := info.Container(ctx, f.next, client, path.Account, path.Container)
	if have.Status >= 500 && (client.Method == http.MethodPut || client.Method == http.MethodDelete) {
		// Whether something is to be kept is not known.
		return web.NewResponse(http.StatusServiceUnavailable)
	}
	hidden := have.VersionsContainer()
	id := client.Query().Get("version-id")
	if id == "" && hidden == "" {
		return f.next.Serve(ctx, client)
	}
	req := *client
	req.Header = client.Header.Clone()
	o := &object{filter: f, req: &req, version: version, path: path, hidden: hidden}
	if id != "" {
		return o.withID(ctx, id)
	}
	keep := config.Truth(have.Sysmeta["versions-enabled"])
	switch {
	case req.Method == http.MethodPut && keep:
		return o.put(ctx)
	case req.Method == http.MethodDelete && keep:
		return o.delete(ctx)
	case req.Method == http.MethodPut, req.Method == http.MethodDelete:
		return f.next.Serve(ctx, client)
	case req.Method == http.MethodPost:
		return o.post(ctx)
	}
	return o.annotate(f.next.Serve(ctx, &req))
}

// object is one client's request of an object of a container that has or had
// versions. The header of req is its own.
type object struct {
	*filter
	req     *web.Request
	version string // of the API
	path    swift.Path
	hidden  string // container; empty if there never was one
}

// versionPath is where a version is stored.
func (o *object) versionPath(id swift.Timestamp) swift.Path {
	return swift.Path{Account: o.path.Account, Container: o.hidden, Object: versionName(o.path.Object, id)}
}

// stamp gives the request its timestamp, if it has none.
func (o *object) stamp() (swift.Timestamp, *web.Response) {
	if v := o.req.Header.Get("X-Timestamp"); v != "" {
		t, err := swift.ParseTimestamp(v)
		if err != nil {
			return t, web.Plain(http.StatusBadRequest, "X-Timestamp should be a UNIX timestamp float value; was %q", v)
		}
		return t, nil
	}
	t := o.move.Now()
	o.req.Header.Set("X-Timestamp", t.Internal())
	return t, nil
}

// verdict is what the failure of a sub-request means for the client; nil if
// it succeeded. What is his doing he is told as it is.
func verdict(resp *web.Response) *web.Response {
	switch {
	case resp.OK():
		return nil
	case resp.Status == http.StatusNotFound:
		resp.Discard()
		return web.NewResponse(http.StatusPreconditionFailed)
	case resp.Status/100 == 4:
		return resp
	}
	resp.Discard()
	return web.NewResponse(http.StatusServiceUnavailable)
}

// noContainer is the answer when the container of versions is gone.
func noContainer() *web.Response {
	return web.Plain(http.StatusInternalServerError,
		"The versions container does not exist. You may want to re-enable object versioning.")
}
