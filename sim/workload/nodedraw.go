package workload

import (
	"slices"

	"apus/impl/swift"
	"apus/sim/model"
)

// step draws one request and asks for it.
func (c *nodeClient) step(n int) *model.NodeOp {
	o := &model.NodeOp{Client: c.id, Name: c.name(c.rng.IntN(c.cfg.Names))}
	x := c.rng.IntN(100)
	switch c.cfg.Subject {
	case NodeObjects:
		o.Kind = pick(x, []portion{{35, model.NodePut}, {10, model.NodePost}, {10, model.NodeDelete}, {45, model.NodeGet}})
		if c.cfg.Extras && o.Kind == model.NodeGet && c.rng.IntN(6) == 0 {
			o.Kind = model.NodeHashes
		}
	case NodeRows:
		o.Kind = pick(x, []portion{{40, model.RowPut}, {20, model.RowDelete}, {40, model.RowList}})
	case NodeContainers:
		o.Kind = pick(x, []portion{{35, model.DBPut}, {30, model.DBDelete}, {35, model.DBHead}})
	}
	if o.Kind == model.RowList {
		o.Name = ""
	}
	if !o.Kind.Reads() {
		o.Timestamp = c.stamp().Normal()
		o.Value = model.NewValueID(c.cfg.Seed, c.id, n)
	}
	if c.cfg.Extras {
		c.extras(o, n)
	}
	return o
}

// portion is how many of a hundred requests are of a kind.
type portion struct {
	percent int
	kind    model.NodeKind
}

func pick(x int, shares []portion) model.NodeKind {
	for _, s := range shares {
		if x -= s.percent; x < 0 {
			return s.kind
		}
	}
	panic("workload: the shares are less than a hundred")
}

// extras decorates a write.
func (c *nodeClient) extras(o *model.NodeOp, n int) {
	other := func() model.ValueID { return model.NewValueID(c.cfg.Seed, c.id, n+c.cfg.Steps) }
	switch o.Kind {
	case model.NodePut:
		o.IfNone = c.rng.IntN(6) == 0
		o.BadETag = c.rng.IntN(12) == 0
		o.DeleteAt = c.expiry()
	case model.NodePost:
		o.DeleteAt = c.expiry()
		if c.rng.IntN(2) == 0 {
			o.Type = other()
		}
	case model.NodeDelete:
		if c.rng.IntN(3) == 0 {
			o.IfDeleteAt = c.someExpiry()
		}
	case model.RowPut:
		if c.rng.IntN(2) == 0 {
			o.Kind = model.RowMerge
		}
		if c.rng.IntN(2) == 0 {
			c.spread(o)
			o.Type = other()
		}
	}
}

// spread gives data, content type and metadata of a row times of their own,
// in the order in which a PUT and two POSTs would have set them.
func (c *nodeClient) spread(o *model.NodeOp) {
	stamps := []swift.Timestamp{c.stamp(), c.stamp(), c.stamp()}
	slices.SortFunc(stamps, swift.Timestamp.Compare)
	o.Timestamp, o.TypeStamp, o.MetaStamp = stamps[0].Normal(), stamps[1].Normal(), stamps[2].Normal()
}

// Objects expire long after the run, at one of a few times, so that a
// conditional DELETE hits now and then.
const expiries = 2

func (c *nodeClient) expiry() int64 {
	if c.rng.IntN(2) == 0 {
		return 0
	}
	return c.someExpiry()
}

func (c *nodeClient) someExpiry() int64 {
	const far = 1000 * 24 * 3600
	return c.w.Epoch.Unix() + far + int64(c.rng.IntN(expiries))
}
