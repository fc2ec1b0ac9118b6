package api

import (
	"net/http"
	"strings"
)

func protocolCases() []Case {
	return append(append(protocolHeadCases(), protocolBodyCases()...), earlyEndCases()...)
}

func protocolHeadCases() []Case {
	const feature = "protocol"
	return []Case{
		{"protocol-pipelining", "GET", "object", feature, "requests that are sent at once are answered in order", func(e *Env) {
			c := e.container()
			a, b := e.put(c, "a", "first"), e.put(c, "b", "second")
			w := e.dial()
			w.send(w.request("GET", a) + "\n" + w.request("GET", b) + "\n" + w.request("HEAD", a) + "\n")
			for _, want := range []string{"first", "second"} {
				if _, text := w.want("GET", 200); text != want {
					e.Failf("the answer is %q, want %q", text, want)
				}
			}
			w.want("HEAD", 200)
		}},
		{"protocol-pipelined-put", "PUT", "object", feature, "a PUT and a GET behind it on one connection", func(e *Env) {
			c := e.container()
			w := e.dial()
			w.send(w.request("PUT", c+"/o", "Content-Length: 7") + "\ncontent" + w.request("GET", c+"/o") + "\n")
			w.want("PUT", 201)
			if _, text := w.want("GET", 200); text != "content" {
				e.Failf("the answer is %q, want content", text)
			}
		}},
		{"protocol-keep-alive", "GET", "object", feature, "errors without a body to read keep the connection", func(e *Env) {
			c := e.container()
			w := e.dial()
			w.send(w.request("GET", c+"/absent") + "\n")
			w.want("GET", 404)
			w.send(w.request("HEAD", c) + "\n")
			w.want("HEAD", 204)
		}},
		{"protocol-close", "GET", "object", feature, "Connection: close ends the connection after the answer", func(e *Env) {
			w := e.dial()
			w.send(w.request("GET", e.object("x"), "Connection: close") + "\n")
			w.want("GET", 200)
			w.ended()
		}},
		{"protocol-http-1-0", "GET", "object", feature, "HTTP/1.0 is answered and the connection ends", func(e *Env) {
			w := e.dial()
			head := strings.Replace(w.request("GET", e.object("old")), "HTTP/1.1", "HTTP/1.0", 1)
			w.send(head + "\n")
			if _, text := w.want("GET", 200); text != "old" {
				e.Failf("the answer is %q, want old", text)
			}
			w.ended()
		}},
		{"protocol-absolute-uri", "GET", "object", feature, "a request for a whole URL is served", func(e *Env) {
			p := e.object("x")
			w := e.dial()
			head := strings.Replace(w.request("GET", p), "GET /", "GET http://"+e.t.Owner.Storage.Host+"/", 1)
			w.send(head + "\n")
			w.want("GET", 200, 400, 404, 412)
			e.alive()
		}},
		{"protocol-long-line", "GET", "endpoint", feature, "a request line beyond all measure is refused", func(e *Env) {
			w := e.dial()
			_ = w.try(w.request("GET", strings.Repeat("x", 100_000)) + "\n")
			e.refused(w, "GET", 400, 414, 431)
		}},
		{"protocol-long-header", "GET", "endpoint", feature, "a header beyond all measure is refused", func(e *Env) {
			w := e.dial()
			_ = w.try(w.request("GET", "", "X-Long: "+strings.Repeat("x", 4<<20)) + "\n")
			e.refused(w, "GET", 400, 431, 413)
		}},
		{"protocol-many-headers", "GET", "endpoint", feature, "thousands of headers do no harm", func(e *Env) {
			w := e.dial()
			_ = w.try(w.request("GET", "", strings.Repeat("X-Many: x\n", 5000)+"X-Last: x") + "\n")
			e.refused(w, "GET", 200, 204, 400, 431)
		}},
		{"protocol-nonsense", "GET", "endpoint", feature, "what is no HTTP is refused", func(e *Env) {
			w := e.dial()
			w.send("HELLO THERE, HOW ARE YOU\n\n")
			e.refused(w, "GET", 400, 405, 412, 505)
		}},
		{"protocol-nul", "GET", "endpoint", feature, "NUL bytes instead of a request are refused", func(e *Env) {
			w := e.dial()
			w.send(strings.Repeat("\x00", 1000) + "\n\n")
			e.refused(w, "GET", 400, 414)
		}},
		{"protocol-space-in-path", "GET", "endpoint", feature, "a space within the path is refused", func(e *Env) {
			w := e.dial()
			w.send("GET /info asdf HTTP/1.1\nHost: " + e.t.Owner.Storage.Host + "\n\n")
			e.refused(w, "GET", 400, 412)
		}},
		{"protocol-header-space", "GET", "endpoint", feature, "a header with a space before its colon does no harm", func(e *Env) {
			w := e.dial()
			w.send(w.request("GET", "", "X-Odd : value") + "\n")
			e.refused(w, "GET", 200, 204, 400)
		}},
		{"protocol-newline-injection", "PUT", "object", feature, "a percent-encoded line end in a name adds no header to answers", func(e *Env) {
			c := e.container()
			p := e.put(c, "a\r\nX-Injected: yes", "x")
			for _, r := range []*response{e.do("GET", p), e.do("COPY", p, hdr("Destination", c+"/copy")), e.do("GET", c)} {
				r.StatusRange(200)
				r.Header("X-Injected").IsEmpty()
			}
		}},
		{"protocol-duplicate-slash", "GET", "endpoint", feature, "empty parts of a path are not skipped", func(e *Env) {
			e.since(33)
			status(e.raw("GET", "/v1//"+e.accountName()), 404, 412)
			status(e.raw("GET", e.base+"//object"), 404, 412)
		}},
		{"protocol-version-prefix", "GET", "account", feature, "/v1.0 is /v1", func(e *Env) {
			e.raw("HEAD", strings.Replace(e.base, "/v1/", "/v1.0/", 1)).Status(204)
		}},
		{"protocol-head-no-body", "HEAD", "object", feature, "no answer to HEAD has a body", func(e *Env) {
			p := e.object("content")
			w := e.dial()
			w.send(w.request("HEAD", p) + "\n" + w.request("HEAD", p+"-absent") + "\n" + w.request("HEAD", p, "Range: bytes=1-2") + "\n" +
				w.request("HEAD", p, "If-Match: x") + "\n" + w.request("GET", p) + "\n")
			w.want("HEAD", 200)
			w.want("HEAD", 404)
			w.want("HEAD", 200, 206)
			w.want("HEAD", 412)
			w.want("GET", 200)
		}},
		{"protocol-304-no-body", "GET", "object", feature, "304 has no body: the next answer follows at once", func(e *Env) {
			p := e.object("content")
			w := e.dial()
			w.send(w.request("GET", p, "If-None-Match: *") + "\n" + w.request("GET", p) + "\n")
			w.want("GET", 304)
			if _, text := w.want("GET", 200); text != "content" {
				e.Failf("after 304 comes %q, want content", text)
			}
		}},
		{"protocol-204-no-body", "HEAD", "container", feature, "204 has no body: the next answer follows at once", func(e *Env) {
			c := e.container()
			w := e.dial()
			w.send(w.request("GET", c) + "\n" + w.request("GET", c) + "\n")
			w.want("GET", 204)
			w.want("GET", 204)
		}},
	}
}

