package gateway

import (
	"context"
	"slices"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// see returns the library as it is now to somebody who was recognised.
func (g *Gateway) see(ctx context.Context, caller *authz.Caller) (*snapshot, error) {
	if caller == nil {
		return nil, errNobody
	}
	return g.lib.snapshot(ctx)
}

var errNobody = errkind.New(errkind.Unauthenticated, "nobody is asking: every read needs a caller")

// Asset returns an asset and its active runs.
func (g *Gateway) Asset(ctx context.Context, caller *authz.Caller, id string) (*pb.Asset, []*pb.ActiveRun, error) {
	s, err := g.see(ctx, caller)
	if err != nil {
		return nil, nil, err
	}
	call := audit.From(ctx)
	call.About(id)
	e, err := s.visible(caller, id)
	if err != nil {
		return nil, nil, err
	}
	call.Told(1, e.title)
	return e.asset(), e.runs(), nil
}

// Sees reports whether the caller may see an asset now: nil, or NotFound. A transfer that takes long asks again and again, so that
// the transfer ends once the asset has moved out of its caller's sight. It adds nothing to the line of the audit log.
func (g *Gateway) Sees(ctx context.Context, caller *authz.Caller, asset string) error {
	s, err := g.see(ctx, caller)
	if err != nil {
		return err
	}
	_, err = s.visible(caller, asset)
	return err
}

// A Listed is an asset of a listing.
type Listed struct {
	Asset  *pb.Asset
	Active []*pb.ActiveRun // by algorithm
	// FramesLost says why the asset is told without frames and timecodes; "" where it is not.
	FramesLost string
}

// A Place is a place in the order of listings: by title, then by asset. The zero Place is before every asset.
type Place struct{ Title, Asset string }

// PlaceOf returns the place of an asset; NotFound of an asset that the caller may not see.
func (g *Gateway) PlaceOf(ctx context.Context, caller *authz.Caller, asset string) (Place, error) {
	s, err := g.see(ctx, caller)
	if err != nil {
		return Place{}, err
	}
	e, err := s.visible(caller, asset)
	if err != nil {
		return Place{}, err
	}
	return Place{e.title, e.id}, nil
}

// List calls visit for each asset behind a place that the caller may see, until visit returns false. A list of titles that is not empty
// narrows the listing. The cost is in proportion to the assets visited.
func (g *Gateway) List(ctx context.Context, caller *authz.Caller, titles []string, behind Place, visit func(Listed) bool) error {
	s, err := g.see(ctx, caller)
	if err != nil {
		return err
	}
	if len(titles) > 0 { // what a caller may see of these titles, and nothing else
		of := slices.DeleteFunc(slices.Clone(titles), func(t string) bool { return !caller.MaySee(t) })
		caller = authz.NewCaller(caller.Name(), of)
	}
	for e := range s.visibleFrom(caller, behind) {
		l := Listed{Asset: e.asset(), Active: e.runs()}
		if e.lost != "" {
			l.FramesLost = "its frame table " + e.lost
		}
		if !visit(l) {
			break
		}
	}
	return nil
}

// Thumbnail returns the blob of a thumbnail that belongs to an active or recent run of an asset that the caller may see.
func (g *Gateway) Thumbnail(ctx context.Context, caller *authz.Caller, asset, run string, ordinal int64) (*pb.MediaRef, error) {
	s, err := g.see(ctx, caller)
	if err != nil {
		return nil, err
	}
	call := audit.From(ctx)
	call.About(asset)
	e, err := s.visible(caller, asset)
	if err != nil {
		return nil, err
	}
	// The pictures of a run that has not finished may be of a film that was overwritten while the run decoded it.
	if _, shown := s.run(run); !shown {
		if r, err := g.deps.Store.Run(ctx, asset, run); err != nil || !runs.Finished(r) {
			return nil, errkind.New(errkind.NotFound, "there is no such thumbnail")
		}
	}
	a, err := g.deps.Store.Annotation(ctx, asset, run, ordinal)
	if err != nil || a.GetKind() != g.deps.Catalog.View().Role(pb.KindRole_KIND_ROLE_THUMBNAILS).GetKind() {
		return nil, errkind.New(errkind.NotFound, "there is no such thumbnail")
	}
	call.Told(1, e.title)
	return &pb.MediaRef{Bucket: a.GetAttributes()["bucket"].GetText(), Key: a.GetAttributes()["blob"].GetText()}, nil
}
