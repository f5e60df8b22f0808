package graphqlapi

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"

	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/rpcapi"
)

// The limits of a request.
const (
	// MaxDocument bounds the bytes of a document. Pictures and long texts belong into variables.
	MaxDocument = 64 << 10
	// MaxSuggesting bounds the bytes of a document whose wrong words get "did you mean": each suggestion compares a word with a whole type.
	MaxSuggesting = 4 << 10
	// MaxHash bounds the hash of a persisted query: SHA-256 in hexadecimal.
	MaxHash = 64
	// MaxTokens bounds the parsed document: each word may be wrong, and an error for each takes time. A long query belongs into
	// variables.
	MaxTokens = 1200
	// MaxDepth is above the depth of the schema itself and of explorers' introspection.
	MaxDepth = 16
	// MaxFields bounds the fields of a document once the document's fragments are written out. Each fragment can double
	// the fields. The fields of a fragment count once more: validation reads each fragment by itself, too.
	MaxFields = 2000
	// MaxPairs bounds the pairs of fields of one name at one place. Validation compares each two of them.
	MaxPairs = 20_000
	// MaxComplexity bounds the values of an answer, by the lists' limits if given and by the lists' usual length
	// otherwise: 200 hits with everything, or 100 titles.
	MaxComplexity = 25_000
	// MaxDirectives bounds the directives of a document: @skip and @include may stand on every field.
	MaxDirectives = 100
	// MaxErrors bounds the errors of an answer: each word of a document may be wrong by itself.
	MaxErrors = 20
	// searchCost is the cost of a search without its hits.
	searchCost = 1000
	// frameLengthsCost is the cost of the lengths of all frames of a film.
	frameLengthsCost = 5000
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
	c.NewHits.Gone = func(child int) int { return 1 + gateway.DefaultLimit*child }
	c.NewHits.Hits = func(child int) int { return 1 + gateway.DefaultLimit*child }
	c.Query.Suggest = func(child int, _ string, limit int32, _ *FilterInput) int {
		return paged(child, limit, gateway.MaxSuggestions)
	}
	c.Query.Recommend = func(child int, _ string, limit int32) int {
		return searchCost + paged(child, limit, gateway.MaxRecommended)
	}
	c.Query.Titles = func(child int, limit int32, _ *string) int { return paged(child, limit, rpcapi.MaxPage) }
	c.Query.Annotations = func(child int, _ string, _ []string, _, _ *int64, limit int32, _ *string) int {
		return paged(child, limit, rpcapi.MaxPage)
	}
	usually := func(n int) func(int) int { return func(child int) int { return 1 + n*child } }
	c.Query.Status = func(child int, limit int32, _ *string) int { return paged(child, limit, rpcapi.MaxPage) }
	c.Query.Bins = func(child int, limit int32, _ *string) int { return paged(child, limit, gateway.MaxBinsPage) }
	c.Query.BinHistory = func(child int, _ string, _ *string, _ *int32, limit int32) int {
		return paged(child, limit, gateway.MaxHistoryPage)
	}
	c.Query.RerunBin = func(child int, _ string, _ *string) int { return searchCost + child }
	c.Bin.Clips, c.Bin.Shares, c.Clip.Markers = usually(50), usually(2), usually(2)
	c.BinChange.Edits, c.BinChange.Before = usually(2), usually(1)
	c.BinRerun.Clips, c.BinRerun.Queries, c.QueryRerun.Found = usually(50), usually(2), usually(20)
	c.Hit.Evidence, c.Hit.Marks, c.Hit.Lines, c.HitLine.Marks = usually(4), usually(4), usually(2), usually(4)
	c.TitleEntry.Assets = usually(2)
	c.AssetAnswer.FrameLengths = func(child int) int { return frameLengthsCost + child }
	c.Asset.Audio, c.Asset.Text = usually(2), usually(4)
	c.AssetAnswer.Active, c.AssetStatus.Active, c.AssetStatus.Runs = usually(8), usually(8), usually(8)
	c.Catalog.Leaves, c.Catalog.Kinds, c.Catalog.Spaces, c.Catalog.Algorithms = usually(20), usually(20), usually(10), usually(20)
	return c
}

