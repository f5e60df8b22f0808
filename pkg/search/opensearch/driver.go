package opensearch

import (
	"context"
	"crypto/rand"

	"github.com/cinedex/cinedex/pkg/search"
)

// Driver is the engine in a cluster, which any number of processes share.
var Driver = search.Driver{Name: "opensearch", Section: "opensearch", Settings: func(string) search.Settings {
	c := Default()
	return &c
}}

// The parts of the engine in its store's record of partners: the cluster, and the indices in it.
const (
	roleCluster = "search engine"
	roleIndices = "search indices"
)

// Open implements search.Settings.
func (c Config) Open(ctx context.Context, d search.Deps) (search.Engine, error) {
	deps := Deps{Spaces: d.Spaces, Log: d.Log, Metrics: d.Metrics}
	if d.Owner != nil {
		deps.Belongs = func(ctx context.Context, id string) error { return d.Owner.Belongs(ctx, roleCluster, id) }
		deps.Filled = func(ctx context.Context, id string, empty bool) (string, error) {
			return filled(ctx, d.Owner, id, empty)
		}
	}
	e, err := Open(ctx, c, deps)
	if err != nil {
		return nil, err // a nil *Engine in the interface would not be nil
	}
	return e, nil
}

// filled returns the identity of the indices filled from the owner. Emptied or recreated indices carry another identity.
func filled(ctx context.Context, owner search.Owner, id string, empty bool) (string, error) {
	if empty {
		owes, err := owner.Owes(ctx)
		if err != nil {
			return "", err
		}
		if owes {
			id = rand.Text() // nothing was filled from this store
		}
	}
	return owner.Filled(ctx, roleIndices, id)
}
