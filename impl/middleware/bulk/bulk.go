// Package bulk is the bulk filter: many operations for one request.
//
// A PUT with extract-archive=tar, tar.gz or tar.bz2 to an account, a
// container or a path in a container stores the regular files of the archive
// as objects below, each by a PUT of its own, and makes the containers. The
// archive streams through; nothing of it is kept. Of the extended attributes
// that tar writes as pax records, user.mime_type becomes the Content-Type and
// user.meta.* the metadata.
//
// A POST or DELETE with bulk-delete deletes what its body lists, one
// percent-encoded "/container/object" or "/container" on each line, objects
// before containers.
//
// The answer is 200 and a report (see package heartbeat). Its header goes out
// when the work is done or has taken yield_frequency, whichever is first.
package bulk

import (
	"context"
	"net/http"
	"strings"
	"time"

	"apus/impl/config"
	"apus/impl/middleware"
	"apus/impl/middleware/heartbeat"
	"apus/impl/swift"
	"apus/impl/web"
)

// options are the filter's settings.
type options struct {
	maxContainers, maxFailedExtractions int64
	maxDeletes, maxFailedDeletes        int64
	concurrency, retries                int64
	yieldEvery                          time.Duration
	limits                              swift.Limits
}

// retryInterval is how long to wait before a container is deleted for the
// second time; each wait after that is longer by the same factor.
const retryInterval = 1.5

type filter struct {
	options
	next web.Handler
}

var _ middleware.Constructor = New

// New reads the limits, yield_frequency, delete_concurrency and
// delete_container_retry_count.
func New(env *middleware.Env, opts *config.Section) (web.Filter, error) {
	const most = 1e6
	o := options{
		maxContainers:        opts.Int("max_containers_per_extraction", 10000, 0, most),
		maxFailedExtractions: opts.Int("max_failed_extractions", 1000, 1, most),
		maxDeletes:           opts.Int("max_deletes_per_request", 10000, 0, most),
		maxFailedDeletes:     opts.Int("max_failed_deletes", 1000, 1, most),
		concurrency:          min(max(opts.Int("delete_concurrency", 2, -most, most), 1), 1000),
		retries:              opts.Int("delete_container_retry_count", 0, 0, 20),
		yieldEvery:           opts.Seconds("yield_frequency", 10*time.Second),
		limits:               env.Swift.Limits,
	}
	env.Info.Register("bulk_upload", map[string]any{
		"max_containers_per_extraction": o.maxContainers, "max_failed_extractions": o.maxFailedExtractions,
	})
	env.Info.Register("bulk_delete", map[string]any{
		"max_deletes_per_request": o.maxDeletes, "max_failed_deletes": o.maxFailedDeletes,
	})
	return func(next web.Handler) web.Handler { return &filter{o, next} }, nil
}

// Serve takes bulk requests and passes on the rest.
func (f *filter) Serve(ctx context.Context, req *web.Request) *web.Response {
	query := req.Query()
	switch {
	case req.Method == http.MethodPut && query.Has("extract-archive"):
		kind := strings.Trim(strings.ToLower(query.Get("extract-archive")), ".")
		open, ok := archives[kind]
		if !ok {
			return web.HTML(http.StatusBadRequest, "Unsupported archive format")
		}
		return f.extract(ctx, req, open)
	case (req.Method == http.MethodPost || req.Method == http.MethodDelete) && query.Has("bulk-delete"):
		return f.delete(ctx, req)
	}
	return f.next.Serve(ctx, req)
}

// answer works until there is something to send. The work reads the request,
// and the client sends it only before the header of the answer.
func (f *filter) answer(ctx context.Context, format string, step func() []byte) *web.Response {
	body := heartbeat.NewStream(ctx, format, f.yieldEvery, step)
	if err := body.Work(); err != nil {
		return web.NewResponse(swift.ClientGone.Status())
	}
	resp := &web.Response{Status: http.StatusOK, Header: http.Header{}, Body: body, ContentLength: -1}
	resp.Duplex = !body.Done()
	resp.Header.Set("Content-Type", heartbeat.BareType(format))
	return resp
}

// sub makes a sub-request on behalf of the client.
func sub(req *web.Request, method, path, source, agent string) *web.Request {
	s := req.Sub(method, path, source)
	for _, name := range [...]string{"X-Auth-Token", "Origin"} {
		if v := req.Header.Get(name); v != "" {
			s.Header.Set(name, v)
		}
	}
	if agent != "" {
		s.Header.Set("User-Agent", strings.TrimSpace(req.Header.Get("User-Agent")+" "+agent))
	} else {
		s.Header.Set("User-Agent", "Swift")
	}
	return s
}

// hasBody tells whether the client said how his body ends.
func hasBody(req *web.Request) bool {
	return req.ContentLength != 0 || req.Header.Get("Content-Length") != ""
}

// failureStatus is how a failure to read the client's body is reported.
func failureStatus(err error) int { return swift.KindOf(err).Status() }

// maxPath is how much of a name a report shows.
func (o *options) maxPath() int {
	return o.limits.MaxObjectNameLength + o.limits.MaxContainerNameLength + 2
}
