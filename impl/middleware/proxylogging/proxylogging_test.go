package proxylogging_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"apus/impl/config"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/middleware"
	"apus/impl/middleware/proxylogging"
	"apus/impl/swift"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

// lines is a slog.Handler that keeps messages.
type lines struct {
	got   *[]string
	least slog.Level
}

func (l lines) Enabled(_ context.Context, level slog.Level) bool { return level >= l.least }
func (l lines) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l lines) WithGroup(string) slog.Handler                    { return l }
func (l lines) Handle(_ context.Context, r slog.Record) error {
	*l.got = append(*l.got, r.Message)
	return nil
}

type fixture struct {
	web.Filter
	lines     []string
	events    []event.Request
	transfers []event.Transfer
}

func build(t *testing.T, options string) *fixture {
	t.Helper()
	return buildAt(t, slog.LevelInfo, options)
}

// buildAt has a log of that level.
func buildAt(t *testing.T, least slog.Level, options string) *fixture {
	t.Helper()
	webtest.TrackBodies(t)
	f := &fixture{}
	h := &host.Host{Clock: webtest.NewClock(1_800_000_000), Log: slog.New(lines{&f.lines, least})}
	sink := &event.Sink{
		Request:  func(e event.Request) { f.events = append(f.events, e) },
		Transfer: func(e event.Transfer) { f.transfers = append(f.transfers, e) },
	}
	f.Filter, _ = webtest.Filter(t, proxylogging.New, h, options, sink)
	return f
}

func TestLine(t *testing.T) {
	f := build(t, "")
	next := webtest.NewNext(func(req *web.Request) *web.Response {
		req.Meta.TxnID, req.Meta.UserID = "tx1", "acct:me"
		req.Meta.LogInfo = append(req.Meta.LogInfo, "u:1", "s:2")
		req.Path = "/changed" // by a filter behind
		return webtest.Response(201, "made", "X-Backend-Storage-Policy-Index", "0")
	})
	req := webtest.Request("PUT", "/v1/a/c/o x?a=b&temp_url_sig=0123456789abcdef0123",
		"X-Auth-Token", "AUTH_tk0123456789abcdef", "User-Agent", "curl 1", "Etag", "\"e\"", "X-Forwarded-For", "9.9.9.9, 8.8.8.8")
	req.RemoteAddr, req.Body = "1.2.3.4:567", strings.NewReader("12345")
	if got := webtest.Do(f.Filter(next), req); got.Status != 201 || got.Body != "made" {
		t.Fatal(got)
	}
	if len(f.lines) != 1 {
		t.Fatalf("%d lines", len(f.lines))
	}
	want := `^9\.9\.9\.9 1\.2\.3\.4 15/Jan/2027/08/00/00 PUT /v1/a/c/o%2520x%3Fa%3Db%26temp_url_sig%3D0123456789abcdef\.\.\. ` +
		`HTTP/1\.1 201 - curl%201 AUTH_tk012345678\.\.\. 5 4 %22e%22 tx1 - 0\.\d{4} - u:1%2Cs:2 1800000000\.000000000 1800000000\.000000000 0 acct:me$`
	if !regexp.MustCompile(want).MatchString(f.lines[0]) {
		t.Errorf("line %s\nwant %s", f.lines[0], want)
	}
	if len(f.events) != 1 {
		t.Fatalf("%d events", len(f.events))
	}
	e := f.events[0]
	e.Duration = 0
	if want := (event.Request{
		Server: "proxy-server", Method: "PUT", Path: "/v1/a/c/o x", TxnID: "tx1", Status: 201, WireStatus: 201, BytesIn: 5, BytesOut: 4, Policy: "0",
		Subject: event.Subject{Resource: "object", Account: "a", Container: "c"},
	}); e != want {
		t.Errorf("event %+v", e)
	}
	if next.Last().Header.Get("X-Auth-Token") != "AUTH_tk0123456789abcdef" {
		t.Error("the token was redacted in the request, too")
	}
}

