package versioning

import (
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"strconv"
	"strings"

	"apus/impl/config"
	"apus/impl/swift"
	"apus/impl/web"
)

// account lists containers with the bytes of their versions added. A
// container of versions whose own one is gone is shown in its place, so that
// the owner can see what he pays for.
func (f *filter) account(ctx context.Context, req *web.Request, path swift.Path) *web.Response {
	resp := f.next.Serve(ctx, req)
	if !resp.OK() {
		return resp
	}
	text, err := resp.ReadAll(maxListing)
	if err != nil {
		return web.FromError(swift.E("versioning.account", path.String(), swift.Unavailable, err))
	}
	items, ok := decodeListing(text)
	if !ok {
		return replaceBody(resp, text)
	}
	hidden := f.hiddenContainers(ctx, req, path)
	if len(hidden) == 0 {
		return replaceBody(resp, text)
	}
	q := req.Query()
	items = addContainers(items, hidden)
	items = sorted(items, config.Truth(q.Get("reverse")), limitOf(q.Get("limit"), f.limits.AccountListingLimit))
	return replaceBody(resp, encodeListing(items))
}

// hiddenContainers lists the containers of versions in the range that the
// client asks for. Failing to costs no more than the numbers.
func (f *filter) hiddenContainers(ctx context.Context, req *web.Request, path swift.Path) []entry {
	sub := f.move.Request(req, "GET", "v1", path)
	sub.SetQuery(hiddenRange(req.Query()))
	resp := f.next.Serve(ctx, sub)
	if !resp.OK() {
		resp.Discard()
		return nil
	}
	text, err := resp.ReadAll(maxListing)
	if err != nil {
		return nil
	}
	items, _ := decodeListing(text)
	return items
}

// hiddenRange is the query for the containers of versions of those that
// asked is about.
func hiddenRange(asked url.Values) url.Values {
	q := maps.Clone(asked)
	if q == nil {
		q = url.Values{}
	}
	for _, name := range [...]string{"prefix", "marker", "end_marker"} {
		if !q.Has(name) {
			continue
		}
		if hidden, ok := hiddenContainer(q.Get(name)); ok {
			q[name] = []string{hidden}
		}
	}
	if !q.Has("prefix") {
		q.Set("prefix", reserved+"versions")
	}
	return q
}

// addContainers merges the containers of versions into a listing.
func addContainers(items, hidden []entry) []entry {
	byName := map[string]entry{}
	for _, h := range hidden {
		if name := h.text("name"); name != "" {
			byName[clientContainer(name)] = h
		}
	}
	for _, e := range items {
		if h := byName[e.text("name")]; h != nil && e["subdir"] == nil {
			e["bytes"] = json.Number(strconv.FormatInt(e.number("bytes")+h.number("bytes"), 10))
			delete(byName, e.text("name"))
		}
	}
	for _, h := range hidden {
		name := clientContainer(h.text("name"))
		if byName[name] == nil || strings.HasPrefix(name, reserved) {
			continue
		}
		delete(byName, name)
		h["name"], h["count"] = name, json.Number("0") // none of them is current
		items = append(items, h)
	}
	return items
}
