package diff

import (
	"encoding/json"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// Norm is a way in which any two answers differ, and which is therefore made
// equal before answers are compared.
type Norm struct{ Name, Reason string }

// Norms lists what normal.go does, for people to read.
func Norms() []Norm {
	return []Norm{
		{"dates", "Date, Last-Modified, X-Timestamp and dates in bodies are those of each endpoint's writes; their form is compared"},
		{"transactions", "X-Trans-Id and X-Openstack-Request-Id are made anew for each request; their form is compared"},
		{"tokens", "tokens and their remaining life belong to one endpoint"},
		{"versions", "version ids are timestamps; each becomes its number in the order of appearance"},
		{"delete-after", "X-Delete-At counted from the time of the request may differ by seconds"},
		{"json-form", "spaces, the order of an object's members and escapes in JSON mean nothing"},
		{"header-order", "the order of headers of different names means nothing"},
		{"framing", "Content-Length and Transfer-Encoding of answers whose bodies are compared, and Connection and Keep-Alive, belong to the connection"},
		{"usage", "an account's counts of objects and bytes follow its containers with a delay"},
		{"shared-account", "sequences that share an account do not compare what it lists and counts"},
		{"shared-container", "sequences that share a container do not compare its counts, nor listings without a prefix of their own"},
		{"sets", "what Allow and Access-Control-Allow-Methods, -Allow-Headers and -Expose-Headers list is a set"},
		{"manifest-etag", "X-Manifest-Etag, and the ETag of a manifest itself, is that of a list with the times of its segments"},
		{"boundaries", "boundaries of multipart/byteranges are drawn at random"},
	}
}

// ignored headers belong to the connection or to one endpoint.
var ignored = map[string]bool{
	"connection": true, "keep-alive": true, "transfer-encoding": true, "content-length": true,
	"x-auth-token-expires": true,
}

// sets have no order.
var sets = map[string]bool{
	"allow": true, "access-control-allow-methods": true, "access-control-allow-headers": true, "access-control-expose-headers": true,
}

var usageHeader = regexp.MustCompile(`^x-account-(storage-policy-.*-)?(object-count|bytes-used)$`)

// forms are what is replaced in values and bodies, in this order.
var forms = []struct {
	re *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`\btx[0-9a-f]{21}-[0-9a-f]{10}[-\w]*`), "<txid>"},
	{regexp.MustCompile(`AUTH_tk[0-9a-f]{32}|AUTH_itk[0-9a-f]+|AUTH_ftk[-\w=]+|gAAAA[-\w=]+`), "<token>"},
	{regexp.MustCompile(`(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) 20\d\d \d\d:\d\d:\d\d GMT`), "<date>"},
	{regexp.MustCompile(`(boundary=|--)[0-9a-f]{32}`), "$1<boundary>"},
	{regexp.MustCompile(`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}`), "<isodate>"},
	{regexp.MustCompile(`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d`), "<isodate>"},
	{regexp.MustCompile(`20\d\d-\d\d-\d\d \d\d:\d\d:\d\d`), "<isodate>"},
	{regexp.MustCompile(`%00[78]\d{9}\.\d{5}`), "%00<version>"},
	{regexp.MustCompile(`\b1[789]\d{8}\.\d{5}(_[0-9a-f]{16})?`), "<timestamp>"},
}

// normalizer makes the answers of one endpoint comparable.
type normalizer struct {
	versions []string // in order of appearance
	// refused are those that only refusals named, which one endpoint may do
	// and the other not.
	refused []string
	// shared accounts are used by other sequences at the same time.
	shared bool
}

// text is a value or a body with what differs between any two runs replaced.
func (n *normalizer) text(s string) string {
	for i, v := range n.versions {
		if strings.Contains(s, v) {
			s = strings.ReplaceAll(s, v, "<version"+strconv.Itoa(i)+">")
		}
	}
	for _, v := range n.refused {
		s = strings.ReplaceAll(s, v, "<refused version>")
	}
	for _, f := range forms {
		s = f.re.ReplaceAllString(s, f.to)
	}
	return s
}

