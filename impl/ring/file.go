package ring

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"strconv"
	"time"

	"apus/impl/host"
	"apus/impl/swift"
)

const (
	magic       = "R1NG"
	fileVersion = 1
	// gzipTime is the same in every ring file of every Swift.
	gzipTime = 1300507380

	maxHeader     = 64 << 20 // JSON text; about 200 bytes a device
	maxReplicas   = 1 << 10
	maxAssignment = 1 << 31 // bytes of all arrays together
)

// header is the JSON text of a ring file. Fields are in alphabetical order,
// which is the order Swift writes.
type header struct {
	ByteOrder     string    `json:"byteorder"`
	Devs          []*Device `json:"devs"`
	NextPartPower *int      `json:"next_part_power,omitempty"`
	PartShift     *uint     `json:"part_shift"`
	ReplicaCount  int       `json:"replica_count"`
	Version       *int64    `json:"version,omitempty"`
}

// Load reads a ring file.
func Load(fs host.FS, name string) (*Ring, error) {
	const op = "ring.Load"
	f, err := fs.OpenFile(name, host.ReadOnly, 0)
	if err != nil {
		return nil, swift.E(op, name, swift.Other, err)
	}
	defer f.Close()
	r, err := Read(f)
	if err != nil {
		return nil, swift.E(op, name, swift.Other, err)
	}
	return r, nil
}

// Read reads the content of a ring file to its end. What is not a whole and
// consistent ring is an error of kind swift.Corrupt: half a ring would place
// data where nobody looks for it.
func Read(rd io.Reader) (*Ring, error) {
	r, err := read(rd)
	if err != nil {
		return nil, swift.E("ring.Read", "", swift.Corrupt, err)
	}
	return r, nil
}

func read(rd io.Reader) (*Ring, error) {
	zip, err := gzip.NewReader(bufio.NewReaderSize(rd, 64<<10))
	if err != nil {
		return nil, fmt.Errorf("not a ring file: %w", err)
	}
	in := bufio.NewReaderSize(zip, 64<<10)
	h, err := readHeader(in)
	if err != nil {
		return nil, err
	}
	rows, err := readRows(in, h)
	if err != nil {
		return nil, err
	}
	r := New(h.Devs, 32-*h.PartShift, rows)
	if h.Version != nil {
		r.info.Version = *h.Version
	}
	if h.NextPartPower != nil {
		r.info.NextPartPower = *h.NextPartPower
	}
	return r, nil
}

func readHeader(in io.Reader) (*header, error) {
	var fixed [10]byte
	if _, err := io.ReadFull(in, fixed[:]); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if string(fixed[:4]) != magic {
		return nil, fmt.Errorf("starts with %q instead of %q", fixed[:4], magic)
	}
	if v := binary.BigEndian.Uint16(fixed[4:]); v != fileVersion {
		return nil, fmt.Errorf("format version %d; only %d can be read", v, fileVersion)
	}
	size := binary.BigEndian.Uint32(fixed[6:])
	if size > maxHeader {
		return nil, fmt.Errorf("header of %d bytes; at most %d are accepted", size, maxHeader)
	}
	var text bytes.Buffer // grows with what is there, whatever size says
	if _, err := io.CopyN(&text, in, int64(size)); err != nil {
		return nil, fmt.Errorf("header: %w", noEOF(err))
	}
	h := &header{}
	if err := json.Unmarshal(text.Bytes(), h); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	return h, h.check()
}

func (h *header) check() error {
	switch {
	case h.PartShift == nil || *h.PartShift > 32:
		return errors.New("part_shift is not a number from 0 to 32")
	case h.ReplicaCount < 0 || h.ReplicaCount > maxReplicas:
		return fmt.Errorf("replica_count %d is not from 0 to %d", h.ReplicaCount, maxReplicas)
	case h.ByteOrder != "" && h.ByteOrder != "little" && h.ByteOrder != "big":
		return fmt.Errorf("byteorder %q is neither little nor big", h.ByteOrder)
	case len(h.Devs) > NoDevice:
		return fmt.Errorf("%d devices do not fit ids of two bytes", len(h.Devs))
	case int64(h.ReplicaCount)<<(32-*h.PartShift) > maxAssignment/2:
		return fmt.Errorf("%d replicas of %d partitions are too many", h.ReplicaCount, int64(1)<<(32-*h.PartShift))
	}
	for id, d := range h.Devs {
		if d == nil {
			continue
		}
		if d.ID != id {
			return fmt.Errorf("device %d stands at place %d", d.ID, id)
		}
		// Rings older than the separate replication network lack these.
		if d.ReplicationIP == "" {
			d.ReplicationIP = d.IP
		}
		if d.ReplicationPort == 0 {
			d.ReplicationPort = d.Port
		}
	}
	return nil
}

