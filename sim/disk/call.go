package disk

import (
	"io/fs"
	"time"

	"apus/impl/host"
)

// call is one operation of a process on a disk.
type call struct {
	kind   OpSet
	op     string // for errors
	name   string // as the process calls it
	rel    string // within the disk
	rel2   string // the second name, if there is one
	p      *Process
	mt     *mount
	ino    *inode // of an open file
	off, n int64  // bytes
	now    time.Time
}

// fail wraps err for the caller.
func (c *call) fail(err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: c.op, Path: c.name, Err: err}
}

// admit lets a call pass: it waits as long as the operation takes, asks the
// fault rules and counts. Without error it returns with d.mu held, and the
// verdict may hold an error to be returned, whose side effects are the
// caller's to make.
func (d *Disk) admit(c *call) (verdict, error) {
	if c.kind&OpPersistent != 0 {
		c.now = c.p.m.clock.Now()
	}
	d.mu.Lock()
	if c.p.exempt {
		if err := d.alive(c); err != nil {
			d.mu.Unlock()
			return verdict{}, c.fail(err)
		}
		return verdict{}, nil
	}
	if err := d.alive(c); err != nil {
		d.mu.Unlock()
		return verdict{}, c.fail(err)
	}
	v := d.faults.judge(c)
	if wait := v.delay + d.latency(c); wait > 0 || len(v.stalls) > 0 {
		d.mu.Unlock()
		d.wait(c, wait, v.stalls)
		d.mu.Lock()
		if err := d.alive(c); err != nil {
			d.mu.Unlock()
			return verdict{}, c.fail(err)
		}
	}
	d.stats.Calls++
	if c.kind&OpPersistent != 0 {
		d.stats.Ops++
		if d.cfg.Trace != nil {
			d.cfg.Trace("disk", d.name, uint64(c.kind), c.rel, c.rel2, c.off, c.n)
		}
		if d.onOp != nil {
			d.onOp(Op{N: d.stats.Ops, Kind: c.kind, Path: c.rel}, func(mode CutMode) *Disk { return d.found(mode, newFaultSet(d.seed)) })
		}
		if d.stats.Ops == d.crashAt {
			hook := d.powerOff()
			d.mu.Unlock()
			if hook != nil {
				hook()
			}
			return verdict{}, c.fail(ErrDead)
		}
		if d.stats.Ops == d.failAt && v.err == nil {
			v.err = d.failErr
		}
	}
	return v, nil
}

// alive tells why a call cannot be served at all.
func (d *Disk) alive(c *call) error {
	switch {
	case c.p.fenced.Load():
		return ErrDead
	case c.mt.gone:
		return host.ErrIO
	case d.dead && !c.p.exempt:
		return ErrDead
	}
	return nil
}

// latency draws how long an operation takes.
func (d *Disk) latency(c *call) time.Duration {
	l := d.cfg.Latency
	var wait time.Duration
	switch {
	case c.kind&OpLock != 0:
		return 0
	case c.kind&OpRead != 0:
		wait = l.Read
	case c.kind&OpWrite != 0:
		wait = l.Write
	case c.kind&(OpSync|OpSyncDir|OpSyncAll) != 0:
		wait = l.Sync
	default:
		wait = l.Meta
	}
	if l.Bandwidth > 0 && c.kind&(OpRead|OpWrite) != 0 {
		wait += time.Duration(float64(c.n) / float64(l.Bandwidth) * float64(time.Second))
	}
	if wait == 0 && l.Tail == 0 {
		return 0
	}
	return wait + tail(d.rng, l.Tail) + jitter(d.rng)
}

// wait passes the time of an operation, or less if its process or disk dies.
func (d *Disk) wait(c *call, delay time.Duration, stalls []<-chan struct{}) {
	for _, stall := range stalls {
		select {
		case <-stall:
		case <-c.p.dead:
			return
		case <-d.off:
			return
		}
	}
	if delay <= 0 {
		return
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.p.dead:
	case <-d.off:
	}
}
