package search

import pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"

// An Auditor is an engine that says how it keeps an item, so that the engine's dump can be compared with the store. Callers ask an engine for the role with As.
type Auditor interface {
	// KeptAnnotation returns the line that Dump writes of an annotation. ok is false for an annotation that Write passes over.
	KeptAnnotation(a *pb.Annotation) (line AnnotationLine, ok bool)
	// KeptEmbedding returns the line that Dump writes of an embedding. ok is false for an embedding of a space that the engine was not
	// opened with.
	KeptEmbedding(e *pb.Embedding) (line EmbeddingLine, ok bool)
}
