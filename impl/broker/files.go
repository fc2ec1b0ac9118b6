package broker

import (
	"path"
	"slices"
	"strings"
)

// A container that is or was sharded has its database in a file
// <hash>_<epoch>.db, the epoch being the normal form of a timestamp. While it
// is being sharded the file before that is there too. The pending file and
// the lock go by the name without an epoch.

// splitFile takes the name of a database file apart. ok is false if it is not
// one.
func splitFile(file string) (hash, epoch string, ok bool) {
	name, ok := strings.CutSuffix(path.Base(file), ".db")
	if !ok || strings.HasPrefix(name, ".") {
		return "", "", false
	}
	parts := strings.Split(name, "_")
	if len(parts) > 1 {
		epoch = parts[1]
	}
	return parts[0], epoch, true
}

// baseFile is the name of a database file without the epoch.
func baseFile(file string) string {
	hash, _, ok := splitFile(file)
	if !ok {
		return file
	}
	return path.Join(path.Dir(file), hash+".db")
}

// dbFiles lists the database files that exist, the newest epoch last.
func (d *db) dbFiles() ([]string, error) {
	if d.kind != containers {
		_, err := d.pool.host.FS.Stat(d.file)
		if notExist(err) {
			return nil, nil
		}
		return []string{d.file}, err
	}
	entries, err := d.pool.host.FS.ReadDir(d.dir)
	if notExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	want, _, _ := splitFile(d.file)
	var files []string
	for _, e := range entries {
		if hash, _, ok := splitFile(e.Name()); ok && hash == want {
			files = append(files, path.Join(d.dir, e.Name()))
		}
	}
	slices.Sort(files)
	return files, nil
}

// find notes the files that exist and which of them counts, the one of the
// newest epoch.
func (d *db) find() error {
	if d.fixed {
		return nil
	}
	files, err := d.dbFiles()
	if err != nil {
		return err
	}
	d.present = files
	current := d.file
	if len(files) > 0 {
		current = files[len(files)-1]
	}
	if current != d.current {
		d.drop()
		d.current = current
	}
	return nil
}
