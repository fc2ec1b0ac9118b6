package formpost

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"apus/impl/host"
	"apus/impl/swift"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

const (
	now      = 1_800_000_000
	boundary = "----WebKitFormBoundaryNcxTqxSlX7t4TDkR"
)

// form is a form in the making: attributes and files as a browser writes them.
type form struct {
	path, redirect, size, count, expires string
	digest                               func() hash.Hash
	signature                            string // instead of the right one
	extra                                []string
	files                                []string
	noEnd                                bool
}

func newForm() *form {
	return &form{
		path: "/v1/AUTH_a/c", size: "1024", count: "10", expires: fmt.Sprint(now + 10), digest: sha256.New,
		files: []string{file("one.txt", "Test\r\nOne\n", "Content-Type: text/plain"), file("two", "Two", "")},
	}
}

func field(name, value string) string {
	return "Content-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value
}

func file(name, content, header string) string {
	if header != "" {
		header += "\r\n"
	}
	return "Content-Disposition: form-data; name=\"file\"; filename=\"" + name + "\"\r\n" + header + "\r\n" + content
}

func (f *form) mac() []byte {
	m := hmac.New(f.digest, []byte("key"))
	fmt.Fprintf(m, "%s\n%s\n%s\n%s\n%s", f.path, f.redirect, f.size, f.count, f.expires)
	return m.Sum(nil)
}

func (f *form) body() string {
	signature := f.signature
	if signature == "" {
		signature = hex.EncodeToString(f.mac())
	}
	all := []string{
		field("redirect", f.redirect), field("max_file_size", f.size), field("max_file_count", f.count),
		field("expires", f.expires), field("signature", signature),
	}
	all = append(append(all, f.extra...), f.files...)
	var b strings.Builder
	for _, p := range all {
		b.WriteString("--" + boundary + "\r\n" + p + "\r\n")
	}
	if !f.noEnd {
		b.WriteString("--" + boundary + "--\r\n")
	}
	return b.String()
}

func (f *form) request() *web.Request {
	req := webtest.Request("POST", f.path+"?q=1", "Content-Type", "multipart/form-data; boundary="+boundary, "User-Agent", "Moz")
	req.Body = strings.NewReader(f.body())
	return req
}

// send gives the form to the filter around a proxy that has the key and plays
// answers to the uploads.
func (f *form) send(t *testing.T, options string, answers ...func(*web.Request) *web.Response) (webtest.Result, []*web.Request, []string) {
	t.Helper()
	return f.sendRequest(t, options, f.request(), answers...)
}

func (f *form) sendRequest(t *testing.T, options string, req *web.Request, answers ...func(*web.Request) *web.Response) (webtest.Result, []*web.Request, []string) {
	t.Helper()
	webtest.TrackBodies(t)
	script := append([]func(*web.Request) *web.Response{
		webtest.Answer(204, ""), webtest.Answer(204, "", "X-Container-Meta-Temp-Url-Key", "key"),
	}, answers...)
	next := webtest.NewNext(script...)
	build, _ := webtest.Filter(t, New, &host.Host{Clock: webtest.NewClock(now)}, options, nil)
	got := webtest.Do(build(next), req)
	all, bodies := next.Requests(), next.Bodies()
	lookups := min(2, len(all)) // of keys
	return got, all[lookups:], bodies[lookups:]
}

func created(*web.Request) *web.Response { return webtest.Response(201, "") }

func TestUpload(t *testing.T) {
	got, puts, bodies := newForm().send(t, "", created, created)
	if got.Status != 201 || got.Body != "201 Created" || got.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("%+v", got)
	}
	if want := []string{"Test\r\nOne\n", "Two"}; !reflect.DeepEqual(bodies, want) {
		t.Errorf("%q", bodies)
	}
	for i, want := range []struct{ path, kind string }{{"/v1/AUTH_a/c/one.txt", "text/plain"}, {"/v1/AUTH_a/c/two", ""}} {
		p := puts[i]
		if p.Method != "PUT" || p.Path != want.path || p.Header.Get("Content-Type") != want.kind || p.Source != "FP" ||
			p.RawQuery != "" || p.ContentLength != -1 || p.Header.Get("User-Agent") != "Moz FormPost" || !p.AuthorizeOverride {
			t.Errorf("%+v", p)
		}
	}
}

