package disk_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"apus/impl/host"
	"apus/impl/host/hosttest"
	"apus/sim/disk"
)

// clock is a wall clock that starts in 2026 and goes with the bubble.
type clock struct{}

func (clock) Now() time.Time { return time.Now().Add(26 * 365 * 24 * time.Hour) }

func rng(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// boot returns a machine with a root disk and one more at /srv/node/d1.
func boot(cfg disk.Config) *disk.Machine {
	m := disk.NewMachine(clock{})
	m.Mount("/", disk.New("root", rng(1), cfg))
	m.Mount("/srv/node/d1", disk.New("d1", rng(2), cfg))
	return m
}

func contractOn(cfg disk.Config) func(t *testing.T) (host.FS, string) {
	return func(t *testing.T) (host.FS, string) {
		p := boot(cfg).Process("test")
		t.Cleanup(func() {
			if open := p.OpenFiles(); len(open) > 0 && !t.Failed() {
				for _, f := range open {
					t.Errorf("left open: %s\n%s", f.Path, f.Stack)
				}
			}
		})
		if err := p.Mkdir("/srv/node/d1/t", 0o755); err != nil {
			t.Fatal(err)
		}
		return p, "/srv/node/d1/t"
	}
}

func TestFSContract(t *testing.T) { hosttest.FS(t, contractOn(disk.Config{})) }

func TestFSContractInBubble(t *testing.T) { hosttest.FSBubble(t, contractOn(disk.Config{})) }

func TestFSContractWithLatency(t *testing.T) {
	hosttest.FSBubble(t, contractOn(disk.Config{
		Size: 1 << 30, Inodes: 1000, XattrLimit: 1 << 20,
		Latency: disk.Latency{Read: time.Millisecond, Write: 2 * time.Millisecond, Sync: 8 * time.Millisecond,
			Meta: time.Millisecond, Tail: 3 * time.Millisecond, Bandwidth: 100 << 20},
		Writeback: 30 * time.Second,
	}))
}

func TestFSContractWithoutUnnamedFiles(t *testing.T) {
	hosttest.FS(t, contractOn(disk.Config{NoUnnamed: true}))
}
