package workload

import (
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"time"

	"apus/sim/model"
)

// artist draws a script.
type artist struct {
	cfg        Config
	rng        *rand.Rand
	containers []model.Name
	objects    map[model.Name][]model.Name
	spare      []model.Name // containers that come and go, without objects
	seed       uint64
	links      []link
}

// link is a symbolic link and where it leads.
type link struct{ name, container, object model.Name }

// Draw makes a script. The same seed, configuration and stream give the same
// script; the seed itself names the values written.
func Draw(seed uint64, rng *rand.Rand, cfg Config) (*Script, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	a := &artist{cfg: cfg, rng: rng, objects: map[model.Name][]model.Name{}, seed: seed}
	a.containers = names(rng, cfg.Containers, cfg.Weird, "container", weirdContainers())
	s := &Script{Seed: seed, Timeout: cfg.Timeout}
	for _, c := range a.containers {
		a.objects[c] = names(rng, cfg.Objects, cfg.Weird, "object", weirdObjects())
		s.Setup = append(s.Setup, Step{N: len(s.Setup), Kind: model.ContainerPut, Container: c, Policy: a.policy(c)})
	}
	if cfg.Mix[model.ManifestPut] > 0 {
		s.Setup = append(s.Setup, Step{N: len(s.Setup), Kind: model.ContainerPut, Container: SegmentContainer})
	}
	a.features(s)
	for i := range 3 {
		a.spare = append(a.spare, model.Name(fmt.Sprintf("spare%d", i)))
	}
	for range cfg.Clients {
		steps := make([]Step, cfg.Steps)
		for i := range steps {
			steps[i] = a.step(i)
		}
		s.Clients = append(s.Clients, steps)
	}
	return s, nil
}

// SegmentContainer holds the segments of large objects, each under a name
// that is written once. LinkContainer holds symbolic links, of which the same
// is true, and DynamicContainer dynamic large objects. VersionContainer keeps
// versions. StackContainer and HistoryContainer are those of the older
// versioning, which puts them into the archives.
const (
	DynamicContainer = "dynamic"
	SegmentContainer = "segments"
	LinkContainer    = "links"
	VersionContainer = "versions"
	StackContainer   = "stack"
	HistoryContainer = "history"
	stackArchive     = "stack archive"
	historyArchive   = "history archive"
)

// firstSetup numbers the steps of the setup that write values: the first client
// does them, and has other steps too.
const firstSetup = 1 << 20

// policy depends on the container alone: two scripts that play against one
// cluster must not ask for different ones.
func (a *artist) policy(container model.Name) string {
	if len(a.cfg.Policies) == 0 {
		return ""
	}
	return a.cfg.Policies[int(crc32.ChecksumIEEE([]byte(container)))%len(a.cfg.Policies)]
}

// features sets up what filters need.
func (a *artist) features(s *Script) {
	add := func(st Step) {
		st.N = firstSetup + len(s.Setup)
		s.Setup = append(s.Setup, st)
	}
	if a.cfg.Signed > 0 {
		add(Step{Kind: model.AccountPost})
	}
	if a.cfg.Versioned > 0 {
		a.objects[VersionContainer] = names(a.rng, a.cfg.Objects, a.cfg.Weird, "object", weirdObjects())
		add(Step{Kind: model.ContainerPut, Container: VersionContainer, Versioned: true, Policy: a.policy(VersionContainer)})
	}
	if a.cfg.Archived > 0 {
		for _, st := range []Step{
			{Container: stackArchive}, {Container: historyArchive},
			{Container: StackContainer, Archive: stackArchive}, {Container: HistoryContainer, Archive: historyArchive, History: true},
		} {
			st.Kind = model.ContainerPut
			add(st)
		}
		for _, c := range []model.Name{StackContainer, HistoryContainer} {
			a.objects[c] = names(a.rng, a.cfg.Objects, a.cfg.Weird, "object", archivable())
		}
	}
	if a.cfg.Dynamic > 0 {
		add(Step{Kind: model.ContainerPut, Container: DynamicContainer})
		for i := range 2 {
			st := Step{Kind: model.ManifestPut, Container: DynamicContainer, Object: model.Name(fmt.Sprintf("%x/%d", a.seed, i)), Dynamic: true}
			for range 1 + a.rng.IntN(a.cfg.MaxParts) {
				st.Parts = append(st.Parts, max(1, a.size(a.cfg.PartSize)))
			}
			a.objects[DynamicContainer] = append(a.objects[DynamicContainer], st.Object)
			add(st)
		}
	}
	if a.cfg.Links == 0 {
		return
	}
	add(Step{Kind: model.ContainerPut, Container: LinkContainer})
	for _, c := range a.containers {
		for _, o := range a.objects[c] {
			// What a link leads to never changes: each script has its own.
			l := link{model.Name(fmt.Sprintf("%x/%d", a.seed, len(a.links))), c, o}
			a.links = append(a.links, l)
			add(Step{Kind: model.ObjectPut, Container: LinkContainer, Object: l.name, Target: c + "/" + o})
		}
	}
}

