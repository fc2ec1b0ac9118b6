package cnamelookup_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"apus/impl/config"
	"apus/impl/host"
	"apus/impl/memcache"
	"apus/impl/middleware"
	"apus/impl/middleware/cnamelookup"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

// zone is a resolver that counts.
type zone struct {
	records map[string]string
	asked   int
	err     error
}

func (z *zone) CNAME(_ context.Context, domain string) (string, time.Duration, error) {
	z.asked++
	return z.records[domain], 10 * time.Second, z.err
}

func filter(t *testing.T, z *zone, options string) web.Filter {
	t.Helper()
	f, _ := webtest.Filter(t, cnamelookup.With(z), &host.Host{}, options, nil)
	return f
}

func TestLookup(t *testing.T) {
	webtest.TrackBodies(t)
	const deep, no = "lookup_depth = 2", "CNAME lookup failed to resolve to a valid domain"
	z := &zone{records: map[string]string{
		"my.org": "c.a.example.com", "far.org": "my.org", "farther.org": "far.org", "self.org": "self.org", "out.org": "other.org",
	}}
	for _, tt := range []struct{ options, host, want, wrong string }{
		{"", "example.com", "example.com", ""},
		{"", "c.a.example.com:80", "c.a.example.com:80", ""},
		{"", "127.0.0.1", "127.0.0.1", ""},
		{"", "127.0.0.1:8080", "127.0.0.1:8080", ""},
		{"", "[::1]:8080", "[::1]:8080", ""},
		{"", "", "", ""},
		{"", "my.org", "c.a.example.com", ""},
		{"", "my.org:8080", "c.a.example.com:8080", ""},
		{"", "far.org", "", "CNAME lookup failed after 1 tries"},
		{deep, "far.org", "c.a.example.com", ""},
		{deep, "farther.org", "", "CNAME lookup failed after 2 tries"},
		{deep, "self.org", "", no},
		{deep, "out.org", "", no},
		{"", "none.org", "", no},
		{"", "badexample.com", "", no},
		{"storage_domain = ", "none.org", "none.org", ""},
		{"storage_domain = one.net, .org.two", "org.two", "org.two", ""},
	} {
		next := webtest.NewNext(webtest.Answer(299, ""))
		req := webtest.Request("GET", "/")
		req.Host = tt.host
		got := webtest.Do(filter(t, z, tt.options)(next), req)
		if tt.wrong != "" {
			if got.Status != 400 || got.Body != tt.wrong || got.Header.Get("Content-Type") != "text/plain" {
				t.Errorf("%+v: %+v", tt, got)
			}
			continue
		}
		if got.Status != 299 || next.Last().Host != tt.want || req.Host != tt.host {
			t.Errorf("%+v: %d, %v", tt, got.Status, next.Last())
		}
	}
}

func TestRedirects(t *testing.T) {
	webtest.TrackBodies(t)
	z := &zone{records: map[string]string{"my.org": "a.example.com"}}
	for location, want := range map[string]string{
		"http://a.example.com:81/x/": "http://my.org:81/x/", "https://a.example.com:81": "https://my.org:81",
		"http://a.example.com:811/x": "http://a.example.com:811/x", "/x/": "/x/", "http://other/": "http://other/",
	} {
		req := webtest.Request("GET", "/x")
		req.Host = "my.org:81"
		got := webtest.Do(filter(t, z, "")(webtest.NewNext(webtest.Answer(301, "", "Location", location))), req)
		if got.Header.Get("Location") != want {
			t.Errorf("%s: %s", location, got.Header.Get("Location"))
		}
	}
}

func TestAnswersAreKept(t *testing.T) {
	webtest.TrackBodies(t)
	clock := webtest.NewClock(1000)
	cache := memcache.NewLocal(1<<20, clock)
	z := &zone{records: map[string]string{"my.org": "a.example.com"}}
	ask := func(host string, want, asked int) {
		t.Helper()
		req := webtest.Request("GET", "/")
		req.Host, req.Meta.Cache = host, cache
		if got := webtest.Do(filter(t, z, "")(webtest.NewNext(webtest.Answer(299, ""))), req); got.Status != want || z.asked != asked {
			t.Errorf("%s: %d after %d questions", host, got.Status, z.asked)
		}
	}
	ask("my.org", 299, 1)
	ask("my.org", 299, 1)
	ask("none.org", 400, 2)
	ask("none.org", 400, 2)
	clock.Advance(time.Minute)
	ask("my.org", 299, 3)
	z.err = errors.New("no answer")
	ask("down.org", 400, 4)
	ask("down.org", 400, 5)
	if v, ok := cache.Get(t.Context(), "cname-my.org"); !ok || string(v) != `"a.example.com"` {
		t.Errorf("kept %q", v)
	}
}

// wire is a network with one name server.
type wire struct {
	host.Net
	answer func(q dnsmessage.Message) *dnsmessage.Message // nil: silence
	raw    []byte
	dialed []string
}

