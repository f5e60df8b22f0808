package operating

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"iter"
	"time"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/blob"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/services/operator/jobs"
)

// collectKind deletes runs that nobody sees any more.
func collectKind(deps Deps) jobs.Kind {
	of := func(j *pb.Job) *collector {
		c := &collector{store: deps.Store, engine: deps.Engine, holder: j.GetId(), now: time.Now, sleep: jobs.Sleep}
		if deps.Blobs != nil {
			c.files = deps.Blobs
		}
		return c
	}
	return jobs.Kind{
		Name: "gc", Summary: "delete runs that readers have not seen for a while", Role: authz.Operator, Selects: true, Field: "collect",
		Options: []jobs.Option{{Name: "grace_seconds", Type: jobs.Integer, Help: "how long ago a run must have been replaced; 0 is a day"}},
		Plan:    func(ctx context.Context, j *pb.Job) (*jobs.Plan, error) { return of(j).plan(ctx, j.GetCollect()) },
		Do: func(ctx context.Context, w *jobs.Work) error {
			j := w.Job()
			return of(j).do(ctx, j.GetCollect(), j.GetCursor(), w.Tell)
		},
	}
}

const (
	// MinGrace is the least time that a run stays after a switch replaced the run: pages of an answer that began before the switch still find the
	// run.
	MinGrace = 10 * time.Minute
	// DefaultGrace is how long a run can be gone back to where nobody says otherwise.
	DefaultGrace = 24 * time.Hour
	// maxMarks bounds the marks of a collection; the rest is left to the next collection.
	maxMarks = 50_000
)

// A collector deletes runs that nobody sees any more.
//
// The store keeps no times. An earlier collection tells how long ago a run was replaced: each collection notes the generation of the switch, for
// every asset and algorithm with runs to delete. A later collection, at least a grace afterwards, may find the same generation. Then no switch was
// done in between, and the unseen runs have been unseen for at least a grace.
type collector struct {
	store  store.Store
	engine search.Writer
	files  runFiles // nil where the service has no bucket: the files of deleted runs stay
	holder string
	now    func() time.Time
	sleep  func(context.Context, time.Duration) error
}

// collectNote is the cursor of a collection, and the marks for later collections.
type collectNote struct {
	After string `json:"after,omitempty"`
	// Since is when the marks were begun, in milliseconds since 1970.
	Since int64 `json:"since"`
	// Marks are generations by a hash of asset and algorithm.
	Marks   map[uint64]int64 `json:"marks,omitempty"`
	Deleted int64            `json:"deleted"`
	Kept    int64            `json:"kept"`
	Left    int64            `json:"left,omitempty"` // not noted: too many
	Done    int64            `json:"done"`
}

func checkCollect(w *pb.Collect) error {
	if g := w.GetGraceSeconds(); g != 0 && g < int64(MinGrace.Seconds()) {
		return errkind.New(errkind.Invalid, "collect.grace_seconds: at least %.0f, for the pages of answers that were begun before a switch; 0 is a day", MinGrace.Seconds())
	}
	return nil
}

func graceOf(w *pb.Collect) time.Duration {
	if w.GetGraceSeconds() == 0 {
		return DefaultGrace
	}
	return time.Duration(w.GetGraceSeconds()) * time.Second
}

// marks returns the marks of the newest collection that ended a grace ago or longer.
func (c *collector) marks(ctx context.Context, w *pb.Collect) (map[uint64]int64, error) {
	latest := c.now().Add(-graceOf(w)).UnixMilli()
	var best collectNote
	for j, err := range c.store.AllJobs(ctx) {
		if err != nil {
			return nil, fmt.Errorf("reading earlier collections: %w", err)
		}
		// A mark counts from the reading of the asset, which is before the end of the job.
		if j.GetCollect() == nil || j.GetState() != pb.JobState_JOB_STATE_FINISHED || j.GetEndedMs() > latest || len(j.GetCursor()) == 0 {
			continue
		}
		var n collectNote
		if err := json.Unmarshal(j.GetCursor(), &n); err != nil {
			return nil, fmt.Errorf("reading the marks of collection %s: %w", j.GetId(), err)
		}
		if n.Since >= best.Since && len(n.Marks) > 0 {
			best = n
		}
	}
	return best.Marks, nil
}

