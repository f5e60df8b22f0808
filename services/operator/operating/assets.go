package operating

import (
	"context"
	"iter"
	"slices"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// assetsOf yields the assets of a selection that come after one, in the order of ids. What a selection
// says of algorithms, topics and times is for those who look at runs and events.
func assetsOf(ctx context.Context, s store.Assets, sel *pb.Selection, after string) iter.Seq2[*pb.Asset, error] {
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
				if err == nil && !ofSelection(sel, a) {
					continue
				}
				if !yield(a, err) || err != nil {
					return
				}
			}
			return
		}
		for a, err := range s.AllAssets(ctx) {
			if err == nil && (a.GetId() <= after || !ofSelection(sel, a)) {
				continue
			}
			if !yield(a, err) {
				return
			}
		}
	}
}

// ofSelection reports whether an asset is of a selection's assets, titles and series.
func ofSelection(sel *pb.Selection, a *pb.Asset) bool {
	return oneOf(sel.GetAssets(), a.GetId()) && oneOf(sel.GetTitles(), a.GetTitle().GetId()) && oneOf(sel.GetSeries(), a.GetTitle().GetSeries())
}

// selectsRun reports whether an algorithm's version is one of a selection's algorithms: "name", or "name@version".
func selectsRun(sel *pb.Selection, algorithm, version string) bool {
	return oneOf(sel.GetAlgorithms(), algorithm) || slices.Contains(sel.GetAlgorithms(), algorithm+"@"+version)
}

func oneOf(want []string, have string) bool { return len(want) == 0 || slices.Contains(want, have) }

// An assetReader goes through a selection in pieces, and goes on where it was until it is closed.
type assetReader struct {
	from store.Assets
	sel  *pb.Selection
	pull func() (*pb.Asset, error, bool)
	stop func()
}

// next returns the next asset, the one that comes after an id where the reader was closed; nil at the end.
func (r *assetReader) next(ctx context.Context, after string) (*pb.Asset, error) {
	if r.pull == nil {
		r.pull, r.stop = iter.Pull2(assetsOf(ctx, r.from, r.sel, after))
	}
	a, err, ok := r.pull()
	if !ok {
		return nil, nil
	}
	return a, err
}

func (r *assetReader) close() {
	if r.stop != nil {
		r.stop()
	}
	r.pull, r.stop = nil, nil
}
