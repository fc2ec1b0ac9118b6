package broker

import (
	"context"

	"github.com/ncruces/go-sqlite3"

	"apus/impl/swift"
)

// ObjectEntry is one line of a listing. A Subdir has a name only.
type ObjectEntry struct {
	Name              string
	Subdir            bool
	LastModified      swift.Timestamp
	Size              int64
	ContentType, ETag string
}

// ObjectRow is ObjectEntry where it was read: its texts are good until the
// function that is shown it returns.
type ObjectRow struct {
	Name              []byte
	Subdir            bool
	LastModified      swift.Timestamp
	Size              int64
	ContentType, ETag []byte
	text              []byte // holds ContentType and ETag
}

// List lists the objects of a policy.
func (x *ContainerTx) List(policy int, o ListOptions) ([]ObjectEntry, error) {
	var out []ObjectEntry
	err := x.each(policy, o, func(r *ObjectRow) error {
		out = append(out, ObjectEntry{string(r.Name), r.Subdir, r.LastModified, r.Size, string(r.ContentType), string(r.ETag)})
		return nil
	})
	return out, err
}

// EachServed shows fn the objects that clients are shown: while the container
// is being sharded those of the file that is being retired, for what came since
// then belongs into shards.
func (x *ContainerTx) EachServed(policy int, o ListOptions, fn func(*ObjectRow) error) error {
	d := x.t.d
	if len(d.present) < 2 {
		return x.each(policy, o, fn)
	}
	old := d.aside(d.present[len(d.present)-2])
	defer old.drop()
	return old.transact(context.Background(), false, func(t *tx) error { return (&ContainerTx{t}).each(policy, o, fn) })
}

func (x *ContainerTx) each(policy int, o ListOptions, fn func(*ObjectRow) error) error {
	var row ObjectRow
	l := lister{
		sql:    "SELECT name, created_at, size, content_type, etag FROM object",
		filter: "deleted = 0 AND storage_policy_index = ?", args: []any{policy},
		row: func(name []byte, s *sqlite3.Stmt) error {
			if err := row.read(name, s); err != nil {
				return err
			}
			return fn(&row)
		},
		group: func(name []byte) error { return fn(&ObjectRow{Name: name, Subdir: true}) },
	}
	return l.list(x.t, o)
}

// read takes all from s before anything else is asked of it, and copies what
// SQLite may move.
func (r *ObjectRow) read(name []byte, s *sqlite3.Stmt) (err error) {
	at := s.ColumnRawText(1)
	var ok bool
	if r.LastModified, ok = swift.ParseNormal(at); !ok {
		if _, _, r.LastModified, err = decodeTimes(string(at)); err != nil {
			return err
		}
	}
	r.Name, r.Size = name, s.ColumnInt64(2)
	r.text = append(r.text[:0], s.ColumnRawText(3)...)
	split := len(r.text)
	r.text = append(r.text, s.ColumnRawText(4)...)
	r.ContentType, r.ETag = r.text[:split], r.text[split:]
	return nil
}
