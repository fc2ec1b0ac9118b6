// Package accesslog writes the line that Swift's account, container and object
// servers log for each request:
//
//	10.0.0.1 - - [24/Nov/2026:13:02:00 +0000] "PUT /sda1/7/a/c/o" 201 - "referer" "txn" "agent" 0.0123 "-" - 0
//
// The option log_format of their configuration changes it; log_requests turns
// it off, log_anonymization_method and log_anonymization_salt say how
// {field.anonymized} is made unreadable. Each request is an event as well, line
// or not. The number of the process is "-", for
// a process is not something that the seams know.
package accesslog

import (
	"context"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"apus/impl/config"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/logline"
	"apus/impl/web"
)

const defaultFormat = "{remote_addr} - - [{time.d}/{time.b}/{time.Y}:{time.H}:{time.M}:{time.S} +0000] " +
	`"{method} {path}" {status} {content_length} "{referer}" "{txn_id}" "{user_agent}" ` +
	`{trans_time:.4f} "{additional_info}" {pid} {policy_index}`

// Wrap is next, of the named server, with a line in h.Log for each request: of
// level info, or debug for what replicators do. The settings are those of the
// server's section; what is wrong with them is reported there.
func Wrap(h *host.Host, opts *config.Section, server string, ev *event.Sink, next web.Handler) web.Handler {
	on := opts.Bool("log_requests", true)
	anonymise, ok := logline.Anonymiser(opts.String("log_anonymization_method", "md5"), opts.String("log_anonymization_salt", ""))
	if !ok {
		opts.Fail("log_anonymization_method", "must be md5, sha1, sha224, sha256, sha384 or sha512")
		return next
	}
	f, err := logline.Parse(opts.String("log_format", defaultFormat), func(spec string) (func(*record) string, error) {
		return field(spec, anonymise)
	})
	if err != nil {
		opts.Fail("log_format", err.Error())
	}
	on = on && err == nil
	return web.HandlerFunc(func(ctx context.Context, req *web.Request) *web.Response {
		watch := host.StartStopwatch()
		resp := next.Serve(ctx, req)
		ev.EmitRequest(event.Request{
			Server: server, Method: req.Method, Path: req.Path, TxnID: req.Header.Get("X-Trans-Id"),
			Status: resp.Status, WireStatus: resp.Status, Duration: watch.Elapsed(),
			Policy: web.PolicyIndex(req, resp),
		})
		if !on {
			return resp
		}
		level := slog.LevelInfo
		if req.Method == "REPLICATE" || req.Method == "SSYNC" || len(req.Header["X-Backend-Replication"]) > 0 {
			level = slog.LevelDebug
		}
		if h.Log.Enabled(ctx, level) {
			h.Log.LogAttrs(ctx, level, f.Line(&record{req, resp, h.Clock.Now(), watch.Elapsed()}, nil))
		}
		return resp
	})
}

// record is what is known of a request when its answer begins.
type record struct {
	req  *web.Request
	resp *web.Response
	now  time.Time
	took time.Duration
}

// fields are the names that a format may use. An empty value shows as "-".
var fields = map[string]func(*record) string{
	"remote_addr": func(r *record) string {
		if ip, _, err := net.SplitHostPort(r.req.RemoteAddr); err == nil {
			return ip
		}
		return r.req.RemoteAddr
	},
	"method":    func(r *record) string { return r.req.Method },
	"path":      func(r *record) string { return quote(r.req.Path) },
	"disk":      func(r *record) string { return segment(r, 0) },
	"partition": func(r *record) string { return segment(r, 1) },
	"account":   func(r *record) string { return segment(r, 2) },
	"container": func(r *record) string { return segment(r, 3) },
	"object":    func(r *record) string { return segment(r, 4) },
	"status":    func(r *record) string { return strconv.Itoa(r.resp.Status) },
	"content_length": func(r *record) string {
		if r.resp.ContentLength <= 0 {
			return ""
		}
		return strconv.FormatInt(r.resp.ContentLength, 10)
	},
	"referer":         func(r *record) string { return r.req.Header.Get("Referer") },
	"txn_id":          func(r *record) string { return r.req.Header.Get("X-Trans-Id") },
	"user_agent":      func(r *record) string { return r.req.Header.Get("User-Agent") },
	"additional_info": func(*record) string { return "" },
	"pid":             func(*record) string { return "" },
	"policy_index":    func(r *record) string { return web.PolicyIndex(r.req, r.resp) },
}

// segment is a part of /disk/partition/account/container/object.
func segment(r *record, i int) string {
	parts := strings.SplitN(strings.TrimPrefix(r.req.Path, "/"), "/", 5)
	if i >= len(parts) {
		return ""
	}
	return quote(parts[i])
}

// quote percent-encodes as Python does.
func quote(s string) string { return logline.Quote(s, "/") }
