package container

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"apus/impl/broker"
	"apus/impl/broker/dbserver"
	"apus/impl/config"
	"apus/impl/swift"
	"apus/impl/web"
)

// shardQuery is what a GET of shard ranges asks for.
type shardQuery struct {
	filter    broker.ShardFilter
	namespace bool // names and bounds only
}

var stateNames = map[string]int{
	"found": broker.ShardFound, "created": broker.ShardCreated, "cleaved": broker.ShardCleaved, "active": broker.ShardActive,
	"shrinking": broker.ShardShrinking, "sharding": broker.ShardSharding, "sharded": broker.ShardSharded, "shrunk": broker.ShardShrunk,
}

// resolveStates reads the parameter states: names and numbers of states and
// names of groups, separated by commas.
func resolveStates(text string) (states []int, groups map[string]bool, ok bool) {
	groups = map[string]bool{}
	for _, word := range config.SplitList(text) {
		switch word {
		case "listing":
			states = append(states, listingStates...)
		case "updating":
			states = append(states, updateStates...)
		case "auditing":
			states = append(states, auditStates...)
		default:
			state, ok := resolveState(word)
			if !ok {
				return nil, nil, false
			}
			states = append(states, state)
		}
		groups[word] = true
	}
	slices.Sort(states)
	return slices.Compact(states), groups, true
}

func resolveState(word string) (int, bool) {
	if f, err := strconv.ParseFloat(word, 64); err == nil {
		for _, state := range stateNames {
			if f == float64(state) {
				return state, true
			}
		}
		return 0, false
	}
	state, ok := stateNames[strings.ToLower(word)]
	return state, ok
}

// shardParams reads the parameters that only listings of shard ranges have.
// They must be UTF-8 in any listing.
// none says that includes is there and empty: no range holds that.
func shardParams(req *web.Request) (states, includes string, none bool, fault *web.Response) {
	present := false
	if states, _, fault = dbserver.Param(req, "states"); fault == nil {
		includes, present, fault = dbserver.Param(req, "includes")
	}
	return states, includes, present && includes == "", fault
}

// readShardQuery puts together what the request asks for; o are the
// parameters that listings of objects have too.
func readShardQuery(req *web.Request, o broker.ListOptions, state broker.DBState) (q shardQuery, h http.Header, fault *web.Response) {
	states, includes, none, fault := shardParams(req)
	if fault != nil {
		return q, nil, fault
	}
	h = http.Header{}
	q.filter = broker.ShardFilter{
		Marker: o.Marker, EndMarker: o.EndMarker, Includes: includes, None: none, Reverse: o.Reverse,
		IncludeDeleted: config.Truth(req.Header.Get("X-Backend-Include-Deleted")),
	}
	// Proxies cache all shards of a container that is sharded for good.
	if state == broker.DBSharded && strings.EqualFold(req.Header.Get("X-Backend-Override-Shard-Name-Filter"), "sharded") {
		h.Set("X-Backend-Override-Shard-Name-Filter", "true")
		q.filter.Marker, q.filter.EndMarker, q.filter.Includes = "", "", ""
		q.filter.None, q.filter.Reverse = false, false
	}
	if states != "" {
		numbers, groups, ok := resolveStates(states)
		if !ok {
			return q, nil, web.Text(http.StatusBadRequest, "Bad state", "text/html; charset=UTF-8")
		}
		q.filter.States = numbers
		q.filter.FillGaps = groups["listing"] || groups["updating"]
		q.filter.IncludeOwn = groups["auditing"]
	}
	h.Set("X-Backend-Record-Type", "shard")
	h.Set("X-Backend-Record-Shard-Format", "full")
	if q.namespace = strings.EqualFold(req.Header.Get("X-Backend-Record-Shard-Format"), "namespace"); q.namespace {
		h.Set("X-Backend-Record-Shard-Format", "namespace")
		switch {
		case q.filter.IncludeDeleted:
			return q, nil, web.Text(http.StatusBadRequest, "No include_deleted for namespace GET", "text/html; charset=UTF-8")
		case q.filter.IncludeOwn:
			return q, nil, web.Text(http.StatusBadRequest, "No auditing state for namespace GET", "text/html; charset=UTF-8")
		}
	}
	return q, h, nil
}

// fullRange is a shard range in a listing.
type fullRange struct {
	broker.ShardRange
	LastModified string `json:"last_modified"`
}

// namespace is the short form of it.
type namespace struct {
	Name  string `json:"name"`
	Lower string `json:"lower"`
	Upper string `json:"upper"`
}

// getShards answers GET with shard ranges.
func getShards(x *broker.ContainerTx, q shardQuery, format string, h http.Header) (*web.Response, error) {
	ranges, err := x.ShardRanges(q.filter)
	if err != nil {
		return nil, err
	}
	h.Set("Content-Type", format+"; charset=utf-8")
	switch {
	case strings.HasSuffix(format, "/json"):
		return shardsJSON(ranges, q.namespace, h)
	case strings.HasSuffix(format, "/xml"):
		// There is no XML for shard ranges.
		return web.NewResponse(http.StatusNotAcceptable), nil
	}
	var text strings.Builder
	for _, r := range ranges {
		text.WriteString(r.Name + "\n")
	}
	status := http.StatusOK
	if text.Len() == 0 {
		status = http.StatusNoContent
	}
	return &web.Response{Status: status, Header: h, Body: web.Bytes(text.String()), ContentLength: int64(text.Len())}, nil
}

func shardsJSON(ranges []broker.ShardRange, short bool, h http.Header) (*web.Response, error) {
	records := make([]any, len(ranges))
	for i, r := range ranges {
		if short {
			records[i] = namespace{r.Name, r.Lower, r.Upper}
			continue
		}
		at, err := swift.ParseTimestamp(r.Timestamp)
		if err != nil {
			return nil, err
		}
		records[i] = fullRange{r, at.ISO()}
	}
	text, err := json.Marshal(records)
	if err != nil {
		return nil, err
	}
	return &web.Response{Status: http.StatusOK, Header: h, Body: web.Bytes(string(text)), ContentLength: int64(len(text))}, nil
}
