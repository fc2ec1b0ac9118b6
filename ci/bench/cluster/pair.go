package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"apus/ci/bench/load"
	"apus/ci/interop/peer"
	"apus/impl/swift"
)

// side is one of the clusters.
type side struct {
	make    peer.Make
	cluster *peer.Cluster
	load    *load.Endpoint
	rows    []load.Row
}

type pair struct {
	sides   []*side
	targets []target
	o       options
}

func (p *pair) ours() *side { return p.sides[0] }

func (p *pair) stop() {
	for _, s := range p.sides {
		s.cluster.Down()
	}
}

// startBoth starts both clusters and fills them.
func startBoth(ctx context.Context, dir string, o options, targets []target) (*pair, error) {
	p := &pair{targets: targets, o: o}
	bin := filepath.Join(dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return p, err
	}
	b, err := peer.Build(".", bin)
	if err != nil {
		return p, err
	}
	ports := peer.NewPorts()
	makes := []peer.Make{peer.Ours, peer.Theirs}
	if o.alone {
		makes = makes[:1]
	}
	for _, m := range makes {
		c, err := peer.Up(ctx, b.Quiet(), ports, peer.Plan{
			Dir: filepath.Join(dir, string(m)), Storage: []peer.Make{m, m, m, m}, Proxies: []peer.Make{m}, Replicas: replicas,
			OneProcess: true,
			Default:    quiet(),
		})
		if err != nil {
			return p, err
		}
		s := &side{make: m, cluster: c}
		p.sides = append(p.sides, s)
		for _, t := range targets {
			s.rows = append(s.rows, load.Row{Op: t.op, Size: t.size, Clients: o.clients})
		}
		if err := s.fill(ctx); err != nil {
			return p, fmt.Errorf("%s: %w\n%s", m, err, c.Logs())
		}
	}
	return p, nil
}

const replicas = 3

// quiet are the options of every server: workers for theirs, and no log of
// requests, which would be measured.
func quiet() []string {
	out := []string{"workers = " + strconv.Itoa(runtime.NumCPU()), "log_level = ERROR"}
	for _, line := range peer.Common() {
		if !strings.HasPrefix(line, "workers") && !strings.HasPrefix(line, "log_level") {
			out = append(out, line)
		}
	}
	return out
}

func (s *side) fill(ctx context.Context) (err error) {
	if s.load, err = load.Login(s.cluster.Auth[0], "test:tester", "testing"); err != nil {
		return err
	}
	if err := s.load.Prepare(ctx, s.rows); err != nil {
		return err
	}
	for _, r := range s.rows {
		if r.Op == load.List {
			return s.fillListing(ctx, r.Size)
		}
	}
	return nil
}

// fillListing gives every replica of the listed container its rows in one
// UPDATE request.
func (s *side) fillListing(ctx context.Context, n int) error {
	rings, err := s.cluster.Layout.Rings()
	if err != nil {
		return err
	}
	hasher, err := swift.NewHasher("", s.cluster.Layout.HashSuffix)
	if err != nil {
		return err
	}
	path := swift.Path{Account: filepath.Base(s.load.Base), Container: load.Listing}
	ring := rings["container"]
	part := ring.Partition(hasher.Hash(path))
	body, err := listingRows(n)
	if err != nil {
		return err
	}
	for _, d := range ring.Primaries(part) {
		url := fmt.Sprintf("http://%s/%s/%d%s", d.Addr(), d.Device, part, path)
		req, err := http.NewRequestWithContext(ctx, "UPDATE", url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("X-Timestamp", "1700000000.00000")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode/100 != 2 {
			return fmt.Errorf("UPDATE %s: %s", url, resp.Status)
		}
	}
	return nil
}

// listingRows are rows as container replicators send them.
func listingRows(n int) ([]byte, error) {
	rows := make([]map[string]any, n)
	for i := range rows {
		rows[i] = map[string]any{
			"name": fmt.Sprintf("object-%08d", i), "created_at": "1700000000.00000", "size": 4096, "content_type": "application/octet-stream",
			"etag": "d41d8cd98f00b204e9800998ecf8427e", "deleted": 0, "storage_policy_index": 0,
			"ctype_timestamp": "1700000000.00000", "meta_timestamp": "1700000000.00000",
		}
	}
	return json.Marshal(rows)
}

// compare measures all rows in turns and prints the table.
func (p *pair) compare(ctx context.Context) (slow []string, err error) {
	for round := range p.o.rounds {
		for row := range p.targets {
			for i := range p.sides {
				s := p.sides[(i+round)%len(p.sides)]
				got, err := s.load.Measure(ctx, s.rows[row], p.o.length)
				if err != nil {
					return nil, fmt.Errorf("%s: %w\n%s", s.make, err, s.cluster.Logs())
				}
				s.rows[row].Rounds = append(s.rows[row].Rounds, got)
			}
		}
		fmt.Fprintf(os.Stderr, "bench-peer: round %d of %d\n", round+1, p.o.rounds)
	}
	return p.print()
}

// print prints the table and returns what is below its target.
func (p *pair) print() (slow []string, err error) {
	t := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "operation\tcluster\tops/s\tp50 ms\tp99 ms\trate\ttarget\tp99 of theirs\t")
	for i, target := range p.targets {
		ours := p.sides[0].rows[i].Median()
		if p.o.alone {
			fmt.Fprintf(t, "%s %s\tapus\t%.0f\t%.2f\t%.2f\t\t\t\t\n", target.op, p.sides[0].rows[i].SizeName(), ours.PerSec, ms(ours.P50), ms(ours.P99))
			continue
		}
		theirs := p.sides[1].rows[i].Median()
		rate, tail := ours.PerSec/theirs.PerSec, float64(theirs.P99)/float64(ours.P99)
		fmt.Fprintf(t, "%s %s\tapus\t%.0f\t%.2f\t%.2f\t%.1f\t%.0f\t1/%.1f\t\n", target.op, p.sides[0].rows[i].SizeName(), ours.PerSec, ms(ours.P50), ms(ours.P99), rate, target.ratio, tail)
		fmt.Fprintf(t, "\tswift %s\t%.0f\t%.2f\t%.2f\t\t\t\t\n", peer.Version, theirs.PerSec, ms(theirs.P50), ms(theirs.P99))
		if rate < target.ratio {
			slow = append(slow, fmt.Sprintf("%s is %.1f times as fast (%.0f)", target.name, rate, target.ratio))
		}
		if tail < p99Ratio {
			slow = append(slow, fmt.Sprintf("%s has a p99 of 1/%.1f (1/%d)", target.name, tail, p99Ratio))
		}
	}
	if err := t.Flush(); err != nil {
		return nil, err
	}
	fmt.Printf("medians of %d alternating rounds of %v, %d clients\n", p.o.rounds, p.o.length, p.o.clients)
	return slow, nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
