package dbrepl

import (
	"context"
	"encoding/json"
	"net/http"

	"apus/impl/broker"
	"apus/impl/swift"
	"apus/impl/web"
)

// sync takes over what of the caller's replica is newer and answers what was
// known here before, the sync point for it included. Each step may be
// repeated: a caller that gets an error asks again.
func (s *Server) sync(ctx context.Context, d Database, c *broker.Container, call Sync) (*web.Response, error) {
	info, err := d.ReplicationInfo(ctx)
	if err != nil {
		return nil, err
	}
	if c != nil && call.better(info) {
		if info, err = s.adoptPolicy(ctx, c, call); err != nil {
			return nil, err
		}
	}
	if call.Unreadable != "" {
		s.host.Log.Error("Unable to decode remote metadata", "metadata", call.Unreadable, "remote_id", call.ID)
	}
	if len(call.Metadata) > 0 {
		if err := d.UpdateMetadata(ctx, call.Metadata, nil); err != nil {
			return nil, err
		}
	}
	if info.CreatedAt != call.CreatedAt || info.PutTimestamp != call.PutTimestamp || info.DeleteTimestamp != call.DeleteTimestamp {
		if err := d.MergeTimestamps(ctx, stamp(call.CreatedAt), stamp(call.PutTimestamp), stamp(call.DeleteTimestamp)); err != nil {
			return nil, err
		}
	}
	point, err := d.Sync(ctx, call.ID, true)
	if err != nil {
		return nil, err
	}
	if call.Hash == info.Hash && point < call.Point {
		point = call.Point
		if err := d.MergeSyncs(ctx, []broker.SyncPoint{{RemoteID: call.ID, SyncPoint: point}}, true); err != nil {
			return nil, err
		}
	}
	info.Point = &point
	text, err := json.Marshal(info)
	if err != nil {
		return nil, err
	}
	return web.Text(http.StatusOK, string(text), "text/html; charset=UTF-8"), nil
}

// better reports whether the caller's policy is to replace the one of here.
func (s Sync) better(info *broker.ReplicationInfo) bool {
	if s.Policy == nil || info.ContainerReplication == nil || s.Policy.Index == info.Policy {
		return false
	}
	return broker.ComparePolicy(info.PolicyState(), broker.PolicyState{
		PutTimestamp: s.PutTimestamp, DeleteTimestamp: s.DeleteTimestamp,
		StatusChangedAt: s.Policy.StatusChangedAt, Count: s.Policy.Count,
	}) > 0
}

// adoptPolicy gives the container the caller's policy.
func (s *Server) adoptPolicy(ctx context.Context, c *broker.Container, call Sync) (*broker.ReplicationInfo, error) {
	err := c.Update(ctx, func(x *broker.ContainerTx) error {
		return x.SetPolicy(call.Policy.Index, swift.TimestampOf(s.host.Clock.Now()))
	})
	if err != nil {
		return nil, err
	}
	return c.ReplicationInfo(ctx)
}

// stamp reads a timestamp that Parse has checked.
func stamp(text string) swift.Timestamp {
	t, err := swift.ParseTimestamp(text)
	if err != nil {
		return swift.Timestamp{}
	}
	return t
}
