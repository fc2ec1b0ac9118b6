// Package builder assigns partitions to devices.
//
// Three rules, the first wins:
//
//  1. Spread. The replicas of every partition are as far apart as the cluster
//     allows: over regions first, then over the zones of a region, the hosts
//     of a zone, the devices of a host. No device holds two replicas of a
//     partition, and no part of a tier holds more than its even share while
//     another has room.
//  2. Balance. Within the bounds of rule 1, load is proportional to weight.
//  3. Calm. As few replicas as possible move, and of one partition at most
//     one in a rebalance (none within min-part-hours of the last move), so
//     that the others can serve it meanwhile. What was on a removed device
//     moves regardless.
//
// Because of rule 3 a big change may take several calls of Rebalance.
//
// The same calls with the same seeds build the same ring on every machine.
package builder

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"apus/impl/ring"
	"apus/impl/swift"
)

const (
	maxPartPower = 24 // 16 million partitions
	maxReplicas  = 64
	minWeight    = 1e-6
	maxWeight    = 1e12
)

// Builder is a ring in the making. It is for one goroutine.
type Builder struct {
	partPower    int
	replicas     float64
	minPartHours int

	version int64
	devs    []*ring.Device // by id; nil after removal
	gone    []bool         // removed, but their partitions are not reassigned yet

	rows  [][]uint16
	now   time.Duration   // as told by Elapse
	moved []time.Duration // by partition: when a replica last moved; negative is never
}

// New builds a ring of 2^partPower partitions. Rebalance reports numbers that
// make no ring.
func New(partPower int, replicas float64, minPartHours int) *Builder {
	return &Builder{partPower: partPower, replicas: replicas, minPartHours: minPartHours}
}

// Add adds a device and gives it an id; the ID of d does not matter. It gets
// partitions at the next Rebalance.
func (b *Builder) Add(d ring.Device) (int, error) {
	const op = "builder.Add"
	if d.ReplicationIP == "" {
		d.ReplicationIP = d.IP
	}
	if d.ReplicationPort == 0 {
		d.ReplicationPort = d.Port
	}
	switch {
	case d.IP == "" || d.Device == "":
		return 0, swift.E(op, d.Device, swift.Invalid, fmt.Errorf("a device needs an ip and a name"))
	case d.Port < 1 || d.Port > 65535:
		return 0, swift.E(op, d.Device, swift.Invalid, fmt.Errorf("port %d is not from 1 to 65535", d.Port))
	case d.Region < 0 || d.Zone < 0:
		return 0, swift.E(op, d.Device, swift.Invalid, fmt.Errorf("region %d, zone %d: must not be negative", d.Region, d.Zone))
	case len(b.devs) >= ring.NoDevice:
		return 0, swift.E(op, d.Device, swift.Invalid, fmt.Errorf("all %d ids are used up", ring.NoDevice))
	}
	if err := checkWeight(op, d.Weight); err != nil {
		return 0, err
	}
	for _, o := range b.devs {
		if o != nil && o.IP == d.IP && o.Port == d.Port && o.Device == d.Device {
			return 0, swift.E(op, d.Device, swift.Conflict, fmt.Errorf("is device %d already", o.ID))
		}
	}
	d.ID = len(b.devs)
	b.devs, b.gone = append(b.devs, &d), append(b.gone, false)
	b.version++
	return d.ID, nil
}

func checkWeight(op string, w float64) error {
	if w != 0 && !(w >= minWeight && w <= maxWeight) {
		return swift.E(op, "", swift.Invalid, fmt.Errorf("weight %g is neither 0 nor from %g to %g", w, minWeight, maxWeight))
	}
	return nil
}

// Remove takes a device out. Its partitions go to others at the next
// Rebalance.
func (b *Builder) Remove(id int) error {
	if err := b.known("builder.Remove", id); err != nil {
		return err
	}
	b.gone[id] = true
	b.version++
	return nil
}

// SetWeight changes the share of a device. With weight 0 it is emptied, one
// replica of a partition at a time.
func (b *Builder) SetWeight(id int, weight float64) error {
	const op = "builder.SetWeight"
	if err := b.known(op, id); err != nil {
		return err
	}
	if err := checkWeight(op, weight); err != nil {
		return err
	}
	d := *b.devs[id] // rings made earlier keep the old one
	d.Weight = weight
	b.devs[id] = &d
	b.version++
	return nil
}

func (b *Builder) known(op string, id int) error {
	if id < 0 || id >= len(b.devs) || b.devs[id] == nil || b.gone[id] {
		return swift.E(op, "", swift.NotFound, fmt.Errorf("no device %d", id))
	}
	return nil
}

// Elapse tells the builder that time has passed; it has no clock.
func (b *Builder) Elapse(d time.Duration) { b.now += d }

