package searchapi

import (
	"context"
	"net/http"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/lifecycle"
	"github.com/cinedex/cinedex/pkg/platform"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/rpcapi"
)

// profilesEvery is the time between two looks at the folder of profiles.
const profilesEvery = 5 * time.Second

// Part is the search API, as run by its main and by `cinedex up`.
type Part struct {
	Config gateway.Config
	// Service is the result of Open.
	*Service
}

// Spec implements platform.Part.
func (p *Part) Spec() platform.Spec {
	return platform.Spec{Name: "search-api", Key: "gateway", Config: &p.Config, API: true,
		Needs: platform.Needs{Store: true, Engine: true, Models: true, Workers: true, Blobs: true, Films: true, Tokens: true, Audit: true}}
}

// Open implements platform.Part.
func (p *Part) Open(_ context.Context, on *platform.Platform) (_ platform.Service, err error) {
	p.Service, err = New(p.Config, Deps{Store: on.Store, Engine: on.Engine, Catalog: on.Catalog, Encoders: on.Encoders, Authoriser: on.Authoriser, Audit: on.Audit,
		Blobs: on.Blobs, Reader: on.Reader, Log: on.Log, Registerer: on.Registry, Running: on.Running, SignIn: on.SignIn,
		Request: func(ctx context.Context, run *pb.Run) error {
			return on.Events.Publish(ctx, events.RunsBatch, events.Event{Subject: run.GetAsset(), Data: &pb.RunsRequested{Asset: run.GetAsset(), Runs: []*pb.Run{run}, Reason: schema.ReasonBatch}})
		}})
	if err != nil {
		return platform.Service{}, err
	}
	warm := make(chan struct{})
	on.RunBeside(lifecycle.Actor{Name: "library", Ready: func() error {
		select {
		case <-warm:
			return nil
		default:
			return errkind.New(errkind.Unavailable, "the library is being read")
		}
	}, Serve: func(ctx context.Context) error {
		if err := p.Gateway.Warm(ctx); err != nil && ctx.Err() == nil {
			on.Log.Warn("reading the library ahead of the first query", "error", err)
		}
		close(warm)
		<-ctx.Done()
		return nil
	}})
	on.RunBeside(lifecycle.Actor{Name: "profiles", Serve: func(ctx context.Context) error {
		p.Profiles.Follow(ctx, profilesEvery)
		<-ctx.Done()
		return nil
	}})
	on.RunBeside(lifecycle.Actor{Name: "picks", Serve: func(ctx context.Context) error {
		p.Gateway.FollowPicks(ctx)
		return nil
	}})
	register := func(mux *http.ServeMux) { mux.Handle("/", p.Handler) }
	return platform.Service{Ready: p.Gateway.Ready, Register: register, Procedures: rpcapi.Services}, nil
}