// extent refuses a document with several operations, with too great a depth, or with too many fields, before the document is validated:
// validation takes time in proportion to the fields written out, and to the pairs of fields of one name.
type extent struct{}

func (extent) ExtensionName() string                   { return "Extent" }
func (extent) Validate(graphql.ExecutableSchema) error { return nil }

func (extent) MutateOperationParameters(_ context.Context, request *graphql.RawParams) *gqlerror.Error {
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: request.Query}, MaxTokens)
	if err != nil || len(doc.Operations) == 0 {
		return nil // the execution parses too, and says what is wrong
	}
	operation := doc.Operations[0]
	refuse := func(at *ast.Position, format string, args ...any) *gqlerror.Error {
		err := gqlerror.ErrorPosf(at, format, args...)
		errcode.Set(err, errcode.ValidationFailed)
		return err
	}
	if n := len(doc.Operations); n > 1 {
		return refuse(doc.Operations[1].Position, "%d operations in one request are more than the 1 allowed", n)
	}
	if n := directives(doc); n > MaxDirectives {
		return refuse(operation.Position, "%d directives are more than the %d allowed", n, MaxDirectives)
	}
	m := &measure{doc: doc, inside: map[string]bool{}}
	m.whole(operation.SelectionSet)
	depth := m.depth
	for _, f := range doc.Fragments {
		m.whole(f.SelectionSet)
	}
	switch {
	case depth > MaxDepth:
		return refuse(operation.Position, "the operation is more than the %d fields deep that are allowed", MaxDepth)
	case m.fields > MaxFields:
		return refuse(operation.Position, "the operation has more than the %d fields allowed, its fragments written out", MaxFields)
	case m.pairs > MaxPairs:
		return refuse(operation.Position, "the operation names the same fields too often; name each field once in a selection")
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

// A measure measures selections with their fragments written out, until a limit is passed.
type measure struct {
	doc    *ast.QueryDocument
	inside map[string]bool // fragments that are being written out
	depth  int
	fields int // and spreads of fragments
	pairs  int
}

// whole measures the selection of an operation or of a fragment.
func (m *measure) whole(set ast.SelectionSet) { m.of([]ast.SelectionSet{set}, 1) }

// of measures the selections of one place, which are those of all fields of one name.
func (m *measure) of(sets []ast.SelectionSet, depth int) {
	named := map[string][]ast.SelectionSet{}
	for _, s := range sets {
		m.collect(s, named)
	}
	if len(named) > 0 {
		m.depth = max(m.depth, depth)
	}
	for _, of := range named {
		if m.pairs += len(of) * (len(of) - 1) / 2; m.past() || depth > MaxDepth {
			return
		}
		m.of(of, depth+1)
	}
}

// collect gathers the fields of a selection by name.
func (m *measure) collect(set ast.SelectionSet, named map[string][]ast.SelectionSet) {
	for _, s := range set {
		if m.fields++; m.past() {
			return
		}
		switch s := s.(type) {
		case *ast.Field:
			named[s.Alias] = append(named[s.Alias], s.SelectionSet)
		case *ast.InlineFragment:
			m.collect(s.SelectionSet, named)
		case *ast.FragmentSpread:
			f := m.doc.Fragments.ForName(s.Name)
			if f == nil || m.inside[s.Name] { // which validation refuses
				continue
			}
			m.inside[s.Name] = true
			m.collect(f.SelectionSet, named)
			delete(m.inside, s.Name)
		}
	}
}

// past reports whether a limit is passed.
func (m *measure) past() bool { return m.fields > MaxFields || m.pairs > MaxPairs }
