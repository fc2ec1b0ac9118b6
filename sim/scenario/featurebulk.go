package scenario

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// archive is a tar of files.
func archive(names []string, content string) (string, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range names {
		err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Format: tar.FormatUSTAR})
		if err == nil {
			_, err = w.Write([]byte(content))
		}
		if err != nil {
			return "", err
		}
	}
	err := w.Close()
	return b.String(), err
}

// bulk is archives and lists of names.
func (f *features) bulk(ctx context.Context) ([]end, error) {
	if err := f.store(ctx, "/tar", nil, nil); err != nil {
		return nil, err
	}
	text, err := archive([]string{"a", "b", "c/d", "e"}, f.text(featureLeast/2))
	return append(f.archives(text), f.lists()...), err
}

// lists are the ends of deletions of many objects.
func (f *features) lists() []end {
	var all []string
	for i := range 12 {
		all = append(all, fmt.Sprintf("/doomed/%d", i))
	}
	refill := func(ctx context.Context) error {
		objects := map[string]string{}
		for _, name := range all {
			objects[name] = name
		}
		_, err := f.want(ctx, 201, "PUT", "/doomed", "", nil)
		if err != nil {
			_, err = f.want(ctx, 202, "PUT", "/doomed", "", nil)
		}
		for _, name := range all {
			_, wrong := f.want(ctx, 201, "PUT", name, objects[name], nil)
			err = errors.Join(err, wrong)
		}
		return err
	}
	return []end{
		{name: "a list of names", run: func(ctx context.Context) error {
			err := errors.Join(refill(ctx), f.reported(ctx, "POST", "?bulk-delete", strings.Join(append(all, "/doomed"), "\n"), "200"))
			return errors.Join(err, f.head(ctx, all[5], 404))
		}},
		{name: "a list of names that are not there", run: func(ctx context.Context) error {
			return f.reported(ctx, "POST", "?bulk-delete", "/tar/none\n/tar/none2\n", "200")
		}},
		{name: "a list of names that is cut", run: func(ctx context.Context) error {
			return errors.Join(refill(ctx), f.cut(ctx, "POST", "?bulk-delete", strings.Join(all, "\n"), 20, nil), f.head(ctx, all[5], 200))
		}},
		{name: "the client leaves a list of names", run: func(ctx context.Context) error {
			return errors.Join(refill(ctx), f.abandon(ctx, "POST", "?bulk-delete", strings.Join(all, "\n"), f.patience(), nil))
		}},
		{name: "a container that is not empty", run: func(ctx context.Context) error {
			return errors.Join(refill(ctx), f.reported(ctx, "POST", "?bulk-delete", "/doomed", "400"))
		}},
	}
}

// archives are the ends of storing an archive with the files a, b, c/d and e.
func (f *features) archives(text string) []end {
	return []end{
		{name: "an archive", run: func(ctx context.Context) error {
			path := f.fresh("tar")
			return errors.Join(f.reported(ctx, "PUT", path+"?extract-archive=tar", text, "201"), f.head(ctx, path+"/e", 200))
		}},
		{name: "an archive into a new container", run: func(ctx context.Context) error {
			container := f.fresh("")[1:]
			return errors.Join(f.reported(ctx, "PUT", container+"?extract-archive=tar", text, "201"), f.head(ctx, container+"/c/d", 200))
		}},
		{name: "an archive that is cut", run: func(ctx context.Context) error {
			path := f.fresh("tar")
			err := f.cut(ctx, "PUT", path+"?extract-archive=tar", text, f.rng.IntN(len(text)-featureLeast/2), nil)
			return errors.Join(err, f.head(ctx, path+"/e", 404))
		}},
		{name: "the client leaves an archive", run: func(ctx context.Context) error {
			return f.abandon(ctx, "PUT", f.fresh("tar")+"?extract-archive=tar", text, f.patience(), nil)
		}},
		{name: "an archive that is none", run: func(ctx context.Context) error {
			return f.reported(ctx, "PUT", "/tar?extract-archive=tar", f.text(featureLeast), "400")
		}},
		{name: "an archive of a wrong sort", run: func(ctx context.Context) error {
			return f.reported(ctx, "PUT", "/tar?extract-archive=tar.gz", text, "400")
		}},
		{name: "an archive that ends early", run: func(ctx context.Context) error {
			return f.reported(ctx, "PUT", f.fresh("tar")+"?extract-archive=tar", text[:len(text)/2], "400")
		}},
		f.fixed("an archive of a sort that nobody knows", 400, "PUT", "/tar?extract-archive=zip", text, nil),
	}
}

