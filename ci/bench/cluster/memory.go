package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"apus/ci/bench/load"
)

const (
	hugeSize  = 1 << 30
	hugeName  = "bench-huge"
	slowFor   = 20 * time.Second
	slowRead  = 64 << 10 // bytes at a time, then a pause
	slowPause = 100 * time.Millisecond
	// memoryLimit is what the proxy may have resident meanwhile.
	memoryLimit = 200 << 20
)

// watchMemory reads a huge object with many clients that are slow, and fails
// when the proxy's resident memory exceeds its limit.
func (s *side) watchMemory(ctx context.Context, readers int) error {
	if err := s.load.Create(ctx, hugeName, nil); err != nil {
		return err
	}
	if err := s.putHuge(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, slowFor)
	defer cancel()
	var wait sync.WaitGroup
	var started atomic.Int64
	errs := make([]error, readers)
	for i := range readers {
		wait.Go(func() { errs[i] = readSlowly(ctx, s.load, &started) })
	}
	var most int64
	for ctx.Err() == nil {
		now, err := resident(s.cluster.Proxies[0].PID())
		if err != nil {
			return err
		}
		most = max(most, now)
		select {
		case <-time.After(slowPause):
		case <-ctx.Done():
		}
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("a slow reader: %w", err)
		}
	}
	fmt.Printf("memory of the proxy with %d slow readers of 1 GiB, %d reading at once: at most %d MiB (limit %d MiB)\n",
		readers, started.Load(), most>>20, memoryLimit>>20)
	if most > memoryLimit {
		return fmt.Errorf("the proxy took %d MiB for %d slow readers, more than %d", most>>20, readers, memoryLimit>>20)
	}
	return nil
}

// zeros is an endless body.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func (s *side) putHuge(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+s.load.Host+s.load.Base+"/"+hugeName+"/o", io.LimitReader(zeros{}, hugeSize))
	if err != nil {
		return err
	}
	req.ContentLength = hugeSize
	req.Header.Set("X-Auth-Token", s.load.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("PUT of 1 GiB: %s", resp.Status)
	}
	return nil
}

// readSlowly reads until ctx ends, little at a time, with a small receive
// buffer, so that what it does not read waits in the proxy.
func readSlowly(ctx context.Context, e *load.Endpoint, started *atomic.Int64) error {
	c, err := net.Dial("tcp", e.Host)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.(*net.TCPConn).SetReadBuffer(slowRead); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c, "GET %s/%s/o HTTP/1.1\r\nHost: x\r\nX-Auth-Token: %s\r\n\r\n", e.Base, hugeName, e.Token); err != nil {
		return err
	}
	in := bufio.NewReaderSize(c, slowRead)
	line, err := in.ReadSlice('\n')
	if err != nil || !bytes.Contains(line, []byte(" 200 ")) {
		return fmt.Errorf("answered %q: %w", line, err)
	}
	started.Add(1)
	buf := make([]byte, slowRead)
	for ctx.Err() == nil {
		if _, err := io.ReadFull(in, buf); err != nil {
			return err
		}
		select {
		case <-time.After(slowPause):
		case <-ctx.Done():
		}
	}
	return nil
}

// resident is the memory of a process in bytes.
func resident(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	f := bytes.Fields(b)
	if len(f) < 2 {
		return 0, fmt.Errorf("/proc/%d/statm is %q", pid, b)
	}
	pages, err := strconv.ParseInt(string(f[1]), 10, 64)
	return pages * int64(os.Getpagesize()), err
}
