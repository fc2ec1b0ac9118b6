package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"sync"
	"time"

	"apus/conformance/target"
)

// Options of a run.
type Options struct {
	// Match is a glob over case IDs; empty runs all.
	Match string
	// Jobs is how many cases run at once; 0 is 1.
	Jobs int
	// Done is told of each result as it comes, from one goroutine at a time;
	// may be nil.
	Done func(Result)
	// Name distinguishes this run's containers from those of others on the
	// same endpoint; empty takes the time.
	Name string
}

// Run authenticates and runs the cases. Results are in the order of Cases.
func Run(ctx context.Context, t *target.Target, o Options) ([]Result, error) {
	if err := t.Authenticate(ctx); err != nil {
		return nil, err
	}
	info, err := readInfo(ctx, t)
	if err != nil {
		return nil, err
	}
	if o.Name == "" {
		o.Name = strconv.FormatInt(time.Now().UnixNano(), 36)
	}
	var picked []Case
	for _, c := range Cases() {
		ok, err := path.Match(o.Match, c.ID)
		if err != nil {
			return nil, fmt.Errorf("--match %q: %w", o.Match, err)
		}
		if o.Match == "" || ok {
			picked = append(picked, c)
		}
	}
	results := make([]Result, len(picked))
	next := make(chan int)
	var wait sync.WaitGroup
	var mu sync.Mutex
	for range max(o.Jobs, 1) {
		wait.Go(func() {
			for i := range next {
				results[i] = picked[i].Run(ctx, t, info, o.Name)
				if o.Done != nil {
					mu.Lock()
					o.Done(results[i])
					mu.Unlock()
				}
			}
		})
	}
	for i := range picked {
		next <- i
	}
	close(next)
	wait.Wait()
	return results, ctx.Err()
}

// readInfo is GET /info; an endpoint without it has no optional features.
func readInfo(ctx context.Context, t *target.Target) (map[string]any, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.Root()+"/info", nil)
	if err != nil {
		return nil, err
	}
	resp, err := t.Client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("GET /info: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("GET /info: %w", err)
	}
	info := map[string]any{}
	if resp.StatusCode != http.StatusOK {
		return info, nil
	}
	if err := json.Unmarshal(text, &info); err != nil {
		return nil, fmt.Errorf("GET /info: the answer is not JSON: %w", err)
	}
	return info, nil
}

// entry is one row of a JSON listing.
type entry struct {
	Name         string `json:"name"`
	Subdir       string `json:"subdir"`
	Bytes        int64  `json:"bytes"`
	Count        int64  `json:"count"`
	Hash         string `json:"hash"`
	ContentType  string `json:"content_type"`
	LastModified string `json:"last_modified"`
}

// decodeListing reads a JSON listing; what is none gives nothing.
func decodeListing(resp *http.Response) []entry {
	var rows []entry
	if resp.StatusCode == http.StatusOK {
		_ = json.NewDecoder(resp.Body).Decode(&rows)
	}
	return rows
}
