package object_test

import (
	"bufio"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"apus/impl/swift"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

func sum(s string) string {
	h := md5.Sum([]byte(s))
	return hex.EncodeToString(h[:])
}

func lines(l ...string) string { return strings.Join(l, "\r\n") }

// footerDoc is a document of metadata as a proxy writes it.
func footerDoc(json string) string {
	return lines("X-Document: object metadata", "Content-MD5: "+sum(json), "", json)
}

func objectDoc(body string) string { return lines("X-Document: object body", "", body) }

// mime joins documents as upstream's proxy does.
func mime(docs ...string) string {
	return "--B\r\n" + strings.Join(docs, "\r\n--B\r\n") + "\r\n--B--"
}

var footerHeaders = []string{
	"Content-Type", "text/plain", "X-Backend-Obj-Metadata-Footer", "yes", "X-Backend-Obj-Multipart-Mime-Boundary", "B",
}

// putChunked is a PUT of unknown length.
func (n *node) putChunked(second int64, body io.Reader, header ...string) webtest.Result {
	return n.putAt(target, second, body, header...)
}

func (n *node) putAt(path string, second int64, body io.Reader, header ...string) webtest.Result {
	req := webtest.Request("PUT", path, "X-Timestamp", stamp(second))
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	req.Body, req.ContentLength = body, -1
	return webtest.Do(n.server, req)
}

func TestFooters(t *testing.T) {
	long := strings.Repeat("0123456789abcdef\r\n--", 20000)
	for _, tc := range []struct {
		name   string
		body   string
		header []string
		status int
		object string
		want   map[string]string
	}{
		{"metadata", mime(objectDoc("hello"), footerDoc(`{"X-Object-Meta-Color": "caf\u00c3\u00a9", "x-object-sysmeta-s": "s", "X-Object-Transient-Sysmeta-T": "t", "X-Unknown": "u", "X-Object-Meta-None": null, "X-Object-Meta-N": 5}`)),
			[]string{"X-Object-Meta-Color", "red", "X-Object-Meta-Keep", "kept"}, 201, "hello", map[string]string{
				"X-Object-Meta-Color": "café", "X-Object-Sysmeta-S": "s", "X-Object-Transient-Sysmeta-T": "t", "X-Unknown": "",
				"X-Object-Meta-Keep": "kept", "X-Object-Meta-None": "", "X-Object-Meta-N": "5", "Etag": `"` + helloMD5 + `"`,
			}},
		{"large", mime(objectDoc(long), footerDoc(`{}`)), nil, 201, long, nil},
		{"empty object", mime(objectDoc(""), footerDoc(`{"Etag": "d41d8cd98f00b204e9800998ecf8427e"}`)), nil, 201, "", nil},
		{"etag", mime(objectDoc("hello"), footerDoc(`{"Etag": "`+helloMD5+`"}`)), nil, 201, "hello", nil},
		{"etag beats header", mime(objectDoc("hello"), footerDoc(`{"Etag": "`+helloMD5+`"}`)), []string{"Etag", "other"}, 201, "hello", nil},
		{"etag mismatch", mime(objectDoc("hello"), footerDoc(`{"Etag": "other"}`)), []string{"Etag", helloMD5}, 422, "", nil},
		{"etag of header", mime(objectDoc("hello"), footerDoc(`{}`)), []string{"Etag", "other"}, 422, "", nil},
		{"no boundary named", mime(objectDoc("hello"), footerDoc(`{}`)), []string{"X-Backend-Obj-Multipart-Mime-Boundary", ""}, 400, "", nil},
		{"no documents", "hello", nil, 400, "", nil},
		{"no footer", mime(objectDoc("hello")), nil, 400, "", nil},
		{"no checksum", mime(objectDoc("hello"), lines("X-Document: object metadata", "", "{}")), nil, 400, "", nil},
		{"bad checksum", mime(objectDoc("hello"), lines("Content-MD5: "+sum("x"), "", "{}")), nil, 422, "", nil},
		{"bad JSON", mime(objectDoc("hello"), footerDoc(`{{{[[`)), nil, 400, "", nil},
		{"JSON of a list", mime(objectDoc("hello"), footerDoc(`[]`)), nil, 400, "", nil},
		{"JSON of nothing", mime(objectDoc("hello"), footerDoc(`null`)), nil, 400, "", nil},
		{"JSON in JSON", mime(objectDoc("hello"), footerDoc(`{"a":{}}`)), nil, 400, "", nil},
		{"huge footer", mime(objectDoc("hello"), footerDoc(`{"a":"`+strings.Repeat("x", 2<<20)+`"}`)), nil, 400, "", nil},
		{"cut in the object", mime(objectDoc("hello"), footerDoc(`{}`))[:40], nil, 499, "", nil},
		{"cut in the footer", strings.TrimSuffix(mime(objectDoc("hello"), footerDoc(`{"X-Object-Meta-A": "a"}`)), "}\r\n--B--"), nil, 400, "", nil},
		{"short", mime(objectDoc("hell"), footerDoc(`{}`)), []string{"X-Backend-Obj-Content-Length", "5"}, 499, "", nil},
		{"of its length", mime(objectDoc("hello"), footerDoc(`{}`)), []string{"X-Backend-Obj-Content-Length", "5"}, 201, "hello", nil},
		{"bad length", mime(objectDoc("hello"), footerDoc(`{}`)), []string{"X-Backend-Obj-Content-Length", "five"}, 400, "", nil},
		{"one more document", mime(objectDoc("hello"), footerDoc(`{}`), lines("X-Junk: yes", "", "junk")), nil, 201, "hello", nil},
		{"commit without a connection", mime(objectDoc("hello"), footerDoc(`{}`)), []string{"X-Backend-Obj-Multiphase-Commit", "yes"}, 501, "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, "", func(t *testing.T, n *node) {
				body := strings.NewReader(tc.body)
				r := n.putChunked(1, body, append(append([]string{}, footerHeaders...), tc.header...)...)
				status(t, r, tc.status)
				got := n.do("GET", target, "")
				if tc.status != 201 {
					status(t, got, 404)
					return
				}
				if body.Len() != 0 {
					t.Errorf("%d bytes are unread", body.Len())
				}
				if got.Body != tc.object {
					t.Errorf("stored %d bytes, want %d", len(got.Body), len(tc.object))
				}
				headers(t, got, tc.want)
			})
		})
	}
}

