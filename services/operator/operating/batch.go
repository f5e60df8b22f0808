package operating

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/runs"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/services/operator/jobs"
)

// batchKind runs algorithms over a selection on demand.
func batchKind(deps Deps, limits BatchLimits) jobs.Kind {
	of := func() *batcher {
		return &batcher{store: deps.Store, planner: deps.Catalog.View().Plan(), events: deps.Events, bucket: deps.Blobs, sleep: jobs.Sleep, limits: limits}
	}
	return jobs.Kind{
		Name: "batch", Summary: "run algorithms over a selection, and write their annotations as files", Role: authz.Batch, Selects: true, Field: "batch",
		Options: []jobs.Option{
			{Name: "formats", Type: jobs.Texts, Help: "jsonl, parquet; left out is both"},
			{Name: "embeddings", Type: jobs.Flag, Help: "with the vectors"},
		},
		Plan: func(ctx context.Context, j *pb.Job) (*jobs.Plan, error) {
			if deps.Blobs == nil {
				return nil, errkind.New(errkind.Unavailable, "batch: this service has no bucket to write results into (blobs.bucket)")
			}
			return of().plan(ctx, j)
		},
		Do: func(ctx context.Context, w *jobs.Work) error { return of().do(ctx, w.Job(), w.Tell) },
	}
}

// A batcher runs algorithms over a selection on demand, and writes the annotations of the runs as files into the bucket.
//
// The assets are fixed when the job is submitted, by the rights of the caller. Later assets, and assets that are hidden from the caller, are not in
// the result. Runs in the store are used; missing runs are requested behind live work and before backfills. The manifest is written last: without a
// manifest there is no result.
type batcher struct {
	store   store.Store
	planner planner
	events  publisher
	bucket  bucket
	sleep   func(context.Context, time.Duration) error
	limits  BatchLimits
}

// BatchLimits bound the batches of a caller.
type BatchLimits struct {
	// Jobs is the number of jobs of a caller that have not ended.
	Jobs int `mapstructure:"jobs"`
	// Assets is the number of assets of a job.
	Assets int `mapstructure:"assets"`
}

// DefaultBatchLimits are two jobs of a thousand assets.
func DefaultBatchLimits() BatchLimits { return BatchLimits{Jobs: 2, Assets: 1000} }

// Validate names the first field that cannot be used.
func (l BatchLimits) Validate() error {
	switch {
	case l.Jobs < 1 || l.Jobs > 1000:
		return errkind.New(errkind.Invalid, "jobs: %d is not from 1 to 1000", l.Jobs)
	case l.Assets < 1 || l.Assets > 1_000_000:
		return errkind.New(errkind.Invalid, "assets: %d is not from 1 to 1000000", l.Assets)
	}
	return nil
}

// planner derives the runs of an asset, inputs first.
type planner interface {
	Runs(asset *pb.Asset) ([]*pb.Run, error)
}

// publisher is the part of the log that requesting needs.
type publisher interface {
	Publish(ctx context.Context, topic events.Topic, evs ...events.Event) error
}

// bucket is where results lie.
type bucket interface {
	Put(ctx context.Context, key, contentType string, content io.Reader) (*pb.MediaRef, error)
	Read(ctx context.Context, ref *pb.MediaRef, limit int64) ([]byte, error)
	Delete(ctx context.Context, key string) error
}

// batchNote is where a batch goes on from.
type batchNote struct {
	// Requested is the last asset whose missing runs were requested.
	Requested string `json:"requested,omitempty"`
	// Failed are the epochs under which runs had failed before they were requested here: they are tried again.
	Failed map[string]int64 `json:"failed,omitempty"`
}

// A wantedRun is a run of the result.
type wantedRun struct {
	asset *pb.Asset
	run   *pb.Run
	// request is the run and the missing inputs of the run, inputs first; empty where the run has finished.
	request []*pb.Run
}

func formatsOf(w *pb.Batch) []string {
	if len(w.GetFormats()) == 0 {
		return []string{"jsonl", "parquet"}
	}
	return w.GetFormats()
}

func checkBatch(w *pb.Batch) error {
	if len(w.GetSelection().GetAlgorithms()) == 0 {
		return errkind.New(errkind.Invalid, "batch.selection.algorithms: name at least one algorithm; `cinedex algorithms list` shows which there are")
	}
	for _, f := range w.GetFormats() {
		if f != "jsonl" && f != "parquet" {
			return errkind.New(errkind.Invalid, "batch.formats: %.20q is neither jsonl nor parquet", f)
		}
	}
	return nil
}

