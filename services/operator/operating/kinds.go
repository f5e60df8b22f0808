package operating

import (
	"slices"

	"github.com/cinedex/cinedex/services/operator/jobs"
)

// kinds is the list of kinds: a new kind is a file and a line here.
func kinds(cfg Config, deps Deps) []jobs.Kind {
	return slices.Concat([]jobs.Kind{
		activateKind(deps),
		collectKind(deps),
		rebuildKind(deps),
		verifyKind(deps),
		repairKind(deps),
		batchKind(deps, cfg.Batch),
		replayKind(deps),
	}, deps.Kinds)
}
