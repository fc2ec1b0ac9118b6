package sqlitevfs

import (
	"sync"

	"apus/impl/host"
)

// bufferSize is how many bytes are gathered before they are written, at most.
const bufferSize = 256 << 10

// largeRun is from how many bytes on the disk begins with them at once: they
// are part of a large transaction, which has more to do before it syncs them.
const largeRun = bufferSize / 2

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, bufferSize); return &b }}

// buffered gathers writes that follow one another. SQLite writes a page of a
// journal in three pieces, and the pages of a database in their order; a large
// transaction is several times as many calls as needed.
//
// It relies on what SQLite promises: nobody else reads what an open
// transaction writes, and both the journal and the database are synced before
// anything depends on them (PRAGMA synchronous is not OFF, or the journal is in
// memory and the database is synced by whoever opened it). What could not be
// written is forgotten: the error fails the call that needed it, so SQLite
// rolls back.
type buffered struct {
	f    host.File
	data *[]byte // of buffers; nil if nothing waits
	at   int64   // where data goes
}

// writeAt takes p, or writes what does not follow on what waits.
func (b *buffered) writeAt(p []byte, off int64) (int, error) {
	if b.data != nil && (off != b.at+int64(len(*b.data)) || len(*b.data)+len(p) > bufferSize) {
		if err := b.flush(); err != nil {
			return 0, err
		}
	}
	if len(p) > bufferSize {
		return b.f.WriteAt(p, off)
	}
	if b.data == nil {
		b.data, b.at = buffers.Get().(*[]byte), off
	}
	*b.data = append(*b.data, p...)
	return len(p), nil
}

// flush writes what waits. All that needs the file as it should be begins
// with it.
func (b *buffered) flush() error {
	if b.data == nil {
		return nil
	}
	data := b.data
	b.data = nil
	_, err := b.f.WriteAt(*data, b.at)
	if w, ok := b.f.(host.Writeback); ok && err == nil && len(*data) >= largeRun {
		w.StartWriteback(b.at, int64(len(*data)))
	}
	*data = (*data)[:0]
	buffers.Put(data)
	return err
}