// wanted returns the runs of the result over an asset, by algorithm. skipped names algorithms that do not apply to the asset.
func (b *batcher) wanted(ctx context.Context, w *pb.Batch, asset *pb.Asset) (wanted []wantedRun, skipped []string, err error) {
	planned, err := b.planner.Runs(asset)
	if err != nil {
		return nil, nil, fmt.Errorf("deriving the runs of %s: %w", asset.GetId(), err)
	}
	there, err := runs.Of(ctx, b.store, asset.GetId())
	if err != nil {
		return nil, nil, err
	}
	active, err := runs.Active(ctx, b.store, asset.GetId())
	if err != nil {
		return nil, nil, err
	}
	names := slices.Compact(slices.Sorted(slices.Values(w.GetSelection().GetAlgorithms())))
	for _, name := range names {
		algorithm, version, _ := strings.Cut(name, "@")
		seen := runs.Seen(active, algorithm)
		if version == "" {
			version = seen.GetVersion() // the version that readers see, if readers see any
		}
		i := slices.IndexFunc(planned, func(r *pb.Run) bool {
			return r.GetAlgorithm() == algorithm && (version == "" || r.GetVersion() == version)
		})
		if i >= 0 {
			version = planned[i].GetVersion()
		}
		r := runs.Find(there, algorithm, version, seen)
		switch {
		case runs.Finished(r):
			wanted = append(wanted, wantedRun{asset: asset, run: r})
		case i >= 0:
			wanted = append(wanted, wantedRun{asset: asset, run: planned[i], request: missing(planned, planned[i], there, active)})
		default:
			skipped = append(skipped, name)
		}
	}
	return wanted, skipped, nil
}

// missing returns a run and the inputs of the run that have not finished, inputs first. Where readers see another run of an algorithm, readers go on
// seeing the other run.
func missing(planned []*pb.Run, run *pb.Run, there []*pb.Run, active []*pb.ActiveRun) []*pb.Run {
	need := map[string]bool{run.GetId(): true}
	for _, r := range slices.Backward(planned) { // a run comes behind the runs that the run reads
		if need[r.GetId()] {
			for _, id := range r.GetInputs() {
				need[id] = true
			}
		}
	}
	var out []*pb.Run
	for _, r := range planned {
		finished := slices.ContainsFunc(there, func(t *pb.Run) bool {
			return t.GetId() == r.GetId() && runs.Finished(t)
		})
		if need[r.GetId()] && !finished {
			r.Hold = runs.Seen(active, r.GetAlgorithm()) != nil
			out = append(out, r)
		}
	}
	return out
}

// plan tells the runs and annotations of a batch, and fixes the assets in the job.
func (b *batcher) plan(ctx context.Context, j *pb.Job) (*jobs.Plan, error) {
	w := j.GetBatch()
	if err := checkBatch(w); err != nil {
		return nil, err
	}
	mine := 0
	for other, err := range b.store.AllJobs(ctx) {
		if err != nil {
			return nil, fmt.Errorf("reading the jobs: %w", err)
		}
		if other.GetId() != j.GetId() && other.GetBatch() != nil && other.GetCaller() == j.GetCaller() && !jobs.Ended(other.GetState()) {
			mine++
		}
	}
	if mine >= b.limits.Jobs {
		return nil, errkind.New(errkind.Exhausted, "batch: %s has %d batches that have not ended, the most allowed (operating.batch.jobs); wait for one, or cancel it: `cinedex batch list`", j.GetCaller(), mine)
	}
	var assets []string
	var tell, request, items int64
	skipped := map[string]int64{}
	for asset, err := range jobs.Assets(ctx, b.store, w.GetSelection(), "") {
		if err != nil {
			return nil, fmt.Errorf("reading the library: %w", err)
		}
		if assets = append(assets, asset.GetId()); len(assets) > b.limits.Assets {
			return nil, errkind.New(errkind.Exhausted, "batch.selection: more than the %d assets allowed (operating.batch.assets); ask for parts", b.limits.Assets)
		}
		wanted, not, err := b.wanted(ctx, w, asset)
		if err != nil {
			return nil, err
		}
		for _, name := range not {
			skipped[name]++
		}
		for _, r := range wanted {
			tell++
			request += int64(len(r.request))
			items += r.run.GetAnnotations()
		}
	}
	if tell == 0 {
		return nil, errkind.New(errkind.NotFound, "batch: none of %s applies to any asset selected, in a version that is there or can be run here", strings.Join(w.GetSelection().GetAlgorithms(), ", "))
	}
	// Later assets were not asked for, and may be hidden from the caller.
	w.Selection.Assets, w.Selection.Titles, w.Selection.Series = assets, nil, nil
	lines := []string{
		fmt.Sprintf("tells what %d runs over %d assets say: %d annotations are there, %d runs are to be executed first", tell, len(assets), items, request),
		fmt.Sprintf("writes %s into the bucket under %s", strings.Join(formatsOf(w), " and "), resultPrefix(j.GetId())),
	}
	lines = append(lines, sortedLines(skipped, func(name string, n int64) string {
		return fmt.Sprintf("%s does not apply to %d of the assets, or is not there in that version", name, n)
	})...)
	return &jobs.Plan{Total: tell, Unit: "runs", Lines: lines}, nil
}

