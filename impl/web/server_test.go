package web_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"apus/impl/web"
	"apus/impl/web/webtest"
)

// server runs h with a configuration in a bubble.
func server(t *testing.T, cfg web.ServerConfig, h web.HandlerFunc, fn func(t *testing.T, dial func() net.Conn)) {
	t.Helper()
	webtest.TrackBodies(t)
	synctest.Test(t, func(t *testing.T) {
		ln := webtest.NewPipe()
		run, stop := context.WithCancel(context.Background())
		cfg.Clock, cfg.ClientTimeout = webtest.NewClock(1_800_000_000), 10*time.Second
		done := make(chan error, 1)
		go func() { done <- web.NewServer(h, cfg).Serve(run, ln) }()
		var conns []net.Conn
		fn(t, func() net.Conn {
			c, err := ln.Dial(run)
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, c)
			return c
		})
		for _, c := range conns {
			_ = c.Close()
		}
		stop()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
		synctest.Wait()
	})
}

// The third of two clients waits until another has gone.
func TestMaxClients(t *testing.T) {
	answered := 0
	h := func(ctx, *web.Request) *web.Response {
		answered++
		return webtest.Response(200, "")
	}
	server(t, web.ServerConfig{MaxClients: 2}, h, func(t *testing.T, dial func() net.Conn) {
		ask := func(c net.Conn) {
			send(t, c, "GET / HTTP/1.1", "Host: h", "", "")
			if resp, _, err := receive(t, c, "GET"); err != nil || resp.StatusCode != 200 {
				t.Fatal(resp, err)
			}
		}
		first, second := dial(), dial()
		ask(first)
		ask(second)
		third := make(chan net.Conn)
		go func() { third <- dial() }()
		synctest.Wait()
		select {
		case <-third:
			t.Fatal("a third client was taken")
		default:
		}
		_ = first.Close()
		ask(<-third)
		if answered != 3 {
			t.Errorf("%d answers", answered)
		}
	})
}

func TestNoKeepAlive(t *testing.T) {
	h := func(ctx, *web.Request) *web.Response { return webtest.Response(200, "x") }
	server(t, web.ServerConfig{IdleTimeout: -1}, h, func(t *testing.T, dial func() net.Conn) {
		c := dial()
		send(t, c, "GET / HTTP/1.1", "Host: h", "", "")
		resp, _, err := receive(t, c, "GET")
		if err != nil || !resp.Close {
			t.Fatal(resp, err)
		}
		if n, err := c.Read(make([]byte, 1)); err == nil {
			t.Errorf("the connection is open and gave %d bytes", n)
		}
	})
}

func TestTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1_900_000_000, 0), DNSNames: []string{"h"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert := &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	var url, sub string
	h := func(_ ctx, req *web.Request) *web.Response {
		url, sub = req.HostURL(), req.Sub("GET", "/", "X").HostURL()
		return webtest.Response(200, "secret")
	}
	server(t, web.ServerConfig{Certificate: cert}, h, func(t *testing.T, dial func() net.Conn) {
		raw := dial()
		c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
		send(t, c, "GET / HTTP/1.1", "Host: h:443", "", "")
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
		_ = resp.Body.Close()
	})
	if url != "https://h" || sub != url {
		t.Errorf("host URL %q, %q", url, sub)
	}
}

func TestConnectionHeader(t *testing.T) {
	h := func(ctx, *web.Request) *web.Response { return webtest.Response(200, "x") }
	for _, tt := range []struct{ request, want string }{
		{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", ""},
		{"GET / HTTP/1.1\r\nHost: h\r\nConnection: Keep-Alive\r\n\r\n", "keep-alive"},
		{"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "close"},
		{"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "keep-alive"},
		{"GET / HTTP/1.0\r\n\r\n", ""},
	} {
		t.Run(tt.request, func(t *testing.T) {
			edge(t, h, func(t *testing.T, c net.Conn) {
				send(t, c, tt.request)
				b := make([]byte, 4096)
				n, err := c.Read(b)
				if err != nil {
					t.Fatal(err)
				}
				said := strings.Contains(string(b[:n]), "\r\nConnection: "+tt.want+"\r\n")
				if said != (tt.want != "") || strings.Count(string(b[:n]), "Connection:") > 1 {
					t.Errorf("%q", b[:n])
				}
			})
		})
	}
}

// A client of HTTP/1.0 need not say whom it asks.
func TestHostOfOldClients(t *testing.T) {
	var host string
	h := func(_ ctx, req *web.Request) *web.Response {
		host = req.Host
		return webtest.Response(200, "")
	}
	edge(t, h, func(t *testing.T, c net.Conn) {
		send(t, c, "GET / HTTP/1.0", "", "")
		if resp, _, err := receive(t, c, "GET"); err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
	})
	if host == "" {
		t.Error("no host")
	}
}