func status(t *testing.T, f *fixture) string {
	t.Helper()
	if len(f.lines) != 1 {
		t.Fatalf("%d lines: %q", len(f.lines), f.lines)
	}
	return f.lines[0]
}

func TestEnds(t *testing.T) {
	const template = "log_msg_template = {status_int} {wire_status_int} {bytes_sent}"
	long := func(err error) func(*web.Request) *web.Response {
		return func(*web.Request) *web.Response {
			return &web.Response{Status: 200, Header: http.Header{}, Body: webtest.Body("0123456789", err), ContentLength: 10}
		}
	}
	unknown := func(*web.Request) *web.Response {
		return &web.Response{Status: 200, Header: http.Header{}, Body: webtest.Body("0123456789", nil), ContentLength: -1}
	}
	for _, tt := range []struct {
		name, method string
		answer       func(*web.Request) *web.Response
		read         int64 // bytes the client takes; -1 all
		want         string
	}{
		{"complete", "GET", long(nil), -1, "200 200 10"},
		{"complete without seeing the end", "GET", long(nil), 10, "200 200 10"},
		{"client leaves", "GET", long(nil), 3, "499 200 3"},
		{"client leaves before the body", "GET", long(nil), 0, "499 200 -"},
		{"unknown length, complete", "GET", unknown, -1, "200 200 10"},
		{"unknown length, client leaves", "GET", unknown, 3, "499 200 3"},
		{"body fails", "GET", func(*web.Request) *web.Response {
			return &web.Response{Status: 200, Header: http.Header{}, Body: webtest.Body("01", errors.New("disk")), ContentLength: 10}
		}, -1, "500 200 2"},
		{"HEAD", "HEAD", long(nil), 0, "200 200 -"},
		{"304", "GET", webtest.Answer(304, ""), 0, "304 304 -"},
		{"constant body by WriterTo", "GET", func(*web.Request) *web.Response { return web.Text(404, "gone", "text/plain") }, -1, "404 404 4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := build(t, template)
			resp := f.Filter(webtest.NewNext(tt.answer)).Serve(context.Background(), webtest.Request(tt.method, "/v1/a"))
			if len(f.lines) != 0 {
				t.Error("the line was written before the body was closed")
			}
			if tt.read < 0 {
				_, _ = io.Copy(io.Discard, resp.Body)
			} else {
				_, _ = io.CopyN(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{resp.Body}, tt.read)
			}
			_ = resp.Body.Close()
			if got := status(t, f); got != tt.want {
				t.Errorf("line %q, want %q", got, tt.want)
			}
		})
	}
}

// refusing is a client that takes no more after n bytes.
type refusing struct{ n int }

func (r *refusing) Write(p []byte) (int, error) {
	if len(p) > r.n {
		return r.n, errors.New("connection reset")
	}
	r.n -= len(p)
	return len(p), nil
}

func (r *refusing) ReadFrom(src io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{r}, src)
}

func TestEndsOfFastBodies(t *testing.T) {
	diskError := swift.E("test", "", swift.Corrupt, errors.New("disk"))
	for _, tt := range []struct {
		name string
		room int
		err  error
		want string
	}{
		{"complete", 100, nil, "200 10"}, {"client leaves", 4, nil, "499 4"}, {"body fails", 100, diskError, "500 10"},
	} {
		for _, via := range []string{"Write", "ReadFrom"} {
			t.Run(tt.name+" by "+via, func(t *testing.T) {
				f := build(t, "log_msg_template = {status_int} {bytes_sent}")
				resp := f.Filter(webtest.NewNext(func(*web.Request) *web.Response {
					return &web.Response{
						Status: 200, Header: http.Header{}, ContentLength: -1,
						Body: fast{webtest.Body("0123456789", tt.err)},
					}
				})).Serve(context.Background(), webtest.Request("GET", "/"))
				var w io.Writer = &refusing{tt.room}
				if via == "Write" {
					w = struct{ io.Writer }{w}
				}
				_, _ = resp.Body.(io.WriterTo).WriteTo(w)
				_ = resp.Body.Close()
				if got := status(t, f); got != tt.want {
					t.Errorf("line %q, want %q", got, tt.want)
				}
			})
		}
	}
}

