package ringbuilder

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"apus/impl/host"
	"apus/impl/ring"
	"apus/impl/ring/builder"
	"apus/impl/tools"
	"apus/sim/disk"
)

// lab is a simulated machine with a disk at /etc/swift, where the tool is
// called.
type lab struct {
	t       testing.TB
	machine *disk.Machine
	disk    *disk.Disk
	clock   *wall
}

func newLab(t testing.TB) *lab {
	l := &lab{t: t, clock: &wall{time.Unix(1_700_000_000, 0)}}
	l.machine, l.disk = disk.NewMachine(l.clock), disk.New("sda", rand.New(rand.NewPCG(1, 2)), disk.Config{})
	l.machine.Mount("/etc/swift", l.disk)
	return l
}

func (l *lab) call(tool tools.Tool, line string) (code int, out string) {
	var o bytes.Buffer
	h := &host.Host{Name: "here", FS: l.machine.Process("p"), Clock: l.clock, Log: slog.New(slog.DiscardHandler)}
	code = tool(l.t.Context(), h, split(line), tools.Std{Dir: "/etc/swift", In: strings.NewReader(""), Out: &o, Err: &o})
	return code, o.String()
}

// prepare makes a balanced ring and a change that a rebalance will act on.
func (l *lab) prepare() {
	l.t.Helper()
	for _, line := range []string{
		"object.builder create 4 2 0",
		"object.builder add r1z1-10.0.0.1:6200/a 1 r1z2-10.0.0.2:6200/a 1 r1z3-10.0.0.3:6200/a 1",
		"object.builder rebalance --seed 1",
		"object.builder set_weight d0 4",
	} {
		if code, out := l.call(Run, line); code == exitError {
			l.t.Fatalf("%s: %s", line, out)
		}
	}
}

// versions reads what the disk holds now.
func versions(t testing.TB, m *disk.Machine, clock *wall) (ofBuilder, ofRing int64) {
	t.Helper()
	fs := m.Process("reader")
	b, err := builder.Load(fs, clock.Now, "/etc/swift/object.builder")
	if err != nil {
		t.Fatal(err)
	}
	r, err := ring.Load(fs, "/etc/swift/object.ring.gz")
	if err != nil {
		t.Fatal(err)
	}
	return b.Version(), r.Info().Version
}

const again = "object.builder rebalance --seed 2 --force"

// TestFailAnywhere fails every operation of a rebalance in turn: both files
// stay whole, the builder is never ahead of the ring, and the tool says that
// it failed.
func TestFailAnywhere(t *testing.T) {
	for at := int64(1); ; at++ {
		l := newLab(t)
		l.prepare()
		oldBuilder, oldRing := versions(t, l.machine, l.clock)
		first := l.disk.Ops()
		l.disk.FailAt(first+at, host.ErrIO)
		code, out := l.call(Run, again)
		done := l.disk.Ops() < first+at
		ofBuilder, ofRing := versions(t, l.machine, l.clock)
		switch {
		case code != exitError && (ofBuilder <= oldBuilder || ofRing != ofBuilder):
			t.Errorf("operation %d: exit code %d, but builder %d and ring %d; %s", at, code, ofBuilder, ofRing, out)
		case code == exitError && ofBuilder > oldBuilder && ofRing == oldRing:
			t.Errorf("operation %d: the builder is saved and the ring is not", at)
		}
		if done {
			if code == exitError || at < 10 {
				t.Errorf("exit code %d after %d operations: %s", code, at, out)
			}
			return
		}
	}
}

