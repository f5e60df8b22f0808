package budget

import (
	"context"

	"golang.org/x/sync/semaphore"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A Budget is a number of bytes that claims share. Claims are served in the order in
// which they came, so a large claim is not starved by small ones. It is safe for
// concurrent use.
type Budget struct {
	size int64
	free *semaphore.Weighted
}

// New returns a budget of size bytes.
func New(size int64) *Budget { return &Budget{size, semaphore.NewWeighted(size)} }

// Size returns the bytes of the whole budget.
func (b *Budget) Size() int64 { return b.size }

// Claim takes n bytes and waits for them while ctx lasts. The caller MUST call release
// once, when the memory is no longer referred to.
//
// Errors: Invalid where n is more than the whole budget, so that the claim can never
// be met; Exhausted where ctx ended first.
func (b *Budget) Claim(ctx context.Context, n int64) (release func(), err error) {
	if n > b.size {
		return nil, errkind.New(errkind.Invalid, "%d MiB of memory are needed, and all requests together may use %d MiB; send something smaller", mib(n), mib(b.size))
	}
	n = max(n, 0)
	if err := b.free.Acquire(ctx, n); err != nil {
		return nil, errkind.New(errkind.Exhausted, "other requests use the memory that is needed; try again soon")
	}
	return func() { b.free.Release(n) }, nil
}

// mib rounds up: what does not fit is never told as a number that would.
func mib(n int64) int64 { return n>>20 + min(1, n&(1<<20-1)) }
