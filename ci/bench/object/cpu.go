package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// tick is the unit of times in /proc (USER_HZ).
const tick = 10 * time.Millisecond

// used is the CPU time so far of the server with its children and of this
// process.
func (s *server) used() (server, client time.Duration, err error) {
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		return 0, 0, err
	}
	if server, err = treeTime(s.daemon.PID()); err != nil {
		return 0, 0, err
	}
	return server, time.Duration(own.Utime.Nano() + own.Stime.Nano()), nil
}

// treeTime adds up a process and what it forked.
func treeTime(root int) (time.Duration, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	procs := map[int]proc{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		b, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue // it has ended
		}
		if procs[pid], err = parseStat(b); err != nil {
			return 0, err
		}
	}
	if _, ok := procs[root]; !ok {
		return 0, fmt.Errorf("process %d has ended", root)
	}
	var total time.Duration
	for pid, p := range procs {
		up := pid
		for up != root && up > 1 {
			up = procs[up].parent
		}
		if up == root {
			total += p.time
		}
	}
	return total, nil
}

type proc struct {
	parent int
	time   time.Duration // of itself and of children that it has waited for
}

// parseStat reads /proc/<pid>/stat. The name of the command, in brackets, may
// hold anything.
func parseStat(b []byte) (p proc, err error) {
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	const parent, first, last = 1, 11, 14 // ppid; utime, stime, cutime, cstime
	if len(f) <= last {
		return p, fmt.Errorf("/proc/<pid>/stat is %q", b)
	}
	if p.parent, err = strconv.Atoi(string(f[parent])); err != nil {
		return p, err
	}
	for _, v := range f[first : last+1] {
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			return p, err
		}
		p.time += time.Duration(n) * tick
	}
	return p, nil
}
