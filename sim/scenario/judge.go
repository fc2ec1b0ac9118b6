package scenario

import (
	"context"
	"fmt"
	"strings"
	"testing/synctest"
	"time"

	"apus/impl/diskfile"
	"apus/impl/host"
	"apus/sim/check"
	"apus/sim/cluster"
	"apus/sim/engine"
)

const (
	// answerLimit is how long a request may take in quiet times.
	answerLimit = 30 * time.Second
	// listingSlack is by how much a listing may lag without faults: the
	// updater's interval and a pass.
	listingSlack = 30 * time.Second
)

// judge checks everything that was promised and that needs the cluster.
func (s *simulation) judge(ctx context.Context) error {
	s.history.Facts = s.facts()
	s.leaks()
	if err := s.rest(ctx); err != nil {
		return err
	}
	records, err := s.records()
	if err != nil {
		return err
	}
	rows, err := s.rows(ctx)
	if err != nil {
		return err
	}
	h, hasher := s.history, s.cluster.Hasher()
	for _, found := range [][]check.Violation{
		check.Integrity(h), check.NoLie(h), check.Durability(h, records, hasher), check.Listings(h, records, rows, hasher),
		check.Queued(h, records, rows, hasher), check.ListingAnswers(h), check.Liveness(h, answerLimit), check.Available(h), check.Newest(h),
	} {
		s.add(found)
		s.report.Checks += int64(len(h.Ops))
	}
	if h.Facts.FaultFree {
		s.add(check.FreshListings(h, listingSlack))
	}
	s.report.Checks += int64(len(records) + len(rows))
	return ctx.Err()
}

// conclude judges linearizability and draws the run if it failed or somebody
// asked for it, outside the bubble.
func (s *simulation) conclude(r *engine.Report) {
	verdict, pictures := check.Linearizable(s.history, check.DefaultLimits())
	r.Checks += int64(verdict.Checked)
	s.add(verdict.Violations)
	if verdict.Undecided > 0 {
		r.Marks["linearizability undecided"] += verdict.Undecided
	}
	if len(r.Violations) == 0 && !s.world.Kept() {
		return
	}
	if err := s.keepTimeline(pictures); err != nil {
		r.Violations = append(r.Violations, engine.Violation{Check: "timeline", Message: err.Error()})
	}
}

// maxMessage bounds the message of a violation, in characters; the detail has
// everything.
const maxMessage = 300

func asViolation(v check.Violation) engine.Violation {
	message := fmt.Sprintf("at %v: %.*s", v.At, maxMessage, v.Text)
	if v.Path != "" {
		message = fmt.Sprintf("%q %s", v.Path, message)
	}
	return engine.Violation{Check: v.Property + "/" + v.Kind, Message: message, Detail: v.Text}
}

func (s *simulation) add(found []check.Violation) {
	s.found = append(s.found, found...)
	for _, v := range found {
		s.report.Violations = append(s.report.Violations, asViolation(v))
	}
}

// leaks waits for an instant at which nothing is held. Updaters work now and
// then, so one such instant within the limit is what can be asked for; what
// leaks is held at every instant.
func (s *simulation) leaks() {
	const every = 500 * time.Millisecond
	s.report.Checks += 4
	var found []engine.Violation
	for waited := time.Duration(0); waited < restLimit; waited += every {
		time.Sleep(every)
		synctest.Wait()
		if found = leaks(s.cluster, s.bodies, s.floor, "the last client"); len(found) == 0 {
			return
		}
	}
	for _, v := range found {
		s.violate(v.Check, v.Message, v.Detail)
	}
}

// rest waits until the updaters find nothing to do that they can do: the
// queued updates are gone or have stayed the same for several passes. What
// stays is for container databases that do not exist, because their node was
// away when the container was made; nothing replicates them yet.
func (s *simulation) rest(ctx context.Context) error {
	const passes = 4
	same, last := 0, "none yet"
	for begun := time.Now(); same < passes; {
		time.Sleep(updaterInterval)
		now, err := asyncs(s.cluster)
		if err != nil {
			return err
		}
		if now == "" {
			return nil
		}
		if same++; now != last {
			same, last = 0, now
		}
		if time.Since(begun) > 2*restLimit {
			return fmt.Errorf("the updaters have not come to rest %v after everything was healed; queued are\n%s", 2*restLimit, now)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// asyncs names the updates that are queued on the disks.
func asyncs(c *cluster.Cluster) (string, error) {
	var out strings.Builder
	err := devices(c, func(fs host.FS, node int, dir string) error {
		return walkFiles(fs, dir+"/async_pending", func(name string) error {
			fmt.Fprintf(&out, "node%d %s\n", node+1, name)
			return nil
		})
	})
	return out.String(), err
}

// devices calls fn for the directory of every device.
func devices(c *cluster.Cluster, fn func(fs host.FS, node int, dir string) error) error {
	for i, n := range c.Nodes() {
		fs := c.Inspect(i)
		for _, d := range n.Devices {
			if err := fn(fs, i, "/srv/node/"+d); err != nil {
				return fmt.Errorf("%s/%s: %w", n.Name, d, err)
			}
		}
	}
	return nil
}

// records are what the disks hold of objects.
func (s *simulation) records() ([]check.Record, error) {
	var out []check.Record
	for i, n := range s.cluster.Nodes() {
		found, err := check.Scan(s.cluster.Inspect(i), "/srv/node", n.Name, n.Zone, n.Devices, diskfile.ReadMetadata)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}
