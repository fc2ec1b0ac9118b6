package listingformats

import (
	"net/http"
	"strings"

	"apus/impl/web"
)

// contentType chooses the form of a listing: format beats Accept. A fault is
// the status to answer instead.
func contentType(format, accept string) (mime string, fault int) {
	switch strings.ToLower(format) {
	case "":
	case "json":
		return "application/json", 0
	case "xml":
		return "application/xml", 0
	default:
		return "text/plain", 0
	}
	// The preferred form first.
	mime, err := web.Acceptable(accept, "text/plain", "application/json", "application/xml", "text/xml")
	switch {
	case err != nil:
		return "", http.StatusBadRequest
	case mime == "":
		return "", http.StatusNotAcceptable
	}
	return mime, 0
}
