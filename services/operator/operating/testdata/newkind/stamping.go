// Package stamping is a kind of jobs in a folder of its own: each asset of the selection is counted.
package stamping

import (
	"context"

	"github.com/cinedex/cinedex/pkg/authz"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/services/operator/jobs"
)

// Kind counts the assets of a selection.
func Kind(s store.Assets) jobs.Kind {
	return jobs.Kind{
		Name: "stamp", Summary: "stamp every asset", Role: authz.Operator, Selects: true,
		Options: []jobs.Option{{Name: "ink", Type: jobs.Text, Default: "blue", Help: "the colour"}},
		Plan: func(context.Context, *pb.Job) (*jobs.Plan, error) {
			return &jobs.Plan{Total: 1, Unit: "assets"}, nil
		},
		Do: func(ctx context.Context, w *jobs.Work) error {
			var done int64
			for _, err := range jobs.Assets(ctx, s, jobs.Selection(w.Job()), "") {
				if err != nil {
					return err
				}
				done++
				w.Progress(done, done, nil)
			}
			return nil
		},
	}
}
