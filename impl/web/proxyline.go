package web

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// maxProxyLine is the longest line of the PROXY protocol, version 1, in bytes
// with its CRLF.
const maxProxyLine = 107

// proxyLine is what a proxy that does not speak HTTP says of the connection it
// passes on: who opened it, and to where. Both are the zero AddrPort if it
// does not know (UNKNOWN).
type proxyLine struct{ client, server netip.AddrPort }

// errProxyLine is what errors of readProxyLine are that tell of the line, and
// not of the connection.
var errProxyLine = errors.New("invalid PROXY line")

// readProxyLine reads the line, which is the first of a connection
// (haproxy.org/download/1.7/doc/proxy-protocol.txt, section 2.1).
func readProxyLine(br *bufio.Reader) (l proxyLine, err error) {
	const word = "PROXY "
	for {
		buf, _ := br.Peek(min(br.Buffered(), maxProxyLine))
		if n := min(len(buf), len(word)); string(buf[:n]) != word[:n] {
			line, _, _ := bytes.Cut(buf, []byte("\n"))
			return l, fmt.Errorf("%w %q: it does not begin with %q", errProxyLine, line, word)
		}
		if i := bytes.IndexByte(buf, '\n'); i >= 0 {
			l, err = parseProxyLine(string(buf[:i]))
			_, _ = br.Discard(i + 1) // it is there
			return l, err
		}
		if len(buf) == maxProxyLine {
			return l, fmt.Errorf("%w %q: it is longer than the %d bytes of the protocol", errProxyLine, buf, maxProxyLine)
		}
		if _, err := br.Peek(len(buf) + 1); err != nil {
			return l, err
		}
	}
}

// parseProxyLine parses a line that begins with "PROXY ", without its LF. After UNKNOWN anything may
// follow.
func parseProxyLine(text string) (l proxyLine, err error) {
	words := strings.Split(strings.TrimSuffix(text, "\r"), " ")
	switch {
	case words[1] == "UNKNOWN":
		return l, nil
	case len(words) != 6 || words[1] != "TCP4" && words[1] != "TCP6":
		return l, fmt.Errorf("%w %q: neither UNKNOWN nor TCP4 or TCP6 with two addresses and two ports", errProxyLine, text)
	}
	v4 := words[1] == "TCP4"
	if l.client, err = proxyAddr(words[2], words[4], v4); err == nil {
		l.server, err = proxyAddr(words[3], words[5], v4)
	}
	if err != nil {
		return l, fmt.Errorf("%w %q: %w", errProxyLine, text, err)
	}
	return l, nil
}

func proxyAddr(ip, port string, v4 bool) (netip.AddrPort, error) {
	if strings.Contains(ip, ":") {
		ip = "[" + ip + "]"
	}
	a, err := netip.ParseAddrPort(ip + ":" + port)
	if err == nil && (a.Addr().Is4() != v4 || a.Addr().Zone() != "") {
		err = fmt.Errorf("address %s is of another family", ip)
	}
	return a, err
}

// introduce reads the line with which a proxy introduces the client. A
// connection that begins otherwise is refused.
func (c *conn) introduce() bool {
	l, err := readProxyLine(c.br)
	switch {
	case errors.Is(err, errProxyLine):
		c.round.cfg.Log.Warn("connection refused", "client", c.remote, "err", err)
		c.carry(&exchange{c: c}, Plain(http.StatusBadRequest, "%v", err))
		return false
	case err != nil:
		return false // the client has gone, or takes too long
	case l.client.IsValid():
		c.remote, c.local = l.client.String(), l.server.String()
		c.secure = c.secure || l.server.Port() == 443
	}
	c.state.Store(fresh)
	return true
}
