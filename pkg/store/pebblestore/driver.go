package pebblestore

import (
	"context"
	"path/filepath"

	"github.com/cinedex/cinedex/pkg/store"
)

// Driver is the store in a folder, for a single process.
var Driver = store.Driver{Name: "pebble", Settings: func(dir string) store.Settings {
	c := Default()
	c.Dir = filepath.Join(dir, "store")
	return &c
}}

// Open implements store.Settings.
func (c Config) Open(_ context.Context, d store.Deps) (store.Store, error) {
	s, err := Open(c, Deps{Log: d.Log, Registerer: d.Registerer})
	if err != nil {
		return nil, err // a nil *Store in the interface would not be nil
	}
	return s, nil
}
