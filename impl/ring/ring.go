// Package ring maps a path to the devices that store it: Swift's ring files
// and the order of primaries and handoffs.
package ring

import (
	"encoding/binary"
	"iter"
	"net"
	"strconv"

	"apus/impl/swift"
)

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

// Ring is one loaded ring. It is immutable and may be shared.
type Ring struct {
	partShift uint
	devs      []*Device  // by id; nil where a device was removed
	rows      [][]uint16 // replica → partition → device id; the last row may be short
}

// New makes a ring of an assignment: rows[replica][partition] is a device id.
func New(devs []*Device, partPower uint, rows [][]uint16) *Ring {
	return &Ring{partShift: 32 - partPower, devs: devs, rows: rows}
}

// Partitions is the number of partitions.
func (r *Ring) Partitions() int { return 1 << (32 - r.partShift) }

// Replicas is the number of replicas, rounded up.
func (r *Ring) Replicas() int { return len(r.rows) }

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

// Partition is where a path with this hash lives.
func (r *Ring) Partition(h swift.Hash) uint32 {
	return uint32(uint64(binary.BigEndian.Uint32(h[:4])) >> r.partShift)
}

// Primaries are the devices assigned to a partition, by replica number. A
// device is listed once even if it holds several replicas.
func (r *Ring) Primaries(part uint32) []*Device {
	seen := map[int]bool{}
	var out []*Device
	for _, row := range r.rows {
		if int(part) >= len(row) {
			continue
		}
		if d := r.devs[row[part]]; d != nil && !seen[d.ID] {
			seen[d.ID] = true
			out = append(out, d)
		}
	}
	return out
}

// Handoffs yields, in the order every Swift agrees on, the devices to use
// when primaries cannot be.
func (r *Ring) Handoffs(part uint32) iter.Seq[*Device] {
	return func(yield func(*Device) bool) {
		primary := map[int]bool{}
		for _, d := range r.Primaries(part) {
			primary[d.ID] = true
		}
		for _, d := range r.Devices() {
			if !primary[d.ID] && !yield(d) {
				return
			}
		}
	}
}
