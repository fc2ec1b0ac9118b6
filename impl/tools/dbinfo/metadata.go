package dbinfo

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"

	"apus/impl/broker"
	"apus/impl/diskfile"
	"apus/impl/swift"
	"apus/impl/tools/locations"
)

// header is one stored header.
type header struct{ key, value string }

// parseHeaders reads the stored headers in their stored order, which is shown.
func parseHeaders(text string) ([]header, error) {
	if text == "" {
		return nil, nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	if tok, err := d.Token(); err != nil || tok != json.Delim('{') {
		return nil, swift.E("dbinfo", "", swift.Corrupt, fmt.Errorf("stored metadata is not a JSON object (%w)", err))
	}
	var out []header
	for d.More() {
		key, err := d.Token()
		var value broker.MetaValue
		if err == nil {
			err = d.Decode(&value)
		}
		if err != nil {
			return nil, swift.E("dbinfo", "", swift.Corrupt, fmt.Errorf("stored metadata: %w", err))
		}
		out = append(out, header{key.(string), value.Value})
	}
	return out, nil
}

// metadata shows the stored headers: those that are neither the user's nor the
// system's first.
func (t *tool) metadata() error {
	headers, err := parseHeaders(t.info.Metadata)
	if err != nil {
		return err
	}
	var user, system []header
	for _, h := range headers {
		if name, ok := t.stripped(h.key, "meta"); ok {
			user = append(user, header{name, h.value})
		} else if name, ok := t.stripped(h.key, "sysmeta"); ok {
			system = append(system, header{name, h.value})
		} else {
			t.linef("  %s: %s", diskfile.Title(strings.ReplaceAll(h.key, "_", "-")), h.value)
		}
	}
	t.headers("System Metadata", system)
	t.headers("User Metadata", user)
	return nil
}

// stripped tells a header of the given class and the name to show it by.
func (t *tool) stripped(key, class string) (string, bool) {
	prefix := "x-" + string(t.kind) + "-" + class + "-"
	if len(key) <= len(prefix) || !strings.EqualFold(key[:len(prefix)], prefix) {
		return "", false
	}
	if t.dropPrefixes {
		return key[len(prefix):], true
	}
	return key, true
}

func (t *tool) headers(title string, list []header) {
	if len(list) == 0 {
		t.linef("No %s found in db file", strings.ToLower(title))
		return
	}
	t.linef("  %s:", title)
	for _, h := range list {
		t.linef("    %s: %s", h.key, h.value)
	}
}

// stateName is the word for a state of a shard range.
func stateName(state int) string {
	names := map[int]string{
		broker.ShardFound: "found", broker.ShardCreated: "created", broker.ShardCleaved: "cleaved", broker.ShardActive: "active",
		broker.ShardShrinking: "shrinking", broker.ShardSharding: "sharding", broker.ShardSharded: "sharded", broker.ShardShrunk: "shrunk",
	}
	if n, ok := names[state]; ok {
		return n
	}
	return "None"
}

func (t *tool) sharding(ctx context.Context, c *broker.Container) error {
	var root bool
	err := c.View(ctx, func(x *broker.ContainerTx) (err error) { root, err = x.IsRoot(); return err })
	if err != nil {
		return err
	}
	ranges, err := c.ShardRanges(ctx, broker.ShardFilter{})
	if err != nil {
		return err
	}
	kind := "shard"
	if root {
		kind = "root"
	}
	t.linef("Sharding Metadata:")
	t.linef("  Type: %s", kind)
	t.linef("  State: %s", t.info.DBState)
	if len(ranges) == 0 {
		return nil
	}
	t.linef("Shard Ranges (%d):", len(ranges))
	t.states(ranges)
	if !t.verbose {
		t.linef("(Use -v/--verbose to show more Shard Ranges details)")
		return nil
	}
	for i := range ranges {
		t.shardRange(&ranges[i])
	}
	return nil
}

// states counts the ranges in each state.
func (t *tool) states(ranges []broker.ShardRange) {
	count := map[int]int{}
	for _, r := range ranges {
		count[r.State]++
	}
	states := make([]int, 0, len(count))
	for s := range count {
		states = append(states, s)
	}
	sort.Ints(states)
	t.linef("  States:")
	for _, s := range states {
		t.linef("    %9s: %d", stateName(s), count[s])
	}
}

func (t *tool) shardRange(r *broker.ShardRange) {
	t.linef("  Name: %s", r.Name)
	t.linef("    lower: %s, upper: %s", locations.Repr(r.Lower), locations.Repr(r.Upper))
	t.linef("    Object Count: %d, Bytes Used: %d, State: %s (%d)", r.ObjectCount, r.BytesUsed, stateName(r.State), r.State)
	t.time("    Created at", r.Timestamp)
	t.time("    Meta Timestamp", r.MetaTimestamp)
}

// syncs shows a table of sync points.
func (t *tool) syncs(ctx context.Context, db database, incoming bool) error {
	points, err := db.SyncUpdates(ctx, incoming)
	if err != nil {
		return err
	}
	const point, remote = "Sync Point", "Remote ID"
	pointWidth, remoteWidth := len(point), len(remote)
	for _, p := range points {
		pointWidth = max(pointWidth, len(fmt.Sprint(p.SyncPoint.SyncPoint)))
		remoteWidth = max(remoteWidth, utf8.RuneCountInString(p.RemoteID))
	}
	title := "Outgoing"
	if incoming {
		title = "Incoming"
	}
	t.linef("%s Syncs:", title)
	t.linef("  %-*s\t%-*s\tUpdated At", pointWidth, point, remoteWidth, remote)
	for _, p := range points {
		t.linef("  %-*d\t%-*s\t%s (%s)", pointWidth, p.SyncPoint.SyncPoint, remoteWidth, p.RemoteID, isoDate(p.UpdatedAt), p.UpdatedAt)
	}
	return nil
}
