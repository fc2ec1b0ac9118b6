package web_test

import (
	"net"
	"strings"
	"testing"

	"apus/impl/web"
	"apus/impl/web/webtest"
)

// TestProxyLine: who is asked for and where from is what the proxy says, for
// every request of the connection.
func TestProxyLine(t *testing.T) {
	for _, tt := range []struct {
		name, line string
		want       string // remote address and URL of a request without a Host field; "": refused with 400
	}{
		{"TCP4", "PROXY TCP4 192.0.2.1 198.51.100.7 56324 80\r\n", "192.0.2.1:56324 http://198.51.100.7"},
		{"TCP6", "PROXY TCP6 2001:db8::1 2001:db8::2 1 8080\r\n", "[2001:db8::1]:1 http://[2001:db8::2]:8080"},
		{"a port that means TLS", "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n", "192.0.2.1:56324 https://198.51.100.7"},
		{"without CR", "PROXY TCP4 192.0.2.1 198.51.100.7 56324 80\n", "192.0.2.1:56324 http://198.51.100.7"},
		{"unknown", "PROXY UNKNOWN\r\n", "pipe http://pipe"},
		{"unknown and more", "PROXY UNKNOWN x y z\r\n", "pipe http://pipe"},
		{"longest", "PROXY UNKNOWN " + strings.Repeat("x", 107-16) + "\r\n", "pipe http://pipe"},
		{"too long", "PROXY UNKNOWN " + strings.Repeat("x", 107-15) + "\r\n", ""},
		{"none", "GET / HTTP/1.1\r\n", ""},
		{"an empty line", "\nGET / HTTP/1.1\r\n", ""},
		{"version 2", "\r\n\r\n\x00\r\nQUIT\n", ""},
		{"no address", "PROXY TCP4\r\n", ""},
		{"no word", "PROXY \r\n", ""},
		{"another protocol", "PROXY UDP4 192.0.2.1 198.51.100.7 56324 80\r\n", ""},
		{"another family", "PROXY TCP4 2001:db8::1 2001:db8::2 1 80\r\n", ""},
		{"no IP", "PROXY TCP4 localhost 198.51.100.7 1 80\r\n", ""},
		{"no port", "PROXY TCP4 192.0.2.1 198.51.100.7 1 65536\r\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var seen []string
			h := func(_ ctx, r *web.Request) *web.Response {
				seen = append(seen, r.RemoteAddr+" "+r.HostURL())
				return webtest.Response(204, "")
			}
			server(t, web.ServerConfig{RequireProxyProtocol: true}, h, func(t *testing.T, dial func() net.Conn) {
				c := dial()
				sent := make(chan struct{})
				go func() {
					defer close(sent)
					for _, piece := range []byte(tt.line) { // in as many pieces as can be
						_, _ = c.Write([]byte{piece}) // it may be refused already
					}
				}()
				if tt.want == "" {
					resp, body, err := receive(t, c, "GET")
					if err != nil || resp.StatusCode != 400 || !resp.Close || !strings.HasPrefix(body, "invalid PROXY line ") {
						t.Errorf("%v %q %v", resp, body, err)
					}
					return
				}
				<-sent
				for range 2 {
					send(t, c, "GET / HTTP/1.0", "Connection: keep-alive", "", "")
					if resp, _, err := receive(t, c, "GET"); err != nil || resp.StatusCode != 204 {
						t.Fatal(resp, err)
					}
				}
			})
			want := 0
			if tt.want != "" {
				want = 2
			}
			if len(seen) != want {
				t.Fatalf("%d requests served: %q", len(seen), seen)
			}
			for _, s := range seen {
				if s != tt.want {
					t.Errorf("served %q, want %q", s, tt.want)
				}
			}
		})
	}
}

// A client who goes, or stalls, before the line is there gets no answer.
func TestProxyLineThatDoesNotCome(t *testing.T) {
	h := func(ctx, *web.Request) *web.Response { panic("no request came") }
	server(t, web.ServerConfig{RequireProxyProtocol: true}, h, func(t *testing.T, dial func() net.Conn) {
		for _, part := range []string{"", "PROXY", "PROXY TCP4 192.0.2.1 "} {
			c := dial()
			_, _ = c.Write([]byte(part))
			if resp, _, err := receive(t, c, "GET"); err == nil {
				t.Errorf("after %q: %v", part, resp)
			}
		}
	})
}
