package staticweb

import (
	"context"
	"encoding/json"
	"html"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"apus/impl/logline"
	"apus/impl/swift"
	"apus/impl/web"
)

// maxListing is the largest listing that is shown.
const maxListing = 2 * 10000 * 1024

// item is an object or, with a subdir, a directory of a listing.
type item struct {
	Name         *string `json:"name"`
	Subdir       *string `json:"subdir"`
	Bytes        int64   `json:"bytes"`
	ContentType  string  `json:"content_type"`
	LastModified string  `json:"last_modified"`
}

// listing shows what is directly below prefix, which is empty or ends with a
// slash.
func (v *visit) listing(ctx context.Context, prefix string) *web.Response {
	p := page{site: v.site, title: v.title(), prefix: prefix}
	if !v.site.listed() {
		return v.failed(ctx, web.HTML(http.StatusNotFound, p.refusal()))
	}
	resp := v.next.Serve(ctx, v.list(prefix, ""))
	if !resp.OK() {
		return v.failed(ctx, resp)
	}
	items, err := decode(resp)
	if err != nil {
		v.req.Meta.Log.Error("cannot read a listing", "path", v.req.Path, "err", err)
		return web.NewResponse(http.StatusServiceUnavailable)
	}
	if prefix != "" && len(items) == 0 {
		return v.failed(ctx, web.NewResponse(http.StatusNotFound))
	}
	p.signature, p.parent = v.signature()
	out := web.HTML(http.StatusOK, p.table(items))
	out.Header.Set("X-Backend-Content-Generator", "staticweb")
	return out
}

// list asks for a listing of a directory.
func (v *visit) list(prefix, limit string) *web.Request {
	req := v.sub(http.MethodGet, swift.Path{Account: v.path.Account, Container: v.path.Container})
	q := url.Values{"delimiter": {"/"}, "format": {"json"}}
	if prefix != "" {
		q.Set("prefix", prefix)
	}
	if limit != "" {
		q.Set("limit", limit)
	}
	req.SetQuery(q)
	return req
}

// holdsObjects reports whether anything is below the object's name.
func (v *visit) holdsObjects(ctx context.Context) bool {
	resp := v.next.Serve(ctx, v.list(v.path.Object+"/", "1"))
	if !resp.OK() {
		resp.Discard()
		return false
	}
	items, err := decode(resp)
	return err == nil && len(items) > 0
}

// decode finishes the answer to a listing.
func decode(resp *web.Response) (items []item, err error) {
	text, err := resp.ReadAll(maxListing)
	if err != nil || len(text) == 0 {
		return nil, err
	}
	err = json.Unmarshal(text, &items)
	return items, err
}

// title names the directory to people.
func (v *visit) title() string {
	if v.site.label == "" {
		return v.req.Path
	}
	_, below, _ := strings.Cut(v.req.Path[1:], "/")
	_, below, _ = strings.Cut(below, "/")
	_, below, _ = strings.Cut(below, "/")
	return v.site.label + "/" + below
}

// signature is the query that lets links of a listing be followed when it
// was itself allowed by a signature for all below a prefix, which is also how
// far up they lead.
func (v *visit) signature() (query, prefix string) {
	q := v.req.Query()
	if v.req.Meta.User != signedURL || !q.Has("temp_url_prefix") {
		return "", ""
	}
	prefix = q.Get("temp_url_prefix")
	query = "?temp_url_prefix=" + quote(prefix) +
		"&temp_url_expires=" + quote(q.Get("temp_url_expires")) + "&temp_url_sig=" + quote(q.Get("temp_url_sig"))
	if ip := q.Get("temp_url_ip_range"); ip != "" {
		query += "&temp_url_ip_range=" + quote(ip)
	}
	if q.Has("inline") {
		query += "&inline"
	}
	return query, prefix
}

// page writes HTML about a directory.
type page struct {
	site
	title     string
	prefix    string
	signature string // query of every link
	parent    string // no link leads out of this directory
}

const (
	tableStyle = "h1 {font-size: 1em; font-weight: bold;} th {text-align: left;} " +
		"th, td {padding: 0 1em;} a {text-decoration: none;}"
	noteStyle = "h1 {font-size: 1em; font-weight: bold;}"
)

