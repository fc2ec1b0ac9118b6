package proxy

import (
	"fmt"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"apus/impl/swift"
	"apus/impl/web"
)

// checkMetadata applies the limits on metadata of kind "Account", "Container"
// or "Object" that a request brings. Nil means that they are kept.
func checkMetadata(h http.Header, kind string, l *swift.Limits) *web.Response {
	prefix := "X-" + kind + "-Meta-"
	var names []string
	for name, values := range h {
		if len(values) > 0 && len(values[0]) > l.MaxHeaderSize {
			return web.Plain(http.StatusBadRequest, "Header value too long: %s", name[:min(len(name), l.MaxMetaNameLength)])
		}
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	size := 0
	for i, full := range names {
		name, value := full[len(prefix):], h.Get(full)
		size += len(name) + len(value)
		switch {
		case name == "":
			return web.Plain(http.StatusBadRequest, "Metadata name cannot be empty")
		case kind != "Object" && !(utf8.ValidString(name) && utf8.ValidString(value)):
			return web.Plain(http.StatusBadRequest, "Metadata must be valid UTF-8")
		case len(name) > l.MaxMetaNameLength:
			return web.Plain(http.StatusBadRequest, "Metadata name too long: %s%s", strings.ToLower(prefix), name)
		case len(value) > l.MaxMetaValueLength:
			return web.Plain(http.StatusBadRequest, "Metadata value longer than %d: %s%s", l.MaxMetaValueLength, strings.ToLower(prefix), name)
		case i+1 > l.MaxMetaCount:
			return web.Plain(http.StatusBadRequest, "Too many metadata items; max %d", l.MaxMetaCount)
		case size > l.MaxMetaOverallSize:
			return web.Plain(http.StatusBadRequest, "Total metadata too large; max %d", l.MaxMetaOverallSize)
		}
	}
	return nil
}

// checkObject applies the limits on an object about to be created.
func (c *call) checkObject() *web.Response {
	req, l := c.req, &c.swift.Limits
	switch {
	case req.ContentLength > l.MaxFileSize:
		return web.Plain(http.StatusRequestEntityTooLarge, "Your request is too large.")
	case req.ContentLength == 0 && req.Source == "" && req.Header.Get("Content-Length") == "":
		return web.Plain(http.StatusLengthRequired, "Missing Content-Length header.")
	case len(c.path.Object) > l.MaxObjectNameLength:
		return web.Plain(http.StatusBadRequest, "Object name length of %d longer than %d", len(c.path.Object), l.MaxObjectNameLength)
	case !utf8.ValidString(req.Header.Get("Content-Type")):
		return web.Plain(http.StatusBadRequest, "Invalid Content-Type")
	}
	return checkMetadata(req.Header, "Object", l)
}

// checkListing applies the limits on the parameters of a listing. A NUL is no
// fault: clients go on behind a name by appending one.
func (c *call) checkListing(most int) *web.Response {
	q := c.req.Query()
	for _, name := range []string{"marker", "end_marker", "prefix", "delimiter", "path", "format", "reverse", "states", "includes"} {
		if !utf8.ValidString(q.Get(name)) {
			return web.Plain(http.StatusBadRequest, "%q parameter not valid UTF-8", name)
		}
	}
	if n, err := strconv.ParseUint(q.Get("limit"), 10, 63); err == nil && n > uint64(most) {
		return web.HTML(http.StatusPreconditionFailed, fmt.Sprintf("Maximum limit is %d", most))
	}
	return nil
}
