package disk

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sort"
	"strings"
	"sync"
	"time"
)

// Rule is one fault. An operation matches if its kind, path and process do.
type Rule struct {
	Ops     OpSet   // which operations; 0 is all
	Path    string  // glob over the path within the disk, or the second one of a rename or link: ** is any, * stays within a name; "" is all
	Process string  // glob over the process name; "" is all
	Prob    float64 // chance per matching operation; 0 is always
	Skip    int     // the first so many matches pass
	Count   int     // fire at most so often; 0 is unlimited

	// What happens when it fires; any of these together.

	Err    error         // the operation fails with it
	Short  bool          // half of the bytes of a Read come, or land before a write fails with Err
	Sticky bool          // with Err on a read: the block keeps failing until it is written again
	Delay  time.Duration // wait before the operation
	Tail   time.Duration // mean of an exponential wait on top of Delay
	Stall  bool          // wait until the rule is cleared or the process is killed
	Lie    bool          // a sync succeeds and makes nothing durable

	// Rot flips a bit of what is read. Which content is hit (Prob of it) and
	// which bit follows from the content itself, so a retry sees the same
	// rot. What is stored stays intact and reads well once the rule is gone;
	// see Corrupt for lasting damage.
	Rot bool
}

// OpSet is a set of kinds of operation.
type OpSet uint32

// Kinds of operation.
const (
	OpOpen   OpSet = 1 << iota // OpenFile
	OpCreate                   // OpenFile that makes a file, CreateUnnamed
	OpRead
	OpWrite
	OpTruncate
	OpSync
	OpSyncDir
	OpSyncAll
	OpPreallocate
	OpMkdir
	OpRemove
	OpRename
	OpLink // Link, LinkTo
	OpReadDir
	OpStat // of a name or an open file, IsMount
	OpStatFS
	OpGetXattr // and ListXattr
	OpSetXattr // and RemoveXattr
	OpLock
	opEnd

	// OpAll is every operation.
	OpAll = opEnd - 1
	// OpPersistent is what changes stored state or makes it durable; a
	// read-only file system refuses these.
	OpPersistent = OpCreate | OpWrite | OpTruncate | OpSync | OpSyncDir | OpSyncAll | OpPreallocate |
		OpMkdir | OpRemove | OpRename | OpLink | OpSetXattr
)

var opNames = []string{"open", "create", "read", "write", "truncate", "sync", "syncdir", "syncall", "preallocate",
	"mkdir", "remove", "rename", "link", "readdir", "stat", "statfs", "getxattr", "setxattr", "lock"}

// String lists the kinds, separated by commas.
func (s OpSet) String() string {
	var out []string
	for i, name := range opNames {
		if s&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return strings.Join(out, ",")
}

// ParseOps reads what String writes, and the group names "all", "persistent"
// and "fsync" (sync, syncdir and syncall).
func ParseOps(list string) (OpSet, error) {
	groups := map[string]OpSet{"all": OpAll, "persistent": OpPersistent, "fsync": OpSync | OpSyncDir | OpSyncAll}
	for i, name := range opNames {
		groups[name] = 1 << i
	}
	var out OpSet
	for _, name := range strings.Split(list, ",") {
		set, ok := groups[strings.TrimSpace(name)]
		if !ok {
			return 0, fmt.Errorf("unknown disk operation %q", name)
		}
		out |= set
	}
	return out, nil
}

// block is a page of a file, by numbers that survive a power cut.
type block struct {
	ino  uint64
	page int64
}

// rule is a Rule at work.
type rule struct {
	Rule
	id      string
	salt    uint64
	rng     *rand.Rand
	seen    int
	fired   int
	bad     map[block]bool // what Sticky remembers
	cleared chan struct{}
}

// faultSet holds the rules of a disk.
type faultSet struct {
	seed [2]uint64

	mu    sync.Mutex
	rules []*rule // sorted by id
	fired map[string]int
}

func newFaultSet(seed [2]uint64) *faultSet {
	return &faultSet{seed: seed, fired: map[string]int{}}
}

func (s *faultSet) set(id string, r Rule) {
	s.clear(id)
	salt := fnv.New64a()
	salt.Write([]byte(id)) // never fails
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Ops == 0 {
		r.Ops = OpAll
	}
	if r.Path != "" && !strings.HasPrefix(r.Path, "/") {
		r.Path = "/**" + r.Path
	}
	s.rules = append(s.rules, &rule{
		Rule: r, id: id, salt: salt.Sum64() ^ s.seed[0], rng: stream(s.seed, "rule "+id),
		bad: map[block]bool{}, cleared: make(chan struct{}),
	})
	sort.Slice(s.rules, func(i, j int) bool { return s.rules[i].id < s.rules[j].id })
}

func (s *faultSet) clear(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range s.rules {
		if r.id == id {
			close(r.cleared)
			s.rules = append(s.rules[:i:i], s.rules[i+1:]...)
			return
		}
	}
}

func (s *faultSet) counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]int, len(s.fired))
	for id, n := range s.fired {
		out[id] = n
	}
	return out
}

