package broker

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"apus/impl/host"
	"apus/impl/swift"
)

// The tables of Swifts before there were storage policies.
const (
	oldObjects = `
CREATE TABLE object (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, created_at TEXT, size INTEGER,
	content_type TEXT, etag TEXT, deleted INTEGER DEFAULT 0);
CREATE INDEX ix_object_deleted_name ON object (deleted, name);
CREATE TRIGGER object_update BEFORE UPDATE ON object BEGIN SELECT RAISE(FAIL, 'UPDATE not allowed; DELETE and INSERT'); END;
CREATE TRIGGER object_insert AFTER INSERT ON object BEGIN
	UPDATE container_stat SET object_count = object_count + (1 - new.deleted), bytes_used = bytes_used + new.size,
		hash = chexor(hash, new.name, new.created_at); END;
CREATE TRIGGER object_delete AFTER DELETE ON object BEGIN
	UPDATE container_stat SET object_count = object_count - (1 - old.deleted), bytes_used = bytes_used - old.size,
		hash = chexor(hash, old.name, old.created_at); END;`
	oldStatColumns = `account TEXT, container TEXT, created_at TEXT, put_timestamp TEXT DEFAULT '0',
	delete_timestamp TEXT DEFAULT '0', object_count INTEGER, bytes_used INTEGER, reported_put_timestamp TEXT DEFAULT '0',
	reported_delete_timestamp TEXT DEFAULT '0', reported_object_count INTEGER DEFAULT 0, reported_bytes_used INTEGER DEFAULT 0,
	hash TEXT default '00000000000000000000000000000000', id TEXT, status TEXT DEFAULT '', status_changed_at TEXT DEFAULT '0'`
	oldStatRow = `INSERT INTO container_stat (account, container, created_at, id, put_timestamp, object_count, bytes_used,
	status_changed_at) VALUES ('AUTH_test', 'c', '1700000000.00000', 'id-sda', '1700000000.00000', 0, 0, '1700000000.00000');
INSERT INTO object (name, created_at, size, content_type, etag) VALUES ('a', '1700000001.00000', 5, 'text/plain', 'e');
INSERT INTO object (name, created_at, size, content_type, etag) VALUES ('b', '1700000002.00000', 7, 'text/plain', 'e');
INSERT INTO object (name, created_at, size, content_type, etag, deleted) VALUES ('x', '1700000003.00000', 0, 'application/deleted', 'noetag', 1);`
	oldShards = `CREATE TABLE shard_range (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, timestamp TEXT, lower TEXT,
	upper TEXT, object_count INTEGER DEFAULT 0, bytes_used INTEGER DEFAULT 0, meta_timestamp TEXT, deleted INTEGER DEFAULT 0,
	state INTEGER, state_timestamp TEXT, epoch TEXT`
	oldShardEnd = `);
CREATE TRIGGER shard_range_update BEFORE UPDATE ON shard_range BEGIN SELECT RAISE(FAIL, 'UPDATE not allowed; DELETE and INSERT'); END;
INSERT INTO shard_range (name, timestamp, lower, upper, meta_timestamp, state, state_timestamp)
	VALUES ('.shards_a/s', '1700000000.00000', '', 'm', '1700000000.00000', 40, '1700000000.00000');`
	today = syncSchema + objectSchema + objectTriggerSchema + objectStatSchema + containerInfoSchema + containerStatSchema + `
INSERT INTO policy_stat (storage_policy_index) VALUES (0);
INSERT INTO container_info (account, container, created_at, id, put_timestamp, status_changed_at)
	VALUES ('AUTH_test', 'c', '1700000000.00000', 'id-sda', '1700000000.00000', '1700000000.00000');
INSERT INTO object (name, created_at, size, content_type, etag) VALUES ('a', '1700000001.00000', 5, 'text/plain', 'e');
INSERT INTO object (name, created_at, size, content_type, etag) VALUES ('b', '1700000002.00000', 7, 'text/plain', 'e');
INSERT INTO object (name, created_at, size, content_type, etag, deleted) VALUES ('x', '1700000003.00000', 0, 'application/deleted', 'noetag', 1);`
)

