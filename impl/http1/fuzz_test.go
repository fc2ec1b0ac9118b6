package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// FuzzRequest compares with net/http: what both accept, both understand alike.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{
		"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
		"PUT /a HTTP/1.1\nTransfer-Encoding: chunked\nConnection: close\n\n1\r\na\r\n0\r\n\r\n", "GET / HTTP/1.0\r\nx-a:b\r\nX-A: c\r\n\r\n",
		"PUT / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := request(string(in))
		want, oracle := http.ReadRequest(bufio.NewReader(bytes.NewReader(in)))
		if err != nil || oracle != nil {
			return
		}
		if got.Method != want.Method || got.Target != want.RequestURI || got.Proto != want.Proto || got.Length != want.ContentLength {
			t.Errorf("%+v, net/http %+v", got, want)
		}
		if want.URL.Host == "" && got.Host != want.Host {
			t.Errorf("host %q, net/http %q", got.Host, want.Host)
		}
		if got.KeepAlive && want.Close {
			t.Error("net/http would close")
		}
		sameHeader(t, got.Header, want.Header)
	})
}

// FuzzResponse does so for responses.
func FuzzResponse(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\nabc",
		"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nConnection: close\n\n1\r\na\r\n0\r\n\r\n", "HTTP/1.1 304\r\nx-a:b\r\nX-A: c\r\n\r\n",
	} {
		f.Add("GET", []byte(s))
		f.Add("HEAD", []byte(s))
	}
	f.Fuzz(func(t *testing.T, method string, in []byte) {
		got, err := ReadResponse(bufio.NewReader(bytes.NewReader(in)), wide, method)
		want, oracle := http.ReadResponse(bufio.NewReader(bytes.NewReader(in)), &http.Request{Method: method})
		if err != nil || oracle != nil {
			return
		}
		defer want.Body.Close()
		if got.Status != want.StatusCode || got.Proto != want.Proto {
			t.Errorf("%+v, net/http %+v", got, want)
		}
		if got.KeepAlive && want.Close {
			t.Error("net/http would close")
		}
		length := want.ContentLength
		switch {
		case method == http.MethodHead || !BodyAllowed(want.StatusCode):
			length = 0 // net/http tells what it would be
		case length < 0 && len(want.TransferEncoding) == 0:
			length = UntilClose
		}
		if got.Length != length {
			t.Errorf("length %d, net/http %d", got.Length, length)
		}
		sameHeader(t, got.Header, want.Header)
	})
}

func sameHeader(t *testing.T, got, want http.Header) {
	t.Helper()
	for _, h := range []http.Header{got, want} {
		for _, name := range []string{"Host", "Content-Length", "Trailer", "Connection", "Cache-Control"} {
			delete(h, name) // which net/http moves or makes
		}
	}
	if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("header %q, net/http %q", got, want)
	}
}

// FuzzChunks compares the reading of chunks with net/http's.
func FuzzChunks(f *testing.F) {
	for _, s := range []string{
		"3\r\nabc\r\n0\r\n\r\n", "1;x=y\r\na\r\n0\r\nA: b\r\n\r\n", "a\r\n0123456789\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n", "3\r\nabcd", "zz\r\n",
	} {
		f.Add([]byte(s))
	}
	const head = "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
	f.Fuzz(func(t *testing.T, in []byte) {
		br := bufio.NewReader(bytes.NewReader(in))
		got, err := io.ReadAll(NewBody(br, Chunked))
		if err != nil {
			return
		}
		rest, _ := io.ReadAll(br)
		theirs := bufio.NewReader(io.MultiReader(strings.NewReader(head), bytes.NewReader(in)))
		req, oracle := http.ReadRequest(theirs)
		if oracle != nil {
			t.Fatal(oracle)
		}
		want, oracle := io.ReadAll(req.Body)
		if oracle != nil {
			return
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%q, net/http %q", got, want)
		}
		if left, _ := io.ReadAll(theirs); !bytes.Equal(rest, left) {
			t.Errorf("left %q, net/http %q", rest, left)
		}
	})
}
