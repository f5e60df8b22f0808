package opensearch

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// Issue 11: giving up a rebuild stalled live indexing for 58 s. The writes beside it went to indices that were gone, and were retried for
// writePatience before the engine asked again what there is to write to.
func TestWhatIsGoneIsNotRetried(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tries := 0
	err := retry(ctx, passing, func() error {
		tries++
		return fmt.Errorf("writing item x to y: %w: %w", errGone, &failure{Status: 404, Type: indexNotFound})
	})
	if !errors.Is(err, errGone) || tries != 1 || !errkind.Is(err, errkind.Unavailable) {
		t.Errorf("tried %d times: %v, want one try, and Unavailable for the caller", tries, err)
	}
	tries = 0
	err = retry(ctx, passing, func() error {
		if tries++; tries < 3 {
			return wrap(&failure{Status: 503, Type: "cluster_manager_not_discovered_exception"})
		}
		return nil
	})
	if err != nil || tries != 3 {
		t.Errorf("a cluster that is away for a moment: tried %d times, %v", tries, err)
	}
}
