package broker

import (
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"
)

// readChunk is how many names one statement looks up.
const readChunk = 64

// lookUp steps through the rows of table, "object" or "container", that have
// one of n names. Equal names must follow one another; best is that all are in
// order. The index has rows by deleted and then name: where nothing is deleted
// every name is looked for once, and not twice.
func (t *tx) lookUp(table, columns string, n int, name func(int) string, fn func(*sqlite3.Stmt)) error {
	flags := "0"
	if _, err := t.row("SELECT 1 FROM "+table+" WHERE deleted = 1 LIMIT 1", nil, func(*sqlite3.Stmt) { flags = "0, 1" }); err != nil {
		return err
	}
	size := 1
	if n > 1 {
		size = readChunk
	}
	sql := fmt.Sprintf("SELECT %s FROM (VALUES (?)%s) wanted CROSS JOIN %s ON deleted IN (%s) AND name = wanted.column1",
		columns, strings.Repeat(", (?)", size-1), table, flags)
	names := make([]any, size)
	for i := 0; i < n; {
		clear(names) // NULL finds nothing
		for filled := 0; i < n && filled < size; i++ {
			if i == 0 || name(i) != name(i-1) {
				names[filled] = name(i)
				filled++
			}
		}
		if err := t.query(sql, names, func(s *sqlite3.Stmt) (bool, error) { fn(s); return true, nil }); err != nil {
			return err
		}
	}
	return nil
}
