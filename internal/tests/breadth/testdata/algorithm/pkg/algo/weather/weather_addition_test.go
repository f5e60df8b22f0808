package weather_test

import (
	"testing"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/services/search-api/apitest"
)

// TestAddition finds what the algorithm wrote by its own leaf, by the alias of the leaf, and in the gateway that all applications ask.
func TestAddition(t *testing.T) {
	l := apitest.New(t)
	asset := l.Add(apitest.Film{Title: "harbour", Shots: []apitest.Shot{{Seconds: 8, Colour: apitest.Red}}})
	run := &pb.Run{Asset: asset.GetId(), Algorithm: "weather", Version: "1", State: pb.RunState_RUN_STATE_FINISHED, Epoch: store.FirstEpoch, Annotations: 1}
	run.Id = schema.RunID(run)
	said := []*pb.Annotation{{Run: run.GetId(), Asset: asset.GetId(), Kind: "weather", Label: "rain", Start: int64(2 * schema.Second), End: int64(3 * schema.Second), Confidence: 1}}
	ctx := t.Context()
	if err := l.Store.WriteBatches(ctx, []store.Batch{{Asset: asset.GetId(), Run: run.GetId(), Epoch: store.FirstEpoch, Annotations: said}}); err != nil {
		t.Fatal(err)
	}
	if err := l.Engine.Write(ctx, search.Batch{Annotations: said}); err != nil {
		t.Fatal(err)
	}
	if err := l.Store.FinishRun(ctx, run); err != nil {
		t.Fatal(err)
	}
	l.Switch(run, "")
	s := l.Serve(nil)
	for _, q := range []string{"weather:rain", "sky:rain"} {
		r, err := s.Service.Gateway.Search(ctx, authz.NewCaller("editor", []string{"*"}), &pb.SearchRequest{Q: q})
		if err != nil || len(r.GetHits()) != 1 || r.GetHits()[0].GetStartMs() != 2000 || r.GetHits()[0].GetEvidence()[0].GetKind() != "weather" {
			t.Errorf("%s: %v, %v", q, r, err)
		}
	}
}
