package object

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"apus/impl/backend"
	"apus/impl/diskfile"
	"apus/impl/event"
	"apus/impl/policy"
	"apus/impl/swift"
	"apus/impl/web"
)

// Client sends a request to a storage node. *backend.Client is one.
type Client interface {
	Do(ctx context.Context, req *backend.Request) (*web.Response, error)
	Close()
}

var _ Client = (*backend.Client)(nil)

// maxLate is how many updates may go on after their requests were answered.
// Beyond it requests wait for theirs.
const maxLate = 4096

// updates are the container updates under way. They outlive their requests and
// end before the server does.
type updates struct {
	client Client
	life   context.Context
	end    context.CancelFunc
	mu     struct {
		sync.Mutex
		running int
		idle    chan struct{} // closed when running falls to zero; nil unless somebody waits
	}
}

func newUpdates(c Client) *updates {
	u := &updates{client: c}
	u.life, u.end = context.WithCancel(context.Background())
	return u
}

func (u *updates) enter() (running int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.mu.running++
	return u.mu.running
}

func (u *updates) leave() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.mu.running--
	if u.mu.running == 0 && u.mu.idle != nil {
		close(u.mu.idle)
		u.mu.idle = nil
	}
}

// wait is closed when nothing is running.
func (u *updates) wait() <-chan struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.mu.running == 0 {
		done := make(chan struct{})
		close(done)
		return done
	}
	if u.mu.idle == nil {
		u.mu.idle = make(chan struct{})
	}
	return u.mu.idle
}

// close waits for the updates. Those that are still waiting for a container
// server when ctx ends give up on it, which is a matter of one file each.
func (u *updates) close(ctx context.Context) error {
	defer u.client.Close()
	defer u.end()
	select {
	case <-u.wait():
		return nil
	case <-ctx.Done():
	}
	u.end()
	<-u.wait()
	return ctx.Err()
}

// update is one row change on its way to one container server.
type update struct {
	s      *Server
	dev    *diskfile.Device
	policy *policy.Policy
	op     string
	object swift.Path
	host   string // "ip:port"; empty: straight to async_pending
	part   string
	device string
	// path is "account/container" of a shard that takes the row; may be empty.
	path    string
	dbState string
	header  http.Header
	txn     string
	// must says that the request waits for it, however long it takes: the
	// expirer's queue has no other memory of the object.
	must bool
}

// tell sends the updates of the expirer's queue and one for the object's row
// to the containers. A response says that one was neither taken nor kept.
func (c *call) tell(queue []update, op string, row map[string]string) *web.Response {
	if err := c.s.send(append(queue, c.containerUpdates(op, row)...)); err != nil {
		return c.failure(err)
	}
	return nil
}

// txn is the transaction's id for logs and updates.
func (c *call) txn() string {
	if id := c.Header.Get("X-Trans-Id"); id != "" {
		return id
	}
	return "-"
}

// updateHeader is what all updates say about where they come from.
func (c *call) updateHeader() http.Header {
	return http.Header{
		"X-Trans-Id": {c.txn()},
		"Referer":    {c.Method + " " + c.HostURL() + web.EscapePath(c.Path)},
		"User-Agent": {"object-server " + c.s.host.Name},
	}
}

// containerUpdates is one update for each container server that is named.
func (c *call) containerUpdates(op string, row map[string]string) []update {
	hosts := splitTrim(c.Header.Get("X-Container-Host"))
	devices := splitTrim(c.Header.Get("X-Container-Device"))
	if len(hosts) != len(devices) {
		c.log(slog.LevelError, "container update: hosts and devices differ in number",
			slog.String("hosts", c.Header.Get("X-Container-Host")), slog.String("devices", c.Header.Get("X-Container-Device")))
		return nil
	}
	part := c.Header.Get("X-Container-Partition")
	if part == "" {
		return nil
	}
	proto := update{
		s: c.s, dev: c.dev, policy: c.policy, op: op, object: c.obj.Path, part: part,
		path: c.containerPath(), dbState: c.Header.Get("X-Container-Root-Db-State"),
		header: c.updateHeader(), txn: c.txn(),
	}
	for k, v := range row {
		proto.header.Set(k, v)
	}
	proto.header.Set("X-Backend-Storage-Policy-Index", strconv.Itoa(c.policy.Index))
	list := make([]update, len(hosts))
	for i := range hosts {
		list[i] = proto
		list[i].host, list[i].device = hosts[i], devices[i]
	}
	return list
}

