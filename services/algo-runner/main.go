// Command algo-runner plans runs of algorithms over assets, and executes the runs.
package main

import (
	"runtime"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	_ "github.com/cinedex/cinedex/pkg/blob/clouds" // for buckets of S3's protocol
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/platform"
	stores "github.com/cinedex/cinedex/pkg/store/stores/shared"
	"github.com/cinedex/cinedex/services/algo-runner/runner"
)

func program() platform.Program {
	models := func(c model.Cache) platform.Models { return builtin.Open(c, runtime.GOMAXPROCS(0)) }
	return platform.Program{Part: &runner.Part{Config: runner.Default()}, Links: platform.Links{Stores: stores.Drivers(), Models: models}}
}

func main() { program().Main() }
