package diff

import (
	"bufio"
	"context"
	"net"
	"reflect"
	"strings"
	"testing"
)

func answer(status int, body string, headers ...string) *Answer {
	a := &Answer{Status: status, Body: body}
	for i := 0; i < len(headers); i += 2 {
		a.Header = append(a.Header, Header{headers[i], headers[i+1]})
	}
	return a
}

func TestCompare(t *testing.T) {
	object := &Request{Method: "GET", Target: "/v1/a/c/o"}
	for _, tt := range []struct {
		name string
		r    *Request
		a, b *Answer
		want []Difference
	}{
		{"equal", object, answer(200, "x", "Etag", "1"), answer(200, "x", "Etag", "1"), nil},
		{"status hides the rest", object, answer(200, "x"), answer(404, "y", "A", "b"), []Difference{{"status", "200", "404"}}},
		{"body", object, answer(200, "x"), answer(200, "y"), []Difference{{"body", "x", "y"}}},
		{"only in B", object, answer(200, ""), answer(200, "", "Etag", "1"), []Difference{{"header etag", "", "1"}}},
		{"empty is not absent", object, answer(200, ""), answer(200, "", "Etag", ""), []Difference{{"header etag", "", `""`}}},
		{"case", object, answer(200, "", "etag", "1"), answer(200, "", "Etag", "1"), []Difference{{"case etag", "etag", "Etag"}}},
		{"twice", object, answer(200, "", "A", "1", "A", "2"), answer(200, "", "A", "1"), []Difference{{"header a", "1\n2", "1"}}},
		{"order", object, answer(200, "", "A", "1", "B", "2"), answer(200, "", "B", "2", "A", "1"), nil},
		{"dates", object, answer(200, "", "Date", "Thu, 26 Nov 2026 00:06:09 GMT"), answer(200, "", "Date", "Fri, 27 Nov 2026 10:06:09 GMT"), nil},
		{"form of dates", object, answer(200, "", "Date", "Thu, 26 Nov 2026 00:06:09 GMT"), answer(200, "", "Date", "Thu, 26 Nov 2026 00:06:09 UTC"),
			[]Difference{{"header date", "<date>", "Thu, 26 Nov 2026 00:06:09 UTC"}}},
		{"old dates matter", object, answer(200, "", "Expires", "Thu, 01 Dec 1994 16:00:00 GMT"), answer(200, "", "Expires", "Thu, 01 Dec 1995 16:00:00 GMT"),
			[]Difference{{"header expires", "Thu, 01 Dec 1994 16:00:00 GMT", "Thu, 01 Dec 1995 16:00:00 GMT"}}},
		{"near expiry", object, answer(200, "", "X-Delete-At", "1800000000"), answer(200, "", "X-Delete-At", "1800000002"), nil},
		{"other expiry", object, answer(200, "", "X-Delete-At", "1800000000"), answer(200, "", "X-Delete-At", "1800000100"),
			[]Difference{{"header x-delete-at", "1800000000", "1800000100"}}},
		{"versions by number", object, answer(200, "1795653235.51119", "X-Object-Version-Id", "1795653235.51119"),
			answer(200, "1795653239.00000", "X-Object-Version-Id", "1795653239.00000"), nil},
		{"JSON", object, answer(200, `{"b":1,"a":"\u00fc"}`, "Content-Type", "application/json"), answer(200, `{"a": "ü", "b": 1}`, "Content-Type", "application/json"), nil},
		{"JSON lists have an order", object, answer(200, `[1,2]`, "Content-Type", "application/json"), answer(200, `[2,1]`, "Content-Type", "application/json"),
			[]Difference{{"body", "[\n 1,\n 2\n]", "[\n 2,\n 1\n]"}}},
		{"sets", object, answer(200, "", "Allow", "GET, HEAD", "Access-Control-Allow-Headers", "a, b"), answer(200, "", "Allow", "HEAD,GET", "Access-Control-Allow-Headers", "b, a"), nil},
		{"other sets", object, answer(200, "", "Allow", "GET, HEAD"), answer(200, "", "Allow", "HEAD, PUT"), []Difference{{"header allow", "GET, HEAD", "HEAD, PUT"}}},
		{"boundaries", object, answer(206, "--0c9c33624866a82c767838ebb0de2d24\r\n", "Content-Type", "multipart/byteranges;boundary=0c9c33624866a82c767838ebb0de2d24"),
			answer(206, "--624122598ef245522f3000cc1a7a2b4b\r\n", "Content-Type", "multipart/byteranges;boundary=624122598ef245522f3000cc1a7a2b4b"), nil},
		{"ETag of manifests", object, answer(200, "[]", "Content-Type", "application/json; charset=utf-8", "X-Static-Large-Object", "True", "Etag", "0c9c33624866a82c767838ebb0de2d24"),
			answer(200, "[]", "Content-Type", "application/json; charset=utf-8", "X-Static-Large-Object", "True", "Etag", "624122598ef245522f3000cc1a7a2b4b"), nil},
		{"ETag of JSON", object, answer(200, "[]", "Content-Type", "application/json; charset=utf-8", "Etag", "0c9c33624866a82c767838ebb0de2d24"),
			answer(200, "[]", "Content-Type", "application/json; charset=utf-8", "Etag", "624122598ef245522f3000cc1a7a2b4b"),
			[]Difference{{"header etag", "0c9c33624866a82c767838ebb0de2d24", "624122598ef245522f3000cc1a7a2b4b"}}},
		{"length of HEAD", &Request{Method: "HEAD", Target: "/v1/a/c/o"}, answer(200, "", "Content-Length", "5"), answer(200, "", "Content-Length", "6"),
			[]Difference{{"header content-length", "5", "6"}}},
		{"usage of accounts", &Request{Method: "GET", Target: "/v1/a"}, answer(200, `[{"bytes":5,"count":1,"name":"c"}]`, "Content-Type", "application/json", "X-Account-Bytes-Used", "5"),
			answer(200, `[{"bytes":0,"count":0,"name":"c"}]`, "Content-Type", "application/json", "X-Account-Bytes-Used", "0"), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var left, right normalizer
			if got := compare(tt.r, left.answer(tt.a), right.answer(tt.b)); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

// TestRefusedVersion: a version that one endpoint named when it refused does
// not count when later ones are numbered.
func TestRefusedVersion(t *testing.T) {
	var left, right normalizer
	left.answer(answer(400, ""))
	right.answer(answer(400, "", "X-Object-Version-Id", "1795653235.51119"))
	a := left.answer(answer(404, "", "X-Object-Version-Id", "1795653239.00001"))
	b := right.answer(answer(404, "", "X-Object-Version-Id", "1795653239.00002"))
	if got := compare(&Request{Method: "DELETE", Target: "/v1/a/c/o"}, a, b); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	b = right.answer(answer(412, "", "X-Object-Version-Id", "1795653235.51119"))
	if v := b.Get("X-Object-Version-Id"); v != "<refused version>" {
		t.Errorf("named again: %s", v)
	}
}

func TestUnsharedOnly(t *testing.T) {
	for _, tt := range []struct {
		name string
		s    Sequence
		r    Request
		want string
	}{
		{"account", Sequence{}, Request{Method: "GET", Target: "/v1/{acct}?limit=1"}, ""},
		{"own account", Sequence{Private: true}, Request{Method: "GET", Target: "/v1/{acct}"}, "x"},
		{"account by host", Sequence{}, Request{Method: "GET", Target: "/", Host: "{acct}.example.net"}, ""},
		{"container by host", Sequence{}, Request{Method: "GET", Target: "/", Host: "{c0}.{acct}.example.net"}, "x"},
		{"object by host", Sequence{}, Request{Method: "GET", Target: "/c/o", Host: "{acct}.example.net"}, "x"},
		{"container", Sequence{}, Request{Method: "GET", Target: "/v1/{acct}/{c0}"}, "x"},
		{"container of all", Sequence{Shared: true}, Request{Method: "GET", Target: "/v1/{acct}/{c0}"}, ""},
		{"names of its own", Sequence{Shared: true}, Request{Method: "GET", Target: "/v1/{acct}/{c0}?prefix={p}"}, "x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := answer(200, "x")
			if unsharedOnly(&tt.s, &tt.r, a); a.Body != tt.want {
				t.Errorf("%q, want %q", a.Body, tt.want)
			}
		})
	}
}

func TestFill(t *testing.T) {
	n := &names{account: "AUTH_x", containers: "d-1-", now: 1000, versions: []string{"1.1", "2.2"}}
	for _, tt := range []struct{ text, want string }{
		{"plain", "plain"}, {"/v1/{acct}/{c0}/{p}o", "/v1/AUTH_x/d-1-0/o"}, {"{now+60} {now-60}", "1060 940"},
		{"{version} {version1}", "2.2 1.1"}, {"{etag}", "0"}, {`{"json": "{c1}"}`, `{"json": "d-1-1"}`},
		{"{sign:sha1:GET:60:/v1/{acct}/{c0}/o:key}", sign("sha1", "key", "GET\n60\n/v1/AUTH_x/d-1-0/o")},
	} {
		if got := n.fill(tt.text); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.text, got, tt.want)
		}
	}
	n.saw(&Request{Target: "/v1/a/c/o"}, answer(200, "", "X-Object-Version-Id", "3.3", "Etag", `"abc"`))
	n.saw(&Request{Target: "/v1/a/c/o?version-id=4.4"}, answer(401, "", "X-Object-Version-Id", "4.4"))
	if got := n.fill("{version} {etag}"); got != "3.3 abc" {
		t.Error(got)
	}
}

