package daemon

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strconv"

	"apus/impl/config"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/metrics"
	"apus/impl/metrics/prom"
	"apus/impl/web"
)

// observed is a worker whose metrics are seen from outside: it ends the statsd
// clients with the worker, and answers Prometheus beside it if [DEFAULT] has a
// prometheus_port (on prometheus_bind_ip, else bind_ip).
type observed struct {
	worker
	metrics *metrics.Set
	net     host.Net
	at      listening
	scrape  *web.Server // nil: nobody asks
	log     *slog.Logger
}

func observe(h *host.Host, file *config.File, kind Kind, sw *config.Swift, common *event.Sink, log *slog.Logger) *observed {
	def := file.Section("DEFAULT")
	o := &observed{net: h.Net, log: log}
	var p *prom.Metrics
	ip := def.String("prometheus_bind_ip", def.String("bind_ip", "0.0.0.0"))
	if port := def.Int("prometheus_port", 0, 0, 65535); port > 0 {
		p = prom.New(string(kind))
		o.at = readListening(def, net.JoinHostPort(ip, strconv.FormatInt(port, 10)))
		o.scrape = web.NewServer(p.Handler(), web.ServerConfig{Clock: h.Clock, Log: log})
	}
	o.metrics = metrics.New(string(kind), h.Net, sw.Policies, common, p)
	return o
}

// ownSection is the section that a daemon itself is configured in.
func ownSection(file *config.File, kind Kind) *config.Section {
	if kind.isServer() {
		if _, app, err := file.Pipeline(); err == nil {
			return app.Options
		}
	}
	return file.Section(string(kind))
}

func (o *observed) run(ctx context.Context, ready chan<- struct{}) error {
	defer o.metrics.Close()
	if o.scrape == nil {
		return o.worker.run(ctx, ready)
	}
	ln, err := o.at.listen(ctx, o.net)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	o.log.Info("metrics are at /metrics", "addr", ln.Addr().String())
	aside, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- o.scrape.Serve(aside, ln) }()
	err = o.worker.run(ctx, ready)
	stop()
	return errors.Join(err, <-served)
}

func (o *observed) once(ctx context.Context) error {
	defer o.metrics.Close()
	return o.worker.once(ctx)
}
