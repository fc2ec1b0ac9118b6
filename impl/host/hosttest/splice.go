package hosttest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"apus/impl/host"
)

// spliced joins what comes in at from to what goes out at to.
func (e NetEnv) spliced(t *testing.T) (s host.Splice, source, from, to, sink net.Conn) {
	t.Helper()
	from, source = e.pair(t)
	to, sink = e.pair(t)
	p, ok := e.Client.(host.Splicer)
	if !ok {
		t.Fatalf("%T is no host.Splicer", e.Client)
	}
	if s = p.Splice(to, from); s == nil {
		t.Fatal("two connections of the Net cannot be joined")
	}
	return s, source, from, to, sink
}

// move moves n bytes, in as many pieces as they come.
func move(t *testing.T, s host.Splice, n int64) {
	t.Helper()
	for n > 0 {
		m, err := s.Take(n)
		must(t, err)
		giveAll(t, s, m)
		n -= m
	}
}

// say writes a text.
func say(t *testing.T, c net.Conn, text string) {
	t.Helper()
	_, err := io.WriteString(c, text)
	must(t, err)
}

// hear demands that a text comes.
func hear(t *testing.T, c net.Conn, text string) {
	t.Helper()
	b := make([]byte, len(text))
	_, err := io.ReadFull(c, b)
	must(t, err)
	want(t, "arrived", string(b), text)
}

// giveAll gives all that was taken.
func giveAll(t *testing.T, s host.Splice, n int64) {
	t.Helper()
	for n > 0 {
		m, err := s.Give()
		must(t, err)
		if m <= 0 || m > n {
			t.Fatalf("gave %d of %d bytes", m, n)
		}
		n -= m
	}
}

var spliceCases = []testCase[NetEnv]{
	{"bytes arrive as they are, and no more than asked for", func(t *testing.T, e NetEnv) {
		s, source, from, _, sink := e.spliced(t)
		defer s.Close()
		text := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
		failed := make(chan error, 1)
		go func() {
			_, err := source.Write(append(text, "rest"...))
			failed <- err
		}()
		got := make(chan []byte, 1)
		go func() {
			b := make([]byte, len(text))
			_, _ = io.ReadFull(sink, b) // compared below
			got <- b
		}()
		move(t, s, int64(len(text)))
		must(t, <-failed)
		if !bytes.Equal(<-got, text) {
			t.Error("other bytes arrived")
		}
		hear(t, from, "rest")
	}},
	{"an end is io.EOF", func(t *testing.T, e NetEnv) {
		s, source, _, _, _ := e.spliced(t)
		defer s.Close()
		say(t, source, "last")
		must(t, source.Close())
		move(t, s, 4)
		n, err := s.Take(100)
		want(t, "bytes behind the end", n, 0)
		want(t, "error", err, io.EOF)
	}},
	{"Take waits until the read deadline, and can go on after it", func(t *testing.T, e NetEnv) {
		s, source, from, _, sink := e.spliced(t)
		defer s.Close()
		must(t, from.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
		_, err := s.Take(1)
		want(t, "deadline", errors.Is(err, os.ErrDeadlineExceeded), true)
		must(t, from.SetReadDeadline(time.Time{}))
		say(t, source, "late")
		move(t, s, 4)
		hear(t, sink, "late")
	}},
	{"Give waits until the write deadline", func(t *testing.T, e NetEnv) {
		s, source, _, to, _ := e.spliced(t)
		defer s.Close()
		go func() { _, _ = source.Write(make([]byte, 64<<20)) }() // until it is closed
		must(t, to.SetWriteDeadline(time.Now().Add(200*time.Millisecond)))
		for {
			n, err := s.Take(1 << 20)
			must(t, err)
			for n > 0 {
				m, err := s.Give()
				if err != nil {
					want(t, "deadline", errors.Is(err, os.ErrDeadlineExceeded), true)
					return
				}
				n -= m
			}
		}
	}},
	{"a closed source ends Take", func(t *testing.T, e NetEnv) {
		s, _, from, _, _ := e.spliced(t)
		defer s.Close()
		time.AfterFunc(10*time.Millisecond, func() { _ = from.Close() })
		_, err := s.Take(1)
		want(t, "closed", errors.Is(err, net.ErrClosed), true)
	}},
	{"Take before all is given is refused", func(t *testing.T, e NetEnv) {
		s, source, _, _, sink := e.spliced(t)
		defer s.Close()
		say(t, source, "ab")
		n, err := s.Take(1)
		must(t, err)
		_, err = s.Take(1)
		want(t, "refused", err != nil, true)
		giveAll(t, s, n)
		hear(t, sink, "a")
	}},
	{"what a Splice left behind does not get into another", func(t *testing.T, e NetEnv) {
		s, source, _, _, _ := e.spliced(t)
		say(t, source, "lost")
		_, err := s.Take(4)
		must(t, err)
		s.Close()
		s, source, _, _, sink := e.spliced(t)
		defer s.Close()
		say(t, source, "kept")
		move(t, s, 4)
		hear(t, sink, "kept")
	}},
	{"connections of another kind are not joined", func(t *testing.T, e NetEnv) {
		c, _ := e.pair(t)
		other, far := net.Pipe()
		defer other.Close()
		defer far.Close()
		p := e.Client.(host.Splicer)
		want(t, "joined", p.Splice(c, other) != nil || p.Splice(other, c) != nil, false)
	}},
}
