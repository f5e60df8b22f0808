// Command indexer folds the output of runs into the store and the search engines, and activates finished runs.
package main

import (
	"runtime"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/platform"
	engines "github.com/cinedex/cinedex/pkg/search/engines/shared"
	stores "github.com/cinedex/cinedex/pkg/store/stores/shared"
	"github.com/cinedex/cinedex/services/indexer/indexing"
)

func program() platform.Program {
	models := func(c model.Cache) platform.Models { return builtin.Open(c, runtime.GOMAXPROCS(0)) }
	return platform.Program{Part: &indexing.Part{Config: indexing.Default()}, Links: platform.Links{Stores: stores.Drivers(), Engines: engines.Drivers(), Models: models}}
}

func main() { program().Main() }
