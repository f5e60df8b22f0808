package broker

import (
	"syscall"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// leastRoom stays free of new events: the requests under way are written into it, and a broker that is killed starts again in it.
const leastRoom = 2 * maxRequest

// room says that the disk of the folder is all but full. kfake's own answer to a write that failed names no reason.
func room(dir string) error {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		return nil //nolint:nilerr // a disk that cannot tell is not known to be full
	}
	if free := disk.Bavail * uint64(disk.Bsize); free < leastRoom {
		return errkind.New(errkind.Unavailable, "the disk of %s has %d MiB free, less than the %d that the log needs: make room, and events are taken again", dir, free>>20, leastRoom>>20)
	}
	return nil
}
