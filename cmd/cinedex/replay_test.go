package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// dumped is everything that readers can see or could switch to.
func (w *world) dumped() string {
	w.t.Helper()
	var store, search bytes.Buffer
	if err := w.Store.Dump(w.ctx, &store); err != nil {
		w.t.Fatal(err)
	}
	if err := w.Engine.Dump(w.ctx, &search); err != nil {
		w.t.Fatal(err)
	}
	return store.String() + "\n" + search.String()
}

// An operator fills in a candidate over a library of films, and folds the items again from the store and from the log.
func TestReplay(t *testing.T) {
	if testing.Short() {
		t.Skip("makes and watches a film")
	}
	dir := t.TempDir()
	m, _ := film(t, shortFilm(1), dir)
	w := newWorld(t, t.TempDir(), dir)
	w.ingest(m)
	asset := w.asset(m.GetTitle().GetId())

	var plan planJSON
	w.told(&plan, "replay", "--algorithm", "labels@2", "--dry-run")
	if plan.Kind != "replay" || plan.Total != 1 || plan.Unit != "runs" || !strings.Contains(strings.Join(plan.Lines, "\n"), "labels@2: 1 runs") || plan.EstimatedSeconds <= 0 {
		t.Errorf("plan: %+v", plan)
	}
	var job jobJSON
	w.told(&job, "replay", "--algorithm", "labels@2", "--yes")
	if job.State != "finished" || job.Done != 1 || job.Total != 1 {
		t.Fatalf("backfill: %+v", job)
	}
	runs, err := w.Store.RunsOf(w.ctx, asset.GetId())
	if err != nil {
		t.Fatal(err)
	}
	var second *pb.Run
	for _, r := range runs {
		if r.GetAlgorithm() == "labels" && r.GetVersion() == "2" {
			second = r
		}
	}
	if second.GetState() != pb.RunState_RUN_STATE_FINISHED || !second.GetHold() || second.GetActivated() || second.GetTookMs() == 0 {
		t.Errorf("the candidate's run: %v", second)
	}
	active, err := w.Store.Active(w.ctx, asset.GetId())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range active {
		if a.GetAlgorithm() == "labels" && a.GetVersion() != "1" {
			t.Errorf("readers see %v", a)
		}
	}
	// Finished runs are not made again.
	w.told(&plan, "replay", "--algorithm", "labels@2", "--dry-run")
	if plan.Total != 0 {
		t.Errorf("planned again: %+v", plan)
	}

	before := w.dumped()
	for _, source := range []string{"store", "log"} {
		w.told(&job, "replay", "--source", source, "--yes")
		if job.State != "finished" || job.Done == 0 || job.Done != job.Total {
			t.Errorf("replay from the %s: %+v", source, job)
		}
		if w.dumped() != before {
			t.Errorf("a replay from the %s changed what is there", source)
		}
	}
	lags, err := w.Events.Behind(w.ctx, events.HopIndexerBackfill)
	if err != nil {
		t.Fatal(err)
	}
	var handled int64
	for _, l := range lags {
		handled += l.Handled
		if l.Messages != 0 || !l.Oldest.IsZero() {
			t.Errorf("not folded: %+v", l)
		}
	}
	if handled == 0 {
		t.Error("nothing went through the backfill's lanes")
	}

	var told struct{ Lags []jsonLag }
	w.told(&told, "lag")
	if len(told.Lags) == 0 || told.Lags[0].Hop != "ingestor" {
		t.Errorf("lag: %+v", told)
	}
	var jobs struct{ Jobs []jobEntry }
	w.told(&jobs, "jobs", "list", "--all")
	if len(jobs.Jobs) != 3 {
		t.Errorf("jobs: %+v", jobs)
	}
	for name, line := range map[string][]string{
		"no such algorithm": {"replay", "--algorithm", "labels@9", "--yes"},
		"no such title":     {"replay", "--title", "nothing", "--yes"},
		"no such source":    {"replay", "--source", "tape", "--yes"},
		"time of no log":    {"replay", "--source", "store", "--from", "1h", "--yes"},
	} {
		if out, err := w.does(line...); exitCode(err) != 2 && exitCode(err) != 3 {
			t.Errorf("%s: %v %s", name, err, out)
		}
	}
	if schema.CompareVersions("2", "1") <= 0 {
		t.Error("the candidate is not the later version")
	}
}