// head checks the status of a HEAD.
func (f *features) head(ctx context.Context, path string, status int) error {
	_, err := f.want(ctx, status, "HEAD", path, "", nil)
	return err
}

// reported makes a bulk request and reads its report.
func (f *features) reported(ctx context.Context, method, path, body, status string) error {
	text, err := f.want(ctx, 200, method, path, body, header{"Accept": "application/json", "Content-Type": "text/plain"})
	if err == nil && !strings.Contains(string(text), `"Response Status":"`+status) {
		err = fmt.Errorf("%s %s reports %.300s, want %s", method, path, text, status)
	}
	return err
}

// form is what a browser sends.
type form struct {
	path, redirect, key string
	size, count         int
	expires             time.Time
	files               []string // contents
}

const boundary = "----apusboundary"

// body is the form; fields are signed as they are.
func (k *client) formBody(m form) string {
	var b strings.Builder
	field := func(name, value string) {
		fmt.Fprintf(&b, "--%s\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n", boundary, name, value)
	}
	signed := fmt.Sprintf("%s\n%s\n%d\n%d\n%d", k.account+m.path, m.redirect, m.size, m.count, m.expires.Unix())
	field("redirect", m.redirect)
	field("max_file_size", fmt.Sprint(m.size))
	field("max_file_count", fmt.Sprint(m.count))
	field("expires", fmt.Sprint(m.expires.Unix()))
	field("signature", signature(m.key, signed))
	for i, content := range m.files {
		fmt.Fprintf(&b, "--%s\r\nContent-Disposition: form-data; name=\"file%d\"; filename=\"file%d\"\r\nContent-Type: text/plain\r\n\r\n%s\r\n", boundary, i, i, content)
	}
	fmt.Fprintf(&b, "--%s--\r\n", boundary)
	return b.String()
}

// formpost is uploads from signed forms.
func (f *features) formpost(ctx context.Context) ([]end, error) {
	err := f.store(ctx, "/forms", header{"X-Container-Meta-Temp-Url-Key": urlKey}, nil)
	content := []string{f.text(featureLeast), f.text(featureLeast)}
	h := header{"Content-Type": "multipart/form-data; boundary=" + boundary}
	draft := func(change func(m *form)) form {
		m := form{path: f.fresh("forms") + "/", key: urlKey, size: featureLeast, count: 2, expires: f.now().Add(24 * 365 * time.Hour), files: content}
		change(&m)
		return m
	}
	send := func(name string, status int, stored bool, change func(m *form)) end {
		return end{name: name, run: func(ctx context.Context) error {
			m := draft(change)
			_, err := f.anonymous.want(ctx, status, "POST", m.path, f.formBody(m), h)
			return errors.Join(err, f.head(ctx, m.path+"file0", map[bool]int{true: 200, false: 404}[stored]))
		}}
	}
	return []end{
		send("a form", 201, true, func(*form) {}),
		send("a form with a redirect", 303, true, func(m *form) { m.redirect = "http://example.com/thanks" }),
		send("a file is too large", 400, false, func(m *form) { m.size = featureLeast - 1 }),
		send("too many files", 400, true, func(m *form) { m.count = 1 }),
		send("a form without files", 400, false, func(m *form) { m.files = nil }),
		send("too late", 401, false, func(m *form) { m.expires = f.now().Add(-time.Hour) }),
		send("a wrong signature", 401, false, func(m *form) { m.key = "other" }),
		{name: "a form that is cut", run: func(ctx context.Context) error {
			m := draft(func(*form) {})
			text := f.formBody(m)
			err := f.anonymous.cut(ctx, "POST", m.path, text, f.rng.IntN(len(text)-100), h)
			return errors.Join(err, f.head(ctx, m.path+"file1", 404))
		}},
		{name: "the client leaves a form", run: func(ctx context.Context) error {
			m := draft(func(*form) {})
			return f.anonymous.abandon(ctx, "POST", m.path, f.formBody(m), f.patience(), h)
		}},
		{name: "a form that ends early", run: func(ctx context.Context) error {
			m := draft(func(*form) {})
			text := f.formBody(m)
			_, _, err := f.anonymous.do(ctx, "POST", m.path, text[:len(text)-featureLeast/2], h)
			return err
		}},
	}, err
}