// A key of the container opens no other one, whatever filters behind do.
func TestScope(t *testing.T) {
	_, puts, _ := newForm().send(t, "", created, created)
	for path, allowed := range map[string]bool{"/v1/AUTH_a/c/x": true, "/v1/AUTH_a/d/x": false, "/v1/AUTH_b/c/x": false} {
		resp := puts[0].Authorize(t.Context(), webtest.Request("PUT", path))
		if (resp == nil) != allowed {
			t.Errorf("%s: %+v", path, resp)
		}
	}
}

func TestAnswers(t *testing.T) {
	refused := webtest.Answer(413, "Upload exceeds quota.")
	for _, c := range []struct {
		name     string
		change   func(*form)
		answer   func(*web.Request) *web.Response
		status   int
		body     string
		location string
	}{
		{"expired", func(f *form) { f.expires = fmt.Sprint(now - 1) }, created, 401, "FormPost: Form Expired", ""},
		{"expires now", func(f *form) { f.expires = fmt.Sprint(now) }, created, 201, "201 Created", ""},
		{"expires is no number", func(f *form) { f.expires = "soon" }, created, 400, "FormPost: expired not an integer", ""},
		{"signed otherwise", func(f *form) { f.signature = strings.Repeat("0", 64) }, created, 401, "FormPost: Invalid Signature", ""},
		{"no signature", func(f *form) { f.signature = "x" }, created, 401, "FormPost: Invalid Signature", ""},
		{"base64", func(f *form) { f.signature = "sha256:" + base64.StdEncoding.EncodeToString(f.mac()) }, created, 201, "201 Created", ""},
		{"sha1", func(f *form) { f.digest = sha1.New }, created, 201, "201 Created", ""},
		{"sha512", func(f *form) { f.digest = sha512.New }, created, 201, "201 Created", ""},
		{"no key for the path", func(f *form) { f.path = "/v2/AUTH_a/c" }, created, 401, "FormPost: Invalid Signature", ""},
		{"no files", func(f *form) { f.files = nil }, created, 400, "400 Bad Request\r\nFormPost: No Files To Process", ""},
		{"no file chosen", func(f *form) { f.files = []string{file("", "", "")} }, created, 400,
			"400 Bad Request\r\nFormPost: No Files To Process", ""},
		{"too many files", func(f *form) { f.count = "1" }, created, 400, "400 Bad Request\r\nFormPost: Max File Count Exceeded", ""},
		{"count is no number", func(f *form) { f.count = "x" }, created, 400, "FormPost: max_file_count not an integer", ""},
		{"size is no number", func(f *form) { f.size = "x" }, created, 400, "FormPost: max_file_size not an integer", ""},
		{"too large", func(f *form) { f.size = "9" }, created, 400, "FormPost: max_file_size exceeded", ""},
		{"just not too large", func(f *form) { f.size = "10" }, created, 201, "201 Created", ""},
		{"refused", nil, refused, 413, "Upload exceeds quota.", ""},
		{"refused without words", nil, webtest.Answer(503, ""), 503, "503 Service Unavailable", ""},
		{"delete at", func(f *form) { f.extra = []string{field("x_delete_at", "x")} }, created, 400,
			"FormPost: x_delete_at not an integer: Unix timestamp required.", ""},
		{"delete after", func(f *form) { f.extra = []string{field("X_delete_after", "")} }, created, 400,
			"FormPost: x_delete_after not an integer: Number of seconds required.", ""},
		{"redirect", func(f *form) { f.redirect = "http://r/" }, created, 303,
			`<html><body><p><a href="http://r/?status=201&message=">Click to continue...</a></p></body></html>`,
			"http://r/?status=201&message="},
		{"redirect with query", func(f *form) { f.redirect, f.count = "http://r/?a=b", "1" }, created, 303, "",
			"http://r/?a=b&status=400&message=max%20file%20count%20exceeded"},
		{"redirect after refusal", func(f *form) { f.redirect = "http://r/" }, refused, 303, "", "http://r/?status=413&message="},
		{"no end", func(f *form) { f.noEnd = true }, created, 201, "201 Created", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newForm()
			if c.change != nil {
				c.change(f)
			}
			got, _, _ := f.send(t, "", c.answer, c.answer)
			if got.Status != c.status || got.Header.Get("Location") != c.location || c.body != "" && got.Body != c.body {
				t.Errorf("%d %q %q", got.Status, got.Body, got.Header.Get("Location"))
			}
			if got.Status == 401 && got.Header.Get("Www-Authenticate") != `Swift realm="unknown"` {
				t.Errorf("%v", got.Header)
			}
		})
	}
}

