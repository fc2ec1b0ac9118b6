package diff

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Explained is a difference that is known and right as it is.
type Explained struct {
	Name, Reason string
	// match must be narrow: what it accepts is never looked at again.
	match func(r *Request, d Difference, a, b *Answer) bool
}

// Table lists the explained differences. A is our endpoint, B upstream's.
func Table() []Explained {
	return []Explained{
		{"info-version", "/info tells each product's version, the realms of its container sync, and whether it speaks S3",
			func(r *Request, d Difference, a, b *Answer) bool {
				return d.Field == "body" && strings.HasPrefix(r.Target, "/info") && comparableInfo(a.Body) == comparableInfo(b.Body)
			}},
		{"malformed-head", "heads that RFC 9110 forbids (names with delimiters in them, values with control characters, lengths and codings that are " +
			"none, targets that are none) are refused before the pipeline sees them; OpenStack's server lets some pass, and says less of the others",
			func(r *Request, _ Difference, a, _ *Answer) bool { return refusedHead(a) && malformed(r) }},
		{"names-lowered", "OpenStack's Swift makes letters of names of containers' and accounts' metadata small as if they were Latin-1, so that " +
			"what begins with a byte from 0xC0 to 0xDE is UTF-8 no more, and refuses it; a container is made all the same",
			func(r *Request, d Difference, a, b *Answer) bool {
				return d.Field == "status" && a.Status/100 == 2 && b.Status == 400 && b.Body == "Metadata must be valid UTF-8" && hasLoweredName(r)
			}},
		{"staticweb-pages", "the pages that staticweb makes are worded and indented in our own way",
			func(r *Request, d Difference, a, b *Answer) bool {
				if r.Method == "HEAD" {
					return d.Field == "header content-length" && r.Feature == "staticweb" && strings.HasPrefix(a.Get("Content-Type"), "text/html")
				}
				return (d.Field == "body" || d.Field == "header content-length" || d.Field == "header etag") && r.Feature == "staticweb" && webPage(a.Body) && webPage(b.Body)
			}},
		{"crash", "OpenStack's proxy crashed (500) where ours answers",
			func(r *Request, d Difference, a, b *Answer) bool {
				return d.Field == "status" && b.Status == 500 && a.Status < 500 && (b.Body == "" || b.Body == "An error occurred" || b.Body == "Error enabling object versioning" ||
					strings.HasPrefix(b.Body, "<html><h1>Internal Error</h1>") || b.Body == "Unable to load SLO manifest" && (a.Status != 200 || r.has("Range")))
			}},
		{"long-lines", "heads with lines too long, for the proxy or, when lines of one name are joined, for a storage node, are refused with a body instead of a reason phrase",
			func(_ *Request, _ Difference, a, b *Answer) bool {
				return a.Status == 400 && b.Reason == "Header Line Too Long"
			}},
		{"domain-location", "domain_remap gives paths back as the client knows them",
			func(r *Request, d Difference, _, _ *Answer) bool {
				return strings.HasSuffix(d.Field, "location") && strings.Contains(r.Host, "example.net")
			}},
		{"no-body-to-wait-for", "a body of which there is none is not asked for",
			func(r *Request, d Difference, _, _ *Answer) bool {
				return d.Field == "interim" && d.A == "0" && r.Body == "" && r.Tar == nil && !r.Chunked
			}},
		{"two-expires", "a temporary URL's Expires takes the place of the object's; OpenStack's answer has both",
			func(r *Request, d Difference, _, _ *Answer) bool {
				return d.Field == "header expires" && strings.Contains(r.Target, "temp_url_sig=") && strings.HasSuffix(d.B, "\n"+d.A)
			}},
		{"metadata-order", "of several faults in metadata one is told: the first in OpenStack's Swift; ours does not keep the order of headers",
			func(r *Request, d Difference, a, b *Answer) bool {
				return d.Field == "body" && a.Status == 400 && metadataFault(a.Body) && metadataFault(b.Body) && len(r.Header) > 1
			}},
		{"rights-before-versions", "object versioning asks for the client's rights before it tells which versions there are, and before it writes any",
			func(r *Request, d Difference, a, b *Answer) bool {
				if r.User != Owner && d.Field == "body" && strings.Contains(r.Target, "bulk-delete") { // of containers
					return forbiddenForConflict(a.Body, b.Body)
				}
				if a.Status != 401 && a.Status != 403 || r.User == Owner {
					return false
				}
				return d.Field == "status" && b.Status/100 == 4 && (strings.Contains(r.Target, "version-id=") || r.Method == "DELETE" && b.Status == 409) ||
					(d.Field == "header etag" || d.Field == "header x-object-version-id" || d.Field == "header x-object-current-version-id") && d.A == "" && b.Get("X-Object-Version-Id") != ""
			}},
		{"versioned-link-body", "a symlink with a body is refused in versioned containers, too",
			func(r *Request, d Difference, a, b *Answer) bool {
				copied := r.Method == "COPY" || r.has("X-Copy-From")
				if a.Body != "Symlink requests require a zero byte body" || r.Body == "" && !copied || !r.has("X-Symlink-Target") {
					return false
				}
				switch b.Status {
				case 201, 409, 412, 422:
					return d.Field == "status"
				case 400: // for what it looks at next
					return d.Field == "body" || d.Field == "header content-type" || d.Field == "header etag" || d.Field == "header x-object-version-id"
				}
				return false
			}},
		{"unwritten-version", "a PUT whose If-None-Match fails writes nothing where versions are kept; OpenStack's Swift has then written a version " +
			"that no link names, and tells its id and ETag, perhaps with another fault that the link has",
			func(r *Request, d Difference, a, b *Answer) bool {
				if r.Method != "PUT" || !r.has("If-None-Match") || a.Status != 412 || a.Get("X-Object-Version-Id") != "" {
					return false
				}
				switch b.Status {
				case 412:
					return d.Field == "header etag" && a.Get("Etag") == "" || d.Field == "header x-object-version-id"
				case 400:
					return d.Field == "status" && b.Get("X-Object-Version-Id") != ""
				}
				return false
			}},
		{"realm-quoted", "where a token is refused the account in the realm is quoted, as in every other 401",
			func(_ *Request, d Difference, a, b *Answer) bool {
				if d.Field != "header www-authenticate" || a.Status != 401 || b.Status != 401 {
					return false
				}
				plain, err := url.PathUnescape(d.A)
				return err == nil && plain == d.B
			}},
		{"preflight-realm", "a refused preflight in a versioned container names no realm, as in any other",
			func(r *Request, d Difference, a, _ *Answer) bool {
				return d.Field == "header www-authenticate" && d.A == "" && a.Status == 401 && r.Method == "OPTIONS"
			}},
		{"head-new-account", "HEAD of an account that a write would create is 204 as of one that exists, not 200",
			func(r *Request, d Difference, a, b *Answer) bool {
				return d.Field == "status" && r.Method == "HEAD" && r.Kind() == "account" && a.Status == 204 && b.Status == 200
			}},
		{"bulk-order", "OpenStack's Swift deletes several objects at once and tells failures in the order in which they end",
			func(r *Request, d Difference, a, b *Answer) bool {
				return d.Field == "body" && (strings.Contains(r.Target, "delete") || strings.Contains(r.Target, "multipart-manifest=put")) && sameLines(a.Body, b.Body)
			}},
		{"history-null", "where containers keep a history, OpenStack's Swift hands version-id=null on to the PUT of the mark for a deletion, which its own filter " +
			"then refuses; here DELETE of the null version of nothing is as DELETE of nothing",
			func(r *Request, d Difference, a, b *Answer) bool {
				return d.Field == "status" && r.Method == "DELETE" && strings.Contains(r.Target, "version-id=null") && (a.Status == 404 || a.Status == 400) && b.Status == 412
			}},
		{"preflight-case", "OpenStack's Swift sends the names of a preflight's answers in small letters",
			func(r *Request, d Difference, _, _ *Answer) bool {
				return strings.HasPrefix(d.Field, "case ") && r.Method == "OPTIONS" && d.B == strings.ToLower(d.A) && (d.B == "vary" || strings.HasPrefix(d.B, "access-control-"))
			}},
		{"tempurl-order", "of several headers that a temporary URL may not have one is told: the first in OpenStack's Swift; ours does not keep their order",
			func(r *Request, d Difference, a, b *Answer) bool {
				return d.Field == "body" && a.Status == 400 && tempURLHeader(a.Body) && tempURLHeader(b.Body) && r.Get("X-Object-Manifest") != "" && r.Get("X-Symlink-Target") != ""
			}},
		{"same-second", "whether one object was written in the second of another, whose time a condition names, is chance",
			func(r *Request, d Difference, a, b *Answer) bool {
				return d.Field == "status" && condition(a.Status) && condition(b.Status) &&
					slices.ContainsFunc(r.Header, func(h Header) bool { return strings.Contains(h.Value, "{lastmod}") })
			}},
		{"deleted-twice", "what is named twice is deleted twice at the same time, and whether the second finds it is chance",
			func(r *Request, d Difference, a, b *Answer) bool {
				return d.Field == "body" && (strings.Contains(r.Target, "multipart-manifest=delete") || strings.Contains(r.Target, "bulk-delete") && repeats(r.Body)) &&
					deletions(a.Body) == deletions(b.Body)
			}},
		{"quota-of-versions", "what the versions of a container need is as old as the cache has it; OpenStack's Swift puts it there " +
			"before there is a quota, ours when there is one",
			func(r *Request, d Difference, a, b *Answer) bool {
				// Requests of the theme of versions; links have no other with quotas.
				return d.Field == "status" && (r.Feature == "versions" || r.Feature == "symlink") && a.Status == 413 && a.Body == "Upload exceeds quota." && b.Status != 413
			}},
		{"legacy-version-id", "PUT and DELETE with a version-id are refused where containers keep versions the old way; OpenStack's Swift overwrites or " +
			"deletes the object if there is one, whatever its version",
			func(r *Request, d Difference, a, b *Answer) bool {
				if d.Field != "status" || a.Status != 400 || !strings.Contains(r.Target, "version-id=") {
					return false
				}
				refused := strings.HasPrefix(a.Body, "version-aware operations require")
				return r.Method == "PUT" && b.Status == 201 && (refused || a.Body == "Invalid version parameter") || r.Method == "DELETE" && b.Status == 204 && refused
			}},
	}
}

