package tempurl

import (
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"apus/impl/swift"
	"apus/impl/web"
)

// claim is what the parameters of a URL say.
type claim struct {
	signature, expires string
	hasSignature       bool
	hasExpires         bool
	prefix, ipRange    string
	hasPrefix, inline  bool
	filename           string

	until time.Time // set by complete
}

// readClaim takes the first of parameters that are repeated.
func readClaim(query string) claim {
	var c claim
	seen := map[string]bool{}
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		name, value, _ := strings.Cut(pair, "=")
		name = unescape(name)
		if pair == "" || seen[name] {
			continue
		}
		seen[name] = true
		value = unescape(value)
		switch name {
		case "temp_url_sig":
			c.signature, c.hasSignature = value, true
		case "temp_url_expires":
			c.expires, c.hasExpires = value, true
		case "temp_url_prefix":
			c.prefix, c.hasPrefix = value, true
		case "temp_url_ip_range":
			c.ipRange = value
		case "filename":
			c.filename = value
		case "inline":
			c.inline = true
		}
	}
	return c
}

// unescape decodes a part of a query; what is no escape stays as it is.
func unescape(s string) string { return web.UnescapePath(strings.ReplaceAll(s, "+", " ")) }

// made tells whether the client claims anything.
func (c *claim) made() bool { return c.hasSignature || c.hasExpires }

// complete tells whether there is a signature and a time not yet over.
func (c *claim) complete(now time.Time) bool {
	n, ok := readTime(c.expires)
	c.until = time.Unix(n, 0)
	return c.signature != "" && ok && n != 0 && !c.until.Before(now)
}

const isoTime = "2006-01-02T15:04:05Z"

// latest is 9999-12-31T23:59:59Z, the last time that HTTP can write.
const latest = 253402300799

// readTime reads seconds since 1970 or ISO 8601.
func readTime(s string) (int64, bool) {
	if n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64); err == nil {
		return n, 0 <= n && n <= latest
	}
	t, err := time.Parse(isoTime, s)
	return t.Unix(), err == nil && len(s) == len(isoTime) // no fractions of seconds
}

// from tells whether a client at this address may come.
func (c *claim) from(remote string) bool {
	if c.ipRange == "" {
		return true
	}
	allowed, err := netip.ParsePrefix(c.ipRange)
	if err != nil {
		one, aerr := netip.ParseAddr(c.ipRange)
		if aerr != nil {
			return false
		}
		allowed = netip.PrefixFrom(one, one.BitLen())
	}
	client, err := address(remote)
	return err == nil && allowed == allowed.Masked() && allowed.Contains(client)
}

// address is the address of a peer, which has a port unless something in
// front of us knew only the address.
func address(remote string) (netip.Addr, error) {
	if ap, err := netip.ParseAddrPort(remote); err == nil {
		return ap.Addr().Unmap().WithZone(""), nil
	}
	a, err := netip.ParseAddr(strings.Trim(remote, "[]"))
	return a.Unmap().WithZone(""), err
}

// messages are the texts one of which must be signed.
func (c *claim) messages(method string, target swift.Path) []string {
	methods := []string{method}
	if method == http.MethodHead {
		methods = append(methods, http.MethodGet, http.MethodPost, http.MethodPut)
	}
	what := "/v1/" + target.Account + "/" + target.Container + "/" + target.Object
	if c.hasPrefix {
		what = "prefix:/v1/" + target.Account + "/" + target.Container + "/" + c.prefix
	}
	var before string
	if c.ipRange != "" {
		before = "ip=" + c.ipRange + "\n"
	}
	out := make([]string, len(methods))
	for i, m := range methods {
		out[i] = before + m + "\n" + strconv.FormatInt(c.until.Unix(), 10) + "\n" + what
	}
	return out
}

// disposition is the Content-Disposition of the answer: what the URL says,
// else what is stored, else the object's name. Static web pages are shown and
// not saved.
func (c *claim) disposition(static bool, stored, target string) string {
	switch {
	case c.inline || static:
		if c.filename == "" {
			return "inline"
		}
		return disposition("inline", c.filename)
	case c.filename != "":
		return disposition("attachment", c.filename)
	case stored != "":
		return strings.ReplaceAll(stored, "\n", "%0A")
	}
	return disposition("attachment", path.Base(strings.TrimRight(target, "/")))
}

// disposition writes a file name for clients old and new (RFC 6266).
func disposition(kind, name string) string {
	plain := strings.ReplaceAll(quote(name), "%20", " ")
	return kind + `; filename="` + plain + `"; filename*=UTF-8''` + quote(name)
}

// quote percent-encodes all but letters, digits, slashes and "_.-~".
func quote(s string) string {
	s = strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	return strings.ReplaceAll(s, "%2F", "/")
}
