package copy

import (
	"net/http"
	"strings"
)

// merge is the header of the copy: the source's as far as it describes the
// object, and over it the client's. Fresh leaves out what users have set.
func merge(src, client http.Header, fresh bool) http.Header {
	h := http.Header{}
	for name, v := range src {
		if fresh && strings.HasPrefix(name, sysmetaPrefix) || !fresh && describes(name) {
			h[name] = v
		}
	}
	for name, v := range client {
		h[name] = v
	}
	if h.Get("Content-Type") == "" {
		h["Content-Type"] = src["Content-Type"]
	}
	return h
}

const (
	sysmetaPrefix  = "X-Object-Sysmeta-"
	overridePrefix = "X-Object-Sysmeta-Container-Update-Override-"
)

// describes reports whether a header of a response is about the object, and
// may stand in a request to write it. Which headers object servers store, they
// are configured; so these are those that must not be repeated.
func describes(name string) bool {
	switch name {
	case "X-Static-Large-Object", "X-Object-Manifest", "Etag", "Content-Type", "X-Timestamp", // dealt with one by one
		"X-Manifest-Etag", "X-Parts-Count", "X-Object-Version-Id", "Content-Location", "Accept-Ranges",
		"Content-Length", "Content-Range", "Last-Modified", "Date", "Vary",
		"Connection", "Keep-Alive", "Transfer-Encoding", "Trailer", "X-Trans-Id", "X-Openstack-Request-Id":
		return false
	}
	return !strings.HasPrefix(name, "X-Backend-") && !strings.HasPrefix(name, "Access-Control-")
}

// isMeta reports metadata of users and of filters.
func isMeta(name string) bool {
	return strings.HasPrefix(name, "X-Object-Meta-") || strings.HasPrefix(name, sysmetaPrefix) ||
		strings.HasPrefix(name, "X-Object-Transient-Sysmeta-")
}

// dropOverrides removes what filters wanted containers to hear about the
// source, where the copy is something else.
func dropOverrides(h http.Header) {
	for name := range h {
		if strings.HasPrefix(name, overridePrefix) {
			delete(h, name)
		}
	}
}

// dropManifest removes what the slo filter knows of a large object, of which
// the copy is a plain one. Conditions on the copy would be judged by it.
func dropManifest(h http.Header) {
	delete(h, "X-Object-Sysmeta-Slo-Etag")
	delete(h, "X-Object-Sysmeta-Slo-Size")
}
