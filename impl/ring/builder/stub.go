package builder

import (
	"time"

	"apus/impl/host"
)

// Load reads a builder file.
func Load(fs host.FS, clock func() time.Time, name string) (*Builder, error) { return nil, nil }

// Save writes a builder file in one step, and gives the builder an ID if it
// has none.
func (b *Builder) Save(fs host.FS, name string) error { return nil }