func TestFailureEndsUpload(t *testing.T) {
	_, puts, _ := newForm().send(t, "", webtest.Answer(404, ""))
	if len(puts) != 1 {
		t.Errorf("%d uploads after one was refused", len(puts))
	}
}

func TestObjectHeaders(t *testing.T) {
	f := newForm()
	f.path = "/v1/AUTH_a/c/pre_"
	f.extra = []string{field("x_delete_at", " 1900000000 "), field("x_delete_after", "60")}
	f.files = []string{file("a b\"c", "x", "Content-Type: a/b\r\nContent-Encoding: gzip"), file("d", "y", "Content-Type:")}
	_, puts, _ := f.send(t, "", created, created)
	h := puts[0].Header
	if puts[0].Path != "/v1/AUTH_a/c/pre_a b\"c" || h.Get("Content-Type") != "a/b" || h.Get("Content-Encoding") != "gzip" ||
		h.Get("X-Delete-At") != "1900000000" || h.Get("X-Delete-After") != "60" {
		t.Errorf("%+v", puts[0])
	}
	if h := puts[1].Header; h.Get("Content-Type") != "application/octet-stream" || h["Content-Encoding"] != nil {
		t.Errorf("%+v", h)
	}
	f.extra = []string{field("Content-Type", "c/d"), field("content-encoding", "br")}
	_, puts, _ = f.send2(t)
	if h := puts[0].Header; h.Get("Content-Type") != "c/d" || h.Get("Content-Encoding") != "br" {
		t.Errorf("%+v", h)
	}
}

// send2 is send once more in a test whose bodies are tracked already.
func (f *form) send2(t *testing.T) (webtest.Result, []*web.Request, []string) {
	t.Helper()
	next := webtest.NewNext(webtest.Answer(204, "", "X-Account-Meta-Temp-Url-Key-2", "key"), webtest.Answer(204, ""), created, created)
	build, _ := webtest.Filter(t, New, &host.Host{Clock: webtest.NewClock(now)}, "", nil)
	got := webtest.Do(build(next), f.request())
	return got, next.Requests()[2:], next.Bodies()[2:]
}

func TestCORS(t *testing.T) {
	f := newForm()
	f.redirect = "http://r/"
	req := f.request()
	req.Header.Set("Origin", "http://site")
	answer := webtest.Answer(201, "", "Access-Control-Allow-Origin", "http://site", "X-Other", "y")
	got, puts, _ := f.sendRequest(t, "", req, answer, answer)
	if got.Header.Get("Access-Control-Allow-Origin") != "http://site" || got.Header["X-Other"] != nil || puts[0].Header.Get("Origin") != "http://site" {
		t.Errorf("%+v", got)
	}
}

// Whatever the size of the pieces, the parts come out the same; and a client
// who leaves stores nothing more.
func TestPieces(t *testing.T) {
	f := newForm()
	big := strings.Repeat("\r\n--"+boundary[:len(boundary)-1]+"x\r", 3000)
	f.size = "1000000"
	f.files = []string{file("big", big, "")}
	req := f.request()
	req.Body = iotest.OneByteReader(req.Body)
	_, _, bodies := f.sendRequest(t, "", req, created)
	if bodies[0] != big {
		t.Errorf("%d bytes of %d", len(bodies[0]), len(big))
	}
}

