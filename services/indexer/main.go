// Command indexer folds what runs wrote into the store and the search engines, and activates finished runs.
package main

import (
	"context"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/platform"
	"github.com/cinedex/cinedex/services/indexer/indexing"
)

type config struct {
	platform.ServiceConfig `mapstructure:",squash"`
	Indexing               indexing.Config `mapstructure:"indexing"`
}

func (c config) Validate() error { return c.ServiceConfig.Validate() }

func main() {
	cfg := config{platform.ServiceConfig{Config: platform.Default(".cinedex")}, indexing.Default()}
	platform.Main("indexer", &cfg, &cfg.ServiceConfig, func(ctx context.Context, p *platform.Platform) (platform.Part, error) {
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
		s, err := indexing.New(cfg.Indexing, indexing.Deps{Events: p.Events, Store: p.Store, Engine: p.Engine, Log: p.Log, Registerer: p.Registry})
		if err != nil {
			return platform.Part{}, err
		}
		return platform.Part{Serve: s.Serve, Ready: s.Ready}, nil
	})
}
