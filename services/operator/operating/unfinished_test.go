package operating

import (
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// Items of runs that never ended are counted: no other check looks at them.
func TestVerifyTellsUnfinishedRuns(t *testing.T) {
	l, assets := shelf(t, 2)
	asset := assets[0].GetId()
	if told, err := verify(t, l, &pb.Verify{}); err != nil || !strings.Contains(told, "no run is left out") {
		t.Fatalf("all have finished: %q, %v", told, err)
	}
	made := func(version string, rows int) *pb.Run {
		t.Helper()
		r := &pb.Run{Asset: asset, Algorithm: "dialogue", Version: version, State: pb.RunState_RUN_STATE_REQUESTED, Hold: true}
		r.Id = schema.RunID(r)
		if _, err := l.Store.CreateRun(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		b := store.Batch{Asset: asset, Run: r.GetId(), Epoch: 1}
		for i := range rows {
			b.Annotations = append(b.Annotations, &pb.Annotation{Asset: asset, Run: r.GetId(), Ordinal: int64(i), Kind: schema.KindDialogue, Text: "half a run"})
		}
		if err := l.Store.WriteBatches(t.Context(), []store.Batch{b}); err != nil {
			t.Fatal(err)
		}
		return r
	}
	made("7", 3)
	made("8", 2)
	failed := made("9", 4)
	failed.State, failed.Epoch, failed.Error = pb.RunState_RUN_STATE_FAILED, 1, "no"
	if err := l.Store.FinishRun(t.Context(), failed); err != nil {
		t.Fatal(err)
	}
	told, err := verify(t, l, &pb.Verify{})
	if err != nil || !strings.Contains(told, "requested: 2 runs with 5 annotations and 0 embeddings; failed: 1 runs with 4 annotations") {
		t.Errorf("unfinished runs: %q, %v", told, err)
	}
	if told, err := verify(t, l, &pb.Verify{Selection: &pb.Selection{Assets: []string{assets[1].GetId()}}}); err != nil || !strings.Contains(told, "no run is left out") {
		t.Errorf("of another asset: %q, %v", told, err)
	}
}
