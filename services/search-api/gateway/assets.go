package gateway

import (
	"context"
	"fmt"
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

// Assets returns every asset that the caller may see with its active runs, by title.
func (g *Gateway) Assets(ctx context.Context, caller *authz.Caller) ([]*pb.Asset, map[string][]*pb.ActiveRun, error) {
	s, err := g.see(ctx, caller)
	if err != nil {
		return nil, nil, err
	}
	var assets []*pb.Asset
	active := map[string][]*pb.ActiveRun{}
	for e := range s.visibleFrom(caller, "", "") {
		assets = append(assets, e.asset())
		active[e.id] = e.runs()
	}
	return assets, active, nil
}

// Annotations returns what the active runs say of an asset within span, in time order.
func (g *Gateway) Annotations(ctx context.Context, caller *authz.Caller, asset string, kinds []string, span schema.Interval) ([]*pb.Annotation, error) {
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
	call.Told(0, e.title)
	var out []*pb.Annotation
	for _, r := range e.runs() {
		for a, err := range g.deps.Store.AnnotationsOf(ctx, asset, r.GetRun(), span) {
			if err != nil {
				return nil, fmt.Errorf("reading annotations of %s: %w", asset, err)
			}
			if len(kinds) == 0 || slices.Contains(kinds, a.GetKind()) {
				out = append(out, a)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *pb.Annotation) int {
		return schema.IntervalOf(a).Compare(schema.IntervalOf(b))
	})
	return out, nil
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