func splitTrim(v string) []string {
	parts := strings.Split(v, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// containerPath is where the proxy wants the row, if not in the container
// itself; what is malformed is ignored.
func (c *call) containerPath() string {
	p := c.Header.Get("X-Backend-Container-Path")
	if q := c.Header.Get("X-Backend-Quoted-Container-Path"); q != "" {
		p = web.UnescapePath(q)
	}
	a, cont, ok := strings.Cut(p, "/")
	if ok && a != "" && cont != "" && !strings.Contains(cont, "/") {
		return p
	}
	if p != "" {
		c.log(slog.LevelError, "X-Backend-Container-Path is not account/container, the root container is told", slog.String("value", p))
	}
	return ""
}

// send runs the updates and waits for them for container_update_timeout, for
// those that must be done until they are. The error is of one that could not
// even be kept for later.
func (s *Server) send(list []update) error {
	type result struct {
		must bool
		err  error
	}
	results := make(chan result, len(list))
	crowded, musts := false, 0
	for i := range list {
		if s.updates.enter() > maxLate {
			crowded = true
		}
		if list[i].must {
			musts++
		}
		go func(u *update) {
			defer s.updates.leave()
			results <- result{u.must, u.deliver(s.updates.life)}
		}(&list[i])
	}
	var timeout <-chan time.Time
	if !crowded && len(list) > 0 {
		t := time.NewTimer(s.cfg.updateTimeout)
		defer t.Stop()
		timeout = t.C
	}
	var failed error
	late := false
	for done := 0; done < len(list) && !(late && musts == 0); {
		select {
		case r := <-results:
			done++
			if r.must {
				musts--
			}
			if r.err != nil {
				failed = r.err
			}
		case <-timeout:
			late, timeout = true, nil
		}
	}
	return failed
}

// deliver sends the row, or keeps it in async_pending.
func (u *update) deliver(ctx context.Context) error {
	if u.host != "" && u.part != "" && u.device != "" {
		if u.ask(ctx) {
			return nil
		}
	}
	headers := make(map[string]string, len(u.header))
	for k, v := range headerValues(u.header) {
		headers[diskfile.Title(k)] = v
	}
	pending := &diskfile.Update{
		Op: u.op, Account: u.object.Account, Container: u.object.Container, Object: u.object.Object,
		Headers: headers, DBState: u.dbState, ContainerPath: u.path,
	}
	stamp := u.header.Get("X-Meta-Timestamp")
	if stamp == "" {
		stamp = u.header.Get("X-Timestamp")
	}
	ts, err := swift.ParseTimestamp(stamp)
	if err == nil {
		err = u.dev.SaveUpdate(u.policy, pending, ts)
	}
	if err != nil {
		u.log(slog.LevelError, "container update is lost", slog.Any("error", err))
		return err
	}
	u.s.events.EmitAsyncUpdate(event.AsyncUpdate{Path: u.object.String()})
	return nil
}

// ask sends the row to the container server and reports whether it was taken.
func (u *update) ask(ctx context.Context) bool {
	target := u.path
	if target == "" {
		target = u.object.Account + "/" + u.object.Container
	}
	resp, err := u.s.updates.client.Do(ctx, &backend.Request{
		Method: u.op, Addr: u.host, Path: "/" + u.device + "/" + u.part + "/" + target + "/" + u.object.Object,
		Header: u.header.Clone(),
	})
	if err != nil {
		u.log(slog.LevelWarn, "container update failed, kept for later", slog.Any("error", err))
		return false
	}
	defer resp.Discard()
	if resp.OK() {
		return true
	}
	if resp.Status == http.StatusMovedPermanently {
		if p, _, ok := Redirect(resp.Header); ok {
			u.path = p
		}
	}
	u.log(slog.LevelWarn, "container update refused, kept for later", slog.Int("status", resp.Status))
	return false
}

func (u *update) log(level slog.Level, msg string, attrs ...slog.Attr) {
	attrs = append(attrs, slog.String("node", u.host+"/"+u.device), slog.String("object", u.object.String()),
		slog.String("txn", u.txn))
	u.s.log.LogAttrs(context.Background(), level, msg, attrs...)
}
