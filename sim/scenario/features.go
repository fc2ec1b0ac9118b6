package scenario

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing/synctest"
	"time"

	"apus/impl/tools/layout"
	"apus/impl/web"
	"apus/sim/cluster"
	"apus/sim/engine"
)

// The features scenario: the early ends of everything that opens requests of
// its own behind the client's. It is a table of features and ends. A feature
// prepares what its ends need; what an end destroys it makes itself, so that
// they can run in any order. After each one leakLimit passes and everything
// must be given back, as in the founding scenario.
//
// The seed chooses features, sizes, ends and their order. Options: match (a
// part of the names of the ends that run, and then all of those do; "slo: "
// is one feature).
func Features(ctx context.Context, w *engine.World) (*engine.Report, error) {
	bodies, untrack := web.TrackBodies()
	defer untrack()
	c, err := cluster.New(w, cluster.Config{Tune: tuneFeatures, UpdaterInterval: century})
	if err != nil {
		return nil, err
	}
	if err := c.Start(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	k, err := dial(ctx, c, 0)
	if err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	f := newFeatures(k, w.Stream("features"))
	f.reset, f.now = resetter(c), func() time.Time { return engine.Epoch.Add(w.Elapsed()) }
	ends, err := f.draw(ctx, w.Options["match"])
	if err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	time.Sleep(2 * leakLimit)
	synctest.Wait()
	floor := goroutines()
	r := &engine.Report{}
	for _, e := range ends {
		r.Requests++
		w.Trace("early end", e.String())
		w.Mark("early ends of " + e.feature)
		if err := e.run(ctx); err != nil {
			r.Violations = append(r.Violations, engine.Violation{Check: "features", Message: e.String() + ": " + err.Error()})
		}
		f.http.CloseIdleConnections()
		time.Sleep(leakLimit)
		synctest.Wait()
		r.Checks += 5
		r.Violations = append(r.Violations, leaks(c, bodies, floor, e.String())...)
	}
	r.Faults = map[string]int{}
	for range c.Fired() {
		r.Faults["net-reset"]++
	}
	r.Artifacts = c.Logs()
	if err := c.Stop(); err != nil {
		r.Violations = append(r.Violations, engine.Violation{Check: "drain", Message: err.Error()})
	}
	return r, nil
}

// Limits of the scenario.
const (
	// featureEnds is how many ends a run has at most.
	featureEnds = 120
	// featureFileSize is the cluster's max_file_size: less than the whole
	// large objects, more than anything else.
	featureFileSize = 1_500_000
	// featureLeast is the least size of a segment. Four of them are more than
	// what the connections from a storage node to the client hold.
	featureLeast = 400_000
)

func tuneFeatures(l *layout.Cluster) {
	tune(l)
	askFirst(l) // short bodies that break off must do so on the way
	l.Swift = append(l.Swift, "[swift-constraints]", fmt.Sprintf("max_file_size = %d", featureFileSize))
}

// end is one early end of one feature.
type end struct {
	feature, name string
	run           func(ctx context.Context) error
}

func (e end) String() string { return e.feature + ": " + e.name }

// features is the scenario's state.
type features struct {
	*client
	anonymous *client          // the same without a token
	now       func() time.Time // what the proxies' clocks show
	rng       *rand.Rand
	names     int // given out by fresh
	reset     func(context.Context) (undo func(context.Context) error, err error)
}

func newFeatures(k *client, rng *rand.Rand) *features {
	stranger := *k
	stranger.token = ""
	return &features{client: k, anonymous: &stranger, rng: rng}
}

// feature prepares what its ends need and returns them.
type feature struct {
	name    string
	prepare func(f *features, ctx context.Context) ([]end, error)
}

// allFeatures are the rows of the table.
func allFeatures() []feature {
	return []feature{
		{"plain", (*features).plain}, {"slo", (*features).slo}, {"slo faults", (*features).sloFaults},
		{"dlo", (*features).dlo}, {"copy", (*features).copies},
		{"symlink", (*features).symlinks}, {"versioning", (*features).versioning}, {"legacy versioning", (*features).legacy},
		{"staticweb", (*features).staticweb}, {"bulk", (*features).bulk}, {"tempurl", (*features).tempurl},
		{"formpost", (*features).formpost}, {"quotas", (*features).quotas}, {"nested", (*features).nested},
		{"quoted etags", (*features).quoted},
	}
}

// draw prepares two features of three and draws from their ends.
func (f *features) draw(ctx context.Context, match string) ([]end, error) {
	rows := allFeatures()
	f.rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	if match == "" {
		rows = rows[:(len(rows)*2+2)/3]
	}
	only, _, named := strings.Cut(match, ": ")
	var ends []end
	for _, row := range rows {
		if named && row.name != only {
			continue
		}
		found, err := row.prepare(f, ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", row.name, err)
		}
		for _, e := range found {
			e.feature = row.name
			if strings.Contains(e.String(), match) {
				ends = append(ends, e)
			}
		}
	}
	f.rng.Shuffle(len(ends), func(i, j int) { ends[i], ends[j] = ends[j], ends[i] })
	if match == "" {
		ends = ends[:min(len(ends), featureEnds)]
	}
	return ends, nil
}
