package diskfile

import "apus/impl/host"

// WriteXattrs stores metadata as a Writer does, behind a body of size bytes.
func WriteXattrs(f host.File, m Metadata, size int64) error { return writeMetadata(f, m, size) }