// comparableInfo is /info without what the endpoints may tell differently.
func comparableInfo(body string) string {
	var v map[string]map[string]any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		return body
	}
	delete(v, "s3api")
	delete(v["swift"], "version")
	delete(v["container_sync"], "realms")
	b, err := json.Marshal(v)
	if err != nil {
		return body
	}
	return string(b)
}

// forbiddenForConflict reports whether two answers of a bulk deletion differ in
// lines that say 403 in the one and 409 in the other, and in their order.
func forbiddenForConflict(a, b string) bool {
	const forbidden, conflict = ", 403 Forbidden", ", 409 Conflict"
	ours, lines := strings.Split(a, "\n"), strings.Split(b, "\n")
	changed := false
	for i, line := range lines {
		name, ok := strings.CutSuffix(line, conflict)
		if ok && slices.Contains(ours, name+forbidden) {
			lines[i], changed = name+forbidden, true
		}
	}
	return changed && sameLines(a, strings.Join(lines, "\n"))
}

// parts reports whether the endpoints may hold different things behind a
// difference that a row explains.
func parts(row string, d Difference, a, b *Answer) bool {
	switch row {
	case "versioned-link-body", "unwritten-version": // a version was written before the refusal
		return true
	}
	return d.Field == "status" || d.Field == "failure" || refusedHead(a) != refusedHead(b)
}

