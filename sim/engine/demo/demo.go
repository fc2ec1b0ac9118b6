// Package demo is a small scenario that leans on everything the engine has to
// make deterministic: stock net/http servers and clients over the simulated
// network, goroutines that race for mutexes, select with several ready cases,
// map order, package math/rand/v2 and crypto/rand, timers, and a few network
// faults. It knows nothing of Swift, and is what the engine is proved with.
package demo

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"apus/sim/engine"
	simnet "apus/sim/net"
)

// Size of the scenario.
const (
	servers     = 5
	clients     = 20
	defaultTime = 5 * time.Second
)

// demo is one run.
type demo struct {
	w        *engine.World
	net      *simnet.Network
	peers    []string
	requests atomic.Int64
}

// Run is the scenario.
func Run(ctx context.Context, w *engine.World) (*engine.Report, error) {
	d := &demo{w: w, net: simnet.New(w.Stream("network"), simnet.Config{Trace: w.Trace})}
	for i := range servers {
		d.peers = append(d.peers, fmt.Sprintf("10.0.0.%d:80", i+1))
	}
	ctx, cancel := context.WithTimeout(ctx, max(w.For, 0)+when(w.For == 0, defaultTime))
	defer cancel()
	var work, serving sync.WaitGroup
	stops := make([]func(), servers)
	for i := range servers {
		stop, err := d.serve(&serving, i)
		if err != nil {
			return nil, err
		}
		stops[i] = stop
	}
	for i := range clients {
		work.Go(func() { d.client(ctx, i) })
	}
	work.Go(func() { d.faults(ctx) })
	work.Wait()
	d.net.ClearRules()
	for _, stop := range stops {
		stop()
	}
	serving.Wait()
	time.Sleep(5 * time.Second)
	report := &engine.Report{Requests: d.requests.Load(), Checks: 1, Faults: d.net.Fired()}
	for _, c := range d.net.Conns() {
		report.Violations = append(report.Violations, engine.Violation{
			Check: "no leak", Message: c.String(), Detail: c.Stack})
	}
	return report, nil
}

func when(yes bool, d time.Duration) time.Duration {
	if yes {
		return d
	}
	return 0
}

// server keeps values and copies them to its neighbour.
type server struct {
	d     *demo
	name  string
	next  string
	http  *http.Client
	ticks chan int
	mu    sync.Mutex
	data  map[string][]byte
}

func (d *demo) serve(wg *sync.WaitGroup, i int) (stop func(), err error) {
	name := "server" + strconv.Itoa(i)
	proc := d.net.Process(name, fmt.Sprintf("10.0.0.%d", i+1))
	l, err := proc.Listen(":80")
	if err != nil {
		return nil, err
	}
	s := &server{d: d, name: name, next: d.peers[(i+1)%servers], http: client(proc), ticks: make(chan int), data: map[string][]byte{}}
	web := &http.Server{Handler: s}
	ctx, cancel := context.WithCancel(context.Background())
	wg.Go(func() { _ = web.Serve(l) })
	wg.Go(func() { s.tick(ctx, 5*time.Millisecond) })
	wg.Go(func() { s.tick(ctx, 5*time.Millisecond) })
	wg.Go(func() { s.count(ctx) })
	return func() {
		cancel()
		s.http.CloseIdleConnections()
		_ = web.Close()
	}, nil
}

func client(proc *simnet.Process) *http.Client {
	return &http.Client{
		Timeout: 3 * time.Second,
		Transport: &http.Transport{
			IdleConnTimeout: 2 * time.Second,
			DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
				return proc.Dial(ctx, addr)
			},
		},
	}
}

// tick races with its twin: two timers of one instant, one mutex.
func (s *server) tick(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		s.mu.Lock()
		n := 0
		for key := range s.data { // in map order, on purpose
			s.d.w.Trace("key", s.name, key)
			if n++; n == 3 {
				break
			}
		}
		s.mu.Unlock()
		select {
		case s.ticks <- n:
		case <-ctx.Done():
			return
		}
	}
}

func (s *server) count(ctx context.Context) {
	total := 0
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-s.ticks:
			total += n
		case n := <-s.ticks: // the same again: select has to choose
			total -= n
		}
		if total%16 == 0 {
			s.d.w.Trace("total", s.name, total)
		}
	}
}

// ServeHTTP implements [http.Handler].
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := r.URL.Path
	if r.Method == http.MethodGet {
		s.mu.Lock()
		value := s.data[key]
		s.mu.Unlock()
		_, _ = w.Write(value)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.data[key] = body
	if len(s.data) > 64 {
		for old := range s.data {
			delete(s.data, old)
			break
		}
	}
	s.mu.Unlock()
	if r.Header.Get("X-Copy") == "" && s.forward(r.Context(), key, body) != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (s *server) forward(ctx context.Context, key string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+s.next+key, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("X-Copy", "1")
	resp, err := s.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

func (d *demo) client(ctx context.Context, i int) {
	proc := d.net.Process("client"+strconv.Itoa(i), fmt.Sprintf("10.0.1.%d", i+1))
	web := client(proc)
	defer web.CloseIdleConnections()
	rng := d.w.Stream("client" + strconv.Itoa(i))
	for ctx.Err() == nil {
		d.request(ctx, web, rng)
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(rng.Int64N(int64(40 * time.Millisecond)))):
		}
	}
}

func (d *demo) request(ctx context.Context, web *http.Client, rng *rand.Rand) {
	id := make([]byte, 4)
	_, _ = crand.Read(id) // never fails
	method := []string{http.MethodGet, http.MethodPut}[draw()%2]
	url := "http://" + d.peers[rng.IntN(len(d.peers))] + "/" + strconv.Itoa(rand.IntN(100))
	var body io.Reader
	if method == http.MethodPut {
		body = bytes.NewReader(make([]byte, rng.IntN(30_000)))
	}
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		panic(err)
	}
	status, size := 0, int64(0)
	if resp, err := web.Do(req); err == nil {
		status = resp.StatusCode
		size, _ = io.Copy(io.Discard, resp.Body) // a broken body is short
		_ = resp.Body.Close()
	}
	d.requests.Add(1)
	d.w.Trace("request", hex.EncodeToString(id), method, url, status, size)
}

func (d *demo) faults(ctx context.Context) {
	rng := d.w.Stream("faults")
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(rng.Int64N(int64(2 * time.Second)))):
		}
		a, b := fmt.Sprintf("10.0.0.%d", 1+rng.IntN(servers)), fmt.Sprintf("10.0.0.%d", 1+rng.IntN(servers))
		rules := []simnet.Rule{
			{Kind: simnet.Partition, From: a, To: b, Both: rng.IntN(2) == 0},
			{Kind: simnet.Refuse, To: a},
			{Kind: simnet.Blackhole, To: a},
			{Kind: simnet.Slow, To: a, Latency: time.Millisecond, Tail: 20 * time.Millisecond},
			{Kind: simnet.Throttle, To: a, Bandwidth: 100_000},
			{Kind: simnet.Reset, To: a, AfterBytes: 10_000, P: 0.5},
		}
		rule := rules[rng.IntN(len(rules))]
		d.net.SetRule(string(rule.Kind), rule)
		if i%3 == 2 {
			d.net.ClearRules()
		}
	}
}
