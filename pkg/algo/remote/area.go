package remote

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// An area is the file through which frames and sound of a run cross: slots of the same size. The platform writes slots by system calls. A worker
// may map the file, and may even truncate the file, which ends the worker's own run at most.
type area struct {
	file      *os.File // nil where messages carry the bytes
	slotBytes int64
	slots     int32
}

const (
	// areaBytes bounds an area.
	areaBytes = 128 << 20
	// maxSlots bounds the slots of small frames.
	maxSlots = 128
	// page is the unit of slots, so that a worker may map a slot by itself.
	page = 4096
	// areaPrefix begins the name of an area's file.
	areaPrefix = "cinedex-area-"
)

// slotsFor returns how many slots of a size an area has, and the size rounded up to pages.
func slotsFor(size int64) (slots int32, slotBytes int64, err error) {
	slotBytes = (max(size, 1) + page - 1) / page * page
	n := min(areaBytes/slotBytes, maxSlots)
	if n < 2 {
		return 0, 0, errkind.New(errkind.Invalid, "the algorithm reads frames of %d MB: an area holds two frames of at most %d MB", size>>20, areaBytes>>21)
	}
	return int32(n), slotBytes, nil
}

// folders are the folders for areas, the fastest first.
func folders(configured string) []string {
	if configured != "" {
		return []string{configured}
	}
	return []string{"/dev/shm", os.TempDir()}
}

// newArea makes the file of an area in the first folder with room, and takes the room at once: a full folder is an error here, and not in the
// middle of a run. Unavailable: no folder has room.
func newArea(configured string, slots int32, slotBytes int64) (*area, error) {
	var errs []error
	for _, folder := range folders(configured) {
		f, err := os.CreateTemp(folder, areaPrefix+"*")
		if err != nil {
			errs = append(errs, err)
			continue
		}
		_ = lock(f) // without locks, sweep removes nothing
		a := &area{file: f, slotBytes: slotBytes, slots: slots}
		if err := a.reserve(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", folder, err), a.close())
			continue
		}
		return a, nil
	}
	return nil, errkind.New(errkind.Unavailable, "making the shared file of a run: %w", errors.Join(errs...))
}

// reserve writes every page once.
func (a *area) reserve() error {
	zeros := make([]byte, min(a.slotBytes, 1<<20))
	for at := int64(0); at < a.slotBytes*int64(a.slots); {
		n, err := a.file.WriteAt(zeros[:min(int64(len(zeros)), a.slotBytes*int64(a.slots)-at)], at)
		if err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}

// write puts bytes into a slot that the worker has returned.
func (a *area) write(slot int32, b []byte) error {
	if int64(len(b)) > a.slotBytes {
		return errkind.New(errkind.Internal, "%d bytes do not fit into a slot of %d", len(b), a.slotBytes)
	}
	if _, err := a.file.WriteAt(b, int64(slot)*a.slotBytes); err != nil {
		return errkind.New(errkind.Unavailable, "writing to the shared file: %w", err)
	}
	return nil
}

// describe is the area as Begin names the area.
func (a *area) describe() *pb.SharedArea {
	out := &pb.SharedArea{SlotBytes: a.slotBytes, Slots: a.slots}
	if a.file != nil {
		out.Path = a.file.Name()
	}
	return out
}

// close removes the file. A worker that mapped the file keeps the pages until the worker lets go.
func (a *area) close() error {
	if a == nil || a.file == nil {
		return nil
	}
	return errors.Join(a.file.Close(), os.Remove(a.file.Name()))
}

// sweep removes areas without an owner: a process that was killed left its areas behind. The owner of an area has the file locked.
func sweep(configured string) error {
	var errs []error
	for _, folder := range folders(configured) {
		names, err := filepath.Glob(filepath.Join(folder, areaPrefix+"*"))
		if err != nil {
			return err
		}
		for _, name := range names {
			f, err := os.Open(name)
			if err != nil {
				continue // of another user, or gone
			}
			if lock(f) == nil {
				errs = append(errs, os.Remove(name))
			}
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}
