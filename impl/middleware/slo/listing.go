package slo

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"apus/impl/middleware/heartbeat"
	"apus/impl/swift"
	"apus/impl/web"
)

// maxListing is the largest listing that is looked into.
const maxListing = 2 * 10000 * 1024

const listingParam = "slo_etag="

// listing shows the ETag of large objects in a JSON listing: "slo_etag"
// beside "hash", which keeps the manifest's.
func (f *filter) listing(ctx context.Context, req *web.Request) *web.Response {
	resp := f.next.Serve(ctx, req)
	if !resp.OK() || !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") ||
		resp.ContentLength < 0 || resp.ContentLength > maxListing {
		return resp
	}
	text, err := resp.ReadAll(maxListing)
	if err != nil {
		return web.FromError(err)
	}
	if swift.HasMarker(text, listingParam, len(listingParam)-1) {
		text = splitEtags(text)
	}
	resp.Body = web.Slice(text)
	resp.SetLength(int64(len(text)))
	return resp
}

// splitEtags is text itself when it is no listing.
func splitEtags(text []byte) []byte {
	var items []map[string]any
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if dec.Decode(&items) != nil {
		return text
	}
	for _, item := range items {
		hash, _ := item["hash"].(string)
		etag, params, _ := strings.Cut(hash, ";")
		for _, param := range strings.Split(params, ";") {
			param = strings.TrimSpace(param)
			if v, ok := strings.CutPrefix(param, listingParam); ok {
				item["slo_etag"] = `"` + strings.Trim(v, `"`) + `"`
			} else if param != "" {
				etag += "; " + param
			}
		}
		if item["slo_etag"] != nil {
			item["hash"] = etag
		}
	}
	return heartbeat.EncodeJSON(items)
}
