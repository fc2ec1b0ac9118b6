package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"
)

// row is one line of the table.
type row struct {
	method      string
	size        int
	concurrency int
	rounds      []sample
}

// sample is one round of a row.
type sample struct {
	ops      int
	perSec   float64
	p50, p99 time.Duration
}

const (
	small = 4 << 10
	large = 1 << 20
)

func rows() []row {
	var out []row
	for _, size := range []int{small, large} {
		for _, method := range []string{"PUT", "GET"} {
			for _, concurrency := range []int{1, 32} {
				out = append(out, row{method: method, size: size, concurrency: concurrency})
			}
		}
	}
	return out
}

func (r row) name() string {
	return fmt.Sprintf("%s of %s with %d", r.method, sizeName(r.size), r.concurrency)
}

func sizeName(n int) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

// bench is an endpoint under measurement.
type bench struct {
	host, base, token string
	bodies            map[int][]byte
	puts              atomic.Int64 // names used
}

const (
	container = "bench"
	// readable is how many objects of each size GETs choose from.
	readable = 64
	// written bounds the bytes of each size that PUTs leave behind; after
	// that they overwrite.
	written = 512 << 20
)

func newBench(o options) (*bench, error) {
	u, err := url.Parse(o.auth)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("--auth %q is not a plain HTTP URL such as http://127.0.0.1:8080/auth/v1.0", o.auth)
	}
	c := &client{host: u.Host}
	defer c.close()
	r, err := c.do("GET", u.RequestURI(), fmt.Sprintf("X-Auth-User: %s\r\nX-Auth-Key: %s\r\n", o.user, o.key), nil)
	if err != nil {
		return nil, fmt.Errorf("authenticating: %w", err)
	}
	storage, err := url.Parse(r.storage)
	if err != nil || r.status/100 != 2 || r.token == "" {
		return nil, fmt.Errorf("authenticating at %s as %s: status %d, X-Storage-Url %q", o.auth, o.user, r.status, r.storage)
	}
	b := &bench{host: storage.Host, base: storage.EscapedPath(), token: r.token, bodies: map[int][]byte{}}
	chance := rand.NewChaCha8([32]byte{})
	for _, size := range []int{small, large} {
		b.bodies[size] = make([]byte, size)
		_, _ = chance.Read(b.bodies[size]) // never fails
	}
	return b, nil
}

func (b *bench) client() *client { return &client{host: b.host, token: b.token} }

func readName(size, i int) string { return fmt.Sprintf("get-%d-%d", size, i) }

// prepare stores what GETs read.
func (b *bench) prepare(ctx context.Context) error {
	c := b.client()
	defer c.close()
	put := func(path string, body []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		r, err := c.do("PUT", b.base+"/"+path, "", body)
		if err == nil && r.status/100 != 2 {
			err = fmt.Errorf("PUT %s: status %d", path, r.status)
		}
		return err
	}
	if err := put(container, nil); err != nil {
		return err
	}
	for _, size := range []int{small, large} {
		for i := range readable {
			if err := put(container+"/"+readName(size, i), b.bodies[size]); err != nil {
				return err
			}
		}
	}
	return nil
}

// measure does one round of a row. Any answer but success ends it.
func (b *bench) measure(ctx context.Context, r row, length time.Duration) (sample, error) {
	var wait sync.WaitGroup
	took := make([][]time.Duration, r.concurrency)
	errs := make([]error, r.concurrency)
	begun := time.Now()
	for i := range r.concurrency {
		wait.Go(func() {
			c := b.client()
			defer c.close()
			for time.Since(begun) < length && errs[i] == nil && ctx.Err() == nil {
				at := time.Now()
				errs[i] = b.one(c, r)
				took[i] = append(took[i], time.Since(at))
			}
		})
	}
	wait.Wait()
	elapsed := time.Since(begun)
	for _, err := range append(errs, ctx.Err()) {
		if err != nil {
			return sample{}, err
		}
	}
	all := slices.Concat(took...)
	slices.Sort(all)
	return sample{
		ops: len(all), perSec: float64(len(all)) / elapsed.Seconds(),
		p50: all[len(all)/2], p99: all[len(all)*99/100],
	}, nil
}

// one does one operation.
func (b *bench) one(c *client, r row) error {
	path, body := b.base+"/"+container+"/", []byte(nil)
	want, length := 200, int64(r.size)
	if r.method == "GET" {
		path += readName(r.size, rand.IntN(readable))
	} else {
		path += fmt.Sprintf("put-%d-%d", r.size, b.puts.Add(1)%int64(written/r.size))
		body, want = b.bodies[r.size], 201
	}
	got, err := c.do(r.method, path, "", body)
	switch {
	case err != nil:
		return err
	case got.status != want:
		return fmt.Errorf("status %d instead of %d", got.status, want)
	case r.method == "GET" && got.length != length:
		return fmt.Errorf("%d bytes instead of %d", got.length, length)
	}
	return nil
}

// median of the rounds, field by field.
func (r row) median() (perSec float64, p50, p99 time.Duration) {
	middle := func(value func(sample) float64) float64 {
		var v []float64
		for _, s := range r.rounds {
			v = append(v, value(s))
		}
		slices.Sort(v)
		return (v[len(v)/2] + v[(len(v)-1)/2]) / 2
	}
	return middle(func(s sample) float64 { return s.perSec }),
		time.Duration(middle(func(s sample) float64 { return float64(s.p50) })),
		time.Duration(middle(func(s sample) float64 { return float64(s.p99) }))
}

func (r row) ops() (n int) {
	for _, s := range r.rounds {
		n += s.ops
	}
	return n
}

func printTable(w io.Writer, rows []row, o options) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "operation\tsize\tclients\trequests\tops/s\tMB/s\tp50 ms\tp99 ms\t")
	for _, r := range rows {
		perSec, p50, p99 := r.median()
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%.0f\t%.1f\t%.2f\t%.2f\t\n", r.method, sizeName(r.size), r.concurrency, r.ops(),
			perSec, perSec*float64(r.size)/1e6, milliseconds(p50), milliseconds(p99))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "medians of %d rounds of %v\n", o.rounds, o.length)
	return err
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func printJSON(w io.Writer, rows []row) error {
	enc := json.NewEncoder(w)
	for _, r := range rows {
		perSec, p50, p99 := r.median()
		err := enc.Encode(map[string]any{
			"operation": r.method, "size": r.size, "clients": r.concurrency, "requests": r.ops(), "rounds": len(r.rounds),
			"ops_per_s": perSec, "mb_per_s": perSec * float64(r.size) / 1e6, "p50_ms": milliseconds(p50), "p99_ms": milliseconds(p99),
		})
		if err != nil {
			return err
		}
	}
	return nil
}
