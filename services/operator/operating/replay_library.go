package operating

import (
	"context"
	"fmt"
	"iter"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/runs"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/operator/jobs"
)

const (
	// aheadAssets bounds the assets whose runs are requested and have not ended: a cancelled job leaves the runs of so many assets in the lane.
	aheadAssets = 4
	// endsEvery is how often a replay reads whether runs have ended.
	endsEvery = 200 * time.Millisecond
)

// libraryCursor is the cursor of a backfill: the runs of all assets up to After have ended.
type libraryCursor struct {
	After        string
	Done, Failed int64
}

// chosen are the versions of algorithms that a replay executes.
type chosen struct {
	view  *catalog.View
	specs []*pb.AlgorithmSpec
}

// choose returns the versions that a selection names; the current versions where the selection names none.
func (r *replay) choose(sel *pb.Selection) (chosen, error) {
	c := chosen{view: r.deps.Catalog.View()}
	if len(sel.GetAlgorithms()) == 0 {
		c.specs = c.view.Plan().Current()
		return c, nil
	}
	for i, ref := range sel.GetAlgorithms() {
		spec, err := c.view.Plan().Find(ref)
		if err != nil {
			return c, fmt.Errorf("selection.algorithms[%d]: %w", i, err)
		}
		c.specs = append(c.specs, spec)
	}
	return c, nil
}

// derive returns the runs over an asset, with the runs that they read, inputs first.
func (c chosen) derive(asset *pb.Asset) ([]*pb.Run, error) {
	return c.view.Plan().Derive(asset, c.specs...)
}

// unserved returns a line for each chosen version that no runner serves.
func (c chosen) unserved() (lines []string) {
	for _, spec := range c.specs {
		if e := c.view.Entry(catalog.ID(spec)); e != nil && e.Waits {
			lines = append(lines, fmt.Sprintf("no runner serves %s: its runs wait until a runner does", catalog.ID(spec)))
		}
	}
	return lines
}

// note keeps the lines of unserved with the job.
func (c chosen) note(w *jobs.Work) {
	for _, line := range c.unserved() {
		w.Note("%s", line)
	}
}

// A missingRun is a run to request, and the epoch of the run's record. An end under a later epoch is the end of this request.
type missingRun struct {
	run   *pb.Run
	epoch int64
}

// wanted returns the missing runs over an asset: runs of the chosen algorithms, and the inputs of these runs. A finished run is not made again. A
// failed run is made again where the job says so.
func (r *replay) wanted(ctx context.Context, m *pb.Replay, asset *pb.Asset, chosen chosen) (out []missingRun, finished, failed int64, err error) {
	derived, err := chosen.derive(asset)
	if err != nil {
		return nil, 0, 0, err
	}
	dead := map[string]bool{}
next:
	for _, run := range derived {
		known, err := runs.Lookup(ctx, r.deps.Store, asset.GetId(), run.GetId())
		if err != nil {
			return nil, 0, 0, err
		}
		for _, in := range run.GetInputs() {
			if dead[in] {
				dead[run.GetId()] = true
				failed++
				continue next
			}
		}
		switch {
		case runs.Finished(known):
			finished++
			continue
		case runs.Failed(known) && !m.GetFailed():
			dead[run.GetId()] = true
			failed++
			continue
		}
		run.Hold = !m.GetActivate()
		out = append(out, missingRun{run, known.GetEpoch()})
	}
	return out, finished, failed, nil
}

