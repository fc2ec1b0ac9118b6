package scenario

import (
	"apus/impl/swift"
	"apus/sim/engine"
	"apus/sim/model"
	"apus/sim/workload"
)

// boundaryStep is one request of the script.
type boundaryStep struct {
	subject workload.NodeSubject
	op      model.NodeOp
	tell    teller
	must    bool // what follows needs it: ask again if it fails
}

// teller is the container server that an object server is told of.
type teller int

const (
	nobody  teller = iota
	present        // takes the row at once
	absent         // answers nobody: the row becomes a pending update
)

// boundaryScript is everything that changes what a storage node stores, each at
// least once. No chance is in it.
func boundaryScript() []boundaryStep {
	const objects, rows, containers, accounts = workload.NodeObjects, workload.NodeRows, workload.NodeContainers, workload.NodeAccounts
	far := engine.Epoch.Unix() + 1000*24*3600
	steps := []boundaryStep{
		{subject: accounts, op: model.NodeOp{Kind: model.DBPut, Name: workload.NodeAccount}, must: true},
		{subject: containers, op: model.NodeOp{Kind: model.DBPut, Name: workload.NodeContainer}, must: true},
		{subject: objects, op: model.NodeOp{Kind: model.NodePut, Name: "o1"}, tell: present},
		{subject: objects, op: model.NodeOp{Kind: model.NodeHashes, Name: "o1"}},
		{subject: objects, op: model.NodeOp{Kind: model.NodePut, Name: "o1"}, tell: present},
		{subject: objects, op: model.NodeOp{Kind: model.NodePost, Name: "o1", Type: 77}, tell: present},
		{subject: objects, op: model.NodeOp{Kind: model.NodePost, Name: "o1"}},
		{subject: objects, op: model.NodeOp{Kind: model.NodeHashes, Name: "o1"}},
		{subject: objects, op: model.NodeOp{Kind: model.NodePut, Name: "o2", DeleteAt: far}, tell: absent},
		{subject: objects, op: model.NodeOp{Kind: model.NodeDelete, Name: "o1"}, tell: present},
		{subject: objects, op: model.NodeOp{Kind: model.NodeHashes, Name: "o1"}},
		{subject: objects, op: model.NodeOp{Kind: model.NodePut, Name: "o1"}},
		{subject: objects, op: model.NodeOp{Kind: model.NodeDelete, Name: "o2"}, tell: absent},
		{subject: objects, op: model.NodeOp{Kind: model.NodeHashes, Name: "o2"}},
		{subject: objects, op: model.NodeOp{Kind: model.NodePut, Name: "o4"}, tell: absent},
		{subject: objects, op: model.NodeOp{Kind: model.NodeDelete, Name: "o3"}},
		{subject: objects, op: model.NodeOp{Kind: model.NodePut, Name: "o3", IfNone: true}},
		{subject: objects, op: model.NodeOp{Kind: model.NodePost, Name: "o3", DeleteAt: far}},
		{subject: objects, op: model.NodeOp{Kind: model.NodeDelete, Name: "o3"}},
		{subject: rows, op: model.NodeOp{Kind: model.RowPut, Name: "r1"}},
		{subject: rows, op: model.NodeOp{Kind: model.RowPut, Name: "r2"}},
		{subject: rows, op: model.NodeOp{Kind: model.RowList}},
		{subject: rows, op: model.NodeOp{Kind: model.RowDelete, Name: "r1"}},
		{subject: rows, op: model.NodeOp{Kind: model.RowMerge, Name: "r2"}},
		{subject: rows, op: model.NodeOp{Kind: model.RowPut, Name: "r3"}},
		{subject: containers, op: model.NodeOp{Kind: model.DBPost, Name: workload.NodeContainer}},
		{subject: rows, op: model.NodeOp{Kind: model.RowMerge, Name: "r1"}},
		{subject: rows, op: model.NodeOp{Kind: model.RowList}},
		{subject: containers, op: model.NodeOp{Kind: model.DBPut, Name: "d"}},
		{subject: containers, op: model.NodeOp{Kind: model.DBPut, Name: "d"}},
		{subject: containers, op: model.NodeOp{Kind: model.DBDelete, Name: "d"}},
		{subject: containers, op: model.NodeOp{Kind: model.DBPut, Name: "d"}},
		{subject: containers, op: model.NodeOp{Kind: model.DBDelete, Name: "d"}},
		{subject: accounts, op: model.NodeOp{Kind: model.DBPut, Name: "AUTH_other"}},
	}
	for i := range steps {
		if o := &steps[i].op; !o.Kind.Reads() {
			o.Timestamp, o.Value = boundaryStamp(i), model.NewValueID(1, 0, i)
		}
	}
	return steps
}

// boundaryStamp is the time of the n-th write.
func boundaryStamp(n int) string {
	const apart = swift.TicksPerSecond / 100
	return swift.NewTimestamp(swift.TimestampOf(engine.Epoch).Ticks()+int64(n+1)*apart, 0).Normal()
}

// boundaryReads ask for everything that the script touches.
func boundaryReads() []boundaryStep {
	var out []boundaryStep
	read := func(s workload.NodeSubject, kind model.NodeKind, names ...model.Name) {
		for _, n := range names {
			out = append(out, boundaryStep{subject: s, op: model.NodeOp{Kind: kind, Name: n}})
		}
	}
	read(workload.NodeObjects, model.NodeGet, "o1", "o2", "o3", "o4")
	read(workload.NodeRows, model.RowList, "")
	read(workload.NodeContainers, model.DBHead, workload.NodeContainer, "d")
	read(workload.NodeAccounts, model.DBHead, workload.NodeAccount, "AUTH_other")
	return out
}
