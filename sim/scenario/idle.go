package scenario

import (
	"context"
	"errors"
	"time"

	"apus/sim/cluster"
	"apus/sim/engine"
)

// Idle lets an hour pass (or what World.For says) in which nobody asks for
// anything: daemons at rest must cost next to nothing.
func Idle(ctx context.Context, w *engine.World) (*engine.Report, error) {
	c, err := cluster.New(w, cluster.Config{UpdaterInterval: 5 * time.Minute})
	if err != nil {
		return nil, err
	}
	if err := c.Start(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	length := time.Hour
	if w.For > 0 {
		length = w.For
	}
	time.Sleep(length)
	r := &engine.Report{Checks: 1}
	if err := c.Stop(); err != nil {
		r.Violations = append(r.Violations, engine.Violation{Check: "drain", Message: err.Error()})
	}
	return r, nil
}
