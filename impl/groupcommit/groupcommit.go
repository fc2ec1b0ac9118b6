// Package groupcommit lets those who make what they did on one file system
// durable at the same time do so together: one syncfs instead of an fsync for
// every file and directory of each of them.
package groupcommit

import "sync"

// Group is who shares a file system. The zero value is ready; a Group must not
// be copied.
type Group struct {
	mu struct {
		sync.Mutex
		busy bool
		next *batch // who waits for the one at work; nil if nobody
	}
}

// batch is those who will be served by one sync.
type batch struct {
	n    int
	lead chan struct{} // holds a token when the batch's turn has come
	done chan struct{} // closed after the sync
	err  error         // valid once done is closed
}

// Commit returns when everything the caller did before is durable: by alone,
// which syncs what the caller did and no more, if nobody else is there, or by
// one all, which syncs the file system, of somebody who waits at the same time.
// The result of that is everybody's.
func (g *Group) Commit(alone, all func() error) error {
	g.mu.Lock()
	if !g.mu.busy {
		g.mu.busy = true
		g.mu.Unlock()
		defer g.release()
		return alone()
	}
	if g.mu.next == nil {
		g.mu.next = &batch{lead: make(chan struct{}, 1), done: make(chan struct{})}
	}
	b := g.mu.next
	b.n++
	g.mu.Unlock()
	select {
	case <-b.done:
		return b.err
	case <-b.lead:
	}
	defer g.release()
	return g.serve(b, alone, all)
}

// serve closes the batch for newcomers and syncs for all in it.
func (g *Group) serve(b *batch, alone, all func() error) error {
	g.mu.Lock()
	g.mu.next = nil
	n := b.n
	g.mu.Unlock()
	if n == 1 {
		return alone()
	}
	b.err = all()
	close(b.done)
	return b.err
}

// release lets the next batch elect a leader among its members.
func (g *Group) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.next == nil {
		g.mu.busy = false
		return
	}
	g.mu.next.lead <- struct{}{}
}
