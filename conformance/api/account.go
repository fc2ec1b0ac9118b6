package api

import (
	"net/http"
	"strings"
)

func accountCases() []Case {
	return []Case{
		{"account-head", "HEAD", "account", "account", "HEAD is 204 with counts, no body", func(e *Env) {
			e.container()
			r := e.do("HEAD", "")
			r.Status(http.StatusNoContent)
			for _, h := range []string{"X-Account-Container-Count", "X-Account-Object-Count", "X-Account-Bytes-Used", "X-Timestamp"} {
				r.Header(h).NotEmpty()
			}
			r.Body().IsEmpty()
		}},
		{"account-counts-container", "HEAD", "account", "account", "a new container is counted in time", func(e *Env) {
			count := func() float64 { return e.do("HEAD", "").Header("X-Account-Container-Count").AsNumber().Raw() }
			e.container()
			e.eventually("X-Account-Container-Count is at least 1", func() bool { return count() >= 1 })
		}},
		{"account-post-meta", "POST", "account", "account metadata", "POST sets metadata, 204", func(e *Env) {
			e.do("POST", "", hdr("X-Account-Meta-Conform-Colour", "blue")).Status(http.StatusNoContent)
			e.do("HEAD", "").Header("X-Account-Meta-Conform-Colour").IsEqual("blue")
			e.do("POST", "", hdr("X-Account-Meta-Conform-Colour", "")).Status(http.StatusNoContent)
		}},
		{"account-meta-keeps-others", "POST", "account", "account metadata", "POST leaves metadata alone that it does not name", func(e *Env) {
			e.do("POST", "", hdr("X-Account-Meta-Conform-One", "1")).Status(http.StatusNoContent)
			e.do("POST", "", hdr("X-Account-Meta-Conform-Two", "2")).Status(http.StatusNoContent)
			r := e.do("HEAD", "")
			r.Header("X-Account-Meta-Conform-One").IsEqual("1")
			r.Header("X-Account-Meta-Conform-Two").IsEqual("2")
			e.do("POST", "", hdr("X-Remove-Account-Meta-Conform-One", "x"), hdr("X-Account-Meta-Conform-Two", "")).Status(http.StatusNoContent)
		}},
		{"account-meta-remove-empty", "POST", "account", "account metadata", "an empty value removes metadata", func(e *Env) {
			e.do("POST", "", hdr("X-Account-Meta-Conform-Gone", "1")).Status(http.StatusNoContent)
			e.do("POST", "", hdr("X-Account-Meta-Conform-Gone", "")).Status(http.StatusNoContent)
			e.do("HEAD", "").Header("X-Account-Meta-Conform-Gone").IsEmpty()
		}},
		{"account-meta-remove-header", "POST", "account", "account metadata", "X-Remove-Account-Meta-… removes metadata", func(e *Env) {
			e.do("POST", "", hdr("X-Account-Meta-Conform-Drop", "1")).Status(http.StatusNoContent)
			e.do("POST", "", hdr("X-Remove-Account-Meta-Conform-Drop", "x")).Status(http.StatusNoContent)
			e.do("HEAD", "").Header("X-Account-Meta-Conform-Drop").IsEmpty()
		}},
		{"account-meta-name-too-long", "POST", "account", "account metadata", "a metadata name over the limit is 400", func(e *Env) {
			name := strings.Repeat("k", e.limit("max_meta_name_length", 128)+1)
			e.do("POST", "", hdr("X-Account-Meta-"+name, "v")).Status(http.StatusBadRequest)
		}},
		{"account-meta-value-too-long", "POST", "account", "account metadata", "a metadata value over the limit is 400", func(e *Env) {
			v := strings.Repeat("v", e.limit("max_meta_value_length", 256)+1)
			e.do("POST", "", hdr("X-Account-Meta-Conform-Long", v)).Status(http.StatusBadRequest)
		}},
		{"account-delete-query", "DELETE", "account", "account", "DELETE of an account with a query string is refused", func(e *Env) {
			e.do("DELETE", "", query("bulk=1")).StatusList(http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusForbidden)
		}},
		{"account-put", "PUT", "account", "account", "PUT of an account is not for ordinary users", func(e *Env) {
			e.do("PUT", "").StatusList(http.StatusForbidden, http.StatusMethodNotAllowed)
		}},
	}
}

