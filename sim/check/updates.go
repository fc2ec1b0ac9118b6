package check

import (
	"fmt"
	"sort"

	"apus/impl/swift"
	"apus/sim/model"
)

// QueueAccount is where Swift lists objects that will expire.
const QueueAccount = ".expiring_objects"

// Updates promises of an object server whose updates have all been delivered,
// and of clients that never write to one name at the same time, nor with older
// timestamps, what the containers list:
//
//   - "missing", "ghost": exactly the objects that are there;
//   - "wrong": with their size, ETag and content type;
//   - "unqueued": an object that will expire is in the expirer's queue, once,
//     for that time;
//   - "stale queue": nothing else is.
//
// What there is says the last GET of each name in the history.
func Updates(h *model.NodeHistory, rows []Row, account, container string) []Violation {
	u := &updates{container: container, listed: map[string]Row{}, queued: map[string]int{}}
	for _, r := range rows {
		switch {
		case r.Deleted:
		case r.Account == account && r.Container == container:
			u.listed[r.Name] = r
		case r.Account == QueueAccount:
			u.queued[r.Name]++
		}
	}
	last := map[model.Name]*model.NodeOp{}
	for _, o := range h.Ops {
		if o.Kind == model.NodeGet && (o.Status == 200 || o.Status == 404) {
			last[o.Name] = o
		}
	}
	var names []model.Name
	for name := range last {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool { return names[i] < names[j] })
	for _, name := range names {
		u.name(account, last[name])
	}
	u.rest()
	return u.found
}

type updates struct {
	container string
	listed    map[string]Row
	queued    map[string]int
	found     []Violation
}

func (u *updates) add(kind string, o *model.NodeOp, format string, args ...any) {
	v := Violation{Property: "updates", Kind: kind, Text: fmt.Sprintf(format, args...)}
	if o != nil {
		v.Path, v.At, v.Ops = string(o.Name), o.End, []int{o.ID}
	}
	u.found = append(u.found, v)
}

// name holds one name against the listings and takes it out of them.
func (u *updates) name(account string, o *model.NodeOp) {
	name := string(o.Name)
	row, listed := u.listed[name]
	delete(u.listed, name)
	live := o.Status == 200
	switch {
	case live && !listed:
		u.add("missing", o, "the object is there and its container does not list it: %s", o)
	case !live && listed:
		u.add("ghost", o, "the object is gone and its container lists it: %+v", row)
	case live && (row.Size != o.SeenSize || row.ETag != o.SeenETag || model.ValueOfType(row.Type) != o.SeenType):
		u.add("wrong", o, "the container lists %d bytes, ETag %s, %s; the object has %d bytes, ETag %s, type %s",
			row.Size, row.ETag, row.Type, o.SeenSize, o.SeenETag, o.SeenType)
	}
	if !live || o.SeenUntil == 0 {
		return
	}
	entry := fmt.Sprintf("%010d-%s", o.SeenUntil, swift.Path{Account: account, Container: u.container, Object: name}.String()[1:])
	if n := u.queued[entry]; n != 1 {
		u.add("unqueued", o, "it expires at %d and the queue has %d rows %q", o.SeenUntil, n, entry)
	}
	delete(u.queued, entry)
}

// rest is what the listings hold beyond the names of the history.
func (u *updates) rest() {
	var extra []string
	for name := range u.listed {
		extra = append(extra, name)
	}
	sort.Strings(extra)
	for _, name := range extra {
		u.add("ghost", nil, "the container lists %q, which nobody wrote", name)
	}
	extra = extra[:0]
	for entry := range u.queued {
		extra = append(extra, entry)
	}
	sort.Strings(extra)
	for _, entry := range extra {
		u.add("stale queue", nil, "the expirer's queue holds %q, which no object asks for", entry)
	}
}
