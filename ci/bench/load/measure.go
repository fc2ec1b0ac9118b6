package load

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Operation is what the clients of a row do.
type Operation string

// Operations.
const (
	Put  Operation = "PUT"  // new objects, and after a while over old ones
	Get  Operation = "GET"  // objects that Prepare stored
	List Operation = "LIST" // the container that Listing names
)

// Row is one line of a table.
type Row struct {
	Op      Operation
	Size    int // bytes of an object, names of a listing
	Clients int
	Rounds  []Sample
}

// Sample is one round of a row.
type Sample struct {
	Ops      int
	PerSec   float64
	P50, P99 time.Duration
}

// Name is the row in words.
func (r Row) Name() string { return fmt.Sprintf("%s of %s with %d", r.Op, r.SizeName(), r.Clients) }

// SizeName is the size with its unit.
func (r Row) SizeName() string {
	switch {
	case r.Op == List:
		return fmt.Sprintf("%d names", r.Size)
	case r.Size >= 1<<20:
		return fmt.Sprintf("%d MiB", r.Size>>20)
	}
	return fmt.Sprintf("%d KiB", r.Size>>10)
}

// Median of the rounds, field by field; Ops is the sum.
func (r Row) Median() Sample {
	middle := func(value func(Sample) float64) float64 {
		var v []float64
		for _, s := range r.Rounds {
			v = append(v, value(s))
		}
		slices.Sort(v)
		return (v[len(v)/2] + v[(len(v)-1)/2]) / 2
	}
	m := Sample{
		PerSec: middle(func(s Sample) float64 { return s.PerSec }),
		P50:    time.Duration(middle(func(s Sample) float64 { return float64(s.P50) })),
		P99:    time.Duration(middle(func(s Sample) float64 { return float64(s.P99) })),
	}
	for _, s := range r.Rounds {
		m.Ops += s.Ops
	}
	return m
}

// Endpoint is a cluster under measurement.
type Endpoint struct {
	Host, Base, Token string // Base is the path of the account
	bodies            map[int][]byte
	puts              atomic.Int64 // names used
}

const (
	container = "bench"
	// Listing is the container that List reads; somebody else fills it.
	Listing = "bench-list"
	// readable is how many objects of each size Get chooses from.
	readable = 64
	// written bounds the bytes of each size that Put leaves behind; after that
	// it overwrites.
	written = 512 << 20
)

// Login authenticates at a plain HTTP auth URL.
func Login(auth, user, key string) (*Endpoint, error) {
	u, err := url.Parse(auth)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("auth URL %q is not a plain HTTP URL such as http://127.0.0.1:8080/auth/v1.0", auth)
	}
	c := &client{host: u.Host}
	defer c.close()
	r, err := c.do("GET", u.RequestURI(), fmt.Sprintf("X-Auth-User: %s\r\nX-Auth-Key: %s\r\n", user, key), nil, nil)
	if err != nil {
		return nil, fmt.Errorf("authenticating: %w", err)
	}
	storage, err := url.Parse(r.storage)
	if err != nil || r.status/100 != 2 || r.token == "" {
		return nil, fmt.Errorf("authenticating at %s as %s: status %d, X-Storage-Url %q", auth, user, r.status, r.storage)
	}
	return &Endpoint{Host: storage.Host, Base: storage.EscapedPath(), Token: r.token, bodies: map[int][]byte{}}, nil
}

func (e *Endpoint) client() *client { return &client{host: e.Host, token: e.Token} }

func readName(size, i int) string { return fmt.Sprintf("get-%d-%d", size, i) }

// Prepare makes the containers and stores what the rows' GETs read.
func (e *Endpoint) Prepare(ctx context.Context, rows []Row) error {
	for _, name := range []string{container, Listing} {
		if err := e.Create(ctx, name, nil); err != nil {
			return err
		}
	}
	chance := rand.NewChaCha8([32]byte{})
	for _, r := range rows {
		if r.Op == List || e.bodies[r.Size] != nil {
			continue
		}
		body := make([]byte, r.Size)
		_, _ = chance.Read(body) // never fails
		e.bodies[r.Size] = body
		for i := range readable {
			if err := e.Create(ctx, container+"/"+readName(r.Size, i), body); err != nil {
				return err
			}
		}
	}
	return nil
}

// Create makes a container, or an object of a container.
func (e *Endpoint) Create(ctx context.Context, path string, body []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := e.client()
	defer c.close()
	r, err := c.do("PUT", e.Base+"/"+path, "", [][]byte{body}, nil)
	if err == nil && r.status/100 != 2 {
		err = fmt.Errorf("PUT %s: status %d", path, r.status)
	}
	return err
}

// Measure does one round of a row. Any answer but success ends it.
func (e *Endpoint) Measure(ctx context.Context, r Row, length time.Duration) (Sample, error) {
	var wait sync.WaitGroup
	took := make([][]time.Duration, r.Clients)
	errs := make([]error, r.Clients)
	begun := time.Now()
	for i := range r.Clients {
		wait.Go(func() {
			c := e.client()
			defer c.close()
			for time.Since(begun) < length && errs[i] == nil && ctx.Err() == nil {
				at := time.Now()
				errs[i] = e.one(c, r)
				took[i] = append(took[i], time.Since(at))
			}
		})
	}
	wait.Wait()
	elapsed := time.Since(begun)
	for _, err := range append(errs, ctx.Err()) {
		if err != nil {
			return Sample{}, fmt.Errorf("%s: %w", r.Name(), err)
		}
	}
	all := slices.Concat(took...)
	slices.Sort(all)
	return Sample{
		Ops: len(all), PerSec: float64(len(all)) / elapsed.Seconds(),
		P50: all[len(all)/2], P99: all[len(all)*99/100],
	}, nil
}

// one does one operation and compares what it reads with what is there.
func (e *Endpoint) one(c *client, r Row) error {
	switch r.Op {
	case Put:
		name := fmt.Sprintf("put-%d-%d", r.Size, e.puts.Add(1)%int64(written/r.Size))
		// No two objects are equal, as the metadata of equal ones differ in so
		// few digits that ext4, which looks for equal blocks of extended
		// attributes by a weak hash, compares most of them with each other.
		body := [][]byte{[]byte(name), e.bodies[r.Size][len(name):]}
		return e.expect(c, "PUT", container+"/"+name, body, 201, nil)
	case Get:
		return e.expect(c, "GET", container+"/"+readName(r.Size, rand.IntN(readable)), nil, 200, e.bodies[r.Size])
	default:
		names := 0
		got, err := c.do("GET", fmt.Sprintf("%s/%s?limit=%d", e.Base, Listing, r.Size), "", nil, func(piece []byte) {
			names += bytes.Count(piece, []byte("\n"))
		})
		if err == nil && (got.status != 200 || names != r.Size) {
			err = fmt.Errorf("status %d with %d names instead of 200 with %d", got.status, names, r.Size)
		}
		return err
	}
}

func (e *Endpoint) expect(c *client, method, path string, send [][]byte, status int, body []byte) error {
	have, same := 0, true
	got, err := c.do(method, e.Base+"/"+path, "", send, func(piece []byte) {
		if body != nil {
			same = same && bytes.HasPrefix(body[min(have, len(body)):], piece)
		}
		have += len(piece)
	})
	switch {
	case err != nil:
		return err
	case got.status != status:
		return fmt.Errorf("status %d instead of %d", got.status, status)
	case body != nil && (!same || have != len(body)):
		return fmt.Errorf("%d bytes that are not the %d that were stored", have, len(body))
	}
	return nil
}
