// Package api holds the conformance cases for the Swift API: each is a
// black-box exchange with a stated expectation, and stands alone. A case makes
// what it needs under names of its own and removes it afterwards.
package api

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"sort"
	"strings"
	"time"

	"github.com/gavv/httpexpect/v2"

	"apus/conformance/target"
)

// Case is one expectation of the API.
type Case struct {
	ID       string // unique, "object-put-etag-mismatch"
	Verb     string
	Resource string // "account", "container", "object", "endpoint"
	Feature  string // row of the coverage table
	Want     string // the expectation in words
	run      func(*Env)
}

// Verdict is how a case ended.
type Verdict string

// Verdicts.
const (
	Passed  Verdict = "passed"
	Failed  Verdict = "failed"
	Skipped Verdict = "skipped" // the endpoint says in /info that it lacks the feature
)

// Result is one case's run.
type Result struct {
	Case    Case          `json:"-"`
	ID      string        `json:"id"`
	Verdict Verdict       `json:"verdict"`
	Message string        `json:"message,omitempty"`
	Took    time.Duration `json:"took_ns"`
}

// Cases lists all cases by ID.
func Cases() []Case {
	var all []Case
	for _, group := range [][]Case{
		endpointCases(), infoCases(), protocolCases(), gatekeeperCases(), filterCases(), corsCases(),
		accountCases(), accountListCases(), accountManagementCases(), accountACLCases(),
		containerCases(), containerListCases(), listingMoreCases(), formatCases(), policyCases(),
		objectCases(), objectMetaCases(), objectMoreCases(), conditionCases(), rangeCases(), nameCases(), expiryCases(), limitCases(),
		copyCases(), aclCases(), aclUserCases(), quotaCases(), sloCases(), sloGetCases(), sloMoreCases(), dloCases(), symlinkCases(),
		legacyVersionCases(), objectVersionCases(), bulkCases(), tempURLCases(), formCases(), staticWebCases(),
	} {
		all = append(all, group...)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].ID < all[j].ID })
	return all
}

// Env is what a case works with: an account, and a user's token for it. A
// failed expectation ends the case.
type Env struct {
	ctx    context.Context
	t      *target.Target
	info   map[string]any
	prefix string // of the names of what the case makes
	base   string // encoded path of the account
	token  string
	shared *shared
}

// shared is what the Envs of one case have in common.
type shared struct {
	expect  *httpexpect.Expect
	serial  int
	cleanup []func()
}

// stop is panicked to end a case.
type stop struct {
	verdict Verdict
	message string
}

// Run runs one case against t. Run distinguishes the names of concurrent and
// repeated runs on one endpoint.
func (c Case) Run(ctx context.Context, t *target.Target, info map[string]any, run string) (res Result) {
	started := time.Now()
	res = Result{Case: c, ID: c.ID, Verdict: Passed}
	e := &Env{ctx: ctx, t: t, info: info, prefix: "conform-" + run + "-" + c.ID,
		base: t.Owner.Storage.EscapedPath(), token: t.Owner.Token, shared: &shared{}}
	e.shared.expect = expect(ctx, t, c.ID)
	defer func() {
		res.Took = time.Since(started)
	}()
	if s := e.guard(func() { c.run(e) }); s != nil {
		res.Verdict, res.Message = s.verdict, s.message
	}
	// A run that is ended leaves nothing behind either.
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupLimit)
	defer cancel()
	e.shared.expect = expect(limited, t, c.ID)
	for i := len(e.shared.cleanup) - 1; i >= 0; i-- {
		e.guard(e.shared.cleanup[i]) // what is left behind has names of its own
	}
	return res
}

// cleanupLimit bounds the removal of what one case made.
const cleanupLimit = time.Minute

// expect sends requests until ctx ends, and ends the case when what comes is
// not what was expected.
func expect(ctx context.Context, t *target.Target, name string) *httpexpect.Expect {
	return httpexpect.WithConfig(httpexpect.Config{
		BaseURL: t.Root(), Client: whole{t.Client}, Context: ctx, TestName: name,
		Reporter: httpexpect.ReporterFunc(func(message string, args ...any) {
			panic(stop{Failed, strings.TrimSpace(fmt.Sprintf(message, args...))})
		}),
	})
}

// guard turns the panics of fn into a stop.
func (e *Env) guard(fn func()) (s *stop) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case stop:
			s = &p
		default:
			s = &stop{Failed, fmt.Sprintf("the case itself broke: %v\n%s", p, debug.Stack())}
		}
	}()
	fn()
	return nil
}

// Failf ends the case as failed.
func (e *Env) Failf(format string, args ...any) {
	panic(stop{Failed, fmt.Sprintf(format, args...)})
}

// Skip ends the case as one that the endpoint cannot be judged by.
func (e *Env) Skip(format string, args ...any) {
	panic(stop{Skipped, fmt.Sprintf(format, args...)})
}

// Need skips the case unless /info has the section.
func (e *Env) Need(section string) {
	if _, ok := e.info[section]; !ok {
		e.Skip("/info has no %s", section)
	}
}

// setting is a value of a section of /info, nil if it has none.
func (e *Env) setting(section, name string) any {
	s, _ := e.info[section].(map[string]any)
	return s[name]
}

// NeedTrue skips the case unless /info says that a setting is true.
func (e *Env) NeedTrue(section, name string) {
	if e.setting(section, name) != true {
		e.Skip("/info does not say that %s.%s is true", section, name)
	}
}

