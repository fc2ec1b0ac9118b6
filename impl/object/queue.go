package object

import (
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"apus/impl/config"
	"apus/impl/diskfile"
	"apus/impl/swift"
)

// Queue is where the object-expirer finds what to delete: containers of an
// account of Swift's own, a hundred for every divisor (usually a day), with a
// row "<delete at>-<account>/<container>/<object>" for each object.
type Queue struct {
	Account string
	Divisor int64 // seconds
}

const (
	queueAccount = "expiring_objects"
	queueDivisor = 86400
	// queueSpread is over how many containers the rows of a divisor spread,
	// by the object's hash.
	queueSpread = 100
	// maxDeleteAt is the last second that ten digits can show.
	maxDeleteAt = 9_999_999_999
	// queueType is the content type of a row.
	queueType = "text/plain"
	emptyMD5  = "d41d8cd98f00b204e9800998ecf8427e"
)

// ReadQueue takes the (deprecated) settings expiring_objects_container_divisor
// and expiring_objects_account_name from a section.
func ReadQueue(s *config.Section) Queue {
	return Queue{
		Account: "." + s.String("expiring_objects_account_name", queueAccount),
		Divisor: s.Int("expiring_objects_container_divisor", queueDivisor, queueSpread+1, maxDeleteAt),
	}
}

// Container is the queue container of an object that expires at deleteAt (Unix
// seconds). H is the hash of the object's path.
func (q Queue) Container(deleteAt int64, h swift.Hash) string {
	shard := int64(0)
	for _, b := range h {
		shard = (shard*256 + int64(b)) % queueSpread
	}
	return deleteAtText(deleteAt/q.Divisor*q.Divisor - shard)
}

// deleteAtText is the form in which times stand in the queue: ten digits, so
// that text sorts as numbers do.
func deleteAtText(seconds int64) string {
	return fmt.Sprintf("%010d", min(max(seconds, 0), maxDeleteAt))
}

// QueueRow names the row of an object in the queue.
func QueueRow(deleteAt int64, name swift.Path) string {
	return deleteAtText(deleteAt) + "-" + strings.TrimPrefix(name.String(), "/")
}

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
			Object:    QueueRow(deleteAt, c.obj.Path),
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
	case deleteAtText(n) != guess:
		c.log(slog.LevelDebug, "X-Delete-At-Container is not the one expected; do all nodes have the same settings?",
			slog.String("value", v), slog.String("expected", guess))
	}
	return deleteAtText(n)
}

// dequeue removes a row through async_pending, unless the proxy told other
// object servers to.
func (c *call) dequeue(deleteAt int64) []update {
	if v := c.Header.Get("X-Backend-Clean-Expiring-Object-Queue"); v != "" && !config.Truth(v) {
		return nil
	}
	return []update{c.queueUpdate(http.MethodDelete, deleteAt)}
}