// refused expects one of several answers or the end of the connection, and
// that the endpoint lives.
func (e *Env) refused(w *wire, method string, codes ...int) {
	resp, text, err := w.tryAnswer(method)
	if err == nil {
		ok := false
		for _, c := range codes {
			ok = ok || resp.StatusCode == c
		}
		if !ok {
			e.Failf("the answer is %s %.200q, want %v or the end of the connection", resp.Status, text, codes)
		}
	}
	e.alive()
}

func protocolBodyCases() []Case {
	const feature = "protocol"
	return []Case{
		{"protocol-expect-continue", "PUT", "object", feature, "Expect: 100-continue is answered with 100, then 201", func(e *Env) {
			c := e.container()
			w := e.dial()
			w.send(w.request("PUT", c+"/o", "Content-Length: 7", "Expect: 100-continue") + "\n")
			w.interim()
			w.send("content")
			w.want("PUT", 201)
			e.do("GET", c+"/o").Status(200).Body().IsEqual("content")
		}},
		{"protocol-expect-chunked", "PUT", "object", feature, "Expect: 100-continue works with a chunked body", func(e *Env) {
			c := e.container()
			w := e.dial()
			w.send(w.request("PUT", c+"/o", "Transfer-Encoding: chunked", "Expect: 100-continue") + "\n")
			w.interim()
			w.send("3\ncon\n4\ntent\n0\n\n")
			w.want("PUT", 201)
			e.do("GET", c+"/o").Status(200).Body().IsEqual("content")
		}},
		{"protocol-expect-refused", "PUT", "object", feature, "a PUT that is refused gets its error instead of 100", func(e *Env) {
			for _, row := range []struct {
				path, line string
				code       int
			}{{e.prefix + "-absent/o", "X-A: b", 404}, {e.container() + "/o", "X-Delete-At: x", 400}, {e.object("x"), "If-None-Match: *", 412}} {
				w := e.dial()
				w.send(w.request("PUT", row.path, "Content-Length: 1000000", "Expect: 100-continue", row.line) + "\n")
				w.want("PUT", row.code)
			}
			e.alive()
		}},
		{"protocol-expect-unauthorized", "PUT", "object", feature, "a PUT without rights is 401 before its body", func(e *Env) {
			c := e.container()
			w := e.dial()
			w.send(strings.Replace(w.request("PUT", c+"/o", "Content-Length: 1000000", "Expect: 100-continue"), e.token, "AUTH_tknone", 1) + "\n")
			w.want("PUT", 401)
			e.alive()
		}},
		{"protocol-length-and-chunked", "PUT", "object", feature, "Content-Length beside chunked does not split the request", func(e *Env) {
			c := e.container()
			w := e.dial()
			w.send(w.request("PUT", c+"/o", "Content-Length: 3", "Transfer-Encoding: chunked") + "\n7\ncontent\n0\n\n")
			resp, _ := w.want("PUT", 201, 400)
			if resp.StatusCode == 201 {
				e.do("GET", c+"/o").Status(200).Body().IsEqual("content")
			} else {
				e.do("GET", c+"/o").Status(404)
			}
			e.alive()
		}},
		{"protocol-smuggling", "PUT", "object", feature, "what follows a chunked body's end by Content-Length is no second request of another", func(e *Env) {
			c := e.container()
			victim := e.put(c, "victim", "safe")
			smuggled := "0\n\n" + "DELETE " + e.path(victim) + " HTTP/1.1\nHost: x\n\n"
			w := e.dial()
			w.send(w.request("PUT", c+"/o", "Content-Length: "+itoa(len(strings.ReplaceAll(smuggled, "\n", "\r\n"))), "Transfer-Encoding: chunked") + "\n" + smuggled)
			_, _, _ = w.tryAnswer("PUT")
			_, _, _ = w.tryAnswer("DELETE") // without a token it is refused, if it is one
			e.do("GET", victim).Status(200).Body().IsEqual("safe")
		}},
		{"protocol-two-lengths", "PUT", "object", feature, "two different lengths are refused", func(e *Env) {
			c := e.container()
			w := e.dial()
			w.send(w.request("PUT", c+"/o", "Content-Length: 3", "Content-Length: 7") + "\ncontent")
			e.refused(w, "PUT", 400, 201)
		}},
		{"protocol-length-nonsense", "PUT", "object", feature, "a length that is no number is 400", func(e *Env) {
			for _, bad := range []string{"many", "-1"} {
				w := e.dial()
				w.send(w.request("PUT", e.container()+"/o", "Content-Length: "+bad) + "\n")
				e.refused(w, "PUT", 400, 411)
			}
		}},
		{"protocol-no-length", "PUT", "object", feature, "a PUT with neither length nor chunks is 411", func(e *Env) {
			c := e.container()
			w := e.dial()
			w.send(w.request("PUT", c+"/o") + "\n")
			resp, _ := w.want("PUT", 411, 201)
			if resp.StatusCode == 201 {
				e.do("GET", c+"/o").Status(200).Header("Content-Length").IsEqual("0")
			}
		}},
		{"protocol-unknown-coding", "PUT", "object", feature, "an unknown transfer coding is refused", func(e *Env) {
			w := e.dial()
			w.send(w.request("PUT", e.container()+"/o", "Transfer-Encoding: gzip", "Content-Length: 1") + "\nx")
			e.refused(w, "PUT", 400, 411, 501)
		}},
		{"protocol-chunk-extension", "PUT", "object", feature, "extensions of chunks are ignored", func(e *Env) {
			c := e.container()
			w := e.dial()
			w.send(w.request("PUT", c+"/o", "Transfer-Encoding: chunked") + "\n3;a=b\ncon\n4\ntent\n0\n\n")
			w.want("PUT", 201)
			e.do("GET", c+"/o").Status(200).Body().IsEqual("content")
		}},
		{"protocol-chunk-nonsense", "PUT", "object", feature, "a chunk whose length is no number stores nothing", func(e *Env) {
			c := e.container()
			w := e.dial()
			w.send(w.request("PUT", c+"/o", "Transfer-Encoding: chunked") + "\nxyz\ncon\n0\n\n")
			e.refused(w, "PUT", 400, 408, 499, 503)
			e.do("GET", c+"/o").Status(404)
		}},
		{"protocol-body-on-get", "GET", "object", feature, "a body of GET is skipped", func(e *Env) {
			p := e.object("x")
			w := e.dial()
			w.send(w.request("GET", p, "Content-Length: 5") + "\nhello" + w.request("HEAD", p) + "\n")
			w.want("GET", 200)
			if resp, _, err := w.tryAnswer("HEAD"); err == nil && resp.StatusCode != 200 {
				e.Failf("the body of GET was read as a request: %s", resp.Status)
			}
		}},
		{"protocol-too-large", "PUT", "object", feature, "a length over max_file_size is 413 at once", func(e *Env) {
			c := e.container()
			w := e.dial()
			w.send(w.request("PUT", c+"/o", "Content-Length: "+itoa(e.limit("max_file_size", 5368709122)+1), "Expect: 100-continue") + "\n")
			w.want("PUT", 413)
			e.do("GET", c+"/o").Status(404)
		}},
	}
}

