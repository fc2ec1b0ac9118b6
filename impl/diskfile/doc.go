// Package diskfile keeps objects on one machine's devices, in the layout of
// OpenStack Swift's object server:
//
//	<devices>/<device>/objects[-N]/<partition>/<suffix>/<hash>/<timestamp>.data
//
// A hash directory holds the object's body (.data), metadata that a later POST
// replaced (.meta), or the mark of its deletion (.ts). Files are never
// changed; [Select] says which of several count. Metadata is a pickle in the
// extended attribute user.swift.metadata (in pieces of 64 KiB) with its MD5 in
// user.swift.metadata_checksum.
//
// # What a write promises
//
// [Writer.Commit] returns nil only when the new file and every directory entry
// that leads to it are durable. The body is durable before it gets its name,
// so no power cut leaves a name without its body. Readers of this process do
// not see a name before it is durable, and what an earlier incarnation left
// unsynced is made durable before the device is first used: an object once
// read is not lost again to a power cut. Older files are removed after that,
// so at every moment the old or the new object is on disk.
//
// Writers of one object take turns for the last part of Commit and decide by
// timestamp: one that finds something newer, or an equal timestamp with other
// content, fails with kind swift.Conflict and leaves nothing behind.
//
// # Group commit
//
// A writer that is alone on its device syncs its file and its directories. When
// several meet, the rest wait for the one at work and then share one
// host.FS.SyncAll, whose error fails them all. Each writer passes twice: once
// for the content, once for the name.
//
// # Suffix hashes
//
// A write appends its suffix to hashes.invalid of the partition, under the
// partition's lock file, before the new name appears. As in Swift the journal
// is not synced by itself.
package diskfile
