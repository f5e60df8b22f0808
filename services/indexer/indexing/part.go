package indexing

import (
	"context"

	"github.com/cinedex/cinedex/pkg/platform"
)

// Part is the indexer for main and for `cinedex up`.
type Part struct{ Config Config }

// Spec implements platform.Part.
func (p *Part) Spec() platform.Spec {
	return platform.Spec{Name: "indexer", Key: "indexing", Config: &p.Config,
		Needs: platform.Needs{Store: true, Engine: true, Models: true}}
}

// Open implements platform.Part.
func (p *Part) Open(_ context.Context, on *platform.Platform) (platform.Service, error) {
	s, err := New(p.Config, Deps{Events: on.Events, Store: on.Store, Engine: on.Engine, Space: on.Spaces.Await, Log: on.Log, Registerer: on.Registry})
	if err != nil {
		return platform.Service{}, err
	}
	return platform.Service{Serve: s.Serve, Ready: s.Ready}, nil
}
