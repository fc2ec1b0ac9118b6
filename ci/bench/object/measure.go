package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
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
	// requestLimit bounds one request.
	requestLimit = 30 * time.Second
)

// body is what every object holds.
var body = bytes.Repeat([]byte("0123456789abcdef"), size/16)

// sample is one round.
type sample struct {
	perSec   float64
	p50, p99 time.Duration
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
	return sample{
		perSec: middle(func(s sample) float64 { return s.perSec }),
		p50:    time.Duration(middle(func(s sample) float64 { return float64(s.p50) })),
		p99:    time.Duration(middle(func(s sample) float64 { return float64(s.p99) })),
	}
}

// conn is one keep-alive connection.
type conn struct {
	net.Conn
	in *bufio.Reader
}

func (s *server) dial() (*conn, error) {
	c, err := net.DialTimeout("tcp", s.addr, requestLimit)
	if err != nil {
		return nil, err
	}
	return &conn{c, bufio.NewReaderSize(c, 16<<10)}, nil
}

// clock gives every request a later timestamp.
var clock atomic.Int64

func (c *conn) do(method, name string) error {
	path := "/AUTH_bench/c/" + name
	sum := md5.Sum([]byte(path + "bench"))
	part := binary.BigEndian.Uint32(sum[:4]) >> (32 - partPower)
	var head bytes.Buffer
	fmt.Fprintf(&head, "%s /d1/%d%s HTTP/1.1\r\nHost: x\r\n", method, part, path)
	if method == http.MethodPut {
		n := clock.Add(1)
		fmt.Fprintf(&head, "X-Timestamp: %d.%05d\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n",
			1700000000+n/100000, n%100000, size)
	}
	head.WriteString("X-Backend-Storage-Policy-Index: 0\r\n\r\n")
	parts := net.Buffers{head.Bytes()}
	if method == http.MethodPut {
		parts = append(parts, body)
	}
	if err := c.SetDeadline(time.Now().Add(requestLimit)); err != nil {
		return err
	}
	if _, err := parts.WriteTo(c); err != nil {
		return err
	}
	status, length, err := c.answer()
	switch {
	case err != nil:
		return err
	case method == http.MethodPut && status != 201, method == http.MethodGet && (status != 200 || length != size):
		return fmt.Errorf("%s %s: status %d with %d bytes", method, name, status, length)
	}
	return nil
}

var errAnswer = errors.New("an answer is no HTTP with a Content-Length")

// answer reads an answer to its end. It looks at no more than it needs, so
// that the client takes little of the machine that it shares with the servers.
func (c *conn) answer() (status, length int, err error) {
	length = -1
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if status == 0 {
			if len(line) < len("HTTP/1.1 200") {
				return 0, 0, errAnswer
			}
			status, err = strconv.Atoi(string(line[9:12]))
		} else if name, value, _ := bytes.Cut(line, []byte(":")); bytes.EqualFold(name, []byte("Content-Length")) {
			length, err = strconv.Atoi(string(bytes.TrimSpace(value)))
		}
		if err != nil {
			return 0, 0, err
		}
	}
	if length < 0 {
		return status, 0, errAnswer
	}
	_, err = c.in.Discard(length)
	return status, length, err
}

// prepare stores what GETs read.
func (s *server) prepare(ctx context.Context) error {
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	for i := range readable {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.do(http.MethodPut, fmt.Sprintf("read-%d", i)); err != nil {
			return fmt.Errorf("%s: %w", s.make, err)
		}
	}
	return nil
}

// measure does one round. Any answer but success ends it.
func (s *server) measure(ctx context.Context, method string, o options) (sample, error) {
	var wait sync.WaitGroup
	took, errs := make([][]time.Duration, o.clients), make([]error, o.clients)
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
	all := slices.Concat(took...)
	slices.Sort(all)
	return sample{float64(len(all)) / elapsed.Seconds(), all[len(all)/2], all[len(all)*99/100]}, nil
}

// work is one client.
func (s *server) work(ctx context.Context, method string, client int, begun time.Time, length time.Duration) (took []time.Duration, err error) {
	c, err := s.dial()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	for i := 0; time.Since(begun) < length && ctx.Err() == nil; i++ {
		name := fmt.Sprintf("read-%d", (client*31+i)%readable)
		if method == http.MethodPut {
			name = fmt.Sprintf("put-%d-%d", client, clock.Load())
		}
		at := time.Now()
		if err := c.do(method, name); err != nil {
			return took, err
		}
		took = append(took, time.Since(at))
	}
	return took, nil
}