func (a *artist) chance(p float64) bool { return a.rng.Float64() < p }

func oneOf[T any](a *artist, xs ...T) T { return xs[a.rng.IntN(len(xs))] }

func (a *artist) step(n int) Step {
	s := Step{N: n, Kind: a.kind(), Think: time.Duration(min(a.rng.ExpFloat64(), 5) * float64(a.cfg.Think))}
	switch s.Kind {
	case model.AccountGet, model.AccountHead, model.AccountPost:
	case model.ContainerPut, model.ContainerDelete:
		s.Container = oneOf(a, a.spare...)
	case model.VersionGet:
		s.Container = VersionContainer
	case model.ObjectPut, model.ObjectGet, model.ObjectHead, model.ObjectDelete, model.ObjectPost:
		s.Container = a.home()
	default:
		s.Container = oneOf(a, a.containers...)
	}
	switch s.Kind {
	case model.AccountGet, model.AccountHead, model.ContainerGet, model.ContainerHead, model.ManifestGet, model.VersionGet:
		s.Newest = a.chance(a.cfg.Newest)
	}
	switch s.Kind {
	case model.AccountGet, model.ContainerGet:
		s.Query = a.listing(s.Container)
	case model.ObjectPut, model.ManifestPut:
		a.put(&s)
	case model.ObjectGet, model.ObjectHead:
		a.get(&s)
	case model.ObjectCopy:
		s.Object = oneOf(a, a.objects[s.Container]...)
		s.FromContainer = oneOf(a, a.containers...)
		s.From, s.Push = oneOf(a, a.objects[s.FromContainer]...), a.chance(0.5)
	case model.BulkDelete:
		for range 1 + a.rng.IntN(3) {
			s.Objects = append(s.Objects, oneOf(a, a.objects[s.Container]...))
		}
	case model.ObjectPost:
		s.Object, s.Opened = oneOf(a, a.objects[s.Container]...), a.opens()
		a.expire(&s)
	case model.ObjectDelete, model.ManifestGet, model.ManifestDelete, model.VersionGet:
		s.Object = oneOf(a, a.objects[s.Container]...)
	}
	if s.Leave == 0 && a.chance(a.cfg.Impatient) {
		s.Patience = time.Duration(1+a.rng.IntN(100)) * time.Millisecond
	}
	return s
}

func (a *artist) kind() model.Kind {
	total := 0
	for _, k := range a.cfg.kinds() {
		total += a.cfg.Mix[k]
	}
	x := a.rng.IntN(total)
	for _, k := range a.cfg.kinds() {
		if x -= a.cfg.Mix[k]; x < 0 {
			return k
		}
	}
	panic("workload: weights do not add up")
}

// home chooses the container of an object.
func (a *artist) home() model.Name {
	switch {
	case a.cfg.Versioned > 0 && a.chance(a.cfg.Versioned):
		return VersionContainer
	case a.cfg.Archived > 0 && a.chance(a.cfg.Archived):
		return oneOf[model.Name](a, StackContainer, HistoryContainer)
	}
	return oneOf(a, a.containers...)
}

// expire may give the object of a PUT or POST an end. Where old versions are
// archived, none has one: the archived version would expire too, and if it has
// already, the PUT that archives it is refused.
func (a *artist) expire(s *Step) {
	if s.Container == StackContainer || s.Container == HistoryContainer || a.cfg.Expiring == 0 || !a.chance(a.cfg.Expiring) {
		return
	}
	s.Lifetime, s.Absolute = time.Duration(1+a.rng.IntN(15))*time.Second, a.chance(0.5)
}

func (a *artist) opens() bool { return a.cfg.Opened > 0 && a.chance(a.cfg.Opened) }

