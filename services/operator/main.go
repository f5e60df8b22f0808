// Command operator does operators' work: jobs over the whole library, dead letters and lag, behind an API.
package main

import (
	"runtime"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	_ "github.com/cinedex/cinedex/pkg/blob/clouds" // for buckets of S3's protocol
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/platform"
	engines "github.com/cinedex/cinedex/pkg/search/engines/shared"
	stores "github.com/cinedex/cinedex/pkg/store/stores/shared"
	"github.com/cinedex/cinedex/services/operator/operating"
	"github.com/cinedex/cinedex/services/operator/operatorapi"
)

func program() platform.Program {
	models := func(c model.Cache) platform.Models { return builtin.Open(c, runtime.GOMAXPROCS(0)) }
	return platform.Program{Part: &operatorapi.Part{Config: operating.Default()}, Links: platform.Links{Stores: stores.Drivers(), Engines: engines.Drivers(), Models: models}}
}

func main() { program().Main() }
