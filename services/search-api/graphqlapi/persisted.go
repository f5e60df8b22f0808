package graphqlapi

import (
	"context"

	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	// keptDocuments bounds the documents that clients may ask by hash.
	keptDocuments = 1000
	// keptBytes bounds a document that is kept. A client sends a longer document each time: pictures belong into variables.
	keptBytes = 16 << 10
)

// documents are the documents that clients sent with their SHA-256, so that a later request carries the hash alone (automatic persisted
// queries). A document that was forgotten is answered with PERSISTED_QUERY_NOT_FOUND, and the client sends it once more.
type documents struct{ kept *lru.Cache[string, string] }

func newDocuments() documents {
	kept, _ := lru.New[string, string](keptDocuments) // fails for a size of 0
	return documents{kept}
}

// Get implements graphql.Cache.
func (d documents) Get(_ context.Context, hash string) (string, bool) { return d.kept.Get(hash) }

// Add implements graphql.Cache.
func (d documents) Add(_ context.Context, hash, document string) {
	if len(document) <= keptBytes {
		d.kept.Add(hash, document)
	}
}
