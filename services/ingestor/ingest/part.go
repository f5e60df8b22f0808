package ingest

import (
	"context"
	"net/url"
	"path/filepath"

	"github.com/cinedex/cinedex/pkg/errkind"
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
	if folder := p.Config.Uploads.Folder; folder != "" {
		u := url.URL{Scheme: "file", Path: filepath.ToSlash(filepath.Join(folder, "film"))}
		if _, err := on.Blobs.Resolve(u.String()); errkind.Is(err, errkind.Denied) {
			return platform.Service{}, errkind.New(errkind.Invalid, "ingest.uploads.folder: %s is outside blobs.roots, so no uploaded film could be read: add the folder to blobs.roots of every service", folder)
		}
	}
	s, err := New(p.Config, Deps{Events: on.Events, LogReady: on.LogReady, Library: on.Store, Authoriser: on.Authoriser, Audit: on.Audit,
		Reader: on.Reader, Blobs: on.Blobs, Log: on.Log, Registerer: on.Registry})
	if err != nil {
		return platform.Service{}, err
	}
	return platform.Service{Serve: s.Serve, Ready: s.Ready, Register: s.Register}, nil
}
