package proxy

import (
	"io"
	"net/http"

	"apus/impl/proxy/fanout"
	"apus/impl/swift"
	"apus/impl/web"
)

const (
	updateVerb = "UPDATE"
	// maxUpdate bounds the rows of one UPDATE, which are held in memory.
	maxUpdate = 64 << 20
)

// mayUpdate reports an UPDATE of a container by a filter. Clients cannot send
// the header that filters say it with.
func mayUpdate(req *web.Request, p swift.Path) bool {
	return req.Method == updateVerb && p.IsContainer() && truth(req.Header.Get("X-Backend-Allow-Private-Methods"))
}

// updateContainer merges rows into a container: a JSON list, in the policy that
// the request names.
func updateContainer(c *call) *web.Response {
	body, err := io.ReadAll(io.LimitReader(c.req.Body, maxUpdate+1))
	switch {
	case err != nil:
		return web.FromError(err)
	case len(body) > maxUpdate:
		return web.NewResponse(http.StatusRequestEntityTooLarge)
	}
	containers, fault := c.ring(fanout.ServerContainer)
	if fault != nil {
		return fault
	}
	nodes := c.nodes(containers, c.path)
	header := c.backendHeader()
	header.Set("Content-Type", c.req.Header.Get("Content-Type"))
	answers := c.fan.Each(c.ctx, fanout.EachRequest{
		Method: updateVerb, Entity: c.path.String(), Headers: repeat(header, nodes.Replicas()), Body: body,
		Nodes: nodes, TxnID: c.req.Meta.TxnID,
	})
	return respond(fanout.Best(answers, fanout.Quorum(len(answers)), nil))
}
