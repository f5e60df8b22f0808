//go:build unix

package platform

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// others are the permissions of everybody but the owner.
const others = 0o077

// KeepPrivate gives files that this process creates from now on to their owner alone: folders 0700, files 0600.
// Unreleased films lie in these files, and the lines spoken in the films. A file for other readers gets its mode after
// the file was made.
func KeepPrivate() { syscall.Umask(others) }

// MakePrivate creates the folder. MakePrivate takes all rights in the folder and in everything below from everybody but
// the owner. A folder that belongs to another user, such as a volume of Kubernetes, keeps its mode; files that this
// process creates in the folder are private all the same.
//
// Errors:
//   - Invalid: the folder is shared by design (sticky, as /tmp is).
func MakePrivate(dir string) error {
	KeepPrivate()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the folder %s: %w", dir, err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("looking at the folder %s: %w", dir, err)
	}
	if info.Mode()&fs.ModeSticky != 0 {
		return errkind.New(errkind.Invalid, "everybody may write to the folder %s (sticky): keep unreleased films in a folder of your own; give another folder, or chmod 700 this folder", dir)
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); info.Mode().Perm()&others == 0 || ok && int(owner.Uid) != os.Geteuid() {
		return nil
	}
	// An earlier version left the folder open. Everything below is closed first, so a process killed here begins again.
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir || !d.IsDir() && !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil || info.Mode().Perm()&others == 0 {
			return err
		}
		return os.Chmod(path, info.Mode().Perm()&^others)
	})
	if err == nil {
		err = os.Chmod(dir, info.Mode().Perm()&^others)
	}
	if err != nil {
		return fmt.Errorf("taking the folder %s away from others: %w", dir, err)
	}
	return nil
}
