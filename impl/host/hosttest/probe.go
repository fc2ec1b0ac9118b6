package hosttest

import (
	"io"
	"net"
	"testing"
	"time"

	"apus/impl/host"
)

// probe is what looks at a connection of the client.
func (e NetEnv) probe(t *testing.T, c net.Conn) (quiet func() bool) {
	t.Helper()
	p, ok := e.Client.(host.Prober)
	if !ok {
		t.Fatalf("%T is no host.Prober", e.Client)
	}
	return p.Probe(c)
}

// arrives waits for something to be seen on the connection.
func arrives(t *testing.T, quiet func() bool) {
	t.Helper()
	for watch := host.StartStopwatch(); quiet(); time.Sleep(time.Millisecond) {
		if watch.Elapsed() > patience {
			t.Fatal("nothing arrives")
		}
	}
}

var probeCases = []testCase[NetEnv]{
	{"an idle connection is quiet", func(t *testing.T, e NetEnv) {
		c, s := e.pair(t)
		quiet := e.probe(t, c)
		want(t, "quiet", quiet(), true)
		_, err := io.WriteString(c, "question")
		must(t, err)
		_, err = io.ReadFull(s, make([]byte, 8))
		must(t, err)
		want(t, "quiet after a write", quiet(), true)
	}},
	{"bytes break the quiet until they are read", func(t *testing.T, e NetEnv) {
		c, s := e.pair(t)
		quiet := e.probe(t, c)
		_, err := io.WriteString(s, "x")
		must(t, err)
		arrives(t, quiet)
		want(t, "quiet", quiet(), false)
		_, err = io.ReadFull(c, make([]byte, 1)) // probing has taken nothing
		must(t, err)
		want(t, "quiet after reading", quiet(), true)
	}},
	{"an end breaks the quiet", func(t *testing.T, e NetEnv) {
		c, s := e.pair(t)
		quiet := e.probe(t, c)
		must(t, s.Close())
		arrives(t, quiet)
		want(t, "quiet", quiet(), false)
	}},
	{"probing does not mind deadlines", func(t *testing.T, e NetEnv) {
		c, _ := e.pair(t)
		quiet := e.probe(t, c)
		must(t, c.SetDeadline(time.Unix(1, 0)))
		want(t, "quiet", quiet(), true)
	}},
	{"a closed connection is not quiet", func(t *testing.T, e NetEnv) {
		c, _ := e.pair(t)
		quiet := e.probe(t, c)
		must(t, c.Close())
		want(t, "quiet", quiet(), false)
	}},
}
