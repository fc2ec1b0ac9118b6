package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"apus/impl/swift"
)

// closeCounter counts how often a body is closed.
type closeCounter struct {
	io.Reader
	closed int
}

func (c *closeCounter) Close() error { c.closed++; return nil }

func TestReadAll(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		name   string
		body   io.Reader
		length int64
		limit  int64
		want   string
		err    error
		kind   swift.Kind
	}{
		{"empty", strings.NewReader(""), 0, 10, "", nil, 0},
		{"of its length", strings.NewReader(strings.Repeat("x", 5000)), 5000, 5000, strings.Repeat("x", 5000), nil, 0},
		{"a byte at a time", iotest.OneByteReader(strings.NewReader(strings.Repeat("x", 2000))), 2000, 5000, strings.Repeat("x", 2000), nil, 0},
		{"of unknown length", strings.NewReader(strings.Repeat("x", 5000)), -1, 5000, strings.Repeat("x", 5000), nil, 0},
		{"longer than it says", strings.NewReader(strings.Repeat("x", 3000)), 1000, 5000, strings.Repeat("x", 3000), nil, 0},
		{"shorter than it says", strings.NewReader("x"), 1 << 40, 5000, "x", nil, 0},
		{"over the limit", strings.NewReader(strings.Repeat("x", 5001)), 5001, 5000, "", nil, swift.TooLarge},
		{"data with the end", iotest.DataErrReader(strings.NewReader(strings.Repeat("x", 600))), 600, 5000, strings.Repeat("x", 600), nil, 0},
		{"broken", io.MultiReader(strings.NewReader("x"), iotest.ErrReader(broken)), 2, 10, "x", broken, 0},
		{"broken by an end", iotest.ErrReader(fmt.Errorf("connection: %w", io.EOF)), 2, 10, "", io.EOF, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := &closeCounter{Reader: c.body}
			resp := &Response{Body: body, ContentLength: c.length}
			b, err := resp.ReadAll(c.limit)
			require.Equal(t, 1, body.closed)
			require.Equal(t, c.want, string(b))
			switch {
			case c.err != nil:
				require.ErrorIs(t, err, c.err)
			case c.kind != 0:
				require.Equal(t, c.kind, swift.KindOf(err))
			default:
				require.NoError(t, err)
			}
		})
	}
}

func TestReadUpTo(t *testing.T) {
	for name, body := range map[string]io.ReadCloser{"text": Bytes("abcdef"), "slice": Slice([]byte("abcdef"))} {
		resp := &Response{Body: body, ContentLength: 6}
		b, whole, err := resp.ReadUpTo(5)
		require.NoError(t, err, name)
		require.False(t, whole, name)
		rest, err := io.ReadAll(resp.Body)
		require.NoError(t, err, name)
		require.Equal(t, "abcdef", string(b)+string(rest), name)
	}
}

func TestSlice(t *testing.T) {
	all := []byte("abcdef")
	resp := &Response{Body: Slice(all), ContentLength: 6}
	_, err := resp.Body.Read(make([]byte, 2))
	require.NoError(t, err)
	b, err := resp.ReadAll(4)
	require.NoError(t, err)
	require.Equal(t, "cdef", string(b))
	require.Same(t, &all[2], &b[0], "nothing was copied")
	n, err := resp.Body.Read(make([]byte, 2))
	require.Equal(t, 0, n)
	require.Equal(t, io.EOF, err)

	var out bytes.Buffer
	body := Slice(all)
	_, err = body.(io.WriterTo).WriteTo(&out)
	require.NoError(t, err)
	require.Equal(t, "abcdef", out.String())
	at, err := body.(io.Seeker).Seek(1, io.SeekStart)
	require.NoError(t, err)
	require.EqualValues(t, 1, at)
	rest, err := (&Response{Body: body}).ReadAll(10)
	require.NoError(t, err)
	require.Equal(t, "bcdef", string(rest))
}

// TestSub: what a filter does for a client has his rights, but not those of a
// reseller, which quotas and settings of containers do not ask about.
func TestSub(t *testing.T) {
	req := NewRequest("PUT", "/v1/a/c/o")
	req.Owner, req.Reseller = true, true
	req.Header = http.Header{"User-Agent": {"u"}, "Referer": {"r"}, "X-Auth-Token": {"t"}}
	sub, own := req.Sub("GET", "/v1/a/c", "X"), req.PreAuthorized("HEAD", "/v1/a/c", "X")
	for _, s := range []*Request{sub, own} {
		if !s.Owner || s.Reseller || s.Meta != req.Meta || s.Source != "X" || len(s.Header) != 2 || s.Header.Get("Referer") != "r" {
			t.Errorf("%+v", s)
		}
	}
	if sub.AuthorizeOverride || !own.AuthorizeOverride {
		t.Error("who authorizes?")
	}
}
