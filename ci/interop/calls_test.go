package interop

import (
	"fmt"
	"strings"
)

// stamp is the i-th timestamp of a test, long past so that what expires has.
func stamp(i int) string { return fmt.Sprintf("%d.%05d", 1700000000+i, i) }

// script collects calls and gives each a later timestamp than the one before.
type script struct {
	calls []call
	clock int
}

func (s *script) add(kind, method, path, body string, header ...string) {
	s.clock++
	s.at(s.clock, kind, method, path, body, header...)
}

func (s *script) at(clock int, kind, method, path, body string, header ...string) {
	s.calls = append(s.calls, call{kind, method, path, strings.Join(append(lastOfEach(header), "X-Timestamp: "+stamp(clock)), "\n"), body})
}

// lastOfEach keeps the last header of each name.
func lastOfEach(header []string) (out []string) {
	at := map[string]int{}
	for _, h := range header {
		name, _, _ := strings.Cut(h, ":")
		if i, ok := at[name]; ok {
			out[i] = h
			continue
		}
		at[name] = len(out)
		out = append(out, h)
	}
	return out
}

// objectNames are written plainly; names that quoting, sorting or decoding
// could get wrong.
var objectNames = []string{
	"plain", "with space", "näme-日本語-🐦", "dir/sub/leaf", "dir/sub/", "quote\"and'quote", "per%cent%41", "a?b=c&d", "new\nline",
	"#hash", "~tilde", ".dot", "..", "Zebra", "zebra", "\u00e9composed", "e\u0301composed", strings.Repeat("long", 200),
}

// objectCalls write objects in every state that a directory can have. target
// adds headers that make the server tell a container server.
func objectCalls(target func(path string) []string, room bool) []call {
	s := &script{}
	put := func(name, body string, header ...string) {
		path := "/AUTH_a/c/" + name
		h := append([]string{"Content-Type: text/plain", "X-Backend-Storage-Policy-Index: 0"}, target(path)...)
		s.add("object", "PUT", path, body, append(h, header...)...)
	}
	post := func(name string, header ...string) {
		path := "/AUTH_a/c/" + name
		s.add("object", "POST", path, "", append(append(header, "X-Backend-Storage-Policy-Index: 0"), target(path)...)...)
	}
	del := func(name string, header ...string) {
		path := "/AUTH_a/c/" + name
		s.add("object", "DELETE", path, "", append(append(header, "X-Backend-Storage-Policy-Index: 0"), target(path)...)...)
	}
	for i, name := range objectNames {
		put(name, fmt.Sprintf("content %d", i))
	}
	put("empty", "")
	put("large", strings.Repeat("0123456789abcdef", 1<<16))
	put("meta", "m", "X-Object-Meta-Colour: blue", "X-Object-Meta-Unicode: grün 日本", "X-Object-Meta-Empty: ", "X-Object-Sysmeta-Kept: 1",
		"X-Object-Transient-Sysmeta-T: 2", "Content-Encoding: gzip", "Content-Disposition: attachment; filename=\"ä\"",
		"Cache-Control: no-store", "Content-Language: de", "Expires: never", "X-Robots-Tag: none")
	put("nonascii-type", "t", "Content-Type: text/plain; charset=ütf")
	put("slo", "[]", "X-Static-Large-Object: True", "Content-Type: text/plain;swift_bytes=123")
	put("dlo", "", "X-Object-Manifest: c/dir")
	put("overwritten", "old", "X-Object-Meta-Old: 1", "X-Object-Sysmeta-Old: 1")
	put("overwritten", "new", "X-Object-Meta-New: 2")
	put("older", "newer")
	s.at(1, "object", "PUT", "/AUTH_a/c/older", "x", "Content-Type: a/b")
	s.at(1, "object", "DELETE", "/AUTH_a/c/older", "")
	s.at(1, "object", "POST", "/AUTH_a/c/older", "", "X-Object-Meta-A: b")
	put("wrong-etag", "x", "Etag: 00000000000000000000000000000000")
	put("right-etag", "x", "Etag: 9dd4e461268c8034f5c8564e155c67a6")
	put("none-match", "x", "If-None-Match: *")
	put("none-match", "y", "If-None-Match: *")
	put("posted", "p", "X-Object-Meta-Old: 1", "X-Object-Sysmeta-S: 1", "X-Object-Transient-Sysmeta-T: 1", "Content-Encoding: gzip")
	post("posted", "X-Object-Meta-New: 2", "X-Object-Transient-Sysmeta-U: 2")
	put("posted-type", "p")
	post("posted-type", "X-Object-Meta-New: 2", "Content-Type: image/png")
	post("posted-type", "X-Object-Meta-New: 3")
	put("posted-twice", "p")
	post("posted-twice", "X-Object-Meta-A: 1", "Content-Type: image/gif")
	post("posted-twice", "X-Object-Meta-B: ü", "Content-Encoding: br", "Content-Disposition: inline")
	post("absent", "X-Object-Meta-A: 1")
	put("deleted", "d")
	del("deleted")
	post("deleted", "X-Object-Meta-A: 1")
	del("deleted")
	del("never")
	put("reborn", "1")
	del("reborn")
	put("reborn", "2")
	put("expired", "e", "X-Delete-At: 1700009999")
	put("expires", "e", "X-Delete-At: 4102444800")
	put("past-expiry", "e", "X-Delete-At: 1600000000")
	put("bad-expiry", "e", "X-Delete-At: soon")
	put("expiry-posted", "e")
	post("expiry-posted", "X-Delete-At: 4102444801")
	put("expiry-removed", "e", "X-Delete-At: 4102444802")
	post("expiry-removed", "X-Object-Meta-A: 1")
	put("expired-deleted", "e", "X-Delete-At: 1700009998")
	del("expired-deleted", "X-If-Delete-At: 1700009997")
	del("expired-deleted", "X-If-Delete-At: 1700009998")
	del("not-expired", "X-If-Delete-At: 1700009998")
	put("bad-utf8-\xff", "x")
	s.add("object", "PUT", "/AUTH_a/c/no-type", "x")
	s.calls = append(s.calls, call{"object", "PUT", "/AUTH_a/c/no-time", "Content-Type: a/b", "x"},
		call{"object", "PUT", "/AUTH_a/c/bad-time", "Content-Type: a/b\nX-Timestamp: yesterday", "x"})
	if room {
		var many []string
		for i := range 80 {
			many = append(many, fmt.Sprintf("X-Object-Meta-M%d: %s", i, strings.Repeat("v", 40)))
		}
		put("much-meta", "m", many...)
		put("long-meta", "m", "X-Object-Sysmeta-L: "+strings.Repeat("s", 6000))
	}
	return s.calls
}

