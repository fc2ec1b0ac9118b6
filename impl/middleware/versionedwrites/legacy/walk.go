package legacy

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"apus/impl/swift"
	"apus/impl/web"
)

// maxListing bounds a page of a listing in memory: ten thousand entries with
// names of the longest kind.
const maxListing = 64 << 20

// archivedVersion is an entry of the archive's listing.
type archivedVersion struct {
	Name        string `json:"name"`
	ContentType string `json:"content_type"`
}

// walk goes through the archived versions of an object, newest first.
type walk struct {
	*write
	page   []archivedVersion
	marker string
	asked  bool // whether the client may write
	done   bool
}

// next is nil after the last one.
func (k *walk) next(ctx context.Context) (*archivedVersion, *web.Response) {
	if len(k.page) == 0 && !k.done {
		if fault := k.fetch(ctx); fault != nil {
			return nil, fault
		}
	}
	if len(k.page) == 0 {
		return nil, nil
	}
	v := &k.page[0]
	k.page = k.page[1:]
	return v, nil
}

// fetch gets the next page. A missing archive is an empty one.
func (k *walk) fetch(ctx context.Context) *web.Response {
	req := k.move.Request(k.req, http.MethodGet, "v1", swift.Path{Account: k.path.Account, Container: k.archive})
	req.SetQuery(url.Values{"prefix": {prefix(k.path.Object)}, "marker": {k.marker}, "reverse": {"on"}})
	resp := k.filter.next.Serve(ctx, req)
	switch {
	case resp.Status == http.StatusNotFound:
		resp.Discard()
		k.done = true
		return nil
	case resp.Status/100 == 4:
		resp.Discard()
		return web.NewResponse(http.StatusPreconditionFailed)
	case !resp.OK():
		resp.Discard()
		return web.NewResponse(http.StatusInternalServerError)
	}
	text, err := resp.ReadAll(maxListing)
	var page []archivedVersion
	if err == nil && len(text) > 0 {
		err = json.Unmarshal(text, &page)
	}
	if err != nil || !descending(page, k.marker) {
		// Bringing back the wrong version would lose the right one.
		k.req.Meta.Log.Error("listing of archived versions cannot be used", "container", k.archive, "txn", k.req.Meta.TxnID, "err", err)
		return web.NewResponse(http.StatusInternalServerError)
	}
	if len(page) == 0 {
		k.done = true
		return nil
	}
	k.page, k.marker = page, page[len(page)-1].Name
	return nil
}

// descending tells whether a page is in order, newest first, and goes on
// below marker.
func descending(page []archivedVersion, marker string) bool {
	for _, v := range page {
		if marker != "" && v.Name >= marker {
			return false
		}
		marker = v.Name
	}
	return true
}

// mayWrite asks once, and only for those who would get something done.
func (k *walk) mayWrite(ctx context.Context) *web.Response {
	if k.asked {
		return nil
	}
	k.asked = true
	return k.move.MayWrite(ctx, k.req)
}
