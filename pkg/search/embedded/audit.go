package embedded

import (
	"strconv"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded/flat"
	"github.com/cinedex/cinedex/pkg/search/words"
)

var _ search.Auditor = (*Engine)(nil)

// KeptAnnotation implements search.Auditor.
func (e *Engine) KeptAnnotation(a *pb.Annotation) (search.AnnotationLine, bool) {
	if a.GetText() == "" && a.GetLabel() == "" {
		return search.AnnotationLine{}, false
	}
	a = lean(a)
	tag := ""
	if a.GetText() != "" {
		tag = words.Canonical(a.GetLanguage())
	}
	r := rowOf(a, tag)
	return search.AnnotationLine{
		Run: a.GetRun(), Ordinal: a.GetOrdinal(), Asset: r.asset, Kind: r.kind, Language: r.language,
		Start: int64(r.interval.Start), End: int64(r.interval.End), Confidence: r.confidence, Hash: strconv.FormatUint(r.hash, 16),
	}, true
}

// KeptEmbedding implements search.Auditor.
func (e *Engine) KeptEmbedding(m *pb.Embedding) (search.EmbeddingLine, bool) {
	for _, s := range *e.spaces.Load() {
		if schema.SpaceID(s) != m.GetSpace() {
			continue
		}
		g, err := groupOf(m)
		if err != nil {
			return search.EmbeddingLine{}, false
		}
		values, err := flat.Kept(m.GetVector(), int(s.GetDimension()), flat.Metric(s.GetMetric()))
		if err != nil {
			return search.EmbeddingLine{}, false // it was refused
		}
		return search.EmbeddingLine{
			Run: g.run, Space: m.GetSpace(), Ordinal: m.GetOrdinal(), Asset: g.asset, Kind: g.kind, Language: g.language,
			Character: g.char, Start: m.GetStart(), End: m.GetEnd(), Hash: search.HashVector(values),
		}, true
	}
	return search.EmbeddingLine{}, false
}
