// Package stores lists every driver of package store, for programs that run all services in a single process. Services
// that run alone link package shared, whose drivers serve several processes at once. A program that links neither
// package links no store.
package stores

import (
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
	"github.com/cinedex/cinedex/pkg/store/stores/shared"
)

// Drivers returns all drivers. The first is the default.
func Drivers() []store.Driver {
	return append([]store.Driver{pebblestore.Driver}, shared.Drivers()...)
}
