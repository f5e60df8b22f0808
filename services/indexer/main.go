// Command indexer folds what runs wrote into the store and the search engines, and activates finished runs.
package main

import (
	"runtime"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/platform"
	"github.com/cinedex/cinedex/services/indexer/indexing"
)

func program() platform.Program {
	models := func(c model.Cache) platform.Models { return builtin.Open(c, runtime.GOMAXPROCS(0)) }
	return platform.Program{Part: &indexing.Part{Config: indexing.Default()}, Links: platform.Links{Models: models}}
}

func main() { program().Main() }
