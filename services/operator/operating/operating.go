package operating

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/blob"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/services/operator/jobs"
)

// Config is set by an operator.
type Config struct {
	jobs.Config `mapstructure:",squash"`
	// Batch bounds the batches of a caller.
	Batch BatchLimits `mapstructure:"batch"`
}

// Default does two jobs of each kind at once.
func Default() Config { return Config{jobs.Default(), DefaultBatchLimits()} }

// Validate names the first field that cannot be used.
func (c Config) Validate() error {
	if err := c.Config.Validate(); err != nil {
		return err
	}
	if err := c.Batch.Validate(); err != nil {
		return fmt.Errorf("batch.%w", err)
	}
	return nil
}

// Deps is built by main.
type Deps struct {
	Events *events.Client
	Store  store.Store
	Engine search.Engine
	// Catalog has the algorithms, candidates included.
	Catalog *catalog.Catalog
	// Blobs keeps the results of batches. Without Blobs, batches are refused.
	Blobs *blob.Blobs
	// Kinds are kinds of jobs beside the kinds in kinds.go.
	Kinds      []jobs.Kind
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Service does operators' work.
type Service struct {
	*jobs.Service
	deps Deps

	// filling is the lack for which a rebuild was submitted; for Serve alone.
	filling *search.Lack
}

// New makes a service; New opens nothing.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configuring operating: %w", err)
	}
	machine, err := jobs.New(cfg.Config, jobs.Deps{Store: deps.Store, Log: deps.Log, Registerer: deps.Registerer}, kinds(cfg, deps))
	if err != nil {
		return nil, err
	}
	return &Service{Service: machine, deps: deps}, nil
}

// Ready reports whether the store answers, and the search engine holds all of the library.
func (s *Service) Ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return errors.Join(s.deps.Store.Ready(ctx), search.Whole(s.deps.Engine))
}

// fillEvery is how soon a search engine that lost items is filled anew.
const fillEvery = time.Second

// Serve does jobs until ctx ends, and submits a rebuild when the search engine has lost items. A job that is underway at the end is left to another
// process.
func (s *Service) Serve(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Service.Serve(ctx) })
	g.Go(func() error {
		tick := time.NewTicker(fillEvery)
		defer tick.Stop()
		for {
			if err := s.fill(ctx); err != nil && ctx.Err() == nil {
				s.deps.Log.Warn("having the search engine filled anew", "error", err)
			}
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
	})
	return g.Wait()
}
