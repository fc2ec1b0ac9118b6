package broker

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/ncruces/go-sqlite3"
)

// Item is a row as replicas send it: a JSON object with upstream's keys for
// the columns, ROWID among them.
type Item struct {
	RowID int64 // in the database it was read from
	row   record
}

// ObjectItem is the row of an object.
func ObjectItem(rowID int64, o Object) Item { return Item{rowID, &o} }

// ContainerItem is the row of a container.
func ContainerItem(rowID int64, r ContainerRow) Item { return Item{rowID, r.entry()} }

// Object is the row of an object, or nil.
func (i Item) Object() *Object { o, _ := i.row.(*Object); return o }

// Container is the row of a container, or nil.
func (i Item) Container() *ContainerRow {
	if e, ok := i.row.(*containerEntry); ok {
		return e.row()
	}
	return nil
}

var (
	_ json.Marshaler       = Item{}
	_ json.UnmarshalerFrom = (*Item)(nil)
)

// lax takes what Python's json takes.
var lax = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// rowJSON is what rows of both kinds have. Older Swifts send no policy, and
// numbers may come as text.
type rowJSON struct {
	RowID   int64   `json:"ROWID"`
	Name    string  `json:"name"`
	Deleted looseID `json:"deleted"`
	Policy  looseID `json:"storage_policy_index"`
}

// objectJSON are those of an object besides; only it has created_at.
type objectJSON struct {
	CreatedAt   *string `json:"created_at"`
	Size        looseID `json:"size"`
	ContentType string  `json:"content_type"`
	ETag        string  `json:"etag"`
	Ctype       string  `json:"ctype_timestamp,omitempty"`
	Meta        string  `json:"meta_timestamp,omitempty"`
}

// containerJSON are those of a container besides. What is null leaves the
// row that is there as it is.
type containerJSON struct {
	Put         *string  `json:"put_timestamp"`
	Delete      *string  `json:"delete_timestamp"`
	ObjectCount *looseID `json:"object_count"`
	BytesUsed   *looseID `json:"bytes_used"`
}

// looseID is a number that may come as text, or as a boolean.
type looseID int64

// UnmarshalJSON reads 1, "1" or true.
func (n *looseID) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case "null", "false":
		return nil
	case "true":
		*n = 1
		return nil
	}
	v, err := strconv.ParseInt(string(bytes.Trim(b, `"`)), 10, 64)
	*n = looseID(v)
	return err
}

func flag(b bool) looseID {
	if b {
		return 1
	}
	return 0
}

// MarshalJSON writes the row with upstream's keys.
func (i Item) MarshalJSON() ([]byte, error) {
	switch r := i.row.(type) {
	case *Object:
		return json.Marshal(struct {
			rowJSON
			objectJSON
		}{rowJSON{i.RowID, r.Name, flag(r.Deleted), looseID(r.Policy)}, objectJSON{
			CreatedAt: &r.CreatedAt, Size: looseID(r.Size), ContentType: r.ContentType, ETag: r.ETag,
			Ctype: r.CtypeTimestamp, Meta: r.MetaTimestamp,
		}}, lax)
	case *containerEntry:
		return json.Marshal(struct {
			rowJSON
			containerJSON
		}{rowJSON{i.RowID, r.name, flag(r.deleted), looseID(r.policy)}, containerJSON{
			Put: r.put, Delete: r.del, ObjectCount: (*looseID)(r.objects), BytesUsed: (*looseID)(r.bytes),
		}}, lax)
	}
	return nil, fmt.Errorf("an item that holds no row")
}

// UnmarshalJSONFrom reads a row of either kind.
func (i *Item) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	var r struct {
		rowJSON
		objectJSON
		containerJSON
	}
	if err := json.UnmarshalDecode(d, &r); err != nil {
		return err
	}
	if r.CreatedAt == nil {
		*i = Item{r.RowID, &containerEntry{
			name: r.Name, put: r.Put, del: r.Delete, objects: (*int64)(r.ObjectCount), bytes: (*int64)(r.BytesUsed),
			deleted: r.Deleted != 0, policy: int(r.Policy),
		}}
		return nil
	}
	*i = Item{r.RowID, &Object{
		Name: r.Name, CreatedAt: *r.CreatedAt, Size: int64(r.Size), ContentType: r.ContentType, ETag: r.ETag,
		Deleted: r.Deleted != 0, Policy: int(r.Policy), CtypeTimestamp: r.Ctype, MetaTimestamp: r.Meta,
	}}
	return nil
}

// UnmarshalJSON is UnmarshalJSONFrom for encoding/json.
func (i *Item) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, i, lax) }

// ParseItems reads a JSON list of rows in one pass.
func ParseItems(text []byte) ([]Item, error) {
	var items []Item
	err := json.Unmarshal(text, &items, lax)
	return items, err
}

func (t *tx) itemsSince(start int64, count int) ([]Item, error) {
	if t.d.kind != containers {
		return t.containersSince(start, count)
	}
	var items []Item
	err := t.query("SELECT "+objectColumns+" FROM object WHERE ROWID > ? ORDER BY ROWID LIMIT ?", []any{start, count}, func(s *sqlite3.Stmt) (bool, error) {
		o := readObject(s)
		items = append(items, Item{s.ColumnInt64(0), &o})
		return true, nil
	})
	return items, err
}

const objectColumns = "ROWID, name, created_at, size, content_type, etag, deleted, storage_policy_index"

// readObject reads objectColumns after the ROWID.
func readObject(s *sqlite3.Stmt) Object {
	return Object{
		Name: s.ColumnText(1), CreatedAt: s.ColumnText(2), Size: s.ColumnInt64(3), ContentType: s.ColumnText(4),
		ETag: s.ColumnText(5), Deleted: s.ColumnBool(6), Policy: s.ColumnInt(7),
	}
}

func (t *tx) containersSince(start int64, count int) ([]Item, error) {
	var items []Item
	err := t.query("SELECT "+containerColumns+" FROM container WHERE ROWID > ? ORDER BY ROWID LIMIT ?", []any{start, count}, func(s *sqlite3.Stmt) (bool, error) {
		items = append(items, Item{s.ColumnInt64(0), readContainer(s)})
		return true, nil
	})
	return items, err
}

// A merge of many rows touches pages all over the indexes, and another one is
// likely to follow. From largeMerge rows on the connection may remember 32 MiB
// of them, four times as much as usual, until it is closed.
const (
	largeMerge = 1000
	largeCache = "PRAGMA cache_size = -32768"
)

// mergeItems merges rows and notes how far those of source have come.
func (t *tx) mergeItems(items []Item, source string) error {
	if len(items) == 0 {
		return nil
	}
	rows, last := make([]record, len(items)), int64(-1)
	for i, item := range items {
		_, isObject := item.row.(*Object)
		if item.row == nil || isObject != (t.d.kind == containers) {
			return invalid(t.d.file, fmt.Errorf("item %d is not a row of a %s database", i, t.d.kind.name))
		}
		rows[i], last = item.row, max(last, item.RowID)
	}
	if len(items) >= largeMerge {
		if err := t.d.conn.Exec(largeCache); err != nil {
			return err
		}
	}
	if err := t.d.kind.merge(t, rows); err != nil || source == "" {
		return err
	}
	return t.mergeSyncs([]SyncPoint{{source, last}}, true)
}
