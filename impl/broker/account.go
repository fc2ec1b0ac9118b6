package broker

import (
	"context"

	"github.com/ncruces/go-sqlite3"

	"apus/impl/swift"
)

var accounts = &kind{name: "account", datadir: AccountsDir, stat: "account_stat", rows: "container", reclaim: "delete_timestamp", parse: parseContainerRow, merge: mergeContainers}

// Account names an account database, which may or may not exist. Its methods
// fail with kind NotFound if it does not.
type Account struct {
	Database
	account string
}

// Account is the database of an account on a device.
func (p *Pool) Account(device, partition, account string) *Account {
	h := p.hasher.Hash(swift.Path{Account: account})
	return &Account{Database{p, accounts, dbPath(p.cfg.Devices, device, AccountsDir, partition, h)}, account}
}

// AccountFile is the account database in a file that a daemon or a tool
// found. It is never created.
func (p *Pool) AccountFile(file string) *Account {
	return &Account{Database: Database{p, accounts, file}}
}

// Create makes the database; kind Conflict if it exists.
func (a *Account) Create(ctx context.Context, put swift.Timestamp, metadata Metadata, limits swift.Limits) error {
	return a.with("Create", func(d *db) error {
		return d.create(ctx, accountSchema, func(t *tx) error {
			now := swift.TimestampOf(d.pool.host.Clock.Now())
			if err := t.exec(`UPDATE account_stat
				SET account = ?, created_at = ?, id = ?, put_timestamp = ?, status_changed_at = ?`,
				a.account, now, d.newID(), put, put); err != nil {
				return err
			}
			return t.updateMetadata(metadata, limits)
		})
	})
}

// ContainerRow is one row of an account, or an update of one.
type ContainerRow struct {
	Name                          string
	PutTimestamp, DeleteTimestamp swift.Timestamp
	ObjectCount, BytesUsed        int64
	Deleted                       bool
	Policy                        int
}

// entry is the update that r stands for. A time that never was is written
// as the default of the column, for replicas compare texts.
func (r ContainerRow) entry() *containerEntry {
	put, del := stampText(r.PutTimestamp), stampText(r.DeleteTimestamp)
	return &containerEntry{
		name: r.Name, put: &put, del: &del, objects: &r.ObjectCount, bytes: &r.BytesUsed,
		deleted: r.DeleteTimestamp.After(r.PutTimestamp) && r.ObjectCount == 0, policy: r.Policy,
	}
}

func stampText(t swift.Timestamp) string {
	if t.IsZero() {
		return "0"
	}
	return t.Internal()
}

// PutContainer makes one row update durable. It shows in what is read next.
func (a *Account) PutContainer(ctx context.Context, r ContainerRow) error {
	return a.with("PutContainer", func(d *db) error { return d.put(ctx, r.entry()) })
}

// View shows fn one state of the database, with every row update merged that
// was acknowledged before.
func (a *Account) View(ctx context.Context, fn func(*AccountTx) error) error {
	return a.with("View", func(d *db) error {
		return d.view(ctx, func(t *tx) error { return fn(&AccountTx{t}) })
	})
}

// Update is View for changing: if fn returns nil, all that it did is durable,
// else nothing was done.
func (a *Account) Update(ctx context.Context, fn func(*AccountTx) error) error {
	return a.with("Update", func(d *db) error {
		return d.update(ctx, func(t *tx) error { return fn(&AccountTx{t}) })
	})
}

// Deleted reports whether the account counts as absent, for a row update that
// is about to be put. It merges nothing unless the count decides.
func (a *Account) Deleted(ctx context.Context) (bool, error) {
	var info *AccountInfo
	look := func(t *tx) (err error) { info, err = (&AccountTx{t}).Info(); return err }
	err := a.with("Deleted", func(d *db) error {
		err := d.transact(ctx, false, look)
		if err == nil && info.Deleted() && info.Status != statusDeleted || isCorrupt(err) {
			err = d.view(ctx, look)
		}
		return err
	})
	if err != nil {
		return false, err
	}
	return info.Deleted(), nil
}

// statusDeleted is the status of a database that was removed.
const statusDeleted = "DELETED"

// AccountInfo is what an account knows about itself.
type AccountInfo struct {
	Account                                string
	CreatedAt                              swift.Timestamp
	PutTimestamp, DeleteTimestamp          swift.Timestamp
	Status                                 string
	StatusChangedAt                        swift.Timestamp
	ContainerCount, ObjectCount, BytesUsed int64
	Hash, ID                               string
}

