package gateway

import (
	"context"
	"slices"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/runs"
	"github.com/cinedex/cinedex/pkg/schema"
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

// sight returns an asset that the caller may see, in the library as it is now. The audit log learns which asset was asked about.
func (g *Gateway) sight(ctx context.Context, caller *authz.Caller, id string) (*snapshot, *entry, error) {
	s, err := g.see(ctx, caller)
	if err != nil {
		return nil, nil, err
	}
	audit.From(ctx).About(id)
	e, err := s.visible(caller, id)
	return s, e, err
}

// shown is sight of an asset that the caller is told of, as the audit log learns.
func (g *Gateway) shown(ctx context.Context, caller *authz.Caller, id string) (*entry, error) {
	_, e, err := g.sight(ctx, caller, id)
	if err != nil {
		return nil, err
	}
	audit.From(ctx).Told(1, e.title)
	return e, nil
}

// Asset returns an asset and its active runs.
func (g *Gateway) Asset(ctx context.Context, caller *authz.Caller, id string) (*pb.Asset, []*pb.ActiveRun, error) {
	e, err := g.shown(ctx, caller, id)
	if err != nil {
		return nil, nil, err
	}
	return e.asset(), e.runs(), nil
}

// FrameLengths returns the length of each frame of an asset of variable rate in flicks, and nil for an asset of an even rate. Unavailable: the frame table
// cannot be read now.
func (g *Gateway) FrameLengths(ctx context.Context, caller *authz.Caller, asset string) ([]int64, error) {
	s, err := g.see(ctx, caller)
	if err != nil {
		return nil, err
	}
	e, err := s.visible(caller, asset)
	if err != nil {
		return nil, err
	}
	if e.lost != "" {
		return nil, errkind.New(errkind.Unavailable, "telling the frames of asset %s: its frame table %s", asset, e.lost)
	}
	table, ok := e.clock.(schema.FrameTable)
	if !ok {
		return nil, nil
	}
	lengths := make([]int64, table.Frames())
	for n := range lengths {
		lengths[n] = int64(table[n+1] - table[n])
	}
	return lengths, nil
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
	return g.pictureOf(ctx, caller, asset, run, ordinal, pb.KindRole_KIND_ROLE_THUMBNAILS)
}

// Sheet returns the blob of a sheet of small pictures, as Thumbnail does.
func (g *Gateway) Sheet(ctx context.Context, caller *authz.Caller, asset, run string, ordinal int64) (*pb.MediaRef, error) {
	return g.pictureOf(ctx, caller, asset, run, ordinal, pb.KindRole_KIND_ROLE_SPRITES)
}

// pictureOf returns the blob of an annotation whose kind has a role.
func (g *Gateway) pictureOf(ctx context.Context, caller *authz.Caller, asset, run string, ordinal int64, role pb.KindRole) (*pb.MediaRef, error) {
	s, e, err := g.sight(ctx, caller, asset)
	if err != nil {
		return nil, err
	}
	none := errkind.New(errkind.NotFound, "there is no such picture")
	// The pictures of a run that has not finished may be of a film that was overwritten while the run decoded it.
	if _, shown := s.run(run); !shown {
		if r, err := g.deps.Store.Run(ctx, asset, run); err != nil || !runs.Finished(r) {
			return nil, none
		}
	}
	kind := g.deps.Catalog.View().Role(role)
	a, err := g.deps.Store.Annotation(ctx, asset, run, ordinal)
	if err != nil || kind == nil || a.GetKind() != kind.GetKind() {
		return nil, none
	}
	audit.From(ctx).Told(1, e.title)
	return &pb.MediaRef{Bucket: a.GetAttributes()["bucket"].GetText(), Key: a.GetAttributes()["blob"].GetText()}, nil
}
