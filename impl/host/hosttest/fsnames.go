package hosttest

import (
	"io/fs"
	"strings"
	"testing"

	"apus/impl/host"
)

var nameCases = []testCase[dirFS]{
	{"mkdir", func(t *testing.T, d dirFS) {
		must(t, d.Mkdir(d.at("a"), 0o755))
		wantErr(t, d.Mkdir(d.at("a"), 0o755), fs.ErrExist)
		wantErr(t, d.Mkdir(d.at("b/c"), 0o755), fs.ErrNotExist)
		must(t, d.MkdirAll(d.at("b/c/d"), 0o755))
		must(t, d.MkdirAll(d.at("b/c/d"), 0o755))
		info, err := d.Stat(d.at("b/c/d"))
		must(t, err)
		want(t, "directory", info.IsDir(), true)
		want(t, "name", info.Name(), "d")
		d.write(t, "f", "")
		wantErr(t, d.Mkdir(d.at("f"), 0o755), fs.ErrExist)
	}},
	{"list is sorted", func(t *testing.T, d dirFS) {
		for _, name := range []string{"b", "a", "c", "B", "a.x", "é", "0"} {
			d.write(t, name, name)
		}
		must(t, d.Mkdir(d.at("aa"), 0o755))
		want(t, "names", d.list(t, ""), "0 B a a.x aa b c é")
		must(t, d.Remove(d.at("b")))
		want(t, "names", d.list(t, ""), "0 B a a.x aa c é")
		entries, err := d.ReadDir(d.dir)
		must(t, err)
		want(t, "aa is a directory", entries[4].IsDir(), true)
		want(t, "a.x is none", entries[3].IsDir(), false)
		info, err := entries[3].Info()
		must(t, err)
		want(t, "size", info.Size(), 3)
		_, err = d.ReadDir(d.at("none"))
		wantErr(t, err, fs.ErrNotExist)
	}},
	{"stat", func(t *testing.T, d dirFS) {
		d.write(t, "x", "hello")
		info, err := d.Stat(d.at("x"))
		must(t, err)
		want(t, "name", info.Name(), "x")
		want(t, "size", info.Size(), 5)
		want(t, "regular", info.Mode().IsRegular(), true)
		want(t, "time is set", info.ModTime().IsZero(), false)
		own, err := d.open(t, "x", host.ReadOnly).Stat()
		must(t, err)
		want(t, "size", own.Size(), 5)
		want(t, "time", own.ModTime().Equal(info.ModTime()), true)
	}},
	{"remove", func(t *testing.T, d dirFS) {
		d.write(t, "x", "")
		must(t, d.Remove(d.at("x")))
		wantErr(t, d.Remove(d.at("x")), fs.ErrNotExist)
		must(t, d.MkdirAll(d.at("a/b"), 0o755))
		wantErr(t, d.Remove(d.at("a")), host.ErrNotEmpty)
		must(t, d.Remove(d.at("a/b")))
		must(t, d.Remove(d.at("a")))
		want(t, "names", d.list(t, ""), "")
	}},
	{"remove all", func(t *testing.T, d dirFS) {
		must(t, d.RemoveAll(d.at("none")))
		must(t, d.MkdirAll(d.at("a/b/c"), 0o755))
		d.write(t, "a/x", "")
		d.write(t, "a/b/y", "")
		must(t, d.RemoveAll(d.at("a")))
		want(t, "names", d.list(t, ""), "")
		d.write(t, "x", "")
		must(t, d.RemoveAll(d.at("x")))
		want(t, "names", d.list(t, ""), "")
	}},
	{"rename", func(t *testing.T, d dirFS) {
		d.write(t, "x", "one")
		d.write(t, "y", "two")
		must(t, d.Rename(d.at("x"), d.at("y")))
		d.absent(t, "x")
		want(t, "content", d.read(t, "y"), "one")
		must(t, d.Rename(d.at("y"), d.at("y")))
		want(t, "content", d.read(t, "y"), "one")
		wantErr(t, d.Rename(d.at("x"), d.at("y")), fs.ErrNotExist)
		wantErr(t, d.Rename(d.at("y"), d.at("no/y")), fs.ErrNotExist)
		want(t, "names", d.list(t, ""), "y")
	}},
	{"rename directories", func(t *testing.T, d dirFS) {
		must(t, d.MkdirAll(d.at("a/b"), 0o755))
		d.write(t, "a/b/x", "deep")
		must(t, d.Mkdir(d.at("c"), 0o755))
		must(t, d.Rename(d.at("a/b"), d.at("c/d")))
		want(t, "content", d.read(t, "c/d/x"), "deep")
		want(t, "names", d.list(t, "a"), "")
		must(t, d.Rename(d.at("c"), d.at("a"))) // an empty directory gives way
		want(t, "content", d.read(t, "a/d/x"), "deep")
		d.absent(t, "c")
		must(t, d.Mkdir(d.at("e"), 0o755))
		wantErr(t, d.Rename(d.at("e"), d.at("a")), host.ErrNotEmpty)
		d.write(t, "f", "")
		wantErr(t, d.Rename(d.at("f"), d.at("e")), host.ErrIsDir)
		wantErr(t, d.Rename(d.at("e"), d.at("f")), host.ErrNotDir)
		if d.Rename(d.at("a"), d.at("a/d/a")) == nil {
			t.Fatal("moved a directory below itself")
		}
	}},
	{"link", func(t *testing.T, d dirFS) {
		d.write(t, "x", "one")
		must(t, d.Link(d.at("x"), d.at("y")))
		wantErr(t, d.Link(d.at("x"), d.at("y")), fs.ErrExist)
		wantErr(t, d.Link(d.at("none"), d.at("z")), fs.ErrNotExist)
		wantErr(t, d.Link(d.at("x"), d.at("no/z")), fs.ErrNotExist)
		f := d.open(t, "x", host.ReadWrite)
		_, err := f.WriteAt([]byte("ONE"), 0)
		must(t, err)
		want(t, "content", d.read(t, "y"), "ONE")
		must(t, d.Remove(d.at("x")))
		want(t, "content", d.read(t, "y"), "ONE")
		must(t, d.Mkdir(d.at("dir"), 0o755))
		if d.Link(d.at("dir"), d.at("dir2")) == nil {
			t.Fatal("second name for a directory")
		}
	}},
	{"rename between names of one file", func(t *testing.T, d dirFS) {
		d.write(t, "x", "one")
		must(t, d.Link(d.at("x"), d.at("y")))
		must(t, d.Rename(d.at("x"), d.at("y")))
		want(t, "names", d.list(t, ""), "x y")
	}},
	{"long names", func(t *testing.T, d dirFS) {
		d.write(t, strings.Repeat("n", 255), "fits")
		want(t, "content", d.read(t, strings.Repeat("n", 255)), "fits")
		if _, err := d.OpenFile(d.at(strings.Repeat("n", 256)), host.ReadWrite|host.Create, 0o644); err == nil {
			t.Fatal("a name of 256 bytes")
		}
	}},
	{"sync absent directory", func(t *testing.T, d dirFS) {
		wantErr(t, d.SyncDir(d.at("none")), fs.ErrNotExist)
		wantErr(t, d.SyncAll(d.at("none")), fs.ErrNotExist)
	}},
}

