package simnet

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Addresses of the two machines of a wire.
const (
	clientIP = "10.0.0.1"
	serverIP = "10.0.0.2"
	service  = serverIP + ":80"
)

// wire is one connection between two machines.
type wire struct {
	*Network
	client, server *Process
	l              net.Listener
	a, b           *Conn // the dialer's and the acceptor's
}

// inBubble runs a test on a wire.
func inBubble(t *testing.T, cfg Config, test func(t *testing.T, w *wire)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{Network: newNet(cfg)}
		w.client, w.server = w.Process("client", clientIP), w.Process("server", serverIP)
		var err error
		w.l, err = w.server.Listen(":80")
		require.NoError(t, err)
		w.a = w.dial(t)
		c, err := w.l.Accept()
		require.NoError(t, err)
		w.b = c.(*Conn)
		test(t, w)
		w.client.Fence(Killed)
		w.server.Fence(Killed)
	})
}

func (w *wire) dial(t *testing.T) *Conn {
	t.Helper()
	c, err := w.client.Dial(t.Context(), service)
	require.NoError(t, err)
	return c.(*Conn)
}

// dialFor tries for that long and returns how long it took and the error.
func (w *wire) dialFor(t *testing.T, limit time.Duration) (time.Duration, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	start := time.Now()
	c, err := w.client.Dial(ctx, service)
	if err == nil {
		require.NoError(t, c.Close())
	}
	return time.Since(start), err
}

func send(t *testing.T, c *Conn, text string) {
	t.Helper()
	_, err := c.Write([]byte(text))
	require.NoError(t, err)
}

// expect reads exactly text, and says how long it took.
func expect(t *testing.T, c *Conn, text string) time.Duration {
	t.Helper()
	start := time.Now()
	got := make([]byte, len(text))
	_, err := io.ReadFull(c, got)
	require.NoError(t, err)
	require.Equal(t, text, string(got))
	return time.Since(start)
}

// quiet demands that nothing arrives for that long.
func quiet(t *testing.T, c *Conn, d time.Duration) {
	t.Helper()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(d)))
	n, err := c.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Zero(t, n)
	require.NoError(t, c.SetReadDeadline(time.Time{}))
}

func readError(c *Conn) error {
	_, err := c.Read(make([]byte, 1))
	return err
}

func TestWriterBlocksUntilRead(t *testing.T) {
	inBubble(t, Config{Buffer: 1000, MSS: 100}, func(t *testing.T, w *wire) {
		require.NoError(t, w.a.SetWriteDeadline(time.Now().Add(time.Hour)))
		n, err := w.a.Write(make([]byte, 5000))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, 1000, n)
		require.NoError(t, w.a.SetWriteDeadline(time.Time{}))
		done := make(chan error)
		go func() {
			_, err := w.a.Write(make([]byte, 5000))
			done <- err
		}()
		_, err = io.ReadFull(w.b, make([]byte, 6000))
		require.NoError(t, err)
		require.NoError(t, <-done)
	})
}

func TestPartitionDeliversLate(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *wire) {
		w.Partition(clientIP, serverIP, BothWays)
		send(t, w.a, "late")
		quiet(t, w.b, 20*time.Second)
		took, err := w.dialFor(t, 5*time.Second)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 5*time.Second, took)
		var timeout net.Error
		require.ErrorAs(t, err, &timeout)
		require.True(t, timeout.Timeout())
		w.Heal(clientIP, serverIP)
		require.Less(t, expect(t, w.b, "late"), 10*time.Second)
		send(t, w.b, "back")
		expect(t, w.a, "back")
		require.Positive(t, w.Fired()["partition "+clientIP+" "+serverIP])
	})
}

func TestDialOutlivesShortPartition(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *wire) {
		w.Partition("*", serverIP, BothWays)
		time.AfterFunc(2*time.Second, func() { w.Heal("*", serverIP) })
		took, err := w.dialFor(t, time.Minute)
		require.NoError(t, err)
		require.Greater(t, took, 2*time.Second)
		require.Less(t, took, 4*time.Second)
	})
}