func (a *artist) put(s *Step) {
	s.Object = oneOf(a, a.objects[s.Container]...)
	a.expire(s)
	s.Chunked, s.Expect = a.chance(a.cfg.Chunked), a.chance(a.cfg.Expect)
	if s.Kind == model.ManifestPut {
		for range 1 + a.rng.IntN(a.cfg.MaxParts) {
			s.Parts = append(s.Parts, max(1, a.size(a.cfg.PartSize)))
		}
		return
	}
	s.Size = a.size(a.cfg.MaxSize)
	s.BadEtag = a.chance(a.cfg.BadEtag)
	if a.chance(a.cfg.Conditional/3) && s.Container != VersionContainer {
		s.Cond = IfNoneMatchAny
	}
	if s.Size > 0 && a.chance(a.cfg.Leave) {
		s.Leave = 1 + a.rng.Int64N(s.Size)
	}
}

// size draws mostly small sizes, with the edges of buffers and chunks among
// them.
func (a *artist) size(most int64) int64 {
	var n int64
	switch x := a.rng.IntN(100); {
	case x < 8:
		return 0
	case x < 55:
		n = 1 + a.rng.Int64N(4<<10)
	case x < 65:
		n = oneOf[int64](a, 1, 4096, 16384, 32768, 65536, 131072) + oneOf[int64](a, -1, 0, 1)
	case x < 93:
		n = 1 + a.rng.Int64N(128<<10)
	default:
		n = 1 + a.rng.Int64N(most)
	}
	return min(n, most)
}

func (a *artist) get(s *Step) {
	s.Object = oneOf(a, a.objects[s.Container]...)
	s.Newest = a.chance(a.cfg.Newest)
	if a.chance(a.cfg.Conditional) {
		s.Cond = oneOf(a, IfMatchSeen, IfMatchOther, IfMatchAny, IfNoneMatchSeen, IfNoneMatchOther, IfNoneMatchAny,
			IfModifiedSeen, IfUnmodifiedSeen, IfUnmodifiedEpoch)
	}
	if a.cfg.Links > 0 && a.chance(a.cfg.Links) {
		l := oneOf(a, a.links...)
		s.Container, s.Object, s.Via = l.container, l.object, l.name
	}
	if a.cfg.Dynamic > 0 && a.chance(a.cfg.Dynamic) {
		s.Container, s.Via = DynamicContainer, ""
		s.Object = oneOf(a, a.objects[DynamicContainer]...)
		s.Cond = "" // the manifest is judged, and what refuses it has no content type
	}
	s.Signed = a.cfg.Signed > 0 && a.chance(a.cfg.Signed)
	s.Opened = a.opens() && !s.Signed // a signature does not allow that
	if s.Kind == model.ObjectHead {
		return
	}
	if a.chance(a.cfg.Ranges) {
		s.Range = a.ranges()
	}
	if s.Container == DynamicContainer {
		s.Range, _, _ = strings.Cut(s.Range, ",") // several are answered with the whole
	}
	if a.chance(a.cfg.Leave) {
		s.Leave = 1 + a.size(a.cfg.MaxSize)
	}
}

func (a *artist) ranges() string {
	n := oneOf(a, 1, 1, 1, 1, 2, 3)
	var parts []string
	at := int64(0)
	for range n {
		at += a.size(64 << 10)
		switch a.rng.IntN(6) {
		case 0:
			parts = append(parts, fmt.Sprintf("%d-", at))
		case 1:
			parts = append(parts, fmt.Sprintf("-%d", 1+a.size(64<<10)))
		default:
			end := at + a.size(64<<10)
			parts = append(parts, fmt.Sprintf("%d-%d", at, end))
			at = end + 1
		}
	}
	return "bytes=" + strings.Join(parts, ",")
}

// listing draws the query of a listing of a container, or of the account.
func (a *artist) listing(c model.Name) string {
	q := url.Values{}
	if a.chance(0.85) {
		q.Set("format", "json")
	}
	pool := a.objects[c]
	if c == "" {
		pool = append(a.containers[:len(a.containers):len(a.containers)], a.spare...)
	}
	some := func() string { return string(oneOf(a, pool...)) }
	if a.chance(0.3) {
		q.Set("limit", strconv.Itoa(a.rng.IntN(5)))
	}
	if a.chance(0.2) {
		q.Set("marker", some())
	}
	if a.chance(0.1) {
		q.Set("end_marker", some())
	}
	if a.chance(0.2) {
		q.Set("prefix", head(some(), 1+a.rng.IntN(4)))
	}
	if a.chance(0.2) {
		q.Set("delimiter", oneOf(a, "/", "/", "e", "//"))
	}
	if a.chance(0.2) {
		q.Set("reverse", "true")
	}
	return q.Encode()
}

// head is the first n characters.
func head(s string, n int) string {
	r := []rune(s)
	return string(r[:min(n, len(r))])
}
