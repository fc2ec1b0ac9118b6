package diskfile_test

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"apus/impl/diskfile"
	"apus/impl/swift"
)

func benchObject(d *diskfile.Device, i int64) *diskfile.Object {
	return d.Object(pol, uint32(i%64), swift.Path{Account: "a", Container: "c", Object: fmt.Sprint("o", i)})
}

// BenchmarkPut is durable PUTs of new objects on one real device.
func BenchmarkPut(b *testing.B) {
	for _, size := range []int{4 << 10, 1 << 20} {
		body := strings.Repeat("x", size)
		for _, writers := range []int{1, 4, 32} {
			b.Run(fmt.Sprintf("%dKiB/%d", size>>10, writers), func(b *testing.B) {
				w := realWorld(b)
				d := w.device(b)
				var next atomic.Int64
				b.SetBytes(int64(size))
				parallel(b, writers, func() {
					i := next.Add(1)
					if err := put(benchObject(d, i), stamp(1), body); err != nil {
						b.Error(err)
					}
				})
			})
		}
	}
}

// parallel spreads b.N calls over n goroutines.
func parallel(b *testing.B, n int, call func()) {
	b.ResetTimer()
	var left atomic.Int64
	left.Store(int64(b.N))
	done := make(chan struct{})
	for range n {
		go func() {
			for left.Add(-1) >= 0 {
				call()
			}
			done <- struct{}{}
		}()
	}
	for range n {
		<-done
	}
}

// BenchmarkGet is opening and reading one object, checksum included.
func BenchmarkGet(b *testing.B) {
	for _, size := range []int{4 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			w := realWorld(b)
			o := w.object(b)
			must(b, put(o, stamp(1), strings.Repeat("x", size)))
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				f, err := o.Open(diskfile.OpenOptions{Now: stamp(2)})
				must(b, err)
				body, err := f.Body(diskfile.BodyOptions{Whole: true, KeepCache: true})
				must(b, err)
				if _, err := body.WriteTo(io.Discard); err != nil {
					b.Fatal(err)
				}
				must(b, body.Close())
			}
		})
	}
}