// leaves reports whether a request that the endpoints answer alike leaves
// different things behind. Who may not enable versioning makes OpenStack's
// Swift create and delete a container for the versions nevertheless (see
// rights-before-versions), and the account's statistics of policies remember
// it.
func leaves(r *Request, a, b *Answer) bool {
	refused := (a.Status == 401 || a.Status == 403) && a.Status == b.Status
	return refused && r.Kind() == "container" && (r.Method == "PUT" || r.Method == "POST") && r.Get("X-Versions-Enabled") == "true"
}

// refusedHead reports whether a server answered by itself: the pipeline, which
// gives every answer an id, has not seen the request.
func refusedHead(a *Answer) bool {
	return (a.Status == 400 || a.Status == 501) && a.Get("X-Trans-Id") == ""
}

// hasLoweredName reports whether metadata of an account or a container has a
// letter in its name that is capital in Latin-1.
func hasLoweredName(r *Request) bool {
	return slices.ContainsFunc(r.Header, func(h Header) bool {
		name := strings.ToLower(h.Name)
		capital := false
		for i := range len(h.Name) {
			capital = capital || h.Name[i] >= 0xc0 && h.Name[i] <= 0xde && h.Name[i] != 0xd7
		}
		return capital && (strings.HasPrefix(name, "x-account-meta-") || strings.HasPrefix(name, "x-container-meta-"))
	})
}

