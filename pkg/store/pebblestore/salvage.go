package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A Salvaged is the result of Salvage.
type Salvaged struct {
	// Aside is the folder of the damaged store; empty without damage.
	Aside string
	// Damage lists the damage.
	Damage []string
	// Rows counts the rows read. Gaps counts the places with rows known to be missing; more rows may be missing unseen.
	Rows, Gaps int64
}

// salvagingFile marks a store during a Salvage, and names the folder of the damaged store. Open refuses a marked store.
const salvagingFile = "SALVAGING"

// Salvage mends a damaged store: Salvage moves the damaged store aside, and copies every readable row into a new store
// in its place.
//
//   - A damaged log is read up to the damage.
//   - Unreadable rows are lost to the store. The caller MUST fold these rows again from the log of events: by the
//     positions of the new store, no event was read.
//   - A store without damage is left alone.
//   - An interrupted Salvage starts again.
//   - Conflict: another process has the store open.
func Salvage(ctx context.Context, cfg Config, log *slog.Logger) (out Salvaged, err error) {
	again, err := cutShort(cfg.Dir)
	if err != nil {
		return out, err
	}
	if again != "" {
		out.Aside, out.Damage = again, append(out.Damage, "an earlier salvage of "+again+" was interrupted, and begins anew")
		if err := emptied(cfg.Dir); err != nil {
			return out, err
		}
	} else {
		damaged, err := look(ctx, cfg, log)
		if err != nil || damaged == nil {
			return out, err
		}
		out.Damage = append(out.Damage, damaged.Error())
		out.Aside = strings.TrimRight(cfg.Dir, string(filepath.Separator)) + "-damaged-" + time.Now().UTC().Format("20060102T150405.000")
		if err := setAside(cfg.Dir, out.Aside); err != nil {
			return out, fmt.Errorf("setting the damaged store aside: %w", err)
		}
	}
	old, held, opened := openDamaged(cfg, out.Aside, log, &out)
	fresh, err := Open(cfg, Deps{Log: log, salvaging: true})
	if err != nil {
		if old != nil {
			err = errors.Join(err, old.Close(), held.Close())
		}
		return out, err
	}
	defer func() {
		if err == nil {
			err = errors.Join(os.Remove(filepath.Join(cfg.Dir, salvagingFile)), fresh.syncDir())
		}
		err = errors.Join(err, fresh.Close())
	}()
	if opened != nil {
		out.Gaps++
		out.Damage = append(out.Damage, fmt.Sprintf("no row can be read: %v", opened))
		return out, nil
	}
	defer func() { _, _ = old.Close(), held.Close() }() // an error of closing says nothing new: the old store was read
	for _, table := range tables {
		if err := copyReadable(ctx, old, fresh.db, key(table), &out); err != nil {
			return out, err
		}
	}
	return out, unread(old, fresh.db)
}

