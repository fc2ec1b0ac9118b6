//go:build linux

package real_test

import (
	"net"
	"testing"
	"time"

	"apus/impl/host"
)

// What the contract cannot ask of every network: a datagram arrives.
func TestDatagramArrives(t *testing.T) {
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s, err := newHost().Net.(host.Datagrams).Datagrams(l.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Write([]byte("a:1|c")); err != nil {
		t.Fatal(err)
	}
	_ = l.SetReadDeadline(time.Now().Add(10 * time.Second))
	b := make([]byte, 100)
	if n, _, err := l.ReadFrom(b); err != nil || string(b[:n]) != "a:1|c" {
		t.Errorf("%q, %v", b[:n], err)
	}
}
