//go:build linux

package real_test

import (
	"net"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"apus/impl/host"
)

// What operators ask for is what the system does.
func TestListenOptions(t *testing.T) {
	for _, o := range []host.ListenOptions{{Backlog: 7, KeepIdle: 100 * time.Second}, {Backlog: 3}, {KeepIdle: time.Minute}, {}} {
		network := newHost().Net.(host.OptionListener)
		l, err := network.ListenOptions("127.0.0.1:0", o)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		s, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		control(t, s, func(fd int) {
			idle, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE)
			if want := int(o.KeepIdle.Seconds()); err != nil || want != 0 && idle != want {
				t.Errorf("%+v: probed after %d s, %v", o, idle, err)
			}
			if on, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE); err != nil || on == 0 {
				t.Errorf("%+v: never probed, %v", o, err)
			}
		})
		control(t, l, func(fd int) {
			// Of a listening socket, "sacked" is the length of its queue.
			info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
			if err != nil || o.Backlog != 0 && int(info.Sacked) != o.Backlog || info.Sacked == 0 {
				t.Errorf("%+v: %d may wait, %v", o, info.Sacked, err)
			}
		})
	}
}

func control(t *testing.T, c any, look func(fd int)) {
	t.Helper()
	raw, err := c.(syscall.Conn).SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { look(int(fd)) })
	}
	if err != nil {
		t.Fatal(err)
	}
}
