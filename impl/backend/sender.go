package backend

// startSender starts the goroutine that writes the body, unless it runs.
func (p *Put) startSender() {
	if p.sender == nil {
		p.sender = make(chan struct{})
		go p.send()
	}
}

// send is the goroutine that writes the queue to the node.
func (p *Put) send() {
	defer close(p.sender)
	select {
	case <-p.asked:
	case <-p.over:
	}
	for !p.Over() {
		select {
		case c, ok := <-p.queue:
			if !ok {
				p.writeEnd()
				return
			}
			p.write(c)
			c.Release()
		case <-p.over:
		}
	}
}

// write writes a piece of the body. What goes wrong shows in the exchange.
func (p *Put) write(c *Chunk) {
	b := c.Bytes()
	switch {
	case p.quit || len(b) == 0:
		return
	case len(p.sink.fit(b)) < len(b):
		p.giveUp(errLongBody)
		return
	}
	if int64(len(b)) == p.sink.left {
		p.last.Store(true)
	}
	if err := p.sink.write(b, p.x.limit); err != nil {
		p.giveUp(err)
	} else if p.sink.left == 0 {
		p.allWritten()
	}
}

// writeEnd writes the end of the body.
func (p *Put) writeEnd() {
	switch {
	case p.quit:
		return
	case p.sink.left > 0:
		p.giveUp(errShortBody)
		return
	}
	p.last.Store(true)
	if err := p.sink.end(p.x.limit); err != nil {
		p.giveUp(err)
		return
	}
	p.allWritten()
}

// allWritten gives the node its time to answer, now that it has everything.
func (p *Put) allWritten() {
	p.x.patience()
	p.quit, p.whole = true, true
	close(p.wrote)
}

// giveUp ends the writing. A connection that is broken may still hold the
// answer, which then comes at once.
func (p *Put) giveUp(err error) {
	p.quit = true
	close(p.wrote)
	switch {
	case timedOut(err):
		p.cancel(errTooSlow)
	case err == errShortBody || err == errLongBody:
		p.cancel(err)
	default:
		p.x.patience()
	}
}
