// Package statsd sends metrics to a statsd daemon as Swift does: one datagram
// for each,
//
//	[<log_statsd_metric_prefix>.]<who>.<name>:<value>|<c or ms>[|@<sample rate>]
//
// where <who> is the daemon ("object-server") or what a filter calls itself
// ("tempauth.AUTH_"). [Client.Sink] listens to the events of package event and
// knows the names that Swift gives them.
//
// Some are sent with labels as well, under names without any prefix, to a
// collector that understands one of the [Modes] of writing them.
//
// Options, in [DEFAULT] or the section of whoever counts: log_statsd_host (none:
// nothing is sent), log_statsd_port (8125), log_statsd_metric_prefix,
// log_statsd_default_sample_rate (1), log_statsd_sample_rate_factor (1),
// statsd_emit_legacy (true: metrics without labels), statsd_label_mode
// (disabled, or one of the Modes) and statsd_user_label_<name> = <value>, which
// every metric with labels gets as user_<name>. What the network thinks of the
// datagrams is nobody's trouble.
package statsd

import (
	"io"
	"math"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"apus/impl/config"
	"apus/impl/host"
)

const defaultPort = 8125

// Config is the options. It can be compared.
type Config struct {
	Host string // empty: send nothing
	Port int
	// Legacy is set for metrics without labels; Prefix begins their names.
	Legacy bool
	Prefix string
	// Mode is how labels are written; empty for none. User is the operator's
	// own, as "name=value" joined by commas.
	Mode, User string
	// DefaultRate is the share of the metrics that are sent when whoever
	// counts names no share of his own; Factor applies to either.
	DefaultRate, Factor float64
}

// ReadConfig reads the options of a section. An option with alternative in
// front of its name ("access_") goes first.
func ReadConfig(s *config.Section, alternative string) Config {
	key := func(name string) string {
		if alternative == "" {
			return name
		}
		v, ok := s.Lookup(alternative + name)
		_, _ = s.Lookup(name) // known, if overridden
		if ok && v != "" {
			return alternative + name
		}
		return name
	}
	mode := strings.ToLower(s.String("statsd_label_mode", disabled))
	if _, ok := modes[mode]; !ok && mode != disabled {
		s.Fail("statsd_label_mode", "must be "+disabled+" or one of "+strings.Join(Modes(), ", "))
	}
	if mode == disabled {
		mode = ""
	}
	return Config{
		Host:        s.String(key("log_statsd_host"), ""),
		Port:        int(s.Int(key("log_statsd_port"), defaultPort, 1, 65535)),
		Legacy:      s.Bool("statsd_emit_legacy", true),
		Mode:        mode,
		User:        userLabels(s),
		Prefix:      s.String(key("log_statsd_metric_prefix"), ""),
		DefaultRate: s.Float(key("log_statsd_default_sample_rate"), 1, 0, math.MaxFloat64),
		Factor:      s.Float(key("log_statsd_sample_rate_factor"), 1, 0, math.MaxFloat64),
	}
}

// reopenAfter is how long a client whose socket could not be opened waits
// before it tries again.
const reopenAfter = time.Minute

// Client sends metrics. It may be used concurrently.
type Client struct {
	cfg    Config
	mode   mode    // nil: nothing has labels
	own    []label // the operator's
	net    host.Datagrams
	socket atomic.Pointer[socket]
	turn   chan struct{} // held by whoever opens the socket
	random func() float64
}

// socket is an open socket, or when it could not be opened.
type socket struct {
	w     io.WriteCloser
	tried host.Stopwatch
}

// New opens the socket when it is first needed. The result is nil, which
// sends nothing, without a host, if there are to be metrics neither with nor
// without labels, or when n has no datagrams.
func New(n host.Net, cfg Config) *Client {
	d, ok := n.(host.Datagrams)
	if cfg.Host == "" || !cfg.Legacy && cfg.Mode == "" || !ok {
		return nil
	}
	return &Client{cfg: cfg, mode: modes[cfg.Mode], own: parseLabels(cfg.User), net: d, turn: make(chan struct{}, 1), random: rand.Float64}
}

// Close ends the socket. Metrics that come later are lost.
func (c *Client) Close() {
	if c == nil {
		return
	}
	c.turn <- struct{}{} // kept: nobody opens another
	if s := c.socket.Load(); s != nil && s.w != nil {
		_ = s.w.Close()
	}
}

// byDefault is the sample rate of those who name none.
const byDefault = -1

// count sends a counter's step.
func (c *Client) count(name string, value int64, rate float64) {
	c.send(name, strconv.FormatInt(value, 10), "c", rate)
}

// timing sends a duration.
func (c *Client) timing(name string, d time.Duration, rate float64) {
	c.send(name, milliseconds(d), "ms", rate)
}

func milliseconds(d time.Duration) string {
	return decimal(math.Round(float64(d)/1e6*1e4) / 1e4)
}

// decimal writes a number as Python does.
func decimal(v float64) string {
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// send sends a metric without labels.
func (c *Client) send(name, value, kind string, rate float64) {
	if !c.cfg.Legacy {
		return
	}
	c.sample(rate, func(rate string) string {
		line := name + ":" + value + "|" + kind + rate
		if c.cfg.Prefix != "" {
			line = c.cfg.Prefix + "." + line
		}
		return line
	})
}

// sample sends a line, if it is this one's turn. The line gets its sample rate,
// or nothing where all are sent.
func (c *Client) sample(rate float64, line func(rate string) string) {
	if rate == byDefault {
		rate = c.cfg.DefaultRate
	}
	rate *= c.cfg.Factor
	if rate < 1 && c.random() >= rate {
		return
	}
	w := c.open()
	if w == nil {
		return
	}
	shown := ""
	if rate < 1 {
		shown = "|@" + decimal(rate)
	}
	_, _ = io.WriteString(w, line(shown))
}

// open is the socket; nil when there is none, or when somebody else is opening
// it: a metric is not worth waiting for.
func (c *Client) open() io.Writer {
	if s := c.socket.Load(); s != nil && (s.w != nil || s.tried.Elapsed() < reopenAfter) {
		return writer(s)
	}
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	default:
		return nil
	}
	w, err := c.net.Datagrams(net.JoinHostPort(c.cfg.Host, strconv.Itoa(c.cfg.Port)))
	if err != nil {
		w = nil
	}
	s := &socket{w: w, tried: host.StartStopwatch()}
	c.socket.Store(s)
	return writer(s)
}

func writer(s *socket) io.Writer {
	if s.w == nil {
		return nil
	}
	return s.w
}