// Of what the row should show, footers beat headers and sysmeta beats the
// older form.
func TestFooterOverrides(t *testing.T) {
	const older, sysmeta = "X-Backend-Container-Update-Override-Etag", "X-Object-Sysmeta-Container-Update-Override-Etag"
	for _, tc := range []struct{ name, header, footer, want string }{
		{"none", "", "", helloMD5},
		{"footer alone", "", older, "footer"},
		{"footer beats header", older, older, "footer"},
		{"sysmeta footer beats header", older, sysmeta, "footer"},
		{"sysmeta header beats footer", sysmeta, older, "header"},
		{"sysmeta footer beats sysmeta header", sysmeta, sysmeta, "footer"},
	} {
		bubble(t, "", func(t *testing.T, n *node) {
			h := append(append([]string{}, footerHeaders...), updateHeaders...)
			if tc.header != "" {
				h = append(h, tc.header, "header")
			}
			json := `{}`
			if tc.footer != "" {
				json = `{"` + tc.footer + `": "footer"}`
			}
			status(t, n.putChunked(1, strings.NewReader(mime(objectDoc("hello"), footerDoc(json))), h...), 201)
			if got := n.rows[0].Header.Get("X-Etag"); got != tc.want {
				t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
			}
		})
	}
}

func TestFooterHangUp(t *testing.T) {
	whole := mime(objectDoc("hello"), footerDoc(`{"X-Object-Meta-A": "a"}`))
	for kind, want := range map[swift.Kind]int{swift.ClientGone: 499, swift.Timeout: 408} {
		for at := range len(whole) {
			bubble(t, "", func(t *testing.T, n *node) {
				body := io.MultiReader(strings.NewReader(whole[:at]), failing{swift.E("web", "", kind, io.ErrUnexpectedEOF)})
				if r := n.putChunked(1, body, footerHeaders...); r.Status != want {
					t.Errorf("%d bytes: %d, want %d", at, r.Status, want)
				}
				status(t, n.do("GET", target, ""), 404)
			})
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// proxy is a proxy's end of a connection to the node.
type proxy struct {
	t    *testing.T
	conn net.Conn
	buf  *bufio.Reader
}

// dial serves the node over a connection in memory.
func (n *node) dial(t *testing.T, use func(p *proxy)) {
	ln := webtest.NewPipe()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	srv := web.NewServer(n.server, web.ServerConfig{ClientTimeout: 5 * time.Second, Clock: n.host.Clock})
	go func() { done <- srv.Serve(ctx, ln) }()
	conn, err := ln.Dial(ctx)
	if err != nil {
		t.Fatal(err)
	}
	use(&proxy{t, conn, bufio.NewReader(conn)})
	_ = conn.Close()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func (p *proxy) send(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p.conn, text); err != nil {
		p.t.Fatal(err)
	}
}

// answer reads one interim or final response.
func (p *proxy) answer() (*http.Response, string) {
	p.t.Helper()
	r, err := http.ReadResponse(p.buf, &http.Request{Method: "PUT"})
	if err != nil {
		p.t.Fatal(err)
	}
	if r.StatusCode == 100 {
		return r, ""
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return r, string(b)
}

func (p *proxy) promised(commit, footer string) {
	p.t.Helper()
	r, _ := p.answer()
	if r.StatusCode != 100 || r.Header.Get("X-Obj-Multiphase-Commit") != commit || r.Header.Get("X-Obj-Metadata-Footer") != footer {
		p.t.Errorf("%s %v", r.Status, r.Header)
	}
}

func chunks(s string) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(s), s) }

func putHead(header ...string) string {
	l := []string{
		"PUT " + target + " HTTP/1.1", "Host: 10.0.0.9:6200", "X-Timestamp: " + stamp(1), "Content-Type: a/b",
		"Transfer-Encoding: chunked", "X-Backend-Obj-Multipart-Mime-Boundary: B",
	}
	return lines(append(l, header...)...) + "\r\n\r\n"
}

const (
	expect = "Expect: 100-continue"
	commit = "X-Backend-Obj-Multiphase-Commit: yes"
	footer = "X-Backend-Obj-Metadata-Footer: yes"
)

func TestFooterOverConnection(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		n.dial(t, func(p *proxy) {
			p.send(putHead(expect, footer))
			p.promised("", "yes")
			p.send(chunks(mime(objectDoc("hello"), footerDoc(`{"X-Object-Meta-A": "a"}`))))
			if r, _ := p.answer(); r.StatusCode != 201 || r.Header.Get("X-Obj-Metadata-Footer") != "" || r.Close {
				t.Errorf("%s %v", r.Status, r.Header)
			}
			// The connection goes on.
			p.send("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n")
			if r, body := p.answer(); r.StatusCode != 200 || body != "hello" || r.Header.Get("X-Object-Meta-A") != "a" {
				t.Errorf("%s %v %q", r.Status, r.Header, body)
			}
		})
	})
}

