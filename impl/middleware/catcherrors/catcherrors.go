// Package catcherrors is the catch_errors filter, the first of a proxy's
// pipeline: it names the transaction in logs and in X-Trans-Id, and turns a
// panic behind it into 500. That a body is as long as its Content-Length says
// is seen to by [web.Server], for every server.
package catcherrors

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"time"

	"apus/impl/config"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/logline"
	"apus/impl/middleware"
	"apus/impl/web"
)

const maxExtra = 32 // bytes of X-Trans-Id-Extra that count

type filter struct {
	next   web.Handler
	clock  host.Clock
	events *event.Sink
	suffix string
}

var _ middleware.Constructor = New

// New reads trans_id_suffix.
func New(env *middleware.Env, opts *config.Section) (web.Filter, error) {
	suffix := opts.String("trans_id_suffix", "")
	return func(next web.Handler) web.Handler { return &filter{next, env.Host.Clock, env.Events, suffix} }, nil
}

func (f *filter) Serve(ctx context.Context, req *web.Request) *web.Response {
	suffix := f.suffix
	if extra := req.Header.Get("X-Trans-Id-Extra"); extra != "" {
		suffix += "-" + extra[:min(len(extra), maxExtra)]
	}
	id := TransID(f.clock.Now(), suffix)
	req.Meta.TxnID, req.Meta.Events = id, f.events
	req.Meta.Log = req.Meta.Log.With("txn", id)
	resp := f.call(ctx, req)
	resp.Header.Set("X-Trans-Id", id)
	resp.Header.Set("X-Openstack-Request-Id", id)
	return resp
}

func (f *filter) call(ctx context.Context, req *web.Request) (resp *web.Response) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			panic(p)
		default:
			req.Meta.Log.Error("panic in the pipeline", "method", req.Method, "path", req.Path,
				"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			resp = web.Text(http.StatusInternalServerError, "An error occurred", "text/plain")
		}
	}()
	return f.next.Serve(ctx, req)
}

// TransID makes a transaction id: "tx", 21 random hexadecimal digits, a dash,
// the time in ten more, and the suffix.
func TransID(now time.Time, suffix string) string {
	return fmt.Sprintf("tx%016x%05x-%010x%s", rand.Uint64(), rand.Uint32()>>12, now.Unix(), logline.Quote(suffix, "/"))
}
