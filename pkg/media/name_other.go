//go:build !linux

package media

import "path/filepath"

func nameOf(path string) string { return filepath.Base(path) }
