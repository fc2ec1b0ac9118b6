package md5sum

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"hash"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// content returns n bytes that seed decides.
func content(seed uint64, n int) []byte {
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	p := make([]byte, n)
	rand.NewChaCha8(key).Read(p)
	return p
}

// check compares a digest with crypto/md5's.
func check(t *testing.T, what string, h hash.Hash, p []byte) {
	t.Helper()
	if want := md5.Sum(p); !bytes.Equal(h.Sum(nil), want[:]) {
		t.Errorf("%s: digest of %d bytes is %x, want %x", what, len(p), h.Sum(nil), want)
	}
}

func TestEveryLength(t *testing.T) {
	p := content(1, 3*shared)
	h := New()
	for _, from := range []int{0, shared - 130, 2*shared - 130} {
		for n := from; n <= from+300; n++ {
			h.Reset()
			h.Write(p[:n])
			check(t, "one write", h, p[:n])
		}
	}
}

func TestHash(t *testing.T) {
	h := New()
	if h.Size() != 16 || h.BlockSize() != 64 {
		t.Errorf("size %d and block size %d, want 16 and 64", h.Size(), h.BlockSize())
	}
	p := content(2, 100_000)
	for done := 0; done < len(p); done += 20_000 {
		if n, err := h.Write(p[done:][:20_000]); n != 20_000 || err != nil {
			t.Errorf("Write of 20000 = %d, %v", n, err)
		}
		check(t, "midway", h, p[:done+20_000])
	}
	h.Reset()
	check(t, "after Reset", h, nil)
	if got := h.Sum([]byte("x")); len(got) != 17 || got[0] != 'x' {
		t.Errorf("Sum does not append: %x", got)
	}
}

// splits cuts p at random places into pieces small and large.
func splits(r *rand.Rand, p []byte) [][]byte {
	var out [][]byte
	for len(p) > 0 {
		n := min(len(p), 1+r.IntN(1<<r.IntN(18)))
		out, p = append(out, p[:n]), p[n:]
	}
	return out
}

// writers hashes n streams of random lengths and splits at the same time.
func writers(t *testing.T, seed uint64, n int) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			p := content(seed+uint64(i), r.IntN(1<<20))
			h := New()
			for range 2 {
				h.Reset()
				for _, piece := range splits(r, p) {
					h.Write(piece)
				}
				check(t, fmt.Sprintf("writer %d of %d", i, n), h, p)
			}
		})
	}
	all.Wait()
}

func TestWriters(t *testing.T) {
	for _, n := range []int{1, 2, 3, 8, 9, 17, 50} {
		t.Run(fmt.Sprint(n), func(t *testing.T) { writers(t, uint64(n), n) })
	}
	if available && slices.Max(process.bytes[2:]) == 0 {
		t.Error("no writers were ever hashed together")
	}
	if process.leaders != 0 || process.waiting != 0 || process.first != nil {
		t.Errorf("after all writers: %d leaders and %d waiting", process.leaders, process.waiting)
	}
}

// TestBubbles has writers in one synctest bubble after another and in several
// at the same time, with some outside: none may stop another's clock or end
// the process.
func TestBubbles(t *testing.T) {
	bubble := func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { writers(t, 100, 6) })
	}
	t.Run("first", bubble)
	t.Run("second", bubble)
	t.Run("together", func(t *testing.T) {
		for i := range 4 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				if i == 0 {
					writers(t, 200, 6)
				} else {
					bubble(t)
				}
			})
		}
	})
}

// needVector skips where there is crypto/md5 alone.
func needVector(t *testing.T) {
	if !available {
		t.Skip("no vector code for this processor")
	}
}

func newDigest() *digest { return New().(*digest) }

