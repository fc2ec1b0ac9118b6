package simnet

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"
)

// ConnInfo describes a connection that at least one process holds open.
type ConnInfo struct {
	ID           uint64
	Dialer       string // "ip:port" of the dialing side
	Addr         string // "ip:port" of the accepting side
	DialerProc   string
	ListenerProc string
	OpenedAt     time.Time
	// DialerOpen and ListenerOpen say which sides have not closed it.
	DialerOpen, ListenerOpen bool
	// Accepted says that the listening process has taken it.
	Accepted bool
	// Sent and Received are bytes as the dialer counts them; Unread and
	// Unanswered what waits for the dialer and for the listener to read.
	Sent, Received     uint64
	Unread, Unanswered uint64
	Stack              string // where Dial was called
	AcceptStack        string // where Accept was called
}

// String is one line.
func (c ConnInfo) String() string {
	return fmt.Sprintf("conn %d %s (%s, open %t) > %s (%s, open %t) since %s, sent %d, received %d",
		c.ID, c.Dialer, c.DialerProc, c.DialerOpen, c.Addr, c.ListenerProc, c.ListenerOpen,
		c.OpenedAt.Format("15:04:05.000000"), c.Sent, c.Received)
}

// Conns lists what is open, oldest first.
func (n *Network) Conns() []ConnInfo {
	n.mu.Lock()
	defer n.mu.Unlock()
	var infos []ConnInfo
	for _, c := range n.connsLocked() {
		out, in := c.dialer.out, c.accept.out
		infos = append(infos, ConnInfo{
			ID: c.id, Dialer: c.dialer.label, Addr: c.accept.label,
			DialerProc: c.dialer.proc.name, ListenerProc: c.accept.proc.name, OpenedAt: c.opened,
			DialerOpen: !c.dialer.mu.closed, ListenerOpen: !c.accept.mu.closed, Accepted: c.accept.stack != nil,
			Sent: out.tail, Received: in.arrived, Unread: in.arrived - in.head, Unanswered: out.arrived - out.head,
			Stack: frames(c.dialer.stack), AcceptStack: frames(c.accept.stack),
		})
	}
	return infos
}

// Listeners lists what is listened on, as "ip:port process", sorted.
func (n *Network) Listeners() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var found []string
	for _, m := range n.mu.machines {
		for _, l := range m.ports {
			found = append(found, l.addr.String()+" "+l.proc.name)
		}
	}
	slices.Sort(found)
	return found
}

func (n *Network) connsLocked() []*connection {
	ids := slices.Sorted(maps.Keys(n.mu.conns))
	conns := make([]*connection, len(ids))
	for i, id := range ids {
		conns[i] = n.mu.conns[id]
	}
	return conns
}

func frames(pcs []uintptr) string {
	if len(pcs) == 0 {
		return ""
	}
	var b strings.Builder
	for f, more := runtime.CallersFrames(pcs), true; more; {
		var frame runtime.Frame
		frame, more = f.Next()
		fmt.Fprintf(&b, "%s\n\t%s:%d\n", frame.Function, frame.File, frame.Line)
	}
	return b.String()
}
