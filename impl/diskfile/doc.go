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
// # Metadata that does not fit
//
// XFS takes 64 KiB an attribute, ext4 4 KiB a file. Where the file system
// refuses, and only there, the pickle goes into the file itself, behind the
// body: user.swift.metadata is then absent, user.swift.metadata_at is
// "<offset> <length>" in decimal, the offset being the body's size, and
// user.swift.metadata_checksum is as ever. So it is synced, named, linked,
// quarantined, removed and copied with the file, by rsync too, and there is no
// moment at which one is there without the other. The price: the file is longer
// than its Content-Length. A reader that finds less than the attributes
// promise, and one that knows nothing of this, such as Swift's own, takes the
// file for corrupt; none takes it for an object with less metadata. Swift
// cannot store such an object on such a device at all.
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
// A write appends its suffix to hashes.invalid of the partition, a line each,
// under the partition's lock file, before the new name appears. As in Swift the
// journal is not synced by itself, except before a quarantine.
//
// [Device.Hashes] moves it into hashes.pkl: a pickle, protocol 2, of a dict with
// the MD5 of each suffix in hexadecimal (None where it is not known), "valid" (a
// bool: every suffix is listed) and "updated" (a float: seconds since 1970; it
// grows with each write of the file). The journal is emptied after hashes.pkl is
// durable. Suffixes are hashed without the lock; what comes of it is written
// only if hashes.pkl is what it was before. A file that is not as Swift writes
// it counts as none.
//
// What goes into the MD5, for the hash directories in order: of the .meta, .ts
// and .data file that count the timestamp and the extension, then the time of
// the content type and "_ctype" if a .meta file brings one.
//
// # Doubled partitions
//
// While [Object.NextPartPower] says that the number of partitions is being
// doubled, a write also gets its name in the other partition and removes there
// what it replaces. A failure of that is logged and left to the relinker.
//
// # Quarantine
//
// An object that turns out bad moves to quarantined/objects[-N], its suffix
// marked for the replicator: a body that is not what its ETag or length says or
// that the medium cannot read, metadata that is unreadable, incomplete or not
// what its checksum says, a name that belongs elsewhere, a tombstone with such
// metadata, a hash directory that cannot be listed (ENODATA, EUCLEAN) or is a
// file. If a directory that cannot be listed cannot be moved either its suffix
// goes as a whole.
package diskfile