// objectReads ask for everything that objectCalls wrote.
func objectReads() (out []call) {
	seen := map[string]bool{}
	for _, c := range objectCalls(func(string) []string { return nil }, true) {
		if seen[c.path] {
			continue
		}
		seen[c.path] = true
		for _, h := range []string{"", "X-Backend-Replication: true"} {
			out = append(out, call{"object", "GET", c.path, h, ""}, call{"object", "HEAD", c.path, h, ""})
		}
	}
	for _, h := range []string{
		"Range: bytes=0-3", "Range: bytes=-5", "Range: bytes=10-", "Range: bytes=2-3,5-6", "Range: bytes=99999999-", "Range: nonsense",
		"If-None-Match: *", "If-Match: *", "If-Match: nothing", "If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT",
		"If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT", "If-Unmodified-Since: Tue, 14 Nov 2000 22:13:20 GMT",
		"If-None-Match: \"2e8e5d0b6c9d2ea0c6ec0d5eb7dd0e7f\"",
	} {
		for _, m := range []string{"GET", "HEAD"} {
			for _, name := range []string{"large", "empty", "never", "deleted"} {
				if strings.Contains(h, "2-3,5-6") && m == "GET" {
					continue // the boundary is chance
				}
				out = append(out, call{"object", m, "/AUTH_a/c/" + name, h, ""})
			}
		}
	}
	return out
}

