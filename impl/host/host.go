// Package host holds the three seams between apus and the world it runs in:
// files ([FS]), connections ([Net]) and the wall clock ([Clock]). A [Host]
// bundles them for one incarnation of one process.
//
// The package contains contracts and nothing that works. The operating system
// stands behind them in impl/host/real; simulated disks, networks and clocks
// stand behind them in sim. Code that holds a Host cannot tell which.
//
// Timers, randomness and goroutines have no seam: packages time,
// math/rand/v2, crypto/rand and the scheduler are made deterministic by the
// simulation engine itself. Only readings of the wall clock that end in a
// timestamp, a header, a file name or an expiry decision go through Clock,
// because a node may have its wall clock wrong while its timers are right.
package host

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"time"
)

// Host is the world as one process incarnation sees it. A killed and
// restarted process gets a new Host.
type Host struct {
	// Name identifies the machine in logs and events, e.g. "node3".
	Name  string
	FS    FS
	Net   Net
	Clock Clock
	Log   *slog.Logger
}

// Clock is the wall clock of the machine. It may be wrong and may jump in
// either direction; use package time for durations and timeouts.
type Clock interface {
	Now() time.Time
}

// Net opens TCP connections. Addresses are "ip:port" or "host:port".
type Net interface {
	// Dial connects to addr. It returns when the connection is established,
	// is refused, or ctx ends. The caller closes the connection.
	Dial(ctx context.Context, addr string) (net.Conn, error)
	// Listen accepts connections on addr. Port 0 picks a free port, which
	// Addr of the listener tells. The caller closes the listener. Where
	// somebody listens already the error is ErrAddrInUse.
	Listen(addr string) (net.Listener, error)
}

// ErrAddrInUse is what listening where somebody listens gives. Test for it with
// errors.Is.
var ErrAddrInUse = errors.New("address already in use")

// ListenOptions are what operators may want of a listener. Zero fields leave it
// to the system.
type ListenOptions struct {
	// Backlog is how many connections may wait to be accepted, at most what
	// the system allows (net.core.somaxconn).
	Backlog int
	// KeepIdle is how long a connection must be silent before it is probed.
	KeepIdle time.Duration
}

// OptionListener is a Net whose listeners have options. A Net need not be one.
type OptionListener interface {
	// ListenOptions is Listen with options.
	ListenOptions(addr string, o ListenOptions) (net.Listener, error)
}

// Datagrams is a Net that can send datagrams, for those who tell and do not
// wait for an answer. A Net need not be one.
type Datagrams interface {
	// Datagrams opens a socket for addr, "ip:port" or "host:port". One Write is
	// one datagram. It does not wait for anybody: a datagram may be lost without
	// a word, and an error of one Write says nothing of the next. Close ends
	// the socket; a Write after it is net.ErrClosed.
	Datagrams(addr string) (io.WriteCloser, error)
}

// Prober is a Net that can look at its connections without waiting, for those who
// keep connections and want to know which are still good. A Net need not be
// one.
type Prober interface {
	// Probe makes what looks at c, a connection that this Net dialled or
	// accepted. It reports whether c is quiet: open, with neither bytes nor
	// an end nor an error to be read, as far as has arrived here. One goroutine
	// at a time calls it.
	Probe(c net.Conn) (quiet func() bool)
}

// Splicer is a Net that can move bytes from one of its connections to another
// without showing them to the process. A Net need not be one.
type Splicer interface {
	// Splice joins src to dst. Both stay the caller's, who does nothing else
	// with the one's reading and the other's writing until he closes the
	// Splice. It is nil if these two cannot be joined.
	Splice(dst, src net.Conn) Splice
}

// Splice moves bytes from a connection to another in two steps, so that each
// has its own deadline and its own error. One goroutine at a time uses it.
type Splice interface {
	// Take takes from the source at most n bytes, and at least one, for which
	// it waits until the read deadline of the source. All that was taken
	// before must have been given. The error is io.EOF at the source's end.
	Take(n int64) (int64, error)
	// Give gives the destination some of what was taken, at least one byte, for
	// which it waits until the write deadline of the destination.
	Give() (int64, error)
	// Close ends it. What was taken and not given is lost.
	Close()
}
