package updater

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"apus/impl/backend"
	"apus/impl/diskfile"
	"apus/impl/object"
	"apus/impl/policy"
	"apus/impl/ring"
	"apus/impl/swift"
)

// answer is what one container server made of an update.
type answer struct {
	ok       bool
	redirect string // where it wants it instead
	since    swift.Timestamp
}

// deliver sends u to the primaries that do not have it and notes in u what
// came of it.
func (p *pass) deliver(ctx context.Context, pol *policy.Policy, u *diskfile.Update) outcome {
	r, err := p.rings.Ring("container")
	if err != nil {
		p.log(ctx, slog.LevelError, "no container ring", slog.Any("error", err))
		return outcome{}
	}
	where := destination(u)
	part := r.Partition(p.swift.Hasher.Hash(where))
	header := p.header(pol, u)
	var nodes []*ring.Device
	for _, dev := range r.Primaries(part) {
		if !slices.Contains(u.Successes, dev.ID) {
			nodes = append(nodes, dev)
		}
	}
	answers := make([]answer, len(nodes))
	var wg sync.WaitGroup
	for i, dev := range nodes {
		wg.Go(func() {
			answers[i] = p.ask(ctx, &backend.Request{
				Method: u.Op, Addr: dev.ReplicationAddr(), Header: header.Clone(),
				Path: "/" + dev.Device + "/" + strconv.FormatUint(uint64(part), 10) + where.String() + "/" + u.Object,
			})
		})
	}
	wg.Wait()
	return note(u, nodes, answers)
}

// destination is the container that takes u: a shard, if one was named.
func destination(u *diskfile.Update) swift.Path {
	if a, c, ok := strings.Cut(u.ContainerPath, "/"); ok {
		return swift.Path{Account: a, Container: c}
	}
	return swift.Path{Account: u.Account, Container: u.Container}
}

// note is the pure part of deliver.
func note(u *diskfile.Update, nodes []*ring.Device, answers []answer) outcome {
	done := true
	var latest answer
	for i, a := range answers {
		if a.ok {
			u.Successes = append(u.Successes, nodes[i].ID)
			continue
		}
		done = false
		if a.redirect != "" && (latest.redirect == "" || a.since.After(latest.since)) {
			latest = a
		}
	}
	if !done && latest.redirect != "" {
		follow(u, latest.redirect)
		return outcome{redirected: true}
	}
	return outcome{done: done}
}

func (p *pass) header(pol *policy.Policy, u *diskfile.Update) http.Header {
	h := http.Header{}
	h.Set("X-Backend-Storage-Policy-Index", strconv.Itoa(pol.Index))
	h.Set("X-Backend-Accept-Redirect", "true")
	h.Set("X-Backend-Accept-Quoted-Location", "true")
	for k, v := range u.Headers {
		h.Set(k, v)
	}
	h.Set("User-Agent", "object-updater "+p.host.Name)
	return h
}

func (p *pass) ask(ctx context.Context, req *backend.Request) answer {
	resp, err := p.client.Do(ctx, req)
	if err != nil {
		p.log(ctx, slog.LevelWarn, "container server cannot be told", slog.Any("error", err))
		return answer{}
	}
	defer resp.Discard()
	if resp.OK() {
		return answer{ok: true}
	}
	p.log(ctx, slog.LevelDebug, "container server refuses an update",
		slog.String("node", req.Addr), slog.String("path", req.Path), slog.Int("status", resp.Status))
	if resp.Status == http.StatusMovedPermanently {
		if target, since, ok := object.Redirect(resp.Header); ok {
			return answer{redirect: target, since: since}
		}
	}
	return answer{}
}
