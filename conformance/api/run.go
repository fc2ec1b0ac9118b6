package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"apus/conformance/target"
)

// Options of a run.
type Options struct {
	// Match is a glob over case IDs, or several with commas between them;
	// empty runs all.
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

// Run authenticates and runs the cases. Results are in the order of Cases. When
// the context ends, those so far come with its error.
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
	picked, err := pick(Cases(), o.Match)
	if err != nil {
		return nil, err
	}
	return runAll(ctx, t, info, picked, o), ctx.Err()
}

// pick keeps the cases whose ID matches a glob, or one of several that commas
// separate; empty keeps all.
func pick(cases []Case, globs string) ([]Case, error) {
	if globs == "" {
		return cases, nil
	}
	var picked []Case
	for _, c := range cases {
		for glob := range strings.SplitSeq(globs, ",") {
			ok, err := path.Match(glob, c.ID)
			if err != nil {
				return nil, fmt.Errorf("--match %q: %w", glob, err)
			}
			if ok {
				picked = append(picked, c)
				break
			}
		}
	}
	return picked, nil
}

// runAll runs cases, several at once. What a run that is ended does not come
// to is skipped.
func runAll(ctx context.Context, t *target.Target, info map[string]any, cases []Case, o Options) []Result {
	results := make([]Result, len(cases))
	next := make(chan int)
	var wait sync.WaitGroup
	var mu sync.Mutex
	for range max(o.Jobs, 1) {
		wait.Go(func() {
			for i := range next {
				if err := ctx.Err(); err != nil {
					results[i] = Result{Case: cases[i], ID: cases[i].ID, Verdict: Skipped, Message: "the run was ended: " + err.Error()}
				} else {
					results[i] = cases[i].Run(ctx, t, info, o.Name)
				}
				if o.Done != nil {
					mu.Lock()
					o.Done(results[i])
					mu.Unlock()
				}
			}
		})
	}
	for i := range cases {
		next <- i
	}
	close(next)
	wait.Wait()
	return results
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
