// Package middleware defines what a filter of the pipeline is built from. The
// filters are in packages of their own below; middleware/all lists them.
package middleware

import (
	"maps"
	"sync"

	"apus/impl/config"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/ring"
	"apus/impl/web"
)

// Env is what the constructors of filters get from the daemon.
type Env struct {
	Host   *host.Host
	Swift  *config.Swift
	Info   *Capabilities
	Events *event.Sink
	// Rings is nil where there are none.
	Rings Rings
	// App is the section of the app behind the filters, where some filters had
	// their options once; nil if there is none.
	App *config.Section
}

// Rings finds rings by name: "account", "container", "object", "object-1", ….
type Rings interface {
	Ring(name string) (*ring.Ring, error)
}

// Constructor builds a filter from its section of the .conf file. Wrong
// options are recorded in opts and reported with all others; an error is for
// what no option can name.
type Constructor func(env *Env, opts *config.Section) (web.Filter, error)

// Capabilities is what GET /info tells clients: each filter registers its
// section when it is built.
type Capabilities struct {
	mu struct {
		sync.Mutex
		public, admin map[string]any
	}
}

// NewCapabilities has no sections.
func NewCapabilities() *Capabilities {
	c := &Capabilities{}
	c.mu.public, c.mu.admin = map[string]any{}, map[string]any{}
	return c
}

// Register publishes a section for everybody.
func (c *Capabilities) Register(section string, value any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.public[section] = value
}

// RegisterAdmin publishes a section in the signed admin view alone.
func (c *Capabilities) RegisterAdmin(section string, value any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.admin[section] = value
}

// Public is a copy of the public sections.
func (c *Capabilities) Public() map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.mu.public)
}

// Admin is a copy of the sections of the signed view.
func (c *Capabilities) Admin() map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.mu.admin)
}
