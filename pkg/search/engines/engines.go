// Package engines lists every driver of package search, for programs that run all services in one process. Services that run alone link
// package shared, whose drivers serve several processes at once. A program that links neither links no search engine.
package engines

import (
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded"
	"github.com/cinedex/cinedex/pkg/search/engines/shared"
)

// Drivers returns all drivers. The first is the default.
func Drivers() []search.Driver {
	return append([]search.Driver{
		embedded.Driver,
	}, shared.Drivers()...)
}
