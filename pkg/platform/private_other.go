//go:build !unix

package platform

import "os"

// KeepPrivate does nothing where files have no modes.
func KeepPrivate() {}

// MakePrivate makes the folder.
func MakePrivate(dir string) error { return os.MkdirAll(dir, 0o700) }
