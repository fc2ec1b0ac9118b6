// Package ring maps a path to the devices that store it: Swift's ring files
// and the order of primaries and handoffs, which every node of a cluster must
// compute alike.
//
// # File formats
//
// Both versions are a gzip stream that begins with the magic "R1NG" and a
// big-endian uint16, the version. The time in the gzip header is fixed, so
// that equal rings are equal files. An id of all ones stands for no device.
// JSON text is formatted as Python does it by default, with sorted keys.
//
// Version 1 goes on with a big-endian
// uint32, the length of a JSON text; that text; and for every replica an
// array of 16-bit device ids, one for each partition. The JSON object has
// "devs" (a list in which the index is the id and null is a removed device),
// "part_shift", "replica_count" (the number of arrays), "byteorder" ("little"
// or "big", of the arrays), and may have "version" and "next_part_power". The
// last array may be short: that is how 2.5 replicas are written.
//
// Version 2 has sections, each a big-endian uint64 length and so many bytes,
// and each beginning after a full flush of the compressor, so that it can be
// read alone: "swift/ring/metadata" (JSON: "dev_id_bytes", "part_shift",
// "replica_count", "version", maybe "next_part_power"), "swift/ring/devices"
// (JSON, the list) and "swift/ring/assignments" (ids of 2 or 4 bytes, big
// endian, one array after the other). After them comes, with a length too, the
// index: a JSON object of lists, from a section's name to the offset of its
// start in the file and in the uncompressed stream, the same two of its end,
// and name and hexadecimal value of a digest of it, length included. Two
// stored blocks with the index's uncompressed and compressed offset end the
// file, so that the last one begins 31 bytes before the end.
package ring

import (
	"encoding/binary"
	"iter"
	"net"
	"slices"
	"strconv"

	"apus/impl/swift"
)

// NoDevice is the id of an unassigned replica among ids of two bytes.
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
	devs      []*Device // by id; nil where a device was removed
	rows      []row     // by replica; the last may be short
	idBytes   int       // 2 or 4
	format    int       // of the file it was read from; 0 is none
	info      Info
	assigned  census
}

// New makes a ring of an assignment: rows[replica][partition] is a device id
// or NoDevice. The ring keeps what it is given.
func New(devs []*Device, partPower uint, rows [][]uint16) *Ring {
	narrow := make([]row, len(rows))
	for i, ids := range rows {
		narrow[i].narrow = ids
	}
	return newRing(devs, partPower, 2, narrow)
}

// NewWide is New for ids of four bytes, of which 0xFFFFFFFF is no device. Only
// files of version 2 hold such rings.
func NewWide(devs []*Device, partPower uint, rows [][]uint32) *Ring {
	wide := make([]row, len(rows))
	for i, ids := range rows {
		wide[i].wide = ids
	}
	return newRing(devs, partPower, 4, wide)
}

func newRing(devs []*Device, partPower uint, idBytes int, rows []row) *Ring {
	r := &Ring{partShift: 32 - partPower, devs: devs, rows: rows, idBytes: idBytes}
	r.assigned = r.count()
	return r
}

// IDBytes is the size of a device id in the assignment: 2 or 4.
func (r *Ring) IDBytes() int { return r.idBytes }

// Format is the version of the file the ring was read from; 0 if from none.
func (r *Ring) Format() int { return r.format }

// Slots lists the devices by id; nil stands where a device was removed. The
// list is the ring's own.
func (r *Ring) Slots() []*Device { return r.devs }

// RowLen is the number of partitions that have the replica.
func (r *Ring) RowLen(replica int) int { return r.rows[replica].len() }

// Equal says whether two rings would make the same files, apart from the size
// of their ids.
func (r *Ring) Equal(o *Ring) bool {
	same := r.partShift == o.partShift && r.info == o.info && len(r.rows) == len(o.rows) &&
		slices.EqualFunc(r.devs, o.devs, func(a, b *Device) bool {
			return a == b || a != nil && b != nil && *a == *b
		})
	if !same {
		return false
	}
	for i, w := range r.rows {
		if w.len() != o.rows[i].len() {
			return false
		}
		for part := range w.len() {
			if r.device(w.at(part)) == nil != (o.device(o.rows[i].at(part)) == nil) ||
				r.device(w.at(part)) != nil && w.at(part) != o.rows[i].at(part) {
				return false
			}
		}
	}
	return true
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
	return float64(len(r.rows)-1) + float64(last.len())/float64(r.Partitions())
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
func (r *Ring) device(id uint32) *Device {
	if uint64(id) >= uint64(len(r.devs)) {
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
	for _, w := range r.rows {
		if uint64(part) >= uint64(w.len()) {
			continue
		}
		d := r.device(w.at(int(part)))
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
	if replica >= len(r.rows) || uint64(part) >= uint64(r.rows[replica].len()) {
		return nil
	}
	return r.device(r.rows[replica].at(int(part)))
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
