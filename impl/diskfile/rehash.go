package diskfile

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"path"
	"strconv"

	"apus/impl/host"
	"apus/impl/policy"
)

const (
	hashesFile = "hashes.pkl"
	// maxHashes bounds the size of hashes.pkl; all 4096 suffixes need a sixth.
	maxHashes = 1 << 20
	// hashAttempts is how often hashing starts anew because of other writers
	// of hashes.pkl.
	hashAttempts = 8
)

// Hashes is the hash of every suffix of a partition, by suffix, as replicators
// compare it: the MD5 of the names that count. Suffixes that were written
// since the last call, and those of recalculate, are hashed afresh and cleaned
// of what is obsolete or older than the reclaim age. A suffix that cannot be
// read has the hash "" (None to Swift's daemons). A partition that does not
// exist has no suffixes.
func (d *Device) Hashes(ctx context.Context, p *policy.Policy, partition uint32, recalculate []string) (map[string]string, error) {
	const op = "diskfile.Hashes"
	r := rehash{
		dev: d, policy: p, recalculate: recalculate,
		part: path.Join(d.Path, p.DataDir(), strconv.FormatUint(uint64(partition), 10)),
	}
	for range hashAttempts {
		saved, err := r.run(ctx)
		if notExist(err) {
			return map[string]string{}, nil
		}
		if err != nil {
			return nil, failed(op, r.part, err)
		}
		if saved {
			break
		}
	}
	// Without a success others are busy with the file, and what was found
	// stays marked in it as unknown.
	return r.table.suffixes, nil
}

// rehash is one call of Hashes.
type rehash struct {
	dev         *Device
	policy      *policy.Policy
	part        string
	recalculate []string

	table hashTable
}

