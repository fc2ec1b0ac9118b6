package diskfile

// WriteXattrs stores metadata as a Writer does.
var WriteXattrs = writeMetadata
