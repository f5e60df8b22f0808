package pebblestore_test

import (
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
	"github.com/cinedex/cinedex/pkg/store/storetest"
)

func config(dir string) pebblestore.Config {
	cfg := pebblestore.Default()
	cfg.Dir, cfg.MinFreeBytes = dir, 0
	return cfg
}

func open(t testing.TB, cfg pebblestore.Config, deps pebblestore.Deps) *pebblestore.Store {
	t.Helper()
	s, err := pebblestore.Open(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Harness{
		Open: func(t testing.TB, name string, clock func() time.Time) store.Store {
			return open(t, config(name), pebblestore.Deps{Clock: clock})
		},
	})
}
