package ingest

import (
	"context"

	"github.com/cinedex/cinedex/pkg/platform"
)

// Part is the ingestor, as its main and `cinedex up` run it.
type Part struct{ Config Config }

// Spec implements platform.Part.
func (p *Part) Spec() platform.Spec {
	return platform.Spec{Name: "ingestor", Key: "ingest", Config: &p.Config, API: true,
		Needs: platform.Needs{Store: true, Blobs: true, Films: true, Tokens: true, Audit: true}}
}

// Open implements platform.Part.
func (p *Part) Open(_ context.Context, on *platform.Platform) (platform.Service, error) {
	s, err := New(p.Config, Deps{Events: on.Events, LogReady: on.LogReady, Library: on.Store, Authoriser: on.Authoriser, Audit: on.Audit,
		Reader: on.Reader, Blobs: on.Blobs, Log: on.Log, Registerer: on.Registry})
	if err != nil {
		return platform.Service{}, err
	}
	return platform.Service{Serve: s.Serve, Ready: s.Ready, Register: s.Register}, nil
}