func TestExplainedRows(t *testing.T) {
	server := answer(400, "<html>", "Content-Type", "text/html; charset=UTF-8")
	fromPipeline := answer(400, "x", "Content-Type", "text/plain", "X-Trans-Id", "<txid>")
	status := Difference{"status", "400", "201"}
	for _, tt := range []struct {
		name string
		r    Request
		d    Difference
		a, b *Answer
		want string
	}{
		{"a version that was not written", Request{Method: "PUT", Target: "/v1/a/c/o", Header: []Header{{"If-None-Match", "*"}}}, Difference{"header etag", "", "e"},
			answer(412, ""), answer(412, "", "Etag", "e"), "unwritten-version"},
		{"a version that was", Request{Method: "PUT", Target: "/v1/a/c/o", Header: []Header{{"If-None-Match", "*"}}}, Difference{"header etag", "f", "e"},
			answer(412, "", "Etag", "f"), answer(412, "", "Etag", "e"), ""},
		{"a version of a faulty link", Request{Method: "PUT", Target: "/v1/a/c/o", Header: []Header{{"If-None-Match", "*"}}}, status,
			answer(412, ""), answer(400, "Non-integer X-Delete-At", "X-Object-Version-Id", "<version0>"), "unwritten-version"},
		{"a fault before a version", Request{Method: "PUT", Target: "/v1/a/c/o", Header: []Header{{"If-None-Match", "*"}}}, status,
			answer(412, ""), answer(400, "Metadata name too long"), ""},
		{"name that is no token", Request{Method: "PUT", Target: "/v1/a", Header: []Header{{"X-(A)", "x"}}}, status, server, answer(201, ""), "malformed-head"},
		{"space in the target", Request{Method: "PUT", Target: "/v1/a b"}, status, server, answer(201, ""), "malformed-head"},
		{"bytes in a name", Request{Method: "PUT", Target: "/v1/a", Header: []Header{{"X-\xc3\xbc", "x"}}}, status, server, answer(201, ""), ""},
		{"good request", Request{Method: "PUT", Target: "/v1/a%2", Header: []Header{{"X-A", "\xc3\xbc"}}}, status, server, answer(201, ""), ""},
		{"not the server", Request{Method: "PUT", Target: "/v1/a b"}, status, fromPipeline, answer(201, ""), ""},
		{"lowered name", Request{Method: "PUT", Target: "/v1/a/c", Header: []Header{{"x-container-meta-\xc3\xbc", "x"}}}, Difference{"status", "201", "400"},
			answer(201, ""), answer(400, "Metadata must be valid UTF-8"), "names-lowered"},
		{"name that stays", Request{Method: "PUT", Target: "/v1/a/c", Header: []Header{{"x-container-meta-\xe2\x82\xac", "\xc3\xbc"}}}, Difference{"status", "201", "400"},
			answer(201, ""), answer(400, "Metadata must be valid UTF-8"), ""},
		{"their crash", Request{Method: "PUT", Target: "/v1/a"}, Difference{"status", "404", "500"}, answer(404, ""), answer(500, "An error occurred"), "crash"},
		{"our crash", Request{Method: "PUT", Target: "/v1/a"}, Difference{"status", "500", "404"}, answer(500, ""), answer(404, ""), ""},
		{"order of failures", Request{Method: "POST", Target: "/v1/a?bulk-delete"}, Difference{"body", "", ""}, answer(200, "x, 1\ny, 2\n"), answer(200, "y, 2\nx, 1\n"), "bulk-order"},
		{"other failures", Request{Method: "POST", Target: "/v1/a?bulk-delete"}, Difference{"body", "", ""}, answer(200, "x, 1\ny, 2\n"), answer(200, "y, 2\nx, 2\n"), ""},
		{"null version in a history, and another fault", Request{Method: "DELETE", Target: "/v1/a/c/o?version-id=null"}, Difference{"status", "400", "412"},
			answer(400, "Bad X-If-Delete-At header value"), answer(412, ""), "history-null"},
		{"containers deleted by a stranger", Request{Method: "POST", Target: "/v1/a?bulk-delete", User: Guest}, Difference{"body", "", ""},
			answer(200, "Errors:\nc, 403 Forbidden\n"), answer(200, "Errors:\nc, 409 Conflict\n"), "rights-before-versions"},
		{"a container and its object deleted by a stranger", Request{Method: "POST", Target: "/v1/a?bulk-delete", User: Guest}, Difference{"body", "", ""},
			answer(200, "c/o, 403 Forbidden\n/c/, 403 Forbidden\n"), answer(200, "/c/, 409 Conflict\nc/o, 403 Forbidden\n"), "rights-before-versions"},
		{"a container deleted for a stranger", Request{Method: "POST", Target: "/v1/a?bulk-delete", User: Guest}, Difference{"body", "", ""},
			answer(200, "c/o, 403 Forbidden\n/c/, 403 Forbidden\n"), answer(200, "c/o, 403 Forbidden\n/c/, 404 Not Found\n"), ""},
		{"containers not deleted for their owner", Request{Method: "POST", Target: "/v1/a?bulk-delete", User: Owner}, Difference{"body", "", ""},
			answer(200, "Errors:\nc, 403 Forbidden\n"), answer(200, "Errors:\nc, 409 Conflict\n"), ""},
		{"deleted twice", Request{Method: "DELETE", Target: "/v1/a/c/o?multipart-manifest=delete"}, Difference{"body", "", ""},
			answer(200, "Number Deleted: 3\nNumber Not Found: 0\nErrors:\n"), answer(200, "Number Deleted: 2\nNumber Not Found: 1\nErrors:\n"), "deleted-twice"},
		{"body of an empty link", Request{Method: "PUT", Target: "/v1/a/c/o", Body: "x", Header: []Header{{"X-Symlink-Target", ""}}}, Difference{"status", "400", "412"},
			answer(400, "Symlink requests require a zero byte body"), answer(412, "X-Symlink-Target header must be"), "versioned-link-body"},
		{"body of a link with another fault", Request{Method: "PUT", Target: "/v1/a/c/o", Body: "x", Header: []Header{{"X-Symlink-Target", "c/o"}}}, Difference{"body", "", ""},
			answer(400, "Symlink requests require a zero byte body"), answer(400, "Invalid Content-Type"), "versioned-link-body"},
		{"a null byte in a realm", Request{Method: "PUT", Target: "/v1/AUTH_%00"}, Difference{"header www-authenticate", "Swift realm=\"AUTH_%00\"", "Swift realm=\"AUTH_\x00\""},
			answer(401, ""), answer(401, ""), "realm-quoted"},
		{"bytes in a realm", Request{Method: "PUT", Target: "/v1/AUTH_%C3%A9%25"}, Difference{"header www-authenticate", "Swift realm=\"AUTH_%C3%A9%25\"", "Swift realm=\"AUTH_é%\""},
			answer(401, ""), answer(401, ""), "realm-quoted"},
		{"another realm", Request{Method: "PUT", Target: "/v1/AUTH_%00"}, Difference{"header www-authenticate", "Swift realm=\"AUTH_a\"", "Swift realm=\"AUTH_\x00\""},
			answer(401, ""), answer(401, ""), ""},
		{"a copy as a link", Request{Method: "COPY", Target: "/v1/a/c/o", Header: []Header{{"Destination", "c/d"}, {"X-Symlink-Target", "c/o"}}}, Difference{"status", "400", "201"},
			answer(400, "Symlink requests require a zero byte body"), answer(201, ""), "versioned-link-body"},
		{"body of a link by a stranger", Request{Method: "PUT", Target: "/v1/a/c/o", Body: "x", Header: []Header{{"X-Symlink-Target", "c/o"}}}, Difference{"status", "400", "403"},
			answer(400, "Symlink requests require a zero byte body"), answer(403, ""), ""},
		{"body of no link", Request{Method: "PUT", Target: "/v1/a/c/o", Body: "x"}, Difference{"status", "400", "412"},
			answer(400, "Symlink requests require a zero byte body"), answer(412, "x"), ""},
		{"second of another", Request{Method: "GET", Target: "/v1/a/c/o", Header: []Header{{"If-Modified-Since", "{lastmod}"}}}, Difference{"status", "304", "200"}, answer(304, ""), answer(200, ""), "same-second"},
		{"another second", Request{Method: "GET", Target: "/v1/a/c/o", Header: []Header{{"If-Modified-Since", "x"}}}, Difference{"status", "304", "200"}, answer(304, ""), answer(200, ""), ""},
		{"deleted once", Request{Method: "POST", Target: "/v1/a?bulk-delete", Body: "c/a\nc/b\n\n"}, Difference{"body", "", ""},
			answer(200, "Number Deleted: 2\nNumber Not Found: 0\nErrors:\n"), answer(200, "Number Deleted: 1\nNumber Not Found: 1\nErrors:\n"), ""},
		{"deleted twice in XML", Request{Method: "POST", Target: "/v1/a?bulk-delete", Body: "c/a\r\n/c/a"}, Difference{"body", "", ""},
			answer(200, "<number_deleted>1</number_deleted><number_not_found>1</number_not_found>"), answer(200, "<number_deleted>2</number_deleted><number_not_found>0</number_not_found>"), "deleted-twice"},
		{"deleted less", Request{Method: "DELETE", Target: "/v1/a/c/o?multipart-manifest=delete"}, Difference{"body", "", ""},
			answer(200, "Number Deleted: 3\nNumber Not Found: 0\nErrors:\n"), answer(200, "Number Deleted: 2\nNumber Not Found: 0\nErrors:\n"), ""},
		{"another quota", Request{Method: "PUT", Target: "/v1/a/c/o", Feature: "quota"}, Difference{"status", "413", "201"}, answer(413, "Upload exceeds quota."), answer(201, ""), ""},
		{"quota of versions", Request{Method: "PUT", Target: "/v1/a/c/o", Feature: "versions"}, Difference{"status", "413", "201"}, answer(413, "Upload exceeds quota."), answer(201, ""), "quota-of-versions"},
		{"two Expires", Request{Method: "GET", Target: "/v1/a/c/o?temp_url_sig=x"}, Difference{"header expires", "<date>", "x\n<date>"}, answer(200, ""), answer(200, ""), "two-expires"},
		{"their version", Request{Method: "GET", Target: "/info"}, Difference{"body", "", ""}, answer(200, `{"swift": {"version": "1", "x": 1}}`), answer(200, `{"swift":{"x":1,"version":"2"},"s3api":{}}`), "info-version"},
		{"other limits", Request{Method: "GET", Target: "/info"}, Difference{"body", "", ""}, answer(200, `{"swift": {"version": "1", "x": 1}}`), answer(200, `{"swift":{"x":2,"version":"2"}}`), ""},
		{"another Expires", Request{Method: "GET", Target: "/v1/a/c/o?temp_url_sig=x"}, Difference{"header expires", "<date>", "x"}, answer(200, ""), answer(200, ""), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := explain(Table(), &tt.r, tt.d, tt.a, tt.b); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
	for _, e := range Table() {
		if e.Name == "" || len(e.Reason) < 20 || e.match == nil {
			t.Errorf("%+v", e)
		}
	}
}

// Answers alike hide that the endpoints hold different things when a stranger
// was refused the enabling of versioning, and then only.
func TestLeaves(t *testing.T) {
	enable := []Header{{"X-Versions-Enabled", "true"}}
	for _, tt := range []struct {
		name string
		r    Request
		a, b int
		want bool
	}{
		{"refused", Request{Method: "PUT", Target: "/v1/a/c", Header: enable}, 403, 403, true},
		{"refused by POST", Request{Method: "POST", Target: "/v1/a/c", Header: enable}, 401, 401, true},
		{"granted", Request{Method: "PUT", Target: "/v1/a/c", Header: enable}, 201, 201, false},
		{"refused otherwise", Request{Method: "PUT", Target: "/v1/a/c", Header: enable}, 400, 400, false},
		{"refused differently", Request{Method: "PUT", Target: "/v1/a/c", Header: enable}, 401, 403, false},
		{"disabling", Request{Method: "PUT", Target: "/v1/a/c", Header: []Header{{"X-Versions-Enabled", "false"}}}, 403, 403, false},
		{"of an object", Request{Method: "PUT", Target: "/v1/a/c/o", Header: enable}, 403, 403, false},
		{"another request", Request{Method: "DELETE", Target: "/v1/a/c", Header: enable}, 403, 403, false},
	} {
		if got := leaves(&tt.r, &Answer{Status: tt.a}, &Answer{Status: tt.b}); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// TestWire talks to a peer that says what it is told to.
func TestWire(t *testing.T) {
	for _, tt := range []struct {
		name, says string
		r          Request
		want       Answer
	}{
		{"length", "HTTP/1.1 200 OK\r\nx-Odd: a\r\nContent-Length: 2\r\n\r\nab", Request{Method: "GET"},
			Answer{Status: 200, Reason: "OK", Header: []Header{{"x-Odd", "a"}, {"Content-Length", "2"}}, Body: "ab"}},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", Request{Method: "GET"},
			Answer{Status: 200, Reason: "OK", Header: []Header{{"Transfer-Encoding", "chunked"}}, Body: "abc"}},
		{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", Request{Method: "HEAD"},
			Answer{Status: 200, Reason: "OK", Header: []Header{{"Content-Length", "2"}}}},
		{"asked to go on", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", Request{Method: "PUT", Body: "x", Header: []Header{{"Expect", "100-continue"}}},
			Answer{Status: 201, Reason: "Created", Interim: 100, Header: []Header{{"Content-Length", "0"}}}},
		{"asked late", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", Request{Method: "PUT", Body: "x", Header: []Header{{"Expect", "100-continue"}, {"X-Late", "x"}}},
			Answer{Status: 201, Reason: "Created", Interim: 100, Header: []Header{{"Content-Length", "0"}}}},
		{"refused at once", "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", Request{Method: "PUT", Body: "x", Header: []Header{{"Expect", "100-continue"}}},
			Answer{Status: 401, Reason: "No", Header: []Header{{"Content-Length", "0"}}}},
		{"cut", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", Request{Method: "GET"},
			Answer{Status: 200, Reason: "OK", Header: []Header{{"Content-Length", "5"}}, Body: "ab", Failure: "connection closed"}},
		{"bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Request{Method: "GET"},
			Answer{Status: 200, Reason: "OK", Header: []Header{{"Transfer-Encoding", "chunked"}}, Failure: `chunk of "zz"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &wire{dial: func(context.Context, string) (net.Conn, error) {
				here, there := net.Pipe()
				go func() {
					r := bufio.NewReader(there)
					for line := "x"; line != "\r\n"; {
						line, _ = r.ReadString('\n')
					}
					if tt.r.Get("X-Late") != "" {
						_, _ = r.ReadByte() // the body
					}
					go r.Discard(1 << 20)
					_, _ = there.Write([]byte(tt.says))
					there.Close()
				}()
				return here, nil
			}}
			defer w.close()
			tt.r.Target = "/v1/a"
			if got := w.do(context.Background(), &tt.r, "h", "t"); !reflect.DeepEqual(*got, tt.want) {
				t.Errorf("%+v, want %+v", *got, tt.want)
			}
		})
	}
}

func TestHead(t *testing.T) {
	r := &Request{Method: "PUT", Target: "/v1/a", Body: "abc", Chunked: true, Header: []Header{{"x-MiXed", "v"}}}
	want := "PUT /v1/a HTTP/1.1\r\nHost: h\r\nX-Auth-Token: t\r\nx-MiXed: v\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
	if got := head(r, "h", "t") + payload(r); got != want {
		t.Errorf("%q", got)
	}
	r = &Request{Method: "PUT", Target: "/", Header: []Header{{"Content-Length", "x"}}}
	if got := head(r, "h", ""); strings.Count(got, "Content-Length") != 1 {
		t.Errorf("%q", got)
	}
}

// TestEndsAccount: nothing deletes the account in which all sequences work.
func TestEndsAccount(t *testing.T) {
	for _, tt := range []struct {
		name    string
		r       Request
		private bool
		want    bool
	}{
		{"administrator", Request{Method: "DELETE", Target: "/v1/{acct}", User: Admin}, false, true},
		{"with a slash", Request{Method: "DELETE", Target: "/v1/{acct}/?x=y", User: Admin}, false, true},
		{"owner, who may not", Request{Method: "DELETE", Target: "/v1/{acct}", User: Owner}, false, false},
		{"its own account", Request{Method: "DELETE", Target: "/v1/{acct}", User: Admin}, true, false},
		{"a container", Request{Method: "DELETE", Target: "/v1/{acct}/c", User: Admin}, false, false},
		{"bulk", Request{Method: "DELETE", Target: "/v1/{acct}?bulk-delete", User: Admin, Body: "c/o\n\n"}, false, false},
		{"bulk, of a slash", Request{Method: "POST", Target: "/v1/{acct}?bulk-delete", User: Admin, Body: "c/o\r\n / \r\n"}, false, true},
		{"bulk, of two", Request{Method: "POST", Target: "/v1/{acct}/c?bulk-delete=1", User: Admin, Body: "//"}, false, true},
		{"bulk, of a slash, by the owner", Request{Method: "POST", Target: "/v1/{acct}?bulk-delete", User: Owner, Body: "/"}, false, false},
	} {
		if s := (Sequence{Private: tt.private}); s.endsAccount(&tt.r) != tt.want {
			t.Errorf("%s: %t", tt.name, !tt.want)
		}
	}
}
