package diskfile

import (
	"slices"
	"sort"
)

// OnDisk is what the files of a hash directory amount to.
type OnDisk struct {
	// Data is the body of a live object; Meta and ContentType, which may be
	// the same file, hold newer metadata and the newest content type, and are
	// set only with Data.
	Data, Meta, ContentType *Name
	// Tombstone is set when the object was deleted last.
	Tombstone *Name
	// Obsolete files have no effect any more.
	Obsolete []Name
	// Reclaimable files have no effect yet and never will, once old enough:
	// .meta files without the .data that they belong to.
	Reclaimable []Name
	// Unexpected files have names that mean nothing here.
	Unexpected []string
}

// Select decides which files of a hash directory count, from their names.
func Select(files []string) OnDisk {
	if len(files) == 1 { // as nearly every object has it
		if n, ok := ParseName(files[0]); ok && n.Ext == ExtData {
			return OnDisk{Data: &n}
		}
	}
	files = slices.Clone(files)
	sort.Sort(sort.Reverse(sort.StringSlice(files)))
	var out OnDisk
	byExt := map[string][]Name{}
	var exts []string
	for _, f := range files {
		n, ok := ParseName(f)
		if !ok {
			out.Unexpected = append(out.Unexpected, f)
			continue
		}
		if byExt[n.Ext] == nil {
			exts = append(exts, n.Ext)
		}
		byExt[n.Ext] = append(byExt[n.Ext], n)
	}
	sort.Strings(exts)
	for _, e := range exts {
		newestFirst(byExt[e])
	}
	out.tombstones(byExt, exts)
	byExt[ExtMeta] = out.metas(byExt[ExtMeta])
	out.data(byExt, exts)
	return out
}

func newestFirst(names []Name) {
	sort.SliceStable(names, func(i, j int) bool { return names[i].Timestamp.After(names[j].Timestamp) })
}

// tombstones makes everything obsolete that is not newer than the newest
// tombstone.
func (o *OnDisk) tombstones(byExt map[string][]Name, exts []string) {
	ts := byExt[ExtTombstone]
	if len(ts) == 0 {
		return
	}
	for _, e := range exts {
		if e == ExtTombstone {
			continue
		}
		byExt[e] = o.keep(byExt[e], func(n Name) bool { return n.Timestamp.After(ts[0].Timestamp) })
	}
	o.Obsolete = append(o.Obsolete, ts[1:]...)
	byExt[ExtTombstone] = ts[:1]
}

// keep splits names, newest first, at the first one that does not hold.
func (o *OnDisk) keep(names []Name, holds func(Name) bool) []Name {
	for i, n := range names {
		if !holds(n) {
			o.Obsolete = append(o.Obsolete, names[i:]...)
			return names[:i]
		}
	}
	return names
}

// metas keeps the newest .meta file, and one more if that one has a newer
// content type.
func (o *OnDisk) metas(metas []Name) []Name {
	if len(metas) < 2 {
		return metas
	}
	rest := metas[1:]
	sort.SliceStable(rest, func(i, j int) bool { return rest[i].ContentType.After(rest[j].ContentType) })
	retain := 1
	if rest[0].ContentType.After(metas[0].ContentType) {
		if rest[0].Timestamp == metas[0].Timestamp {
			metas[0], metas[1] = metas[1], metas[0]
		} else {
			retain = 2
		}
	}
	o.Obsolete = append(o.Obsolete, metas[retain:]...)
	return metas[:retain]
}

// data chooses the newest .data file and judges the others by it.
func (o *OnDisk) data(byExt map[string][]Name, exts []string) {
	data := byExt[ExtData]
	if len(data) == 0 {
		if ts := byExt[ExtTombstone]; len(ts) > 0 {
			o.Tombstone = &ts[0]
		}
		o.Reclaimable = append(o.Reclaimable, byExt[ExtMeta]...)
		return
	}
	newest := data[0].Timestamp
	for _, e := range exts {
		byExt[e] = o.keep(byExt[e], func(n Name) bool {
			return n.Timestamp.After(newest) || e == ExtData && n.Timestamp == newest
		})
	}
	o.Data = &data[0]
	metas := byExt[ExtMeta]
	if len(metas) == 0 {
		return
	}
	o.Meta = &metas[0]
	if last := &metas[len(metas)-1]; last.ContentType.After(newest) {
		o.ContentType = last
	}
}

// newest is the time of the last write that decides whether the object exists;
// zero if nothing is there.
func (o *OnDisk) newest() *Name {
	if o.Data != nil {
		return o.Data
	}
	return o.Tombstone
}
