package ring

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// header is the JSON text of a file of version 1.
type header struct {
	ByteOrder     string    `json:"byteorder"`
	Devs          []*Device `json:"devs"`
	NextPartPower *int      `json:"next_part_power"`
	PartShift     *uint     `json:"part_shift"`
	ReplicaCount  int       `json:"replica_count"`
	Version       *int64    `json:"version"`
}

// readV1 reads what follows the magic and the version.
func readV1(in io.Reader) (*Ring, error) {
	h, err := readHeader(in)
	if err != nil {
		return nil, err
	}
	rows, err := h.readRows(in)
	if err != nil {
		return nil, err
	}
	return assemble(h.Devs, h.PartShift, 2, rows, h.Version, h.NextPartPower), nil
}

func readHeader(in io.Reader) (*header, error) {
	var size [4]byte
	if _, err := io.ReadFull(in, size[:]); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	text, err := readText(in, "header", uint64(binary.BigEndian.Uint32(size[:])))
	if err != nil {
		return nil, err
	}
	h := &header{}
	if err := json.Unmarshal(text, h); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	return h, h.check()
}

func (h *header) check() error {
	if err := checkPartShift(h.PartShift); err != nil {
		return err
	}
	switch {
	case h.ReplicaCount < 0 || h.ReplicaCount > maxReplicas:
		return fmt.Errorf("replica_count %d is not from 0 to %d", h.ReplicaCount, maxReplicas)
	case h.ByteOrder != "" && h.ByteOrder != "little" && h.ByteOrder != "big":
		return fmt.Errorf("byteorder %q is neither little nor big", h.ByteOrder)
	case int64(h.ReplicaCount)<<(32-*h.PartShift) > maxAssignment/2:
		return fmt.Errorf("%d replicas of %d partitions are too many", h.ReplicaCount, int64(1)<<(32-*h.PartShift))
	}
	return checkDevices(h.Devs, 2)
}

func (h *header) readRows(in io.Reader) ([]row, error) {
	var order binary.ByteOrder = binary.LittleEndian
	if h.ByteOrder == "big" {
		order = binary.BigEndian
	}
	parts := 1 << (32 - *h.PartShift)
	rows := make([]row, 0, h.ReplicaCount)
	for i := range h.ReplicaCount {
		w, err := readRow(in, parts, decoding{2, order, h.Devs})
		if err != nil {
			return nil, fmt.Errorf("replica %d: %w", i, err)
		}
		if w.len() < parts && i < h.ReplicaCount-1 {
			return nil, fmt.Errorf("replica %d has %d of %d partitions; only the last may be short", i, w.len(), parts)
		}
		rows = append(rows, w)
	}
	// Reading to the end makes gzip verify its checksum.
	if n, err := io.CopyN(io.Discard, in, 1); n > 0 {
		return nil, errors.New("goes on after the last replica")
	} else if err != io.EOF {
		return nil, fmt.Errorf("end of file: %w", err)
	}
	return rows, nil
}

func (r *Ring) encodeV1(b *blocks) {
	text := r.textV1()
	b.write(binary.BigEndian.AppendUint32(nil, uint32(len(text))))
	b.write(text)
	r.eachChunk(binary.LittleEndian, b.write)
}
