//go:build linux

package real

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"

	"apus/impl/host"
)

// Net is TCP, and UDP for datagrams, of the operating system, with TCP_NODELAY and keep-alive probes.
type Net struct {
	dialer   *net.Dialer
	listener *net.ListenConfig
	pipes    chan *pipe // that no Splice uses
}

var (
	_ host.Net       = (*Net)(nil)
	_ host.Datagrams = (*Net)(nil)
	_ host.Prober    = (*Net)(nil)

	_ host.OptionListener = (*Net)(nil)
)

// NewNet returns a Net.
func NewNet() *Net {
	n := &Net{dialer: &net.Dialer{}, listener: &net.ListenConfig{}, pipes: make(chan *pipe, maxPipes)}
	// Multipath TCP brings nothing between storage nodes and takes sendfile
	// and socket options through a slower layer.
	n.dialer.SetMultipathTCP(false)
	n.listener.SetMultipathTCP(false)
	return n
}

// Dial implements host.Net.
func (n *Net) Dial(ctx context.Context, addr string) (net.Conn, error) {
	return n.dialer.DialContext(ctx, "tcp", addr)
}

// Listen implements host.Net.
func (n *Net) Listen(addr string) (net.Listener, error) {
	return listen(n.listener, addr)
}

func listen(cfg *net.ListenConfig, addr string) (net.Listener, error) {
	l, err := cfg.Listen(context.Background(), "tcp", addr)
	if errors.Is(err, unix.EADDRINUSE) {
		err = fmt.Errorf("%w: %w", host.ErrAddrInUse, err)
	}
	return l, err
}

// ListenOptions implements host.OptionListener.
func (n *Net) ListenOptions(addr string, o host.ListenOptions) (net.Listener, error) {
	cfg := *n.listener
	if o.KeepIdle > 0 {
		cfg.KeepAliveConfig = net.KeepAliveConfig{Enable: true, Idle: o.KeepIdle}
	}
	l, err := listen(&cfg, addr)
	if err != nil || o.Backlog == 0 {
		return l, err
	}
	// Package net asks for the longest that the system allows. Listening once
	// more changes that, and nothing else.
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err == nil {
		cerr := raw.Control(func(fd uintptr) { err = unix.Listen(int(fd), o.Backlog) })
		err = errors.Join(err, cerr)
	}
	if err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

// Datagrams implements host.Datagrams. A name is resolved once, here.
func (n *Net) Datagrams(addr string) (io.WriteCloser, error) {
	return n.dialer.DialContext(context.Background(), "udp", addr)
}

// Probe implements host.Prober. It asks poll(2), which needs no memory.
func (n *Net) Probe(c net.Conn) (quiet func() bool) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		panic("real: a connection of another Net")
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return func() bool { return false }
	}
	var ready int
	var perr error
	set := make([]unix.PollFd, 1)
	look := func(fd uintptr) {
		set[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN | unix.POLLRDHUP}
		ready, perr = unix.Poll(set, 0)
		for perr == unix.EINTR {
			ready, perr = unix.Poll(set, 0)
		}
	}
	return func() bool { return raw.Control(look) == nil && perr == nil && ready == 0 }
}
