package object

import (
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"apus/impl/config"
	"apus/impl/diskfile"
	"apus/impl/expiry"
	"apus/impl/swift"
)

const (
	// queueType is the content type of a row.
	queueType = "text/plain"
	emptyMD5  = "d41d8cd98f00b204e9800998ecf8427e"
)

// queueUpdates are the changes that a write makes to the expirer's queue: a
// row for the new time, and the removal of the one for the old time; zero is
// no time. Of is the metadata of the body that will be deleted.
func (c *call) queueUpdates(of diskfile.Metadata, before, now int64) []update {
	if c.truth("X-Backend-Replication") {
		return nil // the peer that took the write from a client has done it
	}
	var list []update
	if now != 0 {
		list = c.enqueue(of, now)
	}
	if before != 0 && before != now {
		list = append(list, c.dequeue(before)...)
	}
	return list
}

// queueUpdate is what all updates of the queue have in common.
func (c *call) queueUpdate(op string, deleteAt int64) update {
	u := update{
		s: c.s, dev: c.dev, policy: c.policy, op: op, must: true, header: c.updateHeader(),
		object: swift.Path{
			Account:   c.s.cfg.queue.Account,
			Container: c.s.cfg.queue.Container(deleteAt, c.s.swift.Hasher.Hash(c.obj.Path)),
			Object:    expiry.Row(deleteAt, c.obj.Path),
		},
		txn: c.txn(),
	}
	u.header.Set("X-Backend-Storage-Policy-Index", "0") // as all accounts of Swift's own
	u.header.Set("X-Timestamp", c.time.Internal())
	return u
}

// enqueue tells the container servers that the proxy names. Without a name
// other object servers have been told to; with one that is of no use the row
// waits in async_pending.
func (c *call) enqueue(of diskfile.Metadata, deleteAt int64) []update {
	if _, named := c.Header["X-Delete-At-Host"]; !named {
		return nil
	}
	u := c.queueUpdate(http.MethodPut, deleteAt)
	u.object.Container = c.queueContainer(u.object.Container)
	u.header.Set("X-Size", "0")
	u.header.Set("X-Etag", emptyMD5)
	u.header.Set("X-Content-Type", queueType+";swift_expirer_bytes="+of[diskfile.KeyContentLength])
	u.header.Set("X-Content-Type-Timestamp", of[diskfile.KeyTimestamp])
	u.part = strings.TrimSpace(c.Header.Get("X-Delete-At-Partition"))
	hosts, devices := splitTrim(c.Header.Get("X-Delete-At-Host")), splitTrim(c.Header.Get("X-Delete-At-Device"))
	var list []update
	for i := range min(len(hosts), len(devices)) {
		if hosts[i] != "" && devices[i] != "" && u.part != "" {
			one := u
			one.host, one.device = hosts[i], devices[i]
			list = append(list, one)
		}
	}
	if list == nil {
		return []update{u}
	}
	return list
}

// queueContainer is the container that the proxy wants, for host, partition
// and device belong to that one; guess if it wants none.
func (c *call) queueContainer(guess string) string {
	v := strings.TrimSpace(c.Header.Get("X-Delete-At-Container"))
	n, err := strconv.ParseInt(v, 10, 64)
	switch {
	case v == "":
		c.log(slog.LevelWarn, "X-Delete-At-Container is missing, the expirer's container is a guess", slog.String("guess", guess))
		return guess
	case err != nil:
		c.log(slog.LevelWarn, "X-Delete-At-Container is no number, the expirer's container is a guess",
			slog.String("value", v), slog.String("guess", guess))
		return guess
	case expiry.Text(n) != guess:
		c.log(slog.LevelDebug, "X-Delete-At-Container is not the one expected; do all nodes have the same settings?",
			slog.String("value", v), slog.String("expected", guess))
	}
	return expiry.Text(n)
}

// dequeue removes a row through async_pending, unless the proxy told other
// object servers to.
func (c *call) dequeue(deleteAt int64) []update {
	if v := c.Header.Get("X-Backend-Clean-Expiring-Object-Queue"); v != "" && !config.Truth(v) {
		return nil
	}
	return []update{c.queueUpdate(http.MethodDelete, deleteAt)}
}
