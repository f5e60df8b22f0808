package indexing

import (
	"context"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
)

// watched is a search engine that checks the records of runs before the items are written.
type watched struct {
	search.Writer
	t      *testing.T
	store  store.Store
	states map[string]pb.RunState
}

func (w *watched) Write(ctx context.Context, b search.Batch) error {
	for _, a := range b.Annotations {
		r, err := w.store.Run(ctx, a.GetAsset(), a.GetRun())
		if err != nil {
			w.t.Errorf("items of run %s are written to the search engine before the run is known: %v", a.GetRun(), err)
		}
		w.states[a.GetRun()] = r.GetState()
	}
	return w.Writer.Write(ctx, b)
}

// A run without a record gets a record before the items of the run can be found. A record in the store stays unchanged.
func TestRunIsRecordedBeforeItsItems(t *testing.T) {
	cfg := pebblestore.Default()
	cfg.Dir, cfg.MinFreeBytes = t.TempDir(), 0
	s, err := pebblestore.Open(cfg, pebblestore.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	e, err := embedded.Open(t.TempDir(), embedded.Config{}, embedded.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	w := &watched{e, t, s, map[string]pb.RunState{}}
	indexer, err := New(Default(), Deps{Store: s, Engine: w, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	fold := func(run string, first int64) {
		t.Helper()
		m := &pb.AnnotationBatch{Asset: "a", Run: run, Epoch: 1, Algorithm: "dialogue", Version: "3", First: first, Annotations: []*pb.Annotation{
			{Asset: "a", Run: run, Ordinal: first, Kind: schema.KindDialogue, Text: "storm", Language: "en"},
		}}
		if err := indexer.fold(t.Context(), []events.Delivery{{Topic: events.Annotations, Event: events.Event{Subject: "a", Data: m}}}); err != nil {
			t.Fatal(err)
		}
	}
	requested := &pb.Run{Id: "requested", Asset: "a", Algorithm: "dialogue", Version: "3", Parameters: map[string]string{"speed": "2"}, State: pb.RunState_RUN_STATE_REQUESTED, Hold: true}
	if _, err := s.CreateRun(t.Context(), requested); err != nil {
		t.Fatal(err)
	}
	fold("unknown", 0)
	fold("unknown", 1)
	fold("requested", 0)
	r, err := s.Run(t.Context(), "a", "unknown")
	if err != nil || r.GetState() != pb.RunState_RUN_STATE_RUNNING || r.GetAlgorithm() != "dialogue" || r.GetVersion() != "3" {
		t.Errorf("the record is %v, %v", r, err)
	}
	if r, err := s.Run(t.Context(), "a", "requested"); err != nil || !r.GetHold() || r.GetParameters()["speed"] != "2" || r.GetState() != pb.RunState_RUN_STATE_REQUESTED {
		t.Errorf("the record of the request is %v, %v", r, err)
	}
	if len(w.states) != 2 {
		t.Errorf("looked at %v", w.states)
	}
	// The end takes the place of the record.
	end := &pb.Run{Id: "unknown", Asset: "a", Algorithm: "dialogue", Version: "3", State: pb.RunState_RUN_STATE_FINISHED, Epoch: 1, Annotations: 2}
	if err := indexer.finished(t.Context(), []events.Delivery{{Topic: events.RunsFinished, Event: events.Event{Subject: "a", Data: &pb.RunFinished{Run: end}}}}); err != nil {
		t.Fatal(err)
	}
	active, err := s.Active(t.Context(), "a")
	if err != nil || len(active) != 1 || active[0].GetRun() != "unknown" {
		t.Errorf("active are %v, %v", active, err)
	}
}
