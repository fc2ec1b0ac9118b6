package broker

import (
	"strings"

	"github.com/ncruces/go-sqlite3"
)

// Databases that older Swifts made lack columns and tables. Who reads them
// sees the schema of today; who writes first brings it up to date, with the
// steps of upstream, in the same transaction.

// probes prepare only if the schema lacks nothing. The table of shard ranges
// is made when there is one to store.
const (
	containerProbe = `SELECT i.metadata, i.reconciler_sync_point, i.x_container_sync_point1, p.object_count,
		o.storage_policy_index FROM container_info i, policy_stat p, object o`
	accountProbe = `SELECT a.metadata, p.container_count, c.storage_policy_index
		FROM account_stat a, policy_stat p, container c`
	shardProbe = "SELECT reported, tombstones FROM shard_range"
)

// old reports whether the schema needs migration.
func (t *tx) old() (bool, error) {
	if t.d.modern {
		return false, nil
	}
	probe := accountProbe
	if t.d.kind == containers {
		probe = containerProbe
	}
	ok, err := t.prepares(probe)
	t.d.modern = ok
	return !ok, err
}

// prepares reports whether all that a statement names exists.
func (t *tx) prepares(sql string) (bool, error) {
	s, _, err := t.d.conn.PrepareFlags(sql, 0)
	if err == nil {
		return true, s.Close()
	}
	if missing(err) {
		return false, nil
	}
	return false, err
}

func missing(err error) bool {
	return strings.Contains(err.Error(), "no such column: ") || strings.Contains(err.Error(), "no such table: ")
}

// migrate brings an old schema up to date.
func (t *tx) migrate() error {
	old, err := t.old()
	if err != nil || !old {
		return err
	}
	if t.d.kind == containers {
		err = t.migrateContainer()
	} else {
		err = t.migrateAccount()
	}
	t.d.modern = false // if this is rolled back it is old again
	return err
}

// columns lists the columns of a table or view; none if it does not exist.
func (t *tx) columns(table string) (map[string]bool, error) {
	out := map[string]bool{}
	err := t.query("SELECT name FROM pragma_table_info(?)", []any{table}, func(s *sqlite3.Stmt) (bool, error) {
		out[s.ColumnText(0)] = true
		return true, nil
	})
	return out, err
}

// addColumns adds the columns ("name definition") that a table lacks.
func (t *tx) addColumns(table string, definitions ...string) error {
	have, err := t.columns(table)
	if err != nil {
		return err
	}
	for _, def := range definitions {
		name, _, _ := strings.Cut(def, " ")
		if have[name] {
			continue
		}
		if err := t.d.conn.Exec("ALTER TABLE " + table + " ADD COLUMN " + def); err != nil {
			return err
		}
	}
	return nil
}

// migrateContainer splits container_stat, a table before there were storage
// policies, into container_info and policy_stat with a view over both. The
// account is told of the removal time again: upstream does not take
// reported_delete_timestamp along.
func (t *tx) migrateContainer() error {
	have, err := t.columns("container_info")
	if err != nil {
		return err
	}
	if len(have) > 0 {
		return t.migratePolicyContainer()
	}
	if err := t.addColumns("container_stat",
		"x_container_sync_point1 INTEGER DEFAULT -1", "x_container_sync_point2 INTEGER DEFAULT -1",
		"metadata TEXT DEFAULT ''", "status_changed_at TEXT DEFAULT '0'", "status TEXT DEFAULT ''"); err != nil {
		return err
	}
	const kept = `account, container, created_at, put_timestamp, delete_timestamp, reported_put_timestamp,
		reported_object_count, reported_bytes_used, hash, id, status, status_changed_at, metadata,
		x_container_sync_point1, x_container_sync_point2`
	if err := t.d.conn.Exec(objectStatSchema + `
		INSERT INTO policy_stat (storage_policy_index, object_count, bytes_used)
		SELECT 0, object_count, bytes_used FROM container_stat;`); err != nil {
		return err
	}
	if err := t.addColumns("object", "storage_policy_index INTEGER DEFAULT 0"); err != nil {
		return err
	}
	return t.d.conn.Exec(`DROP TRIGGER IF EXISTS object_insert; DROP TRIGGER IF EXISTS object_delete;` +
		objectTriggerSchema + containerInfoSchema + `
		INSERT INTO container_info (` + kept + `) SELECT ` + kept + ` FROM container_stat;
		DROP TABLE container_stat;` + containerStatSchema)
}

// migratePolicyContainer is for a schema with the view that lacks a column of
// the table below it.
func (t *tx) migratePolicyContainer() error {
	if err := t.d.conn.Exec("DROP VIEW container_stat"); err != nil {
		return err
	}
	if err := t.addColumns("container_info", "metadata TEXT DEFAULT ''", "reconciler_sync_point INTEGER DEFAULT -1",
		"x_container_sync_point1 INTEGER DEFAULT -1", "x_container_sync_point2 INTEGER DEFAULT -1"); err != nil {
		return err
	}
	return t.d.conn.Exec(containerStatSchema)
}

// migrateAccount adds storage policies to an account.
func (t *tx) migrateAccount() error {
	if err := t.addColumns("account_stat", "metadata TEXT DEFAULT ''", "status_changed_at TEXT DEFAULT '0'"); err != nil {
		return err
	}
	stat, err := t.columns("policy_stat")
	if err != nil {
		return err
	}
	rows, err := t.columns("container")
	if err != nil {
		return err
	}
	if !rows["storage_policy_index"] {
		if err := t.d.conn.Exec("ALTER TABLE container ADD COLUMN storage_policy_index INTEGER DEFAULT 0"); err != nil {
			return err
		}
	}
	if len(stat) == 0 {
		err = t.d.conn.Exec(containerPolicySchema + `
			INSERT INTO policy_stat (storage_policy_index, container_count, object_count, bytes_used)
			SELECT 0, container_count, object_count, bytes_used FROM account_stat WHERE container_count > 0`)
	} else if !stat["container_count"] {
		err = t.d.conn.Exec(countContainers)
	}
	if err != nil {
		return err
	}
	return t.d.conn.Exec("DROP TRIGGER IF EXISTS container_insert_ps; DROP TRIGGER IF EXISTS container_delete_ps;" +
		containerPolicyTriggers)
}

// countContainers adds the number of containers to each policy: all of the
// account if there is only one, else what the rows say.
const countContainers = `
ALTER TABLE policy_stat ADD COLUMN container_count INTEGER DEFAULT 0;
UPDATE policy_stat SET container_count = CASE
	WHEN (SELECT COUNT(*) FROM policy_stat) <= 1 THEN (SELECT container_count FROM account_stat)
	ELSE (SELECT COUNT(*) FROM container c
		WHERE c.deleted = 0 AND c.storage_policy_index = policy_stat.storage_policy_index)
END;`

// migrateShards makes the table of shard ranges, or adds what it lacks.
func (t *tx) migrateShards() error {
	ok, err := t.prepares(shardProbe)
	if err != nil || ok {
		return err
	}
	have, err := t.columns("shard_range")
	if err != nil {
		return err
	}
	if len(have) == 0 {
		return t.d.conn.Exec(shardRangeSchema)
	}
	return t.addColumns("shard_range", "reported INTEGER DEFAULT 0", "tombstones INTEGER DEFAULT -1")
}
