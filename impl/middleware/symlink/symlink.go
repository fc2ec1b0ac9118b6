// Package symlink is the filter for symbolic links: an empty object that
// names another one, which is read in its place.
//
// # What is stored
//
// A link is an ordinary object of no bytes. Sysmeta Symlink-Target holds
// "container/object", Symlink-Target-Account the target's account when it is
// not the link's own, both percent-encoded. A static link also has
// Symlink-Target-Etag and Symlink-Target-Bytes: the ETag that the target must
// have, and its size when the link was made. The container hears all of it as
// parameters of the link's ETag,
//
//	d41d8cd98f00b204e9800998ecf8427e; symlink_target=c/o; symlink_target_account=…;
//	symlink_target_etag=…; symlink_target_bytes=…
//
// and listings take it apart again: symlink_path, symlink_etag,
// symlink_bytes. Parameters of other filters (slo_etag) stay where they are.
//
// Filters nearer to the client may add two marks to a link they make: sysmeta
// Symloop-Extend, a hop over it does not count, and Allow-Reserved-Names, its
// target has a reserved name and whoever may read the link may read that.
//
// # Reading
//
// The object server does not know links, so GET and HEAD look at what comes
// back, whatever its status (conditions are judged by the link's ETag there)
// and go on at the target with the client's own request. Every hop is decided
// by the client's rights to that object, except the one behind a link marked
// Allow-Reserved-Names. An answer on the way is finished before the next
// request is made, so that at most one body is open.
package symlink

import (
	"context"
	"net/http"

	"apus/impl/config"
	"apus/impl/middleware"
	"apus/impl/web"
)

const (
	source = "SYM" // of sub-requests, in logs

	// What clients say and are told.
	targetHeader  = "X-Symlink-Target"
	accountHeader = "X-Symlink-Target-Account"
	etagHeader    = "X-Symlink-Target-Etag"
	bytesHeader   = "X-Symlink-Target-Bytes"

	// What is stored.
	storedTarget  = "X-Object-Sysmeta-Symlink-Target"
	storedAccount = "X-Object-Sysmeta-Symlink-Target-Account"
	storedEtag    = "X-Object-Sysmeta-Symlink-Target-Etag"
	storedBytes   = "X-Object-Sysmeta-Symlink-Target-Bytes"
	extendMark    = "X-Object-Sysmeta-Symloop-Extend"
	reservedMark  = "X-Object-Sysmeta-Allow-Reserved-Names"

	listingEtag    = "X-Object-Sysmeta-Container-Update-Override-Etag"
	ignoreRangesIf = "X-Backend-Ignore-Range-If-Metadata-Present"
	allowReserved  = "X-Backend-Allow-Reserved-Names"

	// emptyMD5 is the ETag of every link.
	emptyMD5 = "d41d8cd98f00b204e9800998ecf8427e"

	defaultLoopMax = 2
)

type filter struct {
	next    web.Handler
	loopMax int
}

var (
	_ middleware.Constructor = New
	_ web.Handler            = (*filter)(nil)
)

// New reads symloop_max. A number below one means the default.
func New(env *middleware.Env, opts *config.Section) (web.Filter, error) {
	loopMax := opts.Int("symloop_max", defaultLoopMax, -1<<31, 1<<20)
	if loopMax < 1 {
		loopMax = defaultLoopMax
	}
	env.Info.Register("symlink", map[string]any{"symloop_max": loopMax, "static_links": true})
	return func(next web.Handler) web.Handler { return &filter{next, int(loopMax)} }, nil
}

// Serve takes what concerns links and passes on the rest. DELETE and OPTIONS
// mean the link itself.
func (f *filter) Serve(ctx context.Context, req *web.Request) *web.Response {
	_, path, ok := req.Swift()
	if !ok || path.IsAccount() {
		return f.next.Serve(ctx, req)
	}
	if path.IsContainer() {
		if req.Method == http.MethodGet {
			return f.listing(ctx, req)
		}
		return f.next.Serve(ctx, req)
	}
	_, linked := req.Header[targetHeader]
	switch {
	case req.Method == http.MethodGet || req.Method == http.MethodHead:
		if req.Query().Get("symlink") == "get" {
			return f.getLink(ctx, req)
		}
		return f.get(ctx, req)
	case req.Method == http.MethodPut && linked:
		return f.put(ctx, req)
	case req.Method == http.MethodPost && linked:
		return web.Plain(http.StatusBadRequest, "A PUT request is required to set a symlink target")
	case req.Method == http.MethodPost:
		return f.post(ctx, req)
	}
	return f.next.Serve(ctx, req)
}
