package fetch

import (
	"context"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
)

// prepare computes an artefact from those that it names in From.
func prepare(ctx context.Context, cache model.Cache, a model.Artefact, progress func(done, total int64)) error {
	return errkind.New(errkind.Internal, "nothing is known of how to make it")
}

// outdated reports whether a prepared artefact no longer belongs to what it is
// made from.
func outdated(cache model.Cache, a model.Artefact) bool { return false }
