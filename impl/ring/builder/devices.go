package builder

import (
	"fmt"
	"math"
	"slices"

	"apus/impl/ring"
	"apus/impl/swift"
)

// Devices are the devices by id, removed ones among them until the next
// Rebalance (see Removed), without holes. They are copies.
func (b *Builder) Devices() []Device {
	var out []Device
	for _, d := range b.devs {
		if d != nil {
			out = append(out, *d)
		}
	}
	return out
}

// Device is the device of an id.
func (b *Builder) Device(id int) (Device, bool) {
	if id < 0 || id >= len(b.devs) || b.devs[id] == nil {
		return Device{}, false
	}
	return *b.devs[id], true
}

// Removed reports whether a device leaves at the next Rebalance.
func (b *Builder) Removed(id int) bool { return slices.Contains(b.removed, id) }

// DevSlots is the length of the list of devices with its holes.
func (b *Builder) DevSlots() int { return len(b.devs) }

// AddDevice adds a device under the first free id, which it returns; the ID
// of d does not matter. Whether the cluster has a device of that address and
// name already is for the caller to say.
func (b *Builder) AddDevice(d ring.Device) (int, error) {
	d.ID = len(b.devs)
	if i := slices.Index(b.devs, nil); i >= 0 {
		d.ID = i
	}
	return d.ID, b.AddDeviceAt(d)
}

// AddDeviceAt adds a device under its own id; Conflict when it is taken.
func (b *Builder) AddDeviceAt(d ring.Device) error {
	const op = "builder.AddDevice"
	switch {
	case d.ID < 0 || d.ID > maxDevID:
		return swift.E(op, d.Device, swift.Invalid, fmt.Errorf("device id %d is not from 0 to %d", d.ID, maxDevID))
	case d.ID < len(b.devs) && b.devs[d.ID] != nil:
		return swift.E(op, d.Device, swift.Conflict, fmt.Errorf("Duplicate device id: %d", d.ID)) //nolint:staticcheck // upstream's words
	case d.IP == "" || d.Device == "":
		return swift.E(op, d.Device, swift.Invalid, fmt.Errorf("device %d needs an ip and a name", d.ID))
	}
	if err := checkWeight(op, d.Weight); err != nil {
		return err
	}
	if d.ReplicationIP == "" {
		d.ReplicationIP = d.IP
	}
	if d.ReplicationPort == 0 {
		d.ReplicationPort = d.Port
	}
	if n := idBytesFor(d.ID); n > b.DevIDBytes() {
		b.SetDevIDBytes(n)
	}
	for len(b.devs) <= d.ID {
		b.devs = append(b.devs, nil)
	}
	b.devs[d.ID] = &Device{Device: d}
	b.touched()
	return nil
}

// maxDevID keeps a wrong id from making a list of billions of holes.
const maxDevID = 1 << 24

func checkWeight(op string, w float64) error {
	if !(w >= 0) || math.IsInf(w, 0) {
		return swift.E(op, "", swift.Invalid, fmt.Errorf("weight %g is not a number from 0 up", w))
	}
	return nil
}

func (b *Builder) touched() {
	b.devsChanged = true
	b.version++
}

// RemoveDevice takes a device out at the next Rebalance.
func (b *Builder) RemoveDevice(id int) error {
	d, err := b.staying("builder.RemoveDevice", id)
	if err != nil {
		return err
	}
	d.Weight = 0
	b.removed = append(b.removed, id)
	b.touched()
	return nil
}

// SetWeight changes the share of a device; 0 empties it.
func (b *Builder) SetWeight(id int, weight float64) error {
	const op = "builder.SetWeight"
	d, err := b.staying(op, id)
	if err != nil {
		return err
	}
	if err := checkWeight(op, weight); err != nil {
		return err
	}
	d.Weight = weight
	b.touched()
	return nil
}

// SetRegion moves a device to another region.
func (b *Builder) SetRegion(id, region int) error {
	d, err := b.staying("builder.SetRegion", id)
	if err != nil {
		return err
	}
	d.Region = region
	b.touched()
	return nil
}

// SetZone moves a device to another zone of its region.
func (b *Builder) SetZone(id, zone int) error {
	d, err := b.staying("builder.SetZone", id)
	if err != nil {
		return err
	}
	d.Zone = zone
	b.touched()
	return nil
}

// UpdateInfo changes what a device is called and how it is reached and leaves
// partitions alone. It changes no version, as upstream's set_info does not.
func (b *Builder) UpdateInfo(id int, change func(*ring.Device)) error {
	if _, ok := b.Device(id); !ok {
		return swift.E("builder.UpdateInfo", "", swift.NotFound, fmt.Errorf("no device %d", id))
	}
	d := b.devs[id]
	old := d.Device
	change(&d.Device)
	d.ID, d.Region, d.Zone, d.Weight = old.ID, old.Region, old.Zone, old.Weight
	return nil
}

// staying is a device that may be changed.
func (b *Builder) staying(op string, id int) (*Device, error) {
	if _, ok := b.Device(id); !ok {
		return nil, swift.E(op, "", swift.NotFound, fmt.Errorf("no device %d", id))
	}
	if b.Removed(id) {
		return nil, swift.E(op, "", swift.Conflict, fmt.Errorf("device %d is marked for removal", id))
	}
	return b.devs[id], nil
}

// idBytesFor is the width of device ids with which an id can be told from
// "none", 2 or 4.
func idBytesFor(maxID int) int {
	if maxID < math.MaxUint16 {
		return 2
	}
	return 4
}

// DevIDBytes is the width of the device ids of the ring.
func (b *Builder) DevIDBytes() int {
	if len(b.rows) == 0 {
		return idBytesFor(max(len(b.devs)-1, 0))
	}
	return b.idBytes
}

// SetDevIDBytes changes DevIDBytes of a ring that has assignments. It reports
// whether every id fits; when one does not, nothing changes.
func (b *Builder) SetDevIDBytes(n int) bool {
	if n != 2 && n != 4 || n < idBytesFor(max(len(b.devs)-1, 0)) {
		return false
	}
	if len(b.rows) > 0 {
		b.idBytes = n
	}
	return true
}
