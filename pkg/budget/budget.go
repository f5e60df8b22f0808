package budget

import (
	"context"

	"golang.org/x/sync/semaphore"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A Budget is a number of bytes shared by claims. Claims are served in the order of arrival, so small claims do not
// starve a large claim. A Budget is safe for concurrent use.
type Budget struct {
	size int64
	free *semaphore.Weighted
}

// New returns a budget of size bytes.
func New(size int64) *Budget { return &Budget{size, semaphore.NewWeighted(size)} }

// Size returns the bytes of the whole budget.
func (b *Budget) Size() int64 { return b.size }

// Claim takes n bytes and waits for the bytes while ctx lasts. The caller MUST call release once, when no reference to
// the memory is left.
//
// Errors:
//   - Invalid: n exceeds the whole budget, so the claim can never be met;
//   - Exhausted: ctx ended first.
func (b *Budget) Claim(ctx context.Context, n int64) (release func(), err error) {
	if n > b.size {
		return nil, errkind.New(errkind.Invalid, "%d MiB of memory are needed, and all requests together may use %d MiB; send something smaller", mib(n), mib(b.size))
	}
	n = max(n, 0)
	if err := b.free.Acquire(ctx, n); err != nil {
		return nil, errkind.New(errkind.Exhausted, "other requests use the needed memory; try again soon")
	}
	return func() { b.free.Release(n) }, nil
}

// mib rounds up: a number of bytes that does not fit is never reported as a number that fits.
func mib(n int64) int64 { return n>>20 + min(1, n&(1<<20-1)) }
