package scenario

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"apus/impl/swift"
	"apus/sim/check"
	"apus/sim/cluster"
	"apus/sim/engine"
	"apus/sim/model"
	"apus/sim/workload"
)

// boundaryPlay is one performance of the script by one client after another.
type boundaryPlay struct {
	start   time.Time
	clients map[workload.NodeSubject]*workload.NodeClient
	tell    teller // of the request under way

	mu   sync.Mutex
	ops  []boundaryOp
	busy bool // the last one is under way
}

type boundaryOp struct {
	subject workload.NodeSubject
	op      *model.NodeOp
	tell    teller
}

// nodePort is where the server of a subject listens.
func nodePort(s workload.NodeSubject) string {
	switch s {
	case workload.NodeObjects:
		return ":6200"
	case workload.NodeAccounts:
		return ":6202"
	}
	return ":6201"
}

func newBoundaryPlay(c *cluster.Cluster, start time.Time) *boundaryPlay {
	p := &boundaryPlay{start: start, clients: map[workload.NodeSubject]*workload.NodeClient{}}
	node := c.Nodes()[0]
	for _, s := range []workload.NodeSubject{workload.NodeObjects, workload.NodeRows, workload.NodeContainers, workload.NodeAccounts} {
		p.clients[s] = workload.NewNodeClient(
			workload.NodeConfig{Timeout: answerLimit, MaxSize: 128 << 10, Subject: s},
			workload.NodeWorld{
				Net: c.Client, Addr: node.IP + nodePort(s), Device: node.Devices[0], Start: start, Epoch: engine.Epoch,
				Partition: func(path swift.Path) uint32 { return c.Ring("object").Partition(c.Hasher().Hash(path)) },
				Header: func(h http.Header, o *model.NodeOp) {
					if s != workload.NodeObjects || p.tell == nobody {
						return
					}
					updateHeaders(c, h, o)
					if p.tell == absent {
						h.Set("X-Container-Host", nowhere)
						if o.DeleteAt != 0 {
							h.Set("X-Delete-At-Host", nowhere)
						}
					}
				},
			})
	}
	return p
}

// nowhere is an address at which nobody listens.
const nowhere = "10.0.0.1:6299"

// perform asks step by step. A pause before each gives every request an
// instant of its own.
func (p *boundaryPlay) perform(ctx context.Context, steps []boundaryStep) {
	const tries = 3
	for _, s := range steps {
		for range tries {
			time.Sleep(time.Millisecond)
			o := s.op
			p.tell = s.tell
			p.begin(s, &o)
			p.clients[s.subject].Ask(ctx, &o)
			p.end()
			if !s.must || o.Status/100 == 2 {
				break
			}
		}
	}
}

func (p *boundaryPlay) begin(s boundaryStep, o *model.NodeOp) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o.ID = len(p.ops)
	p.ops, p.busy = append(p.ops, boundaryOp{s.subject, o, s.tell}), true
}

func (p *boundaryPlay) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy = false
}

// at is how many requests were made so far, and whether the last is under way.
func (p *boundaryPlay) at() (asked int, busy bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.ops), p.busy
}

// before is the history of the first requests. The last of them has no answer
// if a crash at the given time interrupted it.
func (p *boundaryPlay) before(asked int, busy bool, at time.Duration) *boundaryPlay {
	q := &boundaryPlay{start: p.start, clients: p.clients, ops: append([]boundaryOp{}, p.ops[:asked]...)}
	if busy {
		last := &q.ops[asked-1]
		o := *last.op
		last.op = &model.NodeOp{
			ID: o.ID, Kind: o.Kind, Name: o.Name, Timestamp: o.Timestamp, Value: o.Value, Type: o.Type,
			DeleteAt: o.DeleteAt, IfNone: o.IfNone, Start: o.Start, End: at, Err: "the power was cut",
		}
	}
	return q
}

// judge holds every subject against its model.
func (p *boundaryPlay) judge(crashes []model.Crash) (found []check.Violation, checks, undecided int) {
	for _, s := range []workload.NodeSubject{workload.NodeObjects, workload.NodeRows, workload.NodeContainers, workload.NodeAccounts} {
		h := &model.NodeHistory{Crashes: crashes}
		for _, o := range p.ops {
			if o.subject == s {
				h.Ops = append(h.Ops, o.op)
			}
		}
		var v check.Verdict
		switch s {
		case workload.NodeObjects:
			v, _ = check.ObjectNode(h, check.DefaultLimits())
		case workload.NodeRows:
			v, _ = check.ContainerNode(h, false, check.DefaultLimits())
		default:
			v, _ = check.DatabaseNode(h, check.DefaultLimits())
		}
		found = append(found, v.Violations...)
		checks, undecided = checks+v.Checked, undecided+v.Undecided
	}
	return found, checks, undecided
}

// metadata compares the metadata of the container with the POSTs of them: the
// newest that was acknowledged, or one since of which nothing is known.
func (p *boundaryPlay) metadata() string {
	may := map[model.ValueID]bool{0: true}
	for _, o := range p.ops {
		switch {
		case o.op.Kind == model.DBPost && o.op.Status/100 == 2:
			may = map[model.ValueID]bool{o.op.Value: true}
		case o.op.Kind == model.DBPost:
			may[o.op.Value] = true
		case o.op.Kind == model.DBHead && o.op.Name == workload.NodeContainer && o.op.Status/100 == 2 && !may[o.op.SeenPost]:
			return "the metadata are not those of a POST that may count: " + o.op.String()
		}
	}
	return ""
}

// untold compares the last listing with the objects whose last write that the
// container was told of is acknowledged.
func (p *boundaryPlay) untold() string {
	last := map[model.Name]*model.NodeOp{}
	var names []model.Name
	listed := map[model.Name]bool{}
	for _, o := range p.ops {
		switch {
		case o.tell != nobody:
			if last[o.op.Name] == nil {
				names = append(names, o.op.Name)
			}
			last[o.op.Name] = o.op
		case o.op.Kind == model.RowList && o.op.Status/100 == 2:
			clear(listed)
			for _, r := range o.op.Rows {
				listed[r.Name] = true
			}
		}
	}
	for _, n := range names {
		if o := last[n]; o.Status/100 == 2 && listed[n] != (o.Kind != model.NodeDelete) {
			return fmt.Sprintf("listed: %v, after %s", listed[n], o)
		}
	}
	return ""
}

// mute tells of a read that had no proper answer.
func (p *boundaryPlay) mute(from int) string {
	for _, o := range p.ops[from:] {
		if o.op.Kind.Reads() && o.op.Status/100 != 2 && o.op.Status != http.StatusNotFound {
			return "no answer: " + o.op.String()
		}
	}
	return ""
}
