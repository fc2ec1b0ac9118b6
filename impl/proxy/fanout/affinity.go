package fanout

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"apus/impl/config"
	"apus/impl/ring"
)

// place is a region, or a zone of it.
type place struct {
	region, zone int
	whole        bool // all zones
}

func (p place) holds(d *ring.Device) bool {
	return p.region == d.Region && (p.whole || p.zone == d.Zone)
}

// Affinity ranks nodes by where they are: "r1z1=100, r2=200". Nodes of the
// smallest number come first, those of no place that is named last.
type Affinity []preferred

type preferred struct {
	place
	rank int
}

// ParseAffinity reads the value of read_affinity.
func ParseAffinity(v string) (Affinity, error) {
	var out Affinity
	for _, piece := range strings.Split(v, ",") {
		if strings.TrimSpace(v) == "" {
			break
		}
		where, rank, ok := strings.Cut(strings.TrimSpace(piece), "=")
		p, err := parsePlace(where)
		n, nerr := parseDigits(rank)
		if !ok || err != nil || nerr != nil {
			return nil, fmt.Errorf("%q must look like r1z2=100 or r1=100", piece)
		}
		out = append(out, preferred{p, n})
	}
	slices.SortStableFunc(out, func(a, b preferred) int { return cmp.Compare(a.rank, b.rank) })
	return out, nil
}

func (a Affinity) rank(d *ring.Device) int {
	for _, p := range a {
		if p.holds(d) {
			return p.rank
		}
	}
	return math.MaxInt
}

// Locality is the places that count as near: "r1, r2z2".
type Locality []place

// ParseLocality reads the value of write_affinity.
func ParseLocality(v string) (Locality, error) {
	var out Locality
	for _, piece := range config.SplitList(v) {
		p, err := parsePlace(piece)
		if err != nil {
			return nil, fmt.Errorf("%q must look like r1 or r1z2", piece)
		}
		out = append(out, p)
	}
	return out, nil
}

func (l Locality) holds(d *ring.Device) bool {
	return slices.ContainsFunc(l, func(p place) bool { return p.holds(d) })
}

func parsePlace(s string) (p place, err error) {
	rest, ok := strings.CutPrefix(s, "r")
	region, zone, zoned := strings.Cut(rest, "z")
	if !ok {
		return p, strconv.ErrSyntax
	}
	p.whole = !zoned
	if p.region, err = parseDigits(region); err == nil && zoned {
		p.zone, err = parseDigits(zone)
	}
	return p, err
}

// parseDigits takes no sign.
func parseDigits(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	return int(n), err
}
