package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	partPower = 10
	size      = 4 << 10
	// readable is how many objects GETs choose from.
	readable = 256
	// requestLimit is how long requests may take after the end of a round.
	requestLimit = 30 * time.Second
)

var filling = bytes.Repeat([]byte("0123456789abcdef"), size/16)

// appendBody appends what an object holds. No two hold the same: ext4 looks for
// blocks of extended attributes that it can share by a weak hash, and metadata
// that differ in a few digits, as those of equal bodies do, all fall on the
// same few hashes, so that a server's time would go into comparing them.
func appendBody(out []byte, name string) []byte {
	return append(append(out, name...), filling[len(name):]...)
}

// sample is one round.
type sample struct {
	perSec         float64
	p50, p99       time.Duration
	server, client time.Duration // CPU for a request
}

// median of the rounds, field by field.
func median(rounds []sample) sample {
	middle := func(value func(sample) float64) float64 {
		var v []float64
		for _, s := range rounds {
			v = append(v, value(s))
		}
		slices.Sort(v)
		return (v[len(v)/2] + v[(len(v)-1)/2]) / 2
	}
	took := func(value func(sample) time.Duration) time.Duration {
		return time.Duration(middle(func(s sample) float64 { return float64(value(s)) }))
	}
	return sample{
		perSec: middle(func(s sample) float64 { return s.perSec }),
		p50:    took(func(s sample) time.Duration { return s.p50 }),
		p99:    took(func(s sample) time.Duration { return s.p99 }),
		server: took(func(s sample) time.Duration { return s.server }),
		client: took(func(s sample) time.Duration { return s.client }),
	}
}

// clock gives every PUT a later timestamp and a new name.
var clock atomic.Int64

// target is the path of an object on the servers, without the device.
func target(out []byte, name string) []byte {
	path := "/AUTH_bench/c/" + name
	sum := md5.Sum([]byte(path + "bench"))
	out = strconv.AppendUint(out, uint64(binary.BigEndian.Uint32(sum[:4])>>(32-partPower)), 10)
	return append(out, path...)
}

const head = " HTTP/1.1\r\nHost: x\r\nX-Backend-Storage-Policy-Index: 0\r\n"

func getRequest(name string) []byte {
	return append(target([]byte("GET /d1/"), name), head+"\r\n"...)
}

// putRequest appends a PUT of a new object.
func putRequest(out []byte, name string) []byte {
	n := clock.Add(1)
	out = append(target(append(out, "PUT /d1/"...), name), head...)
	out = fmt.Appendf(out, "X-Timestamp: %d.%05d\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n",
		1700000000+n/100000, n%100000, size)
	return appendBody(out, name)
}

// get is a GET and the body it must bring.
type get struct{ request, body []byte }

func readName(i int) string { return "read-" + strconv.Itoa(i) }

// prepare stores what GETs read.
func (s *server) prepare(ctx context.Context) error {
	c, err := s.dial(requestLimit)
	if err != nil {
		return err
	}
	defer c.Close()
	for i := range readable {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.out = putRequest(c.out[:0], readName(i))
		if err := c.do(c.out, http.StatusCreated, nil); err != nil {
			return fmt.Errorf("%s: %w", s.make, err)
		}
		s.gets = append(s.gets, get{getRequest(readName(i)), appendBody(nil, readName(i))})
	}
	return nil
}

// measure does one round. Any answer but success ends it.
func (s *server) measure(ctx context.Context, method string, o options) (sample, error) {
	var wait sync.WaitGroup
	took, errs := make([][]time.Duration, o.clients), make([]error, o.clients)
	server, client, err := s.used()
	if err != nil {
		return sample{}, err
	}
	begun := time.Now()
	for i := range o.clients {
		wait.Go(func() { took[i], errs[i] = s.work(ctx, method, i, begun, o.length) })
	}
	wait.Wait()
	elapsed := time.Since(begun)
	for _, err := range append(errs, ctx.Err()) {
		if err != nil {
			return sample{}, err
		}
	}
	serverEnd, clientEnd, err := s.used()
	if err != nil {
		return sample{}, err
	}
	all := slices.Concat(took...)
	slices.Sort(all)
	n := time.Duration(len(all))
	return sample{
		perSec: float64(n) / elapsed.Seconds(), p50: all[n/2], p99: all[n*99/100],
		server: (serverEnd - server) / n, client: (clientEnd - client) / n,
	}, nil
}

// work is one client.
func (s *server) work(ctx context.Context, method string, client int, begun time.Time, length time.Duration) (took []time.Duration, err error) {
	c, err := s.dial(length + requestLimit)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	took = make([]time.Duration, 0, 1<<14)
	status := http.StatusOK
	if method == http.MethodPut {
		status = http.StatusCreated
	}
	at := time.Now()
	for i := 0; at.Sub(begun) < length && ctx.Err() == nil; i++ {
		do := s.gets[(client*31+i)%readable]
		if method == http.MethodPut {
			c.out = putRequest(c.out[:0], "put-"+strconv.Itoa(client)+"-"+strconv.FormatInt(clock.Load(), 10))
			do = get{request: c.out}
		}
		if err := c.do(do.request, status, do.body); err != nil {
			return took, err
		}
		now := time.Now()
		took = append(took, now.Sub(at))
		at = now
	}
	return took, nil
}
