package symlink

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"

	"apus/impl/config"
	"apus/impl/swift"
	"apus/impl/web"
)

// put makes a link.
func (f *filter) put(ctx context.Context, client *web.Request) *web.Response {
	full, err := hasBody(client)
	switch {
	case err != nil:
		return web.FromError(err)
	case full:
		return web.Plain(http.StatusBadRequest, "Symlink requests require a zero byte body")
	}
	version, path, _ := client.Swift()
	want, refusal := parseTarget(client.Header, path)
	if refusal != nil {
		return refusal
	}
	req := *client
	req.Header = client.Header.Clone()
	h := req.Header
	if want.etag != "" {
		if refusal := f.vouch(ctx, &req, version, want); refusal != nil {
			return refusal
		}
	} else if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/symlink")
	}
	for _, name := range [...]string{targetHeader, accountHeader, etagHeader, bytesHeader} {
		h.Del(name)
	}
	h.Set(storedTarget, quote(want.path.Container+"/"+want.path.Object))
	if want.foreign {
		h.Set(storedAccount, quote(want.path.Account))
	}
	h.Set(listingEtag, encodeListing(h))
	return f.next.Serve(ctx, &req)
}

// hasBody tells whether the client sends any bytes.
func hasBody(req *web.Request) (bool, error) {
	if req.ContentLength >= 0 {
		return req.ContentLength > 0, nil
	}
	n, err := io.ReadFull(req.Body, make([]byte, 1))
	if err == io.EOF {
		err = nil
	}
	return n > 0, err
}

// wanted is the target that a client asks for.
type wanted struct {
	path    swift.Path
	foreign bool // the client named an account
	etag    string
}

const badTarget = "X-Symlink-Target header must be of the form <container name>/<object name>"

// parseTarget checks what the client says of the target of the link at path.
func parseTarget(h http.Header, path swift.Path) (wanted, *web.Response) {
	text := web.UnescapePath(h.Get(targetHeader))
	if strings.HasPrefix(text, "/") {
		return wanted{}, web.Plain(http.StatusPreconditionFailed, badTarget)
	}
	container, object, _ := strings.Cut(text, "/")
	if container == "" || object == "" {
		return wanted{}, web.HTML(http.StatusPreconditionFailed, badTarget)
	}
	w := wanted{path: swift.Path{Account: path.Account, Container: container, Object: object}}
	if _, w.foreign = h[accountHeader]; w.foreign {
		w.path.Account = web.UnescapePath(h.Get(accountHeader))
		switch {
		case w.path.Account == "":
			return w, web.HTML(http.StatusPreconditionFailed, "Account name cannot be empty")
		case strings.Contains(w.path.Account, "/"):
			return w, web.HTML(http.StatusPreconditionFailed, "Account name cannot contain slashes")
		}
	}
	if w.path == path {
		return w, web.Plain(http.StatusBadRequest, "Symlink cannot target itself")
	}
	w.etag = web.Unquote(h.Get(etagHeader))
	if strings.ContainsAny(w.etag, `;"\`) { // they would not survive in the listing
		return w, web.Plain(http.StatusBadRequest, "Bad X-Symlink-Target-Etag format")
	}
	return w, nil
}

// vouch makes the link a static one: it checks that the target has the ETag
// that the client says, and stores that with the size. Unless the client
// chose one the link has the target's type. What container-sync brings is
// believed: the target may come later.
func (f *filter) vouch(ctx context.Context, req *web.Request, version string, want wanted) *web.Response {
	h := req.Header
	if req.Verbatim {
		size := h.Get(bytesHeader)
		if n, err := strconv.ParseInt(size, 10, 64); err != nil || n < 0 {
			return web.Plain(http.StatusBadRequest, "Bad X-Symlink-Target-Bytes format")
		}
		h.Set(storedEtag, want.etag)
		h.Set(storedBytes, size)
		return nil
	}
	target, refusal := f.headTarget(ctx, req, version, want)
	if refusal != nil {
		return refusal
	}
	if _, ok := h[listingEtag]; !ok {
		if params := carried(target.Header); params != "" {
			h.Set(listingEtag, emptyMD5+params)
		}
	}
	size := target.Header.Get("X-Object-Sysmeta-Slo-Size")
	if size == "" {
		size = strconv.FormatInt(target.ContentLength, 10)
	}
	h.Set(storedEtag, want.etag)
	h.Set(storedBytes, size)
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", target.Header.Get("Content-Type"))
	}
	return nil
}

// headTarget is the finished answer to HEAD of the target, which exists and
// has the right ETag.
func (f *filter) headTarget(ctx context.Context, req *web.Request, version string, want wanted) (target, refusal *web.Response) {
	path := "/" + version + want.path.String()
	head := req.Sub(http.MethodHead, path, source)
	if config.Truth(req.Header.Get(allowReserved)) {
		head.Header.Set(allowReserved, "true")
	}
	w := walk{filter: f, origin: head, at: quote(path)}
	resp := w.from(ctx, head, want.etag, false)
	switch {
	case resp.OK():
		resp.Discard()
		return resp, nil
	case resp.Status == http.StatusConflict:
		return nil, resp
	case resp.Status == http.StatusNotFound:
		resp.Discard()
		return nil, w.conflict("X-Symlink-Target does not exist")
	}
	resp.Discard()
	refusal = web.NewResponse(resp.Status)
	if v := resp.Header.Get("Www-Authenticate"); v != "" {
		refusal.Header.Set("Www-Authenticate", v)
	}
	return nil, refusal
}

// carried is what the listing's ETag of the target says of a large object,
// as parameters for the link's.
func carried(h http.Header) string {
	if override := h.Get(listingEtag); override != "" {
		_, params, _ := strings.Cut(override, ";")
		var out strings.Builder
		for param := range strings.SplitSeq(params, ";") {
			if param = strings.TrimSpace(param); param != "" && !strings.HasPrefix(param, paramPrefix) {
				out.WriteString("; " + param)
			}
		}
		return out.String()
	}
	if etag := h.Get("X-Object-Sysmeta-Slo-Etag"); etag != "" {
		return "; slo_etag=" + etag
	}
	return ""
}
