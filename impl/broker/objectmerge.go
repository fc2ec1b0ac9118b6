package broker

import (
	"cmp"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"
)

// objectKey is what there is one row of.
type objectKey struct {
	name   string
	policy int
}

func (k objectKey) compare(other objectKey) int {
	return cmp.Or(strings.Compare(k.name, other.name), cmp.Compare(k.policy, other.policy))
}

// objectChange is what a merge makes of one row.
type objectChange struct {
	key     objectKey
	was     []storedObject // one at most, unless somebody meddled with the table
	now     *Object        // nil: none
	changed bool
}

// storedObject is a row of the table.
type storedObject struct {
	rowID int64
	Object
}

// mergeObjects brings the table up to date with updates in any order: of the
// data, the content type and the metadata time of a name in a policy the
// newest wins, each on its own; on a tie what is there stays. The rows are
// visited in the order of their index.
func mergeObjects(t *tx, items []record) error {
	index := make(map[objectKey]int, len(items))
	changes := make([]objectChange, 0, len(items))
	updates := make([][]*Object, 0, len(items))
	for _, item := range items {
		o := item.(*Object)
		key := objectKey{o.Name, o.Policy}
		i, known := index[key]
		if !known {
			i = len(changes)
			index[key] = i
			changes, updates = append(changes, objectChange{key: key}), append(updates, nil)
		}
		updates[i] = append(updates[i], o)
	}
	order := make([]int, len(changes))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return changes[a].key.compare(changes[b].key) })
	sorted := make([]objectChange, len(order))
	for i, j := range order {
		sorted[i] = changes[j]
	}
	if err := t.readObjects(sorted); err != nil {
		return err
	}
	for i, j := range order {
		t.foldObject(&sorted[i], updates[j])
	}
	return t.applyObjects(slices.DeleteFunc(sorted, func(c objectChange) bool { return !c.changed }))
}

// foldObject merges updates into the row of c, in their order. What is newer
// than the row is then merged with what updates before it made of the row.
func (t *tx) foldObject(c *objectChange, updates []*Object) {
	row := c.now
	for _, o := range updates {
		update := *o
		times, err := o.times()
		if err != nil {
			t.d.pool.host.Log.Warn("Object row with an unreadable timestamp skipped", "file", t.d.file, "error", err.Error())
			continue
		}
		if !update.supersede(times, row) {
			continue
		}
		if c.changed {
			update.supersede(times, c.now)
		}
		c.now, c.changed = &update, true
	}
}

// readObjects reads the rows of changes, which are in order.
func (t *tx) readObjects(changes []objectChange) error {
	name := func(i int) string { return changes[i].key.name }
	return t.lookUp("object", objectColumns, len(changes), name, func(s *sqlite3.Stmt) {
		row := storedObject{s.ColumnInt64(0), readObject(s)}
		i, found := slices.BinarySearchFunc(changes, objectKey{row.Name, row.Policy}, func(c objectChange, k objectKey) int {
			return c.key.compare(k)
		})
		if !found {
			return // of another policy
		}
		c := &changes[i]
		if c.was = append(c.was, row); len(c.was) == 1 {
			c.now = &row.Object
		}
	})
}

func (t *tx) object(key objectKey) (*Object, error) {
	c := []objectChange{{key: key}}
	err := t.readObjects(c)
	return c[0].now, err
}

// bulkRows is from how many rows on it pays to do without the triggers.
const bulkRows = 16

const objectInsert = `INSERT INTO object (name, created_at, size, content_type, etag, deleted, storage_policy_index)
	VALUES (?, ?, ?, ?, ?, ?, ?)`

// insertChunk is how many rows one statement inserts, if there are as many.
const insertChunk = 8

// applyObjects replaces rows. The triggers of the table keep the counts and
// the hash; for many rows they are summed up here instead and written once.
func (t *tx) applyObjects(changes []objectChange) (err error) {
	bulk := len(changes) >= bulkRows
	var sum objectSum
	if bulk {
		if _, err := t.d.conn.Config(sqlite3.DBCONFIG_ENABLE_TRIGGER, false); err != nil {
			return err
		}
		defer func() {
			_, cerr := t.d.conn.Config(sqlite3.DBCONFIG_ENABLE_TRIGGER, true)
			err = errors.Join(err, cerr)
		}()
	}
	for i := range changes {
		c := &changes[i]
		for j := range c.was {
			if err := t.exec("DELETE FROM object WHERE ROWID = ?", c.was[j].rowID); err != nil {
				return err
			}
			sum.add(&c.was[j].Object, -1)
		}
		sum.add(c.now, 1)
	}
	if err := t.insertObjects(changes); err != nil || !bulk {
		return err
	}
	return t.addObjectSum(&sum)
}

func (t *tx) insertObjects(changes []objectChange) error {
	args := make([]any, 0, 7*insertChunk)
	many := objectInsert + strings.Repeat(", (?, ?, ?, ?, ?, ?, ?)", insertChunk-1)
	for i := 0; i < len(changes); {
		n, sql := 1, objectInsert
		if len(changes)-i >= insertChunk {
			n, sql = insertChunk, many
		}
		args = args[:0]
		for _, c := range changes[i : i+n] {
			o := c.now
			args = append(args, o.Name, o.CreatedAt, o.Size, o.ContentType, o.ETag, o.Deleted, o.Policy)
		}
		if err := t.exec(sql, args...); err != nil {
			return err
		}
		i += n
	}
	return nil
}

// objectSum is what the triggers would have done.
type objectSum struct {
	hash     [md5.Size]byte
	policies []ObjectStat
	text     []byte
}

func (s *objectSum) add(o *Object, sign int64) {
	s.text = append(append(append(s.text[:0], o.Name...), '-'), o.CreatedAt...)
	for i, b := range md5.Sum(s.text) {
		s.hash[i] ^= b
	}
	i := slices.IndexFunc(s.policies, func(p ObjectStat) bool { return p.Policy == o.Policy })
	if i < 0 {
		i = len(s.policies)
		s.policies = append(s.policies, ObjectStat{Policy: o.Policy})
	}
	if !o.Deleted {
		s.policies[i].ObjectCount += sign
	}
	s.policies[i].BytesUsed += sign * o.Size
}

func (t *tx) addObjectSum(sum *objectSum) error {
	for _, p := range sum.policies {
		if err := t.exec("INSERT OR IGNORE INTO policy_stat (storage_policy_index) VALUES (?)", p.Policy); err != nil {
			return err
		}
		if err := t.exec(`UPDATE policy_stat SET object_count = object_count + ?, bytes_used = bytes_used + ?
			WHERE storage_policy_index = ?`, p.ObjectCount, p.BytesUsed, p.Policy); err != nil {
			return err
		}
	}
	var old []byte
	if _, err := t.row("SELECT hash FROM container_info", nil, func(s *sqlite3.Stmt) { old = s.ColumnBlob(0, nil) }); err != nil {
		return err
	}
	var hash [md5.Size]byte
	if n, err := hex.Decode(hash[:], old); err != nil || n != len(hash) {
		return errors.New("the hash of the database is not 32 hexadecimal digits")
	}
	for i := range hash {
		hash[i] ^= sum.hash[i]
	}
	return t.exec("UPDATE container_info SET hash = ?", hex.EncodeToString(hash[:]))
}