func (b *Builder) partitions() int { return 1 << b.partPower }

// Rebalance assigns partitions. Seed decides among equally good assignments.
func (b *Builder) Rebalance(seed uint64) error {
	if err := b.check(); err != nil {
		return err
	}
	b.fitRows()
	b.dropGone()
	rng := rand.New(rand.NewPCG(seed, 0x52314e47))
	want := b.plan(rng)
	for part, devs := range want {
		b.settle(part, devs)
	}
	b.version++
	return nil
}

func (b *Builder) check() error {
	const op = "builder.Rebalance"
	usable := 0
	for id, d := range b.devs {
		if d != nil && !b.gone[id] && d.Weight > 0 {
			usable++
		}
	}
	switch {
	case b.partPower < 0 || b.partPower > maxPartPower:
		return swift.E(op, "", swift.Invalid, fmt.Errorf("part power %d is not from 0 to %d", b.partPower, maxPartPower))
	case !(b.replicas >= 1) || b.replicas > maxReplicas:
		return swift.E(op, "", swift.Invalid, fmt.Errorf("%g replicas are not from 1 to %d", b.replicas, maxReplicas))
	case b.minPartHours < 0:
		return swift.E(op, "", swift.Invalid, fmt.Errorf("min part hours %d is negative", b.minPartHours))
	case float64(usable) < b.replicas:
		return swift.E(op, "", swift.Invalid, fmt.Errorf("%g replicas need as many devices with weight; there are %d", b.replicas, usable))
	}
	return nil
}

// fitRows makes the arrays at the first Rebalance.
func (b *Builder) fitRows() {
	if b.rows != nil {
		return
	}
	parts := b.partitions()
	whole := int(b.replicas)
	for range whole {
		b.rows = append(b.rows, unassigned(parts))
	}
	if rest := int(float64(parts) * (b.replicas - float64(whole))); rest > 0 {
		b.rows = append(b.rows, unassigned(rest))
	}
	b.moved = make([]time.Duration, parts)
	for i := range b.moved {
		b.moved[i] = -1
	}
}

func unassigned(n int) []uint16 {
	row := make([]uint16, n)
	for i := range row {
		row[i] = ring.NoDevice
	}
	return row
}

func (b *Builder) dropGone() {
	for _, row := range b.rows {
		for part, id := range row {
			if id != ring.NoDevice && b.gone[id] {
				row[part] = ring.NoDevice
			}
		}
	}
	for id, gone := range b.gone {
		if gone {
			b.devs[id], b.gone[id] = nil, false
		}
	}
}

// Ring is a copy of the assignment as it stands.
func (b *Builder) Ring() *ring.Ring {
	rows := make([][]uint16, len(b.rows))
	for i, row := range b.rows {
		rows[i] = append([]uint16(nil), row...)
	}
	devs := make([]*ring.Device, len(b.devs))
	for i, d := range b.devs {
		if d != nil {
			c := *d
			devs[i] = &c
		}
	}
	return ring.New(devs, uint(b.partPower), rows).WithInfo(ring.Info{Version: b.version})
}

// Load is the number of replicas on each device, by id.
func (b *Builder) Load() []int {
	load := make([]int, len(b.devs))
	for _, row := range b.rows {
		for _, id := range row {
			if id != ring.NoDevice {
				load[id]++
			}
		}
	}
	return load
}

// emptyDeviceLoaded stands for the deviation of a device that should be empty
// and is not; the number is Swift's.
const emptyDeviceLoaded = 999.99

// Balance is how far, in percent, the worst device is from the share that its
// weight alone would give it. Rule 1 can keep it from being small.
func (b *Builder) Balance() float64 {
	var total, weights float64
	load := b.Load()
	for id, d := range b.devs {
		if d != nil {
			total += float64(load[id])
			weights += d.Weight
		}
	}
	worst := 0.0
	for id, d := range b.devs {
		switch {
		case d == nil || d.Weight == 0 && load[id] == 0:
		case d.Weight == 0:
			worst = max(worst, emptyDeviceLoaded)
		case total > 0:
			worst = max(worst, 100*math.Abs(float64(load[id])/(total*d.Weight/weights)-1))
		}
	}
	return worst
}

// Dispersion is the percentage of partitions whose replicas are closer
// together than rule 1 allows; it is 0 once Rebalance has nothing left to do.
func (b *Builder) Dispersion() float64 {
	if b.rows == nil {
		return 0
	}
	root := b.tree()
	root.bound(b.quotas())
	atRisk := 0
	for part := range b.partitions() {
		if root.crowded(b.replicasOf(part)) {
			atRisk++
		}
	}
	return 100 * float64(atRisk) / float64(b.partitions())
}
