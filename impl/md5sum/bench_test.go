package md5sum

import (
	"crypto/md5"
	"fmt"
	"hash"
	"sync"
	"sync/atomic"
	"testing"
)

// BenchmarkWriters hashes with several writers at the same time, beside
// crypto/md5; lanes is the mean number of streams hashed at once. Run it with
// -cpu 1,2.
func BenchmarkWriters(b *testing.B) {
	for _, piece := range []int{8 << 10, 64 << 10, 256 << 10} {
		for _, writers := range []int{1, 2, 4, 8, 16, 32} {
			for _, impl := range []struct {
				name string
				new  func() hash.Hash
			}{{"crypto", md5.New}, {"md5sum", New}} {
				b.Run(fmt.Sprintf("piece=%dk/writers=%d/%s", piece>>10, writers, impl.name), func(b *testing.B) {
					before := process.bytes
					concurrently(b, impl.new, writers, piece)
					var bytes, turns float64
					for n := 1; n <= maxLanes; n++ {
						d := float64(process.bytes[n] - before[n])
						bytes, turns = bytes+d, turns+d/float64(n)
					}
					if turns > 0 {
						b.ReportMetric(bytes/turns, "lanes")
					}
				})
			}
		}
	}
}

// concurrently has the writers write b.N pieces in all.
func concurrently(b *testing.B, newHash func() hash.Hash, writers, piece int) {
	b.SetBytes(int64(piece))
	var all sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(b.N))
	pieces := make([][]byte, writers)
	for i := range pieces {
		pieces[i] = content(uint64(i), piece)
	}
	b.ResetTimer()
	for _, p := range pieces {
		all.Go(func() {
			h := newHash()
			for left.Add(-1) >= 0 {
				h.Write(p)
			}
		})
	}
	all.Wait()
}
