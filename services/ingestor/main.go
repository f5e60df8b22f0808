// Command ingestor takes the news that media arrived, over HTTP and from Kafka, and makes assets of it.
package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/platform"
	"github.com/cinedex/cinedex/services/ingestor/ingest"
)

type config struct {
	platform.ServiceConfig `mapstructure:",squash"`
	// TokenFile holds who may send events; without it nobody is answered.
	TokenFile string        `mapstructure:"token_file"`
	Ingest    ingest.Config `mapstructure:"ingest"`
}

// Validate reports the first field of its own that cannot be used.
func (c config) Validate() error {
	if c.TokenFile == "" {
		return errkind.New(errkind.Invalid, "token_file: the ingestor takes no event without a token: name the file of tokens, which the search API has, too")
	}
	return c.Serves()
}

func defaults() config {
	return config{platform.ServiceConfig{Config: platform.Default(".cinedex"), Address: ":8080"}, "tokens.yaml", ingest.Default()}
}

func main() {
	cfg := defaults()
	platform.Main("ingestor", &cfg, &cfg.ServiceConfig, func(ctx context.Context, p *platform.Platform) (platform.Part, error) {
		authoriser, err := p.OpenTokens(cfg.TokenFile)
		if err != nil {
			return platform.Part{}, fmt.Errorf("token_file: no event is taken without a token: %w", err)
		}
		record, err := p.OpenAudit(cfg.Audit)
		if err != nil {
			return platform.Part{}, err
		}
		if err := p.OpenStore(ctx, cfg.Store); err != nil {
			return platform.Part{}, err
		}
		if err := p.OpenMedia(ctx, cfg.Media, cfg.Blobs); err != nil {
			return platform.Part{}, err
		}
		s, err := ingest.New(cfg.Ingest, ingest.Deps{Events: p.Events, Library: p.Store, Authoriser: authoriser, Audit: record, Reader: p.Reader, Blobs: p.Blobs, Log: p.Log, Registerer: p.Registry})
		if err != nil {
			return platform.Part{}, err
		}
		mux := http.NewServeMux()
		s.Register(mux)
		return platform.Part{Serve: s.Serve, Ready: s.Ready, Handler: mux}, nil
	})
}
