package gateway

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

const (
	// maxFacetValues bounds the values of one facet.
	maxFacetValues = 100
	// maxFacetReads bounds the items that are read of the store for one answer's facets.
	maxFacetReads = 20_000
	// facetBatch is how many items are read together.
	facetBatch = 2_000
)

// facetNames are the properties by which moments are counted.
var facetNames = []string{"title", "language", "kind", facetCharacter, facetLabel}

// The properties that are in the store alone.
const (
	facetCharacter = "character"
	facetLabel     = "label"
)

// facets counts the matches by each property that was asked for; without a match, the moments that are near. The counts are exact where the
// matches are all there are.
//
//   - Title, language and kind are those of the evidence that the moment lands on.
//   - A moment counts under each character and each label of its evidence. The two are read of the store, for the first maxFacetReads items of
//     evidence.
func (g *Gateway) facets(ctx context.Context, p *processed, ms []*moment, r *result, resp *pb.SearchResponse) error {
	if len(p.facetsAsked) == 0 {
		return nil
	}
	counted := slices.DeleteFunc(slices.Clone(ms), func(m *moment) bool { return m.near || !m.match() })
	exact := r.total.GetExact()
	if len(counted) == 0 {
		counted, exact = ms, false
	}
	read, whole, err := g.readProperties(ctx, p, counted)
	if err != nil {
		return err
	}
	if !whole {
		resp.Partial = append(resp.Partial, partialOf("facets", errkind.Exhausted, "characters and labels are counted of the best moments alone, with %d items of evidence; narrow the query for the others", maxFacetReads))
	}
	for _, name := range p.facetsAsked {
		counts := map[string]int64{}
		for i, m := range counted {
			switch name {
			case facetCharacter:
				count(counts, read[i].characters)
			case facetLabel:
				count(counts, read[i].labels)
			default:
				counts[p.property(m, name)]++
			}
		}
		f := facetOf(name, counts)
		f.Exact = exact && (whole || name != facetCharacter && name != facetLabel)
		resp.Facets = append(resp.Facets, f)
	}
	return nil
}

// count adds one to the count of each value, or to the count of none.
func count(counts map[string]int64, values []string) {
	if len(values) == 0 {
		counts[""]++
	}
	for _, v := range values {
		counts[v]++
	}
}

func facetOf(name string, counts map[string]int64) *pb.Facet {
	f := &pb.Facet{Name: name, Distinct: int64(len(counts))}
	for value, n := range counts {
		f.Values = append(f.Values, &pb.FacetValue{Value: value, Count: n})
	}
	slices.SortFunc(f.Values, func(a, b *pb.FacetValue) int {
		return cmp.Or(cmp.Compare(b.GetCount(), a.GetCount()), cmp.Compare(a.GetValue(), b.GetValue()))
	})
	f.Values = f.Values[:min(len(f.Values), maxFacetValues)]
	return f
}

func (p *processed) property(m *moment, name string) string {
	switch name {
	case "title":
		return p.snap.asset(m.asset).title
	case "language":
		if !m.lead.standing.line() {
			return ""
		}
		return m.lead.Language
	}
	return m.lead.kind()
}

// properties are what the store says of a moment's evidence, each value once.
type properties struct{ characters, labels []string }

// readProperties reads the characters and labels of moments, if a facet counts them. whole is false where a moment was left out.
func (g *Gateway) readProperties(ctx context.Context, p *processed, ms []*moment) (out []properties, whole bool, err error) {
	characters, labels := slices.Contains(p.facetsAsked, facetCharacter), slices.Contains(p.facetsAsked, facetLabel)
	out = make([]properties, len(ms))
	if !characters && !labels {
		return out, true, nil
	}
	var said, vectors []store.Ref
	var ofSaid, ofVectors []int // element i is the moment of said[i]
	for i, m := range ms {
		for _, e := range m.evidence {
			if len(said)+len(vectors) == maxFacetReads {
				return out, false, g.fillProperties(ctx, out, said, ofSaid, vectors, ofVectors)
			}
			ref := store.Ref{Asset: m.asset, Run: e.Run, Ordinal: e.Ordinal}
			if e.part.space == "" {
				said, ofSaid = append(said, ref), append(ofSaid, i)
			} else if characters && e.part.About.GetCharacters() {
				vectors, ofVectors = append(vectors, ref), append(ofVectors, i)
			}
		}
	}
	return out, true, g.fillProperties(ctx, out, said, ofSaid, vectors, ofVectors)
}

func (g *Gateway) fillProperties(ctx context.Context, out []properties, said []store.Ref, ofSaid []int, vectors []store.Ref, ofVectors []int) error {
	for from := 0; from < len(said); from += facetBatch {
		upto := min(from+facetBatch, len(said))
		found, err := g.deps.Store.AnnotationsAt(ctx, said[from:upto])
		if err != nil {
			return fmt.Errorf("reading the annotations that are counted: %w", err)
		}
		for i, a := range found {
			of := &out[ofSaid[from+i]]
			of.characters, of.labels = once(of.characters, a.GetCharacter()), once(of.labels, a.GetLabel())
		}
	}
	for from := 0; from < len(vectors); from += facetBatch {
		upto := min(from+facetBatch, len(vectors))
		found, err := g.deps.Store.EmbeddingsAt(ctx, vectors[from:upto])
		if err != nil {
			return fmt.Errorf("reading the embeddings that are counted: %w", err)
		}
		for i, e := range found {
			of := &out[ofVectors[from+i]]
			of.characters = once(of.characters, e.GetCharacter())
		}
	}
	return nil
}

// once adds a value that is not there yet.
func once(values []string, v string) []string {
	if v == "" || slices.Contains(values, v) {
		return values
	}
	return append(values, v)
}
