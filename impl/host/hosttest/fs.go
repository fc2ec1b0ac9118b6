package hosttest

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"
	"testing"

	"apus/impl/host"
)

// FS runs the contract of host.FS. The maker returns a file system and an
// empty directory on it that the case may fill.
func FS(t *testing.T, make func(t *testing.T) (host.FS, string)) { runAll(t, fsCases(), fsEnv(make)) }

// FSBubble is FS in bubbles.
func FSBubble(t *testing.T, make func(t *testing.T) (host.FS, string)) {
	runAllBubble(t, fsCases(), fsEnv(make))
}

// dirFS is a file system and the directory to work in.
type dirFS struct {
	host.FS
	dir string
}

func fsEnv(make func(t *testing.T) (host.FS, string)) func(t *testing.T) dirFS {
	return func(t *testing.T) dirFS {
		f, dir := make(t)
		return dirFS{f, dir}
	}
}

func fsCases() []testCase[dirFS] {
	var all []testCase[dirFS]
	for _, group := range [][]testCase[dirFS]{openCases, nameCases, contentCases, unnamedCases, xattrCases, lockCases, systemCases} {
		all = append(all, group...)
	}
	return all
}

// at is a name in the directory.
func (d dirFS) at(name string) string { return path.Join(d.dir, name) }

// open opens a file that the test closes at its end.
func (d dirFS) open(t *testing.T, name string, flag int) host.File {
	t.Helper()
	f, err := d.OpenFile(d.at(name), flag, 0o644)
	must(t, err)
	t.Cleanup(func() { _ = f.Close() }) // some tests close it themselves
	return f
}

