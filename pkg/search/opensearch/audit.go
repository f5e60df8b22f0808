package opensearch

import (
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

var _ search.Auditor = (*Engine)(nil)

// KeptAnnotation implements search.Auditor.
func (e *Engine) KeptAnnotation(a *pb.Annotation) (search.AnnotationLine, bool) {
	if a.GetText() == "" && a.GetLabel() == "" {
		return search.AnnotationLine{}, false
	}
	d, err := e.annotation(a)
	if err != nil {
		return search.AnnotationLine{}, false // it was refused
	}
	return d.body.annotationLine(), true
}

// KeptEmbedding implements search.Auditor.
func (e *Engine) KeptEmbedding(m *pb.Embedding) (search.EmbeddingLine, bool) {
	d, err := e.embedding(m)
	if err != nil {
		return search.EmbeddingLine{}, false
	}
	return d.body.embeddingLine(m.GetSpace()), true
}
