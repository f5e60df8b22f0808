package graphqlapi

import (
	"context"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/rpc"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A SavedSearch is a saved search, without the tree.
type SavedSearch struct {
	Name    string
	Q       string
	Profile string
}

func (r resolvers) SavedSearches(ctx context.Context) ([]*SavedSearch, error) {
	answer, err := ask(ctx, r.rpc.ListSavedSearches, &pb.ListSavedSearchesRequest{})
	if err != nil {
		return nil, err
	}
	out := []*SavedSearch{}
	for _, s := range answer.GetSaved() {
		out = append(out, &SavedSearch{s.GetName(), s.GetSearch().GetQ(), s.GetSearch().GetProfile()})
	}
	return out, nil
}

func (r resolvers) SaveSearch(ctx context.Context, name string, q *string, tree *QueryInput, filter *FilterInput, profile *string) (string, error) {
	t, err := tree.message("query")
	if err != nil {
		return "", failure{err}
	}
	answer, err := ask(ctx, r.rpc.SaveSearch, &pb.SaveSearchRequest{Saved: &pb.SavedSearch{Name: name,
		Search: &pb.SearchRequest{Q: value(q), Query: t, Filter: filter.message(), Profile: value(profile)}}})
	return answer.GetQuery(), err
}

func (r resolvers) DeleteSavedSearch(ctx context.Context, name string) (bool, error) {
	_, err := ask(ctx, r.rpc.DeleteSavedSearch, &pb.DeleteSavedSearchRequest{Name: name})
	return err == nil, err
}

// WatchSearch tells new hits until the caller leaves, or the stream ends for a reason of its own. A client that subscribes anew is told the
// reason.
func (r resolvers) WatchSearch(ctx context.Context, name string, since *string) (<-chan *pb.WatchSearchResponse, error) {
	return follow(ctx, func(ctx context.Context, tell func(*pb.WatchSearchResponse) error) error {
		return r.rpc.Watch(ctx, &pb.WatchSearchRequest{Name: name, Since: value(since)}, tell)
	})
}

// follow begins a stream of messages. An error before the first message is returned.
func follow[M any](ctx context.Context, serve func(ctx context.Context, tell func(M) error) error) (<-chan M, error) {
	ctx, end := rpc.BeginStream(ctx)
	out := make(chan M)
	begun, failed := make(chan struct{}), make(chan error, 1)
	go func() {
		defer end()
		defer close(out)
		first := true
		err := serve(ctx, func(m M) error {
			if first {
				first = false
				close(begun)
			}
			select {
			case out <- m:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		audit.From(ctx).End(err)
		if err != nil && first {
			failed <- err
		}
	}()
	select {
	case <-begun:
		return out, nil
	case err := <-failed:
		return nil, failure{err}
	case <-ctx.Done():
		return out, nil
	}
}