// planLibrary counts the missing runs, and estimates the time of these runs.
func (r *replay) planLibrary(ctx context.Context, m *pb.Replay) (*jobs.Plan, error) {
	chosen, err := r.choose(m.GetSelection())
	if err != nil {
		return nil, err
	}
	p := &jobs.Plan{Unit: "runs"}
	byVersion, costs := map[string]int64{}, costs{}
	var assets, finished, failed int64
	for a, err := range jobs.Assets(ctx, r.deps.Store, m.GetSelection(), "") {
		if err != nil {
			return nil, err
		}
		if err := costs.learn(ctx, r, a.GetId(), schema.Time(a.GetDuration()).Seconds()); err != nil {
			return nil, err
		}
		want, done, dead, err := r.wanted(ctx, m, a, chosen)
		if err != nil {
			return nil, err
		}
		finished, failed = finished+done, failed+dead
		if len(want) > 0 {
			assets++
		}
		for _, w := range want {
			p.Total++
			byVersion[w.run.GetAlgorithm()+"@"+w.run.GetVersion()]++
		}
	}
	p.Lines = append(p.Lines, fmt.Sprintf("%d assets", assets))
	p.Lines = append(p.Lines, sortedLines(byVersion, func(v string, n int64) string { return fmt.Sprintf("%s: %d runs", v, n) })...)
	if finished > 0 {
		p.Lines = append(p.Lines, fmt.Sprintf("%d runs have finished already and are not made again", finished))
	}
	if failed > 0 {
		p.Lines = append(p.Lines, fmt.Sprintf("%d runs have failed, or read one that has; `failed` tries them again", failed))
	}
	p.Lines = append(p.Lines, chosen.unserved()...)
	if !m.GetActivate() {
		p.Lines = append(p.Lines, "the runs are held: readers go on seeing what they see until an `activate` job switches")
	}
	if len(byVersion) > 0 {
		if p.Seconds, p.From, err = r.estimateRuns(ctx, m, chosen, costs); err != nil {
			return nil, err
		}
	}
	if m.GetRate() > 0 && float64(assets)/m.GetRate() > p.Seconds {
		p.Seconds, p.From = float64(assets)/m.GetRate(), "the rate"
	}
	return p, nil
}

// estimateRuns estimates the time of the missing runs from the costs of finished runs. Runs over one asset are executed together: the longest counts.
// seconds is 0 where no finished run is of the same algorithms.
func (r *replay) estimateRuns(ctx context.Context, m *pb.Replay, chosen chosen, costs costs) (seconds float64, from string, err error) {
	var unknown int64
	known := map[string]int64{} // finished runs, by algorithm
	for a, err := range jobs.Assets(ctx, r.deps.Store, m.GetSelection(), "") {
		if err != nil {
			return 0, "", err
		}
		want, _, _, err := r.wanted(ctx, m, a, chosen)
		if err != nil {
			return 0, "", err
		}
		var longest float64
		for _, w := range want {
			s, ok := costs.of(w.run.GetAlgorithm(), schema.Time(a.GetDuration()).Seconds())
			if !ok {
				unknown++
				continue
			}
			known[w.run.GetAlgorithm()] = costs[w.run.GetAlgorithm()].runs
			longest = max(longest, s)
		}
		seconds += longest
	}
	if len(known) == 0 {
		return 0, "", nil
	}
	var n int64
	for _, took := range known {
		n += took
	}
	from = fmt.Sprintf("%d finished runs of the same algorithms", n)
	if unknown > 0 {
		from += fmt.Sprintf("; of %d runs nothing is known", unknown)
	}
	return seconds, from, nil
}

// costs are the times of finished runs, by algorithm.
type costs map[string]*cost

type cost struct {
	took, media float64 // seconds
	runs        int64
}

// enoughRuns finished runs of an algorithm are enough for an estimate.
const enoughRuns = 200

func (c costs) learn(ctx context.Context, r *replay, asset string, seconds float64) error {
	all, err := runs.Of(ctx, r.deps.Store, asset)
	if err != nil {
		return err
	}
	for _, run := range all {
		if run.GetTookMs() == 0 || !runs.Finished(run) {
			continue
		}
		if c[run.GetAlgorithm()] == nil {
			c[run.GetAlgorithm()] = &cost{}
		}
		if k := c[run.GetAlgorithm()]; k.runs < enoughRuns {
			k.took, k.media, k.runs = k.took+float64(run.GetTookMs())/1000, k.media+seconds, k.runs+1
		}
	}
	return nil
}

func (c costs) of(algorithm string, seconds float64) (float64, bool) {
	k := c[algorithm]
	if k == nil || k.media <= 0 {
		return 0, false
	}
	return k.took / k.media * seconds, true
}

