// Package searchapi puts the search API together: the gateway, and the doors to the gateway (gRPC, JSON, GraphQL and
// the page), behind a single handler.
package searchapi

import (
	"context"
	"fmt"
	"image"
	"iter"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/authz/oidc"
	"github.com/cinedex/cinedex/pkg/blob"
	"github.com/cinedex/cinedex/pkg/budget"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/fair"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/profile"
	"github.com/cinedex/cinedex/pkg/recommend"
	"github.com/cinedex/cinedex/pkg/rpc"
	"github.com/cinedex/cinedex/pkg/runs"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/words"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/translate/cldr"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/graphqlapi"
	"github.com/cinedex/cinedex/services/search-api/rpcapi"
	"github.com/cinedex/cinedex/services/search-api/webapp"
)

// Deps are the dependencies from main.
type Deps struct {
	Store  store.Store
	Engine search.Searcher
	// Catalog lists the leaves and their sources.
	Catalog    *catalog.Catalog
	Encoders   encode.Encoders
	Authoriser authz.Authoriser
	// Audit gets a line of each call; nil keeps none.
	Audit *audit.Log
	Blobs *blob.Blobs
	// Request publishes the request of a run behind live work; nil refuses requests of proxies.
	Request    func(ctx context.Context, run *pb.Run) error
	Reader     *media.Reader
	Log        *slog.Logger
	Registerer prometheus.Registerer
	// Running tells how far the executions of this process are; nil tells nothing.
	Running *runs.Board
	// SignIn leads people to the identity provider; nil where people type tokens.
	SignIn *oidc.SignIn
}

// Service is the search API.
type Service struct {
	Gateway *gateway.Gateway
	RPC     *rpcapi.Server
	// Profiles are of the folder in the configuration. Who runs the service follows the folder.
	Profiles *profile.Profiles
	Handler  http.Handler
}

// maxBlob bounds a blob read into memory: a frame table of a day of film is far below.
const maxBlob = 256 << 20

// New makes the search API. New reads the folder of profiles, and opens nothing.
func New(cfg gateway.Config, deps Deps) (*Service, error) {
	profiles, err := profile.Load(cfg.Profiles, deps.Log)
	if err != nil {
		return nil, fmt.Errorf("profiles: %w", err)
	}
	var secret recommend.Secret
	if cfg.Recommend.Log && cfg.Recommend.KeyFile != "" {
		if secret, err = recommend.ReadSecret(cfg.Recommend.KeyFile); err != nil {
			return nil, err
		}
	}
	metrics := fair.NewMetrics(deps.Registerer)
	limits := rpc.NewLimits(cfg.Limits, metrics)
	translators, err := cfg.Translate.Chain()
	if err != nil {
		return nil, fmt.Errorf("translate: %w", err)
	}
	languages, err := words.NewLanguages()
	if err != nil {
		return nil, fmt.Errorf("preparing languages: %w", err)
	}
	g, err := gateway.New(cfg, gateway.Deps{
		Names: cldr.New(), Translators: translators, Languages: languages.Detect,
		Store: deps.Store, Engine: deps.Engine, Catalog: deps.Catalog, Encoders: deps.Encoders, Profiles: profiles, Secret: secret,
		ImageMemory: func(b []byte) (int64, error) { return media.ImageMemory(b, media.DefaultImageLimits()) },
		Image:       func(b []byte) (image.Image, error) { return media.DecodeImage(b, media.DefaultImageLimits()) },
		Frame:       frames{deps.Blobs, deps.Reader, deps.Log}.at,
		Blob:        func(ctx context.Context, ref *pb.MediaRef) ([]byte, error) { return deps.Blobs.Read(ctx, ref, maxBlob) },
		Blobs:       keysOf(deps.Blobs), Request: deps.Request,
		Charge: limits.Charge, Log: deps.Log, Registerer: deps.Registerer, Metrics: metrics,
	})
	if err != nil {
		return nil, err
	}
	api, err := rpcapi.New(rpcapi.Deps{Gateway: g, Authoriser: deps.Authoriser, Limits: limits, Runs: deps.Store, Leases: deps.Store, Running: deps.Running, Catalog: deps.Catalog, Look: deps.Blobs.Fault, Films: newFilms(frames{deps.Blobs, deps.Reader, deps.Log}), Log: deps.Log})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	api.Register(mux)
	if err := graphqlapi.Register(mux, graphqlapi.Deps{RPC: api, Authoriser: deps.Authoriser, Limits: limits, Log: deps.Log}); err != nil {
		return nil, err
	}
	if err := webapp.Register(mux, webapp.Deps{Gateway: g, Authoriser: deps.Authoriser, Limits: limits, Blobs: deps.Blobs, Log: deps.Log, SignIn: deps.SignIn}); err != nil {
		return nil, err
	}
	recorded := rpc.Recorded(deps.Audit, mux)
	bounded := boundBodies(recorded, budget.New(bodiesMemory))
	doors := http.NewServeMux()
	for _, path := range []string{"/" + cinedexv1connect.SearchServiceName + "/", "/" + cinedexv1connect.RecommendServiceName + "/", "/" + cinedexv1connect.ExportServiceName + "/", "/graphql"} {
		doors.Handle(path, bounded)
	}
	doors.Handle("/", recorded) // reads no large body
	return &Service{Gateway: g, RPC: api, Profiles: profiles, Handler: doors}, nil
}

// keysOf yields keys of own blobs.
func keysOf(blobs *blob.Blobs) func(context.Context, string) iter.Seq2[string, error] {
	if blobs == nil {
		return nil
	}
	return func(ctx context.Context, prefix string) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			for b, err := range blobs.List(ctx, prefix, true) {
				if !yield(b.Key, err) {
					return
				}
			}
		}
	}
}

// frames fetches single frames for "shots like this one".
type frames struct {
	blobs  *blob.Blobs
	reader *media.Reader
	log    *slog.Logger
}

// unreadable tells callers that media cannot be read, and tells the log the reason: the error names files.
func unreadable(log *slog.Logger, doing, asset string, err error) error {
	if err == nil || errkind.Is(err, errkind.Cancelled) {
		return err
	}
	log.Error(doing, "asset", asset, "error", err)
	return errkind.New(errkind.Of(err), "%s: the media cannot be read now; the service's log says why", doing)
}

func (f frames) at(ctx context.Context, a *pb.Asset, clock schema.Clock, n int64) (image.Image, error) {
	file, err := f.blobs.OpenAsset(ctx, a)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	p, err := f.reader.FrameAt(ctx, media.Source{Path: file.Path(), Video: a.GetVideo(), Clock: clock}, n, media.FrameSpec{Width: 640, Height: 360, Fit: media.Keep})
	if err != nil {
		return nil, unreadable(f.log, fmt.Sprintf("reading frame %d of %s", n, a.GetId()), a.GetId(), err)
	}
	if err := file.Unchanged(); err != nil {
		return nil, err
	}
	return p.Image(), nil
}