// since skips the case for an endpoint that says in /info that it is an older
// Swift than 2.minor, with which came what the case judges.
func (e *Env) since(minor int) {
	version, _ := e.setting("swift", "version").(string)
	var major, have int
	if n, _ := fmt.Sscanf(version, "%d.%d", &major, &have); n == 2 && major <= 2 && (major < 2 || have < minor) {
		e.Skip("the endpoint says that it is Swift %s, and this came with 2.%d", version, minor)
	}
}

// limit is a number of the swift section of /info.
func (e *Env) limit(name string, def int) int { return e.number("swift", name, def) }

// number is a number of a section of /info.
func (e *Env) number(section, name string, def int) int {
	if v, ok := e.setting(section, name).(float64); ok {
		return int(v)
	}
	return def
}

// option changes a request.
type option func(*httpexpect.Request)

// hdr sets a header, in place of the token if it is that.
func hdr(k, v string) option {
	return func(r *httpexpect.Request) {
		r.WithTransformer(func(h *http.Request) { h.Header.Set(k, v) })
	}
}

// query sets the query string.
func query(q string) option { return func(r *httpexpect.Request) { r.WithQueryString(q) } }

// body sends bytes with their Content-Length.
func body(b string) option { return func(r *httpexpect.Request) { r.WithBytes([]byte(b)) } }

// chunked sends bytes without a Content-Length.
func chunked(b string) option {
	return func(r *httpexpect.Request) { r.WithChunked(strings.NewReader(b)) }
}

// anonymous sends no token.
func anonymous() option {
	return func(r *httpexpect.Request) {
		r.WithTransformer(func(h *http.Request) { h.Header.Del("X-Auth-Token") })
	}
}

// do sends a request for a decoded path below the account; "" is the account.
func (e *Env) do(method, path string, opts ...option) *httpexpect.Response {
	return e.raw(method, e.path(path), opts...)
}

// path encodes a decoded path below the account.
func (e *Env) path(path string) string {
	if path == "" {
		return e.base
	}
	return e.base + "/" + target.Escape(path)
}

// raw sends a request for an encoded path of the endpoint.
func (e *Env) raw(method, path string, opts ...option) *httpexpect.Response {
	r := e.shared.expect.Request(method, "/").WithHeader("X-Auth-Token", e.token)
	r.WithTransformer(func(h *http.Request) {
		q := h.URL.RawQuery
		if u, err := url.ParseRequestURI(path); err == nil {
			h.URL.Path, h.URL.RawPath = u.Path, u.RawPath
		} else {
			h.URL.Opaque = "//" + h.URL.Host + path
		}
		h.URL.RawQuery = q
	})
	for _, o := range opts {
		o(r)
	}
	return r.Expect()
}

// name is a new name for a container.
func (e *Env) name() string {
	e.shared.serial++
	name := fmt.Sprintf("%s-%d", e.prefix, e.shared.serial)
	if most := e.limit("max_container_name_length", 256); len(name) > most {
		name = name[len(name)-most:]
	}
	return name
}

// container makes a container, removed with its objects when the case ends.
func (e *Env) container(opts ...option) string {
	name := e.name()
	e.do("PUT", name, opts...).Status(http.StatusCreated)
	e.removeLater(name)
	return name
}

// later runs fn when the case ends, after what is registered later still.
func (e *Env) later(fn func()) { e.shared.cleanup = append(e.shared.cleanup, fn) }

// removeLater empties and deletes a container when the case ends.
func (e *Env) removeLater(name string) {
	e.later(func() {
		for range 3 { // a listing may lag behind
			listing := e.do("GET", name, query("format=json")).Raw()
			for _, o := range decodeListing(listing) {
				e.do("DELETE", name+"/"+o.Name)
			}
			if code := e.do("DELETE", name).Raw().StatusCode; code == 204 || code == 404 {
				return
			}
			select {
			case <-time.After(time.Second):
			case <-e.ctx.Done():
				return
			}
		}
	})
}

// put stores an object and returns its path.
func (e *Env) put(container, object, content string, opts ...option) string {
	p := container + "/" + object
	if chars, _ := e.setting("name_check", "forbidden_chars").(string); strings.ContainsAny(object, chars) {
		e.Skip("/info forbids one of %s in names", chars)
	}
	if most := e.number("name_check", "maximum_length", len(e.path(p))); len(e.base)+1+len(p) > most {
		e.Skip("/info allows paths of %d bytes", most)
	}
	if expr, _ := e.setting("name_check", "forbidden_regexp").(string); expr != "" && strings.Contains(p+"/", "/../") {
		e.Skip("/info forbids names like %s", expr)
	}
	e.do("PUT", p, append([]option{body(content)}, opts...)...).Status(http.StatusCreated)
	return p
}

// object stores content in a container of its own.
func (e *Env) object(content string, opts ...option) string {
	return e.put(e.container(), "object", content, opts...)
}

// now is the time by the endpoint's clock, which decides what is in the past.
func (e *Env) now() time.Time {
	date := e.do("HEAD", "").Raw().Header.Get("Date")
	t, err := http.ParseTime(date)
	if err != nil {
		e.Failf("the Date of an answer is %q", date)
	}
	return t
}

func etag(content string) string {
	sum := md5.Sum([]byte(content))
	return hex.EncodeToString(sum[:])
}

// eventually repeats check until it is true, for listings, which may lag.
func (e *Env) eventually(what string, check func() bool) {
	for range 40 {
		if check() {
			return
		}
		select {
		case <-time.After(250 * time.Millisecond):
		case <-e.ctx.Done():
			e.Failf("%s: %v", what, e.ctx.Err())
		}
	}
	e.Failf("not within 10 seconds: %s", what)
}

// response is an answer under judgement.
type response = httpexpect.Response

// httpRequest is a request in the making.
type httpRequest = httpexpect.Request
