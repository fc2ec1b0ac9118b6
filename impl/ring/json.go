package ring

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
)

// The JSON text of a ring file is written as Python's json module writes it:
// keys in alphabetical order, ", " and ": " between them, ASCII only. Rings
// are compared by checksum, so the text is part of the format.

func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch short := strings.IndexRune("\"\\\b\f\n\r\t", r); {
		case short >= 0:
			b = append(b, '\\', `"\bfnrt`[short])
		case r >= ' ' && r <= '~':
			b = append(b, byte(r))
		case r >= 0x10000:
			high, low := utf16.EncodeRune(r)
			b = fmt.Appendf(b, `\u%04x\u%04x`, high, low)
		default:
			b = fmt.Appendf(b, `\u%04x`, r)
		}
	}
	return append(b, '"')
}

// appendFloat writes a float so that it is one to Python: 100 is "100.0".
func appendFloat(b []byte, f float64) []byte {
	if f != 0 && (math.Abs(f) < 1e-4 || math.Abs(f) >= 1e16) {
		return strconv.AppendFloat(b, f, 'e', -1, 64)
	}
	n := len(b)
	b = strconv.AppendFloat(b, f, 'f', -1, 64)
	if !strings.Contains(string(b[n:]), ".") {
		b = append(b, ".0"...)
	}
	return b
}

func appendDevice(b []byte, d *Device) []byte {
	if d == nil {
		return append(b, "null"...)
	}
	b = appendString(append(b, `{"device": `...), d.Device)
	b = strconv.AppendInt(append(b, `, "id": `...), int64(d.ID), 10)
	b = appendString(append(b, `, "ip": `...), d.IP)
	b = appendString(append(b, `, "meta": `...), d.Meta)
	b = strconv.AppendInt(append(b, `, "port": `...), int64(d.Port), 10)
	b = strconv.AppendInt(append(b, `, "region": `...), int64(d.Region), 10)
	b = appendString(append(b, `, "replication_ip": `...), d.ReplicationIP)
	b = strconv.AppendInt(append(b, `, "replication_port": `...), int64(d.ReplicationPort), 10)
	b = appendFloat(append(b, `, "weight": `...), d.Weight)
	b = strconv.AppendInt(append(b, `, "zone": `...), int64(d.Zone), 10)
	return append(b, '}')
}

func (r *Ring) appendDevices(b []byte) []byte {
	b = append(b, '[')
	for i, d := range r.devs {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendDevice(b, d)
	}
	return append(b, ']')
}

// appendNextPower appends the member that only a ring being doubled has.
func (r *Ring) appendNextPower(b []byte) []byte {
	if r.info.NextPartPower == 0 {
		return b
	}
	return fmt.Appendf(b, `"next_part_power": %d, `, r.info.NextPartPower)
}

// textV1 is the JSON text of a file of version 1.
func (r *Ring) textV1() []byte {
	b := r.appendDevices([]byte(`{"byteorder": "little", "devs": `))
	b = r.appendNextPower(append(b, ", "...))
	b = fmt.Appendf(b, `"part_shift": %d, "replica_count": %d`, r.partShift, len(r.rows))
	if r.info.Version != 0 {
		b = fmt.Appendf(b, `, "version": %d`, r.info.Version)
	}
	return append(b, '}')
}

// textV2 is the metadata section of a file of version 2.
func (r *Ring) textV2() []byte {
	b := r.appendNextPower(fmt.Appendf(nil, `{"dev_id_bytes": %d, `, r.IDBytes()))
	b = fmt.Appendf(b, `"part_shift": %d, "replica_count": `, r.partShift)
	if len(r.rows) == 0 {
		b = append(b, '0')
	} else {
		b = appendFloat(b, r.ReplicaCount())
	}
	if r.info.Version == 0 {
		return append(b, `, "version": null}`...)
	}
	return fmt.Appendf(b, `, "version": %d}`, r.info.Version)
}
