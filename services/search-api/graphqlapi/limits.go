package graphqlapi

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/rpcapi"
)

// The limits of a request.
const (
	// MaxTokens bounds the parsed document. A long query belongs into variables.
	MaxTokens = 2000
	// MaxDepth is above the depth of the schema itself and of explorers' introspection.
	MaxDepth = 16
	// MaxFields bounds the fields of a document once the document's fragments are written out. Each fragment can double
	// the fields.
	MaxFields = 2000
	// MaxComplexity bounds the values of an answer, by the lists' limits if given and by the lists' usual length
	// otherwise: 200 hits with everything, or 100 titles.
	MaxComplexity = 25_000
	// MaxDirectives bounds the directives of a document: @skip and @include may stand on every field.
	MaxDirectives = 100
	// MaxErrors bounds the errors of an answer: each word of a document may be wrong by itself.
	MaxErrors = 20
	// searchCost is the cost of a search without its hits.
	searchCost = 1000
)

// restrain puts every limit before the execution: no limit needs a part of an answer.
func restrain(s *handler.Server) {
	s.SetParserTokenLimit(MaxTokens)
	s.Use(extent{})
	s.Use(extension.FixedComplexityLimit(MaxComplexity))
	s.AroundResponses(func(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
		resp := next(ctx)
		if resp == nil { // the end of a subscription
			return nil
		}
		if n := len(resp.Errors); n > MaxErrors {
			more := gqlerror.Errorf("%d more errors", n-MaxErrors)
			errcode.Set(more, errcode.ValidationFailed)
			resp.Errors = append(resp.Errors[:MaxErrors:MaxErrors], more)
		}
		return resp
	})
}

// complexity is the cost of each list: the list's limit, or the usual length, times the cost of an item.
func complexity() (c ComplexityRoot) {
	paged := func(child int, limit int32, most int) int {
		n := int(limit)
		if n < 1 || n > most { // the service's own default, or a refusal
			n = most
		}
		return 1 + n*child
	}
	c.Query.Search = func(child int, _ *string, _ *QueryInput, _ *FilterInput, limit *int32, _ *string, _ *int32, _ *Order, profile *string, _, _ []string, _ *string, _, _ *bool) int {
		hits := value(limit)
		switch {
		case hits == 0 && value(profile) == "":
			hits = gateway.DefaultLimit
		case hits == 0:
			hits = gateway.MaxLimit // the profile may say so many
		}
		return searchCost + paged(child, hits, gateway.MaxLimit)
	}
	c.Subscription.WatchSearch = func(child int, _ string, _ *string) int { return searchCost + child }
	c.NewHits.Hits = func(child int) int { return 1 + gateway.DefaultLimit*child }
	c.Query.Suggest = func(child int, _ string, limit int32) int { return paged(child, limit, gateway.MaxSuggestions) }
	c.Query.Recommend = func(child int, _ string, limit int32) int {
		return searchCost + paged(child, limit, gateway.MaxRecommended)
	}
	c.Query.Titles = func(child int, limit int32, _ *string) int { return paged(child, limit, rpcapi.MaxPage) }
	c.Query.Annotations = func(child int, _ string, _ []string, _, _ *int64, limit int32, _ *string) int {
		return paged(child, limit, rpcapi.MaxPage)
	}
	usually := func(n int) func(int) int { return func(child int) int { return 1 + n*child } }
	c.Query.Status = func(child int, limit int32, _ *string) int { return paged(child, limit, rpcapi.MaxPage) }
	c.Hit.Evidence, c.Hit.Marks, c.Hit.Lines, c.HitLine.Marks = usually(4), usually(4), usually(2), usually(4)
	c.TitleEntry.Assets = usually(2)
	c.Asset.Audio, c.Asset.Text = usually(2), usually(4)
	c.AssetAnswer.Active, c.AssetStatus.Active, c.AssetStatus.Runs = usually(8), usually(8), usually(8)
	c.Catalog.Leaves, c.Catalog.Kinds, c.Catalog.Spaces, c.Catalog.Algorithms = usually(20), usually(20), usually(10), usually(20)
	return c
}

// extent refuses a document with several operations, with too great a depth, or with too many fields.
type extent struct{}

func (extent) ExtensionName() string                   { return "Extent" }
func (extent) Validate(graphql.ExecutableSchema) error { return nil }

func (extent) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	refuse := func(at *ast.Position, format string, args ...any) *gqlerror.Error {
		err := gqlerror.ErrorPosf(at, format, args...)
		errcode.Set(err, errcode.ValidationFailed)
		return err
	}
	if n := len(op.Doc.Operations); n > 1 {
		return refuse(op.Doc.Operations[1].Position, "%d operations in one request are more than the 1 allowed", n)
	}
	if n := directives(op.Doc); n > MaxDirectives {
		return refuse(op.Operation.Position, "%d directives are more than the %d allowed", n, MaxDirectives)
	}
	m := measure{}
	switch size := m.of(op.Operation.SelectionSet); {
	case size.depth > MaxDepth:
		return refuse(op.Operation.Position, "the operation is %d fields deep, more than the %d allowed", size.depth, MaxDepth)
	case size.fields > MaxFields:
		return refuse(op.Operation.Position, "the operation has more than the %d fields allowed, its fragments written out", MaxFields)
	}
	return nil
}

// directives counts the directives of a whole document.
func directives(doc *ast.QueryDocument) (n int) {
	var of func(ast.SelectionSet)
	of = func(set ast.SelectionSet) {
		for _, s := range set {
			switch s := s.(type) {
			case *ast.Field:
				n += len(s.Directives)
				of(s.SelectionSet)
			case *ast.InlineFragment:
				n += len(s.Directives)
				of(s.SelectionSet)
			case *ast.FragmentSpread:
				n += len(s.Directives)
			}
		}
	}
	for _, o := range doc.Operations {
		n += len(o.Directives)
		of(o.SelectionSet)
	}
	for _, f := range doc.Fragments {
		n += len(f.Directives)
		of(f.SelectionSet)
	}
	return n
}

type size struct{ depth, fields int }

// measure measures each fragment once, however often the fragment is spread. Validation has refused fragments that
// spread themselves.
type measure map[string]size

func (m measure) of(set ast.SelectionSet) (total size) {
	for _, s := range set {
		var one size
		switch s := s.(type) {
		case *ast.Field:
			one = m.of(s.SelectionSet)
			one.depth, one.fields = one.depth+1, one.fields+1
		case *ast.InlineFragment:
			one = m.of(s.SelectionSet)
		case *ast.FragmentSpread:
			var known bool
			if one, known = m[s.Name]; !known {
				one = m.of(s.Definition.SelectionSet)
				m[s.Name] = one
			}
		}
		total.depth = max(total.depth, one.depth)
		total.fields = min(total.fields+one.fields, MaxFields+1) // as much as matters, and never over the edge of an int
	}
	return total
}
