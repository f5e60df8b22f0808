package operatorapi

import (
	"context"

	"github.com/cinedex/cinedex/pkg/platform"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
	"github.com/cinedex/cinedex/services/operator/operating"
)

// Part is the operator for main and for `cinedex up`: the jobs, and the API over the jobs.
type Part struct{ Config operating.Config }

// Spec implements platform.Part.
func (p *Part) Spec() platform.Spec {
	return platform.Spec{Name: "operator", Key: "operating", Config: &p.Config, API: true,
		Needs: platform.Needs{Store: true, Engine: true, Models: true, Blobs: true, Tokens: true, Audit: true}}
}

// Open implements platform.Part.
func (p *Part) Open(_ context.Context, on *platform.Platform) (platform.Service, error) {
	jobs, err := operating.New(p.Config, operating.Deps{Events: on.Events, Store: on.Store, Engine: on.Engine, Catalog: on.Catalog, Blobs: on.Blobs,
		Log: on.Log, Registerer: on.Registry})
	if err != nil {
		return platform.Service{}, err
	}
	api, err := New(Deps{Operating: jobs, Catalogue: on.Follower, Events: on.Events, Memory: on.Memory, Authoriser: on.Authoriser, Audit: on.Audit, Log: on.Log})
	if err != nil {
		return platform.Service{}, err
	}
	return platform.Service{Serve: jobs.Serve, Ready: jobs.Ready, Register: api.Register, Procedures: []string{cinedexv1connect.OperatorServiceName}}, nil
}
