package proxy

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"apus/impl/config"
	"apus/impl/info"
	"apus/impl/proxy/fanout"
	"apus/impl/ring"
	"apus/impl/swift"
	"apus/impl/web"
)

func containerVerbs() map[string]verb {
	return map[string]verb{
		"GET": {readContainer, true}, "HEAD": {readContainer, true},
		"PUT": {serve: putContainer}, "POST": {serve: postContainer}, "DELETE": {serve: deleteContainer},
		"OPTIONS": {serve: serveOptions},
	}
}

func truth(v string) bool { return config.Truth(v) }

func (c *call) account() *info.AccountInfo {
	return info.Account(c.ctx, c.Server, c.req, c.path.Account)
}

// missingAccount is the answer when the account of a container is not there
// or cannot be reached; nil if it is there.
func missingAccount(a *info.AccountInfo) *web.Response {
	switch {
	case a.Status >= 500:
		return web.NewResponse(http.StatusServiceUnavailable)
	case !a.Exists:
		return web.NewResponse(http.StatusNotFound)
	}
	return nil
}

func readContainer(c *call) *web.Response {
	if c.req.Method == http.MethodGet {
		if fault := c.checkListing(c.swift.Limits.ContainerListingLimit); fault != nil {
			return fault
		}
	}
	if !strings.HasPrefix(c.path.Account, info.AutoCreatePrefix) {
		if fault := missingAccount(c.account()); fault != nil {
			if denial := c.authorize(""); denial != nil {
				return denial
			}
			return fault
		}
	}
	resp := c.readDatabase(fanout.ServerContainer)
	resp.Header.Set(info.RecheckContainer, strconv.Itoa(c.opts.recheckContainer))
	info.SetContainer(c.ctx, c.req, c.path.Account, c.path.Container, resp.Status, resp.Header)
	if denial := c.authorize(resp.Header.Get("X-Container-Read")); denial != nil {
		resp.Discard()
		return denial
	}
	c.dropOwnerHeaders(resp.Header)
	if c.req.Reseller {
		sharding := truth(resp.Header.Get("X-Container-Sysmeta-Sharding"))
		resp.Header.Set("X-Container-Sharding", pythonBool(sharding))
	}
	return resp
}

