package http1

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

var wide = Limits{Start: 8192, Line: 8192, Total: 64 << 10, Count: 126}

func request(text string) (*Request, error) {
	return ReadRequest(bufio.NewReader(strings.NewReader(text)), wide)
}

func TestReadRequest(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       Request
	}{
		{"plain", "GET /a?b HTTP/1.1\r\nHost: h\r\n\r\n", Request{Method: "GET", Target: "/a?b", Host: "h", KeepAlive: true}},
		{"no host", "GET / HTTP/1.1\r\n\r\n", Request{Method: "GET", Target: "/", KeepAlive: true}},
		{"bare newlines", "GET / HTTP/1.1\nHost: h\n\n", Request{Method: "GET", Target: "/", Host: "h", KeepAlive: true}},
		{"empty lines before", "\r\n\nGET / HTTP/1.1\r\n\r\n", Request{Method: "GET", Target: "/", KeepAlive: true}},
		{"old", "GET / HTTP/1.0\r\n\r\n", Request{Method: "GET", Target: "/", Proto: "HTTP/1.0"}},
		{"old that stays", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", Request{
			Method: "GET", Target: "/", Proto: "HTTP/1.0", KeepAlive: true,
			Header: http.Header{"Connection": {"Keep-Alive"}},
		}},
		{"goes", "GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n", Request{
			Method: "GET", Target: "/", Header: http.Header{"Connection": {"x, Close"}},
		}},
		{"bytes", "PUT /\xff%zz HTTP/1.1\r\nHost: \xe2\x98\x83\r\nx-object-META-\xe2\x98\x83a-b: \xfe\r\n\r\n", Request{
			Method: "PUT", Target: "/\xff%zz", Host: "\xe2\x98\x83", KeepAlive: true,
			Header: http.Header{"X-Object-Meta-\xe2\x98\x83a-B": {"\xfe"}},
		}},
		{"repeated", "PUT / HTTP/1.1\r\nx-a: 1\r\nX-A:2\t\r\nX-B:\r\n\r\n", Request{
			Method: "PUT", Target: "/", KeepAlive: true, Header: http.Header{"X-A": {"1", "2"}, "X-B": {""}},
		}},
		{"length", "PUT / HTTP/1.1\r\nContent-Length: 12\r\nExpect: 100-Continue\r\n\r\n", Request{
			Method: "PUT", Target: "/", KeepAlive: true, Length: 12, Expect: true,
			Header: http.Header{"Content-Length": {"12"}, "Expect": {"100-Continue"}},
		}},
		{"old do not expect", "PUT / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n", Request{
			Method: "PUT", Target: "/", Proto: "HTTP/1.0", Length: 1,
			Header: http.Header{"Content-Length": {"1"}, "Expect": {"100-continue"}},
		}},
		{"same length twice", "PUT / HTTP/1.1\r\nContent-Length: 12\r\nContent-Length: 12\r\n\r\n", Request{
			Method: "PUT", Target: "/", KeepAlive: true, Length: 12, Header: http.Header{"Content-Length": {"12"}},
		}},
		{"chunks", "PUT / HTTP/1.1\r\nTransfer-Encoding: CHUNKED\r\n\r\n", Request{
			Method: "PUT", Target: "/", KeepAlive: true, Length: Chunked,
		}},
		{"chunks and length", "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", Request{
			Method: "PUT", Target: "/", Length: Chunked,
		}},
		{"larger than the buffer", "GET /" + strings.Repeat("x", 5000) + " HTTP/1.1\r\nA: b\r\n\r\n", Request{
			Method: "GET", Target: "/" + strings.Repeat("x", 5000), KeepAlive: true, Header: http.Header{"A": {"b"}},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.want.Header == nil {
				tt.want.Header = http.Header{}
			}
			if tt.want.Proto == "" {
				tt.want.Proto = "HTTP/1.1"
			}
			br := bufio.NewReader(strings.NewReader(tt.text + "rest"))
			got, err := ReadRequest(br, wide)
			if err != nil || !reflect.DeepEqual(*got, tt.want) {
				t.Fatalf("%+v, %v", got, err)
			}
			if rest, _ := io.ReadAll(br); string(rest) != "rest" {
				t.Errorf("left %q", rest)
			}
		})
	}
}

