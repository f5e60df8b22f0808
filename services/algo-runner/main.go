// Command algo-runner plans runs of algorithms over assets, and executes the runs.
package main

import (
	"runtime"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/platform"
	"github.com/cinedex/cinedex/services/algo-runner/runner"
)

func program() platform.Program {
	models := func(c model.Cache) platform.Models { return builtin.Open(c, runtime.GOMAXPROCS(0)) }
	return platform.Program{Part: &runner.Part{Config: runner.Default()}, Links: platform.Links{Models: models}}
}

func main() { program().Main() }