// unnamed creates a file without a name, or skips the test.
func (d dirFS) unnamed(t *testing.T) host.File {
	t.Helper()
	f, err := d.CreateUnnamed(d.dir, 0o644)
	if errors.Is(err, host.ErrUnsupported) {
		t.Skip("no unnamed files here")
	}
	must(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// write makes a file with a content.
func (d dirFS) write(t *testing.T, name, content string) {
	t.Helper()
	f, err := d.OpenFile(d.at(name), host.ReadWrite|host.Create|host.Truncate, 0o644)
	must(t, err)
	_, err = io.WriteString(f, content)
	must(t, err)
	must(t, f.Close())
}

// read returns the content of a file.
func (d dirFS) read(t *testing.T, name string) string {
	t.Helper()
	f, err := d.OpenFile(d.at(name), host.ReadOnly, 0)
	must(t, err)
	defer f.Close() // only read
	b, err := io.ReadAll(f)
	must(t, err)
	return string(b)
}

// list joins the names in a directory.
func (d dirFS) list(t *testing.T, name string) string {
	t.Helper()
	entries, err := d.ReadDir(d.at(name))
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// absent demands that a name is free.
func (d dirFS) absent(t *testing.T, name string) {
	t.Helper()
	_, err := d.Stat(d.at(name))
	wantErr(t, err, fs.ErrNotExist)
}

func readAll(t *testing.T, f host.File) string {
	t.Helper()
	info, err := f.Stat()
	must(t, err)
	b := make([]byte, info.Size())
	n, err := f.ReadAt(b, 0)
	if err != io.EOF {
		must(t, err)
	}
	return string(b[:n])
}

var openCases = []testCase[dirFS]{
	{"open absent", func(t *testing.T, d dirFS) {
		_, err := d.OpenFile(d.at("x"), host.ReadOnly, 0)
		wantErr(t, err, fs.ErrNotExist)
		_, err = d.OpenFile(d.at("x"), host.ReadWrite, 0)
		wantErr(t, err, fs.ErrNotExist)
		_, err = d.OpenFile(d.at("no/x"), host.ReadWrite|host.Create, 0o644)
		wantErr(t, err, fs.ErrNotExist)
	}},
	{"open errors name the file", func(t *testing.T, d dirFS) {
		_, err := d.OpenFile(d.at("x"), host.ReadOnly, 0)
		var pe *fs.PathError
		if !errors.As(err, &pe) || pe.Path != d.at("x") {
			t.Fatalf("got %#v", err)
		}
	}},
	{"create, write, read back", func(t *testing.T, d dirFS) {
		d.write(t, "x", "hello")
		want(t, "content", d.read(t, "x"), "hello")
		f := d.open(t, "x", host.ReadWrite|host.Create)
		want(t, "content after Create of what exists", readAll(t, f), "hello")
		want(t, "name", f.Name(), d.at("x"))
	}},
	{"exclusive create", func(t *testing.T, d dirFS) {
		f := d.open(t, "x", host.ReadWrite|host.Create|host.Exclusive)
		must(t, f.Close())
		_, err := d.OpenFile(d.at("x"), host.ReadWrite|host.Create|host.Exclusive, 0o644)
		wantErr(t, err, fs.ErrExist)
		must(t, d.Mkdir(d.at("dir"), 0o755))
		_, err = d.OpenFile(d.at("dir"), host.ReadWrite|host.Create|host.Exclusive, 0o644)
		wantErr(t, err, fs.ErrExist)
	}},
	{"truncate on open", func(t *testing.T, d dirFS) {
		d.write(t, "x", "hello")
		must(t, d.open(t, "x", host.ReadWrite|host.Truncate).Close())
		want(t, "content", d.read(t, "x"), "")
	}},
	{"open a directory", func(t *testing.T, d dirFS) {
		must(t, d.Mkdir(d.at("dir"), 0o755))
		_, err := d.OpenFile(d.at("dir"), host.ReadOnly, 0)
		wantErr(t, err, host.ErrIsDir)
		_, err = d.OpenFile(d.at("dir"), host.ReadWrite, 0)
		wantErr(t, err, host.ErrIsDir)
		_, err = d.OpenFile(d.at("dir"), host.ReadWrite|host.Create, 0o644)
		wantErr(t, err, host.ErrIsDir)
	}},
	{"file as directory", func(t *testing.T, d dirFS) {
		d.write(t, "x", "")
		_, err := d.OpenFile(d.at("x/y"), host.ReadWrite|host.Create, 0o644)
		wantErr(t, err, host.ErrNotDir)
		_, err = d.ReadDir(d.at("x"))
		wantErr(t, err, host.ErrNotDir)
		wantErr(t, d.SyncDir(d.at("x")), host.ErrNotDir)
		wantErr(t, d.MkdirAll(d.at("x"), 0o755), host.ErrNotDir)
		wantErr(t, d.MkdirAll(d.at("x/y"), 0o755), host.ErrNotDir)
		_, err = d.Stat(d.at("x/y"))
		wantErr(t, err, host.ErrNotDir)
	}},
	{"write needs ReadWrite", func(t *testing.T, d dirFS) {
		d.write(t, "x", "hello")
		f := d.open(t, "x", host.ReadOnly)
		_, err := f.Write([]byte("y"))
		wantErr(t, err, fs.ErrPermission)
		_, err = f.WriteAt([]byte("y"), 0)
		wantErr(t, err, fs.ErrPermission)
		if f.Truncate(1) == nil {
			t.Fatal("Truncate of a file opened ReadOnly")
		}
		want(t, "content", d.read(t, "x"), "hello")
	}},
	{"use after close", func(t *testing.T, d dirFS) {
		f := d.open(t, "x", host.ReadWrite|host.Create)
		must(t, f.Close())
		_, err := f.Write([]byte("y"))
		wantErr(t, err, fs.ErrClosed)
		_, err = f.Read(make([]byte, 1))
		wantErr(t, err, fs.ErrClosed)
		wantErr(t, f.Sync(), fs.ErrClosed)
		_, err = f.GetXattr("user.x")
		wantErr(t, err, fs.ErrClosed)
		wantErr(t, f.TryLock(host.Shared), fs.ErrClosed)
		wantErr(t, f.Close(), fs.ErrClosed)
		f.DropCache(0, 0)
	}},
	{"removed while open", func(t *testing.T, d dirFS) {
		f := d.open(t, "x", host.ReadWrite|host.Create)
		_, err := f.Write([]byte("hello"))
		must(t, err)
		must(t, d.Remove(d.at("x")))
		d.absent(t, "x")
		want(t, "content", readAll(t, f), "hello")
		_, err = f.WriteAt([]byte("J"), 0)
		must(t, err)
		want(t, "content", readAll(t, f), "Jello")
		d.write(t, "x", "another")
		want(t, "content", readAll(t, f), "Jello")
	}},
	{"replaced while open", func(t *testing.T, d dirFS) {
		d.write(t, "x", "old")
		f := d.open(t, "x", host.ReadOnly)
		d.write(t, "y", "new")
		must(t, d.Rename(d.at("y"), d.at("x")))
		want(t, "open file", readAll(t, f), "old")
		want(t, "name", d.read(t, "x"), "new")
	}},
}

var contentCases = []testCase[dirFS]{
	{"holes read as zeros", func(t *testing.T, d dirFS) {
		f := d.open(t, "x", host.ReadWrite|host.Create)
		_, err := f.WriteAt([]byte("end"), 10000)
		must(t, err)
		got := []byte(readAll(t, f))
		want(t, "size", len(got), 10003)
		want(t, "hole is zero", bytes.Count(got[:10000], []byte{0}), 10000)
		want(t, "tail", string(got[10000:]), "end")
	}},
	{"position is shared and ReadAt leaves it", func(t *testing.T, d dirFS) {
		f := d.open(t, "x", host.ReadWrite|host.Create)
		_, err := f.Write([]byte("hello world"))
		must(t, err)
		pos, err := f.Seek(-5, io.SeekCurrent)
		must(t, err)
		want(t, "position", pos, 6)
		b := make([]byte, 5)
		_, err = f.ReadAt(b, 0)
		must(t, err)
		_, err = f.WriteAt([]byte("J"), 0)
		must(t, err)
		_, err = io.ReadFull(f, b)
		must(t, err)
		want(t, "read", string(b), "world")
		n, err := f.Read(b)
		want(t, "bytes at the end", n, 0)
		want(t, "error at the end", err, io.EOF)
		pos, err = f.Seek(0, io.SeekEnd)
		must(t, err)
		want(t, "position", pos, 11)
		if _, err := f.Seek(-1, io.SeekStart); err == nil {
			t.Fatal("seek before the start")
		}
	}},
	{"ReadAt at the end", func(t *testing.T, d dirFS) {
		d.write(t, "x", "hello")
		f := d.open(t, "x", host.ReadOnly)
		b := make([]byte, 10)
		n, err := f.ReadAt(b, 2)
		want(t, "bytes", n, 3)
		want(t, "error", err, io.EOF)
		n, err = f.ReadAt(b, 5)
		want(t, "bytes", n, 0)
		want(t, "error", err, io.EOF)
		n, err = f.ReadAt(b, 100)
		want(t, "bytes", n, 0)
		want(t, "error", err, io.EOF)
		n, err = f.ReadAt(b[:3], 2)
		want(t, "bytes", n, 3)
		must(t, err)
	}},
	{"append", func(t *testing.T, d dirFS) {
		d.write(t, "x", "one ")
		a := d.open(t, "x", host.ReadWrite|host.Append)
		b := d.open(t, "x", host.ReadWrite|host.Append)
		for _, f := range []host.File{a, b, a} {
			_, err := f.Write([]byte("two "))
			must(t, err)
		}
		_, err := a.Seek(0, io.SeekStart)
		must(t, err)
		_, err = a.Write([]byte("end"))
		must(t, err)
		want(t, "content", d.read(t, "x"), "one two two two end")
		if _, err := a.WriteAt([]byte("x"), 0); err == nil {
			t.Fatal("WriteAt of a file opened Append")
		}
	}},
	{"truncate", func(t *testing.T, d dirFS) {
		f := d.open(t, "x", host.ReadWrite|host.Create)
		_, err := f.Write(bytes.Repeat([]byte("abcd"), 5000))
		must(t, err)
		must(t, f.Truncate(6))
		want(t, "cut", readAll(t, f), "abcdab")
		must(t, f.Truncate(9))
		want(t, "what comes back is zero", readAll(t, f), "abcdab\x00\x00\x00")
		must(t, f.Truncate(20000))
		got := readAll(t, f)
		want(t, "size", len(got), 20000)
		want(t, "zeros", strings.Count(got, "\x00"), 20000-6)
		must(t, f.Truncate(0))
		want(t, "empty", readAll(t, f), "")
	}},
	{"large and odd", func(t *testing.T, d dirFS) {
		var model []byte
		f := d.open(t, "x", host.ReadWrite|host.Create)
		for i, step := range []int{1, 4095, 4096, 4097, 100000, 3, 65536} {
			chunk := bytes.Repeat([]byte{byte('a' + i)}, step)
			_, err := f.Write(chunk)
			must(t, err)
			model = append(model, chunk...)
		}
		_, err := f.WriteAt([]byte("PATCH"), 4094)
		must(t, err)
		copy(model[4094:], "PATCH")
		must(t, f.Sync())
		_, err = f.WriteAt([]byte("AGAIN"), 8190)
		must(t, err)
		copy(model[8190:], "AGAIN")
		if readAll(t, f) != string(model) {
			t.Fatal("content differs")
		}
	}},
	{"io.Copy both ways", func(t *testing.T, d dirFS) {
		content := strings.Repeat("0123456789", 30000)
		d.write(t, "x", content)
		var b bytes.Buffer
		n, err := io.Copy(&b, d.open(t, "x", host.ReadOnly))
		must(t, err)
		want(t, "bytes", n, int64(len(content)))
		want(t, "same", b.String() == content, true)
		y := d.open(t, "y", host.ReadWrite|host.Create)
		n, err = io.Copy(y, d.open(t, "x", host.ReadOnly))
		must(t, err)
		want(t, "bytes", n, int64(len(content)))
		x := d.open(t, "x", host.ReadOnly)
		_, err = x.Seek(5, io.SeekStart)
		must(t, err)
		n, err = io.CopyN(y, x, 7)
		must(t, err)
		want(t, "bytes", n, 7)
		want(t, "same", d.read(t, "y") == content+"5678901", true)
		pos, err := x.Seek(0, io.SeekCurrent)
		must(t, err)
		want(t, "position after CopyN", pos, 12)
	}},
	{"range to a writer", func(t *testing.T, d dirFS) {
		content := strings.Repeat("0123456789", 30000)
		d.write(t, "x", content)
		f := d.open(t, "x", host.ReadOnly)
		rw, ok := f.(host.RangeWriter)
		if !ok {
			t.Skip("no host.RangeWriter here")
		}
		for _, r := range [][2]int64{{0, 0}, {7, 3}, {1, 200000}, {0, 300000}, {299999, 1}} {
			var b bytes.Buffer
			n, err := rw.WriteRangeTo(&b, r[0], r[1])
			must(t, err)
			want(t, "bytes", n, r[1])
			want(t, "same", b.String() == content[r[0]:r[0]+r[1]], true)
		}
		var b bytes.Buffer
		n, err := rw.WriteRangeTo(&b, 299990, 100000)
		want(t, "bytes of a file that ends", n, 10)
		want(t, "error of a file that ends", err, io.ErrUnexpectedEOF)
		pos, err := f.Seek(0, io.SeekCurrent)
		must(t, err)
		want(t, "position", pos, 0)
	}},
	{"preallocate keeps the size", func(t *testing.T, d dirFS) {
		f := d.open(t, "x", host.ReadWrite|host.Create)
		err := f.Preallocate(1 << 20)
		if errors.Is(err, host.ErrUnsupported) {
			t.Skip("no preallocation here")
		}
		must(t, err)
		must(t, f.Preallocate(0))
		want(t, "content", readAll(t, f), "")
		_, err = f.Write([]byte("hello"))
		must(t, err)
		want(t, "content", readAll(t, f), "hello")
		f.DropCache(0, 5)
		want(t, "content", readAll(t, f), "hello")
	}},
	{"sync", func(t *testing.T, d dirFS) {
		f := d.open(t, "x", host.ReadWrite|host.Create)
		_, err := f.Write([]byte("hello"))
		must(t, err)
		must(t, f.Sync())
		must(t, d.SyncDir(d.dir))
		must(t, d.SyncAll(d.dir))
		must(t, d.SyncAll(d.at("x")))
		want(t, "content", readAll(t, f), "hello")
	}},
}
