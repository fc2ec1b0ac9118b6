package proxy

import (
	"net/http"
	"strconv"
	"strings"

	"apus/impl/acl"
	"apus/impl/info"
	"apus/impl/proxy/fanout"
	"apus/impl/swift"
	"apus/impl/web"
)

func accountVerbs(managed bool) map[string]verb {
	v := map[string]verb{
		"GET": {serve: readAccount}, "HEAD": {serve: readAccount}, "POST": {serve: postAccount},
		"OPTIONS": {serve: serveOptions},
	}
	if managed {
		v["PUT"], v["DELETE"] = verb{serve: putAccount}, verb{serve: deleteAccount}
	}
	return v
}

// readDatabase asks for a listing, or the header of one, always as JSON: a
// filter makes of it what the client wants.
func (c *call) readDatabase(server string) *web.Response {
	r, fault := c.ring(server)
	if fault != nil {
		return fault
	}
	q := c.req.Query()
	q.Set("format", "json")
	resp := c.fan.Get(c.ctx, fanout.GetRequest{
		Method: c.req.Method, Entity: c.path.String(), RawQuery: q.Encode(), Header: c.forwardedHeader(),
		Nodes: c.nodes(r, c.path), Server: server, TxnID: c.req.Meta.TxnID,
		Newest: truth(c.req.Header.Get("X-Newest")),
	})
	cleanHeader(resp.Header)
	if resp.OK() {
		resp.Header.Set("Accept-Ranges", "bytes")
	}
	c.setPolicyName(resp)
	return resp
}

func readAccount(c *call) *web.Response {
	if fault := c.checkNames(); fault != nil {
		return fault
	}
	if c.req.Method == http.MethodGet {
		if fault := c.checkAccountListing(); fault != nil {
			return fault
		}
	}
	resp := c.readDatabase(fanout.ServerAccount)
	if resp.Status == http.StatusNotFound {
		switch {
		case strings.EqualFold(resp.Header.Get("X-Account-Status"), "deleted"):
			h := resp.Header
			resp.Discard()
			resp = web.HTML(http.StatusGone, "")
			resp.Header.Set("X-Account-Status", h.Get("X-Account-Status"))
		case c.opts.accountAutocreate:
			resp.Discard()
			resp = c.emptyAccount()
		}
	}
	resp.Header.Set(info.RecheckAccount, strconv.Itoa(c.opts.recheckAccount))
	info.SetAccount(c.ctx, c.req, c.path.Account, resp.Status, resp.Header, c.swift.Policies)
	c.showAccountACL(resp.Header)
	c.dropOwnerHeaders(resp.Header)
	return resp
}