func markOf(asset, algorithm string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(asset + "\x00" + algorithm))
	return h.Sum64()
}

// unseen returns, by algorithm, the runs of an asset that a collection may delete once the runs have been unseen for long enough. Runs that are
// underway, and runs that wait for a switch, stay.
func (c *collector) unseen(ctx context.Context, w *pb.Collect, asset string) (map[string]*pb.ActiveRun, map[string][]*pb.Run, error) {
	list, err := runs.Active(ctx, c.store, asset)
	if err != nil {
		return nil, nil, err
	}
	active := map[string]*pb.ActiveRun{}
	for _, r := range list {
		active[r.GetAlgorithm()] = r
	}
	all, err := runs.Of(ctx, c.store, asset)
	if err != nil {
		return nil, nil, err
	}
	out := map[string][]*pb.Run{}
	for _, r := range all {
		seen := active[r.GetAlgorithm()]
		if seen == nil || seen.GetRun() == r.GetId() || !jobs.SelectsRun(w.GetSelection(), r.GetAlgorithm(), r.GetVersion()) {
			continue
		}
		switch {
		case !runs.Ended(r):
			continue
		case runs.Supersedes(r, seen):
			continue // the switch is to come
		case runs.Failed(r) && !runs.Older(r, seen):
			continue // why the run failed is still of interest
		}
		out[r.GetAlgorithm()] = append(out[r.GetAlgorithm()], r)
	}
	return active, out, nil
}

// plan tells the runs that would be deleted now, and the runs that a later collection may delete.
func (c *collector) plan(ctx context.Context, w *pb.Collect) (*jobs.Plan, error) {
	if err := checkCollect(w); err != nil {
		return nil, err
	}
	marks, err := c.marks(ctx, w)
	if err != nil {
		return nil, err
	}
	var assets, now, later, items int64
	byName := map[string]int64{}
	for asset, err := range jobs.Assets(ctx, c.store, w.GetSelection(), "") {
		if err != nil {
			return nil, fmt.Errorf("reading the library: %w", err)
		}
		assets++
		active, unseen, err := c.unseen(ctx, w, asset.GetId())
		if err != nil {
			return nil, err
		}
		for algorithm, gone := range unseen {
			if g, ok := marks[markOf(asset.GetId(), algorithm)]; !ok || g != active[algorithm].GetGeneration() {
				later += int64(len(gone))
				continue
			}
			now += int64(len(gone))
			for _, r := range gone {
				byName[r.GetAlgorithm()+"@"+r.GetVersion()]++
				items += r.GetAnnotations() + r.GetEmbeddings()
			}
		}
	}
	lines := []string{
		fmt.Sprintf("deletes %d runs with %d annotations and embeddings: they have been replaced for at least %s", now, items, graceOf(w)),
		fmt.Sprintf("notes %d more that are not seen: a collection %s from now may delete them", later, graceOf(w)),
	}
	lines = append(lines, sortedLines(byName, func(name string, n int64) string { return fmt.Sprintf("%s: %d runs", name, n) })...)
	return &jobs.Plan{Total: assets, Unit: "assets", Lines: lines}, nil
}

