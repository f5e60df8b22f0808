package gateway

import (
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/recommend"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// normalForm returns the one-line form by which picks know a query. Queries of one normal form are the same query.
//
//   - Words are in lower case, with single spaces.
//   - The operands of AND, OR and AT LEAST are in the order of their print, and AND and OR have each operand once.
//   - A filter says where somebody looked, and not what for: the form has none.
//
// The form is "" for a query without such a form: a query with a picture, and a long query.
func normalForm(v *catalog.View, tree *pb.Query) string {
	lang := query.Language{Names: v}
	tree = proto.CloneOf(tree)
	query.Walk(tree, func(l *pb.Leaf) {
		if shapeOf(v, l) == pb.LeafShape_LEAF_SHAPE_WORDS {
			l.Text = strings.Join(strings.Fields(strings.ToLower(norm.NFC.String(l.GetText()))), " ")
		}
	})
	sortOperands(lang, tree)
	form := lang.Print(withoutPictures(tree), nil)
	if len(form) > recommend.MaxQuery {
		return ""
	}
	if back, f, err := lang.Parse(form); err != nil || !proto.Equal(back, tree) || f != nil && !proto.Equal(f, &pb.Filter{}) {
		return "" // the form says less than the query
	}
	return form
}

// sortOperands puts the operands whose order says nothing into the order of their print.
func sortOperands(lang query.Language, q *pb.Query) {
	for _, c := range query.Children(q) {
		sortOperands(lang, c)
	}
	byPrint := func(qs []*pb.Query) {
		slices.SortStableFunc(qs, func(a, b *pb.Query) int { return strings.Compare(lang.Print(a, nil), lang.Print(b, nil)) })
	}
	once := func(qs []*pb.Query) []*pb.Query {
		byPrint(qs)
		return slices.CompactFunc(qs, func(a, b *pb.Query) bool { return proto.Equal(a, b) })
	}
	var left []*pb.Query
	switch n := q.GetNode().(type) {
	case *pb.Query_And:
		n.And.Queries = once(n.And.GetQueries())
		left = n.And.GetQueries()
	case *pb.Query_Or:
		n.Or.Queries = once(n.Or.GetQueries())
		left = n.Or.GetQueries()
	case *pb.Query_AtLeast:
		byPrint(n.AtLeast.GetQueries())
	}
	if len(left) == 1 {
		q.Node = left[0].GetNode()
	}
}

// shapeOf returns the shape of a leaf; none for a leaf of an algorithm that is gone.
func shapeOf(v *catalog.View, l *pb.Leaf) pb.LeafShape {
	if leaf := v.Leaf(l.GetKind()); leaf != nil {
		return leaf.GetShape()
	}
	return pb.LeafShape_LEAF_SHAPE_UNSPECIFIED
}
