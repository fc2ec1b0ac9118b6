package proxy

import (
	"strconv"
	"strings"
	"time"

	"apus/impl/config"
	"apus/impl/policy"
	"apus/impl/proxy/fanout"
)

// preferences are those of [app:proxy-server], and of policies that have a
// section "proxy-server:policy:N" of their own.
type preferences struct {
	common   fanout.Preferences
	byPolicy map[int]*fanout.Preferences
}

// of is what applies to a policy.
func (p *preferences) of(index int) *fanout.Preferences {
	if own := p.byPolicy[index]; own != nil {
		return own
	}
	return &p.common
}

func (p *preferences) timed() bool {
	timed := p.common.Sorting == fanout.ByTiming
	for _, own := range p.byPolicy {
		timed = timed || own.Sorting == fanout.ByTiming
	}
	return timed
}

const policySection = "proxy-server:policy:"

func readPreferences(app *config.Section, policies *policy.Set) preferences {
	p := preferences{common: readPolicyOptions(layered{app, nil}), byPolicy: map[int]*fanout.Preferences{}}
	for _, name := range app.Siblings(policySection) {
		own := app.Sibling(name)
		index, err := strconv.Atoi(strings.TrimPrefix(name, policySection))
		if err != nil || policies.ByIndex(index) == nil {
			own.Fail("", "the section's name must end in the index of a storage policy")
			continue
		}
		o := readPolicyOptions(layered{app, own})
		p.byPolicy[index] = &o
	}
	return p
}

// layered is the section of the app under that of a policy, which may be nil.
type layered struct{ app, own *config.Section }

func (l layered) section(key string) *config.Section {
	if l.own != nil {
		for _, k := range l.own.Keys() {
			if k == key {
				return l.own
			}
		}
	}
	return l.app
}

func (l layered) text(key, def string) string { return l.section(key).String(key, def) }

func (l layered) fail(key string, err error) {
	if err != nil {
		l.section(key).Fail(key, err.Error())
	}
}

var sortings = map[string]fanout.Sorting{
	"shuffle": fanout.Shuffle, "timing": fanout.ByTiming, "affinity": fanout.ByAffinity,
}

func readPolicyOptions(l layered) fanout.Preferences {
	const most = 1 << 20
	p := fanout.Preferences{HandoffDeletes: -1}
	sorting, ok := sortings[strings.ToLower(l.text("sorting_method", "shuffle"))]
	if !ok {
		l.section("sorting_method").Fail("sorting_method", "must be shuffle, timing or affinity")
	}
	p.Sorting = sorting
	var err error
	p.ReadAffinity, err = fanout.ParseAffinity(l.text("read_affinity", ""))
	l.fail("read_affinity", err)
	p.WriteAffinity, err = fanout.ParseLocality(l.text("write_affinity", ""))
	l.fail("write_affinity", err)
	p.WriteNodes, err = perReplica(l.text("write_affinity_node_count", "2 * replicas"))
	l.fail("write_affinity_node_count", err)
	const deletes = "write_affinity_handoff_delete_count"
	if v := l.text(deletes, "auto"); !strings.EqualFold(strings.TrimSpace(v), "auto") {
		p.HandoffDeletes = int(l.section(deletes).Int(deletes, -1, 0, most))
	}
	const missing = "rebalance_missing_suppression_count"
	if p.MissingPrimaries = int(l.section(missing).Int(missing, 1, 0, most)); p.MissingPrimaries == 0 {
		p.MissingPrimaries = -1
	}
	p.Concurrent = l.section("concurrent_gets").Bool("concurrent_gets", false)
	connTimeout := l.app.Seconds("conn_timeout", 500*time.Millisecond)
	p.ConcurrencyTimeout = l.section("concurrency_timeout").Seconds("concurrency_timeout", connTimeout)
	// Reads of erasure-coded objects alone make extra requests.
	const extra = "concurrent_ec_extra_requests"
	l.section(extra).Int(extra, 0, 0, most)
	return p
}
