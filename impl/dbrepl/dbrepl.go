// Package dbrepl is the server's side of database replication: what account
// and container servers answer to REPLICATE /device/partition/hash. A body is
// a JSON list, the name of an operation and its arguments:
//
//	["sync", point, hash, id, created_at, put_timestamp, delete_timestamp,
//	 metadata[, status_changed_at, count, storage_policy_index]]
//	["merge_syncs", [{"remote_id": …, "sync_point": …}, …]]
//	["merge_items", [{"ROWID": …, "name": …, …}, …], id]
//	["complete_rsync", id[, file name]]
//	["rsync_then_merge", id]
//	["merge_shard_ranges", [{"name": …, …}, …]]     of containers
//	["get_shard_ranges"]                            of containers
//
// A caller asks "sync" first. 404 means that there is no replica here: the
// caller sends its file by rsync into the device's tmp directory, named by its
// id, and then "complete_rsync". 200 brings what is known about the replica
// here, from which the caller sees whether they are alike; if not, it sends
// rows ("merge_items", then "merge_syncs"), or, if they are very different,
// the whole file and "rsync_then_merge". Changes are answered 202, those by
// files 204; a file that is not there, or is in the way, is 404.
package dbrepl

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path"

	"apus/impl/broker"
	"apus/impl/host"
	"apus/impl/swift"
	"apus/impl/web"
)

// Database is what both kinds of database offer.
type Database interface {
	Exists(context.Context) (bool, error)
	ReplicationInfo(context.Context) (*broker.ReplicationInfo, error)
	UpdateMetadata(context.Context, broker.Metadata, *swift.Limits) error
	MergeTimestamps(ctx context.Context, created, put, del swift.Timestamp) error
	Sync(ctx context.Context, remoteID string, incoming bool) (int64, error)
	MergeSyncs(ctx context.Context, points []broker.SyncPoint, incoming bool) error
	MergeItems(ctx context.Context, items []broker.Item, source string) error
	Replace(ctx context.Context, tmp, remoteID, name string) error
	MergeFrom(ctx context.Context, tmp, remoteID string) error
}

var (
	_ Database = (*broker.Account)(nil)
	_ Database = (*broker.Container)(nil)
)

// Server answers calls about the databases of one kind.
type Server struct {
	host    *host.Host
	pool    *broker.Pool
	devices string // directory of the device directories
	datadir string // broker.AccountsDir or broker.ContainersDir
}

// New makes a Server. It touches no disk before it is asked to.
func New(h *host.Host, pool *broker.Pool, devices, datadir string) *Server {
	return &Server{h, pool, devices, datadir}
}

// Serve answers one call. The caller has checked that the device is there and
// has room. An error is one of the server or a body that makes no sense.
func (s *Server) Serve(ctx context.Context, device, partition, hash string, body []byte) (*web.Response, error) {
	call, err := Parse(body, hash)
	if err != nil {
		return nil, err
	}
	tmp := path.Join(s.devices, device, "tmp")
	file := path.Join(s.devices, device, s.datadir, partition, hash[len(hash)-3:], hash, hash+".db")
	d, c := Database(nil), (*broker.Container)(nil)
	if s.datadir == broker.ContainersDir {
		c = s.pool.ContainerFile(file)
		d = c
	} else {
		d = s.pool.AccountFile(file)
	}
	switch call := call.(type) {
	case CompleteRsync:
		err = d.Replace(ctx, path.Join(tmp, call.ID), call.ID, call.Name)
		return received(err)
	case RsyncThenMerge:
		err = d.MergeFrom(ctx, path.Join(tmp, call.ID), call.ID)
		return received(err)
	}
	// The caller may be about to send a file, and rsync makes no directories.
	if err := s.host.FS.MkdirAll(tmp, 0o755); err != nil {
		return nil, swift.E("dbrepl.Serve", tmp, swift.NoDevice, err)
	}
	resp, err := s.run(ctx, d, c, call)
	if swift.Is(err, swift.NotFound) || swift.Is(err, swift.Corrupt) {
		// One that was quarantined just now is as good as absent.
		return web.NewResponse(http.StatusNotFound), nil
	}
	return resp, err
}

// received is the answer to operations on files.
func received(err error) (*web.Response, error) {
	if swift.Is(err, swift.NotFound) || swift.Is(err, swift.Conflict) {
		return web.NewResponse(http.StatusNotFound), nil
	}
	if err != nil {
		return nil, err
	}
	return web.NewResponse(http.StatusNoContent), nil
}

// run answers a call about a database that must exist. C is d if that is a
// container.
func (s *Server) run(ctx context.Context, d Database, c *broker.Container, call Call) (*web.Response, error) {
	if there, err := d.Exists(ctx); err != nil {
		return nil, err
	} else if !there {
		return web.NewResponse(http.StatusNotFound), nil
	}
	var err error
	switch call := call.(type) {
	case Sync:
		return s.sync(ctx, d, c, call)
	case MergeSyncs:
		err = d.MergeSyncs(ctx, call.Points, true)
	case MergeItems:
		err = d.MergeItems(ctx, call.Items, call.Source)
	case MergeShardRanges:
		if c == nil {
			return nil, invalid("merge_shard_ranges is for containers")
		}
		err = c.MergeRemoteShardRanges(ctx, call.Ranges, "repl_req")
	case GetShardRanges:
		if c == nil {
			return nil, invalid("get_shard_ranges is for containers")
		}
		return shardRanges(ctx, c)
	case Unknown:
		return nil, invalid("unknown operation %.40q", call.Op)
	default:
		panic(fmt.Sprintf("dbrepl: no answer to %T", call))
	}
	if err != nil {
		return nil, err
	}
	return web.NewResponse(http.StatusAccepted), nil
}

func shardRanges(ctx context.Context, c *broker.Container) (*web.Response, error) {
	ranges, err := c.AllShardRanges(ctx)
	if err != nil {
		return nil, err
	}
	if ranges == nil {
		ranges = []broker.ShardRange{}
	}
	text, err := json.Marshal(ranges)
	if err != nil {
		return nil, err
	}
	return web.Text(http.StatusOK, string(text), "application/json"), nil
}
