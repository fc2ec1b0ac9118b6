// Package realms knows the clusters that containers are synced between, as
// container-sync-realms.conf in Swift's directory lists them:
//
//	[DEFAULT]
//	mtime_check_interval = 300
//
//	[REALM]
//	key = secret
//	key2 = former secret
//	cluster_name = http://endpoint/v1/
//
// Names of realms and clusters count in capitals. The file is read again when
// it has changed, which is looked at every mtime_check_interval seconds.
package realms

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"apus/impl/config"
	"apus/impl/host"
)

// Realm is a set of clusters that trust each other.
type Realm struct {
	Key, Key2 string            // Key2 is accepted, too, while keys change
	Clusters  map[string]string // endpoint by name in capitals
}

// Set is the realms of a file by name in capitals.
type Set map[string]Realm

// Realm is the realm of that name; without Key if there is none.
func (s Set) Realm(name string) Realm { return s[strings.ToUpper(name)] }

// Endpoint is the URL of a cluster, "" if it is not known.
func (r Realm) Endpoint(cluster string) string { return r.Clusters[strings.ToUpper(cluster)] }

// File is container-sync-realms.conf.
type File struct {
	host *host.Host
	name string
	mu   struct {
		sync.Mutex
		set      Set
		watch    host.Stopwatch // since the file was looked at
		looked   bool
		interval time.Duration
		changed  time.Time // of the file that was read
	}
}

const (
	fileName        = "container-sync-realms.conf"
	defaultInterval = 5 * time.Minute
	maxFile         = 1 << 20
)

// New is the file in Swift's directory. It is read when first asked.
func New(h *host.Host, swiftDir string) *File {
	f := &File{host: h, name: path.Join(swiftDir, fileName)}
	f.mu.interval = defaultInterval
	return f
}

// Known is what the file says. A file that cannot be read leaves what was
// known before.
func (f *File) Known() Set {
	f.mu.Lock()
	due := !f.mu.looked || f.mu.watch.Elapsed() >= f.mu.interval
	have, changed := f.mu.set, f.mu.changed
	if due {
		f.mu.looked, f.mu.watch = true, host.StartStopwatch()
	}
	f.mu.Unlock()
	if !due {
		return have
	}
	conf, at, err := f.read(changed)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return have
	case err != nil:
		f.host.Log.Error("Could not load realms", "file", f.name, "error", err.Error())
		return have
	case conf == nil:
		return have
	}
	set, interval := Parse(conf)
	if err := conf.Err(); err != nil {
		f.host.Log.Error("Error in realms", "file", f.name, "error", err.Error())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.set, f.mu.interval, f.mu.changed = set, interval, at
	return set
}

// read is nil if the file is still that of the time last.
func (f *File) read(last time.Time) (*config.File, time.Time, error) {
	info, err := f.host.FS.Stat(f.name)
	if err != nil || info.ModTime().Equal(last) {
		return nil, last, err
	}
	file, err := f.host.FS.OpenFile(f.name, host.ReadOnly, 0)
	if err != nil {
		return nil, last, err
	}
	defer file.Close() // only read
	text, err := io.ReadAll(io.LimitReader(file, maxFile))
	if err != nil {
		return nil, last, err
	}
	conf, err := config.Parse(string(text), f.name)
	return conf, info.ModTime(), err
}

// Parse interprets the file.
func Parse(conf *config.File) (Set, time.Duration) {
	out := Set{}
	for _, name := range conf.Sections() {
		section := conf.Section(name)
		r := Realm{Key: section.String("key", ""), Key2: section.String("key2", ""), Clusters: map[string]string{}}
		for _, option := range section.Keys() {
			if cluster, ok := strings.CutPrefix(strings.ToLower(option), "cluster_"); ok {
				r.Clusters[strings.ToUpper(cluster)] = section.String(option, "")
			}
		}
		out[strings.ToUpper(name)] = r
	}
	return out, conf.Section("DEFAULT").Seconds("mtime_check_interval", defaultInterval)
}

// Names lists the realms, sorted.
func (s Set) Names() []string {
	out := make([]string, 0, len(s))
	for name := range s {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// Sign is how a cluster proves a request to another of its realm: HMAC-SHA1,
// under the realm's key, of the method, the encoded path, X-Timestamp, a nonce
// and the container's key, a line each.
func Sign(method, path, timestamp, nonce, realmKey, userKey string) string {
	mac := hmac.New(sha1.New, []byte(realmKey))
	mac.Write([]byte(strings.Join([]string{method, path, timestamp, nonce, userKey}, "\n"))) // hashes do not fail
	return hex.EncodeToString(mac.Sum(nil))
}
