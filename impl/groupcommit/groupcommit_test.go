package groupcommit_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"apus/impl/groupcommit"
)

// disk counts syncs, each of which takes a second.
type disk struct {
	mu         sync.Mutex
	running    int
	most       int
	alone, all int
	err        error // of all
}

func (d *disk) sync(count *int, err error) error {
	d.mu.Lock()
	*count++
	d.running++
	d.most = max(d.most, d.running)
	d.mu.Unlock()
	time.Sleep(time.Second)
	d.mu.Lock()
	d.running--
	d.mu.Unlock()
	return err
}

func (d *disk) commit(g *groupcommit.Group) error {
	return g.Commit(
		func() error { return d.sync(&d.alone, nil) },
		func() error { return d.sync(&d.all, d.err) },
	)
}

func TestCommit(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		name       string
		arrivals   []time.Duration
		err        error
		alone, all int
		failed     int
		took       time.Duration
	}{
		{name: "one by one", arrivals: []time.Duration{0, 1500 * time.Millisecond}, alone: 2, took: 2500 * time.Millisecond},
		{name: "two at once", arrivals: []time.Duration{0, 1}, alone: 2, took: 2 * time.Second},
		{name: "those who wait share one", arrivals: []time.Duration{0, 1, 2, 3, 4}, alone: 1, all: 1, took: 2 * time.Second},
		{name: "who comes during a sync is not served by it", arrivals: []time.Duration{0, 1, 2, 1100 * time.Millisecond, 1200 * time.Millisecond}, alone: 1, all: 2, took: 3 * time.Second},
		{name: "an error is of all who shared", arrivals: []time.Duration{0, 1, 2, 3}, err: broken, alone: 1, all: 1, failed: 3, took: 2 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var g groupcommit.Group
				d := &disk{err: test.err}
				failed, begun := 0, time.Now()
				var wait sync.WaitGroup
				for _, at := range test.arrivals {
					wait.Go(func() {
						time.Sleep(at)
						if err := d.commit(&g); err != nil {
							d.mu.Lock()
							defer d.mu.Unlock()
							failed++
						}
					})
				}
				wait.Wait()
				if d.alone != test.alone || d.all != test.all || d.most != 1 || failed != test.failed {
					t.Errorf("%d alone, %d shared, %d at once, %d failed; want %d, %d, 1, %d", d.alone, d.all, d.most, failed, test.alone, test.all, test.failed)
				}
				if took := time.Since(begun); took != test.took {
					t.Errorf("took %v, not %v", took, test.took)
				}
			})
		})
	}
}