// names makes n containers with a common prefix and returns prefix and names.
func (e *Env) containers(n int) (string, []string) {
	var out []string
	for range n {
		out = append(out, e.container())
	}
	return e.prefix + "-", out
}

// listed waits until a listing has the rows that are wanted.
func (e *Env) listed(path, q string, want ...string) {
	var got []string
	e.eventuallyDetail(func() bool {
		got = got[:0]
		for _, r := range decodeListing(e.do("GET", path, query(q+"&format=json")).Raw()) {
			got = append(got, r.Name+r.Subdir)
		}
		return strings.Join(got, "\x00") == strings.Join(want, "\x00")
	}, func() string { return "GET " + path + "?" + q + " lists " + quoteAll(got) + ", want " + quoteAll(want) })
}

func quoteAll(names []string) string { return `["` + strings.Join(names, `" "`) + `"]` }

// eventuallyDetail is eventually with the message made at the end.
func (e *Env) eventuallyDetail(check func() bool, detail func() string) {
	if s := e.guard(func() { e.eventually("", check) }); s != nil {
		e.Failf("%s%s", s.message, detail())
	}
}

func accountListCases() []Case {
	return []Case{
		{"account-list-json", "GET", "account", "account listing", "format=json has name, count, bytes and last_modified", func(e *Env) {
			prefix, names := e.containers(1)
			e.listed("", "prefix="+prefix, names...)
			row := e.do("GET", "", query("format=json&prefix="+prefix)).Status(http.StatusOK).JSON().Array().Value(0).Object()
			row.ContainsKey("count").ContainsKey("bytes").ContainsKey("last_modified")
			row.Value("name").IsEqual(names[0])
		}},
		{"account-list-text", "GET", "account", "account listing", "text listings have a name a line", func(e *Env) {
			prefix, names := e.containers(2)
			e.listed("", "prefix="+prefix, names...)
			r := e.do("GET", "", query("prefix="+prefix)).Status(http.StatusOK)
			r.Header("Content-Type").HasPrefix("text/plain")
			r.Body().IsEqual(strings.Join(names, "\n") + "\n")
		}},
		{"account-list-empty-text", "GET", "account", "account listing", "an empty text listing is 204", func(e *Env) {
			e.container()
			e.do("GET", "", query("prefix="+e.prefix+"-nothing")).Status(http.StatusNoContent).Body().IsEmpty()
		}},
		{"account-list-empty-json", "GET", "account", "account listing", "an empty JSON listing is 200 and []", func(e *Env) {
			e.container()
			e.do("GET", "", query("format=json&prefix="+e.prefix+"-nothing")).Status(http.StatusOK).JSON().Array().IsEmpty()
		}},
		{"account-list-limit", "GET", "account", "account listing", "limit bounds the rows", func(e *Env) {
			prefix, names := e.containers(3)
			e.listed("", "prefix="+prefix, names...)
			e.listed("", "limit=2&prefix="+prefix, names[:2]...)
		}},
		{"account-list-marker", "GET", "account", "account listing", "marker starts after a name, end_marker ends before one", func(e *Env) {
			prefix, names := e.containers(4)
			e.listed("", "prefix="+prefix, names...)
			e.listed("", "marker="+names[0]+"&end_marker="+names[3]+"&prefix="+prefix, names[1:3]...)
		}},
		{"account-list-reverse", "GET", "account", "account listing", "reverse=true turns the order", func(e *Env) {
			prefix, names := e.containers(3)
			e.listed("", "reverse=true&prefix="+prefix, names[2], names[1], names[0])
		}},
		{"account-list-delimiter", "GET", "account", "account listing", "delimiter groups container names", func(e *Env) {
			prefix, _ := e.containers(2)
			e.listed("", "delimiter=-&prefix="+strings.TrimSuffix(prefix, "-"), prefix)
		}},
		{"account-list-limit-too-big", "GET", "account", "account listing", "a limit over the maximum is 412", func(e *Env) {
			e.container()
			e.do("GET", "", query("limit=1000000")).Status(http.StatusPreconditionFailed)
		}},
		{"account-list-after-delete", "GET", "account", "account listing", "a deleted container is no longer listed", func(e *Env) {
			prefix, names := e.containers(2)
			e.listed("", "prefix="+prefix, names...)
			e.do("DELETE", names[0]).Status(http.StatusNoContent)
			e.listed("", "prefix="+prefix, names[1])
		}},
	}
}