// TestBatch runs the vector code for every number of lanes, with streams of
// different lengths that had a beginning before.
func TestBatch(t *testing.T) {
	needVector(t)
	for lanes := 1; lanes <= maxLanes; lanes++ {
		var b batch
		var streams []*digest
		var want [][]byte
		for i := range lanes {
			head, body := content(uint64(i), BlockSize*i), content(uint64(i+50), BlockSize*(1+i*i))
			d := newDigest()
			d.Write(head)
			d.piece = body
			b.add(d)
			streams, want = append(streams, d), append(want, slices.Concat(head, body))
		}
		leader := streams[lanes-1]
		for len(leader.piece) > 0 {
			b.hash(b.shortest())
			b.release(leader)
		}
		for i, d := range streams {
			d.toStandard()
			check(t, fmt.Sprintf("lane %d of %d", i, lanes), d, want[i])
		}
		for n := 2; n <= lanes; n++ {
			if b.bytes[n] == 0 {
				t.Errorf("of %d lanes, %d were never hashed together", lanes, n)
			}
		}
	}
}

// TestJoin hands a full queue of streams, each of another length, to the first
// of them: whoever has more than the leader must get its lead.
func TestJoin(t *testing.T) {
	needVector(t)
	var c combiner
	c.leaders = 1 // the test, for as long as it fills the queue
	var all sync.WaitGroup
	for i := range maxLanes {
		p := content(uint64(i), BlockSize*(100+10*i))
		all.Go(func() {
			d := newDigest()
			c.hash(d, p)
			check(t, fmt.Sprintf("stream %d", i), d, p)
		})
		for queued(&c) <= i {
			runtime.Gosched()
		}
	}
	c.handOver(new(batch))
	all.Wait()
	for lanes := 1; lanes <= maxLanes; lanes++ {
		want := lanes * 10 * BlockSize
		if lanes == maxLanes {
			want *= 10
		}
		if c.bytes[lanes] != int64(want) {
			t.Errorf("%d lanes hashed %d bytes, want %d", lanes, c.bytes[lanes], want)
		}
	}
	if c.leaders != 0 || c.waiting != 0 {
		t.Errorf("afterwards %d leaders and %d waiting", c.leaders, c.waiting)
	}
}

// A leader gives the processor away until it has company.
func TestLeaderWaitsForCompany(t *testing.T) {
	needVector(t)
	var all sync.WaitGroup
	var c combiner
	p := content(1, shared)
	came := 0
	c.yield = func() {
		came++
		all.Go(func() { c.hash(newDigest(), p) })
		for queued(&c) < came {
			runtime.Gosched()
		}
	}
	c.hash(newDigest(), p)
	all.Wait()
	if want := int64(shared * (company + 1)); c.bytes[company+1] != want || c.futile != 0 {
		t.Errorf("%d came, bytes by lanes %v, futile %d; want %d bytes of %d streams", came, c.bytes, c.futile, want, company+1)
	}
}

// One who stays alone stops waiting, but for a try now and then.
func TestLonelyLeaderStopsWaiting(t *testing.T) {
	needVector(t)
	yields := 0
	c := combiner{yield: func() { yields++ }}
	d := newDigest()
	for range 3*retry + 1 {
		c.hash(d, content(1, shared))
	}
	if want := (lonely + 3) * patience; yields != want {
		t.Errorf("%d times yielded, want %d", yields, want)
	}
	c.futile = 0 // somebody came
	c.hash(d, content(1, shared))
	if want := (lonely + 4) * patience; yields != want {
		t.Errorf("%d times yielded afterwards, want %d", yields, want)
	}
}

func queued(c *combiner) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waiting
}

// FuzzWrite cuts streams made of p by the bytes of cuts and writes them at the
// same time.
func FuzzWrite(f *testing.F) {
	f.Add([]byte("a"), []byte{255, 0, 33, 32})
	f.Add(content(3, 1000), []byte{})
	f.Fuzz(func(t *testing.T, p, cuts []byte) {
		p = bytes.Repeat(p, min(1000, 200_000/max(1, len(p))))
		var all sync.WaitGroup
		for i := range 5 {
			all.Go(func() {
				whole := p[len(p)*i/10:]
				h, rest := New(), whole
				for _, c := range cuts {
					n := min(len(rest), int(c)*257)
					h.Write(rest[:n])
					rest = rest[n:]
				}
				h.Write(rest)
				check(t, fmt.Sprintf("stream %d", i), h, whole)
			})
		}
		all.Wait()
	})
}
