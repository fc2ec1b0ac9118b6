package versioning

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"apus/impl/config"
	"apus/impl/info"
	"apus/impl/logline"
	"apus/impl/middleware/listingformats"
	"apus/impl/swift"
	"apus/impl/web"
)

// linkKey is what symlink calls where a link leads to.
const linkKey = "symlink_path"

// listing shows links to versions as the objects they stand for, or lists
// the versions too.
func (f *filter) listing(ctx context.Context, req *web.Request, resp *web.Response, path swift.Path, hidden string) *web.Response {
	text, err := resp.ReadAll(maxListing)
	if err != nil {
		return web.FromError(swift.E("versioning.listing", path.String(), swift.Unavailable, err))
	}
	all := req.Query().Has("versions")
	if !all && !swift.HasMarker(text, linkKey, strings.IndexByte(linkKey, 'k')) {
		return replaceBody(resp, text)
	}
	items, ok := decodeListing(text)
	if !ok {
		return replaceBody(resp, text)
	}
	current := map[string]entry{}
	for _, e := range items {
		name, account := showLink(e, hidden)
		if name == "" {
			continue
		}
		if object, id, ok := parseVersionName(name); ok && !all {
			p := swift.Path{Account: account, Container: path.Container, Object: object}
			e["symlink_path"] = logline.Quote("/v1"+p.String(), "/") + "?version-id=" + id
		}
		current[name] = e
	}
	if all {
		return f.listVersions(ctx, req, resp, path, page{items: items, current: current, hidden: hidden})
	}
	return replaceBody(resp, encodeListing(items))
}

// showLink gives an entry the size and ETag of the version that it links to,
// and returns the version's name and account; empty if it does not.
func showLink(e entry, hidden string) (name, account string) {
	to, etag := e.text("symlink_path"), e.text("symlink_etag")
	size, sized := e["symlink_bytes"].(json.Number)
	if to == "" || etag == "" || !sized {
		return "", ""
	}
	_, rest, _ := strings.Cut(strings.TrimPrefix(web.UnescapePath(to), "/"), "/")
	p, err := swift.ParsePath("/" + rest)
	if err != nil || hidden == "" || p.Container != hidden {
		return "", ""
	}
	if _, params, ok := strings.Cut(e.text("hash"), ";"); ok {
		etag += ";" + params
	}
	e["hash"], e["bytes"], e["version_symlink"] = etag, size, true
	delete(e, "symlink_bytes")
	delete(e, "symlink_etag")
	return p.Object, p.Account
}

// page is one page of a listing of versions in the making.
type page struct {
	items   []entry          // of the client's container
	current map[string]entry // those that are links, by the name of the version
	hidden  string           // container
	// older is the object of which the page shows only versions older than one
	// that the client knows.
	older string
	// prefix is what the names of the objects begin with whose versions were
	// listed. Those of items need not: path, if there is one, goes first there.
	prefix string
}

// listVersions answers ?versions, which there is in JSON only.
func (f *filter) listVersions(ctx context.Context, req *web.Request, resp *web.Response, path swift.Path, p page) *web.Response {
	if mime, err := web.Acceptable(req.Header.Get("Accept"), "application/json"); err != nil || mime == "" {
		return web.NewResponse(http.StatusNotAcceptable)
	}
	asked := req.Query()
	q, older, problem := versionsRange(asked)
	if problem != "" {
		return web.HTML(http.StatusBadRequest, problem)
	}
	p.older = older
	var versions []entry
	// A missing container is asked of every node there is; it is usual here.
	if p.hidden != "" && info.Container(ctx, f.next, req, path.Account, p.hidden).Status != http.StatusNotFound {
		sub := f.move.Request(req, http.MethodGet, "v1", swift.Path{Account: path.Account, Container: p.hidden})
		sub.SetQuery(q)
		found := f.next.Serve(ctx, sub)
		switch {
		case found.Status == http.StatusNotFound:
			found.Discard()
		case !found.OK():
			return found
		default:
			text, err := found.ReadAll(maxListing)
			var ok bool
			if versions, ok = decodeListing(text); err != nil || !ok {
				return web.NewResponse(http.StatusServiceUnavailable)
			}
			p.prefix = asked.Get("prefix")
		}
	}
	reverse := config.Truth(asked.Get("reverse"))
	items := sorted(p.merge(versions, reverse), reverse, limitOf(asked.Get("limit"), f.limits.ContainerListingLimit))
	resp.Header.Set(listingformats.KeepHeader, "true")
	return replaceBody(resp, encodeListing(items))
}

// versionsRange is the query for the versions of the objects that asked is
// about, and the object of which older ones alone are wanted.
func versionsRange(asked url.Values) (q url.Values, older, problem string) {
	marker, after := asked.Get("marker"), asked.Get("version_marker")
	switch {
	case asked.Has("version_marker") && !asked.Has("marker"):
		return nil, "", "version_marker param requires marker"
	case !asked.Has("version_marker"):
		if marker != "" {
			marker = versionPrefix(marker) + ":" // after all timestamps
		}
	case after == nullVersion:
		marker = versionPrefix(marker) // before all timestamps
	default:
		id, err := swift.ParseTimestamp(after)
		if err != nil {
			return nil, "", "invalid version_marker param"
		}
		marker, older = versionName(marker, id), marker
	}
	if strings.ContainsAny(asked.Get("delimiter"), "0123456789."+reserved) {
		return nil, "", "invalid delimiter param" // ids have these
	}
	q = url.Values{"marker": {marker}}
	for _, name := range [...]string{"limit", "delimiter", "reverse"} {
		q.Set(name, asked.Get(name))
	}
	if asked.Has("prefix") {
		q.Set("prefix", reserved+asked.Get("prefix"))
	}
	return q, older, ""
}

// merge is all there is to show, not yet in order: objects that are no
// versions, versions, subdirectories, and links whose versions were not
// listed, most likely because they are new.
func (p *page) merge(versions []entry, reverse bool) []entry {
	var out, dirs []entry
	alive, seen := map[string]bool{}, map[string]bool{}
	addDir := func(name string) {
		if !seen[name] {
			seen[name] = true
			dirs = append(dirs, entry{"subdir": name})
		}
	}
	for _, e := range p.items {
		switch name, isObject := e["name"].(string); {
		case !isObject:
			addDir(e.text("subdir"))
		case e["version_symlink"] == nil:
			e["version_id"], e["is_latest"] = nullVersion, true
			out = append(out, e)
			alive[name] = true
		default:
			alive[name] = true
		}
	}
	deleted := p.deletions(versions, alive, reverse)
	listed := map[string]bool{}
	for _, e := range versions {
		name, isObject := e["name"].(string)
		if !isObject {
			dir, _, _ := strings.Cut(strings.TrimPrefix(e.text("subdir"), reserved), reserved)
			addDir(dir)
			continue
		}
		object, id, ok := parseVersionName(name)
		if !ok {
			continue
		}
		e["is_latest"] = p.current[name] != nil || deleted[object] == name
		e["name"], e["version_id"] = object, id
		listed[name] = true
		out = append(out, e)
	}
	return append(append(out, dirs...), p.unlisted(listed)...)
}

// deletions are the delete markers, by object, that are the latest of their
// objects: the newest, where there is no object.
func (p *page) deletions(versions []entry, alive map[string]bool, reverse bool) map[string]string {
	newest := map[string]string{}
	for _, e := range versions {
		name := e.text("name")
		object, _, ok := parseVersionName(name)
		if !ok || !isMarkerType(e.text("content_type")) || alive[object] || object == p.older && !reverse {
			continue
		}
		if have := newest[object]; have == "" || name < have {
			newest[object] = name
		}
	}
	return newest
}

// unlisted are the current versions that only their links tell of, though they
// could have been listed.
func (p *page) unlisted(listed map[string]bool) []entry {
	var out []entry
	for _, name := range slices.Sorted(maps.Keys(p.current)) {
		e := p.current[name]
		object, id, ok := parseVersionName(name)
		if !ok || listed[name] || !strings.HasPrefix(object, p.prefix) {
			continue
		}
		out = append(out, entry{
			"name": object, "is_latest": true, "version_id": id, "content_type": e["content_type"],
			"bytes": e["bytes"], "hash": e["hash"], "last_modified": e["last_modified"],
		})
	}
	return out
}
