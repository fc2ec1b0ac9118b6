package memcache

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"apus/impl/web/webtest"
)

// server is a memcached that keeps what it is told.
type server struct {
	mu     sync.Mutex
	values map[string]string // key → "flags exptime value"
	log    []string
	mute   bool // accepts and does not answer
	down   bool
	conns  []net.Conn
}

// servers is a host.Net with memcacheds at addresses.
type servers map[string]*server

func (s servers) Listen(string) (net.Listener, error) { return nil, errors.New("not here") }
func (s servers) Dial(_ context.Context, addr string) (net.Conn, error) {
	srv := s[addr]
	if srv == nil {
		return nil, errors.New("connection refused")
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.down {
		return nil, errors.New("connection refused")
	}
	client, c := net.Pipe()
	srv.conns = append(srv.conns, c)
	go srv.run(c)
	return client, nil
}

func (s *server) run(c net.Conn) {
	rd := bufio.NewReader(c)
	for {
		line, err := rd.ReadString('\n')
		if err != nil {
			return
		}
		words := strings.Fields(line)
		data := ""
		if words[0] == "set" || words[0] == "add" {
			n, _ := strconv.Atoi(words[4])
			buf := make([]byte, n+2)
			_, _ = io.ReadFull(rd, buf)
			data = string(buf[:n])
		}
		s.mu.Lock()
		answer, mute := s.answer(words, data), s.mute
		s.mu.Unlock()
		if !mute {
			_, _ = io.WriteString(c, answer)
		}
	}
}

func (s *server) answer(words []string, data string) string {
	if s.values == nil {
		s.values = map[string]string{}
	}
	s.log = append(s.log, words[0])
	key := words[1]
	have, ok := s.values[key]
	switch words[0] {
	case "set", "add":
		if words[0] == "add" && ok {
			return "NOT_STORED\r\n"
		}
		s.values[key] = words[2] + " " + words[3] + " " + data
		return "STORED\r\n"
	case "get":
		var b strings.Builder
		for _, key := range words[1:] {
			if have, ok := s.values[key]; ok {
				f := strings.SplitN(have, " ", 3)
				fmt.Fprintf(&b, "VALUE %s %s %d\r\n%s\r\n", key, f[0], len(f[2]), f[2])
			}
		}
		return b.String() + "END\r\n"
	case "delete":
		delete(s.values, key)
		return "DELETED\r\n"
	case "incr", "decr":
		if !ok {
			return "NOT_FOUND\r\n"
		}
		f := strings.SplitN(have, " ", 3)
		n, _ := strconv.ParseInt(f[2], 10, 64)
		d, _ := strconv.ParseInt(words[2], 10, 64)
		if words[0] == "decr" {
			d = -d
		}
		n = max(n+d, 0)
		s.values[key] = fmt.Sprintf("%s %s %d", f[0], f[1], n)
		return fmt.Sprintf("%d\r\n", n)
	}
	return "ERROR\r\n"
}

func bubble(t *testing.T, s servers, cfg ClientConfig, fn func(t *testing.T, c *Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, err := NewClient(s, webtest.NewClock(1_700_000_000), cfg)
		if err != nil {
			t.Fatal(err)
		}
		fn(t, c)
		c.Close()
		for _, srv := range s {
			for _, cn := range srv.conns {
				_ = cn.Close()
			}
		}
		synctest.Wait()
	})
}

func TestClient(t *testing.T) {
	srv := &server{}
	bubble(t, servers{"m:11211": srv}, ClientConfig{Servers: []string{"m"}}, func(t *testing.T, c *Client) {
		if _, ok := c.Get(ctx, "key"); ok {
			t.Error("found before it was set")
		}
		c.Set(ctx, "key", []byte("[1,\r\n2]"), 90*time.Second)
		// md5("key") as Swift sends it, the flag of JSON, seconds.
		if got := srv.values["3c6e0b8a9c15224a8228b9a98ca1531d"]; got != "2 90 [1,\r\n2]" {
			t.Errorf("stored %q", got)
		}
		if got, ok := c.Get(ctx, "key"); !ok || string(got) != "[1,\r\n2]" {
			t.Errorf("got %q, %v", got, ok)
		}
		c.Set(ctx, "key", []byte("1"), 31*24*time.Hour)
		if got := srv.values["3c6e0b8a9c15224a8228b9a98ca1531d"]; got != "2 1702678400 1" {
			t.Errorf("stored %q", got)
		}
		srv.values["3c6e0b8a9c15224a8228b9a98ca1531d"] = "1 0 pickle"
		if _, ok := c.Get(ctx, "key"); ok {
			t.Error("a pickle was read")
		}
		c.Delete(ctx, "key")
		if len(srv.values) != 0 {
			t.Errorf("left: %v", srv.values)
		}
		if len(srv.conns) != 2 { // round-robin over the pool
			t.Errorf("%d connections", len(srv.conns))
		}
	})
}

