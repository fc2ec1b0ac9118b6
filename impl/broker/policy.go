package broker

import "context"

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
