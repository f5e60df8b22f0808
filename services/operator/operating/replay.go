package operating

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"golang.org/x/time/rate"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/operator/jobs"
)

// replayKind does work again.
func replayKind(deps Deps) jobs.Kind {
	r := &replay{deps}
	return jobs.Kind{
		Name: "replay", Summary: "do work over the library again: runs of algorithms, or the folding of what runs wrote", Role: authz.Operator, Selects: true, Field: "replay",
		Options: []jobs.Option{
			{Name: "source", Type: jobs.Text, Default: sourceLibrary, Help: "library, store or log"},
			{Name: "rate", Type: jobs.Number, Help: "assets (library) or items (store, log) a second; 0 is as fast as the hops behind take it"},
			{Name: "activate", Type: jobs.Flag, Help: "switch to the runs as they finish"},
			{Name: "failed", Type: jobs.Flag, Help: "try runs again that failed"},
		},
		Plan: r.plan,
		Do:   r.do,
	}
}

// replay does work again, from one of three sources: the library (replay_library.go), the store (replay_store.go), the log (replay_log.go).
type replay struct{ deps Deps }

// The sources of a replay.
const (
	sourceLibrary = "library"
	sourceStore   = "store"
	sourceLog     = "log"
)

// plan tells a replay.
func (r *replay) plan(ctx context.Context, j *pb.Job) (*jobs.Plan, error) {
	m := j.GetReplay()
	switch {
	case !finiteRate(m.GetRate()):
		return nil, errkind.New(errkind.Invalid, "replay.rate: assets or items a second, 0 or more; 0 is as fast as it goes")
	case m.GetSource() != sourceLibrary && (m.GetActivate() || m.GetFailed()):
		return nil, errkind.New(errkind.Invalid, "replay.activate, replay.failed: only runs over the library can be activated or tried again")
	case m.GetSource() != sourceLog && (len(m.GetSelection().GetTopics()) > 0 || m.GetSelection().GetFromMs() > 0 || m.GetSelection().GetToMs() > 0):
		return nil, errkind.New(errkind.Invalid, "selection.topics, selection.from_ms, selection.to_ms: only a replay from the log goes by topic and time")
	}
	var p *jobs.Plan
	var err error
	switch m.GetSource() {
	case sourceLibrary:
		p, err = r.planLibrary(ctx, m)
	case sourceStore:
		p, err = r.planStore(ctx, m)
	case sourceLog:
		p, err = r.planLog(ctx, m)
	default:
		return nil, errkind.New(errkind.Invalid, "replay.source: %.20q is none of library, store, log", m.GetSource())
	}
	if err != nil {
		return nil, err
	}
	return p, r.estimate(ctx, m, p)
}

// estimate takes the time of a replay of items from earlier replays, and from the rate.
func (r *replay) estimate(ctx context.Context, m *pb.Replay, p *jobs.Plan) error {
	if m.GetSource() != sourceLibrary {
		var done, ms int64
		for j, err := range r.deps.Store.AllJobs(ctx) {
			if err != nil {
				return fmt.Errorf("reading earlier jobs: %w", err)
			}
			if o := j.GetReplay(); o != nil && o.GetSource() == m.GetSource() && o.GetRate() == 0 && j.GetState() == pb.JobState_JOB_STATE_FINISHED {
				done, ms = done+j.GetDone(), ms+j.GetWorkedMs()
			}
		}
		if done > 0 && ms > 0 {
			p.Seconds = float64(p.Total) * float64(ms) / 1000 / float64(done)
			p.From = fmt.Sprintf("%d %s of earlier replays from the %s", done, p.Unit, m.GetSource())
		}
		if m.GetRate() > 0 && float64(p.Total)/m.GetRate() > p.Seconds {
			p.Seconds, p.From = float64(p.Total)/m.GetRate(), "the rate"
		}
	}
	return nil
}

// do replays from the source of the job.
func (r *replay) do(ctx context.Context, w *jobs.Work) error {
	switch m := w.Job().GetReplay(); m.GetSource() {
	case sourceLibrary:
		return r.doLibrary(ctx, w, m)
	case sourceStore:
		return r.doStore(ctx, w, m)
	default:
		return r.doLog(ctx, w, m)
	}
}

// limiter lets through so many a second; 0 is no limit.
func limiter(perSecond float64, burst int) *rate.Limiter {
	if perSecond <= 0 {
		return rate.NewLimiter(rate.Inf, burst)
	}
	return rate.NewLimiter(rate.Limit(perSecond), burst)
}

func readCursor(b []byte, into any) error {
	if len(b) == 0 {
		return nil
	}
	if err := json.Unmarshal(b, into); err != nil {
		return errkind.New(errkind.Invalid, "reading the job's cursor: %w", err)
	}
	return nil
}

func writeCursor(v any) []byte {
	b, _ := json.Marshal(v) // structs of numbers and strings
	return b
}

const (
	// aheadEvents is how many events a replay publishes ahead of the folding: the lanes hold at most so many events of a replay.
	aheadEvents = 256
	aheadEvery  = 50 * time.Millisecond
)

// keepUp waits until at most so many events lie unfolded in the backfill's lanes.
func (r *replay) keepUp(ctx context.Context, most int64) error {
	tick := time.NewTicker(aheadEvery)
	defer tick.Stop()
	for {
		lags, err := r.deps.Events.Lag(ctx, events.HopIndexerBackfill.Group, events.HopIndexerBackfill.Topics...)
		if err != nil {
			return fmt.Errorf("looking how far the folding is: %w", err)
		}
		if events.Waiting(lags) <= most {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// finiteRate reports whether a rate can be kept; NaN and the infinities cannot.
func finiteRate(r float64) bool { return r >= 0 && !math.IsInf(r, 0) }
