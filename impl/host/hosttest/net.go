package hosttest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"apus/impl/host"
)

// NetEnv is a pair of hosts under test.
type NetEnv struct {
	// Server listens on Listen, an address with port 0; Client dials it. They
	// may be the same.
	Server, Client host.Net
	Listen         string
	// Blackhole, if set, is an address that never answers the Client.
	Blackhole string
}

// Net runs the contract of host.Net.
func Net(t *testing.T, make func(t *testing.T) NetEnv) { runAll(t, netCases(), make) }

// NetBubble is Net in bubbles.
func NetBubble(t *testing.T, make func(t *testing.T) NetEnv) { runAllBubble(t, netCases(), make) }

func netCases() []testCase[NetEnv] {
	return slices.Concat(dialCases, streamCases, deadlineCases, probeCases, spliceCases, datagramCases)
}

// patience is how long anything in the suite may take.
const patience = 20 * time.Second

// listen opens a listener that the test closes at its end.
func (e NetEnv) listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := e.Server.Listen(e.Listen)
	must(t, err)
	t.Cleanup(func() { _ = l.Close() }) // some tests close it themselves
	return l
}

func (e NetEnv) dial(t *testing.T, addr string) (net.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return e.Client.Dial(ctx, addr)
}

// pair returns both ends of a connection, which the test closes at its end.
func (e NetEnv) pair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	l := e.listen(t)
	client, err := e.dial(t, l.Addr().String())
	must(t, err)
	server, err = l.Accept()
	must(t, err)
	t.Cleanup(func() {
		_ = client.Close() // tests that ask for the error close it themselves
		_ = server.Close()
	})
	must(t, client.SetDeadline(time.Now().Add(patience)))
	must(t, server.SetDeadline(time.Now().Add(patience)))
	return client, server
}

// start runs f beside the test and returns what waits for its error.
func start(f func() error) func() error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return func() error { return <-done }
}

