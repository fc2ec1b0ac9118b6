package broker

import (
	"bytes"
	"strings"

	"github.com/ncruces/go-sqlite3"
)

// ListOptions say which names to list, in order of their bytes.
type ListOptions struct {
	Limit             int
	Marker, EndMarker string // exclusive both; with Reverse they change places
	Prefix, Delimiter string
	// Path lists one pseudo-directory: prefix and delimiter follow from it,
	// and neither it nor what lies deeper is shown. Nil is off.
	Path          *string
	Reverse       bool
	AllowReserved bool // show names that start with a NUL
}

// lister walks an index of names. A delimiter makes it seek past a group of
// names after its first, so the cost is that of the entries shown.
type lister struct {
	sql    string // SELECT … FROM … with the name in column 0
	filter string // condition on other columns
	args   []any  // of filter
	// row adds the entry at s, group adds a subdir. Both may be sure of the
	// name until they return.
	row   func(name []byte, s *sqlite3.Stmt) error
	group func(name []byte) error
}

// reservedEnd is the first name that is not reserved.
const reservedEnd = "\x01"

// cursor is what of the names is still to be listed.
type cursor struct {
	low       string
	inclusive bool // of low
	high      string
}

func (l *lister) list(t *tx, o ListOptions) error {
	c := cursor{low: o.Marker, high: o.EndMarker}
	if o.Reverse {
		c.low, c.high = c.high, c.low
	}
	first, last := c.low, []byte(nil)
	if o.Path != nil {
		o.Prefix, o.Delimiter = *o.Path, "/"
		if o.Prefix != "" {
			o.Prefix = strings.TrimRight(o.Prefix, "/") + "/"
		}
	}
	for count := 0; count < o.Limit; {
		rows, grouped := 0, false
		sql, args := l.statement(o, c, o.Limit-count)
		err := t.query(sql, args, func(s *sqlite3.Stmt) (bool, error) {
			rows++
			last = append(last[:0], s.ColumnRawText(0)...)
			group := o.groupOf(last)
			switch {
			case o.Path != nil && string(last) == o.Prefix:
				return true, nil
			case group == nil || o.Path != nil && len(group) == len(last):
				count++
				return true, l.row(last, s)
			}
			grouped = true
			c.skip(string(group), o.Reverse)
			if o.Path == nil && string(group) != first {
				count++
				return false, l.group(group)
			}
			return false, nil
		})
		if err != nil {
			return err
		}
		if rows == 0 || o.Delimiter == "" {
			return nil
		}
		if !grouped {
			c.pass(string(last), o.Reverse)
		}
	}
	return nil
}

// groupOf is the beginning of a name up to the delimiter; nil if it has none.
func (o *ListOptions) groupOf(name []byte) []byte {
	if o.Delimiter == "" {
		return nil
	}
	end := bytes.Index(name[len(o.Prefix):], []byte(o.Delimiter))
	if end < 0 {
		return nil
	}
	return name[:len(o.Prefix)+end+len(o.Delimiter)]
}

// pass leaves name behind.
func (c *cursor) pass(name string, reverse bool) {
	if reverse {
		c.high = name
		return
	}
	c.low, c.inclusive = name, false
}

// skip leaves every name behind that starts with group.
func (c *cursor) skip(group string, reverse bool) {
	if reverse {
		c.high = group
		return
	}
	c.low, c.inclusive = successor(group), true
}

// successor is the first string after all that start with s. The last byte
// is never 0xff in UTF-8.
func successor(s string) string {
	return s[:len(s)-1] + string([]byte{s[len(s)-1] + 1})
}

// statement has at most one bound on each side, so that SQLite seeks by the
// right one.
func (l *lister) statement(o ListOptions, c cursor, limit int) (string, []any) {
	if o.Prefix != "" {
		if end := successor(o.Prefix); c.high == "" || c.high > end {
			c.high = end
		}
		if c.low < o.Prefix {
			c.low, c.inclusive = o.Prefix, true
		}
	}
	if !o.AllowReserved && c.low < reservedEnd {
		c.low, c.inclusive = reservedEnd, true
	}
	var sql strings.Builder
	sql.WriteString(l.sql)
	sql.WriteString(" WHERE ")
	var args []any
	bound := func(op, value string) {
		sql.WriteString("name " + op + " ? AND ")
		args = append(args, value)
	}
	if c.high != "" {
		bound("<", c.high)
	}
	switch {
	case c.inclusive:
		bound(">=", c.low)
	case c.low != "":
		bound(">", c.low)
	}
	sql.WriteString(l.filter)
	sql.WriteString(" ORDER BY name")
	if o.Reverse {
		sql.WriteString(" DESC")
	}
	sql.WriteString(" LIMIT ?")
	return sql.String(), append(append(args, l.args...), limit)
}