// outstanding is an asset whose runs were requested.
type outstanding struct {
	asset string
	runs  []missingRun
}

// doLibrary requests runs, a few assets at a time, and waits until they have ended and are indexed.
func (r *replay) doLibrary(ctx context.Context, w *jobs.Work, m *pb.Replay) error {
	chosen, err := r.choose(m.GetSelection())
	if err != nil {
		return err
	}
	chosen.note(w)
	j := w.Job()
	var c libraryCursor
	if err := readCursor(j.GetCursor(), &c); err != nil {
		return err
	}
	limit := limiter(m.GetRate(), 1)
	next, stop := iter.Pull2(jobs.Assets(ctx, r.deps.Store, m.GetSelection(), c.After))
	defer stop()
	var window []*outstanding
	tick := time.NewTicker(endsEvery)
	defer tick.Stop()
	for more := true; ; {
		for more && len(window) < aheadAssets {
			a, err, ok := next()
			if !ok {
				more = false
				break
			}
			if err != nil {
				return err
			}
			o, err := r.request(ctx, j.GetId(), m, a, chosen, limit.Wait)
			if err != nil {
				return err
			}
			window = append(window, o)
		}
		for _, o := range window {
			if err := r.look(ctx, o, &c); err != nil {
				return err
			}
		}
		moved := false
		for len(window) > 0 && len(window[0].runs) == 0 {
			c.After, window, moved = window[0].asset, window[1:], true
		}
		w.Progress(c.Done, max(j.GetTotal(), c.Done), writeCursor(c))
		if len(window) == 0 && !more {
			break
		}
		if moved && more {
			continue
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if c.Failed > 0 {
		w.Note("%d runs failed; `cinedex status` says why, and a replay with `failed` tries them again", c.Failed)
	}
	w.Progress(j.GetTotal(), j.GetTotal(), writeCursor(c))
	return nil
}

// request records and publishes the missing runs of an asset.
func (r *replay) request(ctx context.Context, job string, m *pb.Replay, a *pb.Asset, chosen chosen, wait func(context.Context) error) (*outstanding, error) {
	want, _, _, err := r.wanted(ctx, m, a, chosen)
	o := &outstanding{asset: a.GetId(), runs: want}
	if err != nil || len(want) == 0 {
		return o, err
	}
	if err := wait(ctx); err != nil {
		return nil, err
	}
	req := &pb.RunsRequested{Asset: a.GetId(), Reason: schema.ReasonBackfill, Job: job}
	for _, w := range want {
		req.Runs = append(req.Runs, proto.CloneOf(w.run))
	}
	known, err := r.deps.Store.CreateRuns(ctx, a.GetId(), req.GetRuns())
	if err != nil {
		return nil, fmt.Errorf("recording the request of %d runs over %s: %w", len(want), a.GetId(), err)
	}
	for i, k := range known {
		if runs.Requested(k) { // the first request decides
			want[i].run.Hold, req.Runs[i].Hold = k.GetHold(), k.GetHold()
		}
	}
	if err := r.deps.Events.Publish(ctx, events.RunsBackfill, events.Event{Subject: a.GetId(), Data: req}); err != nil {
		return nil, fmt.Errorf("requesting runs over %s: %w", a.GetId(), err)
	}
	return o, nil
}

// look takes runs out of o that have ended since the request: failed runs, and whole runs.
func (r *replay) look(ctx context.Context, o *outstanding, c *libraryCursor) error {
	var left []missingRun
	for _, w := range o.runs {
		run, err := runs.Lookup(ctx, r.deps.Store, o.asset, w.run.GetId())
		if err != nil {
			return err
		}
		whole, err := runs.Whole(ctx, r.deps.Store, run)
		switch {
		case err != nil:
			return err
		case whole:
			c.Done++
			continue
		case runs.Failed(run) && run.GetEpoch() > w.epoch:
			c.Done, c.Failed = c.Done+1, c.Failed+1
			continue
		}
		left = append(left, w)
	}
	o.runs = left
	return nil
}
