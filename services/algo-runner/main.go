// Command algo-runner plans which algorithms look at which assets, and executes them.
package main

import (
	"context"
	"runtime"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/platform"
	"github.com/cinedex/cinedex/services/algo-runner/runner"
)

type config struct {
	platform.ServiceConfig `mapstructure:",squash"`
	Runner                 runner.Config `mapstructure:"runner"`
}

func defaults() config {
	return config{platform.ServiceConfig{Config: platform.Default(".cinedex")}, runner.Default()}
}

func main() {
	cfg := defaults()
	platform.Main("algo-runner", &cfg, &cfg.ServiceConfig, func(ctx context.Context, p *platform.Platform) (platform.Part, error) {
		if err := p.OpenStore(ctx, cfg.Store); err != nil {
			return platform.Part{}, err
		}
		if err := p.OpenMedia(ctx, cfg.Media, cfg.Blobs); err != nil {
			return platform.Part{}, err
		}
		models := builtin.Open(p.Cache, runtime.GOMAXPROCS(0))
		p.OnClose(models)
		registry, err := models.Algorithms()
		if err != nil {
			return platform.Part{}, err
		}
		s, err := runner.New(cfg.Runner, runner.Deps{Events: p.Events, Store: p.Store, Registry: registry, Reader: p.Reader, Blobs: p.Blobs,
			Model: p.ModelFile, Log: p.Log, Registerer: p.Registry})
		return platform.Part{Serve: s.Serve, Ready: s.Ready}, err
	})
}
