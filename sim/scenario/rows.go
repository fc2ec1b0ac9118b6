package scenario

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"strings"

	"apus/impl/broker"
	"apus/impl/broker/sqlitevfs"
	"apus/impl/host"
	"apus/impl/swift"
	"apus/sim/check"
	"apus/sim/model"
)

// walkFiles calls fn for every file below dir, in order; an absent dir has
// none.
func walkFiles(hfs host.FS, dir string, fn func(name string) error) error {
	entries, err := hfs.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if e.IsDir() {
			err = walkFiles(hfs, name, fn)
		} else {
			err = fn(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rows are the object rows of every replica of every container database.
func (s *simulation) rows(ctx context.Context) ([]check.Row, error) {
	var out []check.Row
	err := devices(s.cluster, func(hfs host.FS, node int, dir string) error {
		h := &host.Host{Name: "judge", FS: hfs, Clock: s.world.Clock(0), Log: slog.New(slog.DiscardHandler)}
		device := model.Device{Node: s.cluster.Nodes()[node].Name, Disk: path.Base(dir)}
		rows, err := Rows(ctx, h, s.cluster.Hasher(), device, dir)
		out = append(out, rows...)
		return err
	})
	return out, err
}

// Rows are the object rows of every container database below the directory of
// a device. The broker merges the pending ones; the rows are then read by
// plain SQL. No daemon may write there meanwhile.
func Rows(ctx context.Context, h *host.Host, hasher swift.Hasher, device model.Device, dir string) (out []check.Row, err error) {
	pool := broker.NewPool(h, hasher, broker.DefaultConfig(), nil)
	defer func() { err = errors.Join(err, pool.Close()) }()
	vfs := sqlitevfs.Register(h.FS)
	defer vfs.Close()
	err = walkFiles(h.FS, dir+"/containers", func(name string) error {
		if !strings.HasSuffix(name, ".db") {
			return nil
		}
		merged := pool.ContainerFile(name).View(ctx, func(*broker.ContainerTx) error { return nil })
		if merged != nil {
			return fmt.Errorf("%s: %w", name, merged)
		}
		rows, err := readRows(vfs, name, device)
		out = append(out, rows...)
		return err
	})
	return out, err
}

func readRows(vfs *sqlitevfs.FS, name string, device model.Device) (rows []check.Row, err error) {
	conn, err := vfs.OpenConn(name, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	stmt, _, err := conn.Prepare(`SELECT account, container, name, object.created_at, deleted, size, etag, content_type
		FROM object, container_info ORDER BY name`)
	if err != nil {
		return nil, err
	}
	defer stmt.Close()
	for stmt.Step() {
		// created_at may carry the times of content type and metadata as
		// deltas after the time of the data.
		created := stmt.ColumnText(3)
		if i := strings.IndexAny(created, "+-"); i > 0 {
			created = created[:i]
		}
		at, err := swift.ParseTimestamp(created)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		rows = append(rows, check.Row{
			Device: device, Account: stmt.ColumnText(0), Container: stmt.ColumnText(1), Name: stmt.ColumnText(2),
			Timestamp: at, Deleted: stmt.ColumnBool(4), Size: stmt.ColumnInt64(5), ETag: stmt.ColumnText(6), Type: stmt.ColumnText(7),
		})
	}
	return rows, stmt.Err()
}
