package fanout

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"apus/impl/ring"
)

func TestParseAffinity(t *testing.T) {
	a, err := ParseAffinity("r1=300, r2z2=100,r1z4=200")
	require.NoError(t, err)
	for _, c := range []struct{ region, zone, want int }{
		{1, 1, 300}, {1, 4, 200}, {2, 2, 100}, {2, 1, int(^uint(0) >> 1)},
	} {
		require.Equal(t, c.want, a.rank(&ring.Device{Region: c.region, Zone: c.zone}), "r%dz%d", c.region, c.zone)
	}
	for _, v := range []string{"", "  "} {
		a, err := ParseAffinity(v)
		require.NoError(t, err)
		require.Empty(t, a)
	}
	for _, v := range []string{"r1", "r1=", "r=1", "z1=1", "r1z=2", "r1=1,", "r-1=2", "R1=1", "r1=1 r2=2"} {
		_, err := ParseAffinity(v)
		require.Error(t, err, v)
	}
}

func TestParseLocality(t *testing.T) {
	l, err := ParseLocality("r1, r2z3")
	require.NoError(t, err)
	require.True(t, l.holds(&ring.Device{Region: 1, Zone: 9}))
	require.True(t, l.holds(&ring.Device{Region: 2, Zone: 3}))
	require.False(t, l.holds(&ring.Device{Region: 2, Zone: 4}))
	for _, v := range []string{"1", "r1=1", "r1z"} {
		_, err := ParseLocality(v)
		require.Error(t, err, v)
	}
}

// regions is a ring whose partition 0 has primaries r1 r2 r2; the other devices
// are r1 r1 r2.
func regions() *ring.Ring {
	var devs []*ring.Device
	for i, region := range []int{1, 2, 2, 1, 1, 2} {
		devs = append(devs, &ring.Device{ID: i, Region: region, Zone: i, IP: fmt.Sprintf("10.0.0.%d", i), Port: 6200, Device: "sda", Weight: 1,
			ReplicationIP: "10.1.0.1", ReplicationPort: 6300})
	}
	return ring.New(devs, 1, [][]uint16{{0, 3}, {1, 4}, {2, 5}})
}

// deal lists the regions of the nodes in the order dealt, primaries in capitals.
func deal(f *Fanout, p *Preferences, purpose Purpose) string {
	n := f.NodesFor(regions(), 0, NodeOptions{Preferences: p, Purpose: purpose})
	s := ""
	for node, ok := n.Next(); ok; node, ok = n.Next() {
		name := fmt.Sprintf("%c", 'a'+node.Region-1)
		if !node.Handoff {
			name = fmt.Sprintf("%c", 'A'+node.Region-1)
		}
		s += name
	}
	return s
}

func TestAffinityOrder(t *testing.T) {
	f := New(nil, Config{}, nil)
	near, err := ParseLocality("r1")
	require.NoError(t, err)
	far, err := ParseAffinity("r2=1, r1=2")
	require.NoError(t, err)
	nodes := func(n int) func(int) int { return func(int) int { return n } }
	for _, c := range []struct {
		name    string
		p       *Preferences
		purpose Purpose
		want    []string
	}{
		{"reads sort primaries by affinity", &Preferences{Sorting: ByAffinity, ReadAffinity: far}, Reading, []string{"BBA"}},
		{"writes go near first", &Preferences{WriteAffinity: near}, Writing, []string{"Aaa", "aAa", "aaA"}},
		{"but for so many only", &Preferences{WriteAffinity: near, WriteNodes: nodes(2)}, Writing, []string{"AaB", "ABa", "aAB", "aBA", "BAa", "BaA"}},
		{"sorted by affinity among the first", &Preferences{WriteAffinity: near, WriteNodes: nodes(2), Sorting: ByAffinity, ReadAffinity: far}, Writing, []string{"BAa", "BaA"}},
		{"reads ignore write affinity", &Preferences{WriteAffinity: near, Sorting: ByAffinity, ReadAffinity: far}, Reading, []string{"BBA"}},
	} {
		got := deal(f, c.p, c.purpose)
		require.Len(t, got, 6, c.name)
		require.Contains(t, c.want, got[:3], c.name)
	}
	del := &Preferences{WriteAffinity: near, HandoffDeletes: -1}
	require.Equal(t, 2, del.deleteHandoffs(regions().Primaries(0)), "as many as there are primaries far away")
	got := deal(f, del, Deleting)
	require.Contains(t, []string{"ABB", "BAB", "BBA"}, got[:3])
	require.Equal(t, "aab", got[3:])
	del.HandoffDeletes = 1
	require.Equal(t, 1, del.deleteHandoffs(regions().Primaries(0)))
	require.Zero(t, (&Preferences{HandoffDeletes: -1}).deleteHandoffs(regions().Primaries(0)))
}

func TestTimingOrder(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.f.cfg.Timed = true
		w.all(status(404))
		for i := range 3 {
			w.nodes[i].script = func(s *storage, rw http.ResponseWriter, r *http.Request) {
				time.Sleep(time.Duration(3-i) * 100 * time.Millisecond)
				status(404)(s, rw, r)
			}
		}
		p := &Preferences{Sorting: ByTiming}
		order := func() (out []string) {
			n := w.f.NodesFor(w.ring, 0, NodeOptions{Preferences: p})
			for range 3 {
				node, _ := n.Next()
				out = append(out, node.IP)
			}
			return out
		}
		w.get(nil).Discard()
		require.Equal(t, []string{"10.0.0.3", "10.0.0.2", "10.0.0.1"}, order())
		time.Sleep(5 * time.Minute)
		seen := map[string]bool{}
		for range 50 {
			seen[order()[0]] = true
		}
		require.Len(t, seen, 3, "old timings do not count")
	})
}

func TestReplicationNetwork(t *testing.T) {
	f := New(nil, Config{}, nil)
	n, _ := f.NodesFor(regions(), 0, NodeOptions{Replication: true}).Next()
	require.Equal(t, "10.1.0.1:6300", n.addr)
}

// What a write with affinity has put on near handoffs is there to be deleted
// before it is replicated; the primaries far away, which never heard of it,
// must not make the answer 404.
func TestDeleteReachesNearHandoffs(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		var devs []*ring.Device
		for i, d := range w.ring.Devices() {
			near := *d
			near.Region = 1 + i%3
			devs = append(devs, &near)
		}
		r := ring.New(devs, 1, [][]uint16{{0, 3}, {1, 4}, {2, 5}}) // handoffs are like their primaries
		near, err := ParseLocality("r1")
		require.NoError(t, err)
		tombstone := func(s *storage, rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("X-Backend-Timestamp", stampOf(2))
			rw.WriteHeader(404)
		}
		w.all(tombstone)
		w.nodes[0].script, w.nodes[3].script = status(204), status(204)
		nodes := w.f.NodesFor(r, 0, NodeOptions{Purpose: Deleting, Preferences: &Preferences{WriteAffinity: near, HandoffDeletes: 1}})
		n := nodes.Replicas() + nodes.DeleteHandoffs()
		require.Equal(t, 4, n)
		answers := w.f.Each(t.Context(), EachRequest{Method: "DELETE", Entity: "/a/c/o", Headers: headersFor(n), Nodes: nodes, Count: n})
		require.Equal(t, 204, Best(answers, Quorum(len(answers)), map[int]int{404: 204}).Status)
		asked := 0
		for _, i := range []int{0, 1, 2, 3} {
			asked += w.nodes[i].requests()
		}
		require.Equal(t, 4, asked, "three primaries and the handoff nearby")
	})
}