var unnamedCases = []testCase[dirFS]{
	{"unnamed file gets a name", func(t *testing.T, d dirFS) {
		f := d.unnamed(t)
		want(t, "name", f.Name(), "")
		want(t, "names", d.list(t, ""), "")
		_, err := f.Write([]byte("hello"))
		must(t, err)
		must(t, f.Sync())
		must(t, f.LinkTo(d.at("x")))
		want(t, "content", d.read(t, "x"), "hello")
		_, err = f.Write([]byte(" there"))
		must(t, err)
		must(t, f.Close())
		want(t, "content", d.read(t, "x"), "hello there")
	}},
	{"unnamed file does not replace", func(t *testing.T, d dirFS) {
		d.write(t, "x", "first")
		f := d.unnamed(t)
		wantErr(t, f.LinkTo(d.at("x")), fs.ErrExist)
		wantErr(t, f.LinkTo(d.at("no/x")), fs.ErrNotExist)
		want(t, "content", d.read(t, "x"), "first")
		must(t, f.LinkTo(d.at("y")))
		want(t, "names", d.list(t, ""), "x y")
	}},
	{"unnamed file vanishes", func(t *testing.T, d dirFS) {
		f := d.unnamed(t)
		_, err := f.Write([]byte("hello"))
		must(t, err)
		must(t, f.Close())
		want(t, "names", d.list(t, ""), "")
	}},
	{"unnamed file in an absent directory", func(t *testing.T, d dirFS) {
		must(t, d.unnamed(t).Close())
		_, err := d.CreateUnnamed(d.at("none"), 0o644)
		wantErr(t, err, fs.ErrNotExist)
	}},
	{"unnamed file goes to another directory", func(t *testing.T, d dirFS) {
		must(t, d.Mkdir(d.at("sub"), 0o755))
		f := d.unnamed(t)
		must(t, f.SetXattr("user.k", []byte("v")))
		must(t, f.LinkTo(d.at("sub/x")))
		v, err := d.open(t, "sub/x", host.ReadOnly).GetXattr("user.k")
		must(t, err)
		want(t, "attribute", string(v), "v")
	}},
}
