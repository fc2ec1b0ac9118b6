package engine

import (
	"bufio"
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
type tracer struct {
	mu struct {
		sync.Mutex
		a, b   uint64
		events int64
		log    *bufio.Writer
		line   []byte
		hear   func(at time.Duration, kind string, args []any)
		kinds  []string // that hear is told of
	}
}

func (t *tracer) init(seed uint64) {
	t.mu.a = mix(seed + 0x9e3779b97f4a7c15)
	t.mu.b = mix(seed ^ 0xc2b2ae3d27d4eb4f)
}

// keep writes the text of every later event to w.
func (t *tracer) keep(w io.Writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.log = bufio.NewWriterSize(w, 1<<16)
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
	if t.mu.log == nil {
		return nil
	}
	return t.mu.log.Flush()
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
	for _, arg := range args {
		t.foldArgLocked(arg)
	}
	if t.mu.log != nil {
		t.writeLocked(at, kind, args)
	}
	if t.mu.hear != nil && slices.Contains(t.mu.kinds, kind) {
		t.mu.hear(at, kind, args)
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
	case error:
		t.foldStringLocked(v.Error())
	default:
		t.foldStringLocked(fmt.Sprint(v))
	}
}

func (t *tracer) writeLocked(at time.Duration, kind string, args []any) {
	line := t.mu.line[:0]
	line = strconv.AppendInt(line, int64(at), 10)
	line = append(line, ' ')
	line = append(line, kind...)
	for _, arg := range args {
		line = append(line, ' ')
		switch v := arg.(type) {
		case string:
			line = strconv.AppendQuote(line, v)
		case []byte:
			line = fmt.Appendf(line, "%x", v)
		default:
			line = fmt.Append(line, v)
		}
	}
	t.mu.line = append(line, '\n')
	t.mu.log.Write(t.mu.line)
}
