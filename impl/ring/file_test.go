package ring

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"apus/impl/swift"
)

func encode(t testing.TB, r *Ring) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWriteReadsBack(t *testing.T) {
	_, names := goldens(t)
	for _, name := range names {
		r := readGolden(t, name)
		raw := encode(t, r)
		if !bytes.Equal(raw, encode(t, r)) {
			t.Errorf("%s: two writes of one ring differ", name)
		}
		back, err := Read(bytes.NewReader(raw))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !back.Equal(r) || back.Info() != r.Info() || back.PartPower() != r.PartPower() {
			t.Errorf("%s: read back as another ring", name)
		}
		if !slices.EqualFunc(back.devs, r.devs, func(a, b *Device) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }) {
			t.Errorf("%s: devices differ", name)
		}
	}
}

func TestEmptyRing(t *testing.T) {
	r, err := Read(bytes.NewReader(encode(t, New(nil, 4, nil))))
	if err != nil {
		t.Fatal(err)
	}
	if r.Replicas() != 0 || r.ReplicaCount() != 0 || len(r.Primaries(3)) != 0 || len(slices.Collect(r.Handoffs(3))) != 0 {
		t.Error("an empty ring has devices")
	}
}

// file assembles a ring file from its parts.
func file(version uint16, header string, arrays []byte) []byte {
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	_, _ = io.WriteString(zip, "R1NG")
	_, _ = zip.Write(binary.BigEndian.AppendUint16(nil, version))
	_, _ = zip.Write(binary.BigEndian.AppendUint32(nil, uint32(len(header))))
	_, _ = io.WriteString(zip, header)
	_, _ = zip.Write(arrays)
	_ = zip.Close()
	return b.Bytes()
}

const twoDevices = `"devs":[{"id":0,"ip":"10.0.0.1","port":6200,"device":"a"},{"id":1,"ip":"10.0.0.2","port":6200,"device":"b"}]`

func TestByteOrders(t *testing.T) {
	for _, c := range []struct {
		order string
		array []byte
	}{
		{`,"byteorder":"big"`, []byte{0, 1, 0, 0}},
		{`,"byteorder":"little"`, []byte{1, 0, 0, 0}},
		{``, []byte{1, 0, 0, 0}},
	} {
		r, err := Read(bytes.NewReader(file(1, `{`+twoDevices+`,"part_shift":31,"replica_count":1`+c.order+`}`, c.array)))
		if err != nil {
			t.Errorf("%q: %v", c.order, err)
			continue
		}
		if d := r.Primaries(0); len(d) != 1 || d[0].ID != 1 || d[0].ReplicationIP != "10.0.0.2" || d[0].ReplicationPort != 6200 {
			t.Errorf("%q: partition 0 is on %+v", c.order, d)
		}
	}
}

func TestRefuses(t *testing.T) {
	good := file(1, `{`+twoDevices+`,"part_shift":31,"replica_count":2}`, []byte{1, 0, 0, 0, 1, 0})
	if _, err := Read(bytes.NewReader(good)); err != nil {
		t.Fatal(err)
	}
	head := func(rest string, array ...byte) []byte { return file(1, `{`+twoDevices+rest+`}`, array) }
	for _, c := range []struct {
		name string
		raw  []byte
		want string
	}{
		{"empty", nil, "not a ring file"},
		{"not gzip", []byte("R1NG\x00\x01 and more than ten bytes"), "not a ring file"},
		{"cut", good[:len(good)-9], "unexpected EOF"},
		{"checksum", append(slices.Clone(good[:len(good)-8]), 0, 0, 0, 0, 0, 0, 0, 0), "checksum"},
		{"version 3", file(3, `{}`, nil), "format version 3"},
		{"not JSON", file(1, `{`, nil), "header"},
		{"no part_shift", head(`,"replica_count":0`), "part_shift"},
		{"part_shift of 33", head(`,"part_shift":33,"replica_count":0`), "part_shift"},
		{"negative replicas", head(`,"part_shift":31,"replica_count":-1`), "replica_count"},
		{"huge", head(`,"part_shift":0,"replica_count":3`), "too many"},
		{"byteorder", head(`,"part_shift":31,"replica_count":0,"byteorder":"pdp"`), "byteorder"},
		{"short row in the middle", head(`,"part_shift":31,"replica_count":2`, 1, 0), "only the last"},
		{"half an id", head(`,"part_shift":31,"replica_count":1`, 1, 0, 1), "within a device id"},
		{"unknown device", head(`,"part_shift":31,"replica_count":1`, 2, 0), "does not exist"},
		{"goes on", head(`,"part_shift":31,"replica_count":1`, 1, 0, 0, 0, 0), "goes on"},
		{"wrong place", file(1, `{"devs":[{"id":1}],"part_shift":31,"replica_count":0}`, nil), "stands at place"},
	} {
		r, err := Read(bytes.NewReader(c.raw))
		if err == nil || r != nil || !strings.Contains(err.Error(), c.want) || !swift.Is(err, swift.Corrupt) {
			t.Errorf("%s: ring %v, error %v; want one about %q", c.name, r != nil, err, c.want)
		}
	}
}

func FuzzReadV1(f *testing.F) {
	_, names := goldens(f)
	for _, n := range names {
		raw, err := os.ReadFile(filepath.Join("testdata", n+".ring.gz"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte(`{` + twoDevices + `,"part_shift":27,"replica_count":2,"byteorder":"big"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		// Half of the inputs are wrapped, as a mutation rarely survives gzip.
		for _, in := range [][]byte{raw, file(1, string(raw), raw)} {
			r, err := Read(bytes.NewReader(in))
			if err != nil {
				continue
			}
			r.Primaries(0)
			for range r.Handoffs(0) {
				break
			}
			back, err := Read(bytes.NewReader(encode(t, r)))
			if err != nil || !back.Equal(r) {
				t.Errorf("what was read does not survive writing: %v", err)
			}
		}
	})
}