func TestOneWayPartition(t *testing.T) {
	inBubble(t, Config{Buffer: 1000}, func(t *testing.T, w *wire) {
		w.Partition(clientIP, serverIP, OneWay)
		send(t, w.a, "lost")
		send(t, w.b, "passes")
		expect(t, w.a, "passes")
		quiet(t, w.b, time.Second)
		// What arrived cannot be acknowledged, so the sender's buffer stays full.
		require.NoError(t, w.b.SetWriteDeadline(time.Now().Add(time.Second)))
		n, err := w.b.Write(make([]byte, 2000))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, 1000-len("passes"), n)
		_, err = io.ReadFull(w.a, make([]byte, n))
		require.NoError(t, err)
		require.NoError(t, w.b.SetWriteDeadline(time.Now().Add(time.Second)))
		n, err = w.b.Write(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Zero(t, n)
		w.Heal(clientIP, serverIP)
		expect(t, w.b, "lost")
		require.NoError(t, w.b.SetWriteDeadline(time.Time{}))
		send(t, w.b, "again")
		expect(t, w.a, "again")
	})
}

func TestLongPartitionEndsIdleConnection(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *wire) {
		start := time.Now()
		w.Partition(clientIP, serverIP, BothWays)
		require.ErrorIs(t, readError(w.a), syscall.ETIMEDOUT)
		require.InDelta(t, 135, time.Since(start).Seconds(), 1)
	})
}

func TestUnacknowledgedBytesEndConnection(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *wire) {
		start := time.Now()
		w.Partition(clientIP, serverIP, BothWays)
		send(t, w.a, "x")
		require.ErrorIs(t, readError(w.a), syscall.ETIMEDOUT)
		require.InDelta(t, 924, time.Since(start).Seconds(), 20)
	})
}

func TestConnectFaults(t *testing.T) {
	for name, test := range map[string]struct {
		rule Rule
		want error
	}{
		"refuse":           {Rule{Kind: Refuse, To: serverIP}, syscall.ECONNREFUSED},
		"refuse this port": {Rule{Kind: Refuse, To: serverIP, Port: 80}, syscall.ECONNREFUSED},
		"another port":     {Rule{Kind: Refuse, To: serverIP, Port: 81}, nil},
		"another machine":  {Rule{Kind: Refuse, To: "10.9.*"}, nil},
		"blackhole":        {Rule{Kind: Blackhole, From: "10.0.*"}, context.DeadlineExceeded},
		"only once":        {Rule{Kind: Blackhole, Count: 1}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, func(t *testing.T, w *wire) {
				w.SetRule("x", test.rule)
				_, err := w.dialFor(t, 3*time.Second)
				require.ErrorIs(t, err, test.want)
				require.Equal(t, test.want != nil || test.rule.Count > 0, w.Fired()["x"] > 0)
				w.ClearRule("x")
				took, err := w.dialFor(t, 3*time.Second)
				require.NoError(t, err)
				require.Less(t, took, 10*time.Millisecond)
			})
		})
	}
}

func TestNobodyListens(t *testing.T) {
	inBubble(t, Config{ConnectTimeout: 20 * time.Second}, func(t *testing.T, w *wire) {
		_, err := w.client.Dial(t.Context(), serverIP+":81")
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		start := time.Now()
		_, err = w.client.Dial(t.Context(), "10.0.0.77:80")
		require.ErrorIs(t, err, syscall.ETIMEDOUT)
		require.Equal(t, 20*time.Second, time.Since(start).Round(time.Second))
		_, err = w.client.Dial(t.Context(), "nowhere:80")
		var dns *net.DNSError
		require.ErrorAs(t, err, &dns)
		w.Name("somewhere", serverIP)
		c, err := w.client.Dial(t.Context(), "somewhere:80")
		require.NoError(t, err)
		require.NoError(t, c.Close())
	})
}

func TestBacklogFull(t *testing.T) {
	inBubble(t, Config{Backlog: 2}, func(t *testing.T, w *wire) {
		first := w.dial(t)
		w.dial(t)
		_, err := w.dialFor(t, 10*time.Second)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		c, err := w.l.Accept()
		require.NoError(t, err)
		require.Equal(t, first.ID(), c.(*Conn).ID())
		_, err = w.dialFor(t, 10*time.Second)
		require.NoError(t, err)
	})
}

