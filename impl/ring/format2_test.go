package ring

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"apus/impl/swift"
)

func goldenBytes(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name+".ring.gz"))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func goldens2(t testing.TB) (map[string]golden, []string) {
	t.Helper()
	var all map[string]golden
	readJSON(t, "v2.json", &all)
	return all, slices.Sorted(maps.Keys(all))
}

func inflate(t testing.TB, raw []byte) []byte {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func encodeAs(t testing.TB, r *Ring, format int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteFormat(&b, format); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestPayload1 compares what is compressed, byte by byte, with what Swift
// compressed.
func TestPayload1(t *testing.T) {
	_, names := goldens(t)
	for _, name := range append(names, "v1-text") {
		raw := goldenBytes(t, name)
		r := readGolden(t, name)
		want, got := inflate(t, raw), inflate(t, encodeAs(t, r, Format1))
		if !bytes.Equal(got, want) {
			t.Errorf("%s: payload\n%q\nwant\n%q", name, got[:min(len(got), 900)], want[:min(len(want), 900)])
		}
		if r.Format() != Format1 || r.IDBytes() != 2 {
			t.Errorf("%s: format %d, ids of %d bytes", name, r.Format(), r.IDBytes())
		}
	}
}

// TestPayload2 does so up to the index, which holds offsets of compressed data
// and so depends on the compressor.
func TestPayload2(t *testing.T) {
	_, names := goldens2(t)
	for _, name := range names {
		raw := goldenBytes(t, name)
		r := readGolden(t, name)
		if r.Format() != Format2 {
			continue
		}
		out := encodeAs(t, r, Format2)
		want, got := inflate(t, raw), inflate(t, out)
		index := binary.BigEndian.Uint64(want[len(want)-16:])
		if !bytes.Equal(got[:index], want[:index]) || binary.BigEndian.Uint64(got[len(got)-16:]) != index {
			t.Errorf("%s: payload\n%q\nwant\n%q", name, got[:min(len(got), 900)], want[:min(index, 900)])
		}
		if !bytes.Equal(out, encodeAs(t, r, Format2)) {
			t.Errorf("%s: two writes of one ring differ", name)
		}
	}
}

func TestGoldenRings2(t *testing.T) {
	all, names := goldens2(t)
	width := map[string]int{"v2-wide": 4, "v2-large-ids": 4}
	for _, name := range names {
		want, written := all[name], readGolden(t, name)
		format := Format2
		if name == "v1-text" {
			format = Format1
		}
		again, err := Read(bytes.NewReader(encodeAs(t, written, format)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, r := range []*Ring{written, again} {
			if !r.Equal(written) || r.Format() != format || r.IDBytes() != max(width[name], 2) || r.ReplicaCount() != want.ReplicaCount {
				t.Errorf("%s: format %d, ids of %d bytes, %g replicas", name, r.Format(), r.IDBytes(), r.ReplicaCount())
			}
			if want.NextPartPower != nil && r.Info().NextPartPower != *want.NextPartPower {
				t.Errorf("%s: next part power %d", name, r.Info().NextPartPower)
			}
			for replica, ids := range want.Rows {
				for part, id := range ids {
					if d := r.Assigned(replica, uint32(part)); d == nil || d.ID != int(id) {
						t.Errorf("%s: replica %d of partition %d is on %v, want %d", name, replica, part, d, id)
					}
				}
			}
			for part, w := range want.Parts {
				checkPartition(t, r, uint32(part), w)
			}
		}
	}
}

func TestSaveFormat2(t *testing.T) {
	m, _ := machine()
	fs, want := m.Process("p"), readGolden(t, "v2-wide")
	const name = "/etc/swift/object.ring.gz"
	err := want.Save(fs, name)
	if !swift.Is(err, swift.Invalid) || !strings.Contains(err.Error(), "only supports 2-byte dev IDs") {
		t.Errorf("saved as version 1: %v", err)
	}
	if err := want.SaveFormat(fs, name, 0); !swift.Is(err, swift.Invalid) || !strings.Contains(err.Error(), "must be one of (1, 2)") {
		t.Errorf("saved as version 0: %v", err)
	}
	if entries, err := fs.ReadDir("/etc/swift"); err != nil || len(entries) != 0 {
		t.Errorf("what was refused left %v, %v", entries, err)
	}
	if err := want.SaveFormat(fs, name, Format2); err != nil {
		t.Fatal(err)
	}
	if got, err := Load(fs, name); err != nil || !got.Equal(want) || got.Format() != Format2 {
		t.Errorf("loaded another ring, %v", err)
	}
}

func TestWeightsMustBeNumbers(t *testing.T) {
	r := New([]*Device{{Weight: math.NaN()}}, 0, [][]uint16{{0}})
	if err := r.Write(io.Discard); !swift.Is(err, swift.Invalid) {
		t.Errorf("a device that weighs NaN was written: %v", err)
	}
}

// file2 assembles a file of version 2; the digests are right. change may
// damage the index.
func file2(meta, devs string, ids []byte, change func(index string) string) []byte {
	var out bytes.Buffer
	b := newBlocks(&out, "")
	b.stored([]byte("R1NG\x00\x02"))
	var index []string
	for _, s := range []struct {
		name string
		text []byte
	}{{metadataSection, []byte(meta)}, {devicesSection, []byte(devs)}, {assignmentsSection, ids}} {
		index = append(index, encodeSection(b, s.name, s.text))
	}
	start := b.packed
	putText(b.write, []byte(change("{"+strings.Join(index, ", ")+"}")))
	b.stored(make([]byte, 8))
	b.stored(binary.BigEndian.AppendUint64(nil, uint64(start)))
	_ = b.finish()
	return out.Bytes()
}

const (
	meta2 = `{"dev_id_bytes": 2, "part_shift": 31, "replica_count": 1.0, "version": 3}`
	devs2 = `[{"id":0,"ip":"10.0.0.1","port":6200,"device":"a","weight":1,"parts":7},null]`
)

func TestRefuses2(t *testing.T) {
	same := func(s string) string { return s }
	good := file2(meta2, devs2, []byte{0, 0, 0, 0}, same)
	if r, err := Read(bytes.NewReader(good)); err != nil || r.Info().Version != 3 || r.ReplicaCount() != 1 {
		t.Fatal(err)
	}
	swap := func(old, with string) []byte {
		return file2(meta2, devs2, []byte{0, 0, 0, 0}, func(s string) string { return strings.Replace(s, old, with, 1) })
	}
	for _, c := range []struct {
		name string
		raw  []byte
		want string
	}{
		{"version 0, bare", []byte("\x80\x02}q\x00."), "version 0"},
		{"cut", good[:len(good)-9], "index"},
		{"only a head", good[:25], "index"},
		{"no index", swap(`"swift/ring/devices"`, `"swift/ring/gone"`), "devices: not in the index"},
		{"digest", swap(`"sha256", "`, `"sha256", "00`), "digest is"},
		{"digest method", swap(`"sha256"`, `"crc32"`), `digest "crc32" is none of`},
		{"list too short", swap(`"sha256", `, ``), "5 items"},
		{"section length", swap(`, "sha256"`, `1, "sha256"`), "does not agree with the index"},
		{"outside", swap(`[`, `[99`), "not within the file"},
		{"id size", file2(strings.Replace(meta2, "2", "3", 1), devs2, nil, same), "dev_id_bytes 3"},
		{"part_shift", file2(`{"dev_id_bytes":2}`, devs2, nil, same), "part_shift"},
		{"half an id", file2(meta2, devs2, []byte{0, 0, 0}, same), "within a device id"},
		{"removed device", file2(meta2, devs2, []byte{0, 1}, same), "does not exist"},
		{"wrong place", file2(meta2, `[null,{"id":0}]`, nil, same), "stands at place"},
		{"too many rows", file2(meta2, devs2, make([]byte, 4*maxReplicas+2), same), "at most 1024"},
	} {
		r, err := Read(bytes.NewReader(c.raw))
		if err == nil || r != nil || !strings.Contains(err.Error(), c.want) || !swift.Is(err, swift.Corrupt) {
			t.Errorf("%s: ring %v, error %v; want one about %q", c.name, r != nil, err, c.want)
		}
	}
}

// TestUnassigned2 reads all-ones ids of both sizes.
func TestUnassigned2(t *testing.T) {
	for meta, ids := range map[string][]byte{
		meta2:                               {0xff, 0xff, 0, 0},
		strings.Replace(meta2, "2", "4", 1): {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},
	} {
		r, err := Read(bytes.NewReader(file2(meta, devs2, ids, func(s string) string { return s })))
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Primaries(0)) != 0 || len(r.Primaries(1)) != 1 || r.Assigned(0, 0) != nil {
			t.Errorf("%d bytes: primaries %v and %v", r.IDBytes(), r.Primaries(0), r.Primaries(1))
		}
	}
}

func FuzzReadV2(f *testing.F) {
	_, names := goldens2(f)
	for _, n := range names {
		if n == "v2-large-ids" {
			continue // inflates to half a megabyte, too slow to mutate
		}
		f.Add(goldenBytes(f, n), devs2, []byte{0, 0, 0, 0}, "")
	}
	f.Add([]byte(meta2), devs2, []byte{0xff, 0xff, 0, 0}, `{}`)
	f.Fuzz(func(t *testing.T, raw []byte, devs string, ids []byte, index string) {
		change := func(s string) string {
			if index != "" {
				return index
			}
			return s
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for _, in := range [][]byte{raw, file2(string(raw), devs, ids, change)} {
			r, err := Read(bytes.NewReader(in))
			if err != nil {
				continue
			}
			r.Primaries(0)
			back, err := Read(bytes.NewReader(encodeAs(t, r, Format2)))
			if err != nil || !back.Equal(r) || back.IDBytes() != r.IDBytes() {
				t.Errorf("what was read does not survive writing: %v", err)
			}
		}
		runtime.ReadMemStats(&after)
		// Deflate shrinks to a thousandth at best; the compressors take some
		// megabytes each.
		if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20+uint64(len(raw)+len(devs)+len(ids))*20_000 {
			t.Errorf("%d bytes of input took %d bytes", len(raw), used)
		}
	})
}
