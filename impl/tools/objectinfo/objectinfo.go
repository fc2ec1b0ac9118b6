// Package objectinfo is swift-object-info: it prints the metadata of an object
// file, checks its content against it, and says where the object belongs.
// Scripts read the text, so its words and indents are upstream's.
package objectinfo

import (
	"context"
	"crypto/md5" //nolint:gosec // the Etag of an object is an MD5
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"apus/impl/config"
	"apus/impl/diskfile"
	"apus/impl/host"
	"apus/impl/ring"
	"apus/impl/swift"
	"apus/impl/tools"
	"apus/impl/tools/locations"
)

const name = "swift-object-info"

var _ tools.Tool = Run

// Run prints the file named by the one argument.
func Run(_ context.Context, h *host.Host, args []string, std tools.Std) int {
	u, dir := locations.NewUsage(name, "OBJECT_FILE")
	noCheck := u.Flags.BoolP("no-check-etag", "n", false, "do not compare the content with the stored Etag")
	drop := u.Flags.Bool("drop-prefixes", false, "leave the common prefixes out of the names of metadata")
	policy := u.Flags.StringP("policy-name", "P", "", "storage policy whose ring to use")
	file, code, done := u.Parse(args, std)
	if done {
		return code
	}
	abs := std.Abs(file)
	f, err := h.FS.OpenFile(abs, host.ReadOnly, 0)
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintln(std.Out, "Data file doesn't exist")
		return locations.ExitError
	}
	if err != nil {
		return locations.ExitCode(err, name, std)
	}
	defer f.Close() // read only
	sw, err := locations.SwiftConf(h.FS, std.Abs(*dir))
	if err != nil {
		return locations.ExitCode(err, name, std)
	}
	t := &tool{fs: h.FS, swift: sw, dir: std.Abs(*dir), out: std.Out, checkEtag: !*noCheck, dropPrefixes: *drop}
	return locations.ExitCode(t.show(f, abs, *policy), name, std)
}

// tool is one call.
type tool struct {
	fs                      host.FS
	swift                   *config.Swift
	dir                     string
	out                     io.Writer
	checkEtag, dropPrefixes bool
	ring                    *ring.Ring
	dataDir                 string
	index                   int // of the policy
}

func (t *tool) linef(format string, args ...any) { fmt.Fprintf(t.out, format+"\n", args...) }

func (t *tool) show(f host.File, file, policy string) error {
	if err := t.findRing(file, policy); err != nil {
		return err
	}
	md, err := diskfile.ReadMetadata(f)
	if swift.Is(err, swift.Corrupt) {
		t.linef("Invalid metadata")
		return locations.ErrTold
	}
	if err != nil {
		return err
	}
	etag, length := take(md, "ETag"), take(md, "Content-Length")
	p, err := t.metadata(md)
	if err != nil {
		return err
	}
	size, err := t.etag(f, etag)
	if err != nil {
		return err
	}
	t.length(length, size)
	if p == nil {
		return swift.E(name, file, swift.Corrupt, errors.New("without a name in its metadata the object has no place"))
	}
	if t.ring == nil {
		return nil
	}
	return locations.Print(t.out, t.swift.Hasher, t.ring, locations.Target{DataDir: t.dataDir, Path: *p, Policy: &t.index})
}

func take(md map[string]string, key string) string {
	v := md[key]
	delete(md, key)
	return v
}

// policyOf is the policy that the path of a file tells, 0 if none.
func (t *tool) policyOf(file string) int {
	at := strings.LastIndex(file, "objects")
	if at < 0 {
		return 0
	}
	dir, _, _ := strings.Cut(file[at:], "/")
	index, _ := strings.CutPrefix(dir, "objects-")
	n, err := strconv.Atoi(index)
	if err != nil || t.swift.Policies.ByIndex(n) == nil {
		return 0
	}
	return n
}

// findRing takes the ring that the path asks for, and if there is none that of
// the named policy.
func (t *tool) findRing(file, named string) error {
	t.index = t.policyOf(file)
	byPath := t.swift.Policies.ByIndex(t.index)
	t.dataDir = byPath.DataDir()
	var err error
	t.ring, err = ring.Load(t.fs, path.Join(t.dir, byPath.RingName()+".ring.gz"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	p := t.swift.Policies.ByName(named)
	if named == "" || p == nil {
		return nil
	}
	if p.Index != t.index {
		t.linef("WARNING: Ring does not match policy!")
		t.linef("Double check your policy name!")
	}
	if t.ring != nil || p.Index == 0 {
		return nil
	}
	t.dataDir = p.DataDir()
	t.ring, err = ring.Load(t.fs, path.Join(t.dir, p.RingName()+".ring.gz"))
	return err
}

// etag shows the Etag and returns the size of the content.
func (t *tool) etag(f host.File, etag string) (int64, error) {
	if !t.checkEtag {
		t.linef("ETag: %s (not checked)", etag)
		info, err := f.Stat()
		if err != nil {
			return 0, err
		}
		return info.Size(), nil
	}
	h := md5.New()
	size, err := io.Copy(h, f)
	if err != nil {
		return 0, err
	}
	switch sum := hex.EncodeToString(h.Sum(nil)); {
	case etag == "":
		t.linef("ETag: Not found in metadata")
	case etag == sum:
		t.linef("ETag: %s (valid)", etag)
	default:
		t.linef("ETag: %s doesn't match file hash of %s!", etag, sum)
	}
	return size, nil
}

func (t *tool) length(stored string, size int64) {
	n, err := strconv.ParseInt(stored, 10, 64)
	switch {
	case stored == "":
		t.linef("Content-Length: Not found in metadata")
	case err == nil && n == size:
		t.linef("Content-Length: %s (valid)", stored)
	default:
		t.linef("Content-Length: %s doesn't match file length of %d", stored, size)
	}
}
