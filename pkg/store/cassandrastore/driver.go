package cassandrastore

import (
	"context"

	"github.com/cinedex/cinedex/pkg/store"
)

// Driver is the store in a cluster, which any number of processes share.
var Driver = store.Driver{Name: "cassandra", Settings: func(string) store.Settings {
	c := Default()
	return &c
}}

// Open implements store.Settings.
func (c Config) Open(ctx context.Context, d store.Deps) (store.Store, error) {
	s, err := Open(ctx, c, Deps{Log: d.Log, Registerer: d.Registerer})
	if err != nil {
		return nil, err // a nil *Store in the interface would not be nil
	}
	return s, nil
}