// cutShort returns the folder of the damaged store, where an earlier Salvage was cut short.
func cutShort(dir string) (aside string, err error) {
	b, err := os.ReadFile(filepath.Join(dir, salvagingFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	aside = string(b)
	if _, err := os.Stat(aside); err != nil {
		return "", fmt.Errorf("the salvage of %q was interrupted, and cannot continue: %w", aside, err)
	}
	return aside, nil
}

// emptied removes the rows of an interrupted Salvage.
func emptied(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.Name() != salvagingFile {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// setAside moves a damaged store, and puts a marked folder in its place.
func setAside(dir, aside string) error {
	next := strings.TrimRight(dir, string(filepath.Separator)) + "-salvaging"
	if err := errors.Join(os.RemoveAll(next), os.MkdirAll(next, 0o700)); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(next, salvagingFile), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(aside)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(dir, aside); err != nil {
		return err
	}
	return os.Rename(next, dir)
}

// unread copies positions, with every offset set to 0. The next process to open the store reads the log again, even if
// this process dies before rewinding its groups.
func unread(from, to *pebble.DB) error {
	prefix := key(tablePositions)
	it, err := from.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return nil //nolint:nilerr // it cannot be read: the groups are rewound
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		row, err := it.ValueAndErr()
		if err != nil || len(row) < 16 {
			continue
		}
		row = append(make([]byte, 8), row[8:]...)
		if err := to.Set(it.Key(), row, pebble.Sync); err != nil {
			return fmt.Errorf("copying positions: %w", err)
		}
	}
	return nil
}

// tables are the copied tables. Left out are positions (see unread), changes (a mended store begins a new change log)
// and stretches (a lost stretch could leave a stale stretch alone).
var tables = []byte{tableAssets, tableRuns, tableAnnotations, tableEmbeddings, tableMarkers, tableActive, tableLeases, tableJobs, tablePartners, tableSearches, tableBins,
	tableBinMembers, tableBinChanges, tableVersion}

// look opens the store, reads every row, and returns the first damage.
func look(ctx context.Context, cfg Config, log *slog.Logger) (*Damage, error) {
	if _, err := os.Stat(cfg.Dir); errors.Is(err, fs.ErrNotExist) {
		return nil, errkind.New(errkind.NotFound, "there is no store in %s", cfg.Dir)
	}
	s, err := Open(cfg, Deps{Log: log})
	if d := damageIn(err); d != nil {
		return d, nil
	}
	if err != nil {
		return nil, err
	}
	it, err := s.db.NewIterWithContext(ctx, nil)
	if err == nil {
		for ok := it.First(); ok; ok = it.Next() {
			if _, err = it.ValueAndErr(); err != nil {
				break
			}
		}
		err = errors.Join(err, it.Close())
	}
	err = errors.Join(s.noticed(err), s.Close())
	return s.damage.Load(), errWithout(err, s.damage.Load())
}

// errWithout drops an error about the damage.
func errWithout(err error, d *Damage) error {
	if d != nil {
		return nil
	}
	return err
}

// openDamaged opens the damaged store, with its log cut at the damage and without its seal.
func openDamaged(cfg Config, dir string, log *slog.Logger, out *Salvaged) (db *pebble.DB, held *pebble.Lock, err error) {
	cfg.Dir = dir
	s := &Store{cfg: cfg, log: log, disk: &disk{FS: vfs.Default, log: log, closing: make(chan struct{})}}
	if err := os.Remove(filepath.Join(dir, sealFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		return nil, nil, err
	}
	cut := false
	for _, path := range logs { // in their order
		if cut {
			if err := os.Rename(path, path+".damaged"); err != nil {
				return nil, nil, err
			}
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, err
		}
		if _, err := inspectLog(path, b); err == nil {
			continue
		}
		cut = true
		out.Gaps++
		bad, _ := goodEnd(b, logHead, logTypes)
		if err := errors.Join(os.WriteFile(path+".damaged", b, 0o600), os.Truncate(path, int64(bad))); err != nil {
			return nil, nil, err
		}
	}
	if held, err = pebble.LockDirectory(dir, s.disk); err != nil {
		return nil, nil, err
	}
	if db, err = s.openPebble(held); err != nil {
		return nil, nil, errors.Join(err, held.Close())
	}
	return db, held, nil
}

// copyBytes is the size of a batch of copied rows.
const copyBytes = 4 << 20

// copyReadable copies the readable rows of a table: forwards from the first row up to an unreadable row, then backwards from the last
// row down to an unreadable row.
func copyReadable(ctx context.Context, from, to *pebble.DB, prefix []byte, out *Salvaged) error {
	it, err := from.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		out.Gaps++
		return ctx.Err()
	}
	forth := it
	defer forth.Close()
	b := to.NewBatch()
	defer func() { b.Close() }()
	flush := func(least int) error {
		if b.Len() < least || b.Empty() {
			return nil
		}
		if err := b.Commit(pebble.Sync); err != nil {
			return fmt.Errorf("copying the readable rows: %w", err)
		}
		b.Close()
		b = to.NewBatch()
		return ctx.Err()
	}
	row := func() error {
		v, err := it.ValueAndErr()
		if err != nil {
			return nil // the next call of the iterator reports the error
		}
		if err := b.Set(it.Key(), v, nil); err != nil {
			return err
		}
		out.Rows++
		return flush(copyBytes)
	}
	last := append([]byte(nil), prefix...)
	for ok := it.First(); ok; ok = it.Next() {
		last = append(last[:0], it.Key()...)
		if err := row(); err != nil {
			return err
		}
	}
	if it.Error() == nil {
		return flush(0)
	}
	out.Gaps++
	back, err := from.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: append(last, 0), UpperBound: after(prefix)})
	if err != nil {
		return errors.Join(ctx.Err(), flush(0))
	}
	defer back.Close()
	it = back
	for ok := it.Last(); ok; ok = it.Prev() {
		if err := row(); err != nil {
			return err
		}
	}
	return errors.Join(flush(0), ctx.Err())
}
