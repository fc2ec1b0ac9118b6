package symlink

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"apus/impl/swift"
	"apus/impl/web"
)

// maxListing is the largest listing that is looked into.
const maxListing = 2 * 10000 * 1024

// Parameters of the ETag in a listing.
const (
	paramPrefix  = "symlink_"
	targetParam  = "symlink_target"
	accountParam = "symlink_target_account"
	etagParam    = "symlink_target_etag"
	bytesParam   = "symlink_target_bytes"
)

// encodeListing is the ETag that the container hears of a link with the
// header h.
func encodeListing(h http.Header) string {
	etag := h.Get(listingEtag)
	if etag == "" {
		etag = emptyMD5
	}
	for _, p := range [...]struct{ param, name string }{
		{targetParam, storedTarget}, {accountParam, storedAccount}, {etagParam, storedEtag}, {bytesParam, storedBytes},
	} {
		if v := h.Get(p.name); v != "" {
			etag += "; " + p.param + "=" + v
		}
	}
	return etag
}

// listing shows links in a container's JSON listing.
func (f *filter) listing(ctx context.Context, req *web.Request) *web.Response {
	resp := f.next.Serve(ctx, req)
	if !resp.OK() || !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") || resp.ContentLength > maxListing {
		return resp
	}
	text, err := resp.ReadAll(maxListing)
	if err != nil {
		return web.FromError(err)
	}
	if swift.HasMarker(text, targetParam+"=", len(targetParam)) {
		version, path, _ := req.Swift()
		text = showLinks(text, version, path.Account)
	}
	resp.Body = web.Slice(text)
	resp.SetLength(int64(len(text)))
	return resp
}

// showLinks is text itself when it is no listing.
func showLinks(text []byte, version, account string) []byte {
	var items []map[string]any
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if dec.Decode(&items) != nil {
		return text
	}
	for _, item := range items {
		showLink(item, version, account)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if enc.Encode(items) != nil {
		return text
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// showLink moves what the hash says of a link to keys of their own.
func showLink(item map[string]any, version, account string) {
	hash, ok := item["hash"].(string)
	if !ok || !strings.Contains(hash, ";") {
		return
	}
	hash, params, _ := strings.Cut(hash, ";")
	hash, target := strings.TrimSpace(hash), ""
	account = quote(account)
	for param := range strings.SplitSeq(params, ";") {
		param = strings.TrimSpace(param)
		name, value, _ := strings.Cut(param, "=")
		switch name {
		case "":
		case targetParam:
			target = value
		case accountParam:
			account = value
		case etagParam:
			item["symlink_etag"] = value
		case bytesParam:
			if n, err := strconv.ParseInt(value, 10, 64); err == nil {
				item["symlink_bytes"] = n
			}
		default:
			hash += "; " + param
		}
	}
	item["hash"] = hash
	if target != "" {
		item["symlink_path"] = "/" + version + "/" + account + "/" + strings.TrimLeft(target, "/")
	}
}
