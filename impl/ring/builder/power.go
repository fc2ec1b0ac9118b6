package builder

// PrepareIncrease announces that the number of partitions will be doubled. It
// reports false when an increase is under way already.
func (b *Builder) PrepareIncrease() bool {
	if b.nextPartPower != 0 {
		return false
	}
	b.nextPartPower = b.partPower + 1
	b.version++
	return true
}

// Increase doubles the number of partitions: both halves of a partition stay
// where the whole was. It reports false unless an increase is prepared.
func (b *Builder) Increase() bool {
	if b.nextPartPower != b.partPower+1 {
		return false
	}
	for i, row := range b.rows {
		b.rows[i] = twice(row)
	}
	for _, d := range b.devs {
		if d != nil {
			d.Parts *= 2
		}
	}
	b.lastMoves = twice(b.lastMoves)
	b.partPower = b.nextPartPower
	b.version++
	return true
}

func twice[T any](in []T) []T {
	out := make([]T, 0, 2*len(in))
	for _, v := range in {
		out = append(out, v, v)
	}
	return out
}

// CancelIncrease takes a prepared increase back; FinishIncrease must follow
// once what was linked is cleaned up.
func (b *Builder) CancelIncrease() bool {
	if b.nextPartPower != b.partPower+1 {
		return false
	}
	b.nextPartPower = b.partPower
	b.version++
	return true
}

// FinishIncrease ends an increase that was made or cancelled.
func (b *Builder) FinishIncrease() bool {
	if b.nextPartPower == 0 || b.nextPartPower != b.partPower {
		return false
	}
	b.nextPartPower = 0
	b.version++
	return true
}