// emptyAccount shows an account that a write would create.
func (c *call) emptyAccount() *web.Response {
	resp := web.Text(http.StatusOK, "[]", "application/json; charset=utf-8")
	if c.req.Method == http.MethodHead {
		// As for an account that is there. Swift says 200 here, by an accident of
		// how it makes the listing.
		resp = web.Empty(http.StatusNoContent)
		resp.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	h := resp.Header
	h.Set("X-Account-Container-Count", "0")
	h.Set("X-Account-Object-Count", "0")
	h.Set("X-Account-Bytes-Used", "0")
	h.Set("X-Timestamp", c.stamp.Normal())
	h.Set("X-Put-Timestamp", c.stamp.Normal())
	h.Set(info.FakeListing, "yes")
	return resp
}

const (
	accountACL     = "X-Account-Access-Control"
	accountACLCore = "X-Account-Sysmeta-Core-Access-Control"
)

// showAccountACL gives the owner the account's ACL under its public name.
func (c *call) showAccountACL(h http.Header) {
	if !c.req.Owner {
		return
	}
	v := acl.FormatAccount(h.Get(accountACLCore))
	delete(h, accountACLCore)
	if v != "" {
		h.Set(accountACL, v)
	}
}

// toAccount sends a write to all replicas of the account.
func (c *call) toAccount(h http.Header) *web.Response {
	r, fault := c.ring(fanout.ServerAccount)
	if fault != nil {
		return fault
	}
	p := swift.Path{Account: c.path.Account}
	nodes := c.nodes(r, p)
	resp := c.toAll(nodes, p, c.req.Method, repeat(h, nodes.Replicas()), nil)
	info.Clear(c.ctx, c.req, p)
	return resp
}

// toAll sends a request with each of the headers and answers with the best
// answer.
func (c *call) toAll(nodes *fanout.Nodes, p swift.Path, method string, headers []http.Header, overrides map[int]int) *web.Response {
	return c.best(fanout.EachRequest{
		Method: method, Entity: p.String(), Headers: headers, Nodes: nodes, Count: len(headers),
	}, overrides)
}

// best sends a small request to all replicas and answers with the best answer.
func (c *call) best(r fanout.EachRequest, overrides map[int]int) *web.Response {
	r.TxnID = c.req.Meta.TxnID
	answers := c.fan.Each(c.ctx, r)
	a := fanout.Best(answers, fanout.Quorum(len(answers)), overrides)
	if a.Status == http.StatusServiceUnavailable {
		c.log().Error("no quorum", "method", r.Method, "path", r.Entity, "txn", r.TxnID, "statuses", statuses(answers))
	}
	return respond(a)
}

func statuses(answers []fanout.Answer) []int {
	out := make([]int, len(answers))
	for i, a := range answers {
		out[i] = a.Status
	}
	return out
}

func repeat(h http.Header, n int) []http.Header {
	out := make([]http.Header, n)
	for i := range out {
		out[i] = h
	}
	return out
}

func (c *call) accountWriteHeader() http.Header {
	h := c.backendHeader()
	transfer(c.req.Header, h, "Account")
	return h
}

func putAccount(c *call) *web.Response {
	if fault := checkMetadata(c.req.Header, "Account", &c.swift.Limits); fault != nil {
		return fault
	}
	if fault := c.checkNames(); fault != nil {
		return fault
	}
	info.Clear(c.ctx, c.req, c.path)
	resp := c.toAccount(c.accountWriteHeader())
	c.showAccountACL(resp.Header)
	return resp
}

func postAccount(c *call) *web.Response {
	if fault := c.checkNames(); fault != nil {
		return fault
	}
	if fault := checkMetadata(c.req.Header, "Account", &c.swift.Limits); fault != nil {
		return fault
	}
	info.Clear(c.ctx, c.req, c.path)
	resp := c.toAccount(c.accountWriteHeader())
	if resp.Status == http.StatusNotFound && c.opts.accountAutocreate {
		resp.Discard()
		// One that was deleted a while ago cannot be created, and the second
		// answer says so.
		c.createAccount()
		resp = c.toAccount(c.accountWriteHeader())
	}
	c.showAccountACL(resp.Header)
	return resp
}

func deleteAccount(c *call) *web.Response {
	if c.req.RawQuery != "" {
		// A mistyped bulk delete must not cost the account.
		return web.NewResponse(http.StatusBadRequest)
	}
	return c.toAccount(c.backendHeader())
}

// createAccount makes the account of a request to something below it.
func (c *call) createAccount() bool {
	r, fault := c.ring(fanout.ServerAccount)
	if fault != nil {
		return false
	}
	p := swift.Path{Account: c.path.Account}
	h := http.Header{}
	for name, values := range c.req.Header {
		if strings.HasPrefix(name, "X-Account-Sysmeta-") {
			h[name] = values
		}
	}
	c.identify(h)
	// The request's own timestamp may be of long ago.
	h["X-Timestamp"] = []string{c.nextStamp().Internal()}
	nodes := c.nodes(r, p)
	resp := c.toAll(nodes, p, http.MethodPut, repeat(h, nodes.Replicas()), nil)
	defer resp.Discard()
	info.Clear(c.ctx, c.req, p)
	if !resp.OK() {
		c.log().Warn("account cannot be created", "account", p.Account, "status", resp.Status)
	}
	return resp.OK()
}
