package broker

import (
	"context"
	"strings"

	"github.com/ncruces/go-sqlite3"
)

// ObjectStat is the share of one storage policy in a container.
type ObjectStat struct {
	Policy                 int
	ObjectCount, BytesUsed int64
}

// MisplacedObject is a row in a policy other than the container's.
type MisplacedObject struct {
	RowID int64
	Object
}

// PolicyStats lists the policies that have or had objects, by index.
func (c *Container) PolicyStats(ctx context.Context) ([]ObjectStat, error) {
	var out []ObjectStat
	err := c.View(ctx, func(x *ContainerTx) (err error) { out, err = x.PolicyStats(); return err })
	return out, err
}

// HasMultiplePolicies reports whether objects were put in several policies.
func (c *Container) HasMultiplePolicies(ctx context.Context) (bool, error) {
	stats, err := c.PolicyStats(ctx)
	return len(stats) > 1, err
}

// MisplacedSince reads up to count misplaced rows after the ROWID start.
func (c *Container) MisplacedSince(ctx context.Context, start int64, count int) ([]MisplacedObject, error) {
	var out []MisplacedObject
	err := c.View(ctx, func(x *ContainerTx) (err error) { out, err = x.misplacedSince(start, count); return err })
	return out, err
}

// ReconcilerSync is the ROWID up to which misplaced rows were queued for the
// reconciler, -1 at first.
func (c *Container) ReconcilerSync(ctx context.Context) (int64, error) {
	point := int64(-1)
	err := c.View(ctx, func(x *ContainerTx) (err error) { point, err = x.reconcilerSync(); return err })
	return point, err
}

// SetReconcilerSync sets it.
func (c *Container) SetReconcilerSync(ctx context.Context, point int64) error {
	return c.Update(ctx, func(x *ContainerTx) error {
		return x.t.exec("UPDATE container_stat SET reconciler_sync_point = ?", point)
	})
}

// SetContainerSyncPoints sets how far container sync has come; nil leaves a
// point as it is.
func (c *Container) SetContainerSyncPoints(ctx context.Context, point1, point2 *int64) error {
	return c.Update(ctx, func(x *ContainerTx) error {
		for i, p := range []*int64{point1, point2} {
			if p == nil {
				continue
			}
			column := [...]string{"x_container_sync_point1", "x_container_sync_point2"}[i]
			if err := x.t.exec("UPDATE container_stat SET "+column+" = ?", *p); err != nil {
				return err
			}
		}
		return nil
	})
}

// PolicyStats lists the policies that have or had objects, by index.
func (x *ContainerTx) PolicyStats() ([]ObjectStat, error) {
	var out []ObjectStat
	err := x.t.query("SELECT storage_policy_index, object_count, bytes_used FROM policy_stat ORDER BY storage_policy_index", nil,
		func(s *sqlite3.Stmt) (bool, error) {
			out = append(out, ObjectStat{s.ColumnInt(0), s.ColumnInt64(1), s.ColumnInt64(2)})
			return true, nil
		})
	return out, err
}

func (x *ContainerTx) misplacedSince(start int64, count int) ([]MisplacedObject, error) {
	var out []MisplacedObject
	err := x.t.query(`SELECT `+objectColumns+` FROM object
		WHERE ROWID > ? AND storage_policy_index <> (SELECT storage_policy_index FROM container_stat LIMIT 1)
		ORDER BY ROWID LIMIT ?`, []any{start, count}, func(s *sqlite3.Stmt) (bool, error) {
		out = append(out, MisplacedObject{s.ColumnInt64(0), readObject(s)})
		return true, nil
	})
	return out, err
}

func (x *ContainerTx) reconcilerSync() (int64, error) {
	point := int64(-1)
	_, err := x.t.row("SELECT reconciler_sync_point FROM container_stat", nil, func(s *sqlite3.Stmt) { point = s.ColumnInt64(0) })
	return point, err
}

// PolicyState is what of a replica decides whose storage policy is right when
// replicas of a container differ. Timestamps are the texts of the columns.
type PolicyState struct {
	PutTimestamp, DeleteTimestamp, StatusChangedAt string
	Count                                          int64
}

func (p PolicyState) deleted() bool { return p.DeleteTimestamp > p.PutTimestamp && p.Count == 0 }

func (p PolicyState) recreated() bool {
	return p.PutTimestamp > p.DeleteTimestamp && !stamp(p.DeleteTimestamp).IsZero()
}

// PolicyState is the part of i that decides.
func (i *ReplicationInfo) PolicyState() PolicyState {
	return PolicyState{i.PutTimestamp, i.DeleteTimestamp, i.StatusChangedAt, i.Count}
}

// ComparePolicy is negative if the policy of a is right and positive if that
// of b is: one that exists beats one that was deleted, one that was recreated
// beats one that was not, of the deleted the last one counts and of others the
// first.
func ComparePolicy(a, b PolicyState) int {
	switch aGone, bGone := a.deleted(), b.deleted(); {
	case aGone && bGone:
		return strings.Compare(b.StatusChangedAt, a.StatusChangedAt)
	case bGone:
		return -1
	case aGone:
		return 1
	}
	switch aNew, bNew := a.recreated(), b.recreated(); {
	case bNew && !aNew:
		return 1
	case aNew && !bNew:
		return -1
	case aNew && bNew:
		lastDelete := max(a.DeleteTimestamp, b.DeleteTimestamp)
		if a.PutTimestamp < lastDelete {
			return 1
		}
		if b.PutTimestamp < lastDelete {
			return -1
		}
	}
	return strings.Compare(a.StatusChangedAt, b.StatusChangedAt)
}
