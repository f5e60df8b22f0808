package gateway

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// A source is a way to look for a leaf: words of a field, or vectors of a space.
type source struct {
	*catalog.Source
	space string // the version of the source's space that is asked; "" for words
	// seconds are sources of words that are asked together with the source: see together.
	seconds []*catalog.Source
}

// fields are the engine's names of the fields that words are looked for in.
var fields = map[pb.AnswerField]search.Field{
	pb.AnswerField_ANSWER_FIELD_TEXT:  search.FieldText,
	pb.AnswerField_ANSWER_FIELD_LABEL: search.FieldLabel,
}

// A part is one question to one searcher: a leaf looked for in one of its sources.
type part struct {
	number int // among the query's parts
	leaf   *pb.Leaf
	shape  pb.LeafShape // of the leaf
	source
	asking
	calibration *calibration // of the space's scores for this way of asking; nil for words
	same        float64      // the similarity from which a hit is of the same shot; 0 where the part does not tell
	unlike      []aspect     // the unwanted examples
	mode        search.TextMode
	weight      float64 // of the source in the profile
	filter      search.Filter
	vectors     [][]float32
	// complete is how many of the hits, from the first, have all that was asked for.
	complete int
	took     time.Duration // to answer
	err      error
}

// name is how a partial answer and the metrics call the part.
func (pt *part) name() string { return pt.leaf.GetKind() + "/" + pt.GetBy() }

// narrowing is the filter as engines take filters, without kinds. Titles, series and assets narrow the scope.
func (p *processed) narrowing() search.Filter {
	f := search.Filter{
		Languages:     p.filter.GetLanguages(),
		Characters:    p.filter.GetCharacters(),
		MinConfidence: p.filter.GetMinConfidence(),
		Span:          schema.Interval{Start: schema.Time(p.filter.GetStart()), End: schema.Time(p.filter.GetEnd())},
	}
	if f.Span.Start > 0 && f.Span.End == 0 {
		f.Span.End = 1<<63 - 1
	}
	return f
}

// route is the second part of the gateway. Each leaf becomes a part for each source and each version of the source's space, and each part
// carries the filter.
func (g *Gateway) route(p *processed) []*part {
	f := p.narrowing()
	var parts []*part
	for _, l := range query.Leaves(p.tree) {
		leaf := p.view.Leaf(l.GetKind())
		for _, w := range together(inStead(p.leafParts(l), p.scope.stands), p.scope.stands) {
			s := w.Source
			for _, space := range g.spacesOf(p, s.GetSpace()) {
				pt := &part{number: len(parts), leaf: l, shape: leaf.GetShape(), source: source{s, space, w.seconds}, asking: asking{text: l.GetText(), way: s.GetBy()},
					calibration: calibrationOf(s, space), weight: w.weight, filter: f, mode: textMode(leaf, l.GetMode())}
				if space != "" {
					pt.same = sameFrom(s, space, pt.shape, l)
				}
				if space == "" {
					pt.filter.Kinds = pt.kinds()
				}
				pt.filter.MinConfidence = max(f.MinConfidence, l.GetMinConfidence())
				if pt.filter.Languages, _ = bothLanguages(f.Languages, l.GetLanguages()); !s.About.GetInLanguage() {
					pt.filter.Languages = nil
				}
				parts = append(parts, pt)
			}
		}
	}
	return parts
}

// standsForShot reports whether the hits of the source stand for the shots that contain them.
func (s source) standsForShot() bool { return s.GetSpan() == pb.AnswerSpan_ANSWER_SPAN_SHOT }

func calibrationOf(s *catalog.Source, space string) *calibration {
	c := s.CalibrationOf(space)
	if c == nil {
		return nil
	}
	return &calibration{middle: c.GetMiddle(), slope: c.GetSlope(), cutoff: c.GetCutoff(), match: cmp.Or(c.GetMatch(), matchConfidence)}
}

// sourcesOf returns where a leaf is looked for under a filter.
func sourcesOf(v *catalog.View, leaf *catalog.Leaf, l *pb.Leaf, f *pb.Filter) []*catalog.Source {
	return slices.DeleteFunc(slices.Clone(leaf.Sources), func(s *catalog.Source) bool {
		return !serves(s, l.GetMode()) || !inLanguage(s, l) || !testable(s, l) || unresembled(v, s, l) != nil || !ofKind(s, f) || !ofCharacter(s, f)
	})
}

