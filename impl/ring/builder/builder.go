// Package builder assigns partitions to devices and keeps that assignment in
// builder files, as swift-ring-builder does.
//
// A builder holds the devices, the number of replicas (which may have a
// fraction), and for every partition when it last moved. Rebalance draws up a
// plan: how many replicas every tier (region, zone, host, device) should
// hold, between the share its weight gives it and the share that keeps
// replicas farthest apart, and gives each partition's replicas homes that fit
// the plan. With the same history and the same seed the placement is, replica
// by replica, the one that Swift's own builder computes under Python up to
// 3.11; from 3.12 on Python adds floats in another way, and the last bit of a
// share may differ.
//
// A partition moves at most one replica in min-part-hours, except that what
// was on a removed device moves at once.
//
// # Builder file
//
// A Python pickle, protocol 2, of one dict. See [Builder.Save].
package builder

import (
	"fmt"
	"math"
	"time"

	"apus/impl/pickle"
	"apus/impl/ring"
	"apus/impl/swift"
)

const (
	maxPartPower = 32
	// maxBalance is shown for a device that should be empty and is not.
	maxBalance   = 999.99
	none         = math.MaxUint32 // in rows: assigned to no device
	longAgo      = math.MaxUint8  // hours; the most that is counted
	secondsAHour = 3600
)

// Device is a device with what the builder knows of it.
type Device struct {
	ring.Device
	// Parts is how many replicas it holds.
	Parts int
	// PartsWanted is how many more it should get, negative when it should
	// give some away, as of the last Rebalance. It may have a fraction for a
	// device of weight 0 alone.
	PartsWanted float64
	// Planned reports whether PartsWanted was ever computed.
	Planned bool

	extra pickle.Dict // keys of the builder file that have no meaning here
}

// Builder is a ring in the making. It is for one goroutine.
type Builder struct {
	clock func() time.Time

	partPower     int
	nextPartPower int // 0 is none
	replicas      float64
	minPartHours  int
	overload      float64
	version       int64
	id            string

	devs        []*Device // by id; nil is a hole
	removed     []int     // ids, in the order of removal, until the next Rebalance
	devsChanged bool

	rows        [][]uint32 // replica → partition → device id or none; nil before the first Rebalance
	idBytes     int        // of the rows
	lastMoves   []uint8    // by partition: hours from its last move to epoch; nil is all 0
	epoch       int64      // Unix seconds; 0 is unknown
	gatherStart int64

	graph         []TierCount
	dispersion    float64
	hasDispersion bool
}

// New starts a builder of 2^partPower partitions. The clock decides what
// min-part-hours forbids. Numbers that make no ring are of kind Invalid.
func New(clock func() time.Time, partPower int, replicas float64, minPartHours int) (*Builder, error) {
	b := &Builder{clock: clock, partPower: partPower, replicas: replicas, minPartHours: minPartHours, hasDispersion: true}
	var err error
	switch {
	case partPower > maxPartPower:
		err = fmt.Errorf("part_power must be at most %d (was %d)", maxPartPower, partPower)
	case partPower < 0:
		err = fmt.Errorf("part_power must be at least 0 (was %d)", partPower)
	case !(replicas >= 1) || math.IsInf(replicas, 0):
		err = fmt.Errorf("replicas must be at least 1 (was %f)", replicas)
	case minPartHours < 0:
		err = fmt.Errorf("min_part_hours must be non-negative (was %d)", minPartHours)
	}
	if err != nil {
		return nil, swift.E("builder.New", "", swift.Invalid, err)
	}
	return b, nil
}

// PartPower is the logarithm of Partitions.
func (b *Builder) PartPower() int { return b.partPower }

// NextPartPower is the part power that an increase under way leads to; 0 when
// there is none.
func (b *Builder) NextPartPower() int { return b.nextPartPower }

// Partitions is the number of partitions.
func (b *Builder) Partitions() int { return 1 << b.partPower }

// Replicas is the number of replicas with its fraction.
func (b *Builder) Replicas() float64 { return b.replicas }

// MinPartHours is how long a partition rests after a move.
func (b *Builder) MinPartHours() int { return b.minPartHours }

// Overload is how much more than the share of its weight a device may get for
// the sake of dispersion: 0.1 is ten percent.
func (b *Builder) Overload() float64 { return b.overload }

// Version counts the changes.
func (b *Builder) Version() int64 { return b.version }

// ID is the identity that the first Save gives a builder; "" before.
func (b *Builder) ID() string { return b.id }

// DevsChanged reports whether devices changed since the last Rebalance.
func (b *Builder) DevsChanged() bool { return b.devsChanged }

// EverRebalanced reports whether partitions were ever assigned.
func (b *Builder) EverRebalanced() bool { return b.rows != nil }

// Dispersion is the percentage of replicas that are closer together than they
// need be, as of the last Rebalance. It is not known of builders in old files and of
// those made of a ring.
func (b *Builder) Dispersion() (percent float64, known bool) { return b.dispersion, b.hasDispersion }

// SetReplicas changes the number of replicas at the next Rebalance.
func (b *Builder) SetReplicas(n float64) error {
	if !(n >= 1) || math.IsInf(n, 0) {
		return swift.E("builder.SetReplicas", "", swift.Invalid, fmt.Errorf("replicas must be at least 1 (was %f)", n))
	}
	parts := float64(b.Partitions())
	if math.Trunc(parts*b.replicas) != math.Trunc(parts*n) {
		b.devsChanged = true
	}
	b.replicas = n
	return nil
}

// SetOverload changes Overload.
func (b *Builder) SetOverload(o float64) error {
	if !(o >= 0) || math.IsInf(o, 0) {
		return swift.E("builder.SetOverload", "", swift.Invalid, fmt.Errorf("overload %g is not a number from 0 up", o))
	}
	b.overload = o
	return nil
}

// SetMinPartHours changes MinPartHours.
func (b *Builder) SetMinPartHours(h int) error {
	if h < 0 {
		return swift.E("builder.SetMinPartHours", "", swift.Invalid, fmt.Errorf("min_part_hours must be non-negative (was %d)", h))
	}
	b.minPartHours = h
	return nil
}

// PretendMinPartHoursPassed lets every partition move at the next Rebalance.
func (b *Builder) PretendMinPartHoursPassed() {
	b.epoch = 0
	b.ensureMoves()
	for i := range b.lastMoves {
		b.lastMoves[i] = longAgo
	}
}

// ensureMoves makes the table of moves, which new builders lack.
func (b *Builder) ensureMoves() {
	if b.lastMoves == nil {
		b.lastMoves = make([]uint8, b.Partitions())
	}
}

// MinPartSecondsLeft is how many seconds it takes until all partitions may
// move.
func (b *Builder) MinPartSecondsLeft() int64 {
	return max(int64(b.minPartHours)*secondsAHour-b.elapsed(), 0)
}

// elapsed is the seconds since the last moves.
func (b *Builder) elapsed() int64 { return b.clock().Unix() - b.epoch }
