package pickle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"apus/impl/swift"
)

// maxDepth is the nesting of the result that is accepted.
const maxDepth = 64

// Options are what DecodeWith accepts.
type Options struct {
	MaxInput   int // bytes of a pickle
	MaxObjects int // on the stack, or in the memo
	MaxNodes   int // objects in the result, shared ones counted each time

	// Arrays accepts array.array of the type codes B, H, I and L (as
	// [Array]), and tuples as keys of a dict. Lists that hold nothing but
	// integers from 0 to 2^32-1, and at least one, come back as [Ints].
	Arrays bool
}

// limits are those of Decode.
func limits() Options {
	return Options{MaxInput: 64 << 20, MaxObjects: 1 << 20, MaxNodes: 4 << 20}
}

// Decode reads one pickle of protocol 0, 1 or 2. Bytes after its end are
// ignored, as Python does. Strings that Python 2 wrote as str come back as
// Bytes. An error is of kind swift.Corrupt.
func Decode(b []byte) (any, error) { return DecodeWith(b, limits()) }

// DecodeWith is Decode with other limits. Memory is bounded by them and by
// the size of the pickle: an integer of an array or of Ints takes four bytes.
func DecodeWith(b []byte, o Options) (any, error) {
	fail := func(err error) (any, error) { return nil, swift.E("pickle.Decode", "", swift.Corrupt, err) }
	if len(b) > o.MaxInput {
		return fail(fmt.Errorf("%d bytes are more than %d", len(b), o.MaxInput))
	}
	d := &decoder{in: b, memo: map[int]any{}, opt: o}
	v, err := d.run()
	if err != nil {
		return fail(fmt.Errorf("at byte %d: %w", d.at, err))
	}
	f := finisher{nodes: o.MaxNodes, max: o.MaxNodes, arrays: o.Arrays}
	v, err = f.value(v, 0)
	if err != nil {
		return fail(err)
	}
	return v, nil
}

// The machine's own objects. Containers are pointers, because the memo may
// name them before they are filled.
type (
	mark    struct{}
	listObj struct {
		items List
		ints  []uint32 // instead of items as long as small integers alone were added
	}
	dictObj struct {
		items  Dict
		header bool
	}
)

type decoder struct {
	in    []byte
	at    int
	stack []any
	memo  map[int]any
	opt   Options
}

var (
	errShort = errors.New("the pickle is cut off")
	errStack = errors.New("the stack does not hold what the opcode needs")
)

func (d *decoder) run() (any, error) {
	for {
		if d.at >= len(d.in) {
			return nil, errShort
		}
		op := d.in[d.at]
		d.at++
		if op == '.' {
			return d.pop()
		}
		if err := d.step(op); err != nil {
			return nil, err
		}
		if len(d.stack) > d.opt.MaxObjects || len(d.memo) > d.opt.MaxObjects {
			return nil, fmt.Errorf("more than %d objects", d.opt.MaxObjects)
		}
	}
}

func (d *decoder) step(op byte) error {
	switch op {
	case 0x80: // PROTO
		b, err := d.take(1)
		if err == nil && b[0] > 2 {
			err = fmt.Errorf("protocol %d", b[0])
		}
		return err
	case '(':
		return d.push(mark{})
	case '0':
		_, err := d.pop()
		return err
	case '1':
		_, err := d.popMark()
		return err
	case '2':
		return d.dup()
	case 'N':
		return d.push(nil)
	case 0x88, 0x89:
		return d.push(op == 0x88)
	case 'I', 'L', 'F', 'S', 'V', 'p', 'g', 'c':
		return d.lineOp(op)
	case 'K', 'M', 'J', 0x8a, 0x8b, 'G', 'U', 'T', 'X':
		return d.binaryOp(op)
	case 'q', 'r', 'h', 'j':
		return d.memoOp(op)
	case ']', '}', ')', 'l', 'd', 't', 0x85, 0x86, 0x87:
		return d.build(op)
	case 'a', 'e', 's', 'u':
		return d.extend(op)
	case 'R', 0x81:
		return d.reduce(op)
	case 'b':
		return d.setState()
	}
	return fmt.Errorf("opcode %#x is not accepted", op)
}

func (d *decoder) take(n int) ([]byte, error) {
	if n < 0 || n > len(d.in)-d.at {
		return nil, errShort
	}
	b := d.in[d.at : d.at+n]
	d.at += n
	return b, nil
}

func (d *decoder) push(v any) error {
	d.stack = append(d.stack, v)
	return nil
}

func (d *decoder) pop() (any, error) {
	if len(d.stack) == 0 {
		return nil, errStack
	}
	v := d.stack[len(d.stack)-1]
	if _, ok := v.(mark); ok {
		return nil, errStack
	}
	d.stack = d.stack[:len(d.stack)-1]
	return v, nil
}

func (d *decoder) dup() error {
	v, err := d.pop()
	if err != nil {
		return err
	}
	d.stack = append(d.stack, v, v)
	return nil
}

// popMark removes everything above the last MARK, and the MARK.
func (d *decoder) popMark() ([]any, error) {
	for i := len(d.stack) - 1; i >= 0; i-- {
		if _, ok := d.stack[i].(mark); ok {
			items := append([]any(nil), d.stack[i+1:]...)
			d.stack = d.stack[:i]
			return items, nil
		}
	}
	return nil, errStack
}

