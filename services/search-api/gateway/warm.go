package gateway

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/search"
)

// Warm reads the library, and asks the search engine one question that finds nothing, so that the first caller waits for neither: a large
// library takes seconds. Queries MAY come meanwhile; they wait for what they need. An error leaves the reading to the first query.
func (g *Gateway) Warm(ctx context.Context) error {
	began := time.Now()
	eg, ctx := errgroup.WithContext(ctx)
	eg.Go(func() error {
		_, err := g.lib.snapshot(ctx)
		return err
	})
	eg.Go(func() error {
		_, err := g.deps.Engine.Languages(ctx, search.NewScope([]string{"none"}))
		return err
	})
	if err := eg.Wait(); err != nil {
		return err
	}
	g.deps.Log.Info("the library is read", "assets", g.lib.current.Load().assets.Len(), "took", time.Since(began))
	return nil
}