func (w *wire) Dial(_ context.Context, addr string) (net.Conn, error) {
	w.dialed = append(w.dialed, addr)
	if strings.HasPrefix(addr, "10.0.0.1:") {
		return nil, errors.New("refused")
	}
	client, server := net.Pipe()
	go w.serve(server)
	return client, nil
}

func (w *wire) serve(c net.Conn) {
	defer c.Close()
	var n [2]byte
	if _, err := io.ReadFull(c, n[:]); err != nil {
		return
	}
	text := make([]byte, binary.BigEndian.Uint16(n[:]))
	var q dnsmessage.Message
	if _, err := io.ReadFull(c, text); err != nil || q.Unpack(text) != nil {
		return
	}
	answer := w.raw
	if answer == nil {
		a := w.answer(q)
		if a == nil {
			_, _ = c.Read(n[:]) // until the other end gives up
			return
		}
		answer, _ = a.Pack()
	}
	_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
}

func reply(code dnsmessage.RCode, records ...dnsmessage.ResourceBody) func(dnsmessage.Message) *dnsmessage.Message {
	return func(q dnsmessage.Message) *dnsmessage.Message {
		a := &dnsmessage.Message{Header: dnsmessage.Header{ID: q.ID, Response: true, RCode: code}, Questions: q.Questions}
		for _, r := range records {
			a.Answers = append(a.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Questions[0].Name, Class: dnsmessage.ClassINET, TTL: 30}, Body: r,
			})
		}
		return a
	}
}

func TestDNS(t *testing.T) {
	cname := &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("a.example.com.")}
	for _, tt := range []struct {
		name, servers, host string
		w                   *wire
		status              int
		dialed              []string
	}{
		{"found", "10.0.0.2", "my.org", &wire{answer: reply(dnsmessage.RCodeSuccess, cname)}, 299, []string{"10.0.0.2:53"}},
		{"port", "10.0.0.2:5353", "my.org", &wire{answer: reply(dnsmessage.RCodeSuccess, cname)}, 299, []string{"10.0.0.2:5353"}},
		{"behind others", "[::2]:54", "my.org", &wire{answer: reply(dnsmessage.RCodeSuccess, &dnsmessage.AResource{}, cname)}, 299, []string{"[::2]:54"}},
		{"second server", "10.0.0.1, ::3", "my.org", &wire{answer: reply(dnsmessage.RCodeSuccess, cname)}, 299, []string{"10.0.0.1:53", "[::3]:53"}},
		{"no record", "10.0.0.2, 10.0.0.3", "my.org", &wire{answer: reply(dnsmessage.RCodeSuccess)}, 400, []string{"10.0.0.2:53"}},
		{"no domain", "10.0.0.2, 10.0.0.3", "my.org", &wire{answer: reply(dnsmessage.RCodeNameError)}, 400, []string{"10.0.0.2:53"}},
		{"refused", "10.0.0.2, 10.0.0.3", "my.org", &wire{answer: reply(dnsmessage.RCodeRefused)}, 400, []string{"10.0.0.2:53", "10.0.0.3:53"}},
		{"garbage", "10.0.0.2", "my.org", &wire{raw: []byte("garbage")}, 400, []string{"10.0.0.2:53"}},
		{"silence", "10.0.0.2, 10.0.0.3", "my.org", &wire{answer: func(dnsmessage.Message) *dnsmessage.Message { return nil }}, 400, []string{"10.0.0.2:53", "10.0.0.3:53"}},
		{"stranger's", "10.0.0.2", "my.org", &wire{answer: func(q dnsmessage.Message) *dnsmessage.Message {
			q.ID++
			return reply(dnsmessage.RCodeSuccess, cname)(q)
		}}, 400, []string{"10.0.0.2:53"}},
		{"no name", "10.0.0.2", strings.Repeat("x", 64) + ".org", &wire{}, 400, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				webtest.TrackBodies(t)
				f, _ := webtest.Filter(t, cnamelookup.New, &host.Host{Net: tt.w}, "nameservers = "+tt.servers, nil)
				next := webtest.NewNext(webtest.Answer(299, ""))
				req := webtest.Request("GET", "/")
				req.Host = tt.host
				if got := webtest.Do(f(next), req); got.Status != tt.status || !reflect.DeepEqual(tt.w.dialed, tt.dialed) {
					t.Errorf("%d %s; dialed %v", got.Status, got.Body, tt.w.dialed)
				}
			})
		})
	}
}

func TestNameserversAreAddresses(t *testing.T) {
	for value, ok := range map[string]bool{"dns.example.com": false, "10.0.0.1:x": false, "10.0.0.1, ::1": true} {
		file, err := config.Parse("[filter:x]\nnameservers = "+value, "x")
		if err != nil {
			t.Fatal(err)
		}
		env := &middleware.Env{Host: &host.Host{}, Info: middleware.NewCapabilities()}
		if _, err := cnamelookup.New(env, file.Section("filter:x")); err != nil || (file.Err() == nil) != ok {
			t.Errorf("%s: %v %v", value, err, file.Err())
		}
		if v, _ := env.Info.Public()["cname_lookup"].(map[string]any); v["lookup_depth"] != int64(1) {
			t.Errorf("in /info: %v", v)
		}
	}
}
