package legacy

import (
	"context"
	"net/http"
	"strings"

	"apus/impl/web"
)

const (
	stackHeader     = "X-Versions-Location"
	historyHeader   = "X-History-Location"
	removeStack     = "X-Remove-Versions-Location"
	removeHistory   = "X-Remove-History-Location"
	locationSysmeta = "X-Container-Sysmeta-Versions-Location"
	modeSysmeta     = "X-Container-Sysmeta-Versions-Mode"
)

// container translates the setting between its public names and sysmeta.
func (f *filter) container(ctx context.Context, client *web.Request) *web.Response {
	req := *client
	req.Header = client.Header.Clone()
	if fault := translate(req.Header, f.mode == Allowed || !writes(req.Method)); fault != nil {
		return fault
	}
	resp := f.next.Serve(ctx, &req)
	if location := resp.Header.Get(locationSysmeta); location != "" {
		if resp.Header.Get(modeSysmeta) == "history" {
			resp.Header.Set(historyHeader, location)
		} else {
			resp.Header.Set(stackHeader, location)
		}
	}
	return resp
}

func writes(method string) bool { return method == http.MethodPut || method == http.MethodPost }

// translate turns the client's headers into sysmeta. A response is a
// refusal.
func translate(h http.Header, allowed bool) *web.Response {
	_, stack := h[stackHeader]
	_, history := h[historyHeader]
	if stack && history {
		switch {
		case h.Get(historyHeader) == "":
			history = false
		case h.Get(stackHeader) == "":
			stack = false
		default:
			return web.Plain(http.StatusBadRequest, "Only one of x-versions-location or x-history-location may be specified")
		}
	}
	location, mode := h.Get(stackHeader), "stack"
	if !stack {
		location, mode = h.Get(historyHeader), "history"
	}
	remove := h.Get(removeStack) != "" || h.Get(removeHistory) != ""
	switch {
	case (stack || history) && location == "":
		remove = true
	case !stack && !history:
	case !allowed:
		return web.Plain(http.StatusPreconditionFailed, "Versioned Writes is disabled")
	case strings.Contains(location, "/"):
		return web.HTML(http.StatusPreconditionFailed, "Container name cannot contain slashes")
	default:
		set(h, location, mode)
		return nil // setting wins over removing
	}
	if remove {
		set(h, "", "")
	}
	return nil
}

// set leaves one place where the setting is: sysmeta. The one from before
// sysmeta is cleared.
func set(h http.Header, location, mode string) {
	for _, name := range [...]string{historyHeader, removeStack, removeHistory} {
		h.Del(name)
	}
	h.Set(stackHeader, "")
	h.Set(locationSysmeta, location)
	h.Set(modeSysmeta, mode)
}
