package graphqlapi

import (
	"context"
	"math"
	"strings"

	"connectrpc.com/connect"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/rpcapi"
)

// resolvers call the service's methods, like gRPC. All fields below the first fields of a request come from the
// methods' answers.
type resolvers struct{ rpc *rpcapi.Server }

func (r resolvers) Query() QueryResolver { return r }

func (r resolvers) Mutation() MutationResolver { return r }

func (r resolvers) Subscription() SubscriptionResolver { return r }

// ask calls a method of the service.
func ask[Q, A any](ctx context.Context, method func(context.Context, *connect.Request[Q]) (*connect.Response[A], error), request *Q) (*A, error) {
	resp, err := method(ctx, connect.NewRequest(request))
	if err != nil {
		return nil, failure{err}
	}
	return resp.Msg, nil
}

// value is the value of an optional input.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func (r resolvers) Search(ctx context.Context, q *string, tree *QueryInput, filter *FilterInput, limit *int32, cursor *string, timeoutMs *int32, order *Order, profile *string, facets, languages []string, group *string, explain, asWritten *bool) (*pb.SearchResponse, error) {
	t, err := tree.message("query")
	if err != nil {
		return nil, failure{err}
	}
	return ask(ctx, r.rpc.Search, &pb.SearchRequest{Q: value(q), Query: t, Filter: filter.message(), Limit: value(limit), Cursor: value(cursor),
		TimeoutMs: value(timeoutMs), Order: strings.ToLower(string(value(order))), Profile: value(profile), Facets: facets, Languages: languages, Group: value(group), Explain: value(explain), AsWritten: value(asWritten)})
}

func (r resolvers) Suggest(ctx context.Context, typed string, limit int32, filter *FilterInput) (*pb.SuggestResponse, error) {
	return ask(ctx, r.rpc.Suggest, &pb.SuggestRequest{Typed: typed, Limit: limit, Filter: filter.message()})
}

func (r resolvers) Recommend(ctx context.Context, q string, limit int32) (*pb.RecommendResponse, error) {
	return ask(ctx, r.rpc.Recommend, &pb.RecommendRequest{Q: q, Limit: limit})
}

func (r resolvers) Picked(ctx context.Context, search string, moments []*PickedInput) (bool, error) {
	req := &pb.PickedRequest{Search: search}
	for _, m := range moments {
		req.Moments = append(req.Moments, &pb.PickedMoment{Asset: m.Asset, Start: m.Start, End: m.End})
	}
	_, err := ask(ctx, r.rpc.Picked, req)
	return err == nil, err
}

func (r resolvers) Forget(ctx context.Context, name *string) (int32, error) {
	answer, err := ask(ctx, r.rpc.Forget, &pb.ForgetRequest{Name: value(name)})
	return int32(min(answer.GetForgotten(), math.MaxInt32)), err
}

func (r resolvers) Titles(ctx context.Context, limit int32, cursor *string) (*pb.ListTitlesResponse, error) {
	return ask(ctx, r.rpc.ListTitles, &pb.ListTitlesRequest{Limit: limit, Cursor: value(cursor)})
}

func (r resolvers) Asset(ctx context.Context, id string, frames *bool) (*pb.GetAssetResponse, error) {
	return ask(ctx, r.rpc.GetAsset, &pb.GetAssetRequest{Asset: id, Frames: value(frames)})
}

func (r resolvers) Annotations(ctx context.Context, asset string, kinds []string, start, end *int64, limit int32, cursor *string) (*pb.ListAnnotationsResponse, error) {
	return ask(ctx, r.rpc.ListAnnotations, &pb.ListAnnotationsRequest{Asset: asset, Kinds: kinds, Start: value(start), End: value(end), Limit: limit, Cursor: value(cursor)})
}

func (r resolvers) Status(ctx context.Context, limit int32, cursor *string) ([]*pb.AssetStatus, error) {
	answer, err := ask(ctx, r.rpc.GetStatus, &pb.GetStatusRequest{Limit: limit, Cursor: value(cursor)})
	return answer.GetAssets(), err
}

func (f *FilterInput) message() *pb.Filter {
	if f == nil {
		return nil
	}
	return &pb.Filter{Titles: f.Titles, Series: f.Series, Assets: f.Assets, Languages: f.Languages, Characters: f.Characters, Kinds: f.Kinds,
		MinConfidence: float32(value(f.MinConfidence)), Start: value(f.Start), End: value(f.End)}
}

func (r resolvers) Catalog(ctx context.Context) (*pb.GetCatalogResponse, error) {
	return ask(ctx, r.rpc.GetCatalog, &pb.GetCatalogRequest{})
}