// malformed reports whether a request's head breaks the grammar of HTTP.
func malformed(r *Request) bool {
	for i, h := range r.Header {
		if h.Name == "" || strings.ContainsFunc(h.Name, func(c rune) bool { return c < 0x80 && !strings.ContainsRune(tokenCharacters, c) }) {
			return true
		}
		if strings.ContainsFunc(h.Value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
			return true
		}
		switch strings.ToLower(h.Name) {
		case "content-length":
			if h.Value == "" || strings.Trim(h.Value, "0123456789") != "" || i > 0 && r.Header[i-1].Name == h.Name {
				return true
			}
		case "transfer-encoding":
			return true
		}
	}
	if !strings.HasPrefix(r.Target, "/") {
		return true
	}
	return strings.ContainsFunc(r.Target, func(c rune) bool { return c <= ' ' || c == 0x7f }) || strings.Trim(r.Method, tokenCharacters) != ""
}

const tokenCharacters = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// sameLines reports whether two reports differ in the order of lines only.
func sameLines(a, b string) bool {
	parts := func(s string) []string {
		out := strings.FieldsFunc(strings.ReplaceAll(s, "><", ">\n<"), func(c rune) bool { return c == '\n' })
		for i := range out {
			out[i] = strings.Trim(out[i], " ,\r")
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(parts(a), parts(b))
}

// repeats reports whether a list of names has one twice.
func repeats(list string) bool {
	seen := map[string]bool{}
	for name := range strings.Lines(list) {
		name = strings.Trim(name, " /\r\n")
		if seen[name] {
			return true
		}
		seen[name] = name != ""
	}
	return false
}

var deletionCounts = regexp.MustCompile(`(?i)"?number[ _](?:deleted|not[ _]found)"?[:>] ?(\d+)`)

// deletions is a report of deletions with the sum of what was there and what
// was not.
func deletions(body string) string {
	sum := 0
	for _, m := range deletionCounts.FindAllStringSubmatch(body, -1) {
		n, _ := strconv.Atoi(m[1])
		sum += n
	}
	return deletionCounts.ReplaceAllString(body, "") + strconv.Itoa(sum)
}

// metadataFault reports whether a refusal is about one item of metadata.
func metadataFault(body string) bool {
	return strings.HasPrefix(body, "Metadata ") || strings.HasPrefix(body, "Header value too long") || strings.HasPrefix(body, "Too many metadata") || strings.HasPrefix(body, "Total metadata")
}

// condition reports whether a status is one that a condition decides about.
func condition(status int) bool {
	return status == 200 || status == 206 || status == 304 || status == 412
}

func tempURLHeader(body string) bool {
	return strings.HasPrefix(body, "The header ") && strings.HasSuffix(body, " is not allowed in this tempurl")
}

func webPage(body string) bool { return strings.HasPrefix(body, "<!DOCTYPE html>") }

// explain is the name of the row that explains a difference, "" if none does.
func explain(table []Explained, r *Request, d Difference, a, b *Answer) string {
	for _, e := range table {
		if e.match(r, d, a, b) {
			return e.Name
		}
	}
	return ""
}
