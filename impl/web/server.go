package web

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"apus/impl/http1"
)

// Server serves a Handler on listeners. It gives each request a Meta, closes
// each response's body exactly once, and cuts the connection when a body does
// not end as its length promised, so that no client takes it for complete.
type Server struct {
	h     Handler
	cfg   ServerConfig
	dated atomic.Pointer[dated]
}

// NewServer needs a Clock in cfg.
func NewServer(h Handler, cfg ServerConfig) *Server { return &Server{h: h, cfg: cfg.withDefaults()} }

// dated is the Date of responses within one second.
type dated struct {
	second int64
	text   string
}

// date is the Date of a response.
func (s *Server) date() string {
	now := s.cfg.Clock.Now()
	d := s.dated.Load()
	if d == nil || d.second != now.Unix() {
		d = &dated{now.Unix(), FormatDate(now)}
		s.dated.Store(d)
	}
	return d.text
}

// Serve accepts connections until ctx ends, then takes no new ones, closes
// idle ones and lets running requests finish within DrainTimeout; what is
// left then is cut off, its context cancelled. Serve closes ln and returns
// when no connection is left; nil after a clean drain.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	r := &round{
		Server: s, base: context.WithoutCancel(ctx), limits: s.cfg.limits(), left: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	if s.cfg.MaxClients > 0 {
		r.slots = make(chan struct{}, s.cfg.MaxClients)
	}
	served := make(chan error, 1)
	go func() { served <- r.accept(s.listener(ln)) }()
	select {
	case err := <-served:
		close(r.stopped)
		_ = ln.Close()
		r.each((*conn).abort)
		return errors.Join(fmt.Errorf("web.Serve %s: %w", ln.Addr(), err), r.wait(s.cfg.ClientTimeout))
	case <-ctx.Done():
	}
	close(r.stopped)
	_ = ln.Close()
	<-served
	return r.drain()
}

func (s *Server) listener(ln net.Listener) net.Listener {
	if s.cfg.Certificate == nil {
		return ln
	}
	return tls.NewListener(ln, &tls.Config{
		Certificates: []tls.Certificate{*s.cfg.Certificate}, MinVersion: tls.VersionTLS12, Time: s.cfg.Clock.Now,
	})
}

// round is one call of Serve.
type round struct {
	*Server
	base    context.Context // of all requests; it does not end
	slots   chan struct{}   // one taken for each connection; nil: no limit
	limits  http1.Limits
	stopped chan struct{} // closed once no more connections are taken
	left    chan struct{} // a token for whoever waits: a connection has gone
	mu      struct {
		sync.Mutex
		conns list.List // of *conn, in the order of their arrival
	}
}

func (r *round) stopping() bool {
	select {
	case <-r.stopped:
		return true
	default:
		return false
	}
}

// Pauses after an error that may pass, such as a lack of descriptors.
const (
	minAcceptPause = 5 * time.Millisecond
	maxAcceptPause = time.Second
)

func (r *round) accept(ln net.Listener) error {
	pause := minAcceptPause
	for {
		if r.slots != nil {
			select {
			case r.slots <- struct{}{}:
			case <-r.stopped:
				return net.ErrClosed
			}
		}
		nc, err := ln.Accept()
		if err == nil {
			pause = minAcceptPause
			go r.enter(nc).serve()
			continue
		}
		r.free()
		var passing interface{ Temporary() bool }
		if !errors.As(err, &passing) || !passing.Temporary() {
			return err
		}
		r.cfg.Log.Warn("accept", "err", err, "pause", pause)
		select {
		case <-time.After(pause):
		case <-r.stopped:
		}
		pause = min(2*pause, maxAcceptPause)
	}
}

func (r *round) free() {
	if r.slots != nil {
		<-r.slots
	}
}

func (r *round) enter(nc net.Conn) *conn {
	c := newConn(r, nc)
	r.mu.Lock()
	defer r.mu.Unlock()
	c.place = r.mu.conns.PushBack(c)
	return c
}

func (r *round) leave(c *conn) {
	r.mu.Lock()
	r.mu.conns.Remove(c.place)
	r.mu.Unlock()
	r.free()
	select {
	case r.left <- struct{}{}:
	default:
	}
}

// running is how many connections there are.
func (r *round) running() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.conns.Len()
}

func (r *round) each(do func(*conn)) {
	r.mu.Lock()
	conns := make([]*conn, 0, r.mu.conns.Len())
	for e := r.mu.conns.Front(); e != nil; e = e.Next() {
		conns = append(conns, e.Value.(*conn))
	}
	r.mu.Unlock()
	for _, c := range conns {
		do(c)
	}
}

// freshGrace is how long connections without a request may still bring their
// first one when the server stops.
const freshGrace = 5 * time.Second

func (r *round) drain() error {
	grace := min(freshGrace, r.cfg.DrainTimeout)
	r.each(func(c *conn) { c.closeIf(idle) })
	if r.wait(grace) == nil {
		return nil
	}
	r.each(func(c *conn) { c.closeIf(fresh) })
	if r.wait(r.cfg.DrainTimeout-grace) == nil {
		return nil
	}
	r.cfg.Log.Warn("requests cut off at shutdown", "running", r.running(), "after", r.cfg.DrainTimeout)
	r.each((*conn).abort)
	return r.wait(r.cfg.ClientTimeout)
}

// wait returns when no connection is left, or after limit with an error: a
// request that ignores its cut connection and cancelled context must not hold
// up the exit for ever.
func (r *round) wait(limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for r.running() > 0 {
		select {
		case <-r.left:
		case <-timer.C:
			return fmt.Errorf("web.Serve: %d requests still run %v after their connections were cut", r.running(), limit)
		}
	}
	return nil
}
