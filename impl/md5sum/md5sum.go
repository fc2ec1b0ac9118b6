// Package md5sum computes MD5 (RFC 1321) of several streams at once. Every
// byte of an object passes through MD5, on the way in and on the way out, and
// no single stream can be hashed faster than crypto/md5 does it: each step
// waits for the one before. Streams of different requests wait for nothing of
// each other, so they go through the lanes of the vector unit together.
//
// Batches form by flat combining, without a goroutine of their own. A Write of
// at least 8 KiB that finds nobody at work leads: it lets others run who can,
// goroutines and, after YieldBy, other threads of the machine, so that those
// with something to hash join, and then hashes its own piece and theirs, up to 16
// at once. Where the processors are busy the time would have been waited anyway;
// where they are not, nobody is there to give way to, and it costs nothing. Who
// stays alone stops looking for company, but for a try now and then. Whoever comes while it works joins at
// its next step, and whoever is done goes on at once. When its own piece is
// done the leader leaves, and the first of the others leads in its place: no
// Write hashes for longer than its own piece takes. Another leads beside it
// only if a full batch waits.
//
// Costs, where crypto/md5 is 1: with AVX2 (Zen 3, Rocket Lake) up to 8 lanes
// 1.4 to 1.6, 16 lanes 1.7 to 2.3; with AVX-512VL (Rocket Lake) 0.9 to 1 and
// 1.3 to 1.6. So two streams take a quarter less work than by themselves, or
// half, and 16 a seventh or a tenth; with AVX2, on a machine with idle cores,
// each of them takes longer. A Write that stays alone is hashed by crypto/md5
// itself and costs one pass through the scheduler more. Processors without
// AVX2 have crypto/md5 alone.
//
// The queue is one for the process. It decides who computes and never what,
// and waits on nothing but mutexes, so goroutines of separate synctest bubbles
// may share it, and no virtual time passes while one waits.
package md5sum

import (
	"crypto/md5"
	"encoding"
	"encoding/binary"
	"hash"
	"sync"
)

// Size is the length of a digest and BlockSize the unit of hashing, in bytes.
const (
	Size      = md5.Size
	BlockSize = md5.BlockSize
)

// shared is the length in bytes from which on a piece is worth a queue.
const shared = 8 << 10

// New returns a hash whose digests equal those of crypto/md5. Like any
// hash.Hash it belongs to one goroutine at a time; Write may wait for Writes
// to other hashes. The slice given to Write must not change until it returns.
func New() hash.Hash {
	if !available {
		return md5.New()
	}
	d := &digest{std: md5.New().(standard)}
	d.wait.Lock()
	return d
}

// standard is what crypto/md5 says of its hash.
type standard interface {
	hash.Hash
	encoding.BinaryAppender
	encoding.BinaryUnmarshaler
}

// digest is one stream. Between Writes its state is in std.
type digest struct {
	std standard
	odd int // bytes in std's unfinished block

	// A Write that shares has these. While it waits, they are the leader's.
	piece  []byte // whole blocks that remain to be hashed
	laned  bool   // the state is in words, not in std
	words  [4]uint32
	leader bool // set on waking: work remains, lead
	next   *digest

	// wait is held except from the moment a leader lets the stream go until the
	// stream's own goroutine runs: to lock it is to wait. A channel would not do,
	// as it belongs to one bubble of testing/synctest and its leader may not.
	wait sync.Mutex

	image [len(magic) + 4*4 + BlockSize + 8]byte // scratch: std's state as bytes
}

var _ hash.Hash = (*digest)(nil)

func (d *digest) Size() int            { return Size }
func (d *digest) BlockSize() int       { return BlockSize }
func (d *digest) Sum(in []byte) []byte { return d.std.Sum(in) }

func (d *digest) Reset() {
	d.std.Reset()
	d.odd = 0
}

// Write adds p to the stream. Its error is crypto/md5's, which has none but in
// FIPS-only mode.
func (d *digest) Write(p []byte) (int, error) {
	size := len(p)
	if size >= shared {
		if d.odd > 0 {
			head := BlockSize - d.odd
			if n, err := d.write(p[:head]); err != nil {
				return n, err
			}
			p = p[head:]
		}
		whole := len(p) &^ (BlockSize - 1)
		process.hash(d, p[:whole])
		p = p[whole:]
	}
	if _, err := d.write(p); err != nil {
		return size - len(p), err
	}
	return size, nil
}

func (d *digest) write(p []byte) (int, error) {
	d.odd = (d.odd + len(p)) % BlockSize
	return d.std.Write(p)
}

// The state of crypto/md5 as bytes: magic, four words, the unfinished block,
// the length of the stream in bytes; big-endian.
const (
	magic    = "md5\x01"
	wordsAt  = len(magic)
	lengthAt = wordsAt + 4*4 + BlockSize
)

// toLane moves the state from std to words. There is no unfinished block.
func (d *digest) toLane() {
	if d.laned {
		return
	}
	if _, err := d.std.AppendBinary(d.image[:0]); err != nil {
		panic("md5sum: " + err.Error())
	}
	for i := range d.words {
		d.words[i] = binary.BigEndian.Uint32(d.image[wordsAt+4*i:])
	}
	d.laned = true
}

// toStandard moves the state back; image has the rest of it.
func (d *digest) toStandard() {
	if !d.laned {
		return
	}
	for i, w := range d.words {
		binary.BigEndian.PutUint32(d.image[wordsAt+4*i:], w)
	}
	if err := d.std.UnmarshalBinary(d.image[:]); err != nil {
		panic("md5sum: " + err.Error())
	}
	d.laned = false
}

// hashed notes that n bytes of the piece went through a lane.
func (d *digest) hashed(n int) {
	length := d.image[lengthAt:]
	binary.BigEndian.PutUint64(length, binary.BigEndian.Uint64(length)+uint64(n))
	d.piece = d.piece[n:]
}
