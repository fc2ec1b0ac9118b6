package ring

// row is the assignment of one replica: partition → device id. One of the two
// is nil; a ring has only rows of one kind. Rings with few devices, which is
// nearly all, then need two bytes for an id in memory as they do in a file.
type row struct {
	narrow []uint16
	wide   []uint32
}

func (w row) len() int { return max(len(w.narrow), len(w.wide)) }

// at is the device id; noneNarrow in a narrow and noneWide in a wide row stand
// for no device. No ring has as many devices as either, so that a plain check
// against the list of devices finds none.
func (w row) at(part int) uint32 {
	if w.narrow != nil {
		return uint32(w.narrow[part])
	}
	return w.wide[part]
}

// Ids that stand for no device.
const (
	noneNarrow = 1<<16 - 1
	noneWide   = 1<<32 - 1
)

// noneOf is the id that stands for no device among ids of so many bytes.
func noneOf(idBytes int) uint32 {
	if idBytes == 2 {
		return noneNarrow
	}
	return noneWide
}

// appendIDs appends ids from a row in one of two byte orders.
func (w row) appendIDs(b []byte, from, to int, order appender) []byte {
	if w.narrow != nil {
		for _, id := range w.narrow[from:to] {
			b = order.AppendUint16(b, id)
		}
		return b
	}
	for _, id := range w.wide[from:to] {
		b = order.AppendUint32(b, id)
	}
	return b
}

// appender is the half of encoding/binary's byte orders that appends.
type appender interface {
	AppendUint16([]byte, uint16) []byte
	AppendUint32([]byte, uint32) []byte
}
