package ringbuilder

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"apus/impl/ring"
	"apus/impl/ring/builder"
)

// maxBalance is the balance of a device that should hold nothing and does.
const maxBalance = 999.99

func (s *session) show() int {
	b := s.b
	id := b.ID()
	if id == "" {
		id = "(not assigned)"
	}
	s.say("%s, build version %d, id %s", s.builderFile, b.Version(), id)
	balance, empty := b.Balance()
	if empty != nil {
		balance = 0
	}
	s.summary(balance)
	upToDate := s.compareRing()
	perDevice := map[int]float64{}
	if empty == nil {
		var err error
		if perDevice, err = b.BalancePerDevice(); err != nil {
			return s.failed(err)
		}
	}
	s.table(perDevice)
	s.increaseHints(upToDate)
	if empty != nil {
		s.say("%s", why(empty))
	}
	return exitOK
}

func (s *session) summary(balance float64) {
	b, devs := s.b, s.b.Devices()
	regions, zones := map[int]bool{}, map[[2]int]bool{}
	for _, d := range devs {
		regions[d.Region], zones[[2]int{d.Region, d.Zone}] = true, true
	}
	trailer := ""
	if d, known := b.Dispersion(); known {
		trailer = fmt.Sprintf(", %.2f dispersion", d)
	}
	s.say("%d partitions, %.6f replicas, %d regions, %d zones, %d devices, %d-byte IDs, %.2f balance%s",
		b.Partitions(), b.Replicas(), len(regions), len(zones), len(devs), b.DevIDBytes(), balance, trailer)
	s.say("The minimum number of hours before a partition can be reassigned is %d (%s remaining)",
		b.MinPartHours(), span(b.MinPartSecondsLeft()))
	s.say("The overload factor is %.2f%% (%.6f)", b.Overload()*100, b.Overload())
}

// compareRing says whether the ring file is what the builder would write.
func (s *session) compareRing() (upToDate bool) {
	written, err := ring.Load(s.h.FS, s.std.Abs(s.ringFile))
	if errors.Is(err, fs.ErrNotExist) {
		s.say("Ring file %s not found, probably it hasn't been written yet", s.ringFile)
		return false
	}
	var now *ring.Ring
	if err == nil {
		now, err = s.b.Ring()
	}
	switch {
	case err != nil:
		s.say("Ring file %s is invalid: %s", s.ringFile, why(err))
		return false
	case now.Equal(written):
		s.say("Ring file %s is up-to-date", s.ringFile)
		return true
	}
	s.say("Ring file %s is obsolete", s.ringFile)
	return false
}

// widths are those columns that grow with what they hold.
type widths struct{ ip, port, repIP, repPort, weight int }

func measure(devs []builder.Device) widths {
	w := widths{10, 4, 14, 4, 6}
	var v6, repV6 bool
	for _, d := range devs {
		v6 = v6 || strings.Contains(d.IP, ":")
		repV6 = repV6 || strings.Contains(d.ReplicationIP, ":")
		w.ip, w.repIP = max(w.ip, len(d.IP)), max(w.repIP, len(d.ReplicationIP))
		w.port, w.repPort = max(w.port, len(strconv.Itoa(d.Port))), max(w.repPort, len(strconv.Itoa(d.ReplicationPort)))
		w.weight = max(w.weight, len(fmt.Sprintf("%6.2f", d.Weight)))
	}
	if v6 {
		w.ip += len("[]")
	}
	if repV6 {
		w.repIP += len("[]")
	}
	return w
}

