package diff

import (
	"archive/tar"
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"regexp"
	"strconv"
	"strings"
)

// names are the values of one run of a sequence on one endpoint.
type names struct {
	account string
	// containers is the beginning of {c0}, {c1}…
	containers string
	shared     string // the container of shared sequences, if this is one
	prefix     string // what objects' names begin with: {p}
	now        int64
	// versions are the version ids the endpoint gave out, newest last.
	versions     []string
	lastModified string
	timestamp    string
	etag         string
}

var (
	nowName  = regexp.MustCompile(`\{now([+-]\d+)\}`)
	signName = regexp.MustCompile(`\{sign:(\w+):(\w+):([^:}]*):([^:}]*):([^:}]*)\}`)
)

// fill replaces the names in text:
//
//	{acct} {c0} {c1} {c2} {p}  account, containers, beginning of objects' names
//	{now+N} {now-N}            seconds since 1970
//	{version} {version1}       the newest version id seen, and the one before
//	{lastmod} {etag} {ts}      Last-Modified, ETag and X-Timestamp seen last
//	{sign:DIGEST:METHOD:EXPIRES:PATH:KEY}  the signature of a temporary URL
func (n *names) fill(text string) string {
	if !strings.Contains(text, "{") {
		return text
	}
	c0 := n.containers + "0"
	if n.shared != "" {
		c0 = n.shared
	}
	text = strings.NewReplacer("{acct}", n.account, "{c0}", c0, "{c1}", n.containers+"1", "{c2}", n.containers+"2",
		"{p}", n.prefix, "{version}", n.version(0), "{version1}", n.version(1),
		"{lastmod}", orElse(n.lastModified, "Thu, 01 Jan 2026 00:00:00 GMT"), "{etag}", orElse(n.etag, "0"),
		"{ts}", orElse(n.timestamp, "1234567890.12345")).Replace(text)
	text = nowName.ReplaceAllStringFunc(text, func(s string) string {
		d, _ := strconv.ParseInt(nowName.FindStringSubmatch(s)[1], 10, 64)
		return strconv.FormatInt(n.now+d, 10)
	})
	return signName.ReplaceAllStringFunc(text, func(s string) string {
		m := signName.FindStringSubmatch(s)
		return sign(m[1], m[5], m[2]+"\n"+m[3]+"\n"+m[4])
	})
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func (n *names) version(back int) string {
	if i := len(n.versions) - 1 - back; i >= 0 {
		return n.versions[i]
	}
	return "1234567890.12345"
}

// saw remembers what later requests may refer to. Times of containers are
// left out: whether an object is younger is a matter of fractions of a second.
func (n *names) saw(r *Request, a *Answer) {
	if v := a.Get("X-Object-Version-Id"); v != "" && v != "null" && a.Status/100 == 2 { // a refusal may name what was asked for
		n.versions = append(n.versions, v)
	}
	if r.Kind() == "object" {
		n.lastModified = orElse(a.Get("Last-Modified"), n.lastModified)
	}
	n.timestamp = orElse(a.Get("X-Timestamp"), n.timestamp)
	n.etag = orElse(strings.Trim(a.Get("Etag"), `"`), n.etag)
}

func sign(digest, key, text string) string {
	makers := map[string]func() hash.Hash{"sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New}
	h := hmac.New(makers[digest], []byte(key))
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil))
}

// filled is the request as it is sent.
func (n *names) filled(r *Request) (Request, error) {
	out := *r
	out.Target, out.Host, out.Body = n.fill(r.Target), n.fill(r.Host), n.fill(r.Body)
	out.Header = nil
	for _, h := range r.Header {
		out.Header = append(out.Header, Header{n.fill(h.Name), n.fill(h.Value)})
	}
	if r.Tar == nil {
		return out, nil
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range r.Tar {
		body := n.fill(e.Body)
		h := &tar.Header{Name: n.fill(e.Name), Size: int64(len(body)), Mode: 0o644, Format: tar.FormatUSTAR}
		if strings.HasSuffix(e.Name, "/") {
			h.Typeflag, h.Size = tar.TypeDir, 0
		}
		if err := w.WriteHeader(h); err != nil {
			return out, fmt.Errorf("archive entry %q: %w", e.Name, err)
		}
		if h.Size > 0 {
			_, _ = w.Write([]byte(body))
		}
	}
	if err := w.Close(); err != nil {
		return out, fmt.Errorf("archive: %w", err)
	}
	out.Body = b.String()
	return out, nil
}
