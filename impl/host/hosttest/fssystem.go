package hosttest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"apus/impl/host"
)

// attributed opens a file that takes extended attributes, or skips the test.
func (d dirFS) attributed(t *testing.T) host.File {
	t.Helper()
	f := d.open(t, "x", host.ReadWrite|host.Create)
	err := f.SetXattr("user.probe", []byte("1"))
	if errors.Is(err, host.ErrUnsupported) {
		t.Skip("no extended attributes here")
	}
	must(t, err)
	must(t, f.RemoveXattr("user.probe"))
	return f
}

var xattrCases = []testCase[dirFS]{
	{"xattr", func(t *testing.T, d dirFS) {
		f := d.attributed(t)
		_, err := f.GetXattr("user.a")
		wantErr(t, err, host.ErrNoXattr)
		wantErr(t, f.RemoveXattr("user.a"), host.ErrNoXattr)
		must(t, f.SetXattr("user.b", []byte("two")))
		must(t, f.SetXattr("user.a", nil))
		must(t, f.SetXattr("user.b", []byte("\x00three")))
		v, err := d.open(t, "x", host.ReadOnly).GetXattr("user.b")
		must(t, err)
		want(t, "value", string(v), "\x00three")
		v, err = f.GetXattr("user.a")
		must(t, err)
		want(t, "empty value", len(v), 0)
		names, err := f.ListXattr()
		must(t, err)
		want(t, "names", fmt.Sprint(names), "[user.a user.b]")
		must(t, f.RemoveXattr("user.a"))
		must(t, f.RemoveXattr("user.b"))
		names, err = f.ListXattr()
		must(t, err)
		want(t, "names", len(names), 0)
	}},
	{"xattr values are copies", func(t *testing.T, d dirFS) {
		f := d.attributed(t)
		value := []byte("value")
		must(t, f.SetXattr("user.a", value))
		value[0] = 'X'
		got, err := f.GetXattr("user.a")
		must(t, err)
		want(t, "value", string(got), "value")
		got[0] = 'X'
		got, err = f.GetXattr("user.a")
		must(t, err)
		want(t, "value", string(got), "value")
	}},
	{"xattr of some size", func(t *testing.T, d dirFS) {
		f := d.attributed(t)
		value := bytes.Repeat([]byte("v"), 3000)
		must(t, f.SetXattr("user.a", value))
		got, err := f.GetXattr("user.a")
		must(t, err)
		want(t, "same", bytes.Equal(got, value), true)
		wantErr(t, f.SetXattr("user.b", make([]byte, 65537)), host.ErrXattrSize)
	}},
	{"xattr stays with the file", func(t *testing.T, d dirFS) {
		f := d.attributed(t)
		must(t, f.SetXattr("user.a", []byte("v")))
		must(t, d.Rename(d.at("x"), d.at("y")))
		v, err := d.open(t, "y", host.ReadOnly).GetXattr("user.a")
		must(t, err)
		want(t, "value", string(v), "v")
		d.write(t, "x", "")
		_, err = d.open(t, "x", host.ReadOnly).GetXattr("user.a")
		wantErr(t, err, host.ErrNoXattr)
	}},
}

