// Package metrics joins what listens to the events of a daemon: whoever runs
// it, Prometheus, and a statsd client for each section of the configuration
// file that sets its own options for it. The clients and their formats are in
// the packages below.
package metrics

import (
	"strconv"
	"strings"

	"apus/impl/config"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/metrics/prom"
	"apus/impl/metrics/statsd"
	"apus/impl/policy"
)

// Set makes the sinks of one daemon.
type Set struct {
	net      host.Net
	daemon   string
	common   *event.Sink
	policies *policy.Set
	clients  map[statsd.Config]*statsd.Client
}

// New makes sinks that also tell common and prom; both may be nil.
func New(daemon string, n host.Net, policies *policy.Set, common *event.Sink, p *prom.Metrics) *Set {
	s := &Set{net: n, daemon: daemon, common: common, policies: policies, clients: map[statsd.Config]*statsd.Client{}}
	if p != nil {
		s.common = event.Tee(common, p.Sink())
	}
	return s
}

// Section is the sink of a section. Its options count, those with the prefix
// alternative in front first.
func (s *Set) Section(opts *config.Section, alternative string) *event.Sink {
	names := statsd.Names{
		Daemon:  opts.String("log_name", s.daemon),
		Methods: methods(opts, alternative),
		Policy:  s.policy,
	}
	return event.Tee(s.common, s.client(statsd.ReadConfig(opts, alternative)).Sink(names))
}

func methods(opts *config.Section, alternative string) []string {
	const key = "log_statsd_valid_http_methods"
	list := opts.List(key, statsd.DefaultMethods()...)
	if alternative != "" {
		list = opts.List(alternative+key, list...)
	}
	for i, m := range list {
		list[i] = strings.ToUpper(m)
	}
	return list
}

func (s *Set) policy(index string) bool {
	n, err := strconv.Atoi(index)
	return err == nil && s.policies != nil && s.policies.ByIndex(n) != nil
}

// client is shared by sections with the same options.
func (s *Set) client(cfg statsd.Config) *statsd.Client {
	c, ok := s.clients[cfg]
	if !ok {
		c = statsd.New(s.net, cfg)
		s.clients[cfg] = c
	}
	return c
}

// Close ends the clients.
func (s *Set) Close() {
	for _, c := range s.clients {
		c.Close()
	}
}
