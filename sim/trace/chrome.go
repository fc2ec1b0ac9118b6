package trace

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// chromeEvent is one event of the Trace Event Format.
type chromeEvent struct {
	Name string         `json:"name"`
	Cat  string         `json:"cat,omitempty"`
	Ph   string         `json:"ph"` // X complete, i instant, M metadata
	TS   float64        `json:"ts"` // microseconds
	Dur  float64        `json:"dur,omitempty"`
	PID  int            `json:"pid"`
	TID  int            `json:"tid"`
	S    string         `json:"s,omitempty"` // scope of an instant: g lobal
	Args map[string]any `json:"args,omitempty"`
}

// Chrome writes the run as Chrome-trace JSON: a thread for each lane.
func Chrome(w io.Writer, in Input) error {
	lanes, _ := layout(in)
	events := []chromeEvent{{Name: "process_name", Ph: "M", PID: 1, Args: map[string]any{"name": in.Title}}}
	for i, l := range lanes {
		events = append(events,
			chromeEvent{Name: "thread_name", Ph: "M", PID: 1, TID: i + 1, Args: map[string]any{"name": l.Name}},
			chromeEvent{Name: "thread_sort_index", Ph: "M", PID: 1, TID: i + 1, Args: map[string]any{"sort_index": i}})
		for _, b := range l.Bars {
			e := chromeEvent{Name: b.Label, Cat: b.Class, Ph: "X", TS: micros(b.At), Dur: micros(b.End - b.At), PID: 1, TID: i + 1,
				Args: map[string]any{"text": b.Text}}
			if b.End <= b.At {
				e.Ph, e.Dur, e.S = "i", 0, "t"
			}
			if b.Class == "violation" {
				e.S = "g"
			}
			events = append(events, e)
		}
	}
	err := json.NewEncoder(w).Encode(map[string]any{"traceEvents": events, "displayTimeUnit": "ms"})
	if err != nil {
		return fmt.Errorf("trace.Chrome: %w", err)
	}
	return nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
