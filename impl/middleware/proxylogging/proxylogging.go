// Package proxylogging is the proxy_logging filter: one access line and one
// event for each client request and, from the instance next to the proxy,
// for each sub-request that other filters make.
//
// A line is fields separated by spaces, each percent-encoded, "-" for what is
// missing or zero. By default: client_ip remote_addr end_time.datetime method
// path protocol status_int referer user_agent auth_token bytes_recvd
// bytes_sent client_etag transaction_id headers request_time source log_info
// start_time end_time policy_index access_user_id. The option
// log_msg_template rearranges them.
//
// The options access_log_address, _facility, _name, _udp_host and _udp_port mean
// nothing here. Lines are of level INFO: a host's log that takes none of that
// level, as access_log_level or log_level makes it, turns them off. The number of
// the process is "-", for a process is not something that the seams know.
//
// With statsd_emit_buffer_xfer_bytes_seconds (-1: not) bodies are reported while
// they are under way, every that many seconds.
//
// The line is written when the response's body is closed. The status is 499
// when the client left before the end, 500 when the body failed.
package proxylogging

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"time"

	"apus/impl/config"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/middleware"
	"apus/impl/web"
)

type filter struct {
	next   web.Handler
	clock  host.Clock
	log    *slog.Logger
	events *event.Sink
	fmt    *format
	every  time.Duration // between reports of a body under way; negative for none
}

var _ middleware.Constructor = New

// New reads log_msg_template, log_anonymization_method and _salt,
// access_log_headers and _only, access_log_route, reveal_sensitive_prefix and
// statsd_emit_buffer_xfer_bytes_seconds. The other options for metrics, and the
// level of the log, are read by the daemon.
func New(env *middleware.Env, opts *config.Section) (web.Filter, error) {
	f := newFormat(opts)
	log := env.Host.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	log = log.With("route", opts.String("access_log_route", "proxy-access"))
	for _, key := range withoutEffect() {
		opts.Lookup(key) // known all the same
	}
	every := opts.Float("statsd_emit_buffer_xfer_bytes_seconds", -1, -math.MaxFloat64, maxEvery)
	return func(next web.Handler) web.Handler {
		return &filter{next, env.Host.Clock, log, env.Events, f, time.Duration(max(every, -1) * float64(time.Second))}
	}, nil
}

// maxEvery is a year, in seconds.
const maxEvery = 365 * 24 * 3600

// withoutEffect are options of Swift's filter that mean nothing here.
func withoutEffect() [6]string {
	return [...]string{"access_log_address", "access_log_facility", "access_log_name", "access_log_udp_host", "access_log_udp_port", "storage_domain"}
}

func (f *filter) Serve(ctx context.Context, req *web.Request) *web.Response {
	subject := learn(req)
	if req.Source == "" && req.Meta.Logged {
		return f.next.Serve(ctx, req)
	}
	if req.Source == "" {
		req.Meta.Logged = true
	}
	x := f.begin(req, subject)
	done := false
	defer func() {
		if !done { // a panic goes by, to whoever answers it
			x.status = http.StatusInternalServerError
			x.finish()
		}
	}()
	resp := f.next.Serve(ctx, req)
	done = true
	x.answered(req, resp)
	return resp
}

// learn is what a request is about. The client's own may be about what only an
// inner request shows, such as one whose account a filter took from the host's
// name.
func learn(req *web.Request) event.Subject {
	own := event.SubjectOf(req.Path)
	if own.Resource == "" {
		own.Resource = req.Source
	}
	m := req.Meta
	m.InfoMu.Lock()
	defer m.InfoMu.Unlock()
	if req.Source == "" && !m.Logged {
		m.Subject = own
	}
	m.Subject.Account = cmp.Or(m.Subject.Account, own.Account)
	m.Subject.Resource = cmp.Or(m.Subject.Resource, own.Resource)
	return own
}

// exchange is one request on its way to a line. Its request side is a copy,
// because filters behind may change the request.
type exchange struct {
	f        *filter
	rec      record
	method   string
	meta     *web.Meta
	status   int
	received *countingReader
	watch    host.Stopwatch
	source   string
	own      event.Subject
}

func (f *filter) begin(req *web.Request, subject event.Subject) *exchange {
	x := &exchange{
		f: f, method: req.Method, meta: req.Meta, watch: host.StartStopwatch(), source: req.Source,
		received: &countingReader{inner: req.Body}, own: subject,
	}
	x.received.flow = x.flow(true)
	if req.Body != web.Reader(http.NoBody) { // handlers look for that one
		req.Body = x.received
	}
	x.rec = record{
		start: f.clock.Now(), method: req.Method, path: req.Path, query: req.RawQuery, protocol: req.Proto,
		host: req.Host, remote: req.RemoteAddr, header: req.Header.Clone(), source: req.Source,
	}
	return x
}

