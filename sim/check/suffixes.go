package check

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"apus/impl/host"
	"apus/impl/swift"
)

// SuffixHashes computes the suffix hashes of a partition directory from the
// names of its files, as two replicas compare them, and lists its tombstones.
// It shares no code with the object server, so that it can disagree with it.
//
// The hash of a suffix is the MD5 over its hash directories, in order: of the
// .meta that counts time and extension, of the .ts or .data that counts the
// same, and of a .meta with another time of content type that time and
// "_ctype".
func SuffixHashes(fsys host.FS, dir string) (hashes map[string]string, tombstones []string, err error) {
	hashes = map[string]string{}
	suffixes, err := list(fsys, dir)
	if err != nil {
		return nil, nil, err
	}
	for _, suffix := range suffixes {
		if len(suffix) != 3 {
			continue
		}
		names, err := list(fsys, path.Join(dir, suffix))
		if err != nil {
			return nil, nil, err
		}
		sum := md5.New()
		any := false
		for _, hash := range names {
			files, err := list(fsys, path.Join(dir, suffix, hash))
			if err != nil {
				return nil, nil, err
			}
			text, tombstone := effective(files)
			sum.Write([]byte(text)) // never fails
			any = any || len(files) > 0
			if tombstone != "" {
				tombstones = append(tombstones, path.Join(suffix, hash, tombstone))
			}
		}
		if any {
			hashes[suffix] = hex.EncodeToString(sum.Sum(nil))
		}
	}
	return hashes, tombstones, nil
}

// Suffixes lists the suffixes of a partition directory, joined by dashes.
func Suffixes(fsys host.FS, dir string) (string, error) {
	names, err := list(fsys, dir)
	var out []string
	for _, n := range names {
		if len(n) == 3 {
			out = append(out, n)
		}
	}
	return strings.Join(out, "-"), err
}

func list(fsys host.FS, dir string) ([]string, error) {
	entries, err := fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if err != nil {
		err = fmt.Errorf("check.SuffixHashes: %w", err)
	}
	return names, err
}

// effective is what the files of one hash directory add to the hash of their
// suffix.
func effective(files []string) (text, tombstone string) {
	var base, meta, typed swift.Timestamp
	var ext string
	for _, f := range files {
		if ts, e, ok := fileTimestamp(f); ok && (e == ".data" || e == ".ts") && (ts.After(base) || ts == base && e == ".ts") {
			base, ext = ts, e
			tombstone = ""
			if e == ".ts" {
				tombstone = f
			}
		}
	}
	if ext == "" {
		return "", ""
	}
	for _, f := range files {
		ts, e, ok := fileTimestamp(f)
		if !ok || e != ".meta" || ext != ".data" || !ts.After(base) {
			continue
		}
		if ts.After(meta) {
			meta = ts
		}
		if ct := typeTimestamp(f, ts); ct.After(base) && ct.After(typed) {
			typed = ct
		}
	}
	if !meta.IsZero() {
		text = meta.Internal() + ".meta"
	}
	text += base.Internal() + ext
	if !typed.IsZero() {
		text += typed.Internal() + "_ctype"
	}
	return text, tombstone
}

// typeTimestamp is the time of the content type in the name of a .meta file:
// "<time>-<difference in hexadecimal ticks>.meta". Zero if there is none.
func typeTimestamp(name string, ts swift.Timestamp) swift.Timestamp {
	stem := strings.TrimSuffix(name, ".meta")
	i := strings.LastIndexAny(stem, "+-")
	if i <= 0 {
		return swift.Timestamp{}
	}
	var delta int64
	if _, err := fmt.Sscanf(stem[i+1:], "%x", &delta); err != nil {
		return swift.Timestamp{}
	}
	if stem[i] == '-' {
		delta = -delta
	}
	return swift.NewTimestamp(ts.Ticks()+delta, 0)
}