// run hashes what needs it. It is not saved if hashes.pkl changed meanwhile.
func (r *rehash) run(ctx context.Context) (saved bool, err error) {
	if _, err := r.dev.fs.Stat(r.part); err != nil {
		return false, err
	}
	before, err := r.consolidate()
	if err != nil {
		if notExist(err) || errors.Is(err, errLockTimeout) {
			return false, err
		}
		r.warn("cannot consolidate hashes.invalid", r.part, err)
		before = r.readFile()
		r.table = noHashes()
	}
	changed, err := r.unknown()
	if err != nil {
		return false, err
	}
	for _, s := range r.table.sorted() {
		if r.table.suffixes[s] != "" {
			continue
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
		changed = true
		h, err := r.suffix(path.Join(r.part, s))
		switch {
		case errors.Is(err, errNoSuffix):
			delete(r.table.suffixes, s)
		case err != nil:
			r.warn("cannot hash a suffix", path.Join(r.part, s), err)
		default:
			r.table.suffixes[s] = h
		}
	}
	if !changed {
		return true, nil
	}
	return r.save(before)
}

// unknown marks the suffixes that must be hashed; all of them if the table
// lists not every one.
func (r *rehash) unknown() (changed bool, err error) {
	if !r.table.valid {
		entries, err := r.dev.fs.ReadDir(r.part)
		if err != nil {
			return false, err
		}
		r.table = hashTable{valid: true, updated: r.table.updated, suffixes: map[string]string{}}
		for _, e := range entries {
			if validSuffix(e.Name()) {
				r.table.suffixes[e.Name()] = ""
			}
		}
		changed = true
	}
	for _, s := range r.recalculate {
		if validSuffix(s) {
			r.table.suffixes[s] = ""
		}
	}
	return changed, nil
}

// consolidate moves what hashes.invalid says into hashes.pkl, sets the table
// and returns the file's content. The journal is emptied when the other file
// is durable, so that no power cut loses an entry.
func (r *rehash) consolidate() (raw []byte, err error) {
	unlock, err := r.dev.lockPartition(r.part)
	if err != nil {
		return nil, err
	}
	defer unlock()
	raw = r.readFile()
	r.table = decodeHashes(raw)
	journal := path.Join(r.part, invalidFile)
	suffixes, some, err := r.readJournal(journal)
	if err != nil {
		return nil, err
	}
	for _, s := range suffixes {
		r.table.suffixes[s] = ""
	}
	if len(suffixes) > 0 {
		if raw, err = r.writeFile(); err != nil {
			return nil, err
		}
	}
	if !some {
		return raw, nil
	}
	f, err := r.dev.fs.OpenFile(journal, host.ReadWrite|host.Truncate, filePerm)
	if err != nil {
		return nil, err
	}
	return raw, f.Close()
}

func (r *rehash) readJournal(name string) (suffixes []string, some bool, err error) {
	f, err := r.dev.fs.OpenFile(name, host.ReadOnly, 0)
	if notExist(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer f.Close() // only read from
	return readInvalid(f)
}

// readFile is the content of hashes.pkl, nil if it cannot be read.
func (r *rehash) readFile() []byte {
	f, err := r.dev.fs.OpenFile(path.Join(r.part, hashesFile), host.ReadOnly, 0)
	if err != nil {
		return nil
	}
	defer f.Close() // only read from
	b, err := io.ReadAll(io.LimitReader(f, maxHashes))
	if err != nil {
		return nil
	}
	return b
}

// save writes the table unless hashes.pkl is not what it was before.
func (r *rehash) save(before []byte) (bool, error) {
	unlock, err := r.dev.lockPartition(r.part)
	if err != nil {
		return false, err
	}
	defer unlock()
	if !bytes.Equal(r.readFile(), before) {
		return false, nil
	}
	_, err = r.writeFile()
	return err == nil, err
}

// writeFile replaces hashes.pkl durably. The caller holds the partition's lock.
func (r *rehash) writeFile() ([]byte, error) {
	d := r.dev
	r.table.updated = stamped(float64(d.m.host.Clock.Now().UnixNano())/1e9, r.table.updated)
	content, err := r.table.encode()
	if err != nil {
		return nil, err
	}
	f, tmp, err := d.createTemp(path.Join(d.Path, r.policy.TmpDir()))
	if err != nil {
		return nil, err
	}
	err = d.fill(f, content)
	if err == nil {
		err = d.fs.Rename(tmp, path.Join(r.part, hashesFile))
	}
	if err != nil {
		_ = d.fs.Remove(tmp)
		return nil, err
	}
	return content, d.commitNames(r.part)
}

// errNoSuffix says that there is no such suffix, or none any more.
var errNoSuffix = errors.New("the suffix is gone")

// suffix hashes one suffix and cleans up in it.
func (r *rehash) suffix(dir string) (string, error) {
	entries, err := r.dev.fs.ReadDir(dir)
	if notExist(err) || errors.Is(err, host.ErrNotDir) {
		return "", errNoSuffix
	}
	if err != nil {
		return "", err
	}
	sum := md5.New()
	for _, e := range entries {
		if err := r.object(path.Join(dir, e.Name()), sum); err != nil {
			return "", err
		}
	}
	if r.dev.removeDir(dir) {
		return "", errNoSuffix
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// object adds what counts in a hash directory to the sum. What cannot be
// listed is quarantined.
func (r *rehash) object(dir string, sum hash.Hash) error {
	o := r.dev.objectAt(r.policy, dir)
	if o == nil {
		o = &Object{Dir: dir, Policy: r.policy, dev: r.dev}
	}
	defer o.lock()()
	files, err := o.list()
	if unlistable(err) {
		return o.moveAway(fmt.Errorf("%w: %w", errUnlisted, err))
	}
	if err != nil {
		return err
	}
	have := o.cleanup(files)
	for _, s := range have.summary() {
		_, _ = io.WriteString(sum, s) // a hash takes everything
	}
	return nil
}

// summary is what the files that count add to the hash of their suffix.
func (o *OnDisk) summary() []string {
	var out []string
	for _, n := range []*Name{o.Meta, o.Tombstone, o.Data} {
		if n != nil {
			out = append(out, n.Timestamp.Internal()+n.Ext)
		}
	}
	if o.ContentType != nil {
		out = append(out, o.ContentType.ContentType.Internal()+"_ctype")
	}
	return out
}

func (r *rehash) warn(msg, name string, err error) {
	r.dev.m.host.Log.LogAttrs(context.Background(), slog.LevelWarn, msg, slog.String("path", name), slog.Any("error", err))
}
