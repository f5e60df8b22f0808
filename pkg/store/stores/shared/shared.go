// Package shared lists the drivers of package store that several processes may have open at once, for services that run alone.
package shared

import (
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/cassandrastore"
)

// Drivers returns the drivers. The first is the default.
func Drivers() []store.Driver {
	return []store.Driver{cassandrastore.Driver}
}