type fast struct{ io.ReadCloser }

func (f fast) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{f.ReadCloser})
}

func TestUploadBreaks(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"gone", swift.E("web.Read", "", swift.ClientGone, io.ErrUnexpectedEOF), "499 503 3"},
		{"slow", swift.E("web.Read", "", swift.Timeout, nil), "503 503 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := build(t, "log_msg_template = {status_int} {wire_status_int} {bytes_recvd}")
			req := webtest.Request("PUT", "/v1/a/c/o")
			req.Body = io.MultiReader(strings.NewReader("abc"), failing{tt.err})
			webtest.Do(f.Filter(webtest.NewNext(webtest.Answer(503, ""))), req)
			if got := status(t, f); got != tt.want {
				t.Errorf("line %q, want %q", got, tt.want)
			}
		})
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestPanicIsLogged(t *testing.T) {
	f := build(t, "log_msg_template = {status_int}")
	func() {
		defer func() { _ = recover() }()
		f.Filter(web.HandlerFunc(func(webtest.Context, *web.Request) *web.Response { panic("boom") })).
			Serve(context.Background(), webtest.Request("GET", "/"))
	}()
	if got := status(t, f); got != "500" {
		t.Errorf("line %q", got)
	}
}

// Twice in a pipeline, the outer instance logs the client's request and the
// inner one what filters between them ask for.
func TestTwice(t *testing.T) {
	f := build(t, "log_msg_template = {source} {path}")
	app := webtest.NewNext(webtest.Answer(200, "sub"), webtest.Answer(200, "main"))
	inner := f.Filter(app)
	between := web.HandlerFunc(func(c webtest.Context, req *web.Request) *web.Response {
		inner.Serve(c, req.Sub("GET", "/sub", "SLO")).Discard()
		return inner.Serve(c, req)
	})
	webtest.Do(f.Filter(between), webtest.Request("GET", "/main"))
	if got := strings.Join(f.lines, ","); got != "SLO /sub,- /main" {
		t.Errorf("lines %q", got)
	}
}

func TestTemplates(t *testing.T) {
	for _, tt := range []struct {
		name, options, want string
	}{
		{"names", "log_msg_template = {account}|{container}|{object}", "a|c|o/p"},
		{"braces", "log_msg_template = {{{method}}}", "{GET}"},
		{"times", "log_msg_template = {start_time.iso8601} {end_time.Y}-{end_time.b} {start_time.s}.{start_time.ms}", "2027-01-15T08:00:00 2027-Jan 1800000000.000"},
		{"anonymised", "log_msg_template = {account.anonymized}", "{MD5}0cc175b9c0f1b6a831c399e269772661"},
		{"anonymised with salt", "log_anonymization_salt = x\nlog_msg_template = {account.anonymized}", "{SMD5}" + "c8e5af04a4e5a9b1bd3d7d1b4ff9a1a1"},
		{"headers", "access_log_headers = yes\naccess_log_headers_only = x-one\nlog_msg_template = {headers}", "X-One:%201"},
		{"domain", "log_msg_template = {domain}", "host.example"},
		{"no secrets", "reveal_sensitive_prefix = 0\nlog_msg_template = {auth_token}", "..."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := build(t, tt.options)
			req := webtest.Request("GET", "/v1/a/c/o/p", "X-One", "1", "X-Two", "2", "X-Auth-Token", "secret")
			req.Host = "host.example:8080"
			webtest.Do(f.Filter(webtest.NewNext(webtest.Answer(200, ""))), req)
			got := status(t, f)
			if strings.HasPrefix(tt.want, "{SMD5}") {
				if len(got) != len(tt.want) || !strings.HasPrefix(got, "{SMD5}") {
					t.Errorf("line %q", got)
				}
				return
			}
			if got != tt.want {
				t.Errorf("line %q, want %q", got, tt.want)
			}
		})
	}
}

