package diskfile

import (
	"encoding/hex"
	"iter"
	"path"

	"apus/impl/policy"
	"apus/impl/swift"
)

// Walk iterates over the hash directories of a policy on the device, in order
// of partition name, suffix and hash. Directories that cannot be read are
// yielded as errors and skipped.
func (d *Device) Walk(p *policy.Policy) iter.Seq2[*Object, error] {
	return func(yield func(*Object, error) bool) {
		root := path.Join(d.Path, p.DataDir())
		ok := true
		fail := func(dir string, err error) {
			if !notExist(err) {
				ok = yield(nil, failed("diskfile.Walk", dir, err))
			}
		}
		d.dirs(root, fail, func(part string) bool {
			d.dirs(part, fail, func(suffix string) bool {
				d.dirs(suffix, fail, func(dir string) bool {
					if o := d.objectAt(p, dir); o != nil {
						ok = yield(o, nil)
					}
					return ok
				})
				return ok
			})
			return ok
		})
	}
}

func (d *Device) dirs(dir string, fail func(string, error), visit func(string) bool) {
	entries, err := d.fs.ReadDir(dir)
	if err != nil {
		fail(dir, err)
		return
	}
	for _, e := range entries {
		if e.IsDir() && !visit(path.Join(dir, e.Name())) {
			return
		}
	}
}

// objectAt is nil if dir is not named by a hash.
func (d *Device) objectAt(p *policy.Policy, dir string) *Object {
	raw, err := hex.DecodeString(path.Base(dir))
	if err != nil || len(raw) != len(swift.Hash{}) {
		return nil
	}
	return &Object{Dir: dir, Policy: p, dev: d, hash: swift.Hash(raw)}
}

// State is what the files of the object's directory amount to, for judges and
// auditors. Names that are not durable yet are not shown.
func (o *Object) State() (OnDisk, error) {
	files, err := o.list()
	if err != nil {
		return OnDisk{}, failed("diskfile.State", o.Dir, err)
	}
	return Select(o.dev.names.visible(o.Dir, files)), nil
}
