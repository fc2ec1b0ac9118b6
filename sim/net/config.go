package simnet

import (
	"fmt"
	"time"
)

// Config is the weather of a network without faults. A zero field means its
// default.
type Config struct {
	// Latency is the least one-way delay between two machines, Tail the mean
	// of the exponential delay added to it. Defaults 100 µs and 100 µs.
	Latency, Tail time.Duration
	// Loopback is the least delay within one machine. Default 10 µs.
	Loopback time.Duration
	// Bandwidth is what one machine can send another, in bytes a second.
	// Default 125 MB/s; negative means unlimited.
	Bandwidth int64
	// Buffer is how many bytes one direction of a connection holds between
	// the writer and the reader, before the writer blocks. Default 256 KiB.
	Buffer int
	// MSS is the most bytes that arrive at one instant. Default 16 KiB.
	MSS int
	// Backlog is how many established connections wait for Accept before
	// new ones get no answer. Default 128.
	Backlog int
	// ConnectTimeout ends a Dial that gets no answer. Default 127 s.
	ConnectTimeout time.Duration
	// KeepAlive is the interval of keep-alive probes on a connection whose
	// peer has become unreachable; KeepAliveProbes unanswered ones end it.
	// Defaults 15 s and 9.
	KeepAlive       time.Duration
	KeepAliveProbes int
	// Retransmit ends a connection whose bytes stay unacknowledged so long.
	// Default 924 s.
	Retransmit time.Duration
	// Trace, when not nil, is told every event in order. It must not call
	// back into the network.
	Trace func(kind string, args ...any)
}

func (c Config) withDefaults() Config {
	setDefault(&c.Latency, 100*time.Microsecond)
	setDefault(&c.Tail, 100*time.Microsecond)
	setDefault(&c.Loopback, 10*time.Microsecond)
	setDefault(&c.Bandwidth, 125_000_000)
	setDefault(&c.Buffer, 256<<10)
	setDefault(&c.MSS, 16<<10)
	setDefault(&c.Backlog, 128)
	setDefault(&c.ConnectTimeout, 127*time.Second)
	setDefault(&c.KeepAlive, 15*time.Second)
	setDefault(&c.KeepAliveProbes, 9)
	setDefault(&c.Retransmit, 924*time.Second)
	if c.Trace == nil {
		c.Trace = func(string, ...any) {}
	}
	return c
}

func (c Config) validate() error {
	if c.Latency < 0 || c.Loopback < 0 || c.Buffer < 0 || c.MSS < 0 || c.Backlog < 0 ||
		c.ConnectTimeout < 0 || c.KeepAlive < 0 || c.KeepAliveProbes < 0 || c.Retransmit < 0 {
		return fmt.Errorf("simnet: negative setting in %+v", c)
	}
	return nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
