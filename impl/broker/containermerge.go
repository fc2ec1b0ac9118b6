package broker

import (
	"cmp"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/ncruces/go-sqlite3"
)

// containerChange is what a merge makes of one row.
type containerChange struct {
	name string
	was  []storedContainer // one at most, unless somebody meddled with the table
	now  *containerEntry
}

// storedContainer is a row of the table.
type storedContainer struct {
	rowID int64
	*containerEntry
}

// mergeContainers brings the table up to date. Every policy that is named
// gets its row of counts, even if a later update of the same name has another.
// The rows are visited in the order of their names.
func mergeContainers(t *tx, items []record) error {
	index := make(map[string]int, len(items))
	changes := make([]containerChange, 0, len(items))
	for _, item := range items {
		name := item.(*containerEntry).name
		if _, known := index[name]; !known {
			index[name] = 0
			changes = append(changes, containerChange{name: name})
		}
	}
	slices.SortFunc(changes, func(a, b containerChange) int { return strings.Compare(a.name, b.name) })
	for i := range changes {
		index[changes[i].name] = i
	}
	if err := t.readContainers(changes); err != nil {
		return err
	}
	policies := map[int]bool{}
	for _, item := range items {
		e := item.(*containerEntry)
		c := &changes[index[e.name]]
		c.now = e.follow(c.now)
		if policies[e.policy] {
			continue
		}
		policies[e.policy] = true
		if err := t.exec("INSERT OR IGNORE INTO policy_stat (storage_policy_index) VALUES (?)", e.policy); err != nil {
			return err
		}
	}
	return t.applyContainers(changes)
}

// readContainers reads the rows of changes, which are in order. A change
// begins with the first of its rows.
func (t *tx) readContainers(changes []containerChange) error {
	name := func(i int) string { return changes[i].name }
	return t.lookUp("container", containerColumns, len(changes), name, func(s *sqlite3.Stmt) {
		row := storedContainer{s.ColumnInt64(0), readContainer(s)}
		i, found := slices.BinarySearchFunc(changes, row.name, func(c containerChange, name string) int { return cmp.Compare(c.name, name) })
		if !found {
			return // the column holds something else than text
		}
		c := &changes[i]
		c.was = append(c.was, row)
		c.now = c.was[0].containerEntry
	})
}

const containerColumns = "ROWID, name, put_timestamp, delete_timestamp, object_count, bytes_used, deleted, storage_policy_index"

// readContainer reads containerColumns after the ROWID.
func readContainer(s *sqlite3.Stmt) *containerEntry {
	return &containerEntry{
		name: s.ColumnText(1), put: textColumn(s, 2), del: textColumn(s, 3), objects: numberColumn(s, 4),
		bytes: numberColumn(s, 5), deleted: s.ColumnBool(6), policy: s.ColumnInt(7),
	}
}

const containerInsert = `INSERT INTO container
	(name, put_timestamp, delete_timestamp, object_count, bytes_used, deleted, storage_policy_index)
	VALUES (?, ?, ?, ?, ?, ?, ?)`

// applyContainers replaces rows. As in applyObjects the work of the triggers
// is summed up for many rows, unless a column is NULL: what they make of that
// is left to them.
func (t *tx) applyContainers(changes []containerChange) (err error) {
	bulk := len(changes) >= bulkRows && !slices.ContainsFunc(changes, containerChange.partial)
	if bulk {
		if _, err := t.d.conn.Config(sqlite3.DBCONFIG_ENABLE_TRIGGER, false); err != nil {
			return err
		}
		defer func() {
			_, cerr := t.d.conn.Config(sqlite3.DBCONFIG_ENABLE_TRIGGER, true)
			err = errors.Join(err, cerr)
		}()
	}
	var sum containerSum
	for _, c := range changes {
		for _, was := range c.was {
			if err := t.exec("DELETE FROM container WHERE ROWID = ?", was.rowID); err != nil {
				return err
			}
			if bulk {
				sum.add(was.containerEntry, -1)
			}
		}
		if bulk {
			sum.add(c.now, 1)
		}
	}
	if err := t.insertContainers(changes); err != nil || !bulk {
		return err
	}
	return t.addContainerSum(&sum)
}

// partial reports whether a column is NULL, before or after.
func (c containerChange) partial() bool {
	null := func(e *containerEntry) bool {
		return e.put == nil || e.del == nil || e.objects == nil || e.bytes == nil
	}
	return null(c.now) || slices.ContainsFunc(c.was, func(w storedContainer) bool { return null(w.containerEntry) })
}

func (t *tx) insertContainers(changes []containerChange) error {
	args := make([]any, 0, 7*insertChunk)
	many := containerInsert + strings.Repeat(", (?, ?, ?, ?, ?, ?, ?)", insertChunk-1)
	for i := 0; i < len(changes); {
		n, sql := 1, containerInsert
		if len(changes)-i >= insertChunk {
			n, sql = insertChunk, many
		}
		args = args[:0]
		for _, c := range changes[i : i+n] {
			e := c.now
			args = append(args, e.name, orNull(e.put), orNull(e.del), orNull(e.objects), orNull(e.bytes), e.deleted, e.policy)
		}
		if err := t.exec(sql, args...); err != nil {
			return err
		}
		i += n
	}
	return nil
}

// containerSum is what the triggers would have done.
type containerSum struct {
	hash     [md5.Size]byte
	all      PolicyStat
	policies []PolicyStat
	text     []byte
}

func (s *containerSum) add(e *containerEntry, sign int64) {
	s.text = append(append(append(s.text[:0], e.name...), '-'), *e.put...)
	s.text = append(append(append(s.text, '-'), *e.del...), '-')
	s.text = strconv.AppendInt(append(strconv.AppendInt(s.text, *e.objects, 10), '-'), *e.bytes, 10)
	for i, b := range md5.Sum(s.text) {
		s.hash[i] ^= b
	}
	i := slices.IndexFunc(s.policies, func(p PolicyStat) bool { return p.Policy == e.policy })
	if i < 0 {
		i = len(s.policies)
		s.policies = append(s.policies, PolicyStat{Policy: e.policy})
	}
	for _, p := range []*PolicyStat{&s.all, &s.policies[i]} {
		if !e.deleted {
			p.ContainerCount += sign
		}
		p.ObjectCount += sign * *e.objects
		p.BytesUsed += sign * *e.bytes
	}
}

func (t *tx) addContainerSum(sum *containerSum) error {
	const add = ` SET container_count = container_count + ?, object_count = object_count + ?, bytes_used = bytes_used + ?`
	for _, p := range sum.policies {
		if err := t.exec("INSERT OR IGNORE INTO policy_stat (storage_policy_index) VALUES (?)", p.Policy); err != nil {
			return err
		}
		if err := t.exec("UPDATE policy_stat"+add+" WHERE storage_policy_index = ?", p.ContainerCount, p.ObjectCount, p.BytesUsed, p.Policy); err != nil {
			return err
		}
	}
	var old []byte
	if _, err := t.row("SELECT hash FROM account_stat", nil, func(s *sqlite3.Stmt) { old = slices.Clone(s.ColumnBlob(0, nil)) }); err != nil {
		return err
	}
	var hash [md5.Size]byte
	if n, err := hex.Decode(hash[:], old); err != nil || n != len(hash) {
		return errors.New("the hash of the database is not 32 hexadecimal digits")
	}
	for i := range hash {
		hash[i] ^= sum.hash[i]
	}
	return t.exec("UPDATE account_stat"+add+", hash = ?", sum.all.ContainerCount, sum.all.ObjectCount, sum.all.BytesUsed, hex.EncodeToString(hash[:]))
}