// containerCalls write container databases; target adds headers that make
// the server tell an account server.
func containerCalls(target func(path string) []string) []call {
	s := &script{}
	put := func(c string, header ...string) {
		h := append(target(c), "X-Backend-Storage-Policy-Index: 0")
		s.add("container", "PUT", c, "", append(h, header...)...)
	}
	row := func(path string, size int, header ...string) {
		h := append([]string{
			fmt.Sprintf("X-Size: %d", size), "X-Content-Type: text/plain", "X-Etag: d41d8cd98f00b204e9800998ecf8427e",
			"X-Backend-Storage-Policy-Index: 0",
		}, header...)
		s.add("container", "PUT", path, "", h...)
	}
	put("/AUTH_a/c")
	put("/AUTH_a/c", "X-Container-Meta-Again: 1")
	put("/AUTH_a/meta", "X-Container-Meta-Colour: blau ü", "X-Container-Sysmeta-S: 1", "X-Container-Read: .r:*,.rlistings", "X-Container-Write: a:b")
	s.add("container", "POST", "/AUTH_a/meta", "", "X-Container-Meta-Colour: ", "X-Container-Meta-New: 2")
	s.add("container", "POST", "/AUTH_a/absent", "", "X-Container-Meta-New: 2")
	put("/AUTH_a/ünïcode 日本")
	put("/AUTH_a/empty")
	put("/AUTH_a/gone")
	s.add("container", "DELETE", "/AUTH_a/gone", "", target("/AUTH_a/gone")...)
	s.add("container", "DELETE", "/AUTH_a/gone", "", target("/AUTH_a/gone")...)
	put("/AUTH_a/reborn", "X-Container-Meta-Old: 1")
	s.add("container", "DELETE", "/AUTH_a/reborn", "", target("/AUTH_a/reborn")...)
	put("/AUTH_a/reborn")
	put("/AUTH_a/rows")
	for i, name := range objectNames {
		row("/AUTH_a/rows/"+name, i*100)
	}
	row("/AUTH_a/rows/bytes", 2, "X-Content-Type: text/plain;swift_bytes=123")
	row("/AUTH_a/rows/typed", 1, "X-Content-Type: image/ünï; charset=\"utf-8\"", "X-Content-Type-Timestamp: "+stamp(900), "X-Meta-Timestamp: "+stamp(901))
	row("/AUTH_a/rows/removed", 5)
	s.add("container", "DELETE", "/AUTH_a/rows/removed", "", "X-Backend-Storage-Policy-Index: 0")
	s.add("container", "DELETE", "/AUTH_a/rows/never", "", "X-Backend-Storage-Policy-Index: 0")
	row("/AUTH_a/rows/stale", 7)
	s.at(2, "container", "PUT", "/AUTH_a/rows/stale", "", "X-Size: 9", "X-Content-Type: a/b", "X-Etag: x", "X-Backend-Storage-Policy-Index: 0")
	s.at(2, "container", "DELETE", "/AUTH_a/rows/stale", "", "X-Backend-Storage-Policy-Index: 0")
	row("/AUTH_a/absent/row", 1)
	s.add("container", "DELETE", "/AUTH_a/rows", "")
	s.at(1, "container", "DELETE", "/AUTH_a/empty", "")
	for _, text := range []string{
		shardRanges("sharded", "", "h", "p", ""), shardRanges("sharded", "h", "k", "p"), "[]", "nonsense", "{}", `[{"name": "x"}]`,
	} {
		s.add("container", "PUT", "/AUTH_a/sharded", text, "X-Backend-Record-Type: shard", "X-Backend-Storage-Policy-Index: 0")
		if s.clock%2 == 0 { // with a container now, and without before
			put("/AUTH_a/sharded")
		}
	}
	put("/AUTH_a/sharded")
	s.add("container", "PUT", "/AUTH_a/sharded", shardRanges("sharded", "", "h", "p", ""), "X-Backend-Record-Type: shard")
	s.add("container", "PUT", "/AUTH_a/sharded", shardRanges("sharded", "h", "k", "p"), "X-Backend-Record-Type: shard")
	s.add("container", "PUT", "/AUTH_a/policy", "", "X-Backend-Storage-Policy-Index: 7")
	return s.calls
}

// listingReads are queries of listings; base is a container or an account.
func listingReads(kind, base string) (out []call) {
	for _, q := range []string{
		"", "format=json", "format=xml", "limit=2", "limit=0", "limit=100000", "limit=x", "prefix=dir/", "delimiter=/", "prefix=dir/&delimiter=/",
		"marker=plain", "end_marker=plain", "marker=a&end_marker=p&format=json", "reverse=true", "reverse=on&marker=plain", "reverse=yes&limit=3&format=json",
		"path=dir", "path=", "delimiter=e", "delimiter=co", "prefix=%C3%A4", "prefix=z", "format=json&delimiter=/&prefix=d", "marker=%E6%97%A5",
		"states=listing&format=json", "delimiter=/&reverse=true&format=json", "prefix=%ff",
	} {
		out = append(out, call{kind, "GET", base + "?" + q, "", ""})
	}
	for _, h := range []string{"Accept: application/json", "Accept: application/xml", "Accept: text/xml", "Accept: image/png", "Accept: */*"} {
		out = append(out, call{kind, "GET", base, h, ""}, call{kind, "HEAD", base, h, ""})
	}
	return out
}

