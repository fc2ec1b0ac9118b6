package mutant

// Table lists the mutants.
func Table() []Mutant {
	var all []Mutant
	for _, group := range [][]Mutant{leaks(), filters(), quorums(), disks(), bodies(), orders(), lifetimes(), storage()} {
		all = append(all, group...)
	}
	return all
}

// leaks are things opened and not given back.
func leaks() []Mutant {
	return []Mutant{
		{
			Name:     "slo-segment-left-open",
			Bug:      "a client that leaves in the middle of a large object leaves its open segment behind",
			Scenario: "founding", Property: "no leak",
			Edits: []Edit{{"impl/middleware/segments/body.go", "	return b.whole.Close()\n", "	return nil\n"}},
		}, {
			Name:     "body-left-open-on-304",
			Bug:      "the body of an object that was not modified is not closed",
			Scenario: "founding", Property: "no leak",
			Edits: []Edit{abandonUnless("StatusNotModified")},
		}, {
			Name:     "body-left-open-on-412",
			Bug:      "the body of an object that fails a precondition is not closed",
			Scenario: "founding", Property: "no leak",
			Edits: []Edit{abandonUnless("StatusPreconditionFailed")},
		}, {
			Name:     "losers-left-open",
			Bug:      "the answers of the replicas that X-Newest did not choose are not closed",
			Scenario: "register", Property: "no leak",
			Edits: []Edit{{
				"impl/proxy/fanout/get.go",
				"			if resp := responses[i]; resp != nil {\n				lose(resp)\n			}\n			cancel()\n",
				"			_ = cancel\n",
			}},
		},
	}
}

// abandonUnless makes a refused condition keep its body on one status.
func abandonUnless(status string) Edit {
	const after = "		resp.Status, resp.Body = status, http.NoBody\n"
	return Edit{
		"impl/web/conditional.go",
		"		resp.Abandon()\n" + after,
		"		if status != http." + status + " {\n			resp.Abandon()\n		}\n" + after,
	}
}

// quorums are answers that too few nodes stand behind.
func quorums() []Mutant {
	return append(choices(), Mutant{
		Name:     "put-short-of-quorum",
		Bug:      "a PUT succeeds with one node less than a quorum",
		Scenario: "random", Property: "durability/lost",
		Options: map[string]string{"plan": failingFsync},
		Edits: []Edit{{
			"impl/proxy/fanout/quorum.go",
			"	out := Best(answers, Quorum(len(answers)), nil)\n",
			"	out := Best(answers, Quorum(len(answers))-1, nil)\n",
		}},
	})
}

// choices are wrong answers chosen among those of the nodes.
func choices() []Mutant {
	return []Mutant{
		{
			Name:     "older-than-tombstone",
			Bug:      "a read with X-Newest returns an object although a node knows that it was deleted later (#1560574)",
			Scenario: "random", Property: "newest/stale",
			Options: map[string]string{"plan": missedDeletes},
			Edits: []Edit{
				{"impl/proxy/fanout/hunt.go", "!t.Before(h.tombstone) && (at < 0", "(at < 0"},
				{"impl/proxy/fanout/hunt.go", "	if sourceTimestamp(header).Before(h.tombstone) {\n		return ignore\n	}\n", ""},
			},
		}, {
			Name:     "handoff-404-counts",
			Bug:      "handoffs that never had the object outvote primaries that do not answer (#1833612)",
			Scenario: "random", Property: "no-lie/absent",
			Options: map[string]string{"plan": silentPrimaries},
			Edits: []Edit{{
				"impl/proxy/fanout/hunt.go",
				"	if node.Handoff && (status >= 500 || refuses(status)) && stamp.IsZero() {\n",
				"	if node.Handoff && status >= 500 && stamp.IsZero() {\n",
			}},
		}, {
			Name:     "post-asks-no-handoffs",
			Bug:      "a POST is answered 404 when two primaries missed the object, though a third and a handoff have it (#2119675)",
			Scenario: "random", Property: "no-lie/absent",
			Options: map[string]string{"plan": twoAway},
			Edits: []Edit{
				{"impl/proxy/fanout/post.go", "	if found > 0 && found < quorum {\n", "	if found < 0 {\n"},
				{"impl/proxy/fanout/post.go", "	if a.Status == http.StatusNotFound && found > 0 {\n", "	if a.Status == http.StatusNotFound && found < 0 {\n"},
			},
		},
	}
}

// silentPrimaries is beyond the fault budget: of some objects no primary
// answers, and handoffs do.
const silentPrimaries = `at 15s for 20s net-refuse node1/object
at 15s for 20s net-refuse node2/object
at 15s for 20s net-refuse node3/object
`

// missedDeletes keeps one node after the other from hearing of deletions, and
// nothing replicates.
const missedDeletes = `at 4s for 10s net-refuse node1/object
at 24s for 10s net-refuse node2/object
`

// twoAway is beyond the fault budget: two primaries of some objects do not
// hear of them, and a handoff has them instead.
const twoAway = `at 5s for 10s net-refuse node1/object
at 5s for 10s net-refuse node2/object
`

// failingFsync is beyond what the fault budget allows: within it a quorum of
// nodes always works, and the difference cannot be seen.
const failingFsync = `at 2s for 37s disk-eio node1/d1 op=fsync
at 2s for 37s disk-eio node2/d1 op=fsync
at 2s for 37s disk-eio node3/d1 op=fsync
`

