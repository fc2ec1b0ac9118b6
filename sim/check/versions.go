package check

import (
	"strings"

	"apus/impl/swift"
	"apus/sim/model"
)

// How versions are stored: a container with a reserved name has them, each
// under the object's name and its own inverted timestamp, and the object
// itself is a link to the current one. A deletion is a version without
// content.
const (
	versionLink  = "X-Object-Sysmeta-Versions-Symlink"
	deleteMarker = "application/x-deleted;swift_versions_deleted=1"
	reserved     = "\x00"
)

// versionPath is where a version of an object is.
func versionPath(p swift.Path, id swift.Timestamp) swift.Path {
	return swift.Path{
		Account: p.Account, Container: reserved + "versions" + reserved + p.Container,
		Object: reserved + p.Object + reserved + id.Inverted().Internal(),
	}
}

// versionOf is the object of which a stored name is a version.
func versionOf(name string) (stored, object swift.Path, ok bool) {
	stored, err := swift.ParsePath(name)
	container, found := strings.CutPrefix(stored.Container, reserved+"versions"+reserved)
	parts := strings.Split(stored.Object, reserved)
	if err != nil || !found || len(parts) != 3 || parts[0] != "" {
		return stored, object, false
	}
	return stored, swift.Path{Account: stored.Account, Container: container, Object: parts[1]}, true
}

// versions counts the copies of every version that a client was told of.
func (d *durability) versions(p swift.Path, ops []*model.Op, hasher swift.Hasher) {
	for _, o := range ops {
		id, err := swift.ParseTimestamp(o.Resp.Version()) // fails where there is none
		if err != nil || o.Kind != model.ObjectPut || o.Outcome != model.OK {
			continue
		}
		records := d.byHash[hasher.Hash(versionPath(p, id))]
		have, need := map[model.Device]bool{}, max(1, d.h.Facts.Copies-len(d.h.Facts.Destroyed))
		for _, r := range records {
			if r.Damage == "" && !r.Tombstone && model.ValueOfType(r.Metadata["Content-Type"]) == o.Req.Value {
				have[r.Device] = true
			}
		}
		d.mixed(versionPath(p, id), records)
		if len(have) < need {
			d.found = append(d.found, violation("durability", "lost version", o, nil,
				"%d devices hold this version, %d must; %s", len(have), need, describe(records)))
		}
	}
}

// archived adds the names of versions of both kinds to those that are known,
// each as that of its object.
func (d *durability) archived(records []Record, known map[swift.Hash]swift.Path, hasher swift.Hasher) {
	by := byPath(d.h)
	for i := range records {
		r := &records[i]
		if object, ok := d.legacy.origin(r.Metadata["name"]); ok && by[object] != nil {
			known[r.Hash] = object
			if d.inArchive[object] == nil {
				d.inArchive[object] = map[swift.Hash][]*Record{}
			}
			d.inArchive[object][r.Hash] = append(d.inArchive[object][r.Hash], r)
		}
		stored, object, ok := versionOf(r.Metadata["name"])
		if ok && by[object] != nil && hasher.Hash(stored) == r.Hash {
			known[r.Hash] = object
		}
	}
}

// deleted reports whether somebody asked for the deletion of an object.
func (d *durability) deleted(p swift.Path) bool {
	for _, o := range byPath(d.h)[p] {
		if o.Kind.DeletesObject() && o.Outcome != model.Failed {
			return true
		}
	}
	return false
}
