// Package shared lists the drivers of package search that several processes may have open at once, for services that run alone.
package shared

import (
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/opensearch"
)

// Drivers returns the drivers. The first is the default.
func Drivers() []search.Driver {
	return []search.Driver{opensearch.Driver}
}
