package diskfile

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"sort"
	"strings"

	"apus/impl/host"
	"apus/impl/pickle"
	"apus/impl/policy"
	"apus/impl/swift"
)

// Update is a change of a container's listing that could not be delivered.
type Update struct {
	Op                         string // PUT or DELETE
	Account, Container, Object string
	Headers                    map[string]string // keys in title case
	DBState                    string            // of the root container; may be empty
	// ContainerPath is "account/container" of a shard that takes the update
	// instead; may be empty.
	ContainerPath string
	// Successes are the ids of the container ring's devices that have it.
	Successes []int
	// Redirects are the ContainerPaths tried so far.
	Redirects []string
}

// Pending is an Update's file in async_pending.
type Pending struct {
	Path      string
	Hash      string // of the object
	Timestamp swift.Timestamp
}

// Encode is the pickle, protocol 0, as Swift writes it.
func (u *Update) Encode() ([]byte, error) {
	keys := make([]string, 0, len(u.Headers))
	for k := range u.Headers {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	var h pickle.HeaderDict
	for _, k := range keys {
		h = append(h, pickle.Item{Key: pickle.FromRaw(k), Value: pickle.FromRaw(u.Headers[k])})
	}
	d := pickle.Dict{
		{Key: "op", Value: u.Op}, {Key: "account", Value: u.Account}, {Key: "container", Value: u.Container},
		{Key: "obj", Value: u.Object}, {Key: "headers", Value: h}, {Key: "db_state", Value: nil},
	}
	if u.DBState != "" {
		d.Set("db_state", u.DBState)
	}
	if u.ContainerPath != "" {
		d.Set("container_path", u.ContainerPath)
	}
	if len(u.Successes) > 0 {
		var l pickle.List
		for _, id := range u.Successes {
			l = append(l, int64(id))
		}
		d.Set("successes", l)
	}
	if len(u.Redirects) > 0 {
		var l pickle.List
		for _, r := range u.Redirects {
			l = append(l, r)
		}
		d.Set("redirect_history", l)
	}
	return pickle.Encode(d, pickle.Protocol0)
}

// DecodeUpdate reads what Encode or a Python object server wrote. An error is
// of kind swift.Corrupt.
func DecodeUpdate(b []byte) (*Update, error) {
	v, err := pickle.Decode(b)
	if err != nil {
		return nil, err
	}
	d, ok := v.(pickle.Dict)
	if !ok {
		return nil, swift.E("diskfile.DecodeUpdate", "", swift.Corrupt, fmt.Errorf("is a %T, not a dict", v))
	}
	u := &Update{Headers: map[string]string{}}
	for key, p := range map[string]*string{
		"op": &u.Op, "account": &u.Account, "container": &u.Container, "obj": &u.Object,
		"db_state": &u.DBState, "container_path": &u.ContainerPath,
	} {
		if v, ok := d.Get(key); ok && v != nil {
			if *p, ok = pickle.Text(v); !ok {
				return nil, swift.E("diskfile.DecodeUpdate", "", swift.Corrupt, fmt.Errorf("%s is a %T", key, v))
			}
		}
	}
	if err := u.decodeRest(d); err != nil {
		return nil, swift.E("diskfile.DecodeUpdate", "", swift.Corrupt, err)
	}
	return u, nil
}

func (u *Update) decodeRest(d pickle.Dict) error {
	if u.Op == "" || u.Account == "" || u.Container == "" || u.Object == "" {
		return errors.New("names no operation or no object")
	}
	headers, _ := d.Get("headers")
	var items pickle.Dict
	switch h := headers.(type) {
	case pickle.HeaderDict:
		items = pickle.Dict(h)
	case pickle.Dict:
		items = h
	default:
		return fmt.Errorf("headers are a %T", headers)
	}
	for _, it := range items {
		k, kok := pickle.Text(it.Key)
		v, vok := pickle.Text(it.Value)
		if n, isInt := it.Value.(int64); isInt {
			v, vok = fmt.Sprint(n), true
		}
		if !kok || !vok {
			return errors.New("a header is not text")
		}
		u.Headers[Title(raw(it.Key, k))] = raw(it.Value, v)
	}
	if v, ok := d.Get("successes"); ok {
		l, _ := v.(pickle.List)
		for _, id := range l {
			if n, ok := id.(int64); ok {
				u.Successes = append(u.Successes, int(n))
			}
		}
	}
	if v, ok := d.Get("redirect_history"); ok {
		l, _ := v.(pickle.List)
		for _, r := range l {
			if s, ok := pickle.Text(r); ok {
				u.Redirects = append(u.Redirects, s)
			}
		}
	}
	return nil
}

// raw is the bytes of text that was pickled as v: Python 2's are themselves.
func raw(v any, text string) string {
	if _, ok := v.(pickle.Bytes); ok {
		return text
	}
	return pickle.ToRaw(text)
}

// SaveUpdate writes an Update to async_pending of the policy, durably. One of
// the same object and timestamp is replaced.
func (d *Device) SaveUpdate(p *policy.Policy, u *Update, ts swift.Timestamp) error {
	hash := d.m.hasher.Hash(swift.Path{Account: u.Account, Container: u.Container, Object: u.Object})
	name := path.Join(d.Path, p.AsyncDir(), hash.Suffix(), hash.String()+"-"+ts.Internal())
	return d.RewriteUpdate(p, name, u)
}

// RewriteUpdate replaces the file name, durably.
func (d *Device) RewriteUpdate(p *policy.Policy, name string, u *Update) error {
	const op = "diskfile.SaveUpdate"
	content, err := u.Encode()
	if err != nil {
		return swift.E(op, name, swift.Other, err)
	}
	f, tmp, err := d.createTemp(path.Join(d.Path, p.TmpDir()))
	if err != nil {
		return failed(op, name, err)
	}
	err = d.place(f, tmp, name, content)
	if err != nil {
		_ = d.fs.Remove(tmp)
	}
	return failed(op, name, err)
}

// fill makes content durable in f, and closes it.
func (d *Device) fill(f host.File, content []byte) error {
	_, err := f.Write(content)
	if err == nil {
		err = d.commit(f.Sync)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

func (d *Device) place(f host.File, tmp, name string, content []byte) error {
	err := d.fill(f, content)
	if err != nil {
		return err
	}
	dir := path.Dir(name)
	err = d.fs.Rename(tmp, name)
	for i := 0; notExist(err) && i < renameAttempts; i++ { // an updater removes empty directories
		if _, err = d.makeDir(dir); err == nil {
			err = d.fs.Rename(tmp, name)
		}
	}
	if err != nil {
		return err
	}
	if err = d.commitNames(dir); notExist(err) {
		return nil // an updater was so fast that the file and its directory are gone
	}
	return err
}

const renameAttempts = 4

// Updates iterates over the pending updates of a policy, newest first for
// each object. An error is the last thing it yields for a directory.
func (d *Device) Updates(p *policy.Policy) iter.Seq2[Pending, error] {
	return func(yield func(Pending, error) bool) {
		root := path.Join(d.Path, p.AsyncDir())
		suffixes, err := d.fs.ReadDir(root)
		if err != nil {
			if !notExist(err) {
				yield(Pending{}, failed("diskfile.Updates", root, err))
			}
			return
		}
		for _, s := range suffixes {
			if !s.IsDir() {
				continue
			}
			for _, u := range d.updatesIn(path.Join(root, s.Name())) {
				if !yield(u.Pending, u.err) {
					return
				}
			}
		}
	}
}

type pendingOrErr struct {
	Pending
	err error
}

func (d *Device) updatesIn(dir string) []pendingOrErr {
	entries, err := d.fs.ReadDir(dir)
	if err != nil {
		if notExist(err) {
			return nil
		}
		return []pendingOrErr{{err: failed("diskfile.Updates", dir, err)}}
	}
	var out []pendingOrErr
	for i := len(entries) - 1; i >= 0; i-- {
		e := entries[i]
		hash, stamp, ok := strings.Cut(e.Name(), "-")
		ts, err := swift.ParseTimestamp(stamp)
		if e.IsDir() {
			continue
		}
		name := path.Join(dir, e.Name())
		if !ok || err != nil {
			out = append(out, pendingOrErr{err: swift.E("diskfile.Updates", name, swift.Invalid, errors.New("is not the name of an update"))})
			continue
		}
		out = append(out, pendingOrErr{Pending: Pending{name, hash, ts}})
	}
	return out
}

// maxUpdate bounds the size of an Update's file.
const maxUpdate = 1 << 20

// LoadUpdate reads one file. Kind swift.Corrupt: quarantine it;
// swift.NotFound: somebody else was faster.
func (d *Device) LoadUpdate(name string) (*Update, error) {
	const op = "diskfile.LoadUpdate"
	f, err := d.fs.OpenFile(name, host.ReadOnly, 0)
	if notExist(err) {
		return nil, swift.E(op, name, swift.NotFound, err)
	}
	if err != nil {
		return nil, failed(op, name, err)
	}
	defer f.Close() // only read from
	b, err := io.ReadAll(io.LimitReader(f, maxUpdate+1))
	if err != nil {
		return nil, failed(op, name, err)
	}
	if len(b) > maxUpdate {
		return nil, swift.E(op, name, swift.Corrupt, fmt.Errorf("is larger than %d bytes", maxUpdate))
	}
	u, err := DecodeUpdate(b)
	if err != nil {
		return nil, swift.E(op, name, swift.Corrupt, err)
	}
	return u, nil
}

// RemoveUpdate removes a delivered or outdated Update, and its directory if it
// was the last one there.
func (d *Device) RemoveUpdate(name string) error {
	err := d.fs.Remove(name)
	if notExist(err) {
		err = nil
	}
	d.removeDir(path.Dir(name))
	return failed("diskfile.RemoveUpdate", name, err)
}

// QuarantineUpdate moves an unreadable Update to quarantined/objects.
func (d *Device) QuarantineUpdate(name string) error {
	return failed("diskfile.Quarantine", name, d.moveTo(name, path.Join(d.Path, quarantineDir, "objects")))
}
