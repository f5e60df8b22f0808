package search

import pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"

// An Auditor is an engine that says how it keeps items, so that what it holds can be held against the
// store. Engines are asked for it by a type assertion.
type Auditor interface {
	// KeptAnnotation returns the line that Dump writes of an annotation once it was written; false
	// of one that Write passes over.
	KeptAnnotation(a *pb.Annotation) (AnnotationLine, bool)
	// KeptEmbedding does the same; false of one of a space that the engine was not opened with.
	KeptEmbedding(e *pb.Embedding) (EmbeddingLine, bool)
}
