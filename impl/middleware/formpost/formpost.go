// Package formpost is the formpost filter: HTML forms that upload files for
// somebody without an account, because they are signed with a key of the
// account or the container.
//
// # The form
//
// It is a POST of multipart/form-data to "/v1/account/container" or to a
// prefix of object names in it. Its attributes come first: redirect,
// max_file_size, max_file_count, expires, signature, and if wanted
// x_delete_at, x_delete_after, content-type and content-encoding. Each file
// that follows is stored under the path and its name by a PUT of its own; what
// a file says of its type and encoding counts where the form says nothing.
//
// The signature is the HMAC of five lines without a newline at the end: the
// path, redirect, max_file_size, max_file_count and expires, as they stand in
// the form. An absent redirect is empty, an absent number is 0.
//
// # The answer
//
// Without redirect it is the status of the last PUT; with it, 303 to there
// with the parameters status and message. Files go through as they come:
// those before the one that failed stay.
package formpost

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"apus/impl/config"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/middleware"
	"apus/impl/middleware/tempurl/sign"
	"apus/impl/swift"
	"apus/impl/web"
)

const source = "FP" // of sub-requests, in logs

type filter struct {
	next    web.Handler
	clock   host.Clock
	digests sign.Digests
	events  *event.Sink
}

var _ middleware.Constructor = New

// New reads allowed_digests.
func New(env *middleware.Env, opts *config.Section) (web.Filter, error) {
	digests := sign.ReadDigests(opts)
	env.Info.Register("formpost", digests.Publish(map[string]any{}))
	return func(next web.Handler) web.Handler { return &filter{next, env.Host.Clock, digests, env.Events} }, nil
}

// Serve takes forms and passes on the rest.
func (f *filter) Serve(ctx context.Context, req *web.Request) *web.Response {
	if req.Method != http.MethodPost {
		return f.next.Serve(ctx, req)
	}
	kind, attrs := parseParams(req.Header.Get("Content-Type"))
	boundary, ok := attrs["boundary"]
	if kind != "multipart/form-data" || !ok {
		return f.next.Serve(ctx, req)
	}
	req.Header.Set("User-Agent", strings.TrimSpace(req.Header.Get("User-Agent")+" FormPost"))
	u := &upload{ctx: ctx, filter: f, req: req, attributes: attributes{}}
	u.lookUpKeys()
	err := u.run(boundary)
	var wrong invalid
	switch {
	case err == nil:
		return u.answer()
	case errors.Is(err, errSignature) || errors.Is(err, errExpired):
		return sign.Unauthorized("unknown", "FormPost: "+title(err.Error()))
	case errors.As(err, &wrong):
		return web.Plain(http.StatusBadRequest, "FormPost: %s", wrong)
	}
	return web.FromError(err)
}

// invalid is what is wrong with a form, in words for its author.
type invalid string

func (i invalid) Error() string { return string(i) }

var (
	errSignature = errors.New("invalid signature")
	errExpired   = errors.New("form expired")
)

// upload is one form on its way.
type upload struct {
	ctx        context.Context
	filter     *filter
	req        *web.Request
	target     swift.Path
	keys       []sign.Key
	attributes attributes
	files      int64

	status  int    // of the last file, or of what stopped them
	message string // why, if it was not a file
	body    string // of the answer to a file that failed
	cors    http.Header
}

// lookUpKeys finds none for a path that has no container.
func (u *upload) lookUpKeys() {
	version, p, ok := u.req.Swift()
	if !ok || p.IsAccount() || version != "v1" && version != "v1.0" {
		return
	}
	u.target = p
	u.keys = sign.Keys(u.ctx, u.filter.next, u.req, p)
}

// run goes through the parts until the end or until a file fails.
func (u *upload) run(boundary string) error {
	parts, err := newParts(u.req.Body, boundary)
	if err != nil {
		return err
	}
	for {
		p, err := parts.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if !p.isFile() {
			if err := u.attributes.read(p); err != nil {
				return err
			}
			continue
		}
		if more, err := u.file(p); err != nil || !more {
			return err
		}
	}
	if u.status == 0 {
		u.status, u.message = http.StatusBadRequest, "no files to process"
	}
	return nil
}

// file stores one file; more is false when that was the last.
func (u *upload) file(p *part) (more bool, err error) {
	limit, err := u.attributes.number("max_file_count", "max_file_count not an integer")
	if err != nil {
		return false, err
	}
	if u.files++; u.files > limit {
		u.status, u.message = http.StatusBadRequest, "max file count exceeded"
		return false, nil
	}
	put, content, err := u.put(p)
	if err != nil {
		return false, err
	}
	resp := u.filter.next.Serve(u.ctx, put)
	u.status, u.cors = resp.Status, http.Header{}
	for name, v := range resp.Header {
		if strings.HasPrefix(name, "Access-Control") {
			u.cors[name] = v
		}
	}
	if resp.OK() {
		resp.Discard()
	} else if text, err := resp.ReadAll(maxErrorBody); err == nil {
		u.body = string(text)
	}
	if content.exceeded {
		return false, invalid("max_file_size exceeded")
	}
	return u.status/100 == 2, nil
}

// maxErrorBody bounds what is passed on of an error's explanation.
const maxErrorBody = 64 << 10

// put is the request that stores a file, if the form allows it.
func (u *upload) put(p *part) (*web.Request, *capped, error) {
	if len(u.keys) == 0 {
		return nil, nil, errSignature
	}
	a := u.attributes
	maxSize, err := a.number("max_file_size", "max_file_size not an integer")
	if err != nil {
		return nil, nil, err
	}
	path := u.req.Path
	if !strings.HasSuffix(path, "/") && strings.Count(path, "/") < 4 {
		path += "/"
	}
	put := u.req.Sub(http.MethodPut, path+p.filename(), source)
	for _, name := range [...]string{"Origin", "Access-Control-Request-Method"} {
		if v := u.req.Header.Get(name); v != "" {
			put.Header.Set(name, v)
		}
	}
	if err := a.headers(p, put.Header); err != nil {
		return nil, nil, err
	}
	key, err := u.signer()
	if err != nil {
		return nil, nil, err
	}
	put.Authorize, put.AuthorizeOverride = key.Scope(u.target), true
	content := &capped{in: p, left: maxSize}
	put.Body, put.ContentLength = content, -1
	return put, content, nil
}

// signer is the key that signed the form.
func (u *upload) signer() (sign.Key, error) {
	a := u.attributes
	expires, err := a.number("expires", "expired not an integer")
	switch now := u.filter.clock.Now(); {
	case err != nil:
		return sign.Key{}, err
	case expires < now.Unix() || expires == now.Unix() && now.Nanosecond() > 0:
		return sign.Key{}, errExpired
	}
	message := strings.Join([]string{
		u.req.Path, a["redirect"], a.orZero("max_file_size"), a.orZero("max_file_count"), a.orZero("expires"),
	}, "\n")
	sig, ok := u.filter.digests.Parse(a["signature"])
	if !ok {
		return sign.Key{}, errSignature
	}
	for _, k := range u.keys {
		if sig.Signs(message, k.Secret) {
			u.filter.events.Tick("", "formpost.digests."+sig.Digest)
			return k, nil
		}
	}
	return sign.Key{}, errSignature
}

// capped fails when a file is larger than the form allows.
type capped struct {
	in       io.Reader
	left     int64
	exceeded bool
}

func (c *capped) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	if c.left -= int64(n); c.left < 0 {
		c.exceeded = true
		return 0, swift.E("formpost.Read", "", swift.ClientGone, invalid("max_file_size exceeded"))
	}
	return n, err
}
