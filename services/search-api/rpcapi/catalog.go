package rpcapi

import (
	"cmp"
	"context"
	"math"
	"slices"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// GetCatalog returns the catalogue: the same for every caller.
func (s *Server) GetCatalog(context.Context, *connect.Request[pb.GetCatalogRequest]) (*connect.Response[pb.GetCatalogResponse], error) {
	return connect.NewResponse(ShownCatalog(s.deps.Catalog.View())), nil
}

var shapes = map[pb.LeafShape]string{
	pb.LeafShape_LEAF_SHAPE_WORDS: "words", pb.LeafShape_LEAF_SHAPE_PICTURE: "picture", pb.LeafShape_LEAF_SHAPE_FRAME: "frame",
	pb.LeafShape_LEAF_SHAPE_SHOT: "shot", pb.LeafShape_LEAF_SHAPE_IDENTITY: "identity", pb.LeafShape_LEAF_SHAPE_RANGE: "range",
}

// ShownCatalog returns the part of a catalogue that every caller may know.
func ShownCatalog(v *catalog.View) *pb.GetCatalogResponse {
	out := &pb.GetCatalogResponse{}
	enabled := map[string]bool{} // some version of the algorithm runs
	for _, e := range v.Entries() {
		enabled[e.GetName()] = enabled[e.GetName()] || !e.Candidate
	}
	for _, l := range v.Leaves() {
		out.Leaves = append(out.Leaves, shownLeaf(l, enabled))
	}
	for _, k := range kindsInOrder(v) {
		out.Kinds = append(out.Kinds, &pb.CatalogKind{Kind: k.GetKind(), Algorithm: k.Algorithm, Label: k.GetShown().GetLabel(), Hint: k.GetShown().GetHint(),
			Lane: k.GetShown().GetLane(), Icon: k.GetShown().GetIcon(), InLanguage: k.GetInLanguage(), Characters: k.GetCharacters()})
	}
	written := map[string]bool{}
	for _, e := range v.Entries() {
		out.Algorithms = append(out.Algorithms, &pb.CatalogAlgorithm{Name: e.GetName(), Version: e.GetVersion(), Summary: e.GetSummary(), Candidate: e.Candidate, Waits: e.Waits})
		for _, space := range e.GetSpaces() {
			if id := schema.SpaceID(space); !written[id] {
				written[id] = true
				out.Spaces = append(out.Spaces, &pb.CatalogSpace{Id: id, Algorithm: e.GetName(), Dimension: space.GetDimension(), Metric: space.GetMetric(), Encoders: space.GetEncoders()})
			}
		}
	}
	return out
}

func shownLeaf(l *catalog.Leaf, enabled map[string]bool) *pb.CatalogLeaf {
	out := &pb.CatalogLeaf{Name: l.GetName(), Aliases: l.GetAliases(), Shape: shapes[l.GetShape()], Label: l.GetShown().GetLabel(), Hint: l.GetShown().GetHint() + answeredBy(l, enabled),
		Icon: l.GetShown().GetIcon(), Example: l.GetExample(), Algorithm: l.Algorithm}
	for _, s := range l.Sources {
		if kind := s.About.GetKind(); !slices.Contains(out.Kinds, kind) {
			out.Kinds = append(out.Kinds, kind)
		}
		out.InLanguage = out.InLanguage || s.About.GetInLanguage()
	}
	return out
}

// answeredBy says which model of pictures answers a leaf, and how to get a better model; "" for a leaf that no better model may answer, and for a
// leaf that is asked by its name alone.
func answeredBy(l *catalog.Leaf, enabled map[string]bool) string {
	if l.GetShown() == nil {
		return ""
	}
	packaged, better := "", ""
	for _, s := range l.Sources {
		switch {
		case s.GetSpace() == "":
		case len(s.GetInsteadOf()) == 0:
			packaged = s.GetSpace()
		case enabled[s.Algorithm]:
			return ". Answered by the model " + s.GetSpace()
		case better == "":
			better = s.Algorithm
		}
	}
	if packaged == "" || better == "" {
		return ""
	}
	return ". Answered by the model " + packaged + "; for a better model run: cinedex models fetch " + better
}

// kindsInOrder returns the kinds in the order of their lanes: kinds without an order last, by label and name.
func kindsInOrder(v *catalog.View) []*catalog.Kind {
	order := func(k *catalog.Kind) int32 {
		if n := k.GetShown().GetOrder(); n > 0 {
			return n
		}
		return math.MaxInt32
	}
	kinds := v.Kinds()
	slices.SortStableFunc(kinds, func(a, b *catalog.Kind) int {
		return cmp.Or(cmp.Compare(order(a), order(b)), cmp.Compare(a.GetShown().GetLabel(), b.GetShown().GetLabel()), cmp.Compare(a.GetKind(), b.GetKind()))
	})
	return kinds
}
