package workload

import (
	"context"

	"apus/sim/model"
)

// NodeClient asks one server of a storage node what it is told, each time over
// a connection of its own.
type NodeClient struct{ c *nodeClient }

// NewNodeClient makes a client. Of the configuration only Timeout, MaxSize and
// Subject count.
func NewNodeClient(cfg NodeConfig, w NodeWorld) *NodeClient {
	t := newTransport(w.Net(0))
	t.DisableKeepAlives = true
	return &NodeClient{&nodeClient{cfg: cfg, w: w, transport: t}}
}

// Ask sends the request that o describes and adds to o what came of it.
func (k *NodeClient) Ask(ctx context.Context, o *model.NodeOp) {
	k.c.ops = k.c.ops[:0]
	k.c.ask(ctx, o)
}