func containerReads() (out []call) {
	for _, c := range []string{"c", "meta", "ünïcode 日本", "empty", "gone", "reborn", "rows", "absent", "policy"} {
		out = append(out, call{"container", "HEAD", "/AUTH_a/" + c, "", ""}, call{"container", "GET", "/AUTH_a/" + c + "?format=json", "", ""})
	}
	// Not XML, in which these packages fail and their successors answer 406.
	for _, q := range []string{
		"", "format=json", "format=plain", "states=listing", "states=listing&format=json", "states=updating&format=json", "states=found", "states=nonsense", "states=auditing",
		"includes=k", "includes=", "marker=h", "marker=j&end_marker=q", "end_marker=h", "end_marker=", "includes=&states=listing", "states=updating&end_marker=j", "states=listing&marker=q", "reverse=true", "reverse=true&marker=q", "limit=1", "prefix=x",
	} {
		for _, h := range []string{"shard", "auto", "object"} {
			out = append(out, call{"container", "GET", "/AUTH_a/sharded?" + q, "X-Backend-Record-Type: " + h, ""})
		}
		for _, h := range []string{"X-Backend-Include-Deleted: true", "X-Backend-Override-Deleted: true", "X-Backend-Override-Shard-Name-Filter: sharded"} {
			out = append(out, call{"container", "GET", "/AUTH_a/sharded?" + q, "X-Backend-Record-Type: shard\n" + h, ""})
		}
	}
	out = append(out, call{"container", "GET", "/AUTH_a/gone", "X-Backend-Record-Type: shard\nX-Backend-Override-Deleted: true", ""})
	return append(out, listingReads("container", "/AUTH_a/rows")...)
}

// accountCalls write account databases.
func accountCalls() []call {
	s := &script{clock: 500}
	row := func(path string, put, deleted, count, bytes int, header ...string) {
		h := append([]string{
			"X-Put-Timestamp: " + stamp(put), "X-Object-Count: " + fmt.Sprint(count), "X-Bytes-Used: " + fmt.Sprint(bytes),
			"X-Delete-Timestamp: " + map[bool]string{true: stamp(deleted), false: "0"}[deleted > 0],
			"X-Backend-Storage-Policy-Index: 0",
		}, header...)
		s.add("account", "PUT", path, "", h...)
	}
	s.add("account", "PUT", "/AUTH_b", "", "X-Account-Meta-Colour: grün", "X-Account-Sysmeta-S: 1")
	s.add("account", "PUT", "/AUTH_b", "", "X-Account-Meta-Again: 1")
	s.add("account", "POST", "/AUTH_b", "", "X-Account-Meta-Colour: ", "X-Account-Meta-Temp-Url-Key: k")
	s.add("account", "POST", "/AUTH_absent", "", "X-Account-Meta-A: 1")
	for i, name := range objectNames {
		if !strings.Contains(name, "/") {
			row("/AUTH_b/"+name, 100+i, 0, i, i*1000)
		}
	}
	row("/AUTH_b/deleted", 200, 0, 1, 1)
	row("/AUTH_b/deleted", 200, 201, 0, 0)
	row("/AUTH_b/older", 300, 0, 5, 5)
	row("/AUTH_b/older", 299, 0, 6, 6)
	row("/AUTH_absent/c", 300, 0, 5, 5)
	row("/.expiring_objects/1700000000", 300, 0, 5, 5, "X-Account-Override-Deleted: yes")
	s.add("account", "PUT", "/AUTH_gone", "")
	s.add("account", "DELETE", "/AUTH_gone", "")
	s.add("account", "DELETE", "/AUTH_gone", "")
	s.add("account", "PUT", "/AUTH_gone", "")
	s.add("account", "PUT", "/AUTH_c", "")
	s.at(1, "account", "DELETE", "/AUTH_c", "")
	return s.calls
}

func accountReads() (out []call) {
	for _, a := range []string{"AUTH_a", "AUTH_b", "AUTH_c", "AUTH_gone", "AUTH_absent", ".expiring_objects"} {
		out = append(out, call{"account", "HEAD", "/" + a, "", ""}, call{"account", "GET", "/" + a + "?format=json", "", ""})
	}
	return append(out, listingReads("account", "/AUTH_b")...)
}
