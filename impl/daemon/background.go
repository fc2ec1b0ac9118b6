package daemon

import (
	"context"

	containerupdater "apus/impl/container/updater"
	objectupdater "apus/impl/object/updater"
)

// background adapts a daemon that works in passes.
type background struct {
	pass interface {
		Once(ctx context.Context) error
		Run(ctx context.Context) error
	}
}

func (b background) run(ctx context.Context, ready chan<- struct{}) error {
	close(ready)
	return b.pass.Run(ctx)
}

func (b background) once(ctx context.Context) error { return b.pass.Once(ctx) }

func buildObjectUpdater(p *parts) (worker, error) {
	u, err := objectupdater.New(p.host, p.swift, p.conf.Section(string(p.kind)), p.rings, p.events)
	if err != nil {
		return nil, err
	}
	u.Report = newReporter(p).objectSweep
	return background{u}, nil
}

func buildContainerUpdater(p *parts) (worker, error) {
	u, err := containerupdater.New(p.host, p.swift, p.conf.Section(string(p.kind)), p.rings, p.events)
	if err != nil {
		return nil, err
	}
	u.Swept = newReporter(p).containerSweep
	return background{u}, nil
}
