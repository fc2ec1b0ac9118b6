package interop

import "golang.org/x/sys/unix"

func setxattr(name, key, value string) error { return unix.Setxattr(name, key, []byte(value), 0) }