func readRows(in io.Reader, h *header) ([][]uint16, error) {
	var order binary.ByteOrder = binary.LittleEndian
	if h.ByteOrder == "big" {
		order = binary.BigEndian
	}
	parts := 1 << (32 - *h.PartShift)
	rows := make([][]uint16, 0, h.ReplicaCount)
	for i := range h.ReplicaCount {
		var raw bytes.Buffer
		if _, err := io.CopyN(&raw, in, 2*int64(parts)); err != nil && err != io.EOF {
			return nil, fmt.Errorf("replica %d: %w", i, err)
		}
		row, err := decodeRow(raw.Bytes(), order, h.Devs)
		if err != nil {
			return nil, fmt.Errorf("replica %d: %w", i, err)
		}
		if len(row) < parts && i < h.ReplicaCount-1 {
			return nil, fmt.Errorf("replica %d has %d of %d partitions; only the last may be short", i, len(row), parts)
		}
		rows = append(rows, row)
	}
	// Reading to the end makes gzip verify its checksum.
	if n, err := io.CopyN(io.Discard, in, 1); n > 0 {
		return nil, errors.New("goes on after the last replica")
	} else if err != io.EOF {
		return nil, fmt.Errorf("end of file: %w", err)
	}
	return rows, nil
}

func decodeRow(raw []byte, order binary.ByteOrder, devs []*Device) ([]uint16, error) {
	if len(raw)%2 != 0 {
		return nil, errors.New("ends within a device id")
	}
	row := make([]uint16, len(raw)/2)
	for part := range row {
		id := order.Uint16(raw[2*part:])
		if id != NoDevice && (int(id) >= len(devs) || devs[id] == nil) {
			return nil, fmt.Errorf("partition %d is assigned to device %d, which does not exist", part, id)
		}
		row[part] = id
	}
	return row, nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Write writes the content of a ring file.
func (r *Ring) Write(w io.Writer) error {
	zip, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		panic(err) // only for a bad level
	}
	zip.ModTime = time.Unix(gzipTime, 0)
	h := header{ByteOrder: "little", Devs: r.devs, PartShift: &r.partShift, ReplicaCount: len(r.rows)}
	if r.devs == nil {
		h.Devs = []*Device{}
	}
	if v := r.info.Version; v != 0 {
		h.Version = &v
	}
	if p := r.info.NextPartPower; p != 0 {
		h.NextPartPower = &p
	}
	text, err := json.Marshal(h)
	if err != nil {
		return swift.E("ring.Write", "", swift.Invalid, err)
	}
	out := bufio.NewWriterSize(zip, 64<<10)
	_, _ = out.WriteString(magic) // bufio keeps the first error for Flush
	_, _ = out.Write(binary.BigEndian.AppendUint16(nil, fileVersion))
	_, _ = out.Write(binary.BigEndian.AppendUint32(nil, uint32(len(text))))
	_, _ = out.Write(text)
	var id [2]byte
	for _, row := range r.rows {
		for _, dev := range row {
			binary.LittleEndian.PutUint16(id[:], dev)
			_, _ = out.Write(id[:])
		}
	}
	if err := out.Flush(); err != nil {
		return swift.E("ring.Write", "", swift.Other, err)
	}
	if err := zip.Close(); err != nil {
		return swift.E("ring.Write", "", swift.Other, err)
	}
	return nil
}

// Save writes a ring file in one step: a reader or a power cut finds the old
// file or the new one, whole.
func (r *Ring) Save(fs host.FS, name string) error {
	dir := path.Dir(name)
	tmp := path.Join(dir, "."+path.Base(name)+"."+strconv.FormatUint(rand.Uint64(), 36))
	err := r.saveTo(fs, tmp)
	if err == nil {
		err = fs.Rename(tmp, name)
	}
	if err != nil {
		_ = fs.Remove(tmp)
		return swift.E("ring.Save", name, swift.Other, err)
	}
	if err := fs.SyncDir(dir); err != nil {
		return swift.E("ring.Save", name, swift.Other, err)
	}
	return nil
}

func (r *Ring) saveTo(fs host.FS, name string) error {
	f, err := fs.OpenFile(name, host.ReadWrite|host.Create|host.Exclusive, 0o644)
	if err != nil {
		return err
	}
	err = r.Write(f)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
