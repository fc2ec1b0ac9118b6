package mutant

import "slices"

// storage are bugs that object and container servers had, or could have had.
// The numbers are those of Launchpad, where OpenStack Swift's are.
func storage() []Mutant {
	return slices.Concat(objectRules(), suffixHashes(), databases(), updates(), boundaries())
}

// node is a mutant that one storage node under crashes must show.
func node(name, bug, property string, edits ...Edit) Mutant {
	return Mutant{Name: name, Bug: bug, Scenario: "node", Property: property, Edits: edits}
}

// objectRules are wrong answers to writes.
func objectRules() []Mutant {
	return []Mutant{
		node("put-under-tombstone", "a PUT older than the removal of the object is answered 201 (#1546865)", "object-node/order",
			Edit{"impl/object/put.go", "	case !old.time.Before(c.time):\n", "	case old.file != nil && !old.time.Before(c.time):\n"},
			Edit{"impl/diskfile/writer.go", "	if n := have.newest(); n != nil && ",
				"	if n := have.newest(); n != nil && (w.ext != ExtData || have.Data != nil) && "}),
		node("none-match-meets-tombstone", "If-None-Match: * fails where an object was removed (#1640448)", "object-node/order",
			Edit{"impl/object/put.go", "	return inm != \"\" && old.file != nil && ",
				"	return inm == \"*\" && !old.time.IsZero() || inm != \"\" && old.file != nil && "}),
		node("empty-body-any-etag", "an empty body is stored whatever the Etag of the PUT (#1516579)", "object-node/order",
			Edit{"impl/object/put.go", "want != \"\" && !strings", "want != \"\" && w.Size() > 0 && !strings"}),
		node("false-404-while-changing", "a read that meets a write says that there is no object (#2054791)", "object-node/order",
			Edit{"impl/diskfile/open.go",
				"		if errors.Is(err, errChanged) {\n			continue\n		}\n		if swift.Is",
				"		if errors.Is(err, errChanged) {\n			return nil, swift.E(op, o.Dir, swift.NotFound, &Missing{})\n		}\n		if swift.Is"}),
		node("recreated-object-expires", "the expirer deletes an object that was put again and expires later (#1546067)", "object-node/order",
			Edit{"impl/object/post.go", "	case swift.NewTimestamp(md.DeleteAt()*swift.TicksPerSecond, 0) != want:\n", "	case want.IsZero():\n"}),
		node("older-metadata-with-newer-type", "a POST whose content type alone is newer brings its older metadata along", "object-node/order",
			Edit{"impl/object/post.go", "md, ts, queue = f.MetaMetadata.Clone(), f.MetaMetadata.Timestamp(), nil", "ts, queue = f.MetaMetadata.Timestamp(), nil"}),
	}
}

// suffixHashes are replicas that do not find out that they differ.
func suffixHashes() []Mutant {
	return []Mutant{
		node("suffix-mark-not-synced", "a power cut takes back that the hash of a suffix is out of date", "suffix hashes/stale",
			Edit{"impl/diskfile/writer.go", "together(stale.sync, w.file.Sync)", "w.file.Sync()"}),
		node("tombstone-kept", "old tombstones are never removed (#1301728)", "reclaim/tombstone",
			Edit{"impl/diskfile/writer.go", "	if have.Tombstone != nil && have.Tombstone.Timestamp.Before(old) {\n",
				"	if have.Tombstone != nil && old.IsZero() {\n"}),
	}
}

// databases are rows and containers that get lost or come back.
func databases() []Mutant {
	return []Mutant{
		node("recreated-container-deleted", "a container that is put again after its removal stays removed (#1292784)", "database-node/order",
			Edit{"impl/broker/metadata.go", "SET put_timestamp = ?1 WHERE put_timestamp < ?1\"",
				"SET put_timestamp = ?1 WHERE put_timestamp < ?1 AND delete_timestamp = '0'\""}),
		node("row-type-of-newer-data", "newer data bring their content type along although that was set later", "container-node/order",
			Edit{"impl/broker/object.go", "	if !newCtype {\n", "	if !newCtype && !newData {\n"}),
		node("pending-emptied-first", "pending rows are removed before they are merged", "container-node/order",
			Edit{"impl/broker/pending.go", "	items = append(items, more...)\n	err = d.transact(",
				"	items = append(items, more...)\n	if size > 0 {\n		if err := d.emptyPending(); err != nil {\n" +
					"			return err\n		}\n	}\n	err = d.transact("}),
	}
}

// updates are listings and queues that do not follow the objects.
func updates() []Mutant {
	mutant := func(name, bug, property string, edits ...Edit) Mutant {
		return Mutant{Name: name, Bug: bug, Scenario: "updates", Property: property, Edits: edits}
	}
	return []Mutant{
		mutant("updater-trusts-404", "an update of a container that is not there yet counts as delivered (#1328735)", "updates/missing",
			Edit{"impl/object/updater/deliver.go", "	if resp.OK() {\n", "	if resp.OK() || resp.Status == http.StatusNotFound {\n"}),
		mutant("post-row-without-size", "the row of a POST that is there before that of the PUT has a wrong size (#1582723)", "updates/wrong",
			Edit{"impl/object/post.go", "		\"X-Size\": f.Metadata[diskfile.KeyContentLength], \"X-Content-Type\": contentType,\n",
				"		\"X-Size\": \"0\", \"X-Content-Type\": contentType,\n"}),
		mutant("old-expiry-stays-queued", "an object that expires at another time is in the queue twice (#1741371)", "updates/stale queue",
			Edit{"impl/object/queue.go", "	if before != 0 && before != now {\n", "	if before != 0 && now == 0 {\n"}),
		mutant("removal-not-kept", "a DELETE whose row cannot be sent is not kept for later", "updates/ghost",
			Edit{"impl/object/update.go", "	if err == nil {\n		err = u.dev.SaveUpdate(", "	if err == nil && u.op != http.MethodDelete {\n		err = u.dev.SaveUpdate("}),
	}
}

// boundaries are bugs that show after a power cut, or a failure, at one instant.
func boundaries() []Mutant {
	mutant := func(name, bug, property string, edits ...Edit) Mutant {
		return Mutant{Name: name, Bug: bug, Scenario: "boundary", Property: property, Edits: edits}
	}
	return []Mutant{
		mutant("database-not-durable", "a new database gets its name without a sync of its directory", "database-node/order",
			Edit{"impl/broker/create.go", "	return fsys.SyncDir(d.dir)\n", "	return nil\n"}),
		mutant("pending-update-not-durable", "a DELETE or PUT whose row cannot be sent is acknowledged before the pending update is durable", "boundary/update",
			Edit{"impl/diskfile/async.go", "	if err = d.commitNames(dir); notExist(err) {\n", "	if notExist(err) {\n"}),
		mutant("hashes-not-durable", "hashes.invalid is emptied before the new hashes.pkl has its name for good", "suffix hashes/stale",
			Edit{"impl/diskfile/rehash.go", "	return content, d.commitNames(r.part)\n", "	return content, nil\n"}),
	}
}