func TestResetAfterBytes(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *wire) {
		w.SetRule("cut", Rule{Kind: Reset, From: serverIP, To: clientIP, AfterBytes: 100_000})
		go func() {
			for {
				if _, err := w.b.Write(make([]byte, 4096)); err != nil {
					return
				}
			}
		}()
		got, err := io.ReadAll(w.a)
		require.ErrorIs(t, err, syscall.ECONNRESET)
		require.Len(t, got, 100_000)
		require.ErrorIs(t, readError(w.b), syscall.ECONNRESET)
		require.Equal(t, 1, w.Fired()["cut"])
	})
}

func TestCloseWithUnreadBytesResets(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *wire) {
		send(t, w.b, "nobody reads this")
		time.Sleep(time.Second)
		require.NoError(t, w.a.Close())
		require.ErrorIs(t, readError(w.b), syscall.ECONNRESET)
		_, err := w.b.Write([]byte("x"))
		require.ErrorIs(t, err, syscall.ECONNRESET)
		_, err = w.b.Write([]byte("x"))
		require.ErrorIs(t, err, syscall.EPIPE)
	})
}

func TestWriteToClosedPeerIsReset(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *wire) {
		require.NoError(t, w.a.Close())
		require.ErrorIs(t, readError(w.b), io.EOF)
		send(t, w.b, "hello?")
		require.ErrorIs(t, readError(w.b), io.EOF)
		time.Sleep(time.Second)
		require.ErrorIs(t, readError(w.b), syscall.ECONNRESET)
	})
}

func TestKilledProcess(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *wire) {
		blocked := make(chan error, 2)
		go func() { blocked <- readError(w.b) }()
		go func() {
			_, err := w.l.Accept()
			blocked <- err
		}()
		time.Sleep(time.Second)
		w.server.Fence(Killed)
		require.ErrorIs(t, <-blocked, ErrDead)
		require.ErrorIs(t, <-blocked, ErrDead)
		require.ErrorIs(t, readError(w.a), io.EOF)
		_, err := w.b.Write([]byte("x"))
		require.ErrorIs(t, err, ErrDead)
		_, err = w.server.Dial(t.Context(), service)
		require.ErrorIs(t, err, ErrDead)
		_, err = w.dialFor(t, time.Second)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		again := w.Process("server", serverIP)
		defer again.Fence(Killed)
		_, err = again.Listen(":80")
		require.NoError(t, err)
		_, err = w.dialFor(t, time.Second)
		require.NoError(t, err)
	})
}

func TestPowerLost(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *wire) {
		idle := w.dial(t)
		w.PowerOff(serverIP)
		quiet(t, w.a, 10*time.Second)
		send(t, w.a, "is anybody there?")
		quiet(t, w.a, 10*time.Second)
		_, err := w.dialFor(t, 10*time.Second)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Len(t, w.Conns(), 2)

		again := w.Process("server", serverIP)
		defer again.Fence(Killed)
		start := time.Now()
		require.ErrorIs(t, readError(w.a), syscall.ECONNRESET)
		require.Less(t, time.Since(start), 10*time.Second)
		require.ErrorIs(t, readError(idle), syscall.ECONNRESET)
		require.Less(t, time.Since(start), 20*time.Second, "the next keep-alive probe")
	})
}

func TestPowerLostForGood(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *wire) {
		w.PowerOff(serverIP)
		require.ErrorIs(t, readError(w.a), syscall.ETIMEDOUT)
		require.NoError(t, w.a.Close())
		require.Empty(t, w.Conns())
	})
}

func TestPauseHoldsEverything(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *wire) {
		w.Pause(serverIP)
		send(t, w.a, "in")
		send(t, w.b, "out")
		quiet(t, w.a, time.Second)
		quiet(t, w.b, time.Second)
		w.Resume(serverIP)
		expect(t, w.a, "out")
		expect(t, w.b, "in")
		require.Positive(t, w.Fired()["pause "+serverIP])
	})
}

func TestPauseOfOneProcess(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *wire) {
		other := w.Process("other", serverIP)
		defer other.Fence(Killed)
		_, err := other.Listen(":81")
		require.NoError(t, err)
		w.SetRule("stop", Rule{Kind: Pause, From: serverIP, Proc: "serv*"})
		send(t, w.a, "x")
		quiet(t, w.b, time.Second)
		_, err = w.dialFor(t, time.Second)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		c, err := w.client.Dial(t.Context(), serverIP+":81")
		require.NoError(t, err)
		require.NoError(t, c.Close())
		w.ClearRule("stop")
		expect(t, w.b, "x")
	})
}

