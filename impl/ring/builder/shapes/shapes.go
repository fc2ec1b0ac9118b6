// Package shapes holds the clusters on which placements are compared with
// upstream's: the table itself (shapes.json), what upstream's builder made of
// it (golden.json), and the way to run a shape. It is for tests.
//
// golden.py beside the table runs the same shapes under Python and Swift; see
// README.md.
package shapes

import (
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"apus/impl/ring"
	"apus/impl/ring/builder"
)

// Shape is a cluster and what happens to it.
type Shape struct {
	Name         string
	PartPower    int     `json:"part_power"`
	Replicas     float64 `json:"replicas"`
	MinPartHours int     `json:"min_part_hours"`
	Slow         bool    `json:"slow"` // takes upstream a minute
	Steps        []Step  `json:"steps"`
}

// Step is one thing that happens; exactly one field is set.
type Step struct {
	Add       *Group   `json:"add,omitempty"`
	Weight    *Weight  `json:"weight,omitempty"`
	Remove    *int     `json:"remove,omitempty"` // device id
	Replicas  *float64 `json:"replicas,omitempty"`
	Overload  *float64 `json:"overload,omitempty"`
	Hours     *int     `json:"hours,omitempty"` // that pass
	Rebalance *string  `json:"rebalance,omitempty"`
}

// Group is alike devices: Devices on each of Hosts hosts of a zone. The hosts
// have the addresses 10.region.zone.(First+i), the devices the names d0, d1...
type Group struct {
	Region, Zone, First, Hosts, Devices int
	Weight                              float64
}

// Weight is a new weight of a device.
type Weight struct {
	ID int
	To float64
}

// Outcome is what one rebalance left.
type Outcome struct {
	Placement  string // SHA-256 of all rows, ids as big-endian 16 bits
	Changed    int
	Balance    float64
	Removed    int
	Dispersion float64
	Seconds    float64 // not compared
}

//go:embed shapes.json
var shapesJSON []byte

//go:embed golden.json
var goldenJSON []byte

// All is the table.
func All() ([]Shape, error) {
	var out []Shape
	return out, json.Unmarshal(shapesJSON, &out)
}

// JSON is the table as it stands in the file, for the other side.
func JSON() []byte { return append([]byte(nil), shapesJSON...) }

// Golden is, by name of the shape, what upstream made of each rebalance.
func Golden() (map[string][]Outcome, error) {
	var out map[string][]Outcome
	return out, json.Unmarshal(goldenJSON, &out)
}

// Start is the time at which a shape begins, for both sides.
const Start = 1700000000

// Run does the steps. After every rebalance it calls done, which may look at
// the builder.
func (s Shape) Run(done func(b *builder.Builder, o Outcome) error) error {
	now := time.Unix(Start, 0)
	b, err := builder.New(func() time.Time { return now }, s.PartPower, s.Replicas, s.MinPartHours)
	if err != nil {
		return err
	}
	for i, step := range s.Steps {
		if step.Hours != nil {
			now = now.Add(time.Duration(*step.Hours) * time.Hour)
			continue
		}
		if step.Rebalance == nil {
			if err := step.change(b); err != nil {
				return fmt.Errorf("%s, step %d: %w", s.Name, i, err)
			}
			continue
		}
		o, err := Rebalance(b, builder.SeedText(*step.Rebalance))
		if err != nil {
			return fmt.Errorf("%s, step %d: %w", s.Name, i, err)
		}
		if err := done(b, o); err != nil {
			return fmt.Errorf("%s, step %d: %w", s.Name, i, err)
		}
	}
	return nil
}

func (st Step) change(b *builder.Builder) error {
	switch {
	case st.Add != nil:
		return st.Add.add(b)
	case st.Weight != nil:
		return b.SetWeight(st.Weight.ID, st.Weight.To)
	case st.Remove != nil:
		return b.RemoveDevice(*st.Remove)
	case st.Replicas != nil:
		return b.SetReplicas(*st.Replicas)
	case st.Overload != nil:
		return b.SetOverload(*st.Overload)
	}
	return fmt.Errorf("an empty step")
}

func (g *Group) add(b *builder.Builder) error {
	for h := range g.Hosts {
		for d := range g.Devices {
			_, err := b.AddDevice(ring.Device{Region: g.Region, Zone: g.Zone, Port: 6200, Weight: g.Weight,
				IP: fmt.Sprintf("10.%d.%d.%d", g.Region, g.Zone, g.First+h), Device: fmt.Sprintf("d%d", d)})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Rebalance rebalances and tells what came out, but for the seconds.
func Rebalance(b *builder.Builder, seed builder.Seed) (Outcome, error) {
	res, err := b.Rebalance(seed)
	if err != nil {
		return Outcome{}, err
	}
	dispersion, _ := b.Dispersion()
	return Outcome{Placement: Placement(b), Changed: res.Changed, Balance: res.Balance,
		Removed: res.Removed, Dispersion: dispersion}, nil
}

// Placement is the digest of all rows.
func Placement(b *builder.Builder) string {
	sum := sha256.New()
	for replica := 0; ; replica++ {
		row := b.Row(replica)
		if row == nil {
			return hex.EncodeToString(sum.Sum(nil))
		}
		raw := make([]byte, 0, 2*len(row))
		for _, id := range row {
			raw = binary.BigEndian.AppendUint16(raw, uint16(id))
		}
		_, _ = sum.Write(raw)
	}
}