var dialCases = []testCase[NetEnv]{
	{"addresses", func(t *testing.T, e NetEnv) {
		l := e.listen(t)
		_, port, err := net.SplitHostPort(l.Addr().String())
		must(t, err)
		if port == "0" {
			t.Fatal("the listener does not tell its port")
		}
		c, err := e.dial(t, l.Addr().String())
		must(t, err)
		defer c.Close()
		s, err := l.Accept()
		must(t, err)
		defer s.Close()
		want(t, "dialled", c.RemoteAddr().String(), l.Addr().String())
		want(t, "accepted at", s.LocalAddr().String(), l.Addr().String())
		want(t, "from", s.RemoteAddr().String(), c.LocalAddr().String())
		want(t, "network", c.RemoteAddr().Network(), "tcp")
	}},
	{"two listeners, two ports", func(t *testing.T, e NetEnv) {
		a, b := e.listen(t), e.listen(t)
		if a.Addr().String() == b.Addr().String() {
			t.Fatal("one address twice")
		}
		if _, err := e.Server.Listen(a.Addr().String()); !errors.Is(err, host.ErrAddrInUse) {
			t.Fatalf("listening twice on one address: %v", err)
		}
	}},
	{"refused", func(t *testing.T, e NetEnv) {
		l := e.listen(t)
		must(t, l.Close())
		c, err := e.dial(t, l.Addr().String())
		if err == nil {
			c.Close()
			t.Fatal("nobody listens, somebody answered")
		}
		var oe *net.OpError
		if !errors.As(err, &oe) || oe.Timeout() {
			t.Fatalf("got %#v", err)
		}
	}},
	{"listen again", func(t *testing.T, e NetEnv) {
		l := e.listen(t)
		addr := l.Addr().String()
		must(t, l.Close())
		again, err := e.Server.Listen(addr)
		must(t, err)
		must(t, again.Close())
	}},
	{"dial with a context that has ended", func(t *testing.T, e NetEnv) {
		l := e.listen(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if c, err := e.Client.Dial(ctx, l.Addr().String()); err == nil {
			c.Close()
			t.Fatal("dialled")
		}
	}},
	{"dial is given up", func(t *testing.T, e NetEnv) {
		if e.Blackhole == "" {
			t.Skip("no address that never answers")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		watch := host.StartStopwatch()
		c, err := e.Client.Dial(ctx, e.Blackhole)
		if err == nil {
			c.Close()
			t.Fatal("dialled")
		}
		var ne net.Error
		if !errors.As(err, &ne) || !ne.Timeout() {
			t.Fatalf("got %#v, want a timeout", err)
		}
		if took := watch.Elapsed(); took > patience {
			t.Fatalf("took %v", took)
		}
	}},
	{"close wakes Accept", func(t *testing.T, e NetEnv) {
		l := e.listen(t)
		wait := start(func() error {
			c, err := l.Accept()
			if err == nil {
				c.Close()
			}
			return err
		})
		time.Sleep(10 * time.Millisecond)
		must(t, l.Close())
		wantErr(t, wait(), net.ErrClosed)
	}},
	{"established before Accept", func(t *testing.T, e NetEnv) {
		l := e.listen(t)
		c, err := e.dial(t, l.Addr().String())
		must(t, err)
		defer c.Close()
		_, err = c.Write([]byte("early"))
		must(t, err)
		s, err := l.Accept()
		must(t, err)
		defer s.Close()
		b := make([]byte, 5)
		_, err = io.ReadFull(s, b)
		must(t, err)
		want(t, "read", string(b), "early")
	}},
}

var streamCases = []testCase[NetEnv]{
	{"both ways", func(t *testing.T, e NetEnv) {
		c, s := e.pair(t)
		for _, text := range []string{"ping", "a second time"} {
			_, err := io.WriteString(c, text)
			must(t, err)
			b := make([]byte, len(text))
			_, err = io.ReadFull(s, b)
			must(t, err)
			want(t, "server read", string(b), text)
			_, err = s.Write(bytes.ToUpper(b))
			must(t, err)
			_, err = io.ReadFull(c, b)
			must(t, err)
			want(t, "client read", string(b), strings.ToUpper(text))
		}
	}},
	{"half-close", func(t *testing.T, e NetEnv) {
		c, s := e.pair(t)
		_, err := io.WriteString(c, "question")
		must(t, err)
		cw, ok := c.(interface{ CloseWrite() error })
		if !ok {
			t.Fatalf("%T has no CloseWrite", c)
		}
		must(t, cw.CloseWrite())
		b, err := io.ReadAll(s)
		must(t, err)
		want(t, "server read", string(b), "question")
		if _, err := c.Write([]byte("x")); err == nil {
			t.Fatal("wrote after CloseWrite")
		}
		_, err = io.WriteString(s, "answer")
		must(t, err)
		must(t, s.Close())
		b, err = io.ReadAll(c)
		must(t, err)
		want(t, "client read", string(b), "answer")
	}},
	{"close is seen after the data", func(t *testing.T, e NetEnv) {
		c, s := e.pair(t)
		_, err := io.WriteString(c, "last words")
		must(t, err)
		must(t, c.Close())
		b, err := io.ReadAll(s)
		must(t, err)
		want(t, "server read", string(b), "last words")
	}},
	{"writing to one who has gone fails in the end", func(t *testing.T, e NetEnv) {
		c, s := e.pair(t)
		must(t, s.Close())
		for range 1000 {
			if _, err := c.Write([]byte("hello?")); err != nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
		t.Fatal("nobody reads, every write succeeds")
	}},
	{"use after close", func(t *testing.T, e NetEnv) {
		c, _ := e.pair(t)
		must(t, c.Close())
		_, err := c.Read(make([]byte, 1))
		wantErr(t, err, net.ErrClosed)
		_, err = c.Write([]byte("x"))
		wantErr(t, err, net.ErrClosed)
		wantErr(t, c.Close(), net.ErrClosed)
	}},
	{"close wakes Read", func(t *testing.T, e NetEnv) {
		c, _ := e.pair(t)
		wait := start(func() error {
			_, err := c.Read(make([]byte, 1))
			return err
		})
		time.Sleep(10 * time.Millisecond)
		must(t, c.Close())
		wantErr(t, wait(), net.ErrClosed)
	}},
	{"close wakes Write", func(t *testing.T, e NetEnv) {
		c, _ := e.pair(t)
		wait := start(func() error {
			for {
				if _, err := c.Write(make([]byte, 1<<20)); err != nil {
					return err
				}
			}
		})
		time.Sleep(50 * time.Millisecond) // buffers are full
		must(t, c.Close())
		wantErr(t, wait(), net.ErrClosed)
	}},
	{"big, both ways at once", func(t *testing.T, e NetEnv) {
		c, s := e.pair(t)
		up, down := pattern(3<<20, 7), pattern(2<<20, 11)
		send := func(conn net.Conn, data []byte) func() error {
			return start(func() error {
				_, err := conn.Write(data)
				if err == nil {
					err = conn.(interface{ CloseWrite() error }).CloseWrite()
				}
				return err
			})
		}
		sentUp, sentDown := send(c, up), send(s, down)
		var got []byte
		read := start(func() (err error) {
			got, err = io.ReadAll(s)
			return err
		})
		back, err := io.ReadAll(c)
		must(t, err)
		must(t, read())
		must(t, sentUp())
		must(t, sentDown())
		want(t, "up arrived", bytes.Equal(got, up), true)
		want(t, "down arrived", bytes.Equal(back, down), true)
	}},
	{"many connections", func(t *testing.T, e NetEnv) {
		l := e.listen(t)
		const n = 20
		echoed := start(func() error {
			for range n {
				c, err := l.Accept()
				if err != nil {
					return err
				}
				_, err = io.Copy(c, c)
				c.Close()
				if err != nil {
					return err
				}
			}
			return nil
		})
		for i := range n {
			c, err := e.dial(t, l.Addr().String())
			must(t, err)
			_, err = c.Write([]byte{byte(i)})
			must(t, err)
			must(t, c.(interface{ CloseWrite() error }).CloseWrite())
			b, err := io.ReadAll(c)
			must(t, err)
			want(t, "echo", string(b), string([]byte{byte(i)}))
			must(t, c.Close())
		}
		must(t, echoed())
	}},
}

// pattern returns bytes of which a shifted or lost piece would show.
func pattern(n, step int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*step + i>>8 + i>>16)
	}
	return b
}

var deadlineCases = []testCase[NetEnv]{
	{"read deadline", func(t *testing.T, e NetEnv) {
		c, s := e.pair(t)
		must(t, c.SetReadDeadline(time.Now().Add(30*time.Millisecond)))
		_, err := c.Read(make([]byte, 1))
		wantTimeout(t, err)
		_, err = c.Read(make([]byte, 1))
		wantTimeout(t, err) // it stays
		must(t, c.SetReadDeadline(time.Time{}))
		_, err = s.Write([]byte("x"))
		must(t, err)
		_, err = io.ReadFull(c, make([]byte, 1))
		must(t, err) // and can be lifted without loss
	}},
	{"deadline in the past wakes Read", func(t *testing.T, e NetEnv) {
		c, _ := e.pair(t)
		wait := start(func() error {
			_, err := c.Read(make([]byte, 1))
			return err
		})
		time.Sleep(10 * time.Millisecond)
		must(t, c.SetReadDeadline(time.Unix(1, 0)))
		wantTimeout(t, wait())
	}},
	{"write deadline", func(t *testing.T, e NetEnv) {
		c, _ := e.pair(t)
		must(t, c.SetWriteDeadline(time.Now().Add(100*time.Millisecond)))
		for range 1000 {
			if _, err := c.Write(make([]byte, 1<<20)); err != nil {
				wantTimeout(t, err)
				return
			}
		}
		t.Fatal("a peer that does not read took a gigabyte")
	}},
	{"read deadline leaves writes alone", func(t *testing.T, e NetEnv) {
		c, s := e.pair(t)
		must(t, c.SetReadDeadline(time.Unix(1, 0)))
		_, err := c.Write([]byte("x"))
		must(t, err)
		_, err = io.ReadFull(s, make([]byte, 1))
		must(t, err)
	}},
}

func wantTimeout(t *testing.T, err error) {
	t.Helper()
	wantErr(t, err, os.ErrDeadlineExceeded)
	var ne net.Error
	if !errors.As(err, &ne) || !ne.Timeout() {
		t.Fatalf("got %#v, want a timeout", err)
	}
}
