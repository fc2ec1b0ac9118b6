package broker

import (
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"apus/impl/swift"
)

// containerEntry is a row of an account as it travels. Timestamps stay the
// texts they came as, since the hash of the database is over texts. Nil is
// NULL, which keeps what the row has.
type containerEntry struct {
	name           string
	put, del       *string
	objects, bytes *int64
	deleted        bool
	policy         int
}

func (e *containerEntry) row() *ContainerRow {
	r := &ContainerRow{Name: e.name, PutTimestamp: stamp(value(e.put)), DeleteTimestamp: stamp(value(e.del)), Deleted: e.deleted, Policy: e.policy}
	r.ObjectCount, r.BytesUsed = value(e.objects), value(e.bytes)
	return r
}

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func orNull[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

// fields are the seven of a pending entry.
func (e *containerEntry) fields() []any {
	return []any{
		e.name, orNull(e.put), orNull(e.del), orNull(e.objects), orNull(e.bytes), int64(flag(e.deleted)), int64(e.policy),
	}
}

// parseContainerRow takes six or seven fields: older Swifts had no policies.
func parseContainerRow(fields []any) (record, error) {
	if len(fields) < 6 || len(fields) > 7 {
		return nil, fmt.Errorf("has %d fields; a container has 6 or 7", len(fields))
	}
	f := fieldReader{fields: fields}
	e := &containerEntry{
		name: f.text(0), put: f.textOrNull(1), del: f.textOrNull(2), objects: f.numberOrNull(3), bytes: f.numberOrNull(4),
		deleted: f.number(5) != 0, policy: int(f.number(6)),
	}
	return e, f.err
}

func (f *fieldReader) textOrNull(i int) *string {
	if f.fields[i] == nil {
		return nil
	}
	s := f.text(i)
	return &s
}

func (f *fieldReader) numberOrNull(i int) *int64 {
	if f.fields[i] == nil {
		return nil
	}
	n := f.number(i)
	return &n
}

func textColumn(s *sqlite3.Stmt, i int) *string {
	if s.ColumnType(i) == sqlite3.NULL {
		return nil
	}
	v := s.ColumnText(i)
	return &v
}

func numberColumn(s *sqlite3.Stmt, i int) *int64 {
	if s.ColumnType(i) == sqlite3.NULL {
		return nil
	}
	v := s.ColumnInt64(i)
	return &v
}

// follow makes e the row that results from the update e to the row old: of
// the two timestamps the newest wins; the counts are those of the update,
// whatever its timestamps, for they have none.
func (e containerEntry) follow(old *containerEntry) *containerEntry {
	if old == nil {
		return &e
	}
	e.put, e.del = newest(e.put, old.put), newest(e.del, old.del)
	if e.objects == nil {
		e.objects = old.objects
	}
	if e.bytes == nil {
		e.bytes = old.bytes
	}
	e.deleted = stamp(value(e.del)).After(stamp(value(e.put))) && value(e.objects) == 0
	return &e
}

func newest(update, old *string) *string {
	if update == nil || old != nil && stamp(*old).After(stamp(*update)) {
		return old
	}
	return update
}

func invalid(file string, err error) error { return swift.E("broker", file, swift.Invalid, err) }
