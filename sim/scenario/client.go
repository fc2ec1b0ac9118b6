package scenario

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing/iotest"
	"time"

	"apus/impl/host"
	"apus/sim/cluster"
)

// client is a Swift client of a scenario that says request by request what
// happens. Each request has a connection of its own, so that hanging up is
// what it says.
type client struct {
	http    *http.Client
	base    string // "http://10.0.1.1:8080"
	token   string
	account string // "/v1/AUTH_test"
}

const clientTimeout = 5 * time.Minute

// dial makes a client on the i-th client machine and authenticates it.
func dial(ctx context.Context, c *cluster.Cluster, i int) (*client, error) {
	addr := c.ProxyAddrs()[i%len(c.ProxyAddrs())]
	return dialNet(ctx, c.Client(i), "http://"+addr)
}

// dialNet makes a client over any network.
func dialNet(ctx context.Context, n host.Net, base string) (*client, error) {
	k := &client{base: base, http: &http.Client{
		Timeout:       clientTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:       func(ctx context.Context, _, addr string) (net.Conn, error) { return n.Dial(ctx, addr) },
			DisableKeepAlives: true, DisableCompression: true,
		},
	}}
	return k.as(ctx, cluster.AuthUser, cluster.AuthKey)
}

// as is a client like k of another user, with the account of that.
func (k *client) as(ctx context.Context, user, key string) (*client, error) {
	other := *k
	k = &other
	k.token = ""
	resp, err := k.send(ctx, "GET", "/auth/v1.0", "", header{"X-Auth-User": user, "X-Auth-Key": key})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	k.token = resp.Header.Get("X-Auth-Token")
	_, path, ok := strings.Cut(strings.TrimPrefix(resp.Header.Get("X-Storage-Url"), "http://"), "/")
	if k.token == "" || !ok {
		return nil, fmt.Errorf("authentication answers %s without token or storage URL", resp.Status)
	}
	k.account = "/" + path
	return k, nil
}

// header is the headers of a request.
type header map[string]string

// send sends a request for an encoded path. The caller closes the body.
func (k *client) send(ctx context.Context, method, path, body string, h header) (*http.Response, error) {
	var rd io.Reader
	if body != "" || method == "PUT" {
		rd = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, k.base+path, rd)
	if err != nil {
		return nil, err
	}
	k.dress(req, h)
	return k.http.Do(req)
}

// dress sets the headers of a request.
func (k *client) dress(req *http.Request, h header) {
	if k.token != "" {
		req.Header.Set("X-Auth-Token", k.token)
	}
	for key, v := range h {
		req.Header.Set(key, v)
	}
}

// do sends a request below the account and returns status and whole body. An
// error with a status is of a body that did not end as announced.
func (k *client) do(ctx context.Context, method, path, body string, h header) (int, []byte, error) {
	resp, err := k.send(ctx, method, k.account+path, body, h)
	if err != nil {
		return 0, nil, err
	}
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, text, errors.Join(err, resp.Body.Close())
}

// want is do for requests whose status is certain.
func (k *client) want(ctx context.Context, status int, method, path, body string, h header) ([]byte, error) {
	got, text, err := k.do(ctx, method, path, body, h)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if got != status {
		return nil, fmt.Errorf("%s %s answers %d, want %d: %.200s", method, path, got, status, text)
	}
	return text, nil
}

// leave sends a GET, reads so many bytes and hangs up.
func (k *client) leave(ctx context.Context, path string, after int64, h header) error {
	return k.stall(ctx, path, after, 0, h)
}

// stall is leave with a pause before it, in which everything on the way to the
// client fills up: the proxy then learns of it when it writes and not when it
// reads.
func (k *client) stall(ctx context.Context, path string, after int64, pause time.Duration, h header) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	resp, err := k.send(ctx, "GET", k.account+path, "", h)
	if err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("GET %s answers %d", path, resp.StatusCode)
	}
	if _, err := io.CopyN(io.Discard, resp.Body, after); err != nil {
		return fmt.Errorf("GET %s: after less than %d bytes: %w", path, after, err)
	}
	time.Sleep(pause)
	return nil
}

// errCut ends a body that the client stops sending.
var errCut = errors.New("the client stops sending")

// cut sends the first bytes of a body whose length is announced, then hangs
// up. What the server says to that is of no interest, but it is not success.
func (k *client) cut(ctx context.Context, method, path, body string, after int, h header) error {
	rd := io.MultiReader(strings.NewReader(body[:after]), iotest.ErrReader(errCut))
	req, err := http.NewRequestWithContext(ctx, method, k.base+k.account+path, rd)
	if err != nil {
		return err
	}
	req.ContentLength = int64(len(body))
	k.dress(req, h)
	resp, err := k.http.Do(req)
	if err != nil {
		return nil
	}
	if resp.StatusCode/100 == 2 && len(body) > after {
		err = fmt.Errorf("%s %s of %d of %d bytes answers %d", method, path, after, len(body), resp.StatusCode)
	}
	return errors.Join(err, resp.Body.Close())
}

// abandon sends a request and hangs up after a time, whatever has come until
// then.
func (k *client) abandon(ctx context.Context, method, path, body string, after time.Duration, h header) error {
	ctx, cancel := context.WithTimeout(ctx, after)
	defer cancel()
	resp, err := k.send(ctx, method, k.account+path, body, h)
	if err != nil {
		return nil
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.Body.Close()
}

// answered is want for those who need the headers of the answer.
func (k *client) answered(ctx context.Context, status int, method, path, body string, h header) (http.Header, error) {
	resp, err := k.send(ctx, method, k.account+path, body, h)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	text, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if resp.StatusCode != status {
		return nil, fmt.Errorf("%s %s answers %d, want %d: %.200s", method, path, resp.StatusCode, status, text)
	}
	return resp.Header, nil
}

// leaveAnswer reads one byte of an answer, whatever it is, and hangs up.
func (k *client) leaveAnswer(ctx context.Context, status int, method, path, body string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	resp, err := k.send(ctx, method, k.account+path, body, nil)
	if err != nil {
		return err
	}
	if resp.StatusCode != status {
		err = fmt.Errorf("%s %s answers %d, want %d", method, path, resp.StatusCode, status)
	}
	_, wrong := io.CopyN(io.Discard, resp.Body, 1)
	cancel()
	_ = resp.Body.Close()
	return errors.Join(err, wrong)
}