func TestIncr(t *testing.T) {
	bubble(t, servers{"m:1": &server{}}, ClientConfig{Servers: []string{"m:1"}}, func(t *testing.T, c *Client) {
		for i, step := range []struct{ delta, want int64 }{{5, 5}, {2, 7}, {-3, 4}, {-9, 0}} {
			if got, err := c.Incr(ctx, "n", step.delta, time.Minute); err != nil || got != step.want {
				t.Errorf("step %d: %d, %v", i, got, err)
			}
		}
		if got, err := c.Incr(ctx, "other", -1, 0); err != nil || got != 0 {
			t.Errorf("a fresh counter fell to %d, %v", got, err)
		}
	})
}

// The order of servers for a key, as OpenStack Swift's MemcacheRing has it.
func TestRingOrder(t *testing.T) {
	names := []string{"10.0.0.1:11211", "10.0.0.2:11211", "10.0.0.3:11211"}
	c, err := NewClient(nil, nil, ClientConfig{Servers: names})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range ringOrder {
		var got []string
		for _, n := range c.order(hashKey(key)) {
			got = append(got, n.name[len("10.0.0."):len("10.0.0.")+1])
		}
		if strings.Join(got, "") != want {
			t.Errorf("%s: %v, want %s", key, got, want)
		}
	}
}

func TestFailingServers(t *testing.T) {
	s := servers{"a:1": {}, "b:1": {}, "c:1": {}}
	cfg := ClientConfig{Servers: []string{"a:1", "b:1", "c:1"}}
	bubble(t, s, cfg, func(t *testing.T, c *Client) {
		order := c.order(hashKey("k"))
		s[order[0].addr].down, s[order[1].addr].mute = true, true
		start := time.Now()
		c.Set(ctx, "k", []byte("1"), 0)
		if d := time.Since(start); d != 2*time.Second {
			t.Errorf("the mute server cost %v", d)
		}
		if len(s[order[2].addr].values) != 1 {
			t.Error("the third server was not used")
		}
		for range 10 {
			c.Get(ctx, "k")
		}
		start = time.Now()
		c.Get(ctx, "k")
		if d := time.Since(start); d != 0 {
			t.Errorf("after 10 errors and one more the servers are not skipped; Get took %v", d)
		}
		s[order[0].addr].down = false
		time.Sleep(61 * time.Second)
		c.Set(ctx, "k", []byte("2"), 0)
		if len(s[order[0].addr].values) != 1 {
			t.Error("the first server was not tried again")
		}
	})
}

func TestNobodyAnswers(t *testing.T) {
	bubble(t, servers{}, ClientConfig{Servers: []string{"a", "b"}}, func(t *testing.T, c *Client) {
		c.Set(ctx, "k", []byte("1"), 0)
		if _, ok := c.Get(ctx, "k"); ok {
			t.Error("found")
		}
		if _, err := c.Incr(ctx, "k", 1, 0); err == nil {
			t.Error("counted")
		}
	})
	if _, err := NewClient(nil, nil, ClientConfig{}); err == nil {
		t.Error("no servers, no error")
	}
}

func TestPoolIsBounded(t *testing.T) {
	srv := &server{mute: true}
	cfg := ClientConfig{Servers: []string{"m:1"}, MaxConns: 2, ErrorInterval: -1}
	bubble(t, servers{"m:1": srv}, cfg, func(t *testing.T, c *Client) {
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() { c.Set(ctx, "k", []byte("1"), 0) })
		}
		time.Sleep(time.Second / 2)
		synctest.Wait()
		if n := len(srv.conns); n != 2 {
			t.Errorf("%d connections", n)
		}
		wg.Wait()
	})
}

