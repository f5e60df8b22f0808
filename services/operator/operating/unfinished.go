package operating

import (
	"context"
	"fmt"
	"strings"

	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/services/operator/jobs"
)

// unfinishedStates are the states of runs that verify does not compare, in the order of the line.
var unfinishedStates = []struct {
	state pb.RunState
	name  string
}{
	{pb.RunState_RUN_STATE_REQUESTED, "requested"}, {pb.RunState_RUN_STATE_RUNNING, "running"},
	{pb.RunState_RUN_STATE_FAILED, "failed"}, {pb.RunState_RUN_STATE_CANCELLED, "cancelled"},
	{pb.RunState_RUN_STATE_FINISHED, "finished and not wholly indexed"},
}

// unfinished counts the runs that compare leaves out, by state, and the rows of these runs.
func (v *verifier) unfinished(ctx context.Context, sel *pb.Selection) (string, error) {
	wholeRuns, err := v.wholeRuns(ctx, sel)
	if err != nil {
		return "", err
	}
	type count struct{ runs, annotations, embeddings int64 }
	counts := map[pb.RunState]*count{}
	for asset, err := range jobs.Assets(ctx, v.store, sel, "") {
		if err != nil {
			return "", fmt.Errorf("reading the library: %w", err)
		}
		all, err := runs.Of(ctx, v.store, asset.GetId())
		if err != nil {
			return "", err
		}
		for _, r := range all {
			if wholeRuns[r.GetId()] != nil || !jobs.SelectsRun(sel, r.GetAlgorithm(), r.GetVersion()) {
				continue
			}
			c := counts[r.GetState()]
			if c == nil {
				c = &count{}
				counts[r.GetState()] = c
			}
			c.runs++
			for _, err := range v.store.AnnotationsOf(ctx, r.GetAsset(), r.GetId(), store.Span{}) {
				if err != nil {
					return "", fmt.Errorf("reading annotations of run %s: %w", r.GetId(), err)
				}
				c.annotations++
			}
			for _, err := range v.store.EmbeddingsOf(ctx, r.GetAsset(), r.GetId(), store.Span{}) {
				if err != nil {
					return "", fmt.Errorf("reading embeddings of run %s: %w", r.GetId(), err)
				}
				c.embeddings++
			}
		}
	}
	var parts []string
	for _, s := range unfinishedStates {
		if c := counts[s.state]; c != nil {
			parts = append(parts, fmt.Sprintf("%s: %d runs with %d annotations and %d embeddings", s.name, c.runs, c.annotations, c.embeddings))
		}
	}
	if len(parts) == 0 {
		return "no run is left out: all have finished and are wholly indexed", nil
	}
	return "left out, since nobody sees them yet: " + strings.Join(parts, "; "), nil
}
