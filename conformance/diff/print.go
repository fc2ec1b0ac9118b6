package diff

import (
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
)

// Curl is the request as a line that reads like a command of curl.
func (r *Request) Curl() string {
	var b strings.Builder
	fmt.Fprintf(&b, "curl -i -X %s", r.Method)
	if r.Method == "HEAD" {
		b.WriteString(" -I")
	}
	if r.User != Nobody {
		fmt.Fprintf(&b, " -H 'X-Auth-Token: $%s'", strings.ToUpper(r.User))
	}
	if r.Host != "" {
		fmt.Fprintf(&b, " -H %s", quoted("Host: "+r.Host))
	}
	for _, h := range r.Header {
		fmt.Fprintf(&b, " -H %s", quoted(h.Name+": "+h.Value))
	}
	if r.Chunked {
		b.WriteString(" -H 'Transfer-Encoding: chunked'")
	}
	for _, e := range r.Tar {
		fmt.Fprintf(&b, " --tar %s", quoted(e.Name+"="+e.Body))
	}
	if r.Body != "" {
		fmt.Fprintf(&b, " --data-binary %s", quoted(r.Body))
	}
	fmt.Fprintf(&b, " %s", quoted("$URL"+r.Target))
	return b.String()
}

// quoted is for a shell, with what a terminal cannot show escaped.
func quoted(s string) string {
	if len(s) > 400 {
		s = fmt.Sprintf("%s...(%d bytes)", s[:60], len(s))
	}
	q := fmt.Sprintf("%q", s)
	if plain := q[1 : len(q)-1]; plain == s {
		return "'" + s + "'"
	}
	return "$" + "'" + strings.ReplaceAll(q[1:len(q)-1], "'", `\'`) + "'"
}

// Print writes a finding for people: the sequence, what differs, and both
// answers to the last request side by side.
func (f *Finding) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "DIFFERENCE %s\n  (sequence %d, theme %s, seen in %d sequences)\n", f.Key, f.Sequence.Number, f.Sequence.Theme, f.Count)
	for i := range f.Sequence.Requests {
		fmt.Fprintf(&b, "  %d. %s\n", i+1, f.Sequence.Requests[i].Curl())
		if i < len(f.A)-1 {
			fmt.Fprintf(&b, "       both: %d %s\n", f.A[i].Status, f.A[i].Reason)
		}
	}
	for _, d := range f.Differences {
		fmt.Fprintf(&b, "  %s\n    A: %s\n    B: %s\n", d.Field, clip(d.A), clip(d.B))
	}
	if n := len(f.A); n > 0 {
		b.WriteString(beside(lines(f.A[n-1]), lines(f.B[n-1])))
	}
	_, err := io.WriteString(w, b.String()+"\n")
	return err
}

func clip(s string) string {
	if len(s) > 1200 {
		return fmt.Sprintf("%s… (%d bytes)", strings.TrimSpace(s[:1200]), len(s))
	}
	return fmt.Sprintf("%q", s)
}

// lines is an answer as it would be read on the wire.
func lines(a *Answer) []string {
	out := []string{fmt.Sprintf("%d %s", a.Status, a.Reason)}
	if a.Interim != 0 {
		out = append([]string{fmt.Sprintf("%d Continue", a.Interim)}, out...)
	}
	if a.Failure != "" {
		out = append(out, "("+a.Failure+")")
	}
	for _, h := range a.Header {
		out = append(out, h.Name+": "+h.Value)
	}
	sort.Strings(out[1:])
	out = append(out, "")
	for i, l := range strings.Split(a.Body, "\n") {
		if i == 12 {
			return append(out, "…")
		}
		out = append(out, strings.TrimRight(l, "\r"))
	}
	return out
}

// beside puts two texts next to each other.
func beside(a, b []string) string {
	const width = 62
	var out strings.Builder
	cell := func(list []string, i int) string {
		if i >= len(list) {
			return ""
		}
		s := strings.Trim(fmt.Sprintf("%q", list[i]), `"`)
		if r := []rune(s); len(r) > width {
			return string(r[:width-1]) + "…"
		}
		return s
	}
	fmt.Fprintf(&out, "    %-*s | %s\n", width, "A", "B")
	for i := range max(len(a), len(b)) {
		fmt.Fprintf(&out, "    %-*s | %s\n", width, cell(a, i), cell(b, i))
	}
	return out.String()
}

// JSON writes a finding as one line.
func (f *Finding) JSON(w io.Writer) error {
	var requests []string
	for i := range f.Sequence.Requests {
		requests = append(requests, f.Sequence.Requests[i].Curl())
	}
	return json.NewEncoder(w).Encode(map[string]any{"key": f.Key, "theme": f.Sequence.Theme, "sequence": f.Sequence.Number,
		"count": f.Count, "requests": requests, "differences": f.Differences, "a": last(f.A), "b": last(f.B)})
}

func last(list []*Answer) *Answer {
	if len(list) == 0 {
		return nil
	}
	return list[len(list)-1]
}
