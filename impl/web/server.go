package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// Server serves a Handler on listeners through stock net/http.
type Server struct {
	edge *Edge
	cfg  ServerConfig
}

// NewServer needs a Clock in cfg.
func NewServer(h Handler, cfg ServerConfig) *Server {
	e := NewEdge(h, cfg)
	return &Server{e, e.cfg}
}

// Serve accepts connections until ctx ends, then takes no new ones, closes
// idle ones and lets running requests finish within DrainTimeout; what is
// left then is cut off, its context cancelled. Serve closes ln and returns
// when no request runs any more; nil after a clean drain.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	running := newGauge()
	srv := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			running.enter()
			defer running.leave()
			s.edge.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: s.cfg.ReadHeaderTimeout, IdleTimeout: s.cfg.IdleTimeout,
		MaxHeaderBytes:               netHeaderBytes(s.cfg.MaxHeaderBytes),
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
		BaseContext:                  func(net.Listener) context.Context { return base },
		ConnContext:                  withHeld,
	}
	srv.SetKeepAlivesEnabled(s.cfg.IdleTimeout > 0)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(s.listener(ln)) }()
	select {
	case err := <-served:
		cancel()
		_ = srv.Close()
		return errors.Join(fmt.Errorf("web.Serve %s: %w", ln.Addr(), err), running.wait(s.cfg.ClientTimeout))
	case <-ctx.Done():
	}
	return s.drain(base, cancel, srv, served, running)
}

// netHeaderBytes is the limit of net/http, far enough above ours that Edge
// answers what is too large in its own words.
func netHeaderBytes(limit int) int { return 4*limit + 2*DefaultMaxLine }

func (s *Server) listener(ln net.Listener) net.Listener {
	if s.cfg.MaxClients > 0 {
		ln = newLimited(ln, s.cfg.MaxClients)
	}
	ln = holdListener{ln}
	if s.cfg.Certificate != nil {
		ln = tls.NewListener(ln, &tls.Config{
			Certificates: []tls.Certificate{*s.cfg.Certificate}, MinVersion: tls.VersionTLS12, Time: s.cfg.Clock.Now,
		})
	}
	return ln
}

func (s *Server) drain(base context.Context, cancel context.CancelFunc, srv *http.Server, served <-chan error, running *gauge) error {
	limit, stop := context.WithTimeout(base, s.cfg.DrainTimeout)
	defer stop()
	err := srv.Shutdown(limit)
	if err != nil {
		s.cfg.Log.Warn("requests cut off at shutdown", "running", running.n.Load(), "after", s.cfg.DrainTimeout)
		cancel()
		_ = srv.Close()
	}
	<-served
	return running.wait(s.cfg.ClientTimeout)
}

// gauge counts running requests. A request that ignores its cut connection
// and cancelled context must not hold up the exit for ever, hence no
// sync.WaitGroup.
type gauge struct {
	n    atomic.Int64
	left chan struct{} // a token for whoever waits: someone has left
}

func newGauge() *gauge { return &gauge{left: make(chan struct{}, 1)} }

func (g *gauge) enter() { g.n.Add(1) }

func (g *gauge) leave() {
	g.n.Add(-1)
	select {
	case g.left <- struct{}{}:
	default:
	}
}

// wait returns when nobody is in, or after limit with an error.
func (g *gauge) wait(limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for g.n.Load() > 0 {
		select {
		case <-g.left:
		case <-timer.C:
			return fmt.Errorf("web.Serve: %d requests still run %v after their connections were cut", g.n.Load(), limit)
		}
	}
	return nil
}
