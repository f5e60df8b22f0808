package operatorapi

import (
	"context"
	"fmt"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/rpc"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

const (
	// A rate is measured over at least leastSpan, and from a look that is at most mostSpan old.
	leastSpan = time.Second
	mostSpan  = 2 * time.Minute
)

// rates remembers the last look at how much each hop had handled.
type rates struct {
	mu   sync.Mutex
	last *look
}

type look struct {
	at  time.Time
	all map[events.Topic]map[string]events.TopicLag // by topic and group
}

// look asks the log how far every hop is.
func (s *Server) look(ctx context.Context) (*look, error) {
	l := &look{at: time.Now(), all: map[events.Topic]map[string]events.TopicLag{}}
	for _, hop := range events.Hops() {
		topics, err := s.deps.Events.Behind(ctx, hop)
		if err != nil {
			return nil, fmt.Errorf("looking how far %s is: %w", hop.Group, err)
		}
		for _, t := range topics {
			if l.all[t.Topic] == nil {
				l.all[t.Topic] = map[string]events.TopicLag{}
			}
			l.all[t.Topic][hop.Group] = t
		}
	}
	return l, nil
}

// GetLag tells how far each hop is behind, and at which rate the hop handles events.
func (s *Server) GetLag(ctx context.Context, _ *connect.Request[pb.GetLagRequest]) (*connect.Response[pb.GetLagResponse], error) {
	if err := rpc.CallerFrom(ctx).Require(authz.Operator); err != nil {
		return nil, err
	}
	s.rates.mu.Lock()
	was := s.rates.last
	s.rates.mu.Unlock()
	if was == nil || time.Since(was.at) > mostSpan {
		var err error
		if was, err = s.look(ctx); err != nil {
			return nil, err
		}
	}
	if wait := leastSpan - time.Since(was.at); wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	now, err := s.look(ctx)
	if err != nil {
		return nil, err
	}
	s.rates.mu.Lock()
	s.rates.last = now
	s.rates.mu.Unlock()
	resp := &pb.GetLagResponse{}
	for _, hop := range events.Hops() {
		for _, t := range hop.Topics {
			l := now.all[t][hop.Group]
			e := &pb.Lag{Hop: hop.Group, Topic: string(t), Messages: l.Messages, EtaSeconds: -1}
			if !l.Oldest.IsZero() {
				e.Seconds = max(0, now.at.Sub(l.Oldest).Seconds())
			}
			e.Rate = max(0, float64(l.Handled-was.all[t][hop.Group].Handled)/now.at.Sub(was.at).Seconds())
			switch {
			case l.Messages == 0:
				e.EtaSeconds = 0
			case e.Rate > 0:
				e.EtaSeconds = float64(l.Messages) / e.Rate
			}
			resp.Lags = append(resp.Lags, e)
		}
	}
	return connect.NewResponse(resp), nil
}