// Gets that are on their way together share a command, and each gets what it
// asked for.
func TestGetsShareCommands(t *testing.T) {
	srv := &server{}
	bubble(t, servers{"m:1": srv}, ClientConfig{Servers: []string{"m:1"}}, func(t *testing.T, c *Client) {
		const keys = 7
		for i := range keys {
			c.Set(ctx, fmt.Sprint(i), fmt.Append(nil, "value ", i), 0)
		}
		srv.log = nil
		reading := c.nodes["m:1"].reading
		for range maxReading { // as if that many batches were under way
			<-reading
		}
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				got := c.GetEach(ctx, fmt.Sprint(i%keys), "missing", fmt.Sprint((i+1)%keys))
				want := []string{fmt.Sprint("value ", i%keys), "", fmt.Sprint("value ", (i+1)%keys)}
				for j := range want {
					if string(got[j]) != want[j] || (got[j] == nil) != (want[j] == "") {
						t.Errorf("caller %d got %q", i, got)
					}
				}
			})
		}
		synctest.Wait()
		for range maxReading {
			reading <- struct{}{}
		}
		wg.Wait()
		if n := len(srv.log); n != 2 { // 33 callers fill one
			t.Errorf("64 callers took %d commands", n)
		}
	})
}

// A server that does not answer holds up nobody for longer than a connection
// and an answer may take, however many ask.
func TestGetsOfAMuteServer(t *testing.T) {
	srv := &server{mute: true}
	cfg := ClientConfig{Servers: []string{"m:1"}, ErrorInterval: -1}
	bubble(t, servers{"m:1": srv}, cfg, func(t *testing.T, c *Client) {
		start := time.Now()
		var wg sync.WaitGroup
		for i := range 10 * maxBatch {
			wg.Go(func() { c.Get(ctx, fmt.Sprint(i)) })
		}
		wg.Wait()
		if d := time.Since(start); d > 3*time.Second {
			t.Errorf("the last caller waited %v", d)
		}
	})
}

// Keys of several servers, one of which is down, come from where they are.
func TestGetEachFromSeveralServers(t *testing.T) {
	s := servers{"a:1": {}, "b:1": {}, "c:1": {}}
	bubble(t, s, ClientConfig{Servers: []string{"a:1", "b:1", "c:1"}}, func(t *testing.T, c *Client) {
		s["b:1"].down = true
		var keys []string
		for i := range 30 {
			keys = append(keys, fmt.Sprint("key ", i))
			c.Set(ctx, keys[i], []byte(keys[i]), 0)
		}
		for i, v := range c.GetEach(ctx, keys...) {
			if string(v) != keys[i] {
				t.Errorf("%s: %q", keys[i], v)
			}
		}
		if len(s["a:1"].values) == 0 || len(s["c:1"].values) == 0 {
			t.Error("all keys have one server")
		}
	})
}

// A caller whose request ends does not wait for the others, nor take the
// answer from them.
func TestGetLeavesABatch(t *testing.T) {
	srv := &server{}
	bubble(t, servers{"m:1": srv}, ClientConfig{Servers: []string{"m:1"}}, func(t *testing.T, c *Client) {
		c.Set(ctx, "k", []byte("v"), 0)
		srv.mute = true
		var wg sync.WaitGroup
		for range maxReading + 1 { // these are sent, the last waits for its turn
			wg.Go(func() { c.Get(ctx, "k") })
			synctest.Wait()
		}
		impatient, cancel := context.WithCancel(ctx)
		left := make(chan struct{})
		go func() {
			defer close(left)
			if v, ok := c.Get(impatient, "k"); ok {
				t.Errorf("got %q from a server that is mute", v)
			}
		}()
		synctest.Wait()
		start := time.Now()
		cancel()
		<-left
		if d := time.Since(start); d != 0 {
			t.Errorf("left after %v", d)
		}
		srv.mu.Lock()
		srv.mute = false
		srv.mu.Unlock()
		wg.Wait()
		if v, ok := c.Get(ctx, "k"); !ok || string(v) != "v" {
			t.Errorf("then got %q, %v", v, ok)
		}
	})
}
