// Command ingestor takes the news that media arrived, over HTTP and from Kafka, and makes assets of it.
package main

import (
	"context"
	"net/http"

	"github.com/cinedex/cinedex/pkg/platform"
	"github.com/cinedex/cinedex/services/ingestor/ingest"
)

type config struct {
	platform.ServiceConfig `mapstructure:",squash"`
	Ingest                 ingest.Config `mapstructure:"ingest"`
}

func (c config) Validate() error { return c.ServiceConfig.Validate() }

func main() {
	cfg := config{platform.ServiceConfig{Config: platform.Default(".cinedex"), Address: ":8080"}, ingest.Default()}
	platform.Main("ingestor", &cfg, &cfg.ServiceConfig, func(ctx context.Context, p *platform.Platform) (platform.Part, error) {
		if err := p.OpenMedia(ctx, cfg.Media, cfg.Blobs); err != nil {
			return platform.Part{}, err
		}
		s, err := ingest.New(cfg.Ingest, ingest.Deps{Events: p.Events, Reader: p.Reader, Blobs: p.Blobs, Log: p.Log, Registerer: p.Registry})
		if err != nil {
			return platform.Part{}, err
		}
		mux := http.NewServeMux()
		s.Register(mux)
		return platform.Part{Serve: s.Serve, Ready: s.Ready, Handler: mux}, nil
	})
}
