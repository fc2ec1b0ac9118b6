package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"apus/impl/config"
	"apus/impl/host"
	"apus/impl/swift"
)

// listening is how a daemon listens on an address: with a backlog, probing
// connections that are silent for keep_idle seconds. Where another process
// listens, such as the one that this one takes over from, it is tried again for
// bind_timeout seconds.
type listening struct {
	addr    string
	options host.ListenOptions
	timeout time.Duration
}

func readListening(def *config.Section, addr string) listening {
	return listening{
		addr: addr,
		options: host.ListenOptions{
			Backlog:  int(def.Int("backlog", 4096, 1, 1<<16-1)),
			KeepIdle: time.Duration(def.Int("keep_idle", 600, 1, 1<<15-2)) * time.Second,
		},
		timeout: def.Seconds("bind_timeout", 30*time.Second),
	}
}

// unlessStopped is err, why nobody listens, but for a daemon that was stopped
// while it waited.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// listenAgain is how long to wait between two tries.
const listenAgain = 100 * time.Millisecond

func (l listening) listen(ctx context.Context, n host.Net) (net.Listener, error) {
	once := func() (net.Listener, error) { return n.Listen(l.addr) }
	if o, ok := n.(host.OptionListener); ok {
		once = func() (net.Listener, error) { return o.ListenOptions(l.addr, l.options) }
	}
	since := host.StartStopwatch()
	fail := func(err error) (net.Listener, error) { return nil, swift.E("daemon.Listen", l.addr, swift.Other, err) }
	for {
		ln, err := once()
		switch {
		case err == nil:
			return ln, nil
		case !errors.Is(err, host.ErrAddrInUse):
			return fail(err)
		case since.Elapsed() >= l.timeout:
			return fail(fmt.Errorf("%w, also after bind_timeout = %g seconds", err, l.timeout.Seconds()))
		}
		select {
		case <-ctx.Done():
			return fail(ctx.Err())
		case <-time.After(listenAgain):
		}
	}
}
