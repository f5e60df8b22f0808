package gateway_test

import (
	"maps"
	"slices"

	"pgregory.net/rapid"

	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
)

// related returns the moments of the operators of time, by looking at every pair.
func (o *oracle) related(q *pb.Query) (out []oracleMoment) {
	switch n := q.GetNode().(type) {
	case *pb.Query_Then:
		right := o.of(n.Then.GetRight())
		for _, x := range o.of(n.Then.GetLeft()) {
			var first *oracleMoment
			for _, y := range right {
				if x.asset != y.asset || y.Start < x.End || y.Start-x.End > schema.Time(n.Then.GetGap()) {
					continue
				}
				if first == nil || y.Start < first.Start || y.Start == first.Start && o.better(y, *first) < 0 {
					first = &y
				}
			}
			if first != nil {
				out = append(out, both(x, *first, x.Hull(first.Interval)))
			}
		}
	case *pb.Query_Related:
		if inPicture(n.Related.GetRelation()) {
			return o.picture(n.Related)
		}
		right := o.of(n.Related.GetRight())
		for _, x := range o.of(n.Related.GetLeft()) {
			if slices.ContainsFunc(right, func(y oracleMoment) bool { return x.asset == y.asset && stands(n.Related, x.Interval, y.Interval) }) {
				out = append(out, x)
			}
		}
	case *pb.Query_NearCut:
		for _, x := range o.of(n.NearCut.GetQuery()) {
			near := func(t schema.Time) bool {
				return slices.ContainsFunc(o.cuts(x.asset), func(cut schema.Time) bool { return max(cut-t, t-cut) <= schema.Time(n.NearCut.GetGap()) })
			}
			if near(x.Start) || near(x.End) {
				out = append(out, x)
			}
		}
	case *pb.Query_AtLeast:
		return o.atLeast(n.AtLeast)
	}
	return out
}

func stands(n *pb.Related, x, y schema.Interval) bool {
	apart := func(a, b schema.Time) bool { return max(a-b, b-a) <= schema.Time(n.GetGap()) }
	switch n.GetRelation() {
	case pb.Relation_RELATION_OVERLAPS:
		return x.Overlaps(y)
	case pb.Relation_RELATION_DURING:
		return y.Start <= x.Start && x.End <= y.End
	case pb.Relation_RELATION_STARTS_NEAR:
		return apart(x.Start, y.Start)
	}
	return apart(x.End, y.End)
}

// cuts are the boundaries between the shots of a film.
func (o *oracle) cuts(asset string) (out []schema.Time) {
	if known, ok := o.cutsOf[asset]; ok {
		return known
	}
	for _, f := range o.films {
		if apitest.AssetOf(f.Title) != asset {
			continue
		}
		at := schema.Time(0)
		for i, s := range f.Shots {
			if i > 0 {
				out = append(out, at)
			}
			at += schema.Time(s.Seconds) * schema.Second
		}
	}
	if o.cutsOf == nil {
		o.cutsOf = map[string][]schema.Time{}
	}
	o.cutsOf[asset] = out
	return out
}

// atLeast looks at each second of the film in work. Every moment of a trial begins and ends at a full second.
func (o *oracle) atLeast(n *pb.AtLeast) (out []oracleMoment) {
	var lists [][]oracleMoment
	seconds := schema.Time(0)
	for _, q := range n.GetQueries() {
		lists = append(lists, o.of(q))
		for _, m := range lists[len(lists)-1] {
			seconds = max(seconds, m.End/schema.Second)
		}
	}
	var now *oracleMoment
	for s := range seconds {
		second := schema.Interval{Start: s * schema.Second, End: (s + 1) * schema.Second}
		held := 0
		for _, l := range lists {
			if slices.ContainsFunc(l, func(m oracleMoment) bool { return m.Overlaps(second) }) {
				held++
			}
		}
		switch {
		case held < int(n.GetCount()):
			now = nil
		case now != nil:
			now.End = second.End
		default:
			out = append(out, oracleMoment{asset: o.asset, Interval: second, why: map[reason]oracleItem{}})
			now = &out[len(out)-1]
		}
	}
	for i := range out {
		for _, l := range lists {
			for _, m := range l {
				if m.asset == out[i].asset && m.Overlaps(out[i].Interval) {
					out[i].why = maps.Clone(both(out[i], m, out[i].Interval).why)
				}
			}
		}
	}
	return out
}

// randomRelation makes a query of an operator of time.
func randomRelation(t *rapid.T, child func() *pb.Query) *pb.Query {
	gap := int64(rapid.IntRange(0, 8).Draw(t, "gap")) * int64(schema.Second)
	switch rapid.IntRange(0, 6).Draw(t, "relation") {
	case 0, 1:
		return query.Then(child(), child(), gap)
	case 2:
		return query.NearCut(child(), gap)
	case 3:
		of := []*pb.Query{child(), child(), child()}[:rapid.IntRange(2, 3).Draw(t, "of")]
		return query.AtLeast(rapid.IntRange(1, len(of)).Draw(t, "count"), of...)
	case 4:
		return query.Related(child(), pb.Relation_RELATION_STARTS_NEAR, child(), gap)
	case 5:
		return query.Related(child(), pb.Relation_RELATION_ENDS_NEAR, child(), gap)
	}
	return query.Related(child(), rapid.SampledFrom([]pb.Relation{pb.Relation_RELATION_OVERLAPS, pb.Relation_RELATION_DURING}).Draw(t, "of time"), child(), 0)
}
