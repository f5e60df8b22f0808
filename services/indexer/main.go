// Command indexer folds what runs wrote into the store and the search engines, activates finished runs, and does operators' work.
package main

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/platform"
	"github.com/cinedex/cinedex/services/indexer/indexing"
	"github.com/cinedex/cinedex/services/operator/operating"
	"github.com/cinedex/cinedex/services/operator/operatorapi"
)

type config struct {
	platform.ServiceConfig `mapstructure:",squash"`
	// TokenFile holds who may do operators' work; without it nobody is answered.
	TokenFile string           `mapstructure:"token_file"`
	Indexing  indexing.Config  `mapstructure:"indexing"`
	Operating operating.Config `mapstructure:"operating"`
}

// Validate reports the first field of its own that cannot be used.
func (c config) Validate() error { return c.Serves() }

func defaults() config {
	return config{platform.ServiceConfig{Config: platform.Default(".cinedex"), Address: ":8080"}, "tokens.yaml", indexing.Default(), operating.Default()}
}

func main() {
	cfg := defaults()
	platform.Main("indexer", &cfg, &cfg.ServiceConfig, func(ctx context.Context, p *platform.Platform) (platform.Part, error) {
		authoriser, err := p.OpenTokens(cfg.TokenFile)
		if err != nil {
			return platform.Part{}, err
		}
		record, err := p.OpenAudit(cfg.Audit)
		if err != nil {
			return platform.Part{}, err
		}
		registry, err := builtin.Open(p.Cache, 1).Algorithms()
		if err != nil {
			return platform.Part{}, err
		}
		if err := p.OpenStore(ctx, cfg.Store); err != nil {
			return platform.Part{}, err
		}
		if err := p.OpenEngine(ctx, cfg.Search, registry.Spaces()); err != nil {
			return platform.Part{}, err
		}
		if err := p.OpenBlobs(ctx, cfg.Blobs); err != nil {
			return platform.Part{}, err
		}
		s, err := indexing.New(cfg.Indexing, indexing.Deps{Events: p.Events, Store: p.Store, Engine: p.Engine, Log: p.Log, Registerer: p.Registry})
		if err != nil {
			return platform.Part{}, err
		}
		jobs, err := operating.New(cfg.Operating, operating.Deps{Events: p.Events, Store: p.Store, Engine: p.Engine, Registry: registry, Blobs: p.Blobs, Log: p.Log, Registerer: p.Registry})
		if err != nil {
			return platform.Part{}, err
		}
		api, err := operatorapi.New(operatorapi.Deps{Operating: jobs, Events: p.Events, Authoriser: authoriser, Audit: record, Log: p.Log})
		if err != nil {
			return platform.Part{}, err
		}
		serve := func(ctx context.Context) error {
			g, ctx := errgroup.WithContext(ctx)
			g.Go(func() error { return s.Serve(ctx) })
			g.Go(func() error { return jobs.Serve(ctx) })
			return g.Wait()
		}
		return platform.Part{Serve: serve, Ready: s.Ready, Handler: api.Handler()}, nil
	})
}
