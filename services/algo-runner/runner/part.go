package runner

import (
	"context"

	"github.com/cinedex/cinedex/pkg/platform"
)

// Part is the algo-runner for main and for `cinedex up`.
type Part struct{ Config Config }

// Spec implements platform.Part.
func (p *Part) Spec() platform.Spec {
	return platform.Spec{Name: "algo-runner", Key: "runner", Config: &p.Config,
		Needs: platform.Needs{Store: true, Models: true, Announces: true, Workers: true, Blobs: true, Films: true}}
}

// Open implements platform.Part.
func (p *Part) Open(_ context.Context, on *platform.Platform) (platform.Service, error) {
	s, err := New(p.Config, Deps{Events: on.Events, Store: on.Store, Registry: on.Algorithms, Catalogue: on.Follower, Reader: on.Reader, Blobs: on.Blobs,
		Model: on.ModelFile, Log: on.Log, Registerer: on.Registry, Workers: on.Workers,
		Progress: func(p Progress) { on.Running.Note(p.Run, p.Done, p.Total, p.Ended) }})
	if err != nil {
		return platform.Service{}, err
	}
	return platform.Service{Serve: s.Serve, Ready: s.Ready}, nil
}
