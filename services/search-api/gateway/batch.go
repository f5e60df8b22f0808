package gateway

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

const (
	// MaxBatch bounds the searches of one call.
	MaxBatch = 20
	// batchAtOnce is how many searches of one call are answered at once. Callers share the engine by the queues.
	batchAtOnce = 4
)

// SearchBatch answers several searches of one caller. Each is answered or refused by itself.
//
//   - Every search is understood, and its cost counted, before the first is answered.
//   - One deadline is for all answers. A search whose turn comes after the deadline is refused as Unavailable.
//   - Invalid: there are no searches, or too many; timeout_ms is negative.
//   - refusal makes the message of a refused search.
func (g *Gateway) SearchBatch(ctx context.Context, caller *authz.Caller, req *pb.SearchBatchRequest, refusal func(error) *pb.Refusal) (*pb.SearchBatchResponse, error) {
	switch n := len(req.GetSearches()); {
	case caller == nil:
		return nil, errNobody
	case n == 0 || n > MaxBatch:
		return nil, errkind.New(errkind.Invalid, "searches: want from 1 to %d, not %d", MaxBatch, n)
	case req.GetTimeoutMs() < 0:
		return nil, errkind.New(errkind.Invalid, "timeout_ms: must be 0 or more")
	}
	late, cancel := context.WithTimeoutCause(ctx, g.within(req.GetTimeoutMs()), errLate)
	defer cancel()
	resp := &pb.SearchBatchResponse{Answers: make([]*pb.SearchBatchAnswer, len(req.GetSearches()))}
	answers := make([]*pending, len(req.GetSearches()))
	for i, one := range req.GetSearches() {
		answers[i] = g.prepare(ctx, caller, one)
	}
	var eg errgroup.Group
	eg.SetLimit(batchAtOnce)
	for i, a := range answers {
		eg.Go(func() error {
			answer, err := g.answer(ctx, late, a)
			if err != nil {
				resp.Answers[i] = &pb.SearchBatchAnswer{Outcome: &pb.SearchBatchAnswer_Refusal{Refusal: refusal(err)}}
				audit.From(ctx).Partial()
				return nil
			}
			resp.Answers[i] = &pb.SearchBatchAnswer{Outcome: &pb.SearchBatchAnswer_Answer{Answer: answer}}
			return nil
		})
	}
	_ = eg.Wait()
	if ctx.Err() != nil {
		return nil, errkind.New(errkind.Cancelled, "the caller went away: %w", ctx.Err())
	}
	return resp, nil
}

// within is how long an answer may take, where the caller asks for so many milliseconds.
func (g *Gateway) within(timeoutMs int32) time.Duration {
	if t := time.Duration(timeoutMs) * time.Millisecond; t > 0 {
		return min(g.cfg.Timeout, t)
	}
	return g.cfg.Timeout
}
