package diskfile

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"path"

	"github.com/google/uuid"

	"apus/impl/event"
	"apus/impl/host"
)

const quarantineDir = "quarantined"

// quarantine moves the object away because its .data file is bad, unless a
// newer one has taken its place.
func (o *Object) quarantine(file string, reason error) {
	defer o.lock()()
	files, err := o.list()
	if err == nil {
		have := Select(files)
		if have.Data == nil || have.Data.File != file {
			return
		}
		err = o.moveAway(reason)
	}
	if err != nil {
		o.dev.m.host.Log.LogAttrs(context.Background(), slog.LevelError, "cannot quarantine a bad object",
			slog.String("path", o.Dir), slog.Any("reason", reason), slog.Any("error", err))
	}
}

// errUnlisted is in the reason when the hash directory cannot be listed.
var errUnlisted = errors.New("the directory cannot be listed")

// moveAway puts the hash directory below <device>/quarantined. One that cannot
// be listed may not move either, because bad sectors reach further; then its
// whole suffix goes. The caller holds the object's lock.
func (o *Object) moveAway(reason error) error {
	if err := o.invalidate(); err != nil {
		return err
	}
	to, moved := path.Join(o.dev.Path, quarantineDir, o.Policy.DataDir()), o.Dir
	err := o.dev.moveTo(moved, to)
	if err != nil && errors.Is(reason, errUnlisted) && !errors.Is(reason, host.ErrNotDir) {
		moved = o.suffixDir()
		err = o.dev.moveTo(moved, to)
	}
	if err != nil {
		return err
	}
	o.dev.m.host.Log.LogAttrs(context.Background(), slog.LevelWarn, "quarantined an object",
		slog.String("path", moved), slog.Any("reason", reason))
	o.dev.m.events.EmitQuarantine(event.Quarantine{Path: moved, Reason: reason.Error()})
	return nil
}

// moveTo renames a file or directory into dir, under another name if its own
// is taken.
func (d *Device) moveTo(from, dir string) error {
	if err := d.makeMissing(dir); err != nil {
		return err
	}
	to := path.Join(dir, path.Base(from))
	if _, err := d.fs.Stat(to); err == nil {
		to += "-" + hexUUID()
	}
	err := d.fs.Rename(from, to)
	if errors.Is(err, host.ErrNotEmpty) || errors.Is(err, fs.ErrExist) {
		err = d.fs.Rename(from, path.Join(dir, path.Base(from))+"-"+hexUUID())
	}
	return err
}

func hexUUID() string {
	id := uuid.New()
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 32)
	for _, b := range id {
		out = append(out, digits[b>>4], digits[b&15])
	}
	return string(out)
}

// makeMissing is makeDir for directories that are usually there.
func (d *Device) makeMissing(dir string) error {
	if _, err := d.fs.Stat(dir); !notExist(err) {
		return err
	}
	_, err := d.makeDir(dir)
	return err
}