// A proxy that does not wait is not told anything.
func TestFooterUnasked(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		n.dial(t, func(p *proxy) {
			sent := make(chan error, 1)
			go func() {
				_, err := io.WriteString(p.conn, putHead(footer)+chunks(mime(objectDoc("hello"), footerDoc(`{}`))))
				sent <- err
			}()
			if r, _ := p.answer(); r.StatusCode != 201 {
				t.Error(r.Status)
			}
			if err := <-sent; err != nil {
				t.Error(err)
			}
		})
	})
}

func TestMultiphase(t *testing.T) {
	commitDoc := lines("X-Document: put commit", "", "commit_confirmation", "--B--")
	for _, tc := range []struct {
		name   string
		second string // after the second 100; "" is hanging up
		status int
	}{
		{"commit", chunks(commitDoc), 201},
		{"commit in pieces", fmt.Sprintf("3\r\n%s\r\n", commitDoc[:3]) + chunks(commitDoc[3:]), 201},
		{"junk after the commit", chunks(strings.TrimSuffix(commitDoc, "--") + "\r\nX-Junk: 1\r\n\r\njunk\r\n--B--"), 201},
		{"other document", chunks(lines("X-Document: put abort", "", "x", "--B--")), 500},
		{"no document", chunks(""), 400},
		{"silence", "-", 408},
		{"hang-up", "", 0},
		{"hang-up in the commit", fmt.Sprintf("%x\r\n%s", len(commitDoc), commitDoc[:20]), 0},
	} {
		for _, foot := range []bool{true, false} {
			t.Run(fmt.Sprint(tc.name, " footer ", foot), func(t *testing.T) {
				bubble(t, "", func(t *testing.T, n *node) {
					n.dial(t, func(p *proxy) {
						head, docs, promise := putHead(expect, commit, "X-Container-Host: 10.0.0.1:6201", "X-Container-Partition: 12", "X-Container-Device: d9"), objectDoc("hello"), ""
						if foot {
							head = strings.Replace(head, expect, expect+"\r\n"+footer, 1)
							docs, promise = docs+"\r\n--B\r\n"+footerDoc(`{"X-Object-Meta-A": "a"}`), "yes"
						}
						p.send(head)
						p.promised("yes", promise)
						p.send(chunks("--B\r\n" + docs + "\r\n--B"))
						p.promised("yes", promise)
						if tc.second != "-" {
							p.send(tc.second)
						}
						if tc.status == 0 {
							return
						}
						if r, _ := p.answer(); r.StatusCode != tc.status || !r.Close {
							t.Errorf("%s, want %d", r.Status, tc.status)
						}
						if _, err := p.buf.ReadByte(); err != io.EOF {
							t.Errorf("after the answer: %v", err)
						}
					})
					r := n.do("GET", target, "")
					if tc.status != 201 {
						status(t, r, 404)
						if len(n.rows) != 0 {
							t.Error("the container was told")
						}
						return
					}
					if r.Body != "hello" || (r.Header.Get("X-Object-Meta-A") == "a") != foot || len(n.rows) != 1 {
						t.Errorf("%d %v %q, %d rows", r.Status, r.Header, r.Body, len(n.rows))
					}
				})
			})
		}
	}
}

