package builder

import (
	"fmt"
	"math"
	"slices"
	"time"

	"apus/impl/ring"
	"apus/impl/swift"
)

// Ring is a copy of the assignment as it stands, without the builder's own
// fields. A ring that was never rebalanced has no replicas. Invalid is a
// builder whose device ids do not fit the ring.
func (b *Builder) Ring() (*ring.Ring, error) {
	devs := make([]*ring.Device, len(b.devs))
	for i, d := range b.devs {
		if d != nil {
			c := d.Device
			devs[i] = &c
		}
	}
	info := ring.Info{Version: b.version}
	if len(b.rows) > 0 {
		info.NextPartPower = b.nextPartPower
	}
	r, err := b.assignment(devs)
	if err != nil {
		return nil, err
	}
	return r.WithInfo(info), nil
}

// assignment makes a ring whose ids are as wide as the builder's.
func (b *Builder) assignment(devs []*ring.Device) (*ring.Ring, error) {
	if b.DevIDBytes() > 2 {
		rows := make([][]uint32, len(b.rows))
		for i, row := range b.rows {
			rows[i] = slices.Clone(row) // none is what the ring takes for it
		}
		return ring.NewWide(devs, uint(b.partPower), rows), nil
	}
	rows := make([][]uint16, len(b.rows))
	for i, row := range b.rows {
		rows[i] = make([]uint16, len(row))
		for part, id := range row {
			if id != none && id >= math.MaxUint16 {
				return nil, swift.E("builder.Ring", "", swift.Invalid, fmt.Errorf("device id %d needs more than two bytes", id))
			}
			rows[i][part] = uint16(id) // none becomes ring.NoDevice
		}
	}
	return ring.New(devs, uint(b.partPower), rows), nil
}

// FromRing makes a builder of a ring whose builder was lost. What a ring does
// not tell is lost for good: when partitions moved, and the overload.
func FromRing(clock func() time.Time, r *ring.Ring, minPartHours int) (*Builder, error) {
	b, err := New(clock, r.PartPower(), max(r.ReplicaCount(), 1), minPartHours)
	if err != nil {
		return nil, err
	}
	b.hasDispersion = false
	for _, d := range r.Devices() {
		for len(b.devs) <= d.ID {
			b.devs = append(b.devs, nil)
		}
		b.devs[d.ID] = &Device{Device: *d, Planned: true}
	}
	whole, fraction := math.Modf(r.ReplicaCount())
	lengths := b.rowLengths(whole, fraction)
	for replica, n := range lengths {
		row := make([]uint32, n)
		for part := range row {
			d := r.Assigned(replica, uint32(part))
			if d == nil {
				row[part] = none
				continue
			}
			row[part] = uint32(d.ID)
			b.devs[d.ID].Parts++
		}
		b.rows = append(b.rows, row)
	}
	b.version = r.Info().Version
	b.nextPartPower = r.Info().NextPartPower
	b.idBytes = idBytesFor(max(len(b.devs)-1, 0))
	return b, nil
}

// PartsOn counts, by partition, how many of its replicas the given devices
// hold; partitions without any are left out. It is what list_parts shows.
func (b *Builder) PartsOn(ids []int) map[int]int {
	wanted := make([]bool, len(b.devs))
	for _, id := range ids {
		if id >= 0 && id < len(wanted) {
			wanted[id] = true
		}
	}
	out := map[int]int{}
	for _, row := range b.rows {
		for part, id := range row {
			if id != none && wanted[id] {
				out[part]++
			}
		}
	}
	return out
}

// Row is a copy of the devices of one replica by partition, -1 for none. It is
// nil when there is no such replica; the last may be short.
func (b *Builder) Row(replica int) []int {
	if replica < 0 || replica >= len(b.rows) {
		return nil
	}
	out := make([]int, len(b.rows[replica]))
	for part, id := range b.rows[replica] {
		out[part] = int(id)
		if id == none {
			out[part] = -1
		}
	}
	return out
}
