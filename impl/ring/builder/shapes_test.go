package builder_test

import (
	"math"
	"testing"

	"apus/impl/ring/builder"
	"apus/impl/ring/builder/shapes"
)

// Every placement is, to the last replica, the one of upstream's builder.
func TestPlacementIsUpstreams(t *testing.T) {
	all, err := shapes.All()
	if err != nil {
		t.Fatal(err)
	}
	golden, err := shapes.Golden()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) {
			want := golden[s.Name]
			if len(want) == 0 {
				t.Fatal("upstream's outcome is not recorded")
			}
			n := 0
			err := s.Run(func(b *builder.Builder, got shapes.Outcome) error {
				w := want[n]
				n++
				w.Seconds = 0
				if math.Abs(got.Balance-w.Balance) < 1e-9 {
					got.Balance = w.Balance
				}
				if got != w {
					t.Errorf("rebalance %d:\n got %+v\nwant %+v", n, got, w)
				}
				return b.Validate()
			})
			if err != nil {
				t.Fatal(err)
			}
			if n != len(want) {
				t.Errorf("%d rebalances, upstream made %d", n, len(want))
			}
		})
	}
}
