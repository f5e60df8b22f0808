// Command operator does operators' work: jobs over the whole library, dead letters and lag, behind an API.
package main

import (
	"runtime"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/platform"
	"github.com/cinedex/cinedex/services/operator/operating"
	"github.com/cinedex/cinedex/services/operator/operatorapi"
)

func program() platform.Program {
	models := func(c model.Cache) platform.Models { return builtin.Open(c, runtime.GOMAXPROCS(0)) }
	return platform.Program{Part: &operatorapi.Part{Config: operating.Default()}, Links: platform.Links{Models: models}}
}

func main() { program().Main() }