// A conflict is answered before the body is asked for.
func TestConflictBeforeBody(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		status(t, n.put(2, "newer"), 201)
		n.dial(t, func(p *proxy) {
			p.send(putHead(expect, footer))
			if r, _ := p.answer(); r.StatusCode != 409 || r.Header.Get("X-Backend-Timestamp") != stamp(2) {
				t.Errorf("%s %v", r.Status, r.Header)
			}
		})
	})
}

func TestNoLength(t *testing.T) {
	bubble(t, "", func(t *testing.T, n *node) {
		n.dial(t, func(p *proxy) {
			head := lines("PUT "+target+" HTTP/1.1", "Host: x", "X-Timestamp: "+stamp(1), "Content-Type: a/b")
			p.send(head + "\r\n\r\n")
			if r, body := p.answer(); r.StatusCode != 411 || body != "Missing Content-Length header." {
				t.Errorf("%s %q", r.Status, body)
			}
			p.send(head + "\r\nContent-Length: 0\r\n\r\n")
			if r, _ := p.answer(); r.StatusCode != 201 {
				t.Error(r.Status)
			}
		})
	})
}

// FuzzMultipart throws bodies at a PUT with footers. Whatever the answer, what
// can be read back is the object of the first document, whole.
func FuzzMultipart(f *testing.F) {
	f.Add(mime(objectDoc("hello"), footerDoc(`{"X-Object-Meta-A": "a"}`)))
	f.Add(mime(objectDoc(""), footerDoc(`{}`), "X: y\r\n\r\nz"))
	f.Add("--B\r\n\r\n\r\n--B\r\nContent-MD5: d41d8cd98f00b204e9800998ecf8427e\r\n\r\n\r\n--B--")
	f.Fuzz(func(t *testing.T, body string) {
		n := newNode(t, "")
		defer n.close()
		r := n.putChunked(1, strings.NewReader(body), footerHeaders...)
		got := n.do("GET", target, "")
		switch r.Status {
		case 201:
			if got.Status != 200 || !strings.Contains(body, got.Body) || got.Header.Get("Etag") != `"`+sum(got.Body)+`"` {
				t.Errorf("%d %q", got.Status, got.Body)
			}
		case 400, 413, 422, 499:
			status(t, got, 404)
		default:
			t.Errorf("status %d: %s", r.Status, r.Body)
		}
	})
}
