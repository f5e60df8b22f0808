package gateway_test

import (
	"maps"
	"slices"

	"pgregory.net/rapid"

	"github.com/cinedex/cinedex/pkg/query"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
)

// picturesRelated are the relations between two regions.
var picturesRelated = []pb.Relation{pb.Relation_RELATION_LEFT_OF, pb.Relation_RELATION_RIGHT_OF, pb.Relation_RELATION_ABOVE, pb.Relation_RELATION_BELOW,
	pb.Relation_RELATION_INSIDE, pb.Relation_RELATION_LARGER_THAN, pb.Relation_RELATION_SMALLER_THAN}

func inPicture(r pb.Relation) bool { return slices.Contains(picturesRelated, r) }

// picture returns the moments of a relation in the picture, by looking at every pair of items of every pair of moments.
func (o *oracle) picture(n *pb.Related) (out []oracleMoment) {
	right := o.of(n.GetRight())
	for _, x := range o.of(n.GetLeft()) {
		for _, y := range right {
			if x.asset != y.asset || !x.Overlaps(y.Interval) {
				continue
			}
			why := [2]map[reason]oracleItem{{}, {}}
			for k, a := range x.why {
				for l, b := range y.why {
					if regionStands(n.GetRelation(), a.region, b.region) {
						why[0][k], why[1][l] = a, b
					}
				}
			}
			if len(why[0]) > 0 {
				left, right := x, y
				left.why, right.why = maps.Clone(why[0]), maps.Clone(why[1])
				out = append(out, both(left, right, x.Intersect(y.Interval)))
			}
		}
	}
	return out
}

// regionStands compares two regions. The numbers of the trials are eighths, so that sums are exact.
func regionStands(r pb.Relation, a, b *pb.Region) bool {
	if a == nil || b == nil {
		return false
	}
	switch r {
	case pb.Relation_RELATION_LEFT_OF:
		return 2*a.X+a.W < 2*b.X+b.W
	case pb.Relation_RELATION_RIGHT_OF:
		return regionStands(pb.Relation_RELATION_LEFT_OF, b, a)
	case pb.Relation_RELATION_ABOVE:
		return 2*a.Y+a.H < 2*b.Y+b.H
	case pb.Relation_RELATION_BELOW:
		return regionStands(pb.Relation_RELATION_ABOVE, b, a)
	case pb.Relation_RELATION_INSIDE:
		return b.X <= a.X && b.Y <= a.Y && a.X+a.W <= b.X+b.W && a.Y+a.H <= b.Y+b.H
	case pb.Relation_RELATION_SMALLER_THAN:
		return a.W*a.H < b.W*b.H
	case pb.Relation_RELATION_LARGER_THAN:
		return a.W*a.H > b.W*b.H
	}
	return a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H // OVERLAPS
}

func testsFace(l *pb.Leaf) bool {
	return len(l.GetRegions())+len(l.GetRanges())+len(l.GetAttributes()) > 0
}

// passesTests holds a face against the tests of a leaf.
func passesTests(l *pb.Leaf, f apitest.Face) bool {
	for _, test := range l.GetRegions() {
		with := test.GetRegion()
		if with == nil { // a line at a place, or an area
			v := test.GetValue()
			with = &pb.Region{X: v, Y: v}
			if test.GetRelation() == pb.Relation_RELATION_LARGER_THAN || test.GetRelation() == pb.Relation_RELATION_SMALLER_THAN {
				with = &pb.Region{W: v, H: 1}
			}
		}
		if !regionStands(test.GetRelation(), f.Region, with) {
			return false
		}
	}
	if r := l.GetRanges()["count"]; r != nil && (r.Min != nil && float64(f.Count) < r.GetMin() || r.Max != nil && float64(f.Count) > r.GetMax()) {
		return false
	}
	if v := l.GetAttributes()["smiles"]; v != nil && v.GetFlag() != f.Smiles {
		return false
	}
	if v := l.GetAttributes()["who"]; v != nil && v.GetText() != f.Name && v.GetText() != "somebody" {
		return false
	}
	return true
}

func eighth(t *rapid.T, most int) float32 {
	return float32(rapid.IntRange(0, most).Draw(t, "eighth")) / 8
}

func randomRegion(t *rapid.T) *pb.Region {
	x, y := eighth(t, 6), eighth(t, 6)
	return &pb.Region{X: x, Y: y, W: min(1-x, eighth(t, 6)+0.125), H: min(1-y, eighth(t, 6)+0.125)}
}

func randomFaces(t *rapid.T, films []apitest.Film) [][]apitest.Face {
	faces := make([][]apitest.Face, len(films))
	for i := range films {
		for range rapid.IntRange(0, 6).Draw(t, "faces") {
			from := rapid.Int64Range(0, 12).Draw(t, "from")
			f := apitest.Face{From: from, To: from + rapid.Int64Range(1, 9).Draw(t, "length"), Name: rapid.SampledFrom(trialWords).Draw(t, "name"),
				Smiles: rapid.Bool().Draw(t, "smiles"), Count: rapid.Int64Range(1, 3).Draw(t, "count")}
			if rapid.IntRange(0, 5).Draw(t, "placed") > 0 {
				f.Region = randomRegion(t)
			}
			faces[i] = append(faces[i], f)
		}
	}
	return faces
}

// randomFace is a leaf of faces, mostly with a test of the region or of an attribute.
func randomFace(t *rapid.T) *pb.Query {
	l := &pb.Leaf{Kind: "face", Mode: pb.TextMode_TEXT_MODE_WORDS, Text: rapid.SampledFrom(trialWords).Draw(t, "face")}
	switch rapid.IntRange(0, 5).Draw(t, "test") {
	case 0:
		l.Regions = []*pb.RegionTest{{Relation: rapid.SampledFrom([]pb.Relation{pb.Relation_RELATION_OVERLAPS, pb.Relation_RELATION_INSIDE}).Draw(t, "with"), Region: randomRegion(t)}}
	case 1:
		relation := rapid.SampledFrom(slices.DeleteFunc(slices.Clone(picturesRelated), func(r pb.Relation) bool { return r == pb.Relation_RELATION_INSIDE })).Draw(t, "against")
		l.Regions = []*pb.RegionTest{{Relation: relation, Value: eighth(t, 7) + 0.0625}}
	case 2:
		from := float64(rapid.IntRange(1, 3).Draw(t, "least"))
		l.Ranges = map[string]*pb.NumberRange{"count": {Min: &from}}
	case 3:
		l.Attributes = map[string]*pb.Value{"smiles": {Kind: &pb.Value_Flag{Flag: rapid.Bool().Draw(t, "smiling")}}}
	case 4:
		l.Attributes = map[string]*pb.Value{"who": {Kind: &pb.Value_Text{Text: rapid.SampledFrom([]string{"somebody", "zulu", "nobody"}).Draw(t, "who")}}}
	}
	return query.Leaf(l)
}

// randomPicture is a relation in the picture between faces.
func randomPicture(t *rapid.T) *pb.Query {
	side := func() *pb.Query {
		switch rapid.IntRange(0, 3).Draw(t, "side") {
		case 0:
			return query.Or(randomFace(t), randomFace(t))
		case 1:
			return query.And(randomFace(t), randomFace(t))
		}
		return randomFace(t)
	}
	return query.Related(side(), rapid.SampledFrom(picturesRelated).Draw(t, "in the picture"), side(), 0)
}
