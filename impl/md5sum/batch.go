package md5sum

// maxLanes is how many streams are hashed at once.
const maxLanes = 16

// group is the state of 8 streams: the four words of RFC 1321 side by side.
type group [4][8]uint32

// batch is the streams that a leader hashes together.
type batch struct {
	n      int
	stream [maxLanes]*digest // n of them
	state  [2]group
	base   [maxLanes]*byte
	bytes  [maxLanes + 1]int64 // hashed, by number of streams at once
}

func (b *batch) add(d *digest) {
	b.stream[b.n] = d
	b.n++
}

// shortest returns the length in bytes of the shortest piece.
func (b *batch) shortest() int {
	n := len(b.stream[0].piece)
	for _, d := range b.stream[1:b.n] {
		n = min(n, len(d.piece))
	}
	return n
}

// hash hashes n bytes, whole blocks, of every stream.
func (b *batch) hash(n int) {
	b.bytes[b.n] += int64(n * b.n)
	if b.n == 1 {
		d := b.stream[0]
		d.toStandard()
		d.std.Write(d.piece[:n])
		d.piece = d.piece[n:]
		return
	}
	b.load()
	if b.n <= 8 {
		blocks8(&b.state[0], (*[8]*byte)(b.base[:8]), n)
	} else {
		blocks16(&b.state, &b.base, n)
	}
	b.store(n)
}

// load fills the lanes. Those without a stream hash the first one's bytes for
// nothing.
func (b *batch) load() {
	for i := range b.base {
		b.base[i] = &b.stream[0].piece[0]
	}
	for i, d := range b.stream[:b.n] {
		d.toLane()
		b.base[i] = &d.piece[0]
		for w, v := range d.words {
			b.state[i/8][w][i%8] = v
		}
	}
}

// store takes the states back after n bytes.
func (b *batch) store(n int) {
	for i, d := range b.stream[:b.n] {
		for w := range d.words {
			d.words[w] = b.state[i/8][w][i%8]
		}
		d.hashed(n)
	}
}

// release lets the streams go that are done, and wakes all of them but the
// leader's.
func (b *batch) release(leader *digest) {
	left := 0
	for _, d := range b.stream[:b.n] {
		switch {
		case len(d.piece) > 0:
			b.stream[left] = d
			left++
		case d != leader:
			d.wait.Unlock()
		}
	}
	b.n = left
}
