package ring

import (
	"crypto/md5"
	"encoding/binary"
	"iter"
	"strconv"
)

// Tiers of a device: where losing one thing loses all devices in it.
type (
	zoneKey struct{ region, zone int }
	hostKey struct {
		zoneKey
		ip string
	}
)

func (d *Device) zone() zoneKey { return zoneKey{d.Region, d.Zone} }
func (d *Device) host() hostKey { return hostKey{d.zone(), d.IP} }

// census counts the tiers that hold at least one assigned partition; a walk
// that met as many need not look further.
type census struct{ regions, zones, hosts, devices int }

// seen is the tiers and devices that primaries and earlier handoffs use.
type seen struct {
	regions map[int]bool
	zones   map[zoneKey]bool
	hosts   map[hostKey]bool
	devices map[*Device]bool
}

func newSeen(devs []*Device) *seen {
	s := &seen{map[int]bool{}, map[zoneKey]bool{}, map[hostKey]bool{}, map[*Device]bool{}}
	for _, d := range devs {
		s.add(d)
	}
	return s
}

func (s *seen) add(d *Device) {
	s.regions[d.Region] = true
	s.zones[d.zone()] = true
	s.hosts[d.host()] = true
	s.devices[d] = true
}

func (r *Ring) count() census {
	used := make([]bool, len(r.devs))
	for _, w := range r.rows {
		for part := range w.len() {
			if id := w.at(part); uint64(id) < uint64(len(used)) {
				used[id] = true
			}
		}
	}
	s := newSeen(nil)
	for id, d := range r.devs {
		if d != nil && used[id] {
			s.add(d)
		}
	}
	return census{len(s.regions), len(s.zones), len(s.hosts), len(s.devices)}
}

// walk looks for handoffs: four passes over the assignment from the same
// starting partition, each content with less: a new region, a new zone, a new
// host, at last any new device.
type walk struct {
	ring  *Ring
	seen  *seen
	yield func(*Device) bool
}

func (w *walk) run(part uint32) {
	all := w.ring.assigned
	passes := []struct {
		fresh func(*Device) bool
		done  func() bool
	}{
		{func(d *Device) bool { return !w.seen.regions[d.Region] },
			func() bool { return len(w.seen.regions) == all.regions }},
		{func(d *Device) bool { return !w.seen.zones[d.zone()] },
			func() bool { return len(w.seen.zones) == all.zones }},
		{func(d *Device) bool { return !w.seen.hosts[d.host()] },
			func() bool { return len(w.seen.hosts) == all.hosts }},
		{func(*Device) bool { return true },
			func() bool { return len(w.seen.devices) == all.devices }},
	}
	for _, p := range passes {
		if !p.done() && !w.pass(part, p.fresh, p.done) {
			return
		}
	}
}

// pass is false when the consumer wants no more.
func (w *walk) pass(part uint32, fresh func(*Device) bool, done func() bool) bool {
	for at := range w.ring.visit(part) {
		for _, row := range w.ring.rows {
			if at >= row.len() {
				continue
			}
			d := w.ring.device(row.at(at))
			if d == nil || w.seen.devices[d] || !fresh(d) {
				continue
			}
			w.seen.add(d)
			if !w.yield(d) {
				return false
			}
			if done() {
				return true
			}
		}
	}
	return true
}

// maxVisits bounds how many partitions of a huge ring one pass looks at.
const maxVisits = 65536

// visit yields partitions from one that depends on part alone, so that
// neighbours spread their handoffs, in strides to the end and then from the
// beginning. When the stride is one the wrapped part begins at 1, not 0: an
// oddity that all implementations must share.
func (r *Ring) visit(part uint32) iter.Seq[int] {
	parts := r.Partitions()
	sum := md5.Sum([]byte(strconv.FormatUint(uint64(part), 10)))
	start := int(uint64(binary.BigEndian.Uint32(sum[:4])) >> r.partShift)
	stride := max(parts/maxVisits, 1)
	return func(yield func(int) bool) {
		for at := start; at < parts; at += stride {
			if !yield(at) {
				return
			}
		}
		for at := stride - (parts-start)%stride; at < start; at += stride {
			if !yield(at) {
				return
			}
		}
	}
}
