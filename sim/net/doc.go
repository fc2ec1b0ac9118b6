// Package simnet is a TCP network inside one process: the simulated side of
// [host.Net].
//
// It models what an application can observe of TCP: byte streams that are
// ordered and bounded in each direction (so that writers block), chunking,
// latency with a tail, bandwidth, connection set-up that is refused, times out
// or finds the backlog full, FIN against RST, half-closed and half-open
// connections, partitions whose bytes arrive late, and machines that stop.
// Bytes are never lost, altered or repeated inside a stream: TCP does not do
// that either.
//
// The unit of the simulation is the machine, named by its IP address, and on
// it processes, each of which is a [host.Net]. Everything waits through package
// time and channels, so that a synctest bubble drives it; an idle network has
// no timer and no goroutine. No two deliveries share an instant.
//
// Every open connection is known with its owners and the stack that opened it
// ([Network.Conns]), which is how leaks are found without trusting the code
// under test.
package simnet