func (p page) head(style string) string {
	style = "  <style type=\"text/css\">" + style + "</style>\n"
	if p.css != "" {
		style = "  <link rel=\"stylesheet\" type=\"text/css\" href=\"" + html.EscapeString(p.cssURL()) + "\" />\n"
	}
	return "<!DOCTYPE html>\n<html>\n <head>\n  <title>Listing of " + html.EscapeString(p.title) + "</title>\n" +
		style + " </head>\n <body>\n"
}

const foot = " </body>\n</html>\n"

// cssURL leads from the directory to the style sheet.
func (p page) cssURL() string {
	for _, absolute := range [...]string{"/", "http://", "https://"} {
		if strings.HasPrefix(p.css, absolute) {
			return logline.Quote(p.css, ":/")
		}
	}
	return strings.Repeat("../", strings.Count(p.prefix, "/")) + quote(p.css)
}

// refusal explains why there is nothing to see.
func (p page) refusal() string {
	body := p.head(noteStyle) + "  <h1>Web Listing Disabled</h1>\n" +
		"  <p>This site shows no listings. Its owner can turn them on with X-Container-Meta-Web-Listings.</p>\n"
	if p.index != "" {
		body += "  <h1>Index File Not Found</h1>\n  <p>There is no <b>" + html.EscapeString(p.index) +
			"</b> here, which X-Container-Meta-Web-Index names.</p>\n"
	}
	return body + foot
}

// table shows directories first, then objects.
func (p page) table(items []item) string {
	var b strings.Builder
	b.WriteString(p.head(tableStyle))
	b.WriteString("  <h1 id=\"title\">Listing of " + html.EscapeString(p.title) + "</h1>\n  <table id=\"listing\">\n" +
		"   <tr id=\"heading\">\n    <th class=\"colname\">Name</th>\n" +
		"    <th class=\"colsize\">Size</th>\n    <th class=\"coldate\">Date</th>\n   </tr>\n")
	query := html.EscapeString(p.signature)
	if len(p.prefix) > len(p.parent) {
		row(&b, `id="parent" class="item"`, "../"+query, "../", "&nbsp;", "&nbsp;")
	}
	for _, it := range items {
		if it.Subdir != nil {
			name := strings.TrimPrefix(*it.Subdir, p.prefix)
			row(&b, `class="item subdir"`, "./"+linkTo(name)+query, name, "&nbsp;", "&nbsp;")
		}
	}
	for _, it := range items {
		if it.Name != nil {
			name := strings.TrimPrefix(*it.Name, p.prefix)
			row(&b, `class="`+html.EscapeString(classes(it.ContentType))+`"`, "./"+linkTo(name)+query, name,
				readable(it.Bytes), html.EscapeString(readableDate(it.LastModified)))
		}
	}
	b.WriteString("  </table>\n" + foot)
	return b.String()
}

// row escapes text only; everything else is HTML.
func row(b *strings.Builder, attributes, href, text, size, date string) {
	b.WriteString("   <tr " + attributes + ">\n    <td class=\"colname\"><a href=\"" + href + "\">" + html.EscapeString(text) +
		"</a></td>\n    <td class=\"colsize\">" + size + "</td>\n    <td class=\"coldate\">" + date + "</td>\n   </tr>\n")
}

func quote(path string) string { return logline.Quote(path, "/") }

// linkTo is a relative link to a name. Dots are encoded, so that no part of
// it means a directory above.
func linkTo(name string) string { return strings.ReplaceAll(quote(name), ".", "%2E") }

// classes are those of an object's row.
func classes(contentType string) string {
	out := "item"
	for half := range strings.SplitSeq(strings.ToLower(contentType), "/") {
		out += " type-" + half
	}
	return out
}

// readable is a size with a binary prefix, rounded at every step.
func readable(n int64) string {
	value, suffix := float64(n), ""
	for _, s := range "KMGTPEZY" {
		if value < 1024 {
			break
		}
		value, suffix = math.RoundToEven(value/1024), string(s)+"i"
	}
	return strconv.FormatFloat(value, 'f', 0, 64) + suffix
}

// readableDate cuts the fraction of a second.
func readableDate(t string) string {
	t, _, _ = strings.Cut(t, ".")
	return strings.ReplaceAll(t, "T", " ")
}
