package model

import "net/http"

// Outcome is what a client may conclude from an answer or its absence.
type Outcome string

// Outcomes.
const (
	OK      Outcome = "ok"      // the answer tells what happened
	Failed  Outcome = "failed"  // it is certain that nothing was changed
	Unknown Outcome = "unknown" // it may have happened, happen later, or never
)

// OutcomeOf decides what is certain after an operation. Swift's proxy chooses
// its answer among those of several nodes, so a status other than success
// says in general that too few nodes succeeded, not that none did. Failed is
// kept for what cannot have reached a disk:
//
//   - a read;
//   - no connection came about;
//   - the body was cut short by the client, or was announced with a wrong
//     Etag: every node refuses to commit it;
//   - a status that the proxy gives before it speaks to a storage node for
//     the write itself: 400, 401, 403, 405, 411, 413, 414, and 404 of a PUT
//     (there is no container) or of a copy (or no source);
//   - 412 of an object PUT: the bodies of the other nodes are broken off.
//     Not so for an empty body, which a node has before it is told to stop.
//
// 404 answers a successful DELETE too: it leaves tombstones. 404 of a POST
// is Unknown: one node of three may have had the object.
func OutcomeOf(o *Op, size int64) Outcome {
	if !o.Kind.changes() {
		if o.Resp.Status == 0 || o.Resp.Status >= 500 {
			return Failed
		}
		return OK
	}
	if o.Resp.NoDial || o.Req.Short {
		return Failed
	}
	switch s := o.Resp.Status; {
	case s == 0 || s >= 500:
		if o.Req.BadEtag {
			return Failed
		}
		return Unknown
	case s/100 == 2:
		return OK
	case s == http.StatusNotFound:
		return notFound(o.Kind)
	case s == http.StatusUnprocessableEntity && o.Req.BadEtag,
		s == http.StatusPreconditionFailed && size > 0:
		return Failed
	case s == 400 || s == 401 || s == 403 || s == 405 || s == 411 || s == 413 || s == 414:
		return Failed
	}
	return Unknown
}

func notFound(k Kind) Outcome {
	switch k {
	case ObjectDelete:
		return OK
	case ObjectPut, ManifestPut, ObjectCopy:
		return Failed
	}
	return Unknown
}

// changes reports whether operations of the kind may change anything.
func (k Kind) changes() bool {
	switch k {
	case AccountPost, ContainerPut, ContainerPost, ContainerDelete:
		return true
	}
	return k.WritesObject()
}