// Deleted reports whether the account counts as absent.
func (i *AccountInfo) Deleted() bool {
	return i.Status == statusDeleted || i.ContainerCount == 0 && i.DeleteTimestamp.After(i.PutTimestamp)
}

// StatusDeleted reports whether the account was removed, however many
// containers are left for the reaper. Such an account cannot be put again.
func (i *AccountInfo) StatusDeleted() bool {
	return i.Status == statusDeleted || i.DeleteTimestamp.After(i.PutTimestamp)
}

// AccountTx is an open transaction. Do not keep it.
type AccountTx struct{ t *tx }

// Info reads the row about the account.
func (x *AccountTx) Info() (*AccountInfo, error) {
	i := &AccountInfo{}
	found, err := x.t.row(`SELECT account, created_at, put_timestamp, delete_timestamp, status, status_changed_at,
		container_count, object_count, bytes_used, hash, id FROM account_stat`, nil, func(s *sqlite3.Stmt) {
		i.Account, i.CreatedAt = s.ColumnText(0), stamp(s.ColumnText(1))
		i.PutTimestamp, i.DeleteTimestamp = stamp(s.ColumnText(2)), stamp(s.ColumnText(3))
		i.Status, i.StatusChangedAt = s.ColumnText(4), stamp(s.ColumnText(5))
		i.ContainerCount, i.ObjectCount, i.BytesUsed = s.ColumnInt64(6), s.ColumnInt64(7), s.ColumnInt64(8)
		i.Hash, i.ID = s.ColumnText(9), s.ColumnText(10)
	})
	if err == nil && !found {
		err = errMissingRow
	}
	return i, err
}

// PolicyStat is the share of one storage policy in an account.
type PolicyStat struct {
	Policy                                 int
	ContainerCount, ObjectCount, BytesUsed int64
}

// PolicyStats lists the policies in use, by index.
func (x *AccountTx) PolicyStats() ([]PolicyStat, error) {
	var out []PolicyStat
	err := x.t.query(`SELECT storage_policy_index, container_count, object_count, bytes_used
		FROM policy_stat ORDER BY storage_policy_index`, nil, func(s *sqlite3.Stmt) (bool, error) {
		out = append(out, PolicyStat{s.ColumnInt(0), s.ColumnInt64(1), s.ColumnInt64(2), s.ColumnInt64(3)})
		return true, nil
	})
	return out, err
}

// Metadata reads the stored headers.
func (x *AccountTx) Metadata() (Metadata, error) { return x.t.metadata() }

// SetPutTimestamp moves the put timestamp on, never back.
func (x *AccountTx) SetPutTimestamp(at swift.Timestamp) error { return x.t.setPutTimestamp(at) }

// UpdateMetadata merges stored headers by their timestamps; kind Invalid when
// the result is over the limits.
func (x *AccountTx) UpdateMetadata(updates Metadata, limits swift.Limits) error {
	return x.t.updateMetadata(updates, limits)
}

// MarkDeleted removes the stored headers and moves the delete timestamp on.
func (x *AccountTx) MarkDeleted(at swift.Timestamp) error { return x.t.markDeleted(at, nil) }

// ContainerEntry is one line of a listing. A Subdir has a name only.
type ContainerEntry struct {
	Name                   string
	Subdir                 bool
	ObjectCount, BytesUsed int64
	PutTimestamp           swift.Timestamp
	Policy                 int
}

// List lists the containers.
func (x *AccountTx) List(o ListOptions) ([]ContainerEntry, error) {
	var out []ContainerEntry
	l := lister{
		sql:    "SELECT name, object_count, bytes_used, put_timestamp, storage_policy_index FROM container",
		filter: "deleted = 0",
		row: func(name []byte, s *sqlite3.Stmt) error {
			out = append(out, ContainerEntry{
				Name: string(name), ObjectCount: s.ColumnInt64(1), BytesUsed: s.ColumnInt64(2),
				PutTimestamp: stamp(s.ColumnText(3)), Policy: s.ColumnInt(4),
			})
			return nil
		},
		group: func(name []byte) error {
			out = append(out, ContainerEntry{Name: string(name), Subdir: true})
			return nil
		},
	}
	err := l.list(x.t, o)
	return out, err
}
