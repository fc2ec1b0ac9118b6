package diskfile

import "sync"

// committer makes what several writers of one device did durable together.
type committer struct {
	syncAll func() error
	mu      struct {
		sync.Mutex
		busy bool
		next *batch // who waits for the one at work; nil if nobody
	}
}

// batch is writers that will be served by one sync.
type batch struct {
	n    int
	lead chan struct{} // holds a token when the batch's turn has come
	done chan struct{} // closed after the sync
	err  error         // valid once done is closed
}

// commit returns when everything the caller did before is durable. A caller
// who meets nobody runs alone instead of syncing the whole device. The result
// of a shared sync is everybody's.
func (c *committer) commit(alone func() error) error {
	c.mu.Lock()
	if !c.mu.busy {
		c.mu.busy = true
		c.mu.Unlock()
		defer c.release()
		return alone()
	}
	if c.mu.next == nil {
		c.mu.next = &batch{lead: make(chan struct{}, 1), done: make(chan struct{})}
	}
	b := c.mu.next
	b.n++
	c.mu.Unlock()
	select {
	case <-b.done:
		return b.err
	case <-b.lead:
	}
	defer c.release()
	return c.serve(b, alone)
}

// serve closes the batch for newcomers and syncs for all in it.
func (c *committer) serve(b *batch, alone func() error) error {
	c.mu.Lock()
	c.mu.next = nil
	n := b.n
	c.mu.Unlock()
	if n == 1 {
		return alone()
	}
	b.err = c.syncAll()
	close(b.done)
	return b.err
}

// release lets the next batch elect a leader among its members.
func (c *committer) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.next == nil {
		c.mu.busy = false
		return
	}
	c.mu.next.lead <- struct{}{}
}