func oldStat(more string) string {
	return syncSchema + oldObjects + "CREATE TABLE container_stat (" + oldStatColumns + more + ");" + oldStatRow
}

var oldContainers = []struct{ name, sql string }{
	{"without metadata", oldStat("")},
	{"without sync points", oldStat(", metadata TEXT DEFAULT ''")},
	{"without policies", oldStat(", metadata TEXT DEFAULT '', x_container_sync_point1 INTEGER DEFAULT -1, x_container_sync_point2 INTEGER DEFAULT -1")},
	{"without shard ranges", today},
	{"shard ranges without reported", today + oldShards + oldShardEnd},
	{"shard ranges without tombstones", today + oldShards + ", reported INTEGER DEFAULT 0" + oldShardEnd},
}

// plant makes a database of an older Swift.
func plant(t testing.TB, p *Pool, file, sql string) {
	t.Helper()
	require.NoError(t, p.host.FS.MkdirAll(filepath.Dir(file), 0o755))
	conn, err := p.connect(file, true, "PRAGMA synchronous = EXTRA")
	require.NoError(t, err)
	require.NoError(t, conn.Exec("BEGIN;"+sql+"COMMIT"))
	require.NoError(t, conn.Close())
	for dir := filepath.Dir(file); dir != p.cfg.Devices; dir = filepath.Dir(dir) {
		require.NoError(t, p.host.FS.SyncDir(dir))
	}
}

const (
	schemaObjects = "SELECT type, name, tbl_name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name"
	schemaColumns = `SELECT m.name, c.cid, c.name, c.type, c.dflt_value FROM sqlite_master m, pragma_table_info(m.name) c
		WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, c.cid`
)

func TestContainersOfOlderSwifts(t *testing.T) {
	p := newPool(t, nil)
	fresh := newContainer(t, p, "fresh")
	for _, old := range oldContainers {
		t.Run(old.name, func(t *testing.T) {
			c := p.Container("sda", "7", "AUTH_test", "c"+old.name)
			plant(t, p, c.File(), old.sql)
			before, err := os.ReadFile(c.File())
			require.NoError(t, err)
			look := func() {
				i := info(t, c)
				require.Equal(t, int64(2), i.ObjectCount)
				require.Equal(t, int64(12), i.BytesUsed)
				require.Equal(t, int64(-1), i.SyncPoint1)
				require.Equal(t, []string{"a", "b"}, names(t, c, ListOptions{}))
				r, err := c.ReplicationInfo(bg)
				require.NoError(t, err)
				require.Equal(t, int64(3), r.MaxRow)
				require.Equal(t, r.PutTimestamp, "1700000000.00000")
				items, err := c.ItemsSince(bg, 1, 10)
				require.NoError(t, err)
				require.Len(t, items, 2)
				stats, err := c.PolicyStats(bg)
				require.NoError(t, err)
				require.Equal(t, []ObjectStat{{0, 2, 12}}, stats)
				point, err := c.ReconcilerSync(bg)
				require.NoError(t, err)
				require.Equal(t, int64(-1), point)
				misplaced, err := c.MisplacedSince(bg, -1, 10)
				require.NoError(t, err)
				require.Empty(t, misplaced)
			}
			look()
			ranges, err := c.AllShardRanges(bg)
			require.NoError(t, err)
			for _, r := range ranges {
				require.Equal(t, int64(-1), r.Tombstones)
			}
			after, err := os.ReadFile(c.File())
			require.NoError(t, err)
			require.Equal(t, before, after, "reading changes nothing on disk")
			hash := info(t, c).Hash
			require.NoError(t, c.UpdateStatusChangedAt(bg, at(1)))
			look()
			require.Equal(t, hash, info(t, c).Hash)
			require.NoError(t, c.MergeShardRanges(bg, []ShardRange{{Name: ".shards_a/n", Timestamp: at(1).Normal(), State: 10, Tombstones: -1}}))
			require.Equal(t, all(t, &fresh.Database, schemaObjects), all(t, &c.Database, schemaObjects))
			require.Equal(t, all(t, &fresh.Database, schemaColumns), all(t, &c.Database, schemaColumns))
			require.NoError(t, c.PutObject(bg, object("d", 9)))
			require.NoError(t, c.PutObject(bg, DeletedObject("a", at(9), 0)))
			require.Equal(t, []string{"b", "d"}, names(t, c, ListOptions{}))
			require.Equal(t, int64(17), info(t, c).BytesUsed)
		})
	}
}

