package diskfile

import (
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"log/slog"
	"path"
	"strconv"
)

// twin is the place that the object has when there are 1<<power partitions;
// nil for a power that no ring has.
func (o *Object) twin(power int) *Object {
	if power < 1 || power > 32 {
		return nil
	}
	part := binary.BigEndian.Uint32(o.hash[:4]) >> (32 - power)
	return &Object{
		Path: o.Path, Policy: o.Policy, NextPartPower: o.NextPartPower, dev: o.dev, hash: o.hash,
		Dir: path.Join(path.Dir(o.partitionDir()), strconv.FormatUint(uint64(part), 10), o.hash.Suffix(), o.hash.String()),
	}
}

// relink gives a file that was written while the number of partitions is being
// doubled its name in the other partition. It is a service to the relinker,
// which makes up for what fails here. The caller holds the object's lock.
func (o *Object) relink(file string) {
	to := o.twin(o.NextPartPower)
	if to == nil || to.Dir == o.Dir {
		return
	}
	if err := o.linkInto(to, file); err != nil {
		o.dev.m.host.Log.LogAttrs(context.Background(), slog.LevelError, "cannot link an object into its next partition",
			slog.String("path", path.Join(o.Dir, file)), slog.String("to", to.Dir), slog.Any("error", err))
	}
}

func (o *Object) linkInto(to *Object, file string) error {
	d, from, target := o.dev, path.Join(o.Dir, file), path.Join(to.Dir, file)
	if _, err := d.makeDir(to.Dir); err != nil {
		return err
	}
	if err := to.invalidate(); err != nil {
		return err
	}
	if err := d.fs.Link(from, target); err != nil && !(errors.Is(err, fs.ErrExist) && o.sameFile(from, target)) {
		return err
	}
	return d.commitNames(to.Dir)
}

// sameFile reports whether two names hold the same file: a relinker may have
// been faster. Files are never changed, so equal metadata of equal size is it.
func (o *Object) sameFile(a, b string) bool {
	x, err := o.dev.fs.Stat(a)
	if err != nil {
		return notExist(err)
	}
	y, err := o.dev.fs.Stat(b)
	return err == nil && x.Size() == y.Size() && x.ModTime().Equal(y.ModTime())
}

// cleanupTwin removes what a write made obsolete in the object's other place
// while the number of partitions is being doubled: the future one before the
// switch, the former one after it.
func (o *Object) cleanupTwin() {
	other := o.twin(o.NextPartPower)
	if other != nil && other.Dir == o.Dir {
		other = o.twin(o.NextPartPower - 1)
	}
	if other == nil {
		return
	}
	files, err := other.list()
	if err != nil {
		o.dev.m.host.Log.LogAttrs(context.Background(), slog.LevelWarn, "cannot clean up an object's other partition",
			slog.String("path", other.Dir), slog.Any("error", err))
		return
	}
	if len(files) > 0 {
		other.cleanup(files)
	}
}
