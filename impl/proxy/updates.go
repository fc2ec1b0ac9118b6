package proxy

import (
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"apus/impl/expiry"
	"apus/impl/info"
	"apus/impl/proxy/fanout"
	"apus/impl/ring"
	"apus/impl/swift"
	"apus/impl/web"
)

// queueEntry is where the queue entry of an expiring object goes; zero when the
// object does not expire.
type queueEntry struct {
	container string
	part      uint32
	nodes     []*ring.Device
}

// expiry checks X-Delete-At and X-Delete-After of the request and leaves the
// former in it, in ten digits.
func (c *call) expiry() (queueEntry, *web.Response) {
	h := c.req.Header
	if v := h.Get("X-Delete-After"); v != "" {
		n, ok := parseSeconds(v)
		if !ok {
			return queueEntry{}, web.Plain(http.StatusBadRequest, "Non-integer X-Delete-After")
		}
		if n <= 0 {
			return queueEntry{}, web.Plain(http.StatusBadRequest, "X-Delete-After in past")
		}
		at := min(c.stamp.Ticks()/swift.TicksPerSecond+min(n, expiry.MaxDeleteAt), expiry.MaxDeleteAt)
		h.Set("X-Delete-At", strconv.FormatInt(at, 10))
		h.Del("X-Delete-After")
	}
	v := h.Get("X-Delete-At")
	if v == "" {
		return queueEntry{}, nil
	}
	at, ok := parseSeconds(v)
	if !ok {
		return queueEntry{}, web.Plain(http.StatusBadRequest, "Non-integer X-Delete-At")
	}
	at = max(0, min(at, expiry.MaxDeleteAt))
	if at*swift.TicksPerSecond <= c.stamp.Ticks() && !truth(h.Get("X-Backend-Replication")) {
		return queueEntry{}, web.Plain(http.StatusBadRequest, "X-Delete-At in past")
	}
	h.Set("X-Delete-At", expiry.Text(at))
	c.req.Meta.LogInfo = append(c.req.Meta.LogInfo, "x-delete-at:"+strconv.FormatInt(at, 10))
	containers, fault := c.ring(fanout.ServerContainer)
	if fault != nil {
		return queueEntry{}, fault
	}
	queue := c.opts.queue
	x := queueEntry{container: queue.Container(at, c.swift.Hasher.Hash(c.path))}
	x.part = containers.Partition(c.swift.Hasher.Hash(swift.Path{Account: queue.Account, Container: x.container}))
	x.nodes = containers.Primaries(x.part)
	return x, nil
}

// parseSeconds reads a whole number of any size; what no timestamp can hold is
// cut to the nearest that is out of bounds.
func parseSeconds(v string) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
	return n, err == nil || errors.Is(err, strconv.ErrRange)
}

// updatesNeeded is how many container servers the object servers must be told
// of in total, so that every one is told when all goes well, and a quorum of
// them when only a quorum of the objects is written.
func updatesNeeded(containers, containerQuorum, objects, objectQuorum int) int {
	return max(containers, containerQuorum+objects-objectQuorum)
}

// Object servers that clean the expirer's queue when they delete.
const queueCleaners = 2

const cleanQueue = "X-Backend-Clean-Expiring-Object-Queue"

// objectWriteHeaders is one header for each replica, that also says whom the
// object server has to tell.
func (c *call) objectWriteHeaders(t target, replicas int, x queueEntry) ([]http.Header, *web.Response) {
	r, fault := c.ring(fanout.ServerContainer)
	if fault != nil {
		return nil, fault
	}
	part := r.Partition(c.swift.Hasher.Hash(c.path.Parent()))
	containers := r.Primaries(part)
	if len(containers) == 0 || replicas == 0 {
		return nil, web.NewResponse(http.StatusServiceUnavailable)
	}
	headers := make([]http.Header, replicas)
	common := c.objectHeader(t)
	if next := t.ring.Info().NextPartPower; next != 0 {
		common["X-Backend-Next-Part-Power"] = []string{strconv.Itoa(next)}
	}
	_, cleaning := common[cleanQueue]
	for i := range headers {
		h := common
		if i < replicas-1 {
			h = maps.Clone(common)
		}
		if !cleaning {
			h[cleanQueue] = []string{"f"}
			if i < queueCleaners {
				h[cleanQueue] = []string{"t"}
			}
		}
		headers[i] = h
	}
	// More requests than replicas go out when handoffs are asked as well; the
	// quorum of the policy stays.
	quorum := fanout.Quorum(min(replicas, t.ring.Replicas()))
	n := updatesNeeded(len(containers), fanout.Quorum(len(containers)), replicas, quorum)
	for i := range n {
		nameContainer(headers[i%replicas], containers[i%len(containers)], part, t.container)
		if len(x.nodes) > 0 {
			// From the other end, so that the work is spread.
			nameExpirer(headers[replicas-1-i%replicas], x.nodes[i%len(x.nodes)], x)
		}
	}
	return headers, nil
}

func nameContainer(h http.Header, d *ring.Device, part uint32, c *info.ContainerInfo) {
	h.Set("X-Container-Partition", strconv.FormatUint(uint64(part), 10))
	appendCSV(h, "X-Container-Host", d.Addr())
	appendCSV(h, "X-Container-Device", d.Device)
	h.Set("X-Container-Root-Db-State", c.ShardingState)
}

func nameExpirer(h http.Header, d *ring.Device, x queueEntry) {
	h.Set("X-Delete-At-Container", x.container)
	h.Set("X-Delete-At-Partition", strconv.FormatUint(uint64(x.part), 10))
	appendCSV(h, "X-Delete-At-Host", d.Addr())
	appendCSV(h, "X-Delete-At-Device", d.Device)
}
