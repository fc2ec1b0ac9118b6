package object

import (
	"net/http"
	"net/url"
	"strings"

	"apus/impl/config"
	"apus/impl/swift"
	"apus/impl/web"
)

// Redirect reads a container server's 301: "account/container" of the shard
// that takes the row instead, and since when.
func Redirect(h http.Header) (target string, since swift.Timestamp, ok bool) {
	since, err := swift.ParseTimestamp(h.Get("X-Backend-Redirect-Timestamp"))
	if err != nil {
		return "", since, false
	}
	loc, err := url.Parse(h.Get("Location"))
	if err != nil {
		return "", since, false
	}
	p := loc.EscapedPath()
	if config.Truth(h.Get("X-Backend-Location-Is-Quoted")) {
		p = web.UnescapePath(p)
	}
	parts := strings.SplitN(strings.TrimPrefix(p, "/"), "/", 3)
	if len(parts) < 3 || parts[0] == "" || parts[1] == "" {
		return "", since, false
	}
	return parts[0] + "/" + parts[1], since, true
}