// answered takes note of the response and has its body report the end.
func (x *exchange) answered(req *web.Request, resp *web.Response) {
	x.status, x.rec.wireStatus = resp.Status, resp.Status
	x.rec.ttfb = x.watch.Elapsed()
	x.rec.policy = web.PolicyIndex(req, resp)
	b := &body{ReadCloser: resp.Body, x: x, length: resp.ContentLength, flow: x.flow(false)}
	if req.Method == http.MethodHead || resp.Status == http.StatusNoContent || resp.Status == http.StatusNotModified {
		b.length = 0
	}
	resp.Body = b
	if b.flow != nil {
		return // every byte must be seen
	}
	switch inner := b.ReadCloser.(type) {
	case io.WriterTo:
		resp.Body = &copyingBody{b, inner}
	case web.ConnSource:
		resp.Body = &connBody{b, inner}
	}
}

// finish writes the line.
func (x *exchange) finish() {
	x.received.flow.add(0, true) // whose end, if the length was known, nobody need have looked for
	if x.received.gone {
		x.status = 499
	}
	r := &x.rec
	r.end, r.elapsed = x.f.clock.Now(), x.watch.Elapsed()
	r.status, r.received, r.txn, r.user = x.status, x.received.n, x.meta.TxnID, x.meta.UserID
	r.info = strings.Join(x.meta.LogInfo, ",")
	if r.wireStatus == 0 {
		r.wireStatus = x.status
	}
	if x.f.log.Enabled(context.Background(), slog.LevelInfo) {
		x.f.log.Info(x.f.fmt.line(r))
	}
	x.f.events.EmitRequest(event.Request{
		Server: "proxy-server", Method: x.method, Path: r.path, Source: x.source, TxnID: r.txn,
		Status: x.status, WireStatus: r.wireStatus, BytesIn: r.received, BytesOut: r.sent,
		Duration: r.elapsed, FirstByte: r.firstByte(), Policy: r.policy, Subject: x.subject(),
	})
}

// subject is what the request is about, by all that is known now.
func (x *exchange) subject() event.Subject {
	x.meta.InfoMu.Lock()
	defer x.meta.InfoMu.Unlock()
	return x.own.Or(x.meta.Subject)
}

// flow reports a body; nil if nobody wants to know.
func (x *exchange) flow(in bool) *flow {
	if x.f.every < 0 {
		return nil
	}
	return &flow{x: x, in: in, watch: host.StartStopwatch()}
}

// flow is the bytes of a body that nobody has heard of yet.
type flow struct {
	x     *exchange
	in    bool
	bytes int64
	watch host.Stopwatch // since the last report
}

// add takes n more bytes into account. They are reported when it is time, and
// at the end of the body. As long as nobody knows whose they are they wait.
func (f *flow) add(n int, end bool) {
	if f == nil {
		return
	}
	f.bytes += int64(n)
	if f.bytes == 0 || !end && f.watch.Elapsed() < f.x.f.every {
		return
	}
	e := event.Transfer{Method: f.x.method, Subject: f.x.subject(), In: f.in, Bytes: f.bytes}
	if e.Subject.Account == "" {
		return
	}
	if !f.in {
		e.Status, e.Policy = f.x.rec.wireStatus, f.x.rec.policy
	}
	f.x.f.events.EmitTransfer(e)
	f.bytes, f.watch = 0, host.StartStopwatch()
}

// record is what a line can tell.
type record struct {
	start, end      time.Time
	elapsed, ttfb   time.Duration
	method, path    string // path decoded
	query, protocol string
	host, remote    string
	header          http.Header
	status          int
	wireStatus      int
	received, sent  int64
	txn, source     string
	policy, user    string
	info            string
}

// firstByte is how long the answer to a GET took to begin, zero for others.
func (r *record) firstByte() time.Duration {
	if r.method != http.MethodGet {
		return 0
	}
	return r.ttfb
}

// clientIP is the best guess at the end user's address.
func (r *record) clientIP() string {
	if ip := r.header.Get("X-Cluster-Client-Ip"); ip != "" {
		return ip
	}
	if list := r.header.Get("X-Forwarded-For"); list != "" {
		first, _, _ := strings.Cut(list, ",")
		if first = strings.TrimSpace(first); first != "" {
			return first
		}
	}
	return r.remoteIP()
}

func (r *record) remoteIP() string { return withoutPort(r.remote) }

func withoutPort(addr string) string {
	if i := strings.LastIndexByte(addr, ':'); i >= 0 && !strings.HasSuffix(addr, "]") {
		addr = addr[:i]
	}
	return strings.Trim(addr, "[]")
}
