// Package expiry is the queue in which the object-expirer finds what to delete:
// its accounts, containers and rows, on which proxies, object servers and the
// expirer must agree.
package expiry

import (
	"fmt"
	"strings"

	"apus/impl/config"
	"apus/impl/swift"
)

// Queue is where the object-expirer finds what to delete: containers of an
// account of Swift's own, a hundred for every divisor (usually a day), with a
// row "<delete at>-<account>/<container>/<object>" for each object.
type Queue struct {
	Account string
	Divisor int64 // seconds
}

// AsyncDeleteType is the content type of rows whose objects are to be deleted
// though they have no expiry date of their own.
const AsyncDeleteType = "application/async-deleted"

const (
	account = "expiring_objects"
	divisor = 86400
	// spread is over how many containers the rows of a divisor spread,
	// by the object's hash.
	spread = 100
	// MaxDeleteAt is the last second that ten digits can show.
	MaxDeleteAt = 9_999_999_999
)

// ReadQueue takes the (deprecated) settings expiring_objects_container_divisor
// and expiring_objects_account_name from a section.
func ReadQueue(s *config.Section) Queue {
	return Queue{
		Account: "." + s.String("expiring_objects_account_name", account),
		Divisor: s.Int("expiring_objects_container_divisor", divisor, spread+1, MaxDeleteAt),
	}
}

// Container is the queue container of an object that expires at deleteAt (Unix
// seconds). H is the hash of the object's path.
func (q Queue) Container(deleteAt int64, h swift.Hash) string {
	shard := int64(0)
	for _, b := range h {
		shard = (shard*256 + int64(b)) % spread
	}
	return Text(deleteAt/q.Divisor*q.Divisor - shard)
}

// Text is the form in which times stand in the queue: ten digits, so that
// text sorts as numbers do.
func Text(seconds int64) string {
	return fmt.Sprintf("%010d", min(max(seconds, 0), MaxDeleteAt))
}

// Row names the row of an object in the queue.
func Row(deleteAt int64, name swift.Path) string {
	return Text(deleteAt) + "-" + strings.TrimPrefix(name.String(), "/")
}
