// Command search-api answers editors and applications: gRPC, JSON, GraphQL and the page.
package main

import (
	"context"
	"runtime"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/platform"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/searchapi"
)

type config struct {
	platform.ServiceConfig `mapstructure:",squash"`
	// TokenFile holds who may see which titles; without it nothing is answered.
	TokenFile string         `mapstructure:"token_file"`
	Gateway   gateway.Config `mapstructure:"gateway"`
}

// Validate reports the first field of its own that cannot be used.
func (c config) Validate() error { return c.Serves() }

func defaults() config {
	return config{platform.ServiceConfig{Config: platform.Default(".cinedex"), Address: ":8080"}, "tokens.yaml", gateway.Default()}
}

func main() {
	cfg := defaults()
	platform.Main("search-api", &cfg, &cfg.ServiceConfig, func(ctx context.Context, p *platform.Platform) (platform.Part, error) {
		authoriser, err := p.OpenTokens(cfg.TokenFile)
		if err != nil {
			return platform.Part{}, err
		}
		record, err := p.OpenAudit(cfg.Audit)
		if err != nil {
			return platform.Part{}, err
		}
		models := builtin.Open(p.Cache, runtime.GOMAXPROCS(0))
		p.OnClose(models)
		registry, err := models.Algorithms()
		if err != nil {
			return platform.Part{}, err
		}
		if err := p.OpenStore(ctx, cfg.Store); err != nil {
			return platform.Part{}, err
		}
		if err := p.OpenEngine(ctx, cfg.Search, registry.Spaces()); err != nil {
			return platform.Part{}, err
		}
		if err := p.OpenMedia(ctx, cfg.Media, cfg.Blobs); err != nil {
			return platform.Part{}, err
		}
		s, err := searchapi.New(cfg.Gateway, searchapi.Deps{Store: p.Store, Engine: p.Engine, Encoders: models.Encoders(), Spaces: registry.SpacesOf, Authoriser: authoriser, Audit: record,
			Planned: registry.Runs, Blobs: p.Blobs, Reader: p.Reader, Log: p.Log, Registerer: p.Registry})
		if err != nil {
			return platform.Part{}, err
		}
		return platform.Part{Ready: s.Gateway.Ready, Handler: s.Handler}, nil
	})
}
