package operating

import (
	"context"
	"fmt"

	"github.com/cinedex/cinedex/pkg/authz"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/operator/jobs"
)

// countKind counts the assets of a title.
func countKind(deps Deps) jobs.Kind {
	count := func(ctx context.Context, title string) (total, of int64, err error) {
		for a, err := range deps.Store.AllAssets(ctx) {
			if err != nil {
				return 0, 0, fmt.Errorf("reading the library: %w", err)
			}
			if total++; a.GetTitle().GetId() == title {
				of++
			}
		}
		return total, of, nil
	}
	return jobs.Kind{
		Name: "count", Summary: "count the assets of a title", Role: authz.Operator,
		Options: []jobs.Option{{Name: "title", Type: jobs.Text, Help: "the id of the title"}},
		Plan: func(ctx context.Context, j *pb.Job) (*jobs.Plan, error) {
			total, _, err := count(ctx, "")
			return &jobs.Plan{Total: total, Unit: "assets"}, err
		},
		Do: func(ctx context.Context, w *jobs.Work) error {
			title := w.Job().GetTask().GetOptions()["title"].GetText()
			total, of, err := count(ctx, title)
			if err != nil {
				return err
			}
			w.Note("%s has %d of %d assets", title, of, total)
			w.Progress(total, total, nil)
			return nil
		},
	}
}