// do requests missing runs, waits for their ends, and writes the result.
func (b *batcher) do(ctx context.Context, j *pb.Job, tell jobs.Teller) error {
	n := batchNote{Failed: map[string]int64{}}
	if len(j.GetCursor()) > 0 {
		if err := json.Unmarshal(j.GetCursor(), &n); err != nil {
			return fmt.Errorf("reading where the batch was: %w", err)
		}
	}
	var all []wantedRun
	for asset, err := range jobs.Assets(ctx, b.store, j.GetBatch().GetSelection(), "") {
		if err != nil {
			return fmt.Errorf("reading the library: %w", err)
		}
		wanted, _, err := b.wanted(ctx, j.GetBatch(), asset)
		if err != nil {
			return err
		}
		all = append(all, wanted...)
		if asset.GetId() <= n.Requested {
			continue
		}
		if err := b.request(ctx, j.GetId(), asset, wanted, &n); err != nil {
			return err
		}
		n.Requested = asset.GetId()
	}
	cursor, err := json.Marshal(n)
	if err != nil {
		return err
	}
	all, err = b.wait(ctx, all, &n, func(done int64) error { return tell(ctx, jobs.Step{Done: done, Cursor: cursor}) })
	if err != nil {
		return err
	}
	files, err := b.write(ctx, j, all)
	if err != nil {
		return err
	}
	var rows, bytes int64
	for _, f := range files {
		rows, bytes = rows+f.Rows, bytes+f.Bytes
	}
	return tell(ctx, jobs.Step{Done: int64(len(all)), Cursor: cursor, Lines: []string{fmt.Sprintf("wrote %d files with %d rows, %d bytes, under %s", len(files), rows, bytes, resultPrefix(j.GetId()))}})
}

// request asks for the missing runs of an asset together, so that the runs share a decoding.
func (b *batcher) request(ctx context.Context, job string, asset *pb.Asset, wanted []wantedRun, n *batchNote) error {
	var missing []*pb.Run
	for _, w := range wanted {
		for _, r := range w.request {
			if !slices.ContainsFunc(missing, func(o *pb.Run) bool { return o.GetId() == r.GetId() }) {
				missing = append(missing, r)
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	known, err := b.store.CreateRuns(ctx, asset.GetId(), missing)
	if err != nil {
		return fmt.Errorf("recording %d runs of %s: %w", len(missing), asset.GetId(), err)
	}
	for i, r := range missing {
		if runs.Failed(known[i]) {
			n.Failed[r.GetId()] = known[i].GetEpoch()
		}
	}
	err = b.events.Publish(ctx, events.RunsBatch, events.Event{Subject: asset.GetId(), Data: &pb.RunsRequested{Asset: asset.GetId(), Runs: missing, Reason: schema.ReasonBatch, Job: job}})
	if err != nil {
		return fmt.Errorf("requesting runs of %s: %w", asset.GetId(), err)
	}
	return nil
}

// waitEvery is how often a batch reads whether the runs have ended.
const waitEvery = time.Second

// wait returns the runs as they finished, once all of them are whole.
func (b *batcher) wait(ctx context.Context, all []wantedRun, n *batchNote, progress func(int64) error) ([]wantedRun, error) {
	for {
		var done int64
		var failed []string
		var kind errkind.Kind
		for i, w := range all {
			r, err := runs.Lookup(ctx, b.store, w.asset.GetId(), w.run.GetId())
			if err != nil {
				return nil, err
			}
			if r == nil {
				return nil, errkind.New(errkind.Conflict, "run %s of %s was deleted while the batch waited; submit the batch again", w.run.GetAlgorithm(), w.asset.GetId())
			}
			whole, err := runs.Whole(ctx, b.store, r)
			switch {
			case err != nil:
				return nil, err
			case whole:
				done++
				all[i].run = r
			case runs.Failed(r):
				if before, ok := n.Failed[r.GetId()]; ok && r.GetEpoch() <= before {
					continue // the run is being tried again
				}
				failed = append(failed, fmt.Sprintf("%s@%s of %s: %s", r.GetAlgorithm(), r.GetVersion(), r.GetAsset(), r.GetError()))
				kind = errkind.NotFound
			}
		}
		if err := progress(done); err != nil {
			return nil, err
		}
		switch {
		case done == int64(len(all)):
			return all, nil
		case done+int64(len(failed)) == int64(len(all)):
			return nil, errkind.New(kind, "%d of %d runs failed, so there is no result; ask without them: %s", len(failed), len(all), strings.Join(failed[:min(len(failed), 5)], "; "))
		}
		if err := b.sleep(ctx, waitEvery); err != nil {
			return nil, err
		}
	}
}
