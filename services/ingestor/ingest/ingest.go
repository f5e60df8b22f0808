// Package ingest turns the event "media arrived" into an asset that algorithms can watch. The ingestor and `cinedex up`
// serve the package. An accepted event is never lost: the event ends as media.ready, or as a dead letter with the
// reason.
//
// accept.go takes the event over HTTP and answers after the log has the event. arrive.go takes the event from the log,
// from any writer, and probes and hashes the media. library.go decides the asset's facts in the library and publishes
// the asset.
//
// Guarantees:
//
//   - A repeated event, and the same file under a second event, are a single asset, because the identity of an asset is
//     the hash of its content.
//   - Over HTTP an event needs a token with the role ingest, for titles of the token. Over Kafka the broker's access
//     control list decides who may write media.arrived.
//   - A known asset changes its title only by an event of a sender with the role retitle and with both titles. Such an
//     event came over HTTP, because only the ingestor writes media.accepted. An event older than the event that decided
//     the title changes nothing.
//   - Facts that an event leaves out stay unchanged.
//   - Media stay in their place. Files that the ingestor makes (text tracks as WebVTT, frame tables) go to Cinedex's
//     own bucket, under names that are hashes.
package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/blob"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/fair"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/rpc"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/ingestor/upload"
)

// Config is the operator's configuration.
type Config struct {
	// MaxEventBytes is the largest body of a request over HTTP.
	MaxEventBytes int64 `mapstructure:"max_event_bytes"`
	// Workers is how many films are probed at once.
	Workers int `mapstructure:"workers"`
	// Limits are what each sender may send over HTTP; an event costs 1.
	Limits fair.Limits `mapstructure:"limits"`
	// Uploads takes films from browsers and programs.
	Uploads upload.Config `mapstructure:"uploads"`
}

// Default takes bodies up to 1 MiB, probes two films at once, and takes from each sender more events than an import of a whole library sends.
func Default() Config {
	return Config{MaxEventBytes: 1 << 20, Workers: 2, Limits: fair.Limits{Concurrent: 256, PerSecond: 1000, Burst: 20_000}, Uploads: upload.Default()}
}

// Validate returns an error for the first field with an unusable value.
func (c Config) Validate() error {
	switch {
	case c.MaxEventBytes < 1<<10 || c.MaxEventBytes > events.MaxBytes:
		return errkind.New(errkind.Invalid, "max_event_bytes: %d is not from 1024 to %d, which the log takes", c.MaxEventBytes, events.MaxBytes)
	case c.Workers < 1 || c.Workers > 1000:
		return errkind.New(errkind.Invalid, "workers: %d is not from 1 to 1000", c.Workers)
	}
	if err := c.Limits.Validate(); err != nil {
		return fmt.Errorf("limits.%w", err)
	}
	if err := c.Uploads.Validate(); err != nil {
		return fmt.Errorf("uploads.%w", err)
	}
	return nil
}

// Log is the part of the log that ingest uses.
type Log interface {
	Publish(ctx context.Context, topic events.Topic, evs ...events.Event) error
	Subscribe(ctx context.Context, sub events.Subscription, handle events.Handler) error
	Ready(ctx context.Context) error
}

// Library is the part of the store that ingest uses.
type Library interface {
	Asset(ctx context.Context, id string) (*pb.Asset, error)
	PutAsset(ctx context.Context, a *pb.Asset) error
}

// Deps are built by main.
type Deps struct {
	Events Log
	// LogReady says why the log takes no event now, for example because its disk is full. Nil if only an attempt can
	// tell.
	LogReady func() error
	Library  Library
	// Authoriser recognises the senders of events over HTTP. New refuses to make an ingestor without an Authoriser.
	Authoriser authz.Authoriser
	// Audit records changes of title; nil records none.
	Audit      *audit.Log
	Reader     *media.Reader
	Blobs      *blob.Blobs
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Service is the ingestor.
type Service struct {
	cfg    Config
	deps   Deps
	limits *rpc.Limits
	// uploads takes films.
	uploads *upload.Service

	accepted *prometheus.CounterVec
	arrived  *prometheus.CounterVec
	seconds  prometheus.Histogram
}

// New makes an ingestor. New opens nothing.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configuring ingest: %w", err)
	}
	if deps.Authoriser == nil {
		return nil, errkind.New(errkind.Invalid, "the ingestor takes no event without a token: set token_file to the file of tokens")
	}
	f := promauto.With(deps.Registerer)
	s := &Service{cfg: cfg, deps: deps, limits: rpc.NewLimits(cfg.Limits, fair.NewMetrics(deps.Registerer)),
		accepted: f.NewCounterVec(prometheus.CounterOpts{Name: "cinedex_ingest_requests_total", Help: "Requests with events, by status."}, []string{"status"}),
		arrived:  f.NewCounterVec(prometheus.CounterOpts{Name: "cinedex_media_arrived_total", Help: "Media handled, by outcome."}, []string{"result"}),
		seconds:  f.NewHistogram(prometheus.HistogramOpts{Name: "cinedex_media_arrive_seconds", Help: "From reading an event to the asset being in the log.", Buckets: prometheus.ExponentialBuckets(0.05, 2, 14)}),
	}
	var err error
	if s.uploads, err = upload.New(cfg.Uploads, upload.Deps{Accept: s.acceptUpload, Authoriser: deps.Authoriser, Audit: deps.Audit, Limits: s.limits, Log: deps.Log, Registerer: deps.Registerer}); err != nil {
		return nil, err
	}
	return s, nil
}

// Ready reports whether events can be taken.
func (s *Service) Ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return s.deps.Events.Ready(ctx)
}

// Serve turns arrived media into assets until ctx ends.
func (s *Service) Serve(ctx context.Context) error {
	eg, ctx := errgroup.WithContext(ctx)
	eg.Go(func() error { return s.uploads.Serve(ctx) })
	eg.Go(func() error {
		return s.deps.Events.Subscribe(ctx, events.Subscription{
			Group: events.HopIngestor.Group, Topics: events.HopIngestor.Topics, MaxBatch: 1, Workers: s.cfg.Workers,
		}, s.handle)
	})
	return eg.Wait()
}
