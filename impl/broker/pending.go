package broker

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"path"
	"time"

	ogorek "github.com/kisielk/og-rek"

	"apus/impl/broker/sqlitevfs"
	"apus/impl/host"
)

// lockPerm is that of upstream's .lock, so that it makes no difference who
// locked first.
const lockPerm = 0o755

// lockPoll is how often another process's lock is tried again.
const lockPoll = 10 * time.Millisecond

func (d *db) pendingFile() string { return d.file + ".pending" }

// appender is a row update that waits for the batch it becomes part of.
type appender struct {
	record record
	done   chan error // of capacity 1
}

// put makes one row update durable. Whoever gets at the files first takes
// everybody who waits along.
func (d *db) put(ctx context.Context, r record) error {
	w := &appender{record: r, done: make(chan error, 1)}
	d.queue.Lock()
	d.queue.waiting = append(d.queue.waiting, w)
	d.queue.Unlock()
	select {
	case err := <-w.done:
		return err
	case d.files <- struct{}{}:
		d.appendWaiting()
		d.files.unlock()
		return <-w.done
	case <-ctx.Done():
		d.leave(w)
		return ctx.Err()
	}
}

// leave takes w out of the queue; it may be too late.
func (d *db) leave(w *appender) {
	d.queue.Lock()
	defer d.queue.Unlock()
	for i, x := range d.queue.waiting {
		if x == w {
			d.queue.waiting = append(d.queue.waiting[:i:i], d.queue.waiting[i+1:]...)
			return
		}
	}
}

// appendWaiting appends everything that waits. It is done for several
// requests, so no one request's context ends it.
func (d *db) appendWaiting() {
	d.queue.Lock()
	batch := d.queue.waiting
	d.queue.waiting = nil
	d.queue.Unlock()
	if len(batch) == 0 {
		return
	}
	ctx := context.Background()
	appendBatch := func() error { return d.appendLocked(ctx, batch) }
	var err error
	if d.held {
		err = appendBatch()
	} else {
		err = d.locked(ctx, appendBatch)
	}
	for _, w := range batch {
		w.done <- err
	}
}

func (d *db) appendLocked(ctx context.Context, batch []*appender) error {
	fsys := d.pool.host.FS
	files, err := d.dbFiles()
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fs.ErrNotExist
	}
	_, err = fsys.Stat(d.pendingFile())
	if errors.Is(err, fs.ErrNotExist) {
		d.synced = false
	} else if err != nil {
		return err
	}
	f, err := fsys.OpenFile(d.pendingFile(), host.ReadWrite|host.Create|host.Append, 0o644)
	if err != nil {
		return err
	}
	defer f.Close() // what matters is synced
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() > d.pool.caps.stop && !d.held {
		records := make([]record, len(batch))
		for i, w := range batch {
			records[i] = w.record
		}
		return d.mergeLocked(ctx, records, nil)
	}
	if info.Size() > d.pool.caps.most {
		return unavailable(d.file, fmt.Errorf("%d bytes wait in %s for a merge that takes long", info.Size(), d.pendingFile()))
	}
	var buf []byte
	for _, w := range batch {
		buf = appendEntry(buf, w.record.fields())
	}
	buf = append(buf, ':') // an append torn by a crash must not run into the last entry
	if _, err = f.Write(buf); err == nil {
		err = f.Sync()
	}
	if err != nil {
		_ = f.Truncate(info.Size()) // what failed should not turn up later; if it does no promise is broken
		return err
	}
	if !d.synced {
		if err := fsys.SyncDir(d.dir); err != nil {
			return err
		}
		d.synced = true
	}
	if info.Size() > d.pool.caps.merge {
		d.mergeSoon()
	}
	return nil
}

// locked runs fn while this process holds .lock. The caller holds the files
// slot.
func (d *db) locked(ctx context.Context, fn func() error) error {
	f, err := d.lock(ctx)
	if err != nil {
		return err
	}
	err = fn()
	_ = f.Close() // frees the lock
	return err
}

func (d *db) lock(ctx context.Context) (host.File, error) {
	fsys, name := d.pool.host.FS, path.Join(d.dir, ".lock")
	for waited := time.Duration(0); ; waited += lockPoll {
		f, err := fsys.OpenFile(name, host.ReadWrite|host.Create, lockPerm)
		if err != nil {
			return nil, err
		}
		err = f.TryLock(host.Exclusively)
		if err == nil {
			if d.lockCurrent(f, name) {
				return f, nil
			}
			err = host.ErrWouldBlock // the directory was replaced just now
		}
		_ = f.Close()
		if !errors.Is(err, host.ErrWouldBlock) {
			return nil, err
		}
		if waited >= d.pool.cfg.LockTimeout {
			return nil, unavailable(d.file, fmt.Errorf("another process has held %s for %v", name, waited))
		}
		select {
		case <-time.After(lockPoll):
		case <-ctx.Done():
			return nil, unavailable(d.file, ctx.Err())
		}
	}
}

