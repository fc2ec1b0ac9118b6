// Package workload is the clients of a simulation. [Draw] makes a [Script]
// of a [Config] and a seed: for each client a list of steps, complete in itself, so
// that a failing run can be repeated with fewer clients and steps. [Run] plays
// a script against the proxies of a cluster with stock net/http over the
// network of each client machine, and records a [model.History].
//
// The clients close every body they open and every idle connection when they
// are done; what is left open after a run is the server's.
//
// What is in a script does not depend on what the cluster answers, with two
// exceptions: conditional requests use the ETag and Last-Modified that the
// client has last seen for the name, and versions are read by the identities
// that the client was given.
package workload

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"apus/sim/model"
)

// Config is what to draw.
type Config struct {
	Clients int // concurrent clients
	Steps   int // of each client
	// Think is the mean pause before a step.
	Think time.Duration
	// Timeout bounds one operation, body included.
	Timeout time.Duration
	// Mix says how often each kind is drawn, relative to the others.
	Mix map[model.Kind]int

	Containers int // that exist during the whole run
	Objects    int // names in each container
	// Weird is how many of the names are adversarial, 0 to 1.
	Weird float64
	// MaxSize bounds objects. Most are far smaller.
	MaxSize int64
	// MaxParts bounds the segments of a large object.
	MaxParts int
	// PartSize bounds a segment.
	PartSize int64

	// Shares of the operations to which they can apply, 0 to 1.
	Newest      float64 // X-Newest
	Ranges      float64 // GETs with Range
	Conditional float64
	Chunked     float64 // PUTs without Content-Length
	BadEtag     float64 // PUTs that announce a wrong Etag
	Leave       float64 // clients that hang up in mid-body
	Impatient   float64 // clients that hang up while they wait
	Expect      float64 // PUTs with Expect: 100-continue
	Links       float64 // reads through a symbolic link
	Signed      float64 // GETs and HEADs by a signed URL
	Dynamic     float64 // reads of dynamic large objects
	Versioned   float64 // PUTs, POSTs, DELETEs and reads in the versioned container
	Archived    float64 // the same in the containers of the older versioning
	Expiring    float64 // PUTs and POSTs that say when the object expires
	Opened      float64 // reads and POSTs that want an object though it has expired

	// Policies are the storage policies of the containers, in turn; none means
	// the default.
	Policies []string
}

// DefaultConfig is a mix of everything on a few hot names.
func DefaultConfig() Config {
	return Config{
		Clients: 6, Steps: 60, Think: 200 * time.Millisecond, Timeout: 60 * time.Second,
		Mix: map[model.Kind]int{
			model.ObjectPut: 24, model.ObjectGet: 30, model.ObjectHead: 8, model.ObjectPost: 6, model.ObjectDelete: 8,
			model.ManifestPut: 4, model.ManifestGet: 1, model.ManifestDelete: 1,
			model.ContainerPut: 2, model.ContainerGet: 8, model.ContainerHead: 2, model.ContainerPost: 1, model.ContainerDelete: 1,
			model.AccountGet: 2, model.AccountHead: 1, model.AccountPost: 1,
		},
		Containers: 2, Objects: 6, Weird: 0.5, MaxSize: 2 << 20, MaxParts: 5, PartSize: 256 << 10,
		Newest: 0.2, Ranges: 0.2, Conditional: 0.15, Chunked: 0.3, BadEtag: 0.03, Leave: 0.05, Impatient: 0.02, Expect: 0.3,
	}
}

// FullConfig is DefaultConfig and what filters of the proxy make of objects:
// symbolic links, signed URLs, versions of both kinds, copies, dynamic large
// objects, and many deletions at once; and objects that expire.
func FullConfig() Config {
	c := DefaultConfig()
	c.Mix[model.VersionGet], c.Mix[model.BulkDelete], c.Mix[model.ObjectCopy] = 3, 1, 4
	c.Links, c.Signed, c.Versioned, c.Dynamic = 0.1, 0.06, 0.12, 0.05
	c.Archived, c.Expiring, c.Opened = 0.12, 0.12, 0.1
	return c
}

// RegisterConfig is the mix that cluster linearizability is judged on: few
// names, writes against reads, every read with X-Newest, and everybody stays.
func RegisterConfig() Config {
	c := DefaultConfig()
	c.Mix = map[model.Kind]int{
		model.ObjectPut: 30, model.ObjectGet: 40, model.ObjectHead: 15, model.ObjectDelete: 15,
	}
	c.Containers, c.Objects, c.MaxSize = 1, 4, 64<<10
	c.Newest, c.Ranges, c.Conditional, c.BadEtag, c.Leave, c.Impatient = 1, 0, 0, 0, 0, 0
	return c
}

// validate reports every wrong field.
func (c Config) validate() error {
	var wrong []string
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	for name, n := range map[string]int64{
		"Clients": int64(c.Clients), "Steps": int64(c.Steps), "Timeout": int64(c.Timeout), "Containers": int64(c.Containers),
		"Objects": int64(c.Objects), "MaxSize": c.MaxSize, "MaxParts": int64(c.MaxParts), "PartSize": c.PartSize,
	} {
		if n < 1 {
			bad("%s is %d; it must be positive", name, n)
		}
	}
	for name, p := range map[string]float64{
		"Weird": c.Weird, "Newest": c.Newest, "Ranges": c.Ranges, "Conditional": c.Conditional, "Chunked": c.Chunked,
		"BadEtag": c.BadEtag, "Leave": c.Leave, "Impatient": c.Impatient, "Expect": c.Expect,
		"Links": c.Links, "Signed": c.Signed, "Versioned": c.Versioned, "Dynamic": c.Dynamic,
		"Archived": c.Archived, "Expiring": c.Expiring, "Opened": c.Opened,
	} {
		if !(p >= 0 && p <= 1) {
			bad("%s is %v; it is a share from 0 to 1", name, p)
		}
	}
	total := 0
	for kind, n := range c.Mix {
		if n < 0 || kind == model.Auth {
			bad("Mix[%s] is %d; weights are not negative, and %s is not drawn", kind, n, model.Auth)
		}
		total += max(n, 0)
	}
	if total == 0 {
		bad("Mix is empty; give at least one kind a weight")
	}
	if wrong == nil {
		return nil
	}
	slices.Sort(wrong)
	return fmt.Errorf("workload.Config: %v", wrong)
}

// kinds are the kinds with weight in a fixed order.
func (c Config) kinds() []model.Kind { return slices.Sorted(maps.Keys(c.Mix)) }