// interim reads the answer 100.
func (w *wire) interim() {
	line, err := w.r.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 100") {
		w.e.Failf("the answer to Expect: 100-continue is %q (%v), want 100", line, err)
	}
	for line != "\r\n" {
		if line, err = w.r.ReadString('\n'); err != nil {
			w.e.Failf("reading 100: %v", err)
		}
	}
}

// large stores an object of n MiB.
func (e *Env) large(n int) string { return e.object(strings.Repeat("0123456789abcdef", n<<20/16)) }

func earlyEndCases() []Case {
	const feature = "early ends"
	return []Case{
		{"early-get", "GET", "object", feature, "clients that leave in the middle of an object do no harm", func(e *Env) {
			p := e.large(4)
			for range 5 {
				e.leave("GET", p)
			}
			e.do("GET", p, hdr("Range", "bytes=0-3")).Status(206).Body().IsEqual("0123")
		}},
		{"early-range", "GET", "object", feature, "clients that leave in the middle of several ranges do no harm", func(e *Env) {
			p := e.large(2)
			for range 3 {
				w := e.dial()
				w.send(w.request("GET", p, "Range: bytes=0-900000,1000000-2000000") + "\n")
				if _, err := http.ReadResponse(w.r, nil); err != nil {
					e.Failf("reading the answer: %v", err)
				}
				w.Close()
			}
			e.do("HEAD", p).Status(200)
		}},
		{"early-put", "PUT", "object", feature, "a PUT that ends before its length stores nothing", func(e *Env) {
			c := e.container()
			w := e.dial()
			w.send(w.request("PUT", c+"/o", "Content-Length: 1000") + "\nonly this")
			w.Close()
			e.do("GET", c+"/o").Status(404)
			e.do("PUT", c+"/o", body("whole")).Status(201)
		}},
		{"early-put-keeps", "PUT", "object", feature, "a PUT that ends too early leaves the object as it was", func(e *Env) {
			p := e.object("first")
			w := e.dial()
			w.send(w.request("PUT", p, "Content-Length: 1000000") + "\n" + strings.Repeat("x", 100_000))
			w.Close()
			e.do("GET", p).Status(200).Body().IsEqual("first")
		}},
		{"early-put-chunked", "PUT", "object", feature, "a chunked PUT without its last chunk stores nothing", func(e *Env) {
			c := e.container()
			w := e.dial()
			w.send(w.request("PUT", c+"/o", "Transfer-Encoding: chunked") + "\n4\nhalf\n")
			w.Close()
			e.do("GET", c+"/o").Status(404)
			e.alive()
		}},
		{"early-head", "GET", "endpoint", feature, "a connection that ends within a request's head does no harm", func(e *Env) {
			for _, text := range []string{"", "G", "GET /v1/", "GET / HTTP/1.1\nHost: x\nX-"} {
				w := e.dial()
				w.send(text)
				w.Close()
			}
			e.alive()
		}},
		{"early-listing", "GET", "container", feature, "a client that leaves before a listing does no harm", func(e *Env) {
			c := e.fill("a", "b")
			for range 3 {
				w := e.dial()
				w.send(w.request("GET", c) + "\n")
				w.Close()
			}
			e.do("HEAD", c).Status(204)
		}},
		{"early-copy", "COPY", "object", feature, "a client that leaves a COPY does no harm", func(e *Env) {
			p := e.large(1)
			w := e.dial()
			w.send(w.request("COPY", p, "Destination: "+p+"-copy", "Content-Length: 0") + "\n")
			w.Close()
			e.do("GET", p, hdr("Range", "bytes=0-3")).Status(206).Body().IsEqual("0123")
		}},
		{"early-conditions", "GET", "object", feature, "many conditions that fail on a large object leave it readable", func(e *Env) {
			p := e.large(2)
			for range 10 {
				e.do("GET", p, hdr("If-Match", "other")).Status(412)
				e.do("GET", p, hdr("If-None-Match", "*")).Status(304)
				e.do("GET", p, hdr("Range", "bytes=99999999-")).Status(416)
			}
			e.do("GET", p, hdr("Range", "bytes=-1")).Status(206).Body().IsEqual("f")
		}},
	}
}