func (s *session) table(balance map[int]float64) {
	devs := s.b.Devices()
	w := measure(devs)
	s.say("Devices:%5s %6s %4s %*s:%-*s %*s:%-*s %5s %*s %10s %7s %5s %s", "id", "region", "zone",
		w.ip, "ip address", w.port, "port", w.repIP, "replication ip", w.repPort, "port", "name",
		w.weight, "weight", "partitions", "balance", "flags", "meta")
	slices.SortStableFunc(devs, func(a, b builder.Device) int {
		return cmp.Or(cmp.Compare(a.Region, b.Region), cmp.Compare(a.Zone, b.Zone), cmp.Compare(a.IP, b.IP), cmp.Compare(a.Device.Device, b.Device.Device))
	})
	for _, d := range devs {
		flags := ""
		if s.b.Removed(d.ID) {
			flags = "DEL"
		}
		s.say("%13d %6d %4d %*s:%-*d %*s:%-*d %5s %*.2f %10d %7.2f %5s %s", d.ID, d.Region, d.Zone,
			w.ip, bracketed(d.IP), w.port, d.Port, w.repIP, bracketed(d.ReplicationIP), w.repPort, d.ReplicationPort,
			d.Device.Device, w.weight, d.Weight, d.Parts, balance[d.ID], flags, d.Meta)
	}
}

func (s *session) increaseHints(upToDate bool) {
	power, next := s.b.PartPower(), s.b.NextPartPower()
	switch next {
	case 0:
	case power + 1:
		s.say("\nPreparing increase of partition power (%d -> %d)", power, next)
		s.say(`Run "swift-object-relinker relink" on all nodes before moving on to increase_partition_power.`)
	case power:
		s.say("\nIncreased partition power (%d -> %d)", power, next)
		if !upToDate {
			s.say(`First run "swift-ring-builder <builderfile> write_ring" now and copy the updated .ring.gz file to all nodes.`)
		}
		s.say(`Run "swift-object-relinker cleanup" on all nodes before moving on to finish_increase_partition_power.`)
	}
}

func (s *session) search() int {
	if len(s.args) < 1 {
		return s.usage("search", true)
	}
	devs, _, code := s.selected("search", 1)
	if code != exitOK {
		return code
	}
	if len(devs) == 0 {
		s.say("No matching devices found")
		return exitError
	}
	s.say("Devices:    id  region  zone      ip address  port  replication ip  replication port      name weight partitions balance meta")
	total := 0.0
	for _, d := range s.b.Devices() {
		total += d.Weight
	}
	for _, d := range devs {
		balance := 0.0
		switch {
		case d.Weight != 0:
			share := float64(s.b.Partitions()) * s.b.Replicas() / total
			balance = 100*float64(d.Parts)/(d.Weight*share) - 100
		case d.Parts != 0:
			balance = maxBalance
		}
		s.say("         %5d %7d %5d %15s %5d %15s %17d %9s %6.2f %10d %7.2f %s", d.ID, d.Region, d.Zone, d.IP, d.Port,
			d.ReplicationIP, d.ReplicationPort, d.Device.Device, d.Weight, d.Parts, balance, d.Meta)
	}
	return exitOK
}

func (s *session) notRebalanced() int {
	s.say(`Specified builder file "%s" is not rebalanced yet. Please rebalance first.`, s.builderFile)
	return exitError
}

func (s *session) listParts() int {
	if len(s.args) < 1 {
		return s.usage("list_parts", true)
	}
	if s.b.Row(0) == nil {
		return s.notRebalanced()
	}
	devs, _, code := s.selected("list_parts", -1)
	if code != exitOK {
		return code
	}
	wanted := map[int]bool{}
	for _, d := range devs {
		wanted[d.ID] = true
	}
	parts, counts := []int{}, map[int]int{} // parts in the order in which they are found
	for replica := 0; s.b.Row(replica) != nil; replica++ {
		for part, id := range s.b.Row(replica) {
			if wanted[id] {
				if counts[part]++; counts[part] == 1 {
					parts = append(parts, part)
				}
			}
		}
	}
	if len(parts) == 0 {
		s.say("No matching devices found")
		return exitError
	}
	slices.SortStableFunc(parts, func(a, b int) int { return counts[b] - counts[a] })
	s.say("Partition   Matches")
	for _, part := range parts {
		s.say("%9d   %7d", part, counts[part])
	}
	return exitOK
}
