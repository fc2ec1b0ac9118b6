package scenario

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"time"
)

// readable is something that can be read in several ways.
type readable struct {
	what    string
	path    string // below the account, with its query
	content string
	h       header
	by      *client
	// single says that several ranges are answered with everything.
	single bool
}

// etag asks for what conditions are compared with.
func (f *features) etag(ctx context.Context, t readable) (string, error) {
	h, err := t.by.answered(ctx, 200, "HEAD", t.path, "", t.h)
	return h.Get("Etag"), err
}

// reads are the early ends of reading it.
func (f *features) reads(t readable) []end {
	if t.by == nil {
		t.by = f.client
	}
	var ends []end
	add := func(name string, run func(ctx context.Context) error) {
		ends = append(ends, end{name: t.what + ", " + name, run: run})
	}
	size := len(t.content)
	add("whole", func(ctx context.Context) error { return f.compare(ctx, t, nil, 200, t.content) })
	add("HEAD", func(ctx context.Context) error { return f.headed(ctx, t) })
	add("the client leaves half-way", func(ctx context.Context) error { return t.by.leave(ctx, t.path, int64(size/2), t.h) })
	add("the client leaves after the first bytes", func(ctx context.Context) error { return t.by.leave(ctx, t.path, 1, t.h) })
	add("the client stops reading, then leaves", func(ctx context.Context) error {
		return t.by.stall(ctx, t.path, 1, time.Second, t.h)
	})
	low := f.rng.IntN(size / 2)
	high := low + f.rng.IntN(size/2)
	one := t.with("Range", fmt.Sprintf("bytes=%d-%d", low, high))
	many := t.with("Range", fmt.Sprintf("bytes=0-%d,%d-%d", low/2, low/2+1, high))
	add("a range", func(ctx context.Context) error { return f.compare(ctx, t, one, 206, t.content[low:high+1]) })
	add("several ranges", func(ctx context.Context) error {
		if t.single {
			return f.compare(ctx, t, many, 200, t.content)
		}
		return f.parts(ctx, t, many, t.content[:low/2+1], t.content[low/2+1:high+1])
	})
	add("the client leaves in a range", func(ctx context.Context) error { return t.by.leave(ctx, t.path, 1, one) })
	add("the client leaves in several ranges", func(ctx context.Context) error { return t.by.leave(ctx, t.path, 1, many) })
	add("storage connections are reset", func(ctx context.Context) error { return f.resets(ctx, t) })
	return append(ends, f.refusals(t)...)
}

// refusals are the ends without a body.
func (f *features) refusals(t readable) []end {
	var ends []end
	for _, c := range []struct {
		name          string
		status        int
		header, value string
	}{
		{"If-None-Match", 304, "If-None-Match", "*"},
		{"If-Modified-Since", 304, "If-Modified-Since", "Thu, 01 Jan 2037 00:00:00 GMT"},
		{"If-Match", 412, "If-Match", "other"},
		{"If-Unmodified-Since", 412, "If-Unmodified-Since", "Mon, 01 Jan 2001 00:00:00 GMT"},
		{"a range beyond the end", 416, "Range", "bytes=99999999-"},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			if method == "HEAD" && c.status == 416 {
				continue // a HEAD has no ranges
			}
			ends = append(ends, end{name: fmt.Sprintf("%s, %d to %s with %s", t.what, c.status, method, c.name), run: func(ctx context.Context) error {
				_, err := t.by.want(ctx, c.status, method, t.path, "", t.with(c.header, c.value))
				return err
			}})
		}
	}
	return append(ends, end{name: t.what + ", 304 to GET with its ETag", run: func(ctx context.Context) error {
		etag, err := f.etag(ctx, t)
		if err == nil {
			_, err = t.by.want(ctx, 304, "GET", t.path, "", t.with("If-None-Match", etag))
		}
		return err
	}})
}

// with is the headers of t and one more.
func (t readable) with(name, value string) header {
	h := header{name: value}
	for k, v := range t.h {
		h[k] = v
	}
	return h
}

// compare reads and compares.
func (f *features) compare(ctx context.Context, t readable, h header, status int, content string) error {
	if h == nil {
		h = t.h
	}
	text, err := t.by.want(ctx, status, "GET", t.path, "", h)
	if err == nil && string(text) != content {
		err = fmt.Errorf("GET %s: %d bytes that differ from the %d that were expected", t.path, len(text), len(content))
	}
	return err
}

func (f *features) headed(ctx context.Context, t readable) error {
	h, err := t.by.answered(ctx, 200, "HEAD", t.path, "", t.h)
	if n := h.Get("Content-Length"); err == nil && n != fmt.Sprint(len(t.content)) {
		err = fmt.Errorf("HEAD %s: Content-Length is %s, want %d", t.path, n, len(t.content))
	}
	return err
}

// parts compares a multipart answer.
func (f *features) parts(ctx context.Context, t readable, h header, want ...string) error {
	resp, err := t.by.send(ctx, "GET", t.by.account+t.path, "", h)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || resp.StatusCode != 206 {
		return fmt.Errorf("%d with Content-Type %q to several ranges", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	mr := multipart.NewReader(resp.Body, params["boundary"])
	for i, content := range want {
		p, err := mr.NextRawPart()
		if err != nil {
			return fmt.Errorf("range %d: %w", i, err)
		}
		text, err := io.ReadAll(p)
		if err != nil || string(text) != content {
			return fmt.Errorf("range %d: %d bytes that differ from the %d that were expected (%w)", i, len(text), len(content), err)
		}
	}
	if _, err := mr.NextRawPart(); err != io.EOF {
		return fmt.Errorf("after the last range: %w, want EOF", err)
	}
	return nil
}

// resets downloads while every storage node resets its connections once.
func (f *features) resets(ctx context.Context, t readable) error {
	undo, err := f.reset(ctx)
	if err != nil {
		return err
	}
	status, text, err := t.by.do(ctx, "GET", t.path, "", t.h)
	return errors.Join(undo(ctx), disturbed(t.content, status, text, err))
}

// broken reads what must be found to be incomplete after at most so many
// bytes, when the status is sent already.
func (f *features) broken(ctx context.Context, path string, most int) error {
	status, text, err := f.do(ctx, "GET", path, "", nil)
	switch {
	case status == 0:
		return err
	case status != 200:
		return fmt.Errorf("GET %s answers %d, want 200 and a body that breaks off", path, status)
	case err == nil:
		return fmt.Errorf("GET %s brings %d bytes and no error", path, len(text))
	case len(text) > most:
		return fmt.Errorf("GET %s brings %d bytes, at most %d are good", path, len(text), most)
	}
	return nil
}

// text is fresh content.
func (f *features) text(size int) string {
	return strings.Repeat(fmt.Sprintf("%016x ", f.rng.Uint64()), size/17+1)[:size]
}

// size is that of a segment.
func (f *features) size() int { return featureLeast + f.rng.IntN(50_000) }

// fresh is a path that no other end uses.
func (f *features) fresh(container string) string {
	f.names++
	return fmt.Sprintf("/%s/fresh%d", container, f.names)
}

// fixed is an end whose status is certain.
func (f *features) fixed(name string, status int, method, path, body string, h header) end {
	return end{name: name, run: func(ctx context.Context) error {
		_, err := f.want(ctx, status, method, path, body, h)
		return err
	}}
}
