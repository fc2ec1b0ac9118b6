package builder

import (
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"math"
	"time"

	"apus/impl/host"
	"apus/impl/pickle"
	"apus/impl/swift"
)

// limits of a builder file: part power 24, ten replicas and half a million
// devices fit.
func limits() pickle.Options {
	return pickle.Options{MaxInput: 1 << 30, MaxObjects: 32 << 20, MaxNodes: 32 << 20, Arrays: true}
}

// Load reads a builder file of any version since builders are kept as dicts.
// NotFound is no file; Corrupt is what is no builder file, or contradicts
// itself.
func Load(fs host.FS, clock func() time.Time, name string) (*Builder, error) {
	const op = "builder.Load"
	raw, err := readFile(fs, name)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil, swift.E(op, name, swift.NotFound, fmt.Errorf("Ring Builder file does not exist: %w", err)) //nolint:staticcheck // upstream's words
	}
	if err != nil {
		return nil, swift.E(op, name, swift.Other, fmt.Errorf("Ring Builder file cannot be accessed: %w", err)) //nolint:staticcheck // upstream's words
	}
	b, err := decode(clock, raw)
	if err != nil {
		return nil, swift.E(op, name, swift.Corrupt, fmt.Errorf("Ring Builder file is invalid: %w", err)) //nolint:staticcheck // upstream's words
	}
	return b, nil
}

func readFile(fs host.FS, name string) ([]byte, error) {
	f, err := fs.OpenFile(name, host.ReadOnly, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, int64(limits().MaxInput)+1))
}

