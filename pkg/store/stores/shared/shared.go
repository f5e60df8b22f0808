// Package shared lists the drivers of package store for several processes at once. Services that run alone link these
// drivers.
package shared

import (
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/cassandrastore"
)

// Drivers returns the drivers. The first is the default.
func Drivers() []store.Driver {
	return []store.Driver{cassandrastore.Driver}
}
