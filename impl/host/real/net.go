//go:build linux

package real

import (
	"context"
	"io"
	"net"

	"apus/impl/host"
)

// Net is TCP, and UDP for datagrams, of the operating system, with TCP_NODELAY and keep-alive probes.
type Net struct {
	dialer   *net.Dialer
	listener *net.ListenConfig
}

var (
	_ host.Net       = (*Net)(nil)
	_ host.Datagrams = (*Net)(nil)
)

// NewNet returns a Net.
func NewNet() *Net {
	n := &Net{dialer: &net.Dialer{}, listener: &net.ListenConfig{}}
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
	return n.listener.Listen(context.Background(), "tcp", addr)
}

// Datagrams implements host.Datagrams. A name is resolved once, here.
func (n *Net) Datagrams(addr string) (io.WriteCloser, error) {
	return n.dialer.DialContext(context.Background(), "udp", addr)
}