// verdict is what the rules say about one operation.
type verdict struct {
	err    error
	short  bool
	lie    bool
	delay  time.Duration
	stalls []<-chan struct{}
	rot    []*rule
}

// judge asks every rule about an operation.
func (s *faultSet) judge(c *call) (v verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rules {
		if len(r.bad) > 0 && c.kind == OpWrite {
			r.heal(c)
		}
		if !r.matches(c) {
			continue
		}
		if r.Rot {
			if c.kind&(OpRead|OpGetXattr) != 0 {
				v.rot = append(v.rot, r)
			}
			continue
		}
		if !r.strikes(c) {
			continue
		}
		s.count(r)
		if r.Err != nil && v.err == nil {
			v.err = r.Err
		}
		v.short = v.short || r.Short
		v.lie = v.lie || r.Lie
		if r.Stall {
			v.stalls = append(v.stalls, r.cleared)
		}
		if r.Delay > 0 || r.Tail > 0 {
			v.delay += r.Delay + tail(r.rng, r.Tail) + jitter(r.rng)
		}
	}
	return v
}

func (s *faultSet) count(r *rule) {
	r.fired++
	s.fired[r.id]++
}

func (r *rule) matches(c *call) bool {
	return r.Ops&c.kind != 0 &&
		(r.Path == "" || glob(r.Path, c.rel) || c.rel2 != "" && glob(r.Path, c.rel2)) &&
		(r.Process == "" || glob(r.Process, c.p.name))
}

// strikes decides whether a rule that matches fires.
func (r *rule) strikes(c *call) bool {
	if r.Sticky && c.ino != nil {
		for i := c.off / pageSize; i*pageSize < c.off+c.n && len(r.bad) > 0; i++ {
			if r.bad[block{c.ino.id, i}] {
				return true
			}
		}
	}
	r.seen++
	if r.seen <= r.Skip || r.Count > 0 && r.fired >= r.Count {
		return false
	}
	if r.Prob > 0 && r.Prob < 1 && r.rng.Float64() >= r.Prob {
		return false
	}
	if r.Sticky && c.ino != nil && c.n > 0 {
		r.bad[block{c.ino.id, c.off / pageSize}] = true
	}
	return true
}

// heal forgets bad blocks that are written over.
func (r *rule) heal(c *call) {
	for i := c.off / pageSize; i*pageSize < c.off+c.n; i++ {
		delete(r.bad, block{c.ino.id, i})
	}
}

// decay flips a bit in got, which was read from offset off of whole, if the
// rule strikes whole and the bit is in got.
func (s *faultSet) decay(r *rule, whole []byte, got []byte, off int) {
	if len(whole) == 0 {
		return
	}
	h := fnv.New64a()
	h.Write(whole) // never fails
	x := mix(h.Sum64() ^ r.salt)
	if r.Prob > 0 && r.Prob < 1 && float64(x>>11)/(1<<53) >= r.Prob {
		return
	}
	bit := int(mix(x) % uint64(8*len(whole)))
	at := bit/8 - off
	if at < 0 || at >= len(got) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r.seen++
	if r.seen <= r.Skip || r.Count > 0 && r.fired >= r.Count {
		return
	}
	s.count(r)
	got[at] ^= 1 << (bit % 8)
}
