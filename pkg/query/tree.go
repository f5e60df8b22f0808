package query

import pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"

// Leaf makes a query of one leaf.
func Leaf(l *pb.Leaf) *pb.Query { return &pb.Query{Node: &pb.Query_Leaf{Leaf: l}} }

// And: the time that moments of all queries share.
func And(qs ...*pb.Query) *pb.Query {
	return &pb.Query{Node: &pb.Query_And{And: &pb.And{Queries: qs}}}
}

// Or: moments of any of the queries.
func Or(qs ...*pb.Query) *pb.Query { return &pb.Query{Node: &pb.Query_Or{Or: &pb.Or{Queries: qs}}} }

// Not takes moments away from the other queries of an And.
func Not(q *pb.Query) *pb.Query { return &pb.Query{Node: &pb.Query_Not{Not: &pb.Not{Query: q}}} }

// Within spans moments of both sides at most gap flicks apart.
func Within(left, right *pb.Query, gap int64) *pb.Query {
	return &pb.Query{Node: &pb.Query_Within{Within: &pb.Within{Left: left, Right: right, Gap: gap}}}
}

// Then spans a moment of left and a moment of right, starting at most gap flicks after the end of left.
func Then(left, right *pb.Query, gap int64) *pb.Query {
	return &pb.Query{Node: &pb.Query_Then{Then: &pb.Then{Left: left, Right: right, Gap: gap}}}
}

// Related: moments of left in the relation to a moment of right. gap is in flicks, and 0 for a relation without a gap.
func Related(left *pb.Query, r pb.Relation, right *pb.Query, gap int64) *pb.Query {
	return &pb.Query{Node: &pb.Query_Related{Related: &pb.Related{Left: left, Relation: r, Right: right, Gap: gap}}}
}

// NearCut: moments with a start or an end at most gap flicks from a boundary between two shots.
func NearCut(q *pb.Query, gap int64) *pb.Query {
	return &pb.Query{Node: &pb.Query_NearCut{NearCut: &pb.NearCut{Query: q, Gap: gap}}}
}

// AtLeast: the time in which moments of at least count of the queries hold.
func AtLeast(count int, qs ...*pb.Query) *pb.Query {
	return &pb.Query{Node: &pb.Query_AtLeast{AtLeast: &pb.AtLeast{Count: int32(count), Queries: qs}}}
}

// Children returns the queries below a node, in the order in which they are printed.
func Children(q *pb.Query) []*pb.Query {
	switch n := q.GetNode().(type) {
	case *pb.Query_And:
		return n.And.GetQueries()
	case *pb.Query_Or:
		return n.Or.GetQueries()
	case *pb.Query_Not:
		return []*pb.Query{n.Not.GetQuery()}
	case *pb.Query_Within:
		return []*pb.Query{n.Within.GetLeft(), n.Within.GetRight()}
	case *pb.Query_Then:
		return []*pb.Query{n.Then.GetLeft(), n.Then.GetRight()}
	case *pb.Query_Related:
		return []*pb.Query{n.Related.GetLeft(), n.Related.GetRight()}
	case *pb.Query_NearCut:
		return []*pb.Query{n.NearCut.GetQuery()}
	case *pb.Query_AtLeast:
		return n.AtLeast.GetQueries()
	}
	return nil
}

// Leaves returns the leaves of a query in the order in which they are printed.
func Leaves(q *pb.Query) []*pb.Leaf {
	var out []*pb.Leaf
	Walk(q, func(l *pb.Leaf) { out = append(out, l) })
	return out
}

// Walk calls f for each leaf, in the order in which the leaves are printed.
func Walk(q *pb.Query, f func(*pb.Leaf)) {
	if l := q.GetLeaf(); l != nil {
		f(l)
	}
	for _, c := range Children(q) {
		Walk(c, f)
	}
}
