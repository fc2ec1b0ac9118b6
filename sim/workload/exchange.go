package workload

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"apus/impl/host"
	"apus/sim/model"
)

// newTransport is stock net/http over one network stack.
func newTransport(n host.Net) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			conn, err := n.Dial(ctx, addr)
			if err != nil {
				return nil, &dialError{err}
			}
			return conn, nil
		},
		DisableCompression:    true,
		MaxIdleConnsPerHost:   2,
		IdleConnTimeout:       5 * time.Second,
		ExpectContinueTimeout: 2 * time.Second,
	}
}

// dialError tells that a request never reached a connection.
type dialError struct{ err error }

func (e *dialError) Error() string { return e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// errLeft ends a body at which the client hangs up.
var errLeft = errors.New("the client left")

// exchange is one request and its answer, recorded in op.
type exchange struct {
	c      *client
	op     *model.Op
	req    *http.Request
	cancel context.CancelFunc
	upload *upload // nil without a body
	size   int64   // of the body to send
}

// begin makes a request for the path of op, which it appends to the history.
func (c *client) begin(ctx context.Context, op *model.Op, st Step, method, query string) *exchange {
	limit := c.timeout
	if st.Patience > 0 {
		limit = st.Patience
		op.Req.Patience = st.Patience
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	path, raw := paths(op, st.Via)
	addr := c.w.Proxies[c.turn%len(c.w.Proxies)]
	c.turn++
	u := &url.URL{Scheme: "http", Host: addr, Path: path, RawPath: raw, RawQuery: query}
	req := (&http.Request{
		Method: method, URL: u, Host: addr, Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: http.NoBody,
	}).WithContext(ctx)
	switch {
	case st.Signed:
		op.Req.Signed = true
		u.RawQuery = signedQuery(method, path)
	case c.token != "":
		req.Header.Set("X-Auth-Token", c.token)
	}
	req.Header.Set("User-Agent", "apus-workload")
	op.Req.Query = query
	c.ops = append(c.ops, op)
	return &exchange{c: c, op: op, req: req, cancel: cancel}
}

// URLKey signs URLs. Until when is beyond every run.
const (
	URLKey        = "sesame"
	signedExpires = "4102444800"
)

// signedQuery allows a request for a decoded path without a token.
func signedQuery(method, path string) string {
	mac := hmac.New(sha256.New, []byte(URLKey))
	_, _ = io.WriteString(mac, method+"\n"+signedExpires+"\n"+path)
	return "temp_url_sig=" + hex.EncodeToString(mac.Sum(nil)) + "&temp_url_expires=" + signedExpires
}

// paths is the path of an operation decoded and as it goes over the wire. Via
// is the link that is asked for in the place of the object, if any.
func paths(op *model.Op, via model.Name) (path, raw string) {
	if via != "" {
		op.Req.Via = "/" + LinkContainer + "/" + via
		return paths(&model.Op{Account: op.Account, Container: LinkContainer, Object: via}, "")
	}
	path, raw = "/v1/"+string(op.Account), "/v1/"+url.PathEscape(string(op.Account))
	if op.Container != "" {
		path += "/" + string(op.Container)
		raw += "/" + url.PathEscape(string(op.Container))
	}
	if op.Object != "" {
		path += "/" + string(op.Object)
		raw += "/" + strings.ReplaceAll(url.PathEscape(string(op.Object)), "%2F", "/")
	}
	return path, raw
}

// accountOf is the account in an X-Storage-Url.
func accountOf(storage string) (string, bool) {
	u, err := url.Parse(storage)
	if err != nil {
		return "", false
	}
	account, ok := strings.CutPrefix(u.Path, "/v1/")
	return account, ok && account != "" && !strings.Contains(account, "/")
}

// set adds a header that the judge wants to see.
func (ex *exchange) set(name, value string) {
	ex.req.Header.Set(name, value)
	if ex.op.Req.Header == nil {
		ex.op.Req.Header = http.Header{}
	}
	ex.op.Req.Header.Set(name, value)
}

// body gives the request a body of size bytes, of which the client sends
// leave-1 and hangs up if leave is not 0.
func (ex *exchange) body(r io.Reader, size int64, chunked bool, leave int64) {
	ex.size = size
	ex.upload = newUpload(r, size, leave)
	ex.req.ContentLength = size
	switch {
	case chunked:
		ex.req.ContentLength = -1
		ex.req.Body = ex.upload
	case size > 0:
		ex.req.Body = ex.upload
	default:
		ex.upload = nil
	}
	if leave > 0 {
		ex.op.Req.Leave = leave
	}
}

// send does the round trip. Without an answer it closes the operation and
// returns nil; else the caller goes on with finish.
func (ex *exchange) send() *http.Response {
	op := ex.op
	op.Start = time.Since(ex.c.w.Start)
	resp, err := ex.c.transport.RoundTrip(ex.req)
	op.Req.Short = ex.upload != nil && !ex.upload.complete()
	if err != nil {
		var d *dialError
		op.Resp.NoDial = errors.As(err, &d)
		op.Resp.Err = err.Error()
		ex.close()
		return nil
	}
	op.Resp.Status = resp.StatusCode
	op.Resp.TxnID = resp.Header.Get("X-Trans-Id")
	op.Resp.Header = kept(resp.Header)
	return resp
}

func (ex *exchange) close() {
	ex.cancel()
	ex.op.End = time.Since(ex.c.w.Start)
	ex.op.Outcome = model.OutcomeOf(ex.op, ex.size)
}

// Limits of what is read of an answer that is not an object.
const (
	textLimit  = 512
	drainLimit = 16 << 20
)

// finish reads and drops what is left of the answer, keeps the beginning as
// Text, and closes the operation.
func (ex *exchange) finish(resp *http.Response) {
	text, err := io.ReadAll(io.LimitReader(resp.Body, textLimit))
	ex.op.Resp.Text = strings.ToValidUTF8(string(text), "\uFFFD") // what is no text would not be read back as it was saved
	ex.drain(resp, err)
}

// drain reads and drops what is left and closes the operation.
func (ex *exchange) drain(resp *http.Response, err error) {
	if err == nil {
		_, err = io.CopyN(io.Discard, resp.Body, drainLimit)
	}
	if err != nil && err != io.EOF && ex.op.Resp.Err == "" {
		ex.op.Resp.Err = err.Error()
	}
	_ = resp.Body.Close()
	ex.close()
}

// kept is the part of an answer's header that the judge may need.
func kept(h http.Header) http.Header {
	out := http.Header{}
	for name, values := range h {
		if slices.Contains([]string{"Etag", "Last-Modified", "X-Timestamp", "Accept-Ranges", "X-Static-Large-Object", "X-Object-Version-Id", "X-Manifest-Etag", "X-Delete-At"}, name) ||
			strings.HasPrefix(name, "Content-") || strings.HasPrefix(name, "X-Object-Meta-") ||
			strings.HasPrefix(name, "X-Container-") || strings.HasPrefix(name, "X-Account-") {
			out[name] = values
		}
	}
	return out
}
