package cnamelookup

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"apus/impl/host"
)

const (
	dnsPort = 53
	// missTTL is how long a domain without a record may be kept.
	missTTL      = time.Minute
	queryTimeout = 2 * time.Second // of one server
	askTimeout   = 5 * time.Second // of all servers
	maxConf      = 64 << 10
	lengthBytes  = 2 // in front of a message over TCP
)

// dns asks name servers over TCP, one after the other until one answers.
type dns struct {
	net     host.Net
	servers []string // "ip:port"
}

func parseServers(list []string) (servers []string, ok bool) {
	for _, s := range list {
		if at, err := netip.ParseAddrPort(s); err == nil {
			servers = append(servers, at.String())
			continue
		}
		a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
		if err != nil {
			return nil, false
		}
		servers = append(servers, netip.AddrPortFrom(a, dnsPort).String())
	}
	return servers, true
}

// systemServers are those of /etc/resolv.conf, or this machine.
func systemServers(fsys host.FS) []string {
	var servers []string
	for line := range strings.Lines(readConf(fsys, "/etc/resolv.conf")) {
		words := strings.Fields(line)
		if len(words) < 2 || words[0] != "nameserver" {
			continue
		}
		if s, ok := parseServers(words[1:2]); ok {
			servers = append(servers, s...)
		}
	}
	if len(servers) == 0 {
		servers = []string{"127.0.0.1:53"}
	}
	return servers
}

func readConf(fsys host.FS, name string) string {
	if fsys == nil {
		return ""
	}
	f, err := fsys.OpenFile(name, host.ReadOnly, 0)
	if err != nil {
		return ""
	}
	defer f.Close() // only read
	text, err := io.ReadAll(io.LimitReader(f, maxConf))
	if err != nil {
		return ""
	}
	return string(text)
}

// CNAME implements Resolver.
func (d *dns) CNAME(ctx context.Context, domain string) (string, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	id := uint16(rand.Uint32())
	query, err := pack(id, domain)
	if err != nil {
		return "", missTTL, nil // what is no domain has no record
	}
	var failed error
	for _, server := range d.servers {
		answer, err := d.ask(ctx, server, query)
		if err == nil {
			var target string
			var ttl time.Duration
			if target, ttl, err = parse(answer, id); err == nil {
				return target, ttl, nil
			}
		}
		failed = fmt.Errorf("%s: %w", server, err)
		if ctx.Err() != nil {
			break
		}
	}
	return "", 0, failed
}

// pack is the query, with its length in front.
func pack(id uint16, domain string) ([]byte, error) {
	name, err := dnsmessage.NewName(strings.TrimSuffix(domain, ".") + ".")
	if err != nil {
		return nil, err
	}
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: name, Type: dnsmessage.TypeCNAME, Class: dnsmessage.ClassINET}},
	}
	text, err := m.Pack()
	if err != nil {
		return nil, err
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(text))), text...), nil
}

func (d *dns) ask(ctx context.Context, server string, query []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	conn, err := d.net.Dial(ctx, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close() // nothing depends on it
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(host.Deadline(0)) })
	defer stop()
	return exchange(conn, query)
}

func exchange(conn net.Conn, query []byte) ([]byte, error) {
	if _, err := conn.Write(query); err != nil {
		return nil, err
	}
	var length [lengthBytes]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, err
	}
	answer := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(conn, answer)
	return answer, err
}

var errStrange = errors.New("the answer is to another question")

// parse finds the record in an answer; "" if there is none.
func parse(answer []byte, id uint16) (target string, ttl time.Duration, err error) {
	var p dnsmessage.Parser
	h, err := p.Start(answer)
	switch {
	case err != nil:
		return "", 0, err
	case h.ID != id || !h.Response:
		return "", 0, errStrange
	case h.RCode == dnsmessage.RCodeNameError:
		return "", missTTL, nil
	case h.RCode != dnsmessage.RCodeSuccess:
		return "", 0, errors.New(h.RCode.String())
	}
	if err := p.SkipAllQuestions(); err != nil {
		return "", 0, err
	}
	for {
		r, err := p.AnswerHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return "", missTTL, nil
		}
		if err != nil {
			return "", 0, err
		}
		if r.Type != dnsmessage.TypeCNAME {
			if err := p.SkipAnswer(); err != nil {
				return "", 0, err
			}
			continue
		}
		record, err := p.CNAMEResource()
		if err != nil {
			return "", 0, err
		}
		return strings.TrimSuffix(record.CNAME.String(), "."), time.Duration(r.TTL) * time.Second, nil
	}
}