func TestSlowAndThrottle(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *wire) {
		send(t, w.a, "x")
		require.Less(t, expect(t, w.b, "x"), 10*time.Millisecond)
		w.SetRule("slow", Rule{Kind: Slow, From: clientIP, To: serverIP, Latency: time.Second})
		send(t, w.a, "x")
		require.InDelta(t, 1, expect(t, w.b, "x").Seconds(), 0.01)
		send(t, w.b, "x")
		require.Less(t, expect(t, w.a, "x"), 10*time.Millisecond)
		w.ClearRule("slow")
		w.SetRule("narrow", Rule{Kind: Throttle, From: clientIP, To: serverIP, Bandwidth: 10_000})
		send(t, w.a, string(make([]byte, 50_000)))
		require.InDelta(t, 5, expect(t, w.b, string(make([]byte, 50_000))).Seconds(), 0.1)
		fired := w.Fired()
		require.Positive(t, fired["slow"])
		require.Positive(t, fired["narrow"])
	})
}

// What waits for a narrow link goes on at full speed when that is wide again,
// and bytes of connections that are gone hold nobody up.
func TestThrottleLeavesNoQueue(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *wire) {
		w.SetRule("narrow", Rule{Kind: Throttle, From: clientIP, To: serverIP, Bandwidth: 1000})
		send(t, w.a, string(make([]byte, 50_000)))
		time.Sleep(time.Second)
		w.ClearRule("narrow")
		require.Less(t, expect(t, w.b, string(make([]byte, 50_000))), 20*time.Millisecond)
		send(t, w.a, "x")
		require.Less(t, expect(t, w.b, "x"), 10*time.Millisecond)
	})
}

func TestConnsAreKnown(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *wire) {
		require.NoError(t, w.b.Close())
		conns := w.Conns()
		require.Len(t, conns, 1)
		require.Equal(t, "client", conns[0].DialerProc)
		require.Equal(t, "server", conns[0].ListenerProc)
		require.Equal(t, service, conns[0].Addr)
		require.True(t, conns[0].DialerOpen)
		require.False(t, conns[0].ListenerOpen)
		require.Contains(t, conns[0].Stack, "(*wire).dial")
		require.NoError(t, w.a.Close())
		require.Empty(t, w.Conns())
	})
}

func TestIdleNetworkCostsNothing(t *testing.T) {
	events := 0
	inBubble(t, Config{Trace: func(string, ...any) { events++ }}, func(t *testing.T, w *wire) {
		time.Sleep(time.Second)
		before := events
		start := time.Now()
		time.Sleep(24 * time.Hour)
		require.Equal(t, before, events)
		require.Equal(t, 24*time.Hour, time.Since(start))
		require.Empty(t, w.Network.mu.instants)
	})
}

// Whatever the weather, a stream is neither torn nor reordered.
func TestStreamsStayWhole(t *testing.T) {
	for seed := range uint64(20) {
		inBubble(t, Config{Buffer: 20_000, MSS: 700}, func(t *testing.T, w *wire) {
			rng := w.streamLocked("test") + stream(seed)
			var sent bytes.Buffer
			for sent.Len() < 300_000 {
				sent.WriteByte(byte(rng.next()))
			}
			data := sent.Bytes()
			done := make(chan error, 1)
			go func(rng stream) { done <- sendInPieces(w.a, data, rng) }(rng)
			go func(rng stream) {
				for range 20 {
					time.Sleep(time.Duration(rng.below(int(time.Second))))
					w.Partition(clientIP, serverIP, Direction(rng.below(2)))
					w.SetRule("slow", Rule{Kind: Slow, Tail: 10 * time.Millisecond})
					time.Sleep(time.Duration(rng.below(int(time.Second))))
					w.ClearRules()
				}
			}(rng + 1)
			got, err := io.ReadAll(w.b)
			require.NoError(t, err)
			require.NoError(t, <-done)
			require.True(t, bytes.Equal(data, got))
			time.Sleep(time.Minute)
		})
	}
}

func sendInPieces(c *Conn, data []byte, rng stream) error {
	for len(data) > 0 {
		n := min(len(data), 1+rng.below(5000))
		if _, err := c.Write(data[:n]); err != nil {
			return err
		}
		data = data[n:]
		time.Sleep(time.Duration(rng.below(int(20 * time.Millisecond))))
	}
	return c.CloseWrite()
}
