package cassandrastore

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gocql/gocql"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/store"
)

// A change of the library is told in two steps, after the change is committed: an entry in the table changes names the asset, and then
// the version grows. A reader who sees the version sees the entry, and a reader who sees the entry sees the change.
//
// A process may die between the change and the two steps. So the changed row is marked as untold until the version grew. The next process
// that changes the row tells first.
//
// # Tokens
//
// A token of Changes is a moment by this process's clock. The next answer has the entries from some time before the
// token on, because an entry carries the time of its writer's clock and becomes visible a little later (see overlap).
// Entries of the answer before are left out, as long as this process remembers these entries.
//
// # Services of earlier releases
//
// An earlier release makes the version grow without an entry. So the row of the version has two counters: changes, which every release
// increments, and told, which this release increments in the same statement. The difference grows only by changes of an earlier release.
// A token carries the difference, and an answer across another difference is not whole.

const (
	// changesKept is how long entries are relied on: their TTL (see migrations), less a margin for clocks and slow requests.
	changesKept = changesTTL - 10*time.Minute
	changesTTL  = 6 * time.Hour
	// changesBucket is how much time shares a partition: 100 changes a second make 60,000 rows.
	changesBucket = 10 * time.Minute
	// tellWithin is how long an entry may take to become visible. A slower entry is written again, with a later time.
	tellWithin = 5 * time.Second
	// windowsKept is how many answers this process remembers.
	windowsKept = 8
)

// versionName names the version's row: a key of a single column must not be empty, and Config.Library may be. The
// version is a counter. A counter never goes back. An addition with an unknown outcome may be repeated, because the
// size of a growth means nothing.
const versionName = "library"

// A version is the row of the version.
type version struct{ changes, told int64 }

func (s *Store) readVersion(ctx context.Context) (version, error) {
	return hedged(ctx, func(ctx context.Context) (v version, err error) {
		err = s.query(ctx, "SELECT changes, told FROM versions WHERE library = ? AND name = ?", s.cfg.Library, versionName).Scan(&v.changes, &v.told)
		if errors.Is(err, gocql.ErrNotFound) {
			err = nil
		}
		return v, err
	})
}

// Version implements store.Store.
func (s *Store) Version(ctx context.Context) (int64, error) {
	var v version
	err := s.do(ctx, "version", "reading the version", func() (err error) {
		v, err = s.readVersion(ctx)
		return err
	})
	if err != nil {
		return 0, err
	}
	return v.changes + 1, nil
}

// tell tells of a change of an asset. The caller MUST have committed the change.
func (s *Store) tell(ctx context.Context, asset string) error {
	for range attempts {
		at, began := s.skew.now(), time.Now()
		err := s.query(ctx, "INSERT INTO changes (library, bucket, at, asset) VALUES (?, ?, ?, ?)", s.cfg.Library, bucketOfTime(at), gocql.UUIDFromTime(at), asset).Exec()
		if err != nil {
			return err
		}
		if time.Since(began) <= tellWithin {
			return s.query(ctx, "UPDATE versions SET changes = changes + 1, told = told + 1 WHERE library = ? AND name = ?", s.cfg.Library, versionName).Exec()
		}
	}
	return errkind.New(errkind.Unavailable, "telling of changes: %d entries took longer than %s each", attempts, tellWithin)
}

func bucketOfTime(t time.Time) int64 { return t.UnixMicro() / changesBucket.Microseconds() }

// overlap is how far before a token the next answer begins. An entry has the time of its writer, a token the time of
// its reader. Each clock may differ from the cluster's clock by the skew. An entry is visible within tellWithin.
func (s *Store) overlap() time.Duration { return tellWithin + 2*s.cfg.MaxClockSkew }

// A token is a moment, in microseconds, and the difference of the two counters at the moment. A token names the library and the process,
// so no two tokens are the same.
type token struct {
	at, untold       int64
	library, process string
}

