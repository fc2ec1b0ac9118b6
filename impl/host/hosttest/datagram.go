package hosttest

import (
	"net"
	"testing"

	"apus/impl/host"
)

// datagrams opens a socket to addr that the test closes at its end.
func (e NetEnv) datagrams(t *testing.T, addr string) interface{ Write([]byte) (int, error) } {
	t.Helper()
	n, ok := e.Client.(host.Datagrams)
	if !ok {
		t.Fatalf("%T cannot send datagrams", e.Client)
	}
	s, err := n.Datagrams(addr)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

var datagramCases = []testCase[NetEnv]{
	{"datagrams to nobody", func(t *testing.T, e NetEnv) {
		l := e.listen(t)
		s := e.datagrams(t, l.Addr().String()) // TCP listens there, nobody takes datagrams
		sent := 0
		for range 20 { // the system may tell of one that was refused, and goes on
			if n, err := s.Write([]byte("one datagram")); err == nil {
				want(t, "length", n, len("one datagram"))
				sent++
			}
		}
		if sent < 10 {
			t.Fatalf("only %d of 20 could be sent", sent)
		}
	}},
	{"datagrams after close", func(t *testing.T, e NetEnv) {
		s, err := e.Client.(host.Datagrams).Datagrams("127.0.0.1:9")
		must(t, err)
		must(t, s.Close())
		_, err = s.Write([]byte("x"))
		wantErr(t, err, net.ErrClosed)
	}},
	{"datagrams to nonsense", func(t *testing.T, e NetEnv) {
		if s, err := e.Client.(host.Datagrams).Datagrams("no port"); err == nil {
			s.Close()
			t.Fatal("opened a socket to no address")
		}
	}},
}
