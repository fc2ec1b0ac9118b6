package plan

import (
	"time"

	"pgregory.net/rapid"
)

// Gen draws plans of up to 12 events for property tests; rapid shrinks them
// to few, early and short events. Package nemesis has a generator of events
// that a given cluster can have.
func Gen(event *rapid.Generator[Event]) *rapid.Generator[Plan] {
	return rapid.Custom(func(t *rapid.T) Plan {
		if es := rapid.SliceOfN(event, 0, 12).Draw(t, "events"); len(es) > 0 {
			return es
		}
		return nil
	})
}

// AnyEvent draws events that can be written, whether or not they mean
// anything.
func AnyEvent() *rapid.Generator[Event] {
	name := rapid.StringMatching(`[a-z][a-z0-9-]{0,11}`)
	value := rapid.OneOf(rapid.StringN(0, 12, -1), rapid.SampledFrom([]string{"", "->", "for", "a b", `"`, "#", "\xff"}))
	filled := rapid.StringN(1, 12, -1)
	return rapid.Custom(func(t *rapid.T) Event {
		e := Event{
			At:     time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "at")),
			Kind:   name.Filter(func(s string) bool { return s != "for" }).Draw(t, "kind"),
			Target: filled.Draw(t, "target"),
			Way:    rapid.SampledFrom([]Way{NoPeer, Out, In, Both}).Draw(t, "way"),
		}
		if rapid.Bool().Draw(t, "ends") {
			e.For = time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "for"))
		}
		if e.Way != NoPeer {
			e.Peer = filled.Draw(t, "peer")
		}
		if args := rapid.MapOfN(name, value, 0, 4).Draw(t, "args"); len(args) > 0 {
			e.Args = args
		}
		return e
	})
}