func (t token) String() string {
	return fmt.Sprintf("%d.%d.%s.%s", t.at, t.untold, t.library, t.process)
}

func parseToken(text string) (t token, ok bool) {
	parts := strings.Split(text, ".")
	if len(parts) != 4 {
		return t, false
	}
	var err, failed error
	t.at, err = strconv.ParseInt(parts[0], 10, 64)
	t.untold, failed = strconv.ParseInt(parts[1], 10, 64)
	t.library, t.process = parts[2], parts[3]
	return t, err == nil && failed == nil
}

// libraryName names the library in tokens.
func (c Config) libraryName() string {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%q %q", c.Keyspace, c.Library)
	return strconv.FormatUint(h.Sum64(), 36)
}

// An entry names a changed asset.
type entry struct {
	at    gocql.UUID
	asset string
}

// Changes implements store.Store.
func (s *Store) Changes(ctx context.Context, since string) (out store.Changes, err error) {
	err = s.do(ctx, "changes", "reading the changes", func() error {
		now := s.skew.now() // before anything is read
		v, err := s.readVersion(ctx)
		if err != nil {
			return err
		}
		next := token{s.windows.distinct(now.UnixMicro()), v.changes - v.told, s.cfg.libraryName(), s.windows.process}
		out = store.Changes{Next: next.String()}
		last, ok := parseToken(since)
		from := time.UnixMicro(last.at).Add(-s.overlap())
		if !ok || last.library != next.library || last.untold != next.untold || last.at > now.Add(s.overlap()).UnixMicro() || from.Before(now.Add(-changesKept)) {
			return nil
		}
		told, before := map[entry]struct{}{}, s.windows.of(since)
		assets := map[string]struct{}{}
		err = s.entries(ctx, from, now.Add(s.overlap()), func(e entry) {
			told[e] = struct{}{}
			if _, ok := before[e]; !ok {
				assets[e.asset] = struct{}{}
			}
		})
		if err != nil {
			return err
		}
		out.Whole, out.Assets = true, slices.Collect(maps.Keys(assets))
		s.windows.keep(out.Next, told)
		return nil
	})
	if err != nil {
		return store.Changes{}, err
	}
	return out, nil
}

// entries reads the entries of a time, some partitions at once.
func (s *Store) entries(ctx context.Context, from, upto time.Time, use func(entry)) error {
	var buckets []int64
	for b := bucketOfTime(from); b <= bucketOfTime(upto); b++ {
		buckets = append(buckets, b)
	}
	return ahead(ctx, buckets, func(ctx context.Context, bucket int64) ([]entry, error) {
		return hedged(ctx, func(ctx context.Context) (all []entry, err error) {
			var e entry
			q := s.query(ctx, "SELECT at, asset FROM changes WHERE library = ? AND bucket = ? AND at >= minTimeuuid(?)", s.cfg.Library, bucket, from)
			err = each(q, func() error {
				all = append(all, e)
				return nil
			}, &e.at, &e.asset)
			return all, err
		})
	}, func(all []entry) bool {
		for _, e := range all {
			use(e)
		}
		return true
	})
}

// windows remembers the entries of the last answers, by token, so an entry of the overlap is told once.
type windows struct {
	process string // names this process in tokens
	last    atomic.Int64
	mu      sync.Mutex
	all     []window // the oldest first
}

type window struct {
	token string
	told  map[entry]struct{}
}

// distinct returns now, or a little later: no two tokens of this process have the same moment.
func (w *windows) distinct(now int64) int64 {
	for {
		last := w.last.Load()
		if at := max(now, last+1); w.last.CompareAndSwap(last, at) {
			return at
		}
	}
}

func (w *windows) of(token string) map[entry]struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range w.all {
		if x.token == token {
			return x.told
		}
	}
	return nil
}

func (w *windows) keep(token string, told map[entry]struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all = append(w.all, window{token, told}); len(w.all) > windowsKept {
		w.all = w.all[1:]
	}
}