// do deletes the runs that may be deleted, and marks the other unseen runs.
func (c *collector) do(ctx context.Context, w *pb.Collect, cursor []byte, tell jobs.Teller) error {
	n := collectNote{Since: c.now().UnixMilli()}
	if len(cursor) > 0 {
		if err := json.Unmarshal(cursor, &n); err != nil {
			return fmt.Errorf("reading where the collection was: %w", err)
		}
	}
	if n.Marks == nil {
		n.Marks = map[uint64]int64{}
	}
	marks, err := c.marks(ctx, w)
	if err != nil {
		return err
	}
	note := func(lines ...string) error {
		b, err := json.Marshal(n)
		if err != nil {
			return err
		}
		return tell(ctx, jobs.Step{Done: n.Done, Cursor: b, Lines: lines})
	}
	noted := c.now()
	for asset, err := range jobs.Assets(ctx, c.store, w.GetSelection(), n.After) {
		if err != nil {
			return fmt.Errorf("reading the library: %w", err)
		}
		if err := c.asset(ctx, w, asset.GetId(), marks, &n); err != nil {
			return err
		}
		n.After, n.Done = asset.GetId(), n.Done+1
		if c.now().Sub(noted) > time.Second {
			if err := note(); err != nil {
				return err
			}
			noted = c.now()
		}
	}
	lines := []string{fmt.Sprintf("deleted %d runs; %d more are not seen, and a collection %s from now may delete them", n.Deleted, n.Kept, graceOf(w))}
	if n.Left > 0 {
		lines = append(lines, fmt.Sprintf("%d assets' were too many to note at once; collect again", n.Left))
	}
	return note(lines...)
}

// asset deletes the runs of an asset that have been unseen for a grace, and marks the other unseen runs.
func (c *collector) asset(ctx context.Context, w *pb.Collect, asset string, marks map[uint64]int64, n *collectNote) error {
	_, unseen, err := c.unseen(ctx, w, asset)
	if err != nil || len(unseen) == 0 {
		return err
	}
	a := activator{store: c.store, holder: c.holder, sleep: c.sleep}
	release, err := a.lease(ctx)
	if err != nil {
		return err
	}
	defer release()
	// Read again, now that nobody switches.
	active, unseen, err := c.unseen(ctx, w, asset)
	if err != nil {
		return err
	}
	for algorithm, gone := range unseen {
		mark, generation := markOf(asset, algorithm), active[algorithm].GetGeneration()
		if g, ok := marks[mark]; !ok || g != generation {
			if len(n.Marks) >= maxMarks {
				n.Left++
				continue
			}
			n.Marks[mark] = generation
			n.Kept += int64(len(gone))
			continue
		}
		for _, r := range gone {
			// The search engine first: nobody would look for items of a run that the store forgot.
			if err := c.engine.DeleteRun(ctx, r.GetId()); err != nil {
				return fmt.Errorf("deleting run %s from the search engine: %w", r.GetId(), err)
			}
			if err := c.deleteFiles(ctx, asset, r.GetId()); err != nil {
				return err
			}
			if err := c.store.DeleteRun(ctx, asset, r.GetId()); err != nil {
				return fmt.Errorf("deleting run %s from the store: %w", r.GetId(), err)
			}
			n.Deleted++
		}
	}
	return nil
}

// runFiles are the blobs of runs: thumbnails, proxies.
type runFiles interface {
	List(ctx context.Context, prefix string, deep bool) iter.Seq2[blob.Listed, error]
	Delete(ctx context.Context, key string) error
}

// deleteFiles deletes the blobs of a run. The store forgets the run afterwards, so a collection that died here comes back to the run.
func (c *collector) deleteFiles(ctx context.Context, asset, run string) error {
	if c.files == nil {
		return nil
	}
	var keys []string // a listing must not change under the reader
	for o, err := range c.files.List(ctx, runPrefix+asset+"/"+run+"/", true) {
		if err != nil {
			return fmt.Errorf("listing the files of run %s: %w", run, err)
		}
		keys = append(keys, o.Key)
	}
	for _, key := range keys {
		if err := c.files.Delete(ctx, key); err != nil {
			return fmt.Errorf("deleting the files of run %s: %w", run, err)
		}
	}
	return nil
}
