//go:build linux

// Package real puts the operating system (Linux) behind the seams of package
// host. It is the only package of the product that may touch files, sockets
// and the wall clock; commands and tests choose it, nothing else does.
package real

import (
	"log/slog"
	"time"

	"golang.org/x/sys/unix"

	"apus/impl/host"
)

// New returns the host that this process runs on.
func New(name string, log *slog.Logger) *host.Host { return new(Machine).Host(name, log) }

// Machine is what this process runs on. Hosts of one Machine that write to the
// same file system make it durable together. The zero value is ready; a Machine
// must not be copied.
type Machine struct{ volumes volumes }

// Host returns a host of that name.
func (m *Machine) Host(name string, log *slog.Logger) *host.Host {
	return &host.Host{Name: name, FS: SharedFS{volumes: &m.volumes}, Net: NewNet(), Clock: Clock{}, Log: log}
}

// Clock is the wall clock of the operating system.
type Clock struct{}

var _ host.Clock = Clock{}

// Now implements host.Clock.
func (Clock) Now() time.Time { return time.Now() }

// Yield gives the processor to other threads of the machine that want it, if
// there are any.
func Yield() { _, _, _ = unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }
