package gateway

import (
	"maps"
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// The spaces and algorithms that the leaves below know by name. Of a space this is the version that is asked where
// no run in sight has written another: see spacesOf.
const (
	spacePictures  = "efficientnet-lite2@1"
	spaceSentences = "e5-small@1"

	algorithmShots      = "shots"
	algorithmThumbnails = "thumbnails"
)

// A source is one way to look for a leaf: which searcher, and in what.
type source struct {
	by string // "words", "meaning", "picture": how evidence names it
	// Words are looked for in a field of annotations of a kind.
	kind  string
	field search.Field
	// Or vectors are, in a space.
	space string
	// calibration of the space's scores for this way of asking.
	calibration *calibration
}

var (
	spoken   = source{by: "words", kind: schema.KindDialogue, field: search.FieldText}
	meant    = source{by: "meaning", space: spaceSentences, calibration: &meaningCalibration}
	labelled = source{by: "words", kind: schema.KindLabel, field: search.FieldLabel}
	pictured = source{by: "picture", space: spacePictures, calibration: &wordsPictureCalibration}
	alike    = source{by: "picture", space: spacePictures, calibration: &pictureCalibration}
)

// leaves is the generic schema's whole knowledge of what serves what. A new kind
// of leaf is a new line; engines are known only to the proxies.
var leaves = map[string][]source{
	"dialogue":   {spoken, meant},
	"label":      {labelled},
	"like_text":  {pictured, labelled},
	"like_image": {alike},
	"like_frame": {alike},
	"like_shot":  {alike},
	"any":        {spoken, meant, labelled, pictured},
}

func leafKinds() []string { return slices.Sorted(maps.Keys(leaves)) }

// A part is one question to one searcher: a leaf looked for in one of its sources.
type part struct {
	number int // among the query's parts
	leaf   *pb.Leaf
	source
	mode    search.TextMode
	filter  search.Filter
	vectors [][]float32
	// complete is how many of the hits, from the first, have all that was asked for.
	complete int
	err      error
}

// name is how a partial answer and the metrics call the part.
func (pt *part) name() string { return pt.leaf.GetKind() + "/" + pt.by }

// route is the second part of the gateway: it says which parts of the query go to
// which searcher, and pushes the filters down into each.
func (g *Gateway) route(p *processed) []*part {
	f := search.Filter{
		Languages:     p.filter.GetLanguages(),
		Characters:    p.filter.GetCharacters(),
		MinConfidence: p.filter.GetMinConfidence(),
		Span:          schema.Interval{Start: schema.Time(p.filter.GetStart()), End: schema.Time(p.filter.GetEnd())},
	}
	if f.Span.Start > 0 && f.Span.End == 0 {
		f.Span.End = 1<<63 - 1
	}
	var parts []*part
	for _, l := range query.Leaves(p.tree) {
		for _, s := range sourcesOf(l, p.filter) {
			for _, space := range g.spacesOf(p, s.space) {
				pt := &part{number: len(parts), leaf: l, source: s, filter: f, mode: textMode(l.GetMode())}
				pt.space = space
				if s.kind != "" {
					pt.filter.Kinds = []string{s.kind}
				}
				if kindOf(s) != schema.KindDialogue {
					// What is seen is in no language.
					pt.filter.Languages = nil
				}
				parts = append(parts, pt)
			}
		}
	}
	return parts
}

// sourcesOf returns where a leaf is looked for under a filter.
func sourcesOf(l *pb.Leaf, f *pb.Filter) []source {
	return slices.DeleteFunc(slices.Clone(leaves[l.GetKind()]), func(s source) bool {
		return !serves(s, l.GetMode()) || !ofKind(s, f) || !ofCharacter(s, f)
	})
}

func ofKind(s source, f *pb.Filter) bool {
	return len(f.GetKinds()) == 0 || slices.Contains(f.GetKinds(), kindOf(s))
}

// ofCharacter: pictures do not know who is who.
func ofCharacter(s source, f *pb.Filter) bool {
	return len(f.GetCharacters()) == 0 || kindOf(s) == schema.KindDialogue
}

// spacesOf returns the versions of a space to ask: those that the runs in sight have written, so that while a
// switch goes through the library both generations answer, each asked with its own encoder. A source of words has none.
func (g *Gateway) spacesOf(p *processed, space string) []string {
	if space == "" || g.deps.Spaces == nil {
		return []string{space}
	}
	var out []string
	for _, id := range p.scope.spaces(g.deps.Spaces) {
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

// kindOf is the kind of annotation that a source's hits stand for.
func kindOf(s source) string {
	switch spaceName(s.space) {
	case spaceName(spaceSentences):
		return schema.KindDialogue
	case spaceName(spacePictures):
		return schema.KindShot
	}
	return s.kind
}

// serves: a mode that speaks of words leaves the other sources out, and meaning leaves words out.
func serves(s source, m pb.TextMode) bool {
	switch m {
	case pb.TextMode_TEXT_MODE_UNSPECIFIED:
		return true
	case pb.TextMode_TEXT_MODE_MEANING:
		return s.by != "words"
	case pb.TextMode_TEXT_MODE_PREFIX:
		// The beginning of a word has no meaning yet.
		return s.by == "words"
	}
	return s.by == "words"
}

func textMode(m pb.TextMode) search.TextMode {
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
