package builder

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"path"

	"apus/impl/host"
	"apus/impl/pickle"
	"apus/impl/swift"
)

// Save writes a builder file in one step, and gives the builder an ID if it
// has none: a reader or a power cut finds the old file or the new one, whole.
//
// The file is a pickle of a dict: part_power, next_part_power (None unless
// partitions are being doubled), replicas (float), min_part_hours, parts, devs
// (a list by id, None for a hole, of dicts as in a ring file plus parts and
// parts_wanted), devs_changed, dev_id_bytes, version, overload,
// _replica2part2dev (None, or an array.array of type H or I for each replica,
// all bits set standing for no device), _last_part_moves_epoch (Unix seconds),
// _last_part_moves (an array of type B: hours), _last_part_gather_start,
// _dispersion_graph (a dict of tiers, which are tuples, to lists), dispersion,
// _remove_devs (the dicts of devices that leave) and id.
func (b *Builder) Save(fs host.FS, name string) error {
	const op = "builder.Save"
	named := *b
	if named.id == "" {
		named.id = newID()
	}
	raw, err := pickle.Encode(named.dict(), pickle.Protocol2)
	if err == nil {
		err = replace(fs, name, raw)
	}
	if err != nil {
		return swift.E(op, name, swift.Other, err)
	}
	b.id = named.id
	return nil
}

// newID is 32 hex digits, a random UUID without its dashes.
func newID() string {
	var u [16]byte
	_, _ = rand.Read(u[:]) // it never fails
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return hex.EncodeToString(u[:])
}

func replace(fs host.FS, name string, content []byte) error {
	dir := path.Dir(name)
	tmp := path.Join(dir, "."+path.Base(name)+"."+rand.Text())
	err := write(fs, tmp, content)
	if err == nil {
		err = fs.Rename(tmp, name)
	}
	if err != nil {
		_ = fs.Remove(tmp)
		return err
	}
	return fs.SyncDir(dir)
}

func write(fs host.FS, name string, content []byte) error {
	f, err := fs.OpenFile(name, host.ReadWrite|host.Create|host.Exclusive, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (b *Builder) dict() pickle.Dict {
	var next, dispersion, rows any
	if b.nextPartPower != 0 {
		next = b.nextPartPower
	}
	if b.hasDispersion {
		dispersion = b.dispersion
	}
	if b.rows != nil {
		rows = b.arrays()
	}
	devs, leaving := pickle.List{}, pickle.List{}
	for _, d := range b.devs {
		if d == nil {
			devs = append(devs, nil)
			continue
		}
		devs = append(devs, d.dict())
	}
	for _, id := range b.removed {
		leaving = append(leaving, b.devs[id].dict())
	}
	return pickle.Dict{
		{Key: "part_power", Value: b.partPower},
		{Key: "next_part_power", Value: next},
		{Key: "replicas", Value: b.replicas},
		{Key: "min_part_hours", Value: b.minPartHours},
		{Key: "parts", Value: b.Partitions()},
		{Key: "devs", Value: devs},
		{Key: "devs_changed", Value: b.devsChanged},
		{Key: "dev_id_bytes", Value: b.DevIDBytes()},
		{Key: "version", Value: b.version},
		{Key: "overload", Value: b.overload},
		{Key: "_replica2part2dev", Value: rows},
		{Key: "_last_part_moves_epoch", Value: b.epoch},
		{Key: "_last_part_moves", Value: b.movesArray()},
		{Key: "_last_part_gather_start", Value: b.gatherStart},
		{Key: "_dispersion_graph", Value: b.graphDict()},
		{Key: "dispersion", Value: dispersion},
		{Key: "_remove_devs", Value: leaving},
		{Key: "id", Value: b.id},
	}
}

func (d *Device) dict() pickle.Dict {
	out := pickle.Dict{
		{Key: "id", Value: d.ID},
		{Key: "region", Value: d.Region},
		{Key: "zone", Value: d.Zone},
		{Key: "ip", Value: d.IP},
		{Key: "port", Value: d.Port},
		{Key: "device", Value: d.Device.Device},
		{Key: "weight", Value: d.Weight},
		{Key: "meta", Value: d.Meta},
		{Key: "replication_ip", Value: d.ReplicationIP},
		{Key: "replication_port", Value: d.ReplicationPort},
		{Key: "parts", Value: d.Parts},
	}
	if d.Planned {
		var wanted any = d.PartsWanted
		if whole := int64(d.PartsWanted); d.Weight != 0 && float64(whole) == d.PartsWanted {
			wanted = whole
		}
		out = append(out, pickle.Item{Key: "parts_wanted", Value: wanted})
	}
	return append(out, d.extra...)
}

// typeCode is the type of the arrays of device ids.
func (b *Builder) typeCode() byte {
	if b.DevIDBytes() == 4 {
		return 'I'
	}
	return 'H'
}

func (b *Builder) arrays() pickle.List {
	out := pickle.List{}
	code := b.typeCode()
	for _, row := range b.rows {
		values := make([]uint32, len(row))
		for part, id := range row {
			if values[part] = id; id == none && code == 'H' {
				values[part] = 0xffff
			}
		}
		out = append(out, pickle.Array{Code: code, Values: values})
	}
	return out
}

func (b *Builder) movesArray() pickle.Array {
	values := make([]uint32, b.Partitions())
	for part, h := range b.lastMoves {
		values[part] = uint32(h)
	}
	return pickle.Array{Code: 'B', Values: values}
}

func (b *Builder) graphDict() pickle.Dict {
	out := pickle.Dict{}
	for _, g := range b.graph {
		key := pickle.Tuple{g.Tier.Region, g.Tier.Zone, g.Tier.IP, g.Tier.ID}[:g.Tier.Depth]
		counts := make(pickle.Ints, len(g.Parts))
		for i, n := range g.Parts {
			counts[i] = uint32(n)
		}
		out = append(out, pickle.Item{Key: key, Value: counts})
	}
	return out
}
