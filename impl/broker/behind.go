package broker

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"apus/impl/host"
)

// pendingCaps are sizes of the pending file in bytes.
type pendingCaps struct {
	merge  int64 // past it a merge is started, and appends go on
	behind int64 // no merge lets appends go on that have brought more than this meanwhile
	stop   int64 // past it appends wait, and fail with the merge
	most   int64 // past it nothing is appended, even while a merge is under way
	rounds int   // the most merges before the file is emptied
}

// usualCaps begin where upstream merges.
func usualCaps() pendingCaps {
	return pendingCaps{merge: 128 << 10, behind: 512 << 10, stop: 1 << 20, most: 16 << 20, rounds: 8}
}

// claim takes the slots of who merges or replaces files, and keeps appends
// out. A merge that lets appends go on makes way.
func (d *db) claim(ctx context.Context) error {
	d.wanted.Add(1)
	err := d.merging.lock(ctx)
	d.wanted.Add(-1)
	if err != nil {
		return err
	}
	if err = d.files.lock(ctx); err != nil {
		d.merging.unlock()
	}
	return err
}

func (d *db) unclaim() {
	d.files.unlock()
	d.merging.unlock()
}

// mergeSoon starts a merge that appends need not wait for, unless one is
// under way. The caller holds the files slot, and has d pinned.
func (d *db) mergeSoon() {
	if d.due {
		return
	}
	d.due = true
	d.pool.retain(d)
	go func() {
		defer d.pool.release(d)
		ctx := context.Background() // it works for everybody
		if err := d.mergeBehind(ctx); err != nil && !errors.Is(err, fs.ErrNotExist) {
			d.pool.host.Log.Warn("Pending rows could not be merged; they stay pending", "file", d.pendingFile(), "error", err.Error())
		}
	}()
}

// mergeBehind merges the pending file while rows are appended to it. Neither
// .lock nor a merged row goes before all rows are merged and the file is
// emptied: whoever finds the file after a crash merges all of it again in its
// order, which changes nothing, for no row of it has come back without the
// later ones.
func (d *db) mergeBehind(ctx context.Context) error {
	if err := d.merging.lock(ctx); err != nil {
		return err
	}
	defer d.merging.unlock()
	if err := d.files.lock(ctx); err != nil {
		return err
	}
	defer func() {
		d.due = false
		d.files.unlock()
	}()
	return d.locked(ctx, func() error {
		done := int64(0)
		for range d.pool.caps.rounds {
			records, end, err := d.readPending(done)
			if err != nil {
				return err
			}
			if d.wanted.Load() > 0 || end-done <= d.pool.caps.merge/2 || end-done > d.pool.caps.behind {
				break
			}
			d.held = true
			d.files.unlock()
			err = d.transact(ctx, true, func(t *tx) error { return d.kind.merge(t, records) })
			d.files <- struct{}{}
			d.held = false
			if err != nil {
				return d.damaged(err)
			}
			done = end
		}
		return d.mergeRest(ctx, done, nil, nil)
	})
}

// readPending reads the entries from an offset on. It is no error if there is
// no pending file.
func (d *db) readPending(from int64) (records []record, end int64, err error) {
	f, err := d.pool.host.FS.OpenFile(d.pendingFile(), host.ReadOnly, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, from, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.NewSectionReader(f, from, 1<<62-from))
	if err != nil {
		return nil, 0, err
	}
	return d.parsePending(text), from + int64(len(text)), nil
}

func (d *db) damaged(err error) error {
	if isDamage(err) {
		return d.quarantine(err)
	}
	return err
}

// emptyPending is called when everything in the file is merged. It is durable
// then: entries found again after later ones were merged could take an
// account's counts back.
func (d *db) emptyPending() error {
	f, err := d.pool.host.FS.OpenFile(d.pendingFile(), host.ReadWrite, 0)
	if err != nil {
		return err
	}
	defer f.Close() // what matters is synced
	if err := f.Truncate(0); err != nil {
		return err
	}
	return f.Sync()
}
