package scenario

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path"
	"sort"
	"strconv"
	"strings"
	"time"

	"apus/impl/pickle"
	"apus/impl/swift"
	"apus/sim/check"
	"apus/sim/cluster"
	"apus/sim/engine"
	"apus/sim/model"
	"apus/sim/workload"
)

// reclaimAge is how old tombstones get on simulated nodes. No workload lasts
// that long.
const reclaimAge = 20 * time.Minute

// settled asks a node that is at rest for the suffix hashes of every partition
// of the history, twice: the answer must be what the disk holds, without
// further files from the past, and the second time without tombstones that are
// older than reclaim_age.
func settled(ctx context.Context, c *cluster.Cluster, h *model.NodeHistory, r *engine.Report) error {
	if err := c.AwaitReady(ctx, bootLimit); err != nil {
		return err
	}
	parts := partitionsOf(c, h)
	for _, aged := range []bool{false, true} {
		if aged {
			time.Sleep(reclaimAge + time.Minute)
		}
		for _, part := range parts {
			if err := compareHashes(ctx, c, part, aged, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// holds lists the files of a partition.
func holds(c *cluster.Cluster, dir string) string {
	var out strings.Builder
	err := walkFiles(c.Inspect(0), dir, func(name string) error {
		fmt.Fprintln(&out, strings.TrimPrefix(name, dir+"/"))
		return nil
	})
	if err != nil {
		fmt.Fprintln(&out, err)
	}
	return out.String()
}

func partitionsOf(c *cluster.Cluster, h *model.NodeHistory) []uint32 {
	seen := map[uint32]bool{}
	for _, o := range h.Ops {
		p := swift.Path{Account: workload.NodeAccount, Container: workload.NodeContainer, Object: string(o.Name)}
		seen[c.Ring("object").Partition(c.Hasher().Hash(p))] = true
	}
	var parts []uint32
	for p := range seen {
		parts = append(parts, p)
	}
	sort.Slice(parts, func(i, j int) bool { return parts[i] < parts[j] })
	return parts
}

func compareHashes(ctx context.Context, c *cluster.Cluster, part uint32, aged bool, r *engine.Report) error {
	node := c.Nodes()[0]
	dir := path.Join("/srv/node", node.Devices[0], "objects", strconv.FormatUint(uint64(part), 10))
	if aged {
		suffixes, err := check.Suffixes(c.Inspect(0), dir)
		if err != nil {
			return err
		}
		if suffixes != "" { // they are marked as changed; the answer is None
			if _, err := replicate(ctx, c, part, suffixes); err != nil {
				return err
			}
		}
	}
	got, err := askHashes(ctx, c, part)
	if err != nil {
		return err
	}
	want, tombstones, err := check.SuffixHashes(c.Inspect(0), dir)
	if err != nil {
		return err
	}
	r.Checks++
	if fmt.Sprint(got) != fmt.Sprint(want) { // maps print sorted
		r.Violations = append(r.Violations, engine.Violation{
			Check: "suffix hashes/stale", Message: fmt.Sprintf("partition %d: REPLICATE answers %v, the disk holds %v", part, got, want),
			Detail: holds(c, dir),
		})
	}
	if aged && len(tombstones) > 0 {
		r.Violations = append(r.Violations, engine.Violation{
			Check: "reclaim/tombstone", Message: fmt.Sprintf("older than reclaim_age and still there after REPLICATE: %v", tombstones),
		})
	}
	return nil
}

// askHashes asks for the suffix hashes of a partition.
func askHashes(ctx context.Context, c *cluster.Cluster, part uint32) (map[string]string, error) {
	v, err := replicate(ctx, c, part, "")
	if err != nil {
		return nil, err
	}
	dict, ok := v.(pickle.Dict)
	if !ok {
		return nil, fmt.Errorf("REPLICATE of partition %d answers a %T", part, v)
	}
	out := map[string]string{}
	for _, item := range dict {
		key, _ := pickle.Text(item.Key)
		value, _ := pickle.Text(item.Value)
		out[key] = value
	}
	return out, nil
}

// replicate is a REPLICATE request, of a partition or of some suffixes in it
// ("a83-0f1").
func replicate(ctx context.Context, c *cluster.Cluster, part uint32, suffixes string) (any, error) {
	node := c.Nodes()[0]
	url := fmt.Sprintf("http://%s:6200/%s/%d", node.IP, node.Devices[0], part)
	if suffixes != "" {
		url += "/" + suffixes
	}
	req, err := http.NewRequestWithContext(ctx, "REPLICATE", url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Backend-Storage-Policy-Index", "0")
	resp, err := direct(c).Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	const limit = 1 << 20
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("REPLICATE %s answers %s: %s", url, resp.Status, body)
	}
	return pickle.Decode(body)
}