// disks are writes that are acknowledged before they are durable.
func disks() []Mutant {
	const (
		fill = "	if err := writeMetadata(w.file, md, w.size); err != nil {\n		return failed(op, w.obj.Dir, err)\n	}\n"
		sync = "	if err := w.obj.dev.commit(func() error { return together(stale.sync, w.file.Sync) }); err != nil {\n		return failed(op, w.obj.Dir, err)\n	}\n"
		show = "	d.names.show(target)\n	w.done = true\n"
	)
	return []Mutant{
		{
			Name:     "file-not-synced",
			Bug:      "an object's file gets its name without an fsync",
			Scenario: "node", Property: "object-node/order",
			Edits: []Edit{{"impl/diskfile/writer.go", "together(stale.sync, w.file.Sync)", "stale.sync()"}},
		}, {
			Name:     "directory-not-synced",
			Bug:      "the directory of a new object is not synced",
			Scenario: "node", Property: "object-node/order",
			Edits: []Edit{{
				"impl/diskfile/dirs.go",
				"	fresh, all := d.names.unsettled(dir, d.Path)\n",
				"	if dir != \"\" {\n		return nil\n	}\n	fresh, all := d.names.unsettled(dir, d.Path)\n",
			}},
		}, {
			Name:     "named-before-written",
			Bug:      "an object's file gets its name first, its metadata and its fsync after that",
			Scenario: "node", Property: "object-node/order",
			Edits: []Edit{
				{"impl/diskfile/writer.go", fill + sync, ""},
				{"impl/diskfile/writer.go", show, "	d.names.show(target)\n" + fill + sync + "	w.done = true\n"},
			},
		},
	}
}

// bodies are wrong bytes that look right.
func bodies() []Mutant {
	return []Mutant{
		{
			Name:     "short-body-complete",
			Bug:      "a body that breaks off at a storage node ends at the client as if it were complete",
			Scenario: "random", Property: "integrity/short",
			Options: map[string]string{"profile": "network"},
			Edits: []Edit{
				{
					"impl/proxy/fanout/get.go",
					"		resp.Body = g.resuming(resp, node)\n",
					"		resp.Body = g.resuming(resp, node)\n		resp.ContentLength = -1\n",
				},
				{"impl/proxy/fanout/resume.go", "	if err != nil {\n		r.fail(err)\n	}\n", "	if err != nil {\n		r.ranges, r.separators = nil, nil\n		return io.EOF\n	}\n"},
			},
		}, {
			Name:     "resumed-at-wrong-offset",
			Bug:      "a download that goes on at another replica leaves out a byte",
			Scenario: "random", Property: "integrity/torn",
			Options: map[string]string{"profile": "network"},
			Edits: []Edit{
				{"impl/proxy/fanout/resume.go", "	h.Set(\"Range\", rangeHeader(r.ranges))\n", "	r.ranges[0].Start++\n	h.Set(\"Range\", rangeHeader(r.ranges))\n"},
			},
		},
	}
}

// orders are writes that are lost to others, or to an absent server.
func orders() []Mutant {
	return []Mutant{
		{
			Name:     "older-overwrites-newer",
			Bug:      "a PUT replaces what is there although that has a newer timestamp",
			Scenario: "node", Property: "object-node/order",
			Edits: []Edit{
				{"impl/object/put.go", "	case !old.time.Before(c.time):\n", "	case false:\n"},
				{
					"impl/diskfile/writer.go",
					"	if n := have.newest(); n != nil && ",
					"	if n := have.newest(); n != nil && w.ext != ExtData && ",
				},
				{
					"impl/diskfile/writer.go",
					"	o.cleanup(append(files, name.File))\n",
					"	for _, f := range files {\n		if w.ext != ExtData {\n			break\n		}\n" +
						"		_ = d.fs.Remove(path.Join(o.Dir, f))\n	}\n	o.cleanup([]string{name.File})\n",
				},
			},
		}, {
			Name:     "listing-row-dropped",
			Bug:      "an object server forgets the row that a container server did not take",
			Scenario: "random", Property: "listings/missing",
			Options: map[string]string{"plan": lonelyNodes},
			Edits: []Edit{{
				"impl/object/update.go",
				"		if u.ask(ctx) {\n			return nil\n		}\n",
				"		u.ask(ctx)\n		return nil\n",
			}},
		},
	}
}

// lifetimes are objects that stay too long, and old versions that do not stay.
func lifetimes() []Mutant {
	return []Mutant{
		{
			Name:     "expired-shown",
			Bug:      "an object is shown for three seconds after it has expired",
			Scenario: "random", Property: "integrity/expired",
			Options: map[string]string{"profile": "calm"},
			Edits: []Edit{{
				"impl/diskfile/open.go",
				"		if !opt.Expired && secs <= opt.Now.Ticks()/swift.TicksPerSecond {\n",
				"		if !opt.Expired && secs+3 <= opt.Now.Ticks()/swift.TicksPerSecond {\n",
			}},
		}, {
			Name:     "archived-under-one-name",
			Bug:      "what is archived replaces what was archived of the object before",
			Scenario: "random", Property: "durability/lost version",
			Options: map[string]string{"profile": "calm"},
			Edits: []Edit{{
				"impl/middleware/versionedwrites/legacy/write.go",
				"w.archived(prefix(w.path.Object)+at.Internal()), current)",
				"w.archived(prefix(w.path.Object)+at.Internal()[:4]), current)",
			}},
		},
	}
}

// lonelyNodes keeps storage nodes apart, between which only updates of
// listings pass. The fault budget takes that for an impairment of several
// zones; within it some replica of a container gets every row at once.
const lonelyNodes = `at 5s for 34s partition node1 <-> node2
at 5s for 34s partition node1 <-> node3
at 5s for 34s partition node1 <-> node4
at 5s for 34s partition node2 <-> node3
at 5s for 34s partition node2 <-> node4
at 5s for 34s partition node3 <-> node4
`
