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
}

// updateContainers tells the containers about the write. A response says that
// a row was neither taken nor kept for later.
func (c *call) updateContainers(_ context.Context, op string, row map[string]string) *web.Response {
	hosts := splitTrim(c.Header.Get("X-Container-Host"))
	devices := splitTrim(c.Header.Get("X-Container-Device"))
	if len(hosts) != len(devices) {
		c.s.log.LogAttrs(context.Background(), slog.LevelError, "container update: hosts and devices differ in number",
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
		header: http.Header{}, txn: c.Header.Get("X-Trans-Id"),
	}
	for k, v := range row {
		proto.header.Set(k, v)
	}
	if proto.txn == "" {
		proto.txn = "-"
	}
	proto.header.Set("X-Trans-Id", proto.txn)
	proto.header.Set("Referer", c.Method+" "+c.HostURL()+web.EscapePath(c.Path))
	proto.header.Set("User-Agent", "object-server "+c.s.host.Name)
	proto.header.Set("X-Backend-Storage-Policy-Index", strconv.Itoa(c.policy.Index))
	list := make([]update, len(hosts))
	for i := range hosts {
		list[i] = proto
		list[i].host, list[i].device = hosts[i], devices[i]
	}
	if err := c.s.send(list); err != nil {
		return c.failure(err)
	}
	return nil
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
	if a, cont, ok := strings.Cut(p, "/"); !ok || a == "" || cont == "" || strings.Contains(cont, "/") {
		return ""
	}
	return p
}

// send runs the updates and waits for them for container_update_timeout. The
// error is of one that could not even be kept for later.
func (s *Server) send(list []update) error {
	results := make(chan error, len(list))
	crowded := false
	for i := range list {
		if s.updates.enter() > maxLate {
			crowded = true
		}
		go func(u *update) {
			defer s.updates.leave()
			results <- u.deliver(s.updates.life)
		}(&list[i])
	}
	var timeout <-chan time.Time
	if !crowded {
		t := time.NewTimer(s.cfg.updateTimeout)
		defer t.Stop()
		timeout = t.C
	}
	var failed error
	for range list {
		select {
		case err := <-results:
			if err != nil {
				failed = err
			}
		case <-timeout:
			return failed
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
