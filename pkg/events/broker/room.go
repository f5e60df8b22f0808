package broker

import (
	"syscall"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// leastRoom stays free of new events. The requests under way are written into this room, and a killed broker starts
// again with this room.
const leastRoom = 2 * maxRequest

// room returns an error if the disk of the folder is all but full. kfake's own answer to a failed write gives no
// reason.
func room(dir string) error {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		return nil //nolint:nilerr // a disk that cannot tell is not known to be full
	}
	if free := disk.Bavail * uint64(disk.Bsize); free < leastRoom {
		return errkind.New(errkind.Unavailable, "the disk of %s has %d MiB free, less than the %d that the log needs: make room, and the log accepts events again", dir, free>>20, leastRoom>>20)
	}
	return nil
}
