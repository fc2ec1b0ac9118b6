// Package swift holds the nouns that every other package speaks of: paths,
// timestamps, the hash that places a path on the ring, limits, and the error
// type. It depends on nothing.
package swift

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"strings"
)

// Path names an account, a container in it, or an object in that. The zero
// parts are absent; an Object needs a Container. Parts are decoded bytes.
type Path struct {
	Account, Container, Object string
}

// ParsePath splits "/a", "/a/c" or "/a/c/o/with/slashes".
func ParsePath(s string) (Path, error) {
	rest, ok := strings.CutPrefix(s, "/")
	if !ok {
		return Path{}, E("swift.ParsePath", s, Invalid, errors.New("does not start with a slash"))
	}
	var p Path
	p.Account, rest, _ = strings.Cut(rest, "/")
	p.Container, p.Object, _ = strings.Cut(rest, "/")
	if p.Account == "" || p.Container == "" && p.Object != "" {
		return Path{}, E("swift.ParsePath", s, Invalid, errors.New("has an empty account or container"))
	}
	return p, nil
}

// String is "/a", "/a/c" or "/a/c/o", not percent-encoded.
func (p Path) String() string {
	switch {
	case p.Container == "":
		return "/" + p.Account
	case p.Object == "":
		return "/" + p.Account + "/" + p.Container
	}
	return "/" + p.Account + "/" + p.Container + "/" + p.Object
}

// IsAccount reports whether p names an account and nothing below it.
func (p Path) IsAccount() bool { return p.Container == "" }

// IsContainer reports whether p names a container.
func (p Path) IsContainer() bool { return p.Container != "" && p.Object == "" }

// IsObject reports whether p names an object.
func (p Path) IsObject() bool { return p.Object != "" }

// Parent is the container of an object, the account of a container, and an
// account itself.
func (p Path) Parent() Path {
	if p.IsObject() {
		return Path{Account: p.Account, Container: p.Container}
	}
	return Path{Account: p.Account}
}

// Hash is the MD5 that places a path on the ring and on disk.
type Hash [md5.Size]byte

// String is the 32 lower-case hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Suffix is the directory below the partition: the last three digits.
func (h Hash) Suffix() string { return h.String()[29:] }

// Hasher hashes paths with the cluster's secret prefix and suffix
// ([swift-hash] of swift.conf). It is immutable.
type Hasher struct{ prefix, suffix string }

// NewHasher needs at least one of prefix and suffix.
func NewHasher(prefix, suffix string) (Hasher, error) {
	if prefix == "" && suffix == "" {
		return Hasher{}, E("swift.NewHasher", "", Invalid, errors.New(
			"swift_hash_path_prefix and swift_hash_path_suffix are both empty; set one in [swift-hash] of swift.conf"))
	}
	return Hasher{prefix, suffix}, nil
}

// Hash is md5(prefix + "/a[/c[/o]]" + suffix).
func (h Hasher) Hash(p Path) Hash {
	return md5.Sum([]byte(h.prefix + p.String() + h.suffix))
}
