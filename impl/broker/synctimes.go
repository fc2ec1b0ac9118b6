package broker

import (
	"context"

	"github.com/ncruces/go-sqlite3"
)

// SyncUpdate is a sync point and the text of the column that says when it moved
// last, in seconds; "0" or empty is unknown.
type SyncUpdate struct {
	SyncPoint
	UpdatedAt string
}

// SyncUpdates is Syncs with the times, for operators to look at.
func (b *Database) SyncUpdates(ctx context.Context, incoming bool) ([]SyncUpdate, error) {
	var out []SyncUpdate
	err := b.view(ctx, "SyncUpdates", func(t *tx) error {
		return t.query("SELECT remote_id, sync_point, updated_at FROM "+syncTable(incoming)+" ORDER BY ROWID", nil,
			func(s *sqlite3.Stmt) (bool, error) {
				out = append(out, SyncUpdate{SyncPoint{s.ColumnText(0), s.ColumnInt64(1)}, s.ColumnText(2)})
				return true, nil
			})
	})
	return out, err
}
