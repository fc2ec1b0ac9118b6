package memcache

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"apus/impl/event"
	"apus/impl/web/webtest"
)

// secure is a host.Net whose every address speaks TLS and answers END.
type secure struct{ cfg *tls.Config }

func (secure) Listen(string) (net.Listener, error) { return nil, errors.New("not here") }
func (s secure) Dial(context.Context, string) (net.Conn, error) {
	client, server := net.Pipe()
	go func() {
		c := tls.Server(server, s.cfg)
		defer c.Close()
		rd := bufio.NewReader(c)
		for {
			if _, err := rd.ReadString('\n'); err != nil {
				return
			}
			_, _ = io.WriteString(c, "VALUE "+hashKey("k")+" 2 1\r\n7\r\nEND\r\n")
		}
	}()
	return client, nil
}

// certificate is one for an address, and the pool that vouches for it.
func certificate(t *testing.T, now time.Time) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "m"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP("10.0.0.1")}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := webtest.NewClock(1_800_000_000)
		own, pool := certificate(t, clock.Now())
		for _, tt := range []struct {
			name, server string
			cfg          *tls.Config
			want         bool
		}{
			{"vouched for", "10.0.0.1", &tls.Config{RootCAs: pool, Time: clock.Now}, true},
			{"another address", "10.0.0.2", &tls.Config{RootCAs: pool, Time: clock.Now}, false},
			{"unknown", "10.0.0.1", &tls.Config{RootCAs: x509.NewCertPool(), Time: clock.Now}, false},
		} {
			c, err := NewClient(secure{&tls.Config{Certificates: []tls.Certificate{own}}}, clock, ClientConfig{Servers: []string{tt.server}, TLS: tt.cfg})
			if err != nil {
				t.Fatal(err)
			}
			if v, ok := c.Get(t.Context(), "k"); ok != tt.want || ok && string(v) != "7" {
				t.Errorf("%s: %q %v", tt.name, v, ok)
			}
			c.Close()
			synctest.Wait()
		}
	})
}

// Failures are told with their kind; large values with what they are about.
func TestTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard []string
		var log strings.Builder
		mute, down := &server{mute: true}, &server{down: true}
		c, err := NewClient(servers{"10.0.0.1:11211": mute, "10.0.0.2:11211": down}, webtest.NewClock(1), ClientConfig{
			Servers: []string{"10.0.0.1", "10.0.0.2"}, LargeValue: 3, Log: slog.New(slog.NewTextHandler(&log, nil)),
			Events: &event.Sink{Timing: func(e event.Timing) { heard = append(heard, e.Name) }},
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Set(t.Context(), "account/secret", []byte("123"), 0)
		want := map[string]bool{"memcached.set.timeout.timing": true, "memcached.set.conn_err.timing": true}
		if len(heard) != 2 || !want[heard[0]] || !want[heard[1]] || heard[0] == heard[1] {
			t.Errorf("heard %q", heard)
		}
		if text := log.String(); !strings.Contains(text, "key_prefix=account bytes=3") || strings.Contains(text, "secret") {
			t.Error(text)
		}
		c.Close()
		for _, s := range []*server{mute, down} {
			for _, conn := range s.conns {
				_ = conn.Close()
			}
		}
	})
}
