package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// Farm runs jobs in worker processes.
type Farm struct {
	// Command is the argument vector of the process that calls [Work]. The
	// process finds the job on its standard input, as JSON: a job with a
	// whole workload in its options is too long for an argument.
	Command func(Job) []string
	// Workers is how many run at a time.
	Workers int
	// Limit is the wall-clock time after which a worker is ended. It is asked
	// for its goroutines first.
	Limit time.Duration
}

// Limits of what a farm keeps and waits for.
const (
	keptOutput = 1 << 20 // bytes of a worker's output
	dumpTime   = 10 * time.Second
)

// Run runs the jobs and tells each result as it comes in, one at a time. It
// ends early when ctx ends or a worker cannot be started.
func (f *Farm) Run(ctx context.Context, jobs iter.Seq[Job], each func(Result)) error {
	group, ctx := errgroup.WithContext(ctx)
	queue := make(chan Job)
	group.Go(func() error {
		defer close(queue)
		for job := range jobs {
			select {
			case queue <- job:
			case <-ctx.Done():
				return nil
			}
		}
		return nil
	})
	var mu sync.Mutex
	for range max(1, f.Workers) {
		group.Go(func() error {
			for job := range queue {
				result, err := f.One(ctx, job)
				if ctx.Err() != nil {
					return nil
				}
				if err != nil {
					return err
				}
				mu.Lock()
				each(result)
				mu.Unlock()
			}
			return nil
		})
	}
	return group.Wait()
}

// One runs one job.
func (f *Farm) One(ctx context.Context, job Job) (Result, error) {
	result := Result{Job: job}
	reader, writer, err := os.Pipe()
	if err != nil {
		return result, err
	}
	defer reader.Close()
	encoded, err := json.Marshal(job)
	if err != nil {
		writer.Close()
		return result, err
	}
	events, environ, err := openEvents(job.EventLog)
	if err != nil {
		writer.Close()
		return result, err
	}
	defer events.Close() // the worker writes and closes its own
	argv := f.Command(job)
	output := &tail{limit: keptOutput}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Args[0] = "worker"
	cmd.Dir = "/"
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(encoded), output, output
	cmd.ExtraFiles = []*os.File{writer, events}
	cmd.Env = environ
	begun := time.Now()
	err = cmd.Start()
	writer.Close()
	if err != nil {
		return result, fmt.Errorf("starting a worker: %w", err)
	}
	ended := make(chan struct{})
	hung := make(chan bool, 1)
	go func() { hung <- f.watch(ctx, cmd.Process, ended) }()
	reported, readErr := io.ReadAll(reader)
	waitErr := cmd.Wait()
	close(ended)
	f.judge(&result, reported, readErr, waitErr, <-hung, output)
	result.Wall = time.Since(begun)
	result.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		result.MaxRSS = usage.Maxrss << 10
	}
	return result, nil
}

// watch ends a worker that takes too long and says whether it had to.
func (f *Farm) watch(ctx context.Context, worker *os.Process, ended <-chan struct{}) bool {
	limit := time.NewTimer(f.Limit)
	defer limit.Stop()
	if f.Limit <= 0 {
		limit.Stop()
	}
	select {
	case <-ended:
		return false
	case <-ctx.Done():
		_ = worker.Kill() // fails only if it has ended
		return false
	case <-limit.C:
	}
	_ = worker.Signal(syscall.SIGQUIT)
	select {
	case <-ended:
	case <-time.After(dumpTime):
		_ = worker.Kill()
	}
	return true
}

func (f *Farm) judge(result *Result, reported []byte, readErr, waitErr error, hung bool, output *tail) {
	job := result.Job
	if readErr == nil && waitErr == nil && json.Unmarshal(reported, result) == nil {
		return
	}
	kind := "crash"
	if hung {
		kind = "hang"
	}
	status := "exit status 0 without a report"
	if waitErr != nil {
		status = waitErr.Error()
	}
	*result = Result{Job: job, Engine: Engine, Crash: &Crash{Kind: kind, Status: status, Output: output.String()}}
}

// openEvents returns the file for the text of events and the environment of a
// worker. That, its arguments and its directory are the same for every run of a
// job on every machine, because even their size moves things in memory.
func openEvents(path string) (*os.File, []string, error) {
	wish := withEvents
	if path == "" {
		path, wish = os.DevNull, withoutText
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, nil, err
	}
	return file, []string{
		workerEnv + "=" + wish,
		"GODEBUG=asyncpreemptoff=1,gcstoptheworld=2",
		"GOGC=off",
		"GOMAXPROCS=1",
		"GOTRACEBACK=all",
		"HOME=/",
		"PATH=/usr/bin:/bin",
		"TZ=UTC",
	}, nil
}

// tail keeps the beginning and the end of what is written to it.
type tail struct {
	limit int
	mu    sync.Mutex
	head  []byte
	rest  []byte
	lost  int
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(b)
	if room := t.limit/2 - len(t.head); room > 0 {
		k := min(room, len(b))
		t.head = append(t.head, b[:k]...)
		b = b[k:]
	}
	t.rest = append(t.rest, b...)
	if over := len(t.rest) - t.limit/2; over > t.limit/2 {
		t.lost += over
		t.rest = append(t.rest[:0], t.rest[over:]...)
	}
	return n, nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b bytes.Buffer
	b.Write(t.head)
	if t.lost > 0 {
		fmt.Fprintf(&b, "\n… %d bytes left out …\n", t.lost)
	}
	b.Write(t.rest)
	return b.String()
}
