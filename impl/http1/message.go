package http1

import (
	"bufio"
	"net/http"
	"strconv"
	"strings"
)

// Lengths of bodies that no number tells.
const (
	Chunked    = -1
	UntilClose = -2 // of responses
)

// Request is the head of a request. Host and Transfer-Encoding are not in
// Header.
type Request struct {
	Method, Target string
	Proto          string // "HTTP/1.1"
	Host           string // "" if not said
	Header         http.Header
	Length         int64 // of the body; may be Chunked
	KeepAlive      bool  // the connection may carry another request
	Expect         bool  // the client waits for "100 Continue"
}

// Response is the head of a response. Transfer-Encoding is not in Header.
type Response struct {
	Status    int
	Reason    string
	Proto     string
	Header    http.Header
	Length    int64 // of the body; may be Chunked or UntilClose
	KeepAlive bool  // the connection may carry another request
}

// ReadRequest reads the head of a request. With an error in what follows the
// first line comes what that says; with any other, nil.
func ReadRequest(br *bufio.Reader, l Limits) (*Request, error) {
	if err := skipEmptyLines(br); err != nil {
		return nil, err
	}
	head, headErr := readHead(br, &l)
	if head == "" {
		return nil, headErr
	}
	line, rest, size := cutLine(head)
	if size >= l.Start {
		return nil, ErrStartTooLong
	}
	r := &Request{}
	if err := r.start(line); err != nil {
		return nil, err
	}
	if headErr != nil {
		return r, headErr
	}
	var err error
	if r.Header, err = parseFields(rest, &l); err != nil {
		return r, err
	}
	return r, r.frame()
}

func (r *Request) start(line string) error {
	var ok bool
	r.Method, line, ok = strings.Cut(line, " ")
	if !ok || !isToken(r.Method) {
		return malformed("request line", r.Method)
	}
	r.Target, r.Proto, ok = strings.Cut(line, " ")
	if !ok || r.Target == "" || !ValidValue(r.Target) || strings.IndexByte(r.Target, '\t') >= 0 {
		return malformed("request line", line)
	}
	return checkVersion(r.Proto)
}

// checkVersion accepts HTTP/1.x.
func checkVersion(proto string) error {
	digits, ok := strings.CutPrefix(proto, "HTTP/")
	if !ok || len(digits) != len("1.1") || digits[1] != '.' || !isDigit(digits[0]) || !isDigit(digits[2]) {
		return malformed("version", proto)
	}
	if digits[0] != '1' {
		return ErrVersion
	}
	return nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// frame takes what belongs to the message out of the header.
func (r *Request) frame() error {
	if hosts := r.Header["Host"]; hosts != nil {
		if len(hosts) > 1 {
			return malformed("header: several Host", hosts[1])
		}
		r.Host = hosts[0]
		delete(r.Header, "Host")
	}
	r.KeepAlive = keepsAlive(r.Proto, r.Header)
	f, err := frame(r.Proto, r.Header)
	if err != nil {
		return err
	}
	if r.Length = f.length; r.Length == UntilClose {
		r.Length = 0
	}
	r.KeepAlive = r.KeepAlive && !f.doubtful
	r.Expect = r.Proto != "HTTP/1.0" && strings.EqualFold(r.Header.Get("Expect"), "100-continue")
	return nil
}

// ReadResponse reads the head of a response to a request of this method.
func ReadResponse(br *bufio.Reader, l Limits, method string) (*Response, error) {
	head, err := readHead(br, &l)
	if err != nil {
		return nil, err
	}
	line, rest, size := cutLine(head)
	if size >= l.Start {
		return nil, ErrStartTooLong
	}
	r := &Response{}
	if err := r.start(line); err != nil {
		return nil, err
	}
	if r.Header, err = parseFields(rest, &l); err != nil {
		return nil, err
	}
	f, err := frame(r.Proto, r.Header)
	if err != nil {
		return nil, err
	}
	if r.Length = f.length; method == http.MethodHead || !BodyAllowed(r.Status) {
		r.Length = 0
	}
	r.KeepAlive = keepsAlive(r.Proto, r.Header) && !f.doubtful && r.Length != UntilClose &&
		r.Status != http.StatusSwitchingProtocols
	return r, nil
}

func (r *Response) start(line string) error {
	var status string
	r.Proto, status, _ = strings.Cut(line, " ")
	if err := checkVersion(r.Proto); err != nil {
		return err
	}
	status, r.Reason, _ = strings.Cut(status, " ")
	if len(status) != len("200") || status[0] == '0' || !isDigit(status[0]) || !isDigit(status[1]) || !isDigit(status[2]) {
		return malformed("status line", line)
	}
	if !ValidValue(r.Reason) {
		return malformed("status line", line)
	}
	r.Status, _ = strconv.Atoi(status)
	return nil
}

// BodyAllowed reports whether a response of this status may have a body.
func BodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

func keepsAlive(proto string, h http.Header) bool {
	said := h["Connection"]
	switch {
	case hasToken(said, "close"):
		return false
	case proto == "HTTP/1.0":
		return hasToken(said, "keep-alive")
	}
	return true
}

// framing is how a message's fields delimit its body.
type framing struct {
	length   int64 // UntilClose when they say nothing
	doubtful bool  // others may see another end
}

// frame decides by RFC 9112, section 6.3. It drops Transfer-Encoding, and
// what that or a repetition makes of Content-Length.
func frame(proto string, h http.Header) (f framing, err error) {
	lengths := h["Content-Length"]
	if codings := h["Transfer-Encoding"]; codings != nil {
		if err := checkCoding(proto, codings); err != nil {
			return f, err
		}
		delete(h, "Transfer-Encoding")
		delete(h, "Content-Length")
		return framing{Chunked, lengths != nil}, nil
	}
	if lengths == nil {
		return framing{length: UntilClose}, nil
	}
	for _, other := range lengths[1:] {
		if other != lengths[0] {
			return f, malformed("header: several Content-Length", other)
		}
	}
	h["Content-Length"] = lengths[:1:1]
	if f.length, err = parseLength(lengths[0]); err != nil {
		return f, err
	}
	return f, nil
}

func checkCoding(proto string, codings []string) error {
	switch {
	case proto == "HTTP/1.0":
		return malformed("header: Transfer-Encoding in", proto)
	case len(codings) > 1 || strings.Contains(codings[0], ","):
		return ErrCoding
	case !strings.EqualFold(codings[0], "chunked"):
		return malformed("header: Transfer-Encoding", codings[0])
	}
	return nil
}

// parseLength reads digits alone, as ParseUint does for a given base.
func parseLength(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, malformed("header: Content-Length", s)
	}
	return int64(n), nil
}
