package broker

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"unicode/utf8"

	"github.com/ncruces/go-sqlite3"

	"apus/impl/swift"
)

// Metadata is the headers stored with a database. An empty value is a header
// that was removed; it stays so that the removal wins over older values of
// other replicas.
type Metadata map[string]MetaValue

// MetaValue is a value and when it was set. In the database it is a JSON
// list of the two.
type MetaValue struct {
	Value     string
	Timestamp string // internal form; compared as text, as upstream does
}

// MarshalJSON writes [value, timestamp].
func (v MetaValue) MarshalJSON() ([]byte, error) {
	return json.Marshal([2]string{v.Value, v.Timestamp})
}

// UnmarshalJSON reads [value, timestamp].
func (v *MetaValue) UnmarshalJSON(b []byte) error {
	var pair [2]string
	err := json.Unmarshal(b, &pair)
	v.Value, v.Timestamp = pair[0], pair[1]
	return err
}

// Set adds a value set at t.
func (m Metadata) Set(key, value string, t swift.Timestamp) {
	m[key] = MetaValue{value, t.Internal()}
}

// merge takes what is newer in updates and reports whether anything was.
func (m Metadata) merge(updates Metadata) bool {
	changed := false
	for k, v := range updates {
		if old, ok := m[k]; !ok || v.Timestamp > old.Timestamp {
			m[k], changed = v, true
		}
	}
	return changed
}

// check holds the limits of the API on user metadata.
func (m Metadata) check(prefix string, limits swift.Limits) error {
	count, size := 0, 0
	for k, v := range m {
		if !utf8.ValidString(k) || !utf8.ValidString(v.Value) {
			return swift.E("broker.UpdateMetadata", "", swift.Invalid, fmt.Errorf("Metadata must be valid UTF-8"))
		}
		if name, ok := strings.CutPrefix(strings.ToLower(k), prefix); ok && v.Value != "" {
			count++
			size += len(name) + len(v.Value)
		}
	}
	if count > limits.MaxMetaCount {
		return swift.E("broker.UpdateMetadata", "", swift.Invalid, fmt.Errorf("Too many metadata items; max %d", limits.MaxMetaCount))
	}
	if size > limits.MaxMetaOverallSize {
		return swift.E("broker.UpdateMetadata", "", swift.Invalid, fmt.Errorf("Total metadata too large; max %d", limits.MaxMetaOverallSize))
	}
	return nil
}

// metadata reads the metadata column.
func (t *tx) metadata() (Metadata, error) {
	m := Metadata{}
	var text []byte
	found, err := t.row("SELECT metadata FROM "+t.d.kind.stat, nil, func(s *sqlite3.Stmt) { text = s.ColumnBlob(0, nil) })
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, errMissingRow
	case len(text) == 0:
		return m, nil
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("metadata column: %w", err)
	}
	return m, nil
}

// updateMetadata merges updates into the column.
func (t *tx) updateMetadata(updates Metadata, limits swift.Limits) error {
	return t.mergeMetadata(updates, &limits)
}

// mergeMetadata does not check the result if limits is nil.
func (t *tx) mergeMetadata(updates Metadata, limits *swift.Limits) error {
	if len(updates) == 0 {
		return nil
	}
	m, err := t.metadata()
	if err != nil {
		return err
	}
	if !m.merge(updates) {
		return nil
	}
	if limits != nil {
		if err := m.check("x-"+t.d.kind.name+"-meta-", *limits); err != nil {
			return err
		}
	}
	return t.writeMetadata(m)
}

func (t *tx) writeMetadata(m Metadata) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return t.exec("UPDATE "+t.d.kind.stat+" SET metadata = ?", string(text))
}

// markDeleted empties the metadata but for keep (lower case) and sets the
// delete timestamp, if it is newer.
func (t *tx) markDeleted(at swift.Timestamp, keep map[string]bool) error {
	m, err := t.metadata()
	if err != nil {
		return err
	}
	cleared := maps.Clone(m)
	maps.DeleteFunc(cleared, func(k string, _ MetaValue) bool { return keep[strings.ToLower(k)] })
	for k := range cleared {
		cleared.Set(k, "", at)
	}
	if m.merge(cleared) {
		if err := t.writeMetadata(m); err != nil {
			return err
		}
	}
	return t.exec("UPDATE "+t.d.kind.stat+` SET delete_timestamp = ?1, status = 'DELETED', status_changed_at = ?1
		WHERE delete_timestamp < ?1`, at)
}

func (t *tx) setPutTimestamp(at swift.Timestamp) error {
	return t.exec("UPDATE "+t.d.kind.stat+" SET put_timestamp = ?1 WHERE put_timestamp < ?1", at)
}