func (d *decoder) memoOp(op byte) error {
	size := 1
	if op == 'r' || op == 'j' {
		size = 4
	}
	b, err := d.take(size)
	if err != nil {
		return err
	}
	n := uint32(b[0])
	if size == 4 {
		n = binary.LittleEndian.Uint32(b)
	}
	if op == 'q' || op == 'r' {
		return d.store(int(n))
	}
	return d.load(int(n))
}

func (d *decoder) store(n int) error {
	if len(d.stack) == 0 || n < 0 || n > math.MaxInt32 {
		return errStack
	}
	v := d.stack[len(d.stack)-1]
	if _, ok := v.(mark); ok {
		return errStack
	}
	d.memo[n] = v
	return nil
}

func (d *decoder) load(n int) error {
	v, ok := d.memo[n]
	if !ok {
		return fmt.Errorf("memo %d is empty", n)
	}
	return d.push(v)
}

// build makes an empty or filled container.
func (d *decoder) build(op byte) error {
	switch op {
	case ']':
		return d.push(&listObj{})
	case '}':
		return d.push(&dictObj{})
	case ')':
		return d.push(Tuple{})
	case 0x85, 0x86, 0x87:
		n := int(op - 0x84)
		t := make(Tuple, n)
		for i := n - 1; i >= 0; i-- {
			v, err := d.pop()
			if err != nil {
				return err
			}
			t[i] = v
		}
		return d.push(t)
	}
	items, err := d.popMark()
	if err != nil {
		return err
	}
	switch op {
	case 'l':
		o := &listObj{}
		o.add(items, d.opt.Arrays)
		return d.push(o)
	case 't':
		return d.push(Tuple(items))
	}
	o := &dictObj{}
	if err := o.set(items); err != nil {
		return err
	}
	return d.push(o)
}

// extend adds items from the stack to the container below them.
func (d *decoder) extend(op byte) error {
	var items []any
	var err error
	switch op {
	case 'a', 's':
		n := 1
		if op == 's' {
			n = 2
		}
		items = make([]any, n)
		for i := n - 1; i >= 0; i-- {
			if items[i], err = d.pop(); err != nil {
				return err
			}
		}
	default:
		if items, err = d.popMark(); err != nil {
			return err
		}
	}
	top, err := d.pop()
	if err != nil {
		return err
	}
	switch o := top.(type) {
	case *listObj:
		if op != 'a' && op != 'e' {
			return errStack
		}
		o.add(items, d.opt.Arrays)
	case *dictObj:
		if op != 's' && op != 'u' {
			return errStack
		}
		if err := o.set(items); err != nil {
			return err
		}
	default:
		return errStack
	}
	return d.push(top)
}

func (o *dictObj) set(items []any) error {
	if len(items)%2 != 0 {
		return errStack
	}
	for i := 0; i < len(items); i += 2 {
		switch items[i].(type) {
		case string, Bytes, int64, bool, nil, float64, Tuple:
		default:
			return errors.New("a dict key is not hashable")
		}
		o.items = append(o.items, Item{items[i], items[i+1]})
	}
	return nil
}

// setState allows what copy_reg adds for a HeaderKeyDict: nothing.
func (d *decoder) setState() error {
	state, err := d.pop()
	if err != nil {
		return err
	}
	if o, ok := state.(*dictObj); ok && len(o.items) == 0 || state == nil {
		return nil
	}
	return errors.New("an object with state is not accepted")
}

// finisher turns the machine's objects into values. Sharing is expanded, so
// cycles and exponential nests end at a limit.
type finisher struct {
	nodes, max int
	arrays     bool
}

func (f *finisher) value(v any, depth int) (any, error) {
	f.nodes--
	if f.nodes < 0 || depth > maxDepth {
		return nil, fmt.Errorf("the value is deeper than %d or has more than %d parts", maxDepth, f.max)
	}
	switch v := v.(type) {
	case *listObj:
		if len(v.ints) > 0 {
			return Ints(v.ints), nil
		}
		items, err := f.values(v.items, depth)
		return List(items), err
	case Tuple:
		items, err := f.values(v, depth)
		return Tuple(items), err
	case *dictObj:
		return f.dict(v, depth)
	case mark, global:
		return nil, errors.New("the pickle yields a class, not a value")
	}
	return v, nil
}

func (f *finisher) values(in []any, depth int) ([]any, error) {
	out := make([]any, 0, min(len(in), f.nodes))
	for _, v := range in {
		w, err := f.value(v, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}

// tupleKey stands for a tuple among the keys of a dict.
type tupleKey string

// dict keeps the place of a key's first appearance and its last value, as
// Python does.
func (f *finisher) dict(o *dictObj, depth int) (any, error) {
	out := make(Dict, 0, min(len(o.items), f.nodes))
	index := map[any]int{}
	for _, it := range o.items {
		k, err := f.value(it.Key, depth+1)
		if err != nil {
			return nil, err
		}
		w, err := f.value(it.Value, depth+1)
		if err != nil {
			return nil, err
		}
		same := k
		if _, ok := k.(Tuple); ok { // not comparable in Go; keys of builder files alone
			if !f.arrays {
				return nil, errors.New("a tuple as dict key is not accepted")
			}
			same = tupleKey(fmt.Sprintf("%#v", k))
		}
		if i, ok := index[same]; ok {
			out[i].Value = w
			continue
		}
		index[same] = len(out)
		out = append(out, Item{k, w})
	}
	if o.header {
		return HeaderDict(out), nil
	}
	return out, nil
}