// TestPowerCutAnywhere cuts the power before every operation.
func TestPowerCutAnywhere(t *testing.T) {
	for _, mode := range []disk.CutMode{disk.DropUnsynced, disk.KeepAll, disk.RandomSubset} {
		for at := int64(1); ; at++ {
			l := newLab(t)
			l.prepare()
			oldBuilder, oldRing := versions(t, l.machine, l.clock)
			l.disk.SetCrashAt(l.disk.Ops() + at)
			code, _ := l.call(Run, again)
			ofBuilder, ofRing := versions(t, l.machine.PowerCut(mode), l.clock)
			if code != exitError && (ofBuilder <= oldBuilder || ofRing != ofBuilder) {
				t.Errorf("%v, operation %d: saved, but builder %d and ring %d", mode, at, ofBuilder, ofRing)
			}
			if ofBuilder > oldBuilder && ofRing == oldRing {
				t.Errorf("%v, operation %d: the builder is saved and the ring is not", mode, at)
			}
			if code != exitError {
				break
			}
		}
	}
}

func TestSafeWaitsForLock(t *testing.T) {
	for _, c := range []struct {
		held time.Duration
		code int
		out  string
	}{
		{5 * time.Second, exitOK, ""},
		{time.Minute, exitError, "Ring/builder dir currently locked.\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t)
			other := l.machine.Process("other")
			f, err := other.OpenFile("/etc/swift/.lock", host.ReadWrite|host.Create, 0o644)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.TryLock(host.Exclusively); err != nil {
				t.Fatal(err)
			}
			release := time.AfterFunc(c.held, func() { _ = f.Close() })
			defer release.Stop()
			start := time.Now()
			code, out := l.call(RunSafe, "object.builder create 4 2 0")
			if code != c.code || out != c.out {
				t.Errorf("held for %v: exit code %d, %q", c.held, code, out)
			}
			if waited := time.Since(start); waited < min(c.held, lockTimeout) || waited > lockTimeout+time.Second {
				t.Errorf("held for %v: waited %v", c.held, waited)
			}
			if code, out := l.call(Run, "account.builder create 4 2 0"); code != exitOK {
				t.Errorf("the other variant needs no lock: %s", out)
			}
		})
	}
}

func TestWrittenForTheWrongWidth(t *testing.T) {
	l := newLab(t)
	l.prepare()
	before, _ := l.call(Run, "object.builder write_ring --format-version 2 --dev-id-bytes 4")
	code, out := l.call(Run, "object.builder write_ring --format-version 1 --dev-id-bytes 4")
	if before != exitOK || code != exitError || !strings.Contains(out, "Ring v1 only supports 2-byte dev IDs") {
		t.Errorf("exit codes %d and %d: %s", before, code, out)
	}
	if _, out := l.call(Run, "object.builder version"); !strings.Contains(out, "version: 2 (4-byte IDs)") {
		t.Errorf("the refused ring replaced the old one: %s", out)
	}
	for _, option := range []string{"--format-version 0", "--dev-id-bytes 1", "--what"} {
		if code, out := l.call(Run, "object.builder write_ring "+option); code != exitError || !strings.Contains(out, "error: ") {
			t.Errorf("%s: exit code %d: %s", option, code, out)
		}
	}
}

func FuzzGrammar(f *testing.F) {
	for _, value := range []string{
		`r1z2-10.0.0.1:6200R10.0.0.2:6300/sda_"x y"`, "z1-[::1]:1/a", "d74r4z1-1.2.3.4:5678/sdb1_m", ":5678", "R:1", "/", "_", "r", "-", "[", "R[", "z1-:/",
	} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		_, _ = parseSearch(value)
		if c, err := parseChange(value); err == nil && c.empty() {
			t.Errorf("%q changes nothing", value)
		}
		d, _, err := parseAdd(value)
		if err != nil {
			return
		}
		// What can be added can be found.
		text := fmt.Sprintf("r%dz%d-%s:%dR%s:%d/%s_%s", d.Region, d.Zone, bracketed(d.IP), d.Port,
			bracketed(d.ReplicationIP), d.ReplicationPort, d.Device, d.Meta)
		if d.Port < 0 || d.ReplicationPort < 0 {
			return // upstream takes such ports and cannot find them either
		}
		if m, err := parseSearch(text); err != nil || !m.fits(&d) {
			t.Errorf("%q was added and %q does not find it: %v", value, text, err)
		}
	})
}
