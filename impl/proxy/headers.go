package proxy

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"apus/impl/proxy/fanout"
	"apus/impl/swift"
	"apus/impl/web"
)

// userAgent names the proxy to storage nodes.
const userAgent = "proxy-server apus"

// backendHeader is what every request to a storage node carries: identity,
// timestamp, and what filters say to storage servers.
func (c *call) backendHeader() http.Header {
	h := make(http.Header, 16)
	for name, values := range c.req.Header {
		if strings.HasPrefix(name, "X-Backend-") {
			h[name] = values
		}
	}
	c.identify(h)
	return h
}

func (c *call) identify(h http.Header) {
	h["X-Timestamp"] = []string{c.stamp.Internal()}
	if c.req.Meta.TxnID != "" {
		h["X-Trans-Id"] = []string{c.req.Meta.TxnID}
	}
	h["User-Agent"] = []string{userAgent}
	h["Referer"] = []string{c.req.Method + " " + c.requestURL()}
}

// requestURL is how the client named what he wants, for the nodes' logs.
func (c *call) requestURL() string {
	p := c.req.RawPath
	if p == "" {
		p = web.EscapePath(c.req.Path)
	}
	u := "http://" + c.req.Host + p
	if c.req.RawQuery != "" {
		u += "?" + c.req.RawQuery
	}
	return u
}

// notForwarded are the client's headers that concern the connection or the
// client's identity.
var notForwarded = [...]string{
	"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade", "Host", "Content-Length", "Expect", "Accept-Encoding", "Cookie",
	"Authorization", "X-Auth-Token", "X-Storage-Token", "X-Service-Token",
}

// forwardedHeader is the client's header for an object server, or for a
// reading of a database.
func (c *call) forwardedHeader() http.Header {
	h := make(http.Header, len(c.req.Header)+4)
	for name, values := range c.req.Header {
		h[name] = values
	}
	for _, name := range notForwarded {
		delete(h, name)
	}
	c.identify(h)
	return h
}

// transfer copies the metadata of an account or container write: user and
// system metadata, the named other headers, and removals as empty values.
func transfer(from, to http.Header, kind string, others ...string) {
	meta, sysmeta, remove := "X-"+kind+"-Meta-", "X-"+kind+"-Sysmeta-", "X-Remove-"+kind+"-Meta-"
	for name := range from {
		if strings.HasPrefix(name, remove) {
			to.Set("X-"+strings.TrimPrefix(name, "X-Remove-"), "")
		}
	}
	for _, name := range others {
		if _, ok := from["X-Remove-"+strings.TrimPrefix(name, "X-")]; ok {
			to.Set(name, "")
		}
	}
	for name, values := range from {
		if strings.HasPrefix(name, meta) || strings.HasPrefix(name, sysmeta) {
			to[name] = values
		}
	}
	for _, name := range others {
		if values, ok := from[name]; ok {
			to[name] = values
		}
	}
}

// notReturned are the headers of storage nodes that are theirs alone.
var notReturned = [...]string{
	"Date", "Connection", "Keep-Alive", "Transfer-Encoding", "Content-Length", "X-Put-Timestamp", "X-Delete-After",
	"X-Trans-Id", "X-Openstack-Request-Id", "Server",
}

// cleanHeader removes from a node's header what does not concern clients.
func cleanHeader(h http.Header) {
	for _, name := range notReturned {
		delete(h, name)
	}
	if e, ok := h["Etag"]; ok && len(e) > 0 {
		h["Etag"] = []string{strings.ReplaceAll(e[0], `"`, "")}
	}
}

// respond makes the client's response of the answer that was chosen.
func respond(a fanout.Answer) *web.Response {
	var resp *web.Response
	contentType, deleted := "", false
	if a.Header != nil {
		contentType, deleted = a.Header.Get("Content-Type"), a.Header.Get("X-Account-Status") != ""
	}
	switch {
	case deleted && a.Status == http.StatusNotFound:
		resp = web.HTML(a.Status, "") // the header says it all
	case a.Status/100 == 4 && len(a.Body) > 0:
		resp = web.Text(a.Status, string(a.Body), contentType)
	case a.Status == http.StatusCreated:
		resp = web.Text(a.Status, "", "text/html; charset=UTF-8")
	default:
		resp = web.NewResponse(a.Status)
	}
	for name, values := range a.Header {
		if !strings.HasPrefix(name, "Content-") {
			resp.Header[name] = values
		}
	}
	cleanHeader(resp.Header)
	return resp
}

// nameLimit is the longest name allowed; twice that for the accounts that
// filters and daemons keep for themselves.
func (c *call) nameLimit(most int) int {
	if strings.HasPrefix(c.path.Account, ".") {
		return 2 * most
	}
	return most
}

// checkNames limits the length of the account's or container's name.
func (c *call) checkNames() *web.Response {
	kind, name, most := "Account", c.path.Account, c.swift.Limits.MaxAccountNameLength
	if c.path.Container != "" {
		kind, name, most = "Container", c.path.Container, c.swift.Limits.MaxContainerNameLength
	}
	if most = c.nameLimit(most); len(name) > most {
		return web.HTML(http.StatusBadRequest, fmt.Sprintf("%s name length of %d longer than %d", kind, len(name), most))
	}
	return nil
}

// setPolicyName tells clients the policy by name.
func (c *call) setPolicyName(resp *web.Response) {
	v := resp.Header.Get("X-Backend-Storage-Policy-Index")
	if v == "" || !resp.OK() {
		return
	}
	if i, err := strconv.Atoi(v); err == nil {
		if p := c.swift.Policies.ByIndex(i); p != nil {
			resp.Header.Set("X-Storage-Policy", p.Name)
		}
	}
}

// dropOwnerHeaders keeps what concerns the owner alone from everybody else.
func (c *call) dropOwnerHeaders(h http.Header) {
	if c.req.Owner {
		return
	}
	for _, name := range c.opts.ownerHeaders {
		delete(h, name)
	}
}

// lastModified is when a write with this timestamp was.
func lastModified(t swift.Timestamp) string {
	return web.FormatDate(swift.NewTimestamp(t.CeilSeconds()*swift.TicksPerSecond, 0).Time())
}
