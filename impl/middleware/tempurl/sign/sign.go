// Package sign is what signed URLs and signed forms have in common: which
// digests are allowed, how a signature is written, and where the keys are.
//
// A signature is an HMAC in hexadecimal, whose length tells the digest, or
// "digest:base64" in the standard or the URL alphabet. Keys are the metadata
// Temp-URL-Key and Temp-URL-Key-2 of the account and of the container.
package sign

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"net/http"
	"slices"
	"strings"

	"apus/impl/config"
	"apus/impl/info"
	"apus/impl/swift"
	"apus/impl/web"
)

func digest(name string) func() hash.Hash {
	switch name {
	case "sha1":
		return sha1.New
	case "sha256":
		return sha256.New
	case "sha512":
		return sha512.New
	}
	return nil
}

// Digests are those that signatures may use, sorted.
type Digests struct{ Allowed, Deprecated []string }

// ReadDigests reads allowed_digests. Names that nobody knows are left out; a
// list of nothing else is a wrong value.
func ReadDigests(opts *config.Section) Digests {
	names := strings.Fields(strings.ToLower(opts.String("allowed_digests", "")))
	if len(names) == 0 {
		names = []string{"sha1", "sha256", "sha512"}
	}
	var d Digests
	slices.Sort(names)
	for _, n := range slices.Compact(names) {
		if digest(n) != nil {
			d.Allowed = append(d.Allowed, n)
		}
	}
	if len(d.Allowed) == 0 {
		opts.Fail("allowed_digests", "must name sha1, sha256 or sha512")
	}
	if slices.Contains(d.Allowed, "sha1") {
		d.Deprecated = []string{"sha1"}
	}
	return d
}

// Publish adds the digests to a section of /info.
func (d Digests) Publish(section map[string]any) map[string]any {
	section["allowed_digests"] = d.Allowed
	if d.Deprecated != nil {
		section["deprecated_digests"] = d.Deprecated
	}
	return section
}

// Signature is what a client claims. Hex is in lower case unless the client
// wrote it otherwise, and then it matches nothing.
type Signature struct{ Digest, Hex string }

// Parse reads a signature; ok is false for what is none and for digests that
// are not allowed.
func (d Digests) Parse(text string) (s Signature, ok bool) {
	if name, encoded, is := strings.Cut(text, ":"); is {
		s, ok = parseBase64(name, encoded)
	} else {
		s, ok = parseHex(text)
	}
	return s, ok && slices.Contains(d.Allowed, s.Digest)
}

func parseBase64(name, encoded string) (Signature, bool) {
	if strings.ContainsAny(encoded, "-_") && !strings.ContainsAny(encoded, "+/") {
		encoded = strings.NewReplacer("-", "+", "_", "/").Replace(encoded)
	}
	if strings.ContainsAny(encoded, "\r\n") { // the decoder would skip them
		return Signature{}, false
	}
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(encoded, "="))
	return Signature{name, hex.EncodeToString(raw)}, err == nil
}

func parseHex(text string) (Signature, bool) {
	if _, err := hex.DecodeString(text); err != nil {
		return Signature{}, false
	}
	switch len(text) {
	case 2 * sha1.Size:
		return Signature{"sha1", text}, true
	case 2 * sha256.Size:
		return Signature{"sha256", text}, true
	case 2 * sha512.Size:
		return Signature{"sha512", text}, true
	}
	return Signature{}, false
}

// Signs tells whether s is the signature of message by key. How long it takes
// does not depend on where the two differ.
func (s Signature) Signs(message, key string) bool {
	mac := hmac.New(digest(s.Digest), []byte(key))
	_, _ = mac.Write([]byte(message)) // a hash takes everything
	return hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(s.Hex))
}

// Key is a secret and how far it reaches.
type Key struct {
	Secret string
	// Container is set for keys of the container, which open that alone.
	Container bool
}

// Keys looks up the keys of a container and of its account, those of the
// account first.
func Keys(ctx context.Context, next web.Handler, req *web.Request, p swift.Path) []Key {
	var keys []Key
	add := func(meta map[string]string, container bool) {
		for _, name := range [...]string{"temp-url-key", "temp-url-key-2"} {
			if v, ok := meta[name]; ok {
				keys = append(keys, Key{v, container})
			}
		}
	}
	add(info.Account(ctx, next, req, p.Account).Meta, false)
	add(info.Container(ctx, next, req, p.Account, p.Container).Meta, true)
	return keys
}

// Scope is the authorization of a request that k signed and that is for
// target. It holds for the sub-requests made of it too: they get no further
// than the key does.
func (k Key) Scope(target swift.Path) func(context.Context, *web.Request) *web.Response {
	return func(_ context.Context, req *web.Request) *web.Response {
		_, p, ok := req.Swift()
		switch {
		case !ok:
			return Unauthorized("unknown", "")
		case p.Account != target.Account || k.Container && p.Container != target.Container:
			return Unauthorized(p.Account, "")
		}
		return nil
	}
}

// Unauthorized is 401 with this text, or the standard one if it is empty.
func Unauthorized(realm, text string) *web.Response {
	resp := web.NewResponse(http.StatusUnauthorized)
	if text != "" {
		resp = web.HTML(http.StatusUnauthorized, text)
	}
	resp.Header.Set("Www-Authenticate", `Swift realm="`+web.EscapePath(realm)+`"`)
	return resp
}
