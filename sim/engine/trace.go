package engine

import (
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"sync"
	"time"
)

// tracer keeps a running 128-bit hash of the events of a run and, on request,
// their text. The two lanes use unrelated multipliers; the point is to notice
// any difference between two runs, not to resist an enemy.
//
// Writing the text allocates nothing that hashing alone does not: memory
// addresses decide the order of maps with pointers as keys, so a run whose
// events are kept would not be the same run.
type tracer struct {
	mu struct {
		sync.Mutex
		a, b   uint64
		events int64
		log    io.Writer
		err    error
		text   []byte
		hear   func(at time.Duration, kind string, args []any)
		kinds  []string // that hear is told of
	}
}

// textBuffer is how much text is gathered before it is written; maxText how
// much of one argument is kept.
const (
	textBuffer = 256 << 10
	maxText    = 1 << 10
)

func (t *tracer) init(seed uint64) {
	t.mu.a = mix(seed + 0x9e3779b97f4a7c15)
	t.mu.b = mix(seed ^ 0xc2b2ae3d27d4eb4f)
	t.mu.text = make([]byte, 0, textBuffer)
}

// keep writes the text of every later event to w.
func (t *tracer) keep(w io.Writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.log = w
}

func (t *tracer) kept() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.log != nil
}

func (t *tracer) listen(fn func(time.Duration, string, []any), kinds []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.hear, t.mu.kinds = fn, kinds
}

func (t *tracer) flush() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flushLocked()
	return t.mu.err
}

func (t *tracer) flushLocked() {
	if t.mu.log == nil || t.mu.err != nil {
		return
	}
	_, t.mu.err = t.mu.log.Write(t.mu.text)
	t.mu.text = t.mu.text[:0]
}

func (t *tracer) count() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.events
}

func (t *tracer) sum() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return fmt.Sprintf("%016x%016x", mix(t.mu.a), mix(t.mu.b))
}

func (t *tracer) event(at time.Duration, kind string, args []any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.events++
	t.foldLocked(uint64(at))
	t.foldStringLocked(kind)
	keep := t.mu.log != nil
	if keep {
		t.beginLocked(at, kind, len(args))
	}
	for _, arg := range args {
		arg = plain(arg)
		t.foldArgLocked(arg)
		if keep {
			t.writeArgLocked(arg)
		}
	}
	if keep {
		t.mu.text = append(t.mu.text, '\n')
	}
	if t.mu.hear != nil && slices.Contains(t.mu.kinds, kind) {
		t.mu.hear(at, kind, args)
	}
}

// plain turns what has no value of its own to hash into its text.
func plain(arg any) any {
	switch v := arg.(type) {
	case nil, string, []byte, int, int64, uint64, bool, time.Duration, float64, time.Time:
		return arg
	case error:
		return v.Error()
	default:
		return fmt.Sprint(v)
	}
}

func (t *tracer) foldLocked(x uint64) {
	hi, lo := bits.Mul64(t.mu.a^x, 0x9fb21c651e98df25)
	t.mu.a = hi ^ lo ^ x
	t.mu.b = bits.RotateLeft64(t.mu.b, 29)*0xd6e8feb86659fd93 + x ^ t.mu.a
}

func (t *tracer) foldStringLocked(s string) {
	t.foldLocked(uint64(len(s)))
	for len(s) >= 8 {
		t.foldLocked(uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56)
		s = s[8:]
	}
	var last uint64
	for i := range len(s) {
		last |= uint64(s[i]) << (8 * i)
	}
	t.foldLocked(last)
}

func (t *tracer) foldArgLocked(arg any) {
	switch v := arg.(type) {
	case string:
		t.foldStringLocked(v)
	case []byte:
		t.foldStringLocked(string(v))
	case int:
		t.foldLocked(uint64(v))
	case int64:
		t.foldLocked(uint64(v))
	case uint64:
		t.foldLocked(v)
	case bool:
		if v {
			t.foldLocked(1)
		} else {
			t.foldLocked(2)
		}
	case time.Duration:
		t.foldLocked(uint64(v))
	case float64:
		t.foldLocked(math.Float64bits(v))
	case time.Time:
		t.foldLocked(uint64(v.UnixNano()))
	case nil:
		t.foldLocked(3)
	}
}

// beginLocked writes what comes before the arguments, when there is room for
// them as well.
func (t *tracer) beginLocked(at time.Duration, kind string, args int) {
	if len(t.mu.text)+len(kind)+64+args*(4*maxText+8) > cap(t.mu.text) {
		t.flushLocked()
	}
	t.mu.text = strconv.AppendInt(t.mu.text, int64(at), 10)
	t.mu.text = append(t.mu.text, ' ')
	t.mu.text = append(t.mu.text, kind...)
}

func (t *tracer) writeArgLocked(arg any) {
	text := append(t.mu.text, ' ')
	switch v := arg.(type) {
	case string:
		text = strconv.AppendQuote(text, v[:min(len(v), maxText)])
	case []byte:
		text = hex.AppendEncode(text, v[:min(len(v), maxText)])
	case int:
		text = strconv.AppendInt(text, int64(v), 10)
	case int64:
		text = strconv.AppendInt(text, v, 10)
	case uint64:
		text = strconv.AppendUint(text, v, 10)
	case bool:
		text = strconv.AppendBool(text, v)
	case time.Duration:
		text = append(strconv.AppendInt(text, int64(v), 10), "ns"...)
	case float64:
		text = strconv.AppendFloat(text, v, 'g', -1, 64)
	case time.Time:
		text = v.AppendFormat(text, time.RFC3339Nano)
	case nil:
		text = append(text, "nil"...)
	}
	t.mu.text = text
}
