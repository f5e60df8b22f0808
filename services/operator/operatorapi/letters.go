package operatorapi

import (
	"context"
	"fmt"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/rpc"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Limits of an answer with letters.
const (
	defaultLetters = 100
	maxLetters     = 1000
	maxLetterBytes = 16 << 20
)

func letterFilter(f *pb.LetterFilter) events.LetterFilter {
	return events.LetterFilter{IDs: f.GetIds(), Topic: events.Topic(f.GetTopic()), Group: f.GetHop(), Subject: f.GetAsset(), Reason: f.GetReason()}
}

// ListDeadLetters lists messages that could not be handled and are neither retried nor dropped.
func (s *Server) ListDeadLetters(ctx context.Context, req *connect.Request[pb.ListDeadLettersRequest]) (*connect.Response[pb.ListDeadLettersResponse], error) {
	if err := rpc.CallerFrom(ctx).Require(authz.Operator); err != nil {
		return nil, err
	}
	limit := int(req.Msg.GetLimit())
	if limit < 0 || limit > maxLetters {
		return nil, errkind.New(errkind.Invalid, "limit: must be from 1 to %d", maxLetters)
	}
	if limit == 0 {
		limit = defaultLetters
	}
	resp := &pb.ListDeadLettersResponse{}
	bytes := 0
	for l, err := range s.deps.Events.DeadLetters(ctx, letterFilter(req.Msg.GetFilter())) {
		if err != nil && l.ID == "" {
			return nil, fmt.Errorf("reading the dead letters: %w", err)
		}
		if err != nil {
			s.deps.Log.Warn("a dead letter cannot be read", "error", err)
			continue
		}
		d := &pb.DeadLetter{Id: l.ID, Topic: string(l.Topic), Hop: l.Group, Asset: l.Subject, Kind: l.Kind.String(), Reason: l.Reason,
			Attempts: int32(l.Attempts), TimeMs: l.Time.UnixMilli(), Key: []byte(l.Subject), Value: l.Value, Headers: map[string][]byte{}}
		for _, h := range l.Headers {
			d.Headers[h.Key] = h.Value
		}
		resp.Letters = append(resp.Letters, d)
		if bytes += len(l.Value); len(resp.Letters) >= limit || bytes >= maxLetterBytes {
			break
		}
	}
	return connect.NewResponse(resp), nil
}

// RetryDeadLetters puts messages back into their topics, byte for byte.
func (s *Server) RetryDeadLetters(ctx context.Context, req *connect.Request[pb.RetryDeadLettersRequest]) (*connect.Response[pb.RetryDeadLettersResponse], error) {
	n, err := s.resolve(ctx, req.Msg.GetFilter(), req.Msg.GetDryRun(), s.deps.Events.Retry)
	return rpc.Respond(&pb.RetryDeadLettersResponse{Letters: int64(n)}, err)
}

// DropDeadLetters marks letters as dealt with: they stay in the log, and are not shown any more.
func (s *Server) DropDeadLetters(ctx context.Context, req *connect.Request[pb.DropDeadLettersRequest]) (*connect.Response[pb.DropDeadLettersResponse], error) {
	n, err := s.resolve(ctx, req.Msg.GetFilter(), req.Msg.GetDryRun(), s.deps.Events.Drop)
	return rpc.Respond(&pb.DropDeadLettersResponse{Letters: int64(n)}, err)
}

// resolve calls do with the letters that a filter picks. Letters that come meanwhile are left for the next call.
func (s *Server) resolve(ctx context.Context, f *pb.LetterFilter, dry bool, do func(context.Context, ...string) (int, error)) (int, error) {
	if err := rpc.CallerFrom(ctx).Require(authz.Operator); err != nil {
		return 0, err
	}
	var ids []string
	seen := map[string]bool{}
	for l, err := range s.deps.Events.DeadLetters(ctx, letterFilter(f)) {
		if err != nil && l.ID == "" {
			return 0, fmt.Errorf("reading the dead letters: %w", err)
		}
		if err == nil && !seen[l.ID] {
			seen[l.ID] = true
			ids = append(ids, l.ID)
		}
	}
	for _, id := range f.GetIds() {
		if !seen[id] {
			return 0, errkind.New(errkind.NotFound, "filter.ids: there is no dead letter %.64q; `cinedex dead-letters list` shows which there are", id)
		}
	}
	if dry {
		return len(ids), nil
	}
	return do(ctx, ids...)
}