func pythonBool(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

// containerSettings are the headers of a container write beside metadata.
var containerSettings = []string{
	"X-Container-Read", "X-Container-Write", "X-Container-Sync-Key", "X-Container-Sync-To", "X-Versions-Location",
}

// prepareWrite checks the header of a PUT or POST and leaves in it what the
// client may set.
func (c *call) prepareWrite() *web.Response {
	h := c.req.Header
	for _, name := range []string{"X-Container-Read", "X-Container-Write"} {
		v, ok := h[name]
		if !ok || c.req.CleanACL == nil || len(v) == 0 {
			continue
		}
		clean, err := c.req.CleanACL(name, v[0])
		if err != nil {
			return web.HTML(http.StatusBadRequest, err.Error())
		}
		h.Set(name, clean)
	}
	if fault := checkMetadata(h, "Container", &c.swift.Limits); fault != nil {
		return fault
	}
	c.dropOwnerHeaders(h)
	if v := h.Get("X-Container-Sharding"); c.req.Reseller && v != "" {
		h.Set("X-Container-Sysmeta-Sharding", pythonBool(truth(v)))
	}
	return nil
}

// policyHeader is the header that tells container servers the policy of a new
// container: the one asked for, or the default.
func (c *call) policyHeader() (name, value string, fault *web.Response) {
	asked := c.req.Header.Get("X-Storage-Policy")
	if asked == "" {
		return "X-Backend-Storage-Policy-Default", strconv.Itoa(c.swift.Policies.Default().Index), nil
	}
	p := c.swift.Policies.ByName(asked)
	switch {
	case p == nil:
		return "", "", web.Plain(http.StatusBadRequest, "Invalid X-Storage-Policy '%s'", asked)
	case p.Deprecated:
		return "", "", web.HTML(http.StatusBadRequest, fmt.Sprintf("Storage Policy '%s' is deprecated", p.Name))
	}
	return "X-Backend-Storage-Policy-Index", strconv.Itoa(p.Index), nil
}

func putContainer(c *call) *web.Response {
	if fault := c.prepareWrite(); fault != nil {
		return fault
	}
	policyName, policyValue, fault := c.policyHeader()
	if fault != nil {
		return fault
	}
	if fault := c.checkNames(); fault != nil {
		return fault
	}
	a := c.account()
	if a.Status < 500 && !a.Exists && c.opts.accountAutocreate {
		if !c.createAccount() {
			return web.NewResponse(http.StatusServiceUnavailable)
		}
		a = c.account()
	}
	if fault := missingAccount(a); fault != nil {
		return fault
	}
	if fault := c.checkContainerCount(a); fault != nil {
		return fault
	}
	return c.toContainer(func(h http.Header) {
		h.Set(policyName, policyValue)
		transfer(c.req.Header, h, "Container", containerSettings...)
	}, true)
}

// checkContainerCount applies max_containers_per_account to new containers.
func (c *call) checkContainerCount(a *info.AccountInfo) *web.Response {
	most := c.opts.maxContainers
	if most == 0 || a.ContainerCount < most || slices.Contains(c.opts.maxContainersExempt, c.path.Account) {
		return nil
	}
	if info.Container(c.ctx, c.Server, c.req, c.path.Account, c.path.Container).OK() {
		return nil
	}
	return web.HTML(http.StatusForbidden, fmt.Sprintf("Reached container limit of %d", most))
}

func postContainer(c *call) *web.Response {
	if fault := c.prepareWrite(); fault != nil {
		return fault
	}
	if fault := missingAccount(c.account()); fault != nil {
		return fault
	}
	return c.toContainer(func(h http.Header) {
		transfer(c.req.Header, h, "Container", containerSettings...)
	}, false)
}

func deleteContainer(c *call) *web.Response {
	if fault := missingAccount(c.account()); fault != nil {
		return fault
	}
	resp := c.toContainer(func(h http.Header) {
		h.Set("X-Backend-Storage-Policy-Default", strconv.Itoa(c.swift.Policies.Default().Index))
		transfer(c.req.Header, h, "Container", containerSettings...)
	}, true)
	if resp.Status == http.StatusAccepted { // no server had it
		resp.Discard()
		return web.NewResponse(http.StatusNotFound)
	}
	return resp
}

// toContainer sends a write to all replicas of the container. With
// updateAccount each also learns which account servers to tell.
func (c *call) toContainer(fill func(http.Header), updateAccount bool) *web.Response {
	containers, fault := c.ring(fanout.ServerContainer)
	if fault != nil {
		return fault
	}
	accounts, fault := c.ring(fanout.ServerAccount)
	if fault != nil {
		return fault
	}
	nodes := c.nodes(containers, c.path)
	headers := make([]http.Header, nodes.Replicas())
	for i := range headers {
		headers[i] = c.backendHeader()
		fill(headers[i])
	}
	if updateAccount {
		part := accounts.Partition(c.swift.Hasher.Hash(swift.Path{Account: c.path.Account}))
		nameAccounts(headers, accounts.Primaries(part), part)
	}
	info.Clear(c.ctx, c.req, c.path)
	resp := c.toAll(nodes, c.path, c.req.Method, headers, nil)
	info.Clear(c.ctx, c.req, c.path)
	return resp
}

// nameAccounts deals the account servers out to the requests.
func nameAccounts(headers []http.Header, accounts []*ring.Device, part uint32) {
	for i, d := range accounts {
		h := headers[i%len(headers)]
		h.Set("X-Account-Partition", strconv.FormatUint(uint64(part), 10))
		appendCSV(h, "X-Account-Host", d.Addr())
		appendCSV(h, "X-Account-Device", d.Device)
	}
}

func appendCSV(h http.Header, name, value string) {
	if old := h.Get(name); old != "" {
		value = old + "," + value
	}
	h.Set(name, value)
}