func TestClientGone(t *testing.T) {
	f := newForm()
	f.files[1] = file("two", strings.Repeat("Two", 100), "")
	text := f.body()
	gone := swift.E("test", "", swift.ClientGone, io.ErrUnexpectedEOF)
	req := f.request()
	req.Body = io.MultiReader(strings.NewReader(text[:strings.LastIndex(text, "Two")]), iotest.ErrReader(gone))
	got, puts, _ := f.sendRequest(t, "", req, created, func(r *web.Request) *web.Response {
		if _, err := r.Body.Read(make([]byte, 1)); err == nil {
			t.Error("the second file looks whole")
		}
		return webtest.Response(499, "gone")
	})
	if got.Status != 499 || len(puts) != 2 {
		t.Errorf("%+v", got)
	}
}

func TestNoForm(t *testing.T) {
	webtest.TrackBodies(t)
	next := webtest.NewNext(webtest.Answer(202, ""), webtest.Answer(202, ""), webtest.Answer(202, ""))
	build, env := webtest.Filter(t, New, &host.Host{Clock: webtest.NewClock(now)}, "allowed_digests = sha256", nil)
	for _, req := range []*web.Request{
		webtest.Request("POST", "/v1/a/c", "Content-Type", "multipart/form-data"),
		webtest.Request("POST", "/v1/a/c", "Content-Type", "text/plain; boundary=x"),
		webtest.Request("PUT", "/v1/a/c/o", "Content-Type", "multipart/form-data; boundary=x"),
	} {
		if got := webtest.Do(build(next), req); got.Status != 202 {
			t.Errorf("%s %+v", req.Method, got)
		}
	}
	want := map[string]any{"allowed_digests": []string{"sha256"}}
	if got := env.Info.Public()["formpost"]; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestMalformed(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"start":         {"xx" + newForm().body(), "FormPost: invalid starting boundary"},
		"empty":         {"", "FormPost: invalid starting boundary"},
		"header line":   {"--" + boundary + "\r\nX: " + strings.Repeat("y", 1<<20), "FormPost: the header of a part is too long"},
		"header":        {"--" + boundary + "\r\n" + strings.Repeat("X: y\r\n", 100), "FormPost: the header of a part is too long"},
		"blank lines":   {"\r\n\r\n--" + boundary + "\r\n" + field("a", "b"), "400 Bad Request\r\nFormPost: No Files To Process"},
		"no attributes": {"--" + boundary + "\r\n" + file("x", "y", ""), "400 Bad Request\r\nFormPost: Max File Count Exceeded"},
		"attributes":    {strings.Repeat("--"+boundary+"\r\n", 1) + manyFields(maxAttributes+1), "FormPost: too many attributes"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newForm()
			req := f.request()
			req.Body = strings.NewReader(c.body)
			got, _, _ := f.sendRequest(t, "", req)
			if got.Status != http.StatusBadRequest || got.Body != c.want {
				t.Errorf("%+v", got)
			}
		})
	}
}

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(field(fmt.Sprint("n", i), "v") + "\r\n--" + boundary + "\r\n")
	}
	return b.String()
}

func TestValues(t *testing.T) {
	long := strings.Repeat("v", 5000)
	a := attributes{}
	p, err := newParts(strings.NewReader("--b\r\n"+field("Long", long)+"\r\n--b\r\n"+field("end", "x-\r\n-")+"\r\n--b--"), "b")
	if err != nil {
		t.Fatal(err)
	}
	for {
		part, err := p.next()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = a.read(part)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if a["long"] != long[:maxValue] || a["end"] != "x" {
		t.Errorf("%d %q", len(a["long"]), a["end"])
	}
}

func TestParseParams(t *testing.T) {
	for _, c := range []struct {
		value, kind string
		params      map[string]string
	}{
		{"form-data", "form-data", map[string]string{}},
		{`form-data; name="a"; filename="b c.txt"`, "form-data", map[string]string{"name": "a", "filename": "b c.txt"}},
		{`form-data;name=a;filename=b`, "form-data", map[string]string{"name": "a", "filename": "b"}},
		{`form-data; filename="a"b"`, "form-data", map[string]string{"filename": `a"b`}},
		{`form-data; ; name="a"`, "form-data", map[string]string{}},
		{`multipart/form-data; boundary=--x`, "multipart/form-data", map[string]string{"boundary": "--x"}},
	} {
		kind, params := parseParams(c.value)
		if kind != c.kind || !reflect.DeepEqual(params, c.params) {
			t.Errorf("%q: %q %v", c.value, kind, params)
		}
	}
}
