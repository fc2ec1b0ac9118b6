package symlink

import (
	"context"
	"net/http"
	"strings"

	"apus/impl/web"
)

const postedToLink = "The requested POST was applied to a symlink. POST directly to the target to apply requested metadata."

// post sends the client on to the target when what he wrote to was a link.
// It is written all the same: whether the newest object is a link, nobody
// knows at that time.
func (f *filter) post(ctx context.Context, req *web.Request) *web.Response {
	resp := f.next.Serve(ctx, req)
	link := linkOf(resp.Header)
	if !resp.OK() || link.target == "" {
		return resp
	}
	resp.Discard()
	redirect := web.HTML(http.StatusTemporaryRedirect, postedToLink)
	for name, values := range resp.Header {
		if strings.HasPrefix(name, "X-Object-Sysmeta-") {
			redirect.Header[name] = values // versioned_writes reads them
		}
	}
	redirect.Header.Set("Location", link.path(req))
	if link.etag != "" {
		redirect.Header.Set(etagHeader, link.etag)
	}
	req.Meta.RelativeLocation = true
	return redirect
}
