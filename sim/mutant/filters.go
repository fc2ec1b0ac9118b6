package mutant

import "slices"

// filters are bugs that filters of the proxy had, or could have had: what they
// ask for behind the client's back and do not give back, and wrong answers of
// theirs. The numbers are those of Launchpad, where OpenStack Swift's are.
func filters() []Mutant { return slices.Concat(unclosed(), answers()) }

// unclosed are responses to sub-requests that nobody closes.
func unclosed() []Mutant {
	leak := func(name, match, bug string, edits ...Edit) Mutant {
		return Mutant{Name: name, Bug: bug, Scenario: "features", Property: "no leak", Options: map[string]string{"match": match}, Edits: edits}
	}
	return []Mutant{
		leak("refused-part-left-open", "slo: ", "a large object is left open if there can be no part of the number asked for",
			Edit{"impl/middleware/slo/get.go", "	if refusal != nil {\n		resp.Abandon()\n", "	if refusal != nil {\n"}),
		leak("slo-delete-left-open", "slo faults: ", "removing what is no large object with its segments leaves it open (#1980954)",
			Edit{"impl/middleware/slo/delete.go", "		resp.Abandon() // it may be long\n", ""}),
		leak("wrong-segment-left-open", "slo faults: ", "a segment that is not what the manifest says is left open",
			Edit{"impl/middleware/segments/stream.go", "	if err != nil {\n		resp.Abandon()\n		return nil, err\n	}\n", "	if err != nil {\n		return nil, err\n	}\n"}),
		leak("static-link-left-open", "symlink: ", "409 because the target of a static link was changed leaves the target open",
			Edit{"impl/middleware/symlink/get.go", "		resp.Abandon() // it may be long\n", ""}),
		leak("directory-index-left-open", "staticweb: ", "sending a browser to a directory leaves the directory's index open",
			Edit{"impl/middleware/staticweb/visit.go", "			resp.Abandon() // it may be long\n", ""}),
		leak("copied-version-left-open", "versioning: ", "what is copied to make it a version is left open (0b60b0bd7)",
			Edit{"impl/middleware/versionedwrites/archive/archive.go", "	defer from.Abandon()\n", ""}),
		leak("null-version-left-open", "versioning: ", "an object is left open when what was there before versioning is asked for (d14381488)",
			Edit{"impl/middleware/versionedwrites/versioning/withid.go", "		resp.Abandon() // the current object is a version\n", ""}),
		leak("refused-version-left-open", "versioning: ", "a PUT that may not replace leaves the current object open",
			Edit{"impl/middleware/versionedwrites/versioning/put.go", "		current.Abandon()\n		return web.NewResponse(http.StatusPreconditionFailed)\n", "		return web.NewResponse(http.StatusPreconditionFailed)\n"}),
		leak("copy-413-left-open", "copy: ", "a copy that is refused because the source is too large leaves it open (#1698207)",
			Edit{"impl/middleware/copy/task.go", "		// A length is unknown only when there are very many segments.\n		src.Abandon()\n", ""}),
		leak("copy-source-left-open", "copy: ", "a copy that cannot be written leaves its source open",
			Edit{"impl/middleware/copy/task.go", "		} else {\n			src.Abandon()\n		}\n", "		}\n"}),
		leak("archived-left-open", "legacy versioning: ", "an old version that is brought back is left open (0b60b0bd7)",
			Edit{"impl/middleware/versionedwrites/archive/archive.go", "	defer from.Abandon()\n", "	if p.Container == \"archive\" {\n		defer from.Abandon()\n	}\n"}),
	}
}

// answers are statuses that filters get wrong.
func answers() []Mutant {
	return []Mutant{
		{
			Name: "empty-put-wrong-etag", Bug: "an empty PUT with the wrong ETag is answered 503, not 422 (#1516579)",
			Scenario: "features", Property: "features", Options: map[string]string{"match": "plain: an empty PUT"},
			Edits: []Edit{{"impl/proxy/fanout/put.go", "	return p.gather(nil)\n",
				"	a, err := p.gather(nil)\n	if r.Length == 0 && a.Status == http.StatusUnprocessableEntity {\n		a.Status = http.StatusServiceUnavailable\n	}\n	return a, err\n"}},
		}, {
			Name: "missing-first-segment", Bug: "a large object whose first segment is missing is answered 200, not 409 (#1386568)",
			Scenario: "features", Property: "features", Options: map[string]string{"match": "slo faults: "},
			Edits: []Edit{{"impl/middleware/slo/get.go", "		if err := body.Open(); err != nil {\n", "		if err := body.Open(); err != nil && req.Method == \"\" {\n"}},
		}, {
			Name: "copy-judged-as-manifest", Bug: "conditions on the copy of a large object are judged by the ETag of the manifest's segments",
			Scenario: "features", Property: "features", Options: map[string]string{"match": "copy: a copy of"},
			Edits: []Edit{{"impl/middleware/copy/task.go", "		dropManifest(p.Header)\n", "		_ = dropManifest\n"}},
		}, {
			Name: "link-opens-doors", Bug: "a link shows what the client may not read himself",
			Scenario: "features", Property: "features", Options: map[string]string{"match": "symlink: "},
			Edits: []Edit{{"impl/middleware/symlink/get.go", "		sub = w.origin.Sub(w.origin.Method, path, source)\n", "		sub = w.origin.PreAuthorized(w.origin.Method, path, source)\n"}},
		}, {
			Name: "taken-not-counted", Bug: "a download that passes the proxy unread goes on at another node from where it began",
			Scenario: "features", Property: "features", Options: map[string]string{"match": "plain: an object, storage"},
			Edits: []Edit{{"impl/proxy/fanout/resume.go", "	return r.got(n, r.cur.(web.ConnSource).Took(n, err))\n",
				"	err = r.cur.(web.ConnSource).Took(n, err)\n	if err != nil && n == 0 && r.ranges[0].Len() > 0 {\n		r.ranges[0].Start = 0\n	}\n	return r.got(n, err)\n"}},
		}, {
			Name: "double-resume-skips", Bug: "a download that goes on for the second time leaves out a byte (#1717401)",
			Scenario: "features", Property: "features", Options: map[string]string{"match": "plain: an object, storage"},
			Edits: []Edit{
				{"impl/proxy/fanout/resume.go", "	err        error    // the latest failure\n", "	err        error    // the latest failure\n	again      bool\n"},
				{"impl/proxy/fanout/resume.go", "	h.Set(\"Range\", rangeHeader(r.ranges))\n", "	if r.again {\n		r.ranges[0].Start++\n	}\n	r.again = true\n	h.Set(\"Range\", rangeHeader(r.ranges))\n"},
			},
		},
	}
}