// inLanguage leaves out kinds that are in no language where the leaf wants a language.
func inLanguage(s *catalog.Source, l *pb.Leaf) bool {
	return len(l.GetLanguages()) == 0 || s.About.GetInLanguage()
}

// testable leaves out kinds whose annotations lack something that the leaf tests.
func testable(s *catalog.Source, l *pb.Leaf) bool {
	has := func(name string) bool { return attributeOf(s, name) != nil }
	for name := range l.GetAttributes() {
		if !has(name) {
			return false
		}
	}
	for name := range l.GetRanges() {
		if !has(name) {
			return false
		}
	}
	return len(l.GetRegions()) == 0 || s.About.GetRegions()
}

// attributeOf returns an attribute of the annotations of a source; nil where the kind declares none of the name.
func attributeOf(s *catalog.Source, name string) *pb.AttributeSpec {
	i := slices.IndexFunc(s.About.GetAttributes(), func(a *pb.AttributeSpec) bool { return a.GetName() == name })
	if i < 0 {
		return nil
	}
	return s.About.GetAttributes()[i]
}

// bothLanguages returns the languages of both lists, where an empty list has every language. ok is false where the lists have no language
// in common.
func bothLanguages(a, b []string) (both []string, ok bool) {
	switch {
	case len(a) == 0:
		return b, true
	case len(b) == 0:
		return a, true
	}
	holds := func(wide, narrow string) bool { return wide == narrow || strings.HasPrefix(narrow, wide+"-") }
	for _, x := range a {
		for _, y := range b {
			switch {
			case holds(x, y):
				both = append(both, y)
			case holds(y, x):
				both = append(both, x)
			}
		}
	}
	return both, len(both) > 0
}

func ofKind(s *catalog.Source, f *pb.Filter) bool {
	return len(f.GetKinds()) == 0 || slices.Contains(f.GetKinds(), s.GetKind())
}

// ofCharacter leaves out kinds that know no characters where the filter wants some.
func ofCharacter(s *catalog.Source, f *pb.Filter) bool {
	return len(f.GetCharacters()) == 0 || s.About.GetCharacters()
}

// spacesOf returns the versions of a space that the runs in sight have written. While a switch goes through the library, both generations
// answer, each asked with the encoder of the generation. A source of words has the single space "".
func (g *Gateway) spacesOf(p *processed, space string) []string {
	if space == "" {
		return []string{space}
	}
	var out []string
	for _, id := range p.scope.spaces(p.view.SpacesOf) {
		if spaceName(id) == spaceName(space) {
			out = append(out, id)
		}
	}
	if len(out) == 0 {
		return []string{space}
	}
	return out
}

func spaceName(id string) string {
	name, _, _ := strings.Cut(id, "@")
	return name
}

// serves reports whether a source is asked in a mode: modes of words leave vectors out, and meaning leaves words out.
func serves(s *catalog.Source, m pb.TextMode) bool {
	words := s.GetSpace() == ""
	switch m {
	case pb.TextMode_TEXT_MODE_UNSPECIFIED:
		return true
	case pb.TextMode_TEXT_MODE_MEANING:
		return !words
	case pb.TextMode_TEXT_MODE_PREFIX:
		// The beginning of a word has no meaning yet.
		return words
	}
	return words
}

// textMode is the engine's mode for a mode of the language. An identity is looked for as a phrase.
func textMode(leaf *catalog.Leaf, m pb.TextMode) search.TextMode {
	if leaf.GetShape() == pb.LeafShape_LEAF_SHAPE_IDENTITY {
		return search.Phrase
	}
	switch m {
	case pb.TextMode_TEXT_MODE_WORDS:
		return search.AllWords
	case pb.TextMode_TEXT_MODE_PHRASE:
		return search.Phrase
	case pb.TextMode_TEXT_MODE_FUZZY:
		return search.Fuzzy
	case pb.TextMode_TEXT_MODE_PREFIX:
		return search.Prefix
	}
	return search.AnyWord
}