func decode(clock func() time.Time, raw []byte) (*Builder, error) {
	v, err := pickle.DecodeWith(raw, limits())
	if err != nil {
		return nil, err
	}
	d, ok := v.(pickle.Dict)
	if !ok {
		return nil, fmt.Errorf("it holds a %T, not a dict", v)
	}
	f := fields{dict: d}
	b := f.builder(clock)
	if f.err != nil {
		return nil, f.err
	}
	for _, fill := range []func(pickle.Dict) error{b.setDevs, b.setRemoved, b.setRows, b.setMoves, b.setGraph} {
		if err := fill(d); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// builder reads the plain values.
func (f *fields) builder(clock func() time.Time) *Builder {
	b := &Builder{
		clock:         clock,
		partPower:     f.integer("part_power", need, 0, maxPartPower),
		nextPartPower: f.integer("next_part_power", 0, 0, maxPartPower+1),
		replicas:      f.float("replicas", math.NaN()),
		minPartHours:  f.integer("min_part_hours", need, 0, math.MaxInt32),
		version:       int64(f.integer("version", need, 0, math.MaxInt64)),
		overload:      f.float("overload", 0),
		epoch:         int64(f.float("_last_part_moves_epoch", 0)),
		gatherStart:   int64(f.integer("_last_part_gather_start", 0, 0, math.MaxUint32)),
		id:            f.text("id", ""),
	}
	b.devsChanged, _ = f.get("devs_changed").(bool)
	if f.get("dispersion") != nil {
		b.dispersion, b.hasDispersion = f.float("dispersion", 0), true
	}
	if !(b.replicas >= 1) || b.replicas > math.MaxInt16 {
		f.fail("replicas", b.replicas)
	}
	if f.err == nil && f.integer("parts", b.Partitions(), 0, math.MaxUint32+1) != b.Partitions() {
		f.fail("parts", f.get("parts"))
	}
	return b
}

func (b *Builder) setDevs(d pickle.Dict) error {
	devs, err := list(d, "devs")
	if err != nil {
		return err
	}
	for id, v := range devs {
		if v == nil {
			b.devs = append(b.devs, nil)
			continue
		}
		dict, ok := v.(pickle.Dict)
		if !ok {
			return fmt.Errorf("device %d is a %T", id, v)
		}
		dev, err := device(dict)
		if err != nil {
			return fmt.Errorf("device %d: %w", id, err)
		}
		if dev.ID != id {
			return fmt.Errorf("device %d stands at place %d", dev.ID, id)
		}
		b.devs = append(b.devs, dev)
	}
	return nil
}

// device reads a device. Builders of before regions, meta and a network for
// replication lack those.
func device(d pickle.Dict) (*Device, error) {
	f := fields{dict: d}
	dev := &Device{Parts: f.integer("parts", 0, 0, math.MaxInt64)}
	dev.ID = f.integer("id", need, 0, math.MaxInt32)
	dev.Region = f.integer("region", 1, math.MinInt32, math.MaxInt32)
	dev.Zone = f.integer("zone", need, math.MinInt32, math.MaxInt32)
	dev.IP = f.text("ip", "")
	dev.Port = f.integer("port", need, 0, math.MaxUint16)
	dev.Device.Device = f.text("device", "")
	dev.Weight = f.float("weight", math.NaN())
	dev.Meta = f.text("meta", "")
	dev.ReplicationIP = f.text("replication_ip", dev.IP)
	dev.ReplicationPort = f.integer("replication_port", dev.Port, 0, math.MaxUint16)
	dev.Planned = f.get("parts_wanted") != nil
	dev.PartsWanted = f.float("parts_wanted", 0)
	if checkWeight("", dev.Weight) != nil {
		f.fail("weight", dev.Weight)
	}
	for _, it := range d {
		if name, _ := pickle.Text(it.Key); !knownKey(name) {
			dev.extra = append(dev.extra, it)
		}
	}
	return dev, f.err
}

func knownKey(name string) bool {
	switch name {
	case "id", "region", "zone", "ip", "port", "device", "weight", "meta", "replication_ip", "replication_port",
		"parts", "parts_wanted":
		return true
	case "tiers", "sort_key": // left behind by a rebalance that failed
		return true
	}
	return false
}

func (b *Builder) setRemoved(d pickle.Dict) error {
	leaving, err := list(d, "_remove_devs")
	for _, v := range leaving {
		dict, _ := v.(pickle.Dict)
		f := fields{dict: dict}
		id := f.integer("id", need, 0, math.MaxInt32)
		if _, ok := b.Device(id); f.err != nil || !ok || b.Removed(id) {
			return fmt.Errorf("_remove_devs: no device %d, or listed twice", id)
		}
		b.removed = append(b.removed, id)
	}
	return err
}

func (b *Builder) setRows(d pickle.Dict) error {
	if v, ok := d.Get("_replica2part2dev"); ok && v == nil {
		return nil
	}
	rows, err := list(d, "_replica2part2dev")
	if err != nil {
		return err
	}
	b.idBytes = 2
	for replica, v := range rows {
		row, err := ints(v)
		if err != nil {
			return fmt.Errorf("replica %d: %w", replica, err)
		}
		if len(row) > b.Partitions() || len(row) < b.Partitions() && replica < len(rows)-1 {
			return fmt.Errorf("replica %d has %d of %d partitions; only the last may be short", replica, len(row), b.Partitions())
		}
		unassigned := uint32(math.MaxUint16)
		if a, ok := v.(pickle.Array); ok && a.Code != 'H' {
			b.idBytes, unassigned = 4, none
		}
		for part, id := range row {
			switch {
			case id == unassigned:
				row[part] = none
			case int64(id) >= int64(len(b.devs)) || b.devs[id] == nil:
				return fmt.Errorf("partition %d, replica %d is on device %d, which does not exist", part, replica, id)
			}
		}
		b.rows = append(b.rows, row)
	}
	return nil
}

func (b *Builder) setMoves(d pickle.Dict) error {
	v, _ := d.Get("_last_part_moves")
	if v == nil {
		return nil
	}
	hours, err := ints(v)
	if err != nil {
		return fmt.Errorf("_last_part_moves: %w", err)
	}
	if len(hours) != b.Partitions() {
		return fmt.Errorf("_last_part_moves has %d of %d partitions", len(hours), b.Partitions())
	}
	b.lastMoves = make([]uint8, len(hours))
	for part, h := range hours {
		b.lastMoves[part] = uint8(min(h, longAgo))
	}
	return nil
}

func (b *Builder) setGraph(d pickle.Dict) error {
	v, _ := d.Get("_dispersion_graph")
	graph, _ := v.(pickle.Dict)
	for _, it := range graph {
		key, ok := it.Key.(pickle.Tuple)
		counts, err := ints(it.Value)
		if !ok || len(key) > depths || err != nil {
			return fmt.Errorf("_dispersion_graph: %v is not a tier and its counts", it.Key)
		}
		t := Tier{Depth: len(key)}
		for i, field := range []*int{&t.Region, &t.Zone, nil, &t.ID}[:len(key)] {
			n, isInt := key[i].(int64)
			ip, isText := pickle.Text(key[i])
			switch {
			case field != nil && isInt:
				*field = int(n)
			case field == nil && isText:
				t.IP = ip
			default:
				return fmt.Errorf("_dispersion_graph: %v is not a tier", it.Key)
			}
		}
		parts := make([]int, len(counts))
		for i, n := range counts {
			parts[i] = int(n)
		}
		b.graph = append(b.graph, TierCount{t, parts})
	}
	return nil
}