func TestBadOptions(t *testing.T) {
	for _, options := range []string{
		"log_msg_template = {nonsense}", "log_msg_template = {end_time.nonsense}", "log_msg_template = {method", "log_msg_template = a } b",
		"log_anonymization_method = rot13", "reveal_sensitive_prefix = many",
	} {
		file, err := config.Parse("[filter:x]\n"+options, "test.conf")
		if err != nil {
			t.Fatal(err)
		}
		_, err = proxylogging.New(&middleware.Env{Host: &host.Host{}}, file.Section("filter:x"))
		if err != nil || file.Err() == nil {
			t.Errorf("%s: accepted (%v)", options, err)
		}
	}
}

// Whatever a client writes around a secret, the log has no more than its
// beginning.
func TestSecrets(t *testing.T) {
	const secret = "0123456789abcdef0123456789"
	for _, query := range []string{
		"temp_url_sig=" + secret, "temp_url_sig=" + secret + ";x", "a=%zz&temp_url_sig=" + secret, "temp_url_sig=" + secret + "%",
		"temp%5Furl%5fsig=" + secret, "a=b&Signature=" + secret, "X-Amz-Signature=" + secret + "&temp_url_sig=" + secret, "temp_url_sig=x&temp_url_sig=" + secret,
	} {
		t.Run(query, func(t *testing.T) {
			f := build(t, "access_log_headers = yes\nlog_msg_template = {path} {headers} {auth_token}")
			req := webtest.Request("GET", "/v1/a/c/o?"+query, "X-Storage-Token", secret, "Authorization", "AWS x:"+secret, "X-Auth-Key", secret)
			webtest.Do(f.Filter(webtest.NewNext(webtest.Answer(200, ""))), req)
			if line := status(t, f); strings.Contains(line, "f012345") || !strings.Contains(line, "abcdef...") {
				t.Error(line)
			}
		})
	}
}

// A request without a body stays one for those behind.
func TestNoBodyStaysNone(t *testing.T) {
	f := build(t, "")
	var body web.Reader
	webtest.Do(f.Filter(web.HandlerFunc(func(_ webtest.Context, req *web.Request) *web.Response {
		body = req.Body
		return webtest.Response(200, "")
	})), webtest.Request("PUT", "/v1/a/c/o"))
	if body != web.Reader(http.NoBody) {
		t.Errorf("body is %T", body)
	}
}

// Without lines, requests are still counted; only GETs have a first byte.
func TestQuiet(t *testing.T) {
	f := buildAt(t, slog.LevelWarn, "")
	for _, method := range []string{"GET", "HEAD"} {
		webtest.Do(f.Filter(webtest.NewNext(webtest.Answer(200, ""))), webtest.Request(method, "/v1/a"))
	}
	if len(f.lines) != 0 || len(f.events) != 2 || f.events[0].FirstByte <= 0 || f.events[1].FirstByte != 0 {
		t.Errorf("%q %+v", f.lines, f.events)
	}
}

