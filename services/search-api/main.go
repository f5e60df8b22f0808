// Command search-api answers editors and applications: gRPC, JSON, GraphQL and the page.
package main

import (
	"runtime"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	_ "github.com/cinedex/cinedex/pkg/blob/clouds" // the bucket may be reached by S3's protocol
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/platform"
	engines "github.com/cinedex/cinedex/pkg/search/engines/shared"
	stores "github.com/cinedex/cinedex/pkg/store/stores/shared"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/searchapi"
)

func program() platform.Program {
	models := func(c model.Cache) platform.Models { return builtin.Open(c, runtime.GOMAXPROCS(0)) }
	return platform.Program{Part: &searchapi.Part{Config: gateway.Default()}, Links: platform.Links{Stores: stores.Drivers(), Engines: engines.Drivers(), Models: models}}
}

func main() { program().Main() }
