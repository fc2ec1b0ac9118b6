package profile

import (
	"io"
	"runtime/pprof"
	"runtime/trace"
)

// measurement is what goes on for a while. There is one of a kind in a
// process: start fails while another runs.
type measurement int

const (
	cpu measurement = iota
	execution
)

func (m measurement) start(w io.Writer) error {
	if m == cpu {
		return pprof.StartCPUProfile(w)
	}
	return trace.Start(w)
}

// stop returns when all is written.
func (m measurement) stop() {
	if m == cpu {
		pprof.StopCPUProfile()
		return
	}
	trace.Stop()
}
