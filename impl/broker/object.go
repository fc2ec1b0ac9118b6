package broker

import (
	"fmt"
	"strconv"

	"apus/impl/swift"
)

// Object is one row of a container, or an update of one. A removed object is
// a row with Deleted set, so that the removal can win over older updates.
type Object struct {
	Name string
	// CreatedAt packs the times of data, content type and metadata. An
	// update may carry the latter two on their own instead.
	CreatedAt                     string
	CtypeTimestamp, MetaTimestamp string
	Size                          int64
	ContentType, ETag             string
	Deleted                       bool
	Policy                        int
}

// DeletedObject is the update that removes an object.
func DeletedObject(name string, at swift.Timestamp, policy int) Object {
	return Object{
		Name: name, CreatedAt: at.Internal(), ContentType: "application/deleted", ETag: "noetag",
		Deleted: true, Policy: policy,
	}
}

// fields are the nine of a pending entry.
func (o *Object) fields() []any {
	deleted := int64(0)
	if o.Deleted {
		deleted = 1
	}
	return []any{
		o.Name, o.CreatedAt, o.Size, o.ContentType, o.ETag, deleted, int64(o.Policy),
		orNone(o.CtypeTimestamp), orNone(o.MetaTimestamp),
	}
}

func orNone(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// parseObject takes six to nine fields: older Swifts wrote fewer.
func parseObject(fields []any) (record, error) {
	if len(fields) < 6 || len(fields) > 9 {
		return nil, fmt.Errorf("has %d fields; an object has 6 to 9", len(fields))
	}
	f := fieldReader{fields: fields}
	o := &Object{
		Name: f.text(0), CreatedAt: f.text(1), Size: f.number(2), ContentType: f.text(3), ETag: f.text(4),
		Deleted: f.number(5) != 0, Policy: int(f.number(6)), CtypeTimestamp: f.text(7), MetaTimestamp: f.text(8),
	}
	return o, f.err
}

// fieldReader reads the scalars of a pending entry. Python writes numbers
// that came from headers as text.
type fieldReader struct {
	fields []any
	err    error
}

func (f *fieldReader) text(i int) string {
	if i >= len(f.fields) || f.fields[i] == nil {
		return ""
	}
	s, ok := f.fields[i].(string)
	if !ok {
		f.err = fmt.Errorf("field %d is a %T, not text", i, f.fields[i])
	}
	return s
}

func (f *fieldReader) number(i int) int64 {
	if i >= len(f.fields) {
		return 0
	}
	switch v := f.fields[i].(type) {
	case nil:
		return 0
	case int64:
		return v
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			f.err = err
		}
		return n
	}
	f.err = fmt.Errorf("field %d is a %T, not a number", i, f.fields[i])
	return 0
}

// objectTimes are the three times of an object or an update of one.
type objectTimes struct{ data, ctype, meta swift.Timestamp }

func (o *Object) times() (objectTimes, error) {
	data, ctype, meta, err := decodeTimes(o.CreatedAt)
	if err == nil && o.CtypeTimestamp != "" {
		ctype, err = swift.ParseTimestamp(o.CtypeTimestamp)
		meta = ctype
	}
	if err == nil && o.MetaTimestamp != "" {
		meta, err = swift.ParseTimestamp(o.MetaTimestamp)
	}
	return objectTimes{data, ctype, meta}, err
}

// supersede makes o, an update of the times given, the row that results from
// it and the row old, nil if there is none. It reports whether anything of o
// is newer.
func (o *Object) supersede(times objectTimes, old *Object) (newer bool) {
	data, ctype, meta := times.data, times.ctype, times.meta
	o.CtypeTimestamp, o.MetaTimestamp = "", ""
	if old == nil {
		o.CreatedAt = encodeTimes(data, ctype, meta)
		return true
	}
	oldData, oldCtype, oldMeta, err := decodeTimes(old.CreatedAt)
	if err != nil { // the row cannot be ordered; a readable one replaces it
		o.CreatedAt = encodeTimes(data, ctype, meta)
		return true
	}
	// The size a large object stands for travels in the content type column,
	// but belongs to the data.
	ctypeText, bytes := swift.SplitSwiftBytes(o.ContentType)
	oldCtypeText, oldBytes := swift.SplitSwiftBytes(old.ContentType)
	newData, newCtype, newMeta := data.After(oldData), ctype.After(oldCtype), meta.After(oldMeta)
	if !newData {
		o.Size, o.ETag, o.Deleted, bytes, data = old.Size, old.ETag, old.Deleted, oldBytes, oldData
	}
	if !newCtype {
		ctypeText, ctype = oldCtypeText, oldCtype
	}
	if !newMeta {
		meta = oldMeta
	}
	o.ContentType = ctypeText
	if bytes != "" {
		o.ContentType += ";swift_bytes=" + bytes
	}
	o.CreatedAt = encodeTimes(data, ctype, meta)
	return newData || newCtype || newMeta
}
