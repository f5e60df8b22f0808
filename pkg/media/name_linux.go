package media

import (
	"os"
	"path/filepath"
	"strings"
)

// nameOf returns the name of the file at path, for messages. A path of /proc is followed to the file first.
func nameOf(path string) string {
	if strings.HasPrefix(path, "/proc/") {
		if real, err := os.Readlink(path); err == nil {
			path = strings.TrimSuffix(real, " (deleted)")
		}
	}
	return filepath.Base(path)
}