const (
	oldRows = `CREATE TABLE container (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, put_timestamp TEXT,
	delete_timestamp TEXT, object_count INTEGER, bytes_used INTEGER, deleted INTEGER DEFAULT 0`
	oldRowTriggers = `);
CREATE INDEX ix_container_deleted_name ON container (deleted, name);
CREATE TRIGGER container_insert AFTER INSERT ON container BEGIN
	UPDATE account_stat SET container_count = container_count + (1 - new.deleted), object_count = object_count + new.object_count,
		bytes_used = bytes_used + new.bytes_used, hash = chexor(hash, new.name, new.put_timestamp || '-' ||
		new.delete_timestamp || '-' || new.object_count || '-' || new.bytes_used); END;
CREATE TRIGGER container_update BEFORE UPDATE ON container BEGIN SELECT RAISE(FAIL, 'UPDATE not allowed; DELETE and INSERT'); END;
CREATE TRIGGER container_delete AFTER DELETE ON container BEGIN
	UPDATE account_stat SET container_count = container_count - (1 - old.deleted), object_count = object_count - old.object_count,
		bytes_used = bytes_used - old.bytes_used, hash = chexor(hash, old.name, old.put_timestamp || '-' ||
		old.delete_timestamp || '-' || old.object_count || '-' || old.bytes_used); END;
CREATE TABLE account_stat (account TEXT, created_at TEXT, put_timestamp TEXT DEFAULT '0', delete_timestamp TEXT DEFAULT '0',
	container_count INTEGER, object_count INTEGER DEFAULT 0, bytes_used INTEGER DEFAULT 0,
	hash TEXT default '00000000000000000000000000000000', id TEXT, status TEXT DEFAULT '', status_changed_at TEXT DEFAULT '0'`
	oldAccountEnd = `);
INSERT INTO account_stat (account, created_at, put_timestamp, id, container_count) VALUES ('a', '1700000000.00000', '1700000000.00000', 'id', 0);`
	oldCounts = `CREATE TABLE policy_stat (storage_policy_index INTEGER PRIMARY KEY, object_count INTEGER DEFAULT 0, bytes_used INTEGER DEFAULT 0);
CREATE TRIGGER container_insert_ps AFTER INSERT ON container BEGIN
	INSERT OR IGNORE INTO policy_stat VALUES (new.storage_policy_index, 0, 0);
	UPDATE policy_stat SET object_count = object_count + new.object_count, bytes_used = bytes_used + new.bytes_used
	WHERE storage_policy_index = new.storage_policy_index; END;
CREATE TRIGGER container_delete_ps AFTER DELETE ON container BEGIN
	UPDATE policy_stat SET object_count = object_count - old.object_count, bytes_used = bytes_used - old.bytes_used
	WHERE storage_policy_index = old.storage_policy_index; END;`
	oldContainerRows = `
INSERT INTO container (name, put_timestamp, delete_timestamp, object_count, bytes_used) VALUES ('a', '1700000001.00000', '0', 2, 20);
INSERT INTO container (name, put_timestamp, delete_timestamp, object_count, bytes_used) VALUES ('b', '1700000001.00000', '0', 1, 10);
INSERT INTO container (name, put_timestamp, delete_timestamp, object_count, bytes_used, deleted) VALUES ('x', '1700000001.00000', '1700000002.00000', 0, 0, 1);`
)

