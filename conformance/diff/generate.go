package diff

import (
	"path"
	"strings"

	"pgregory.net/rapid"
)

// op draws one request.
type op func(g *gen) Request

// theme is a feature: what a sequence about it starts with, and its requests.
type theme struct {
	name   string
	weight int
	// start draws the requests that make what the others refer to.
	start func(g *gen) []Request
	ops   []op
	// shared themes leave containers as they are.
	shared bool
	// private themes need an account of their own.
	private bool
}

// gen draws a sequence.
type gen struct {
	t *rapid.T
}

// index draws a number below n, each as likely as the others. Rapid's own
// integers prefer small ones, which for a choice of words is no merit.
func (g *gen) index(n int) int {
	u, bits := 0, 4
	for m := n - 1; m > 0; m >>= 1 {
		bits++
	}
	coin := rapid.Bool()
	for range bits {
		u <<= 1
		if coin.Draw(g.t, "bit") {
			u |= 1
		}
	}
	return u % n
}

func pick[T any](g *gen, list ...T) T { return list[g.index(len(list))] }

// one in n.
func (g *gen) one(n int) bool { return g.index(n) == 0 }

// some draws up to n headers of the list; the same name is drawn once.
func (g *gen) some(n int, list []Header) []Header {
	var out []Header
	for range g.index(n + 1) {
		h := pick(g, list...)
		if r := (&Request{Header: out}); r.Get(h.Name) == "" && !contains(namesOf(out), h.Name) {
			out = append(out, h)
		}
	}
	return out
}

func namesOf(list []Header) []string {
	var out []string
	for _, h := range list {
		out = append(out, h.Name)
	}
	return out
}

// user is mostly the owner.
func (g *gen) user() string {
	if !g.one(7) {
		return Owner
	}
	return pick(g, Guest, Guest, Stranger, Stranger, Nobody, Nobody, Admin, Forger)
}

// query joins up to n of the parameters.
func (g *gen) query(n int, list []string) string {
	var out []string
	for range g.index(n + 1) {
		out = append(out, pick(g, list...))
	}
	if len(out) == 0 {
		return ""
	}
	return "?" + strings.Join(out, "&")
}

// Objects' names, percent-encoded; few, so that requests meet.
func (g *gen) object() string {
	return "{p}" + pick(g, "o", "o", "o", "o", "p", "p", "d/a", "d/a", "d/b", "%C3%BC%20x", "d/")
}

func (g *gen) container() string { return pick(g, "{c0}", "{c0}", "{c0}", "{c0}", "{c1}") }

func (g *gen) objectPath() string { return "/v1/{acct}/" + g.container() + "/" + g.object() }

func (g *gen) containerPath() string { return "/v1/{acct}/" + g.container() }

func (g *gen) body() string {
	return pick(g, "a", "hello world", "hello world", "", strings.Repeat("0123456789", 30), "line\nline\n", "\x00\xff\x80binary")
}

// Themes lists the names that --match can ask for.
func Themes() []string {
	var out []string
	for _, t := range themes() {
		out = append(out, t.name)
	}
	return out
}

// Draw draws the sequence with this number; it depends on nothing else but
// the seed and the match.
func Draw(seed, number int, match []string) Sequence {
	var list []theme
	var everything []op
	for _, t := range themes() {
		if !t.private && !t.shared {
			everything = append(everything, t.ops...)
		}
		if matches(match, t.name) {
			for range t.weight {
				list = append(list, t)
			}
		}
	}
	if len(list) == 0 {
		return Sequence{Number: number}
	}
	return rapid.Custom(func(t *rapid.T) Sequence {
		g := &gen{t}
		return g.sequence(number, pick(g, list...), everything)
	}).Example(seed*1_000_003 + number)
}

func matches(match []string, name string) bool {
	for _, m := range match {
		if ok, _ := path.Match(m, name); ok {
			return true
		}
	}
	return len(match) == 0
}

func (g *gen) sequence(number int, t theme, everything []op) Sequence {
	s := Sequence{Number: number, Theme: t.name, Private: t.private, Shared: t.shared}
	if t.start != nil {
		s.Requests = t.start(g)
	}
	for i := range s.Requests {
		s.Requests[i].Feature = orElse(s.Requests[i].Feature, t.name)
	}
	for range 1 + g.index(6) {
		o := pick(g, t.ops...)
		if !t.shared && !t.private && g.one(5) {
			o = pick(g, everything...)
		}
		r := o(g)
		r.Feature = orElse(r.Feature, t.name)
		if s.endsAccount(&r) {
			r.User = Owner // who may not
		}
		s.Requests = append(s.Requests, r)
	}
	return s
}

// put and the like are requests of the owner.
func put(target, body string, h ...Header) Request {
	return Request{Method: "PUT", Target: target, User: Owner, Body: body, Header: h}
}

func post(target string, h ...Header) Request {
	return Request{Method: "POST", Target: target, User: Owner, Header: h}
}
