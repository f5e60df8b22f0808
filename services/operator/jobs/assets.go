package jobs

import (
	"context"
	"iter"
	"slices"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// Assets yields the assets of a selection that come after an id, in the order of ids. The algorithms, topics and times of a selection do not count
// here: callers who read runs and events check them.
func Assets(ctx context.Context, s store.Assets, sel *pb.Selection, after string) iter.Seq2[*pb.Asset, error] {
	return func(yield func(*pb.Asset, error) bool) {
		if ids := sel.GetAssets(); len(ids) > 0 {
			ids = slices.Compact(slices.Sorted(slices.Values(ids)))
			for _, id := range ids {
				if id <= after {
					continue
				}
				a, err := s.Asset(ctx, id)
				if errkind.Is(err, errkind.NotFound) {
					err = errkind.New(errkind.NotFound, "selection.assets: there is no asset %.64q", id)
				}
				if err == nil && !Selects(sel, a) {
					continue
				}
				if !yield(a, err) || err != nil {
					return
				}
			}
			return
		}
		for a, err := range s.AllAssets(ctx) {
			if err == nil && (a.GetId() <= after || !Selects(sel, a)) {
				continue
			}
			if !yield(a, err) {
				return
			}
		}
	}
}

// Selects reports whether an asset is of a selection's assets, titles and series.
func Selects(sel *pb.Selection, a *pb.Asset) bool {
	return oneOf(sel.GetAssets(), a.GetId()) && oneOf(sel.GetTitles(), a.GetTitle().GetId()) && oneOf(sel.GetSeries(), a.GetTitle().GetSeries())
}

// SelectsRun reports whether a version of an algorithm is of a selection's algorithms: "name", or "name@version".
func SelectsRun(sel *pb.Selection, algorithm, version string) bool {
	return oneOf(sel.GetAlgorithms(), algorithm) || slices.Contains(sel.GetAlgorithms(), algorithm+"@"+version)
}

func oneOf(want []string, have string) bool { return len(want) == 0 || slices.Contains(want, have) }

// An AssetReader goes over a selection piece by piece. Close the reader.
type AssetReader struct {
	From store.Assets
	Sel  *pb.Selection

	pull func() (*pb.Asset, error, bool)
	stop func()
}

// Next returns the next asset; nil at the end. The first call, and the first call after Close, returns the first asset behind the id after.
func (r *AssetReader) Next(ctx context.Context, after string) (*pb.Asset, error) {
	if r.pull == nil {
		r.pull, r.stop = iter.Pull2(Assets(ctx, r.From, r.Sel, after))
	}
	a, err, ok := r.pull()
	if !ok {
		return nil, nil
	}
	return a, err
}

// Close ends the reading. Next begins anew.
func (r *AssetReader) Close() {
	if r.stop != nil {
		r.stop()
	}
	r.pull, r.stop = nil, nil
}