// What a request is about shows in its path, or in that of an inner request.
func TestSubjects(t *testing.T) {
	type subjects []event.Subject
	about := func(resource, account, container string) event.Subject {
		return event.Subject{Resource: resource, Account: account, Container: container}
	}
	for _, tt := range []struct {
		name, path string
		inner      []string // the paths of requests behind; with a source in front, of sub-requests
		want       subjects // of the inner ones that count, then of the client's
	}{
		{"object", "/v1/a/c/o", nil, subjects{about("object", "a", "c")}},
		{"account", "/v1/a", []string{"/v1/a"}, subjects{about("account", "a", "")}},
		{"nothing", "/info", nil, subjects{about("", "", "")}},
		{"account in the host's name", "/c/o", []string{"/v1/a/c/o"}, subjects{about("object", "a", "")}},
		{"sub-request", "/v1/a/c", []string{"SW /v1/a/c/index.html"}, subjects{about("object", "a", "c"), about("container", "a", "c")}},
		{"sub-request above", "/v1/a/c/o", []string{"AQ /v1/a"}, subjects{about("account", "a", "c"), about("object", "a", "c")}},
		{"sub-request of no resource", "/v1/a/c", []string{"X /y"}, subjects{about("X", "a", "c"), about("container", "a", "c")}},
		{"sub-request tells", "/o", []string{"SW /v1/a/c/o"}, subjects{about("object", "a", "c"), about("object", "a", "")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := build(t, "")
			inner := f.Filter(web.HandlerFunc(func(webtest.Context, *web.Request) *web.Response { return webtest.Response(200, "") }))
			webtest.Do(f.Filter(web.HandlerFunc(func(c webtest.Context, req *web.Request) *web.Response {
				for _, p := range tt.inner {
					if source, path, ok := strings.Cut(p, " "); ok {
						inner.Serve(c, req.Sub("GET", path, source)).Discard()
						continue
					}
					req.Path = p
					return inner.Serve(c, req)
				}
				return webtest.Response(200, "")
			})), webtest.Request("GET", tt.path))
			var got subjects
			for _, e := range f.events {
				got = append(got, e.Subject)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

// Bodies are reported while they are under way, to whom it concerns.
func TestTransfers(t *testing.T) {
	type step struct {
		bytes int
		after time.Duration
	}
	steps := []step{{3, 0}, {4, time.Second}, {5, 2 * time.Second}, {6, 0}}
	for _, tt := range []struct {
		name, options, path string
		want                []int64 // of each direction
	}{
		{"by default", "", "/v1/a/c/o", nil},
		{"negative", "statsd_emit_buffer_xfer_bytes_seconds = -5", "/v1/a/c/o", nil},
		{"each piece", "statsd_emit_buffer_xfer_bytes_seconds = 0", "/v1/a/c/o", []int64{3, 4, 5, 6}},
		{"now and then", "statsd_emit_buffer_xfer_bytes_seconds = 2", "/v1/a/c/o", []int64{12, 6}},
		{"at the end", "statsd_emit_buffer_xfer_bytes_seconds = 60", "/v1/a/c/o", []int64{18}},
		{"of nobody", "statsd_emit_buffer_xfer_bytes_seconds = 0", "/info", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := build(t, tt.options)
				flowing := func() io.Reader {
					left := steps
					return readerFunc(func(p []byte) (int, error) {
						if len(left) == 0 {
							return 0, io.EOF
						}
						s := left[0]
						left = left[1:]
						time.Sleep(s.after)
						return s.bytes, nil
					})
				}
				next := web.HandlerFunc(func(_ webtest.Context, req *web.Request) *web.Response {
					for range steps { // all of it, but not its end
						_, _ = req.Body.Read(make([]byte, 10))
					}
					return &web.Response{
						Status: 201, Header: http.Header{"X-Backend-Storage-Policy-Index": {"1"}},
						Body: fast{io.NopCloser(flowing())}, ContentLength: 18,
					}
				})
				req := webtest.Request("PUT", tt.path)
				req.Body = flowing()
				resp := f.Filter(next).Serve(context.Background(), req)
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				var want []event.Transfer
				about := event.Subject{Resource: "object", Account: "a", Container: "c"}
				for _, n := range tt.want {
					want = append(want, event.Transfer{Method: "PUT", Subject: about, In: true, Bytes: n})
				}
				for _, n := range tt.want {
					want = append(want, event.Transfer{Method: "PUT", Subject: about, Bytes: n, Status: 201, Policy: "1"})
				}
				// What is left of the request's body is told at the end of all.
				slices.SortStableFunc(f.transfers, func(a, b event.Transfer) int { return a.Status - b.Status })
				if !slices.Equal(f.transfers, want) {
					t.Errorf("%+v\nwant %+v", f.transfers, want)
				}
				if e := f.events[0]; e.BytesIn != 18 || e.BytesOut != 18 || e.Status != 201 {
					t.Errorf("%+v", e)
				}
			})
		})
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