var lockCases = []testCase[dirFS]{
	{"flock", func(t *testing.T, d dirFS) {
		a := d.open(t, "x", host.ReadWrite|host.Create)
		b := d.open(t, "x", host.ReadOnly)
		must(t, a.TryLock(host.Exclusively))
		must(t, a.TryLock(host.Exclusively))
		wantErr(t, b.TryLock(host.Shared), host.ErrWouldBlock)
		wantErr(t, b.TryLock(host.Exclusively), host.ErrWouldBlock)
		must(t, a.TryLock(host.Shared))
		must(t, b.TryLock(host.Shared))
		wantErr(t, a.TryLock(host.Exclusively), host.ErrWouldBlock)
		must(t, b.TryLock(host.Unlocked))
		must(t, b.TryLock(host.Unlocked))
		must(t, a.TryLock(host.Exclusively))
	}},
	{"flock failed conversion", func(t *testing.T, d dirFS) {
		a := d.open(t, "x", host.ReadWrite|host.Create)
		b := d.open(t, "x", host.ReadWrite)
		must(t, a.TryLock(host.Shared))
		must(t, b.TryLock(host.Shared))
		wantErr(t, a.TryLock(host.Exclusively), host.ErrWouldBlock)
		must(t, b.TryLock(host.Exclusively)) // a has lost its lock
	}},
	{"flock ends with Close", func(t *testing.T, d dirFS) {
		a := d.open(t, "x", host.ReadWrite|host.Create)
		b := d.open(t, "x", host.ReadWrite)
		must(t, a.TryLock(host.Exclusively))
		must(t, a.Close())
		must(t, b.TryLock(host.Exclusively))
	}},
	{"flock is per file", func(t *testing.T, d dirFS) {
		a := d.open(t, "x", host.ReadWrite|host.Create)
		b := d.open(t, "y", host.ReadWrite|host.Create)
		must(t, a.TryLock(host.Exclusively))
		must(t, b.TryLock(host.Exclusively))
		must(t, d.Remove(d.at("x")))
		c := d.open(t, "x", host.ReadWrite|host.Create)
		must(t, c.TryLock(host.Exclusively))
	}},
	{"ranges", func(t *testing.T, d dirFS) {
		a := d.open(t, "x", host.ReadWrite|host.Create)
		b := d.open(t, "x", host.ReadWrite)
		must(t, a.TryLockRange(host.Exclusively, 10, 10))
		must(t, b.TryLockRange(host.Exclusively, 0, 10))
		must(t, b.TryLockRange(host.Exclusively, 20, 0))
		wantErr(t, b.TryLockRange(host.Shared, 19, 1), host.ErrWouldBlock)
		wantErr(t, a.TryLockRange(host.Shared, 1<<40, 1), host.ErrWouldBlock)
		must(t, a.TryLockRange(host.Unlocked, 12, 2))
		must(t, b.TryLockRange(host.Exclusively, 12, 2))
		wantErr(t, b.TryLockRange(host.Shared, 11, 1), host.ErrWouldBlock)
		wantErr(t, b.TryLockRange(host.Shared, 14, 1), host.ErrWouldBlock)
		must(t, a.TryLock(host.Exclusively)) // the other kind of lock
		must(t, a.Close())
		must(t, b.TryLockRange(host.Exclusively, 0, 0))
	}},
	{"range conversion", func(t *testing.T, d dirFS) {
		a := d.open(t, "x", host.ReadWrite|host.Create)
		b := d.open(t, "x", host.ReadWrite)
		must(t, a.TryLockRange(host.Shared, 0, 10))
		must(t, b.TryLockRange(host.Shared, 0, 10))
		wantErr(t, a.TryLockRange(host.Exclusively, 0, 10), host.ErrWouldBlock)
		wantErr(t, b.TryLockRange(host.Exclusively, 0, 10), host.ErrWouldBlock) // a still has its lock
		must(t, b.TryLockRange(host.Unlocked, 0, 0))
		must(t, a.TryLockRange(host.Exclusively, 0, 10))
		wantErr(t, b.TryLockRange(host.Shared, 9, 1), host.ErrWouldBlock)
		must(t, a.TryLockRange(host.Shared, 5, 5))
		must(t, b.TryLockRange(host.Shared, 9, 1))
		wantErr(t, b.TryLockRange(host.Shared, 4, 1), host.ErrWouldBlock)
	}},
	{"exclusive range needs ReadWrite", func(t *testing.T, d dirFS) {
		d.write(t, "x", "")
		f := d.open(t, "x", host.ReadOnly)
		must(t, f.TryLockRange(host.Shared, 0, 1))
		wantErr(t, f.TryLockRange(host.Exclusively, 0, 1), fs.ErrPermission)
	}},
}

var systemCases = []testCase[dirFS]{
	{"statfs", func(t *testing.T, d dirFS) {
		st, err := d.StatFS(d.dir)
		must(t, err)
		if st.Total == 0 || st.Free > st.Total || st.Avail > st.Free {
			t.Fatalf("%+v", st)
		}
		_, err = d.StatFS(d.at("none"))
		wantErr(t, err, fs.ErrNotExist)
	}},
	{"mounts", func(t *testing.T, d dirFS) {
		root, err := d.IsMount("/")
		must(t, err)
		want(t, "the root", root, true)
		must(t, d.Mkdir(d.at("sub"), 0o755))
		sub, err := d.IsMount(d.at("sub"))
		must(t, err)
		want(t, "a directory", sub, false)
		_, err = d.IsMount(d.at("none"))
		wantErr(t, err, fs.ErrNotExist)
		d.write(t, "x", "")
		file, err := d.IsMount(d.at("x"))
		must(t, err)
		want(t, "a file", file, false)
	}},
}
