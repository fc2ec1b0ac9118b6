package builder

// Result is what a Rebalance did.
type Result struct {
	Changed int     // replicas that are on another device than before
	Balance float64 // see Balance
	Removed int     // devices that left
}

func (b *Builder) rowLengths(whole, fraction float64) []int {
	var out []int
	for range int(whole) {
		out = append(out, b.Partitions())
	}
	if fraction > 0 {
		out = append(out, int(float64(b.Partitions())*fraction))
	}
	return out
}
