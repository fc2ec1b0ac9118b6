// Package ring maps a path to the devices that store it: Swift's ring files
// and the order of primaries and handoffs, which every node of a cluster must
// compute alike.
//
// # File format, version 1
//
// A gzip stream of: the magic "R1NG"; a big-endian uint16, 1; a big-endian
// uint32, the length of a JSON text; that text; and for every replica an
// array of 16-bit device ids, one for each partition. The JSON object has
// "devs" (a list in which the index is the id and null is a removed device),
// "part_shift", "replica_count" (the number of arrays), "byteorder" ("little"
// or "big", of the arrays), and may have "version" and "next_part_power". The
// last array may be short: that is how 2.5 replicas are written. The time in
// the gzip header is fixed, so that equal rings are equal files. The id
// 0xFFFF stands for no device.
package ring

import (
	"encoding/binary"
	"iter"
	"net"
	"strconv"

	"apus/impl/swift"
)

// NoDevice is the id of an unassigned replica.
const NoDevice = 0xFFFF

// Device is one disk of the cluster.
type Device struct {
	ID              int     `json:"id"`
	Region          int     `json:"region"`
	Zone            int     `json:"zone"`
	IP              string  `json:"ip"`
	Port            int     `json:"port"`
	Device          string  `json:"device"`
	Weight          float64 `json:"weight"`
	Meta            string  `json:"meta"`
	ReplicationIP   string  `json:"replication_ip"`
	ReplicationPort int     `json:"replication_port"`
}

// Addr is "ip:port" for requests.
func (d *Device) Addr() string { return net.JoinHostPort(d.IP, strconv.Itoa(d.Port)) }

// ReplicationAddr is "ip:port" for the traffic of background daemons.
func (d *Device) ReplicationAddr() string {
	return net.JoinHostPort(d.ReplicationIP, strconv.Itoa(d.ReplicationPort))
}

// Info is what a ring says about itself.
type Info struct {
	// Version counts the changes of the builder the ring was made from; 0 is
	// unknown.
	Version int64
	// NextPartPower is set while the number of partitions is being doubled;
	// 0 is not.
	NextPartPower int
}

// Ring is one loaded ring. It is immutable and may be shared.
type Ring struct {
	partShift uint
	devs      []*Device  // by id; nil where a device was removed
	rows      [][]uint16 // replica → partition → device id; the last row may be short
	info      Info
	assigned  census
}

// New makes a ring of an assignment: rows[replica][partition] is a device id.
func New(devs []*Device, partPower uint, rows [][]uint16) *Ring {
	r := &Ring{partShift: 32 - partPower, devs: devs, rows: rows}
	r.assigned = r.count()
	return r
}

// WithInfo is the same ring with another Info.
func (r *Ring) WithInfo(i Info) *Ring {
	c := *r
	c.info = i
	return &c
}

// Info is what the ring says about itself.
func (r *Ring) Info() Info { return r.info }

// Partitions is the number of partitions.
func (r *Ring) Partitions() int { return 1 << (32 - r.partShift) }

// PartPower is the logarithm of Partitions.
func (r *Ring) PartPower() int { return int(32 - r.partShift) }

// Replicas is the number of replicas, rounded up.
func (r *Ring) Replicas() int { return len(r.rows) }

// ReplicaCount is the number of replicas with its fraction.
func (r *Ring) ReplicaCount() float64 {
	if len(r.rows) == 0 {
		return 0
	}
	last := r.rows[len(r.rows)-1]
	return float64(len(r.rows)-1) + float64(len(last))/float64(r.Partitions())
}

// Devices lists the devices of the ring, by id, without holes.
func (r *Ring) Devices() []*Device {
	var out []*Device
	for _, d := range r.devs {
		if d != nil {
			out = append(out, d)
		}
	}
	return out
}

// device is nil for removed and unknown ids.
func (r *Ring) device(id uint16) *Device {
	if int(id) >= len(r.devs) {
		return nil
	}
	return r.devs[id]
}

// Partition is where a path with this hash lives.
func (r *Ring) Partition(h swift.Hash) uint32 {
	return uint32(uint64(binary.BigEndian.Uint32(h[:4])) >> r.partShift)
}

// Primaries are the devices assigned to a partition, by replica number. A
// device is listed once even if it holds several replicas.
func (r *Ring) Primaries(part uint32) []*Device {
	out := make([]*Device, 0, len(r.rows))
next:
	for _, row := range r.rows {
		if uint64(part) >= uint64(len(row)) {
			continue
		}
		d := r.device(row[part])
		if d == nil {
			continue
		}
		for _, seen := range out {
			if seen == d {
				continue next
			}
		}
		out = append(out, d)
	}
	return out
}

// Assigned is the device of one replica of a partition; nil when it has none.
func (r *Ring) Assigned(replica int, part uint32) *Device {
	if replica >= len(r.rows) || uint64(part) >= uint64(len(r.rows[replica])) {
		return nil
	}
	return r.device(r.rows[replica][part])
}

// Handoffs yields, in the order every Swift agrees on, the devices to use
// when primaries cannot be. Devices to which nothing is assigned are not
// among them.
func (r *Ring) Handoffs(part uint32) iter.Seq[*Device] {
	return func(yield func(*Device) bool) {
		w := walk{ring: r, seen: newSeen(r.Primaries(part)), yield: yield}
		w.run(part)
	}
}
