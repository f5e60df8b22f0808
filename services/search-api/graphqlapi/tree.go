package graphqlapi

import (
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/query"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// message returns the query as the service takes queries. The service checks the whole query.
func (q *QueryInput) message(at string) (*pb.Query, error) {
	if q == nil {
		return nil, nil
	}
	r := reading{}
	var nodes []*pb.Query
	if q.Leaf != nil {
		nodes = append(nodes, query.Leaf(r.leaf(q.Leaf, at+".leaf")))
	}
	if q.And != nil {
		nodes = append(nodes, query.And(r.list(q.And, at+".and")...))
	}
	if q.Or != nil {
		nodes = append(nodes, query.Or(r.list(q.Or, at+".or")...))
	}
	if q.Not != nil {
		nodes = append(nodes, query.Not(r.query(q.Not, at+".not")))
	}
	if w := q.Within; w != nil {
		nodes = append(nodes, query.Within(r.query(w.Left, at+".within.left"), r.query(w.Right, at+".within.right"), w.Gap))
	}
	if t := q.Then; t != nil {
		nodes = append(nodes, query.Then(r.query(t.Left, at+".then.left"), r.query(t.Right, at+".then.right"), t.Gap))
	}
	if n := q.Related; n != nil {
		nodes = append(nodes, query.Related(r.query(n.Left, at+".related.left"), n.Relation, r.query(n.Right, at+".related.right"), value(n.Gap)))
	}
	if c := q.NearCut; c != nil {
		nodes = append(nodes, query.NearCut(r.query(c.Query, at+".nearCut.query"), c.Gap))
	}
	if l := q.AtLeast; l != nil {
		nodes = append(nodes, query.AtLeast(int(l.Count), r.list(l.Queries, at+".atLeast.queries")...))
	}
	switch {
	case r.err != nil:
		return nil, r.err
	case len(nodes) != 1:
		return nil, errkind.New(errkind.Invalid, "%s: set exactly one of leaf, and, or, not, within, then, related, nearCut and atLeast", at)
	}
	return nodes[0], nil
}

// A reading turns inputs into messages, and keeps the first error.
type reading struct{ err error }

func (r *reading) query(q *QueryInput, at string) *pb.Query {
	m, err := q.message(at)
	r.fail(err)
	return m
}

func (r *reading) list(in []*QueryInput, at string) (out []*pb.Query) {
	for _, q := range in {
		out = append(out, r.query(q, at))
	}
	return out
}

func (r *reading) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reading) leaf(l *LeafInput, at string) *pb.Leaf {
	out := &pb.Leaf{Kind: l.Kind, Text: value(l.Text), Mode: value(l.Mode), Image: l.Image, Asset: value(l.Asset), Timecode: value(l.Timecode),
		Time: value(l.Time), Weight: float32(value(l.Weight)), MinConfidence: float32(value(l.MinConfidence)), Languages: l.Languages,
		Slop: value(l.Slop), Attributes: l.Attributes, Crop: l.Crop.message(), Same: value(l.Same)}
	for _, x := range l.Examples {
		out.Examples = append(out.Examples, &pb.Example{Text: value(x.Text), Image: x.Image, Asset: value(x.Asset), Timecode: value(x.Timecode), Time: value(x.Time),
			Shot: value(x.Shot), Crop: x.Crop.message(), Weight: float32(value(x.Weight))})
	}
	for _, t := range l.Regions {
		out.Regions = append(out.Regions, &pb.RegionTest{Relation: t.Relation, Value: float32(value(t.Value)), Region: t.Region.message()})
	}
	if l.Range != nil {
		out.Range = &pb.NumberRange{Min: l.Range.Min, Max: l.Range.Max}
	}
	for _, n := range l.Ranges {
		if out.Ranges == nil {
			out.Ranges = map[string]*pb.NumberRange{}
		}
		if out.Ranges[n.Name] != nil {
			r.fail(errkind.New(errkind.Invalid, "%s.ranges: %.70s is given twice", at, n.Name))
		}
		out.Ranges[n.Name] = &pb.NumberRange{Min: n.Min, Max: n.Max}
	}
	return out
}

// message returns a region; nil for none.
func (g *RegionInput) message() *pb.Region {
	if g == nil {
		return nil
	}
	return &pb.Region{X: float32(g.X), Y: float32(g.Y), W: float32(g.W), H: float32(g.H)}
}