// What two readers could understand differently is understood by nobody.
func TestRefusedRequests(t *testing.T) {
	const get, put = "GET / HTTP/1.1\r\n", "PUT / HTTP/1.1\r\n"
	for _, tt := range []struct {
		name, text string
		want       error
	}{
		{"two words", "GET /\r\n\r\n", ErrMalformed},
		{"four words", "GET / a HTTP/1.1\r\n\r\n", ErrMalformed},
		{"two spaces", "GET  / HTTP/1.1\r\n\r\n", ErrMalformed},
		{"tab in the target", "GET /\ta HTTP/1.1\r\n\r\n", ErrMalformed},
		{"no method", " / HTTP/1.1\r\n\r\n", ErrMalformed},
		{"method that is no token", "G@T / HTTP/1.1\r\n\r\n", ErrMalformed},
		{"method with high bytes", "G\xffT / HTTP/1.1\r\n\r\n", ErrMalformed},
		{"NUL in the target", "GET /\x00 HTTP/1.1\r\n\r\n", ErrMalformed},
		{"bare CR in the target", "GET /\r HTTP/1.1\r\n\r\n", ErrMalformed},
		{"three empty lines", "\r\n\r\n\r\n" + get + "\r\n", ErrMalformed},
		{"CR before", "\r" + get + "\r\n", ErrMalformed},
		{"version 2", "GET / HTTP/2.0\r\n\r\n", ErrVersion},
		{"no version", "GET / HTTP/x\r\n\r\n", ErrMalformed},
		{"long version", "GET / HTTP/1.10\r\n\r\n", ErrMalformed},
		{"lower case", "GET / http/1.1\r\n\r\n", ErrMalformed},
		{"no colon", get + "Host\r\n\r\n", ErrMalformed},
		{"no name", get + ": x\r\n\r\n", ErrMalformed},
		{"space before the colon", get + "Content-Length : 1\r\n\r\n", ErrMalformed},
		{"tab before the colon", get + "Content-Length\t: 1\r\n\r\n", ErrMalformed},
		{"space in the name", get + "A b: 1\r\n\r\n", ErrMalformed},
		{"NUL in the name", get + "A\x00: 1\r\n\r\n", ErrMalformed},
		{"first line folded", get + " A: 1\r\n\r\n", ErrMalformed},
		{"folded", get + "A: 1\r\n 2\r\n\r\n", ErrMalformed},
		{"folded by a tab", get + "A: 1\r\n\tTransfer-Encoding: chunked\r\n\r\n", ErrMalformed},
		{"empty line of spaces", get + "A: 1\r\n \r\n\r\n", ErrMalformed},
		{"NUL in a value", get + "A: 1\x002\r\n\r\n", ErrMalformed},
		{"bare CR in a value", get + "A: 1\rB: 2\r\n\r\n", ErrMalformed},
		{"two CRs", get + "A: 1\r\r\n\r\n", ErrMalformed},
		{"DEL in a value", get + "A: \x7f\r\n\r\n", ErrMalformed},
		{"two hosts", get + "Host: a\r\nHost: a\r\n\r\n", ErrMalformed},
		{"lengths that differ", put + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", ErrMalformed},
		{"lengths of one meaning", put + "Content-Length: 1\r\nContent-Length: 01\r\n\r\n", ErrMalformed},
		{"lengths in a list", put + "Content-Length: 1, 1\r\n\r\n", ErrMalformed},
		{"signed length", put + "Content-Length: +1\r\n\r\n", ErrMalformed},
		{"negative length", put + "Content-Length: -1\r\n\r\n", ErrMalformed},
		{"hexadecimal length", put + "Content-Length: 0x1\r\n\r\n", ErrMalformed},
		{"empty length", put + "Content-Length: \r\n\r\n", ErrMalformed},
		{"huge length", put + "Content-Length: 9223372036854775808\r\n\r\n", ErrMalformed},
		{"other coding", put + "Transfer-Encoding: identity\r\n\r\n", ErrMalformed},
		{"coding that looks right", put + "Transfer-Encoding: \"chunked\"\r\n\r\n", ErrMalformed},
		{"empty coding", put + "Transfer-Encoding:\r\nContent-Length: 1\r\n\r\n", ErrMalformed},
		{"several codings", put + "Transfer-Encoding: gzip, chunked\r\n\r\n", ErrCoding},
		{"codings in several lines", put + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", ErrCoding},
		{"chunks in HTTP/1.0", "PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", ErrMalformed},
		{"nothing", "", io.EOF},
		{"cut short", "GET / HT", io.ErrUnexpectedEOF},
		{"cut short in the fields", get + "A: 1\r\n", io.ErrUnexpectedEOF},
		{"cut short in a long head", get + "A: " + strings.Repeat("x", 5000), io.ErrUnexpectedEOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if r, err := request(tt.text); !errors.Is(err, tt.want) {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	line := func(n int) string { return "A: " + strings.Repeat("x", n-len("A: \r\n")) + "\r\n" }
	start := func(n int) string {
		return "GET /" + strings.Repeat("x", n-len("GET / HTTP/1.1\r\n")) + " HTTP/1.1\r\n"
	}
	small := Limits{Start: 100, Line: 50, Total: 200, Count: 5}
	for _, tt := range []struct {
		name, text string
		limits     Limits
		want       error
	}{
		{"first line", start(99), small, nil},
		{"first line too long", start(100), small, ErrStartTooLong},
		{"first line beyond the buffer", start(8191), wide, nil},
		{"first line beyond the buffer too long", start(8192), wide, ErrStartTooLong},
		{"line", start(20) + line(49), small, nil},
		{"line too long", start(20) + line(50), small, ErrLineTooLong},
		{"line beyond the buffer", start(20) + line(8191), wide, nil},
		{"line beyond the buffer too long", start(20) + line(8192), wide, ErrLineTooLong},
		{"lines", start(20) + strings.Repeat(line(40), 5), small, nil},
		{"too many", start(20) + strings.Repeat(line(10), 6), small, ErrTooMany},
		{"host is free", start(20) + "Host: h\r\n" + strings.Repeat(line(10), 5), small, nil},
		{"too large", start(20) + strings.Repeat(line(45), 5), small, ErrTooLarge},
		{"together", start(20) + strings.Repeat(line(8191), 8), wide, nil},
		{"together too large", start(20) + strings.Repeat(line(8191), 9), wide, ErrTooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadRequest(bufio.NewReader(strings.NewReader(tt.text+"\r\n")), tt.limits)
			if !errors.Is(err, tt.want) {
				t.Error(err)
			}
		})
	}
	// A head that never ends is not gathered for ever.
	endless := io.MultiReader(strings.NewReader("GET / HTTP/1.1\r\n"), endlessly("A: b\r\n"))
	if _, err := ReadRequest(bufio.NewReader(endless), wide); err != ErrTooLarge {
		t.Error(err)
	}
	if _, err := ReadRequest(bufio.NewReader(endlessly("x")), wide); err != ErrStartTooLong {
		t.Error(err)
	}
}

// endlessly repeats itself.
type endlessly string

func (e endlessly) Read(p []byte) (int, error) { return copy(p, e), nil }

func TestReadResponse(t *testing.T) {
	for _, tt := range []struct {
		name, method, text string
		want               Response
	}{
		{"length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", Response{
			Status: 200, Reason: "OK", Length: 3, KeepAlive: true, Header: http.Header{"Content-Length": {"3"}},
		}},
		{"HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", Response{
			Status: 200, Reason: "OK", KeepAlive: true, Header: http.Header{"Content-Length": {"3"}},
		}},
		{"HEAD without length", "HEAD", "HTTP/1.1 200 OK\r\n\r\n", Response{Status: 200, Reason: "OK", KeepAlive: true}},
		{"204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", Response{Status: 204, Reason: "No Content", KeepAlive: true}},
		{"304", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", Response{
			Status: 304, Reason: "Not Modified", KeepAlive: true, Header: http.Header{"Content-Length": {"3"}},
		}},
		{"100", "PUT", "HTTP/1.1 100 Continue\r\nX-A: b\r\n\r\n", Response{
			Status: 100, Reason: "Continue", KeepAlive: true, Header: http.Header{"X-A": {"b"}},
		}},
		{"chunks", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Response{
			Status: 200, Reason: "OK", Length: Chunked, KeepAlive: true,
		}},
		{"until close", "GET", "HTTP/1.1 200 OK\r\n\r\n", Response{Status: 200, Reason: "OK", Length: UntilClose}},
		{"no reason", "GET", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", Response{
			Status: 200, KeepAlive: true, Header: http.Header{"Content-Length": {"0"}},
		}},
		{"long reason", "GET", "HTTP/1.0 507 Insufficient \xff Storage\r\nContent-Length: 0\r\n\r\n", Response{
			Status: 507, Reason: "Insufficient \xff Storage", Proto: "HTTP/1.0", Header: http.Header{"Content-Length": {"0"}},
		}},
		{"goes", "GET", "HTTP/1.1 200 OK\r\nconnection: close\r\nContent-Length: 3\r\n\r\n", Response{
			Status: 200, Reason: "OK", Length: 3, Header: http.Header{"Content-Length": {"3"}, "Connection": {"close"}},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.want.Header == nil {
				tt.want.Header = http.Header{}
			}
			if tt.want.Proto == "" {
				tt.want.Proto = "HTTP/1.1"
			}
			got, err := ReadResponse(bufio.NewReader(strings.NewReader(tt.text)), wide, tt.method)
			if err != nil || !reflect.DeepEqual(*got, tt.want) {
				t.Fatalf("%+v, %v", got, err)
			}
		})
	}
}

func TestRefusedResponses(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       error
	}{
		{"no status", "HTTP/1.1\r\n\r\n", ErrMalformed},
		{"short status", "HTTP/1.1 20 OK\r\n\r\n", ErrMalformed},
		{"signed status", "HTTP/1.1 +20 OK\r\n\r\n", ErrMalformed},
		{"status below 100", "HTTP/1.1 020 OK\r\n\r\n", ErrMalformed},
		{"two spaces", "HTTP/1.1  200 OK\r\n\r\n", ErrMalformed},
		{"another protocol", "ICY 200 OK\r\n\r\n", ErrMalformed},
		{"version 2", "HTTP/2.0 200 OK\r\n\r\n", ErrVersion},
		{"control in the reason", "HTTP/1.1 200 O\x01K\r\n\r\n", ErrMalformed},
		{"lengths that differ", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", ErrMalformed},
		{"codings", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", ErrCoding},
		{"empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n", ErrMalformed},
		{"nothing", "", io.EOF},
		{"cut short", "HTTP/1.1 200 OK\r\n", io.ErrUnexpectedEOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if r, err := ReadResponse(bufio.NewReader(strings.NewReader(tt.text)), wide, "GET"); !errors.Is(err, tt.want) {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}
