package proxy

import (
	"net/http"
	"strconv"
	"strings"

	"apus/impl/info"
	"apus/impl/policy"
	"apus/impl/proxy/fanout"
	"apus/impl/ring"
	"apus/impl/swift"
	"apus/impl/web"
)

func objectVerbs() map[string]verb {
	return map[string]verb{
		"GET": {readObject, true}, "HEAD": {readObject, true}, "PUT": {putObject, true},
		"POST": {postObject, true}, "DELETE": {deleteObject, true},
		"OPTIONS": {serve: serveOptions},
	}
}

// target is where the object of a request is stored.
type target struct {
	container *info.ContainerInfo
	policy    *policy.Policy
	ring      *ring.Ring
}

// target finds the container of the object, and its policy.
func (c *call) target() (t target, fault *web.Response) {
	t.container = info.Container(c.ctx, c.Server, c.req, c.path.Account, c.path.Container)
	if t.container.Status >= 500 {
		return t, web.NewResponse(http.StatusServiceUnavailable)
	}
	index := t.container.PolicyIndex
	if v := c.req.Header.Get("X-Backend-Storage-Policy-Index"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			n = -1
		}
		index = n
	}
	t.policy = c.swift.Policies.ByIndex(index)
	if t.policy == nil {
		// Another proxy knows a policy that this one was not told of.
		return t, web.HTML(http.StatusServiceUnavailable, "Unknown Storage Policy")
	}
	if t.policy.Type != policy.Replication {
		return t, web.Plain(http.StatusNotImplemented, "Storage policy %s is not supported", t.policy.Name)
	}
	c.policy = t.policy
	t.ring, fault = c.ring(t.policy.RingName())
	return t, fault
}

// objectHeader is the client's header for object servers of the target.
func (c *call) objectHeader(t target) http.Header {
	h := c.forwardedHeader()
	h["X-Backend-Storage-Policy-Index"] = []string{strconv.Itoa(t.policy.Index)}
	return h
}

func readObject(c *call) *web.Response {
	t, fault := c.target()
	if fault != nil {
		return fault
	}
	if denial := c.authorize(t.container.ReadACL); denial != nil {
		return denial
	}
	c.openExpired()
	resp := c.fan.Get(c.ctx, fanout.GetRequest{
		Method: c.req.Method, Entity: c.path.String(), RawQuery: c.req.RawQuery, Header: c.objectHeader(t),
		Nodes: c.objectNodes(t, fanout.Reading), Server: fanout.ServerObject, TxnID: c.req.Meta.TxnID,
		Newest: truth(c.req.Header.Get("X-Newest")),
	})
	cleanHeader(resp.Header)
	if resp.Status/100 == 2 || resp.Status == http.StatusNotModified || resp.Status == http.StatusRequestedRangeNotSatisfiable {
		resp.Header.Set("Accept-Ranges", "bytes")
	}
	if v := resp.Header.Get("Content-Type"); strings.Contains(v, ";") {
		resp.Header.Set("Content-Type", cleanContentType(v))
	}
	return resp
}

// cleanContentType removes the size of a large object, which is kept as the last
// parameter of its content type for the listing. Others, even of that name,
// came with the object and are the client's or a filter's.
func cleanContentType(v string) string {
	i := strings.LastIndexByte(v, ';')
	if i >= 0 && strings.HasPrefix(strings.TrimLeft(v[i+1:], " \t"), "swift_bytes=") {
		return v[:i]
	}
	return v
}

// forWrite finds the target of a write and checks that the client may do it
// and that the container exists.
func (c *call) forWrite() (t target, fault *web.Response) {
	t, fault = c.target()
	if fault != nil {
		return t, fault
	}
	if c.stamped && c.req.Method != http.MethodPost {
		c.req.SyncKey = t.container.SyncKey
	}
	if denial := c.authorize(t.container.WriteACL); denial != nil {
		return t, denial
	}
	if !t.container.OK() {
		return t, web.NewResponse(http.StatusNotFound)
	}
	return t, nil
}

func putObject(c *call) *web.Response {
	req := c.req
	ifNoneMatch, conditional := req.Header["If-None-Match"]
	if conditional && !hasStar(ifNoneMatch[0]) {
		return web.Plain(http.StatusBadRequest, "If-None-Match only supports *")
	}
	t, fault := c.forWrite()
	if fault != nil {
		return fault
	}
	c.setContentType()
	if fault := c.checkObject(); fault != nil {
		return fault
	}
	if fault := c.checkContentType(); fault != nil {
		return fault
	}
	x, fault := c.expiry()
	if fault != nil {
		return fault
	}
	nodes := c.objectNodes(t, fanout.Writing)
	headers, fault := c.objectWriteHeaders(t, nodes.Replicas(), x)
	if fault != nil {
		return fault
	}
	a, err := c.fan.Put(c.ctx, fanout.PutRequest{
		Entity: c.path.String(), Headers: headers, Nodes: nodes, Body: req.Body, Length: req.ContentLength,
		MaxSize: c.swift.Limits.MaxFileSize, IfNoneMatch: conditional, TxnID: req.Meta.TxnID,
	})
	if err != nil {
		c.countClientFault(err)
		c.log().Info("body of a PUT cannot be read", "path", c.path.String(), "txn", req.Meta.TxnID, "err", err)
		return web.NewResponse(swift.KindOf(err).Status())
	}
	resp := respond(a)
	if resp.Status == http.StatusCreated || resp.Status == http.StatusUnprocessableEntity {
		resp.Header.Set("Last-Modified", lastModified(c.stamp))
	}
	return resp
}

// countClientFault counts clients who did not send what they promised.
func (c *call) countClientFault(err error) {
	switch swift.KindOf(err) {
	case swift.Timeout:
		c.events.Tick("", "object.client_timeouts")
	case swift.ClientGone:
		c.events.Tick("", "object.client_disconnects")
	}
}

func hasStar(list string) bool {
	for _, v := range strings.Split(list, ",") {
		if strings.Trim(strings.TrimSpace(v), `"`) == "*" {
			return true
		}
	}
	return false
}

// openExpired lets a client see an object that has expired and was not
// removed yet, if the operator does.
func (c *call) openExpired() {
	if c.opts.allowOpenExpired && truth(c.req.Header.Get("X-Open-Expired")) {
		c.req.Header.Set("X-Backend-Open-Expired", "true")
	}
}

func postObject(c *call) *web.Response {
	c.openExpired()
	t, fault := c.forWrite()
	if fault != nil {
		return fault
	}
	if fault := checkMetadata(c.req.Header, "Object", &c.swift.Limits); fault != nil {
		return fault
	}
	x, fault := c.expiry()
	if fault != nil {
		return fault
	}
	nodes := c.objectNodes(t, fanout.Reading)
	headers, fault := c.objectWriteHeaders(t, nodes.Replicas(), x)
	if fault != nil {
		return fault
	}
	return respond(c.fan.Post(c.ctx, fanout.EachRequest{
		Method: http.MethodPost, Entity: c.path.String(), Headers: headers, Nodes: nodes, TxnID: c.req.Meta.TxnID,
	}))
}

func deleteObject(c *call) *web.Response {
	t, fault := c.forWrite()
	if fault != nil {
		return fault
	}
	nodes := c.objectNodes(t, fanout.Deleting)
	headers, fault := c.objectWriteHeaders(t, nodes.Replicas()+nodes.DeleteHandoffs(), queueEntry{})
	if fault != nil {
		return fault
	}
	return c.toAll(nodes, c.path, http.MethodDelete, headers, map[int]int{http.StatusNotFound: http.StatusNoContent})
}