func (d *db) lockCurrent(f host.File, name string) bool {
	here, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := d.pool.host.FS.Stat(name)
	return err == nil && sqlitevfs.SameFile(here, there)
}

// mergeLocked merges the pending file and more, runs fn, and commits it all
// at once. Then the pending file is emptied.
func (d *db) mergeLocked(ctx context.Context, more []record, fn func(*tx) error) error {
	return d.mergeRest(ctx, 0, more, fn)
}

// mergeRest is mergeLocked after done bytes of the pending file were merged.
func (d *db) mergeRest(ctx context.Context, done int64, more []record, fn func(*tx) error) error {
	items, size, err := d.readPending(done)
	if err != nil {
		return err
	}
	items = append(items, more...)
	err = d.transact(ctx, true, func(t *tx) error {
		if len(items) > 0 {
			if err := d.kind.merge(t, items); err != nil {
				return err
			}
		}
		if fn == nil {
			return nil
		}
		return fn(t)
	})
	if err != nil {
		return d.damaged(err)
	}
	if size == 0 {
		return nil
	}
	return d.emptyPending()
}

// parsePending reads what it can; an entry torn by a crash was never
// acknowledged.
func (d *db) parsePending(text []byte) []record {
	var items []record
	for entry := range bytes.SplitSeq(text, []byte{':'}) {
		if len(entry) == 0 {
			continue
		}
		r, err := d.parseEntry(entry)
		if err != nil {
			d.pool.host.Log.Warn("Invalid pending entry skipped", "file", d.pendingFile(), "error", err.Error())
			continue
		}
		items = append(items, r)
	}
	return items
}

func (d *db) parseEntry(entry []byte) (record, error) {
	raw := make([]byte, base64.StdEncoding.DecodedLen(len(entry)))
	n, err := base64.StdEncoding.Decode(raw, entry)
	if err != nil {
		return nil, err
	}
	v, err := ogorek.NewDecoder(bytes.NewReader(raw[:n])).Decode()
	if err != nil {
		return nil, err
	}
	tuple, ok := v.(ogorek.Tuple)
	if !ok {
		return nil, fmt.Errorf("is a %T, not a tuple", v)
	}
	fields := make([]any, len(tuple))
	for i, f := range tuple {
		if fields[i], err = plainField(f); err != nil {
			return nil, err
		}
	}
	return d.kind.parse(fields)
}

// plainField is a pickled scalar as string, int64 or nil.
func plainField(v any) (any, error) {
	switch v := v.(type) {
	case nil, ogorek.None:
		return nil, nil
	case string:
		return v, nil
	case ogorek.ByteString:
		return string(v), nil
	case ogorek.Bytes:
		return string(v), nil
	case int64:
		return v, nil
	case bool:
		if v {
			return int64(1), nil
		}
		return int64(0), nil
	case *big.Int:
		if v.IsInt64() {
			return v.Int64(), nil
		}
	}
	return nil, fmt.Errorf("holds a %T", v)
}

// appendEntry appends one entry of the pending file.
func appendEntry(buf []byte, fields []any) []byte {
	return base64.StdEncoding.AppendEncode(append(buf, ':'), pickleTuple(fields))
}

// pickleTuple is the pickle (protocol 2) of a tuple of strings, integers and
// None, as Python would write it but for memo marks, which nothing refers to.
func pickleTuple(fields []any) []byte {
	b := make([]byte, 0, 256)
	b = append(b, 0x80, 2, '(')
	for _, f := range fields {
		switch v := f.(type) {
		case nil:
			b = append(b, 'N')
		case string:
			b = append(b, 'X')
			b = binary.LittleEndian.AppendUint32(b, uint32(len(v)))
			b = append(b, v...)
		case int64:
			b = appendInt(b, v)
		default:
			panic("broker: a pending entry cannot hold this type")
		}
	}
	return append(b, 't', '.')
}

func appendInt(b []byte, v int64) []byte {
	switch {
	case v >= 0 && v < 1<<8:
		return append(b, 'K', byte(v))
	case v >= -1<<31 && v < 1<<31:
		return binary.LittleEndian.AppendUint32(append(b, 'J'), uint32(int32(v)))
	}
	return binary.LittleEndian.AppendUint64(append(b, 0x8a, 8), uint64(v))
}