// answer is a comparable copy.
func (n *normalizer) answer(a *Answer) *Answer {
	if v := a.Get("X-Object-Version-Id"); v != "" && v != "null" && !contains(n.versions, v) && a.Status != 401 && a.Status != 403 {
		if a.Status/100 == 4 && a.Status != 404 { // 404 names the marker of a deletion
			n.refused = append(n.refused, v)
		} else {
			n.versions = append(n.versions, v)
		}
	}
	out := &Answer{Status: a.Status, Reason: a.Reason, Interim: a.Interim, Failure: a.Failure}
	manifest := a.Get("X-Static-Large-Object") != "" && a.Get("Content-Type") == "application/json; charset=utf-8"
	length := ""
	for _, h := range a.Header {
		name := strings.ToLower(h.Name)
		if name == "content-length" {
			length = h.Value
		}
		switch {
		case ignored[name] || usageHeader.MatchString(name) || n.shared && strings.HasPrefix(name, "x-account-") && strings.HasSuffix(name, "container-count"):
		case sets[name]:
			out.Header = append(out.Header, Header{h.Name, sorted(h.Value)})
		case (name == "x-manifest-etag" || name == "etag" && manifest) && len(h.Value) == 32:
			out.Header = append(out.Header, Header{h.Name, "<md5>"})
		default:
			out.Header = append(out.Header, Header{h.Name, n.text(h.Value)})
		}
	}
	sort.SliceStable(out.Header, func(i, j int) bool {
		return strings.ToLower(out.Header[i].Name) < strings.ToLower(out.Header[j].Name)
	})
	if a.Body == "" && length != "" && length != "0" && a.Failure == "" {
		// No body to compare: HEAD, where the length is information.
		if !strings.Contains(a.Get("Content-Type"), "json") && !strings.Contains(a.Get("Content-Type"), "xml") {
			out.Header = append(out.Header, Header{"Content-Length", length})
		}
	}
	out.Body = n.body(a)
	return out
}

// sorted is a list with commas, in order of names.
func sorted(value string) string {
	list := strings.Split(value, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	sort.Strings(list)
	return strings.Join(list, ", ")
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func (n *normalizer) body(a *Answer) string {
	if !strings.Contains(a.Get("Content-Type"), "json") {
		return n.text(a.Body)
	}
	d := json.NewDecoder(strings.NewReader(a.Body))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return n.text(a.Body)
	}
	b, err := json.MarshalIndent(v, "", " ") // members in order of names
	if err != nil {
		return n.text(a.Body)
	}
	return n.text(string(b))
}

var usageJSON = regexp.MustCompile(`"(bytes|count)": \d+`)
var usageXML = regexp.MustCompile(`<(bytes|count)>\d+<`)

// withoutUsage is the listing of an account without counts.
func withoutUsage(body string) string {
	return usageXML.ReplaceAllString(usageJSON.ReplaceAllString(body, `"$1": 0`), "<$1>0<")
}

// unsharedOnly removes from an answer what other sequences change, too.
func unsharedOnly(s *Sequence, r *Request, a *Answer) {
	switch {
	case (r.Kind() == "account" || namesAccount(r)) && !s.Private:
		a.Body = withoutListing(r, a.Body)
	case r.Kind() == "container" && s.Shared:
		if !strings.Contains(r.Target, "prefix={p}") {
			a.Body = withoutListing(r, a.Body)
		}
		kept := a.Header[:0]
		for _, h := range a.Header {
			switch strings.ToLower(h.Name) {
			case "x-container-object-count", "x-container-bytes-used":
			default:
				kept = append(kept, h)
			}
		}
		a.Header = kept
	}
}

// namesAccount reports whether a request is for the account by its host alone.
func namesAccount(r *Request) bool {
	path, _, _ := strings.Cut(r.Target, "?")
	return strings.HasPrefix(r.Host, "{acct}.") && (path == "/" || path == "/v1")
}

func withoutListing(r *Request, body string) string {
	if r.Method == "GET" {
		return ""
	}
	return body
}
