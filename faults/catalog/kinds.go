package catalog

import "time"

const (
	ms     = float64(time.Millisecond)
	second = float64(time.Second)
	hour   = float64(time.Hour)
)

// Kinds is the catalogue.
func Kinds() []Kind {
	var all []Kind
	for _, group := range [][]Kind{processKinds(), netKinds(), diskKinds(), clockKinds()} {
		all = append(all, group...)
	}
	return all
}

func processKinds() []Kind {
	node := Severity{Impairs: true}
	return []Kind{
		{
			Name: "kill", Target: Machine | Process, Peer: Never, Severity: node,
			Doc: "Ends the process (of a node: all of them) as SIGKILL does: nothing is cleaned up, the kernel closes its connections, what it wrote stays in the page cache. It is started again when the fault is over.",
		},
		{
			Name: "restart", Target: Machine | Process, Peer: Never, Severity: node,
			Doc: "Stops the process (of a node: all of them) as SIGTERM does, letting it drain, and starts it again when the fault is over, or immediately without \"for\".",
		},
		{
			Name: "power-cut", Target: Machine, Peer: Never, Severity: Severity{Impairs: true, Damages: Unsynced},
			Doc: "Cuts the power of the machine: its peers hear nothing, its disks lose what was not synced. It boots again when the fault is over.",
			Args: []Arg{{
				Name: "mode", Type: Choice, Default: "random", Choices: []string{"drop", "keep", "random"},
				Doc: "what becomes of unsynced writes: none survive, all survive, or a random part of them, torn at sectors",
			}},
		},
		{
			Name: "pause", Target: Machine | Process, Peer: Never, For: Must, Severity: node,
			Doc: "Stops the process (of a node: all of them) without ending it, as SIGSTOP or a stalled virtual machine does. Connections stay open and fill up.",
		},
	}
}

func netKinds() []Kind {
	cut := Severity{Impairs: true}
	return []Kind{
		{
			Name: "partition", Target: Machine, Peer: Must, Severity: cut,
			Doc: "Packets between the two machines vanish, in the direction of the arrow or in both. Open connections hang and come back if it ends in time.",
		},
		{
			Name: "net-latency", Target: Machine, Severity: cut,
			Doc: "Delays what the machine sends and receives, or what passes between two machines.",
			Args: []Arg{
				{Name: "delay", Type: Duration, Default: "50ms", Min: 0, Max: 10 * second, Doc: "added to every packet"},
				{Name: "jitter", Type: Duration, Default: "10ms", Min: 0, Max: 10 * second, Doc: "the most that is added on top, at random"},
			},
		},
		{
			Name: "net-bandwidth", Target: Machine, Severity: cut,
			Doc: "Limits how fast bytes flow from and to the machine, or between two machines. Senders block.",
			Args: []Arg{{
				Name: "rate", Type: Bytes, Default: "65536", Min: 1 << 10, Max: 1 << 30, Doc: "bytes a second, each way",
			}},
		},
		{
			Name: "net-refuse", Target: Machine | Process, Severity: cut,
			Doc: "New connections to the machine or process are refused; open ones stay.",
		},
		{
			Name: "net-blackhole", Target: Machine | Process, Severity: cut,
			Doc: "New connections to the machine or process get no answer until the dialler gives up; open ones stay.",
		},
		{
			Name: "net-reset", Target: Machine | Process, Severity: cut,
			Doc: "Connections of the machine or process are reset in the middle, once the given number of bytes has passed since the fault began.",
			Args: []Arg{
				{Name: "after", Type: Bytes, Default: "32768", Min: 0, Max: 1 << 30, Doc: "bytes that pass first, on each connection"},
				{Name: "p", Type: Probability, Default: "1", Min: 0, Max: 1, Doc: "share of the connections that are hit"},
			},
		},
	}
}

func diskKinds() []Kind {
	broken := Severity{Impairs: true}
	p := Arg{Name: "p", Type: Probability, Default: "1", Min: 0, Max: 1, Doc: "share of the operations that are hit"}
	path := Arg{Name: "path", Type: Text, Default: "", Doc: "glob of the files that are hit, relative to the device; all if absent"}
	return []Kind{
		{
			Name: "disk-eio", Target: Device, Peer: Never, Severity: broken,
			Doc: "Operations on the device fail with an input/output error. After a failed fsync the pages count as clean, as on Linux: what they held is lost.",
			Args: []Arg{{
				Name: "op", Type: Choice, Default: "any", Choices: []string{"any", "read", "write", "fsync", "open"}, Doc: "operations that fail",
			}, p, path},
		},
		{
			Name: "disk-full", Target: Device, Peer: Never, Severity: broken,
			Doc: "Nothing more can be written to the device: no space left.",
		},
		{
			Name: "disk-slow", Target: Device, Peer: Never, Severity: broken,
			Doc:  "Every operation on the device takes longer.",
			Args: []Arg{{Name: "delay", Type: Duration, Default: "50ms", Min: ms / 10, Max: 30 * second, Doc: "added to each operation"}, p},
		},
		{
			Name: "disk-stall", Target: Device, Peer: Never, For: Must, Severity: broken,
			Doc: "Operations on the device hang until the fault is over, then go on.",
		},
		{
			Name: "disk-unmount", Target: Device, Peer: Never, Severity: broken,
			Doc: "The device is unmounted under the daemons; its mount point is an empty directory of the root file system. It is mounted again, intact, when the fault is over.",
		},
		{
			Name: "disk-readonly", Target: Device, Peer: Never, Severity: broken,
			Doc: "The file system of the device turns read-only, as after an error that ext4 or XFS found.",
		},
		{
			Name: "disk-rot", Target: Device, Peer: Never, For: Never, Severity: Severity{Damages: Content},
			Doc: "Bits of stored content flip, silently and for good.",
			Args: []Arg{
				{Name: "files", Type: Count, Default: "1", Min: 1, Max: 1000, Doc: "how many .data files are hit"},
			},
		},
		{
			Name: "disk-wipe", Target: Device, Peer: Never, For: Never, Severity: Severity{Impairs: true, Damages: Content},
			Doc: "The device is replaced by an empty one.",
		},
	}
}

func clockKinds() []Kind {
	by := Arg{Name: "by", Type: Duration, Required: true, Min: -hour, Max: hour, Doc: "how far the clock is ahead; negative: behind"}
	return []Kind{
		{
			Name: "clock-skew", Target: Machine, Peer: Never,
			Doc:  "The wall clock of the machine is wrong by a constant while the fault lasts, then right again.",
			Args: []Arg{by},
		},
		{
			Name: "clock-step", Target: Machine, Peer: Never, For: Never,
			Doc:  "The wall clock of the machine jumps and stays wrong until the plan ends or another step corrects it. Steps add up.",
			Args: []Arg{by},
		},
	}
}