func TestAccountsOfOlderSwifts(t *testing.T) {
	p := newPool(t, nil)
	fresh := p.Account("sda", "7", "fresh")
	require.NoError(t, fresh.Create(bg, at(0), nil, swift.DefaultLimits()))
	const policy, meta = ", storage_policy_index INTEGER DEFAULT 0", ", metadata TEXT DEFAULT ''"
	for _, old := range []struct {
		name, sql string
		want      []PolicyStat
	}{
		{"without metadata", syncSchema + oldRows + oldRowTriggers + oldAccountEnd + oldContainerRows, []PolicyStat{{0, 2, 3, 30}}},
		{"without policies", syncSchema + oldRows + oldRowTriggers + meta + oldAccountEnd + oldContainerRows, []PolicyStat{{0, 2, 3, 30}}},
		{"empty", syncSchema + oldRows + oldRowTriggers + meta + oldAccountEnd, nil},
		{"without counts, one policy", syncSchema + oldRows + policy + oldRowTriggers + meta + oldAccountEnd + oldCounts + oldContainerRows, []PolicyStat{{0, 2, 3, 30}}},
		{"without counts, two policies", syncSchema + oldRows + policy + oldRowTriggers + meta + oldAccountEnd + oldCounts + oldContainerRows +
			`INSERT INTO container (name, put_timestamp, delete_timestamp, object_count, bytes_used, storage_policy_index)
			VALUES ('c', '1700000001.00000', '0', 4, 40, 1);`, []PolicyStat{{0, 2, 3, 30}, {1, 1, 4, 40}}},
	} {
		t.Run(old.name, func(t *testing.T) {
			a := p.Account("sda", "7", old.name)
			plant(t, p, a.File(), old.sql)
			look := func() {
				var stats []PolicyStat
				require.NoError(t, a.View(bg, func(x *AccountTx) (err error) { stats, err = x.PolicyStats(); return err }))
				require.Equal(t, old.want, stats)
			}
			look()
			require.NoError(t, a.UpdateStatusChangedAt(bg, at(1)))
			look()
			require.Equal(t, all(t, &fresh.Database, schemaObjects), all(t, &a.Database, schemaObjects))
			const sorted = "SELECT m.name, c.name, c.type, c.dflt_value FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, c.name"
			require.Equal(t, all(t, &fresh.Database, sorted), all(t, &a.Database, sorted))
			require.NoError(t, a.PutContainer(bg, ContainerRow{Name: "new", PutTimestamp: at(5), ObjectCount: 1, Policy: 2}))
			require.NoError(t, a.View(bg, func(x *AccountTx) error {
				stats, err := x.PolicyStats()
				require.Equal(t, PolicyStat{2, 1, 1, 0}, stats[len(stats)-1])
				return err
			}))
		})
	}
}

// The power goes at every operation of the first write.
func TestPowerCutWhileMigrating(t *testing.T) {
	for _, old := range oldContainers {
		t.Run(old.name, func(t *testing.T) {
			var c *Container
			cutEverywhere(t, func(fs host.FS) {
				p := simPool(t, fs)
				defer p.Close()
				plant(t, p, p.Container("sda", "7", "AUTH_test", "c").File(), old.sql)
			}, func(p *Pool) error {
				return p.Container("sda", "7", "AUTH_test", "c").MergeShardRanges(bg, []ShardRange{{
					Name: ".shards_a/n", Timestamp: at(1).Normal(), MetaTimestamp: at(1).Normal(), StateTimestamp: at(1).Normal(), State: 10,
				}})
			}, func(p *Pool, done bool) {
				c = p.Container("sda", "7", "AUTH_test", "c")
				require.Equal(t, int64(2), info(t, c).ObjectCount)
				ranges, err := c.AllShardRanges(bg)
				require.NoError(t, err)
				if done {
					require.Equal(t, ".shards_a/n", ranges[len(ranges)-1].Name)
				}
				require.NoError(t, c.PutObject(bg, object("d", 9)))
				require.Equal(t, []string{"a", "b", "d"}, names(t, c, ListOptions{}))
			})
		})
	}
}
