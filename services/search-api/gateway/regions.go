package gateway

import (
	"cmp"
	"fmt"

	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// tested reports whether a leaf tests the annotations behind its hits.
func tested(l *pb.Leaf) bool {
	return len(l.GetRegions())+len(l.GetRanges())+len(l.GetAttributes()) > 0
}

// inPicture reports whether a relation compares regions.
func inPicture(r pb.Relation) bool {
	switch r {
	case pb.Relation_RELATION_OVERLAPS, pb.Relation_RELATION_DURING, pb.Relation_RELATION_STARTS_NEAR, pb.Relation_RELATION_ENDS_NEAR:
		return false
	}
	return true
}

// regional returns the leaves below the relations in the picture.
func regional(q *pb.Query) map[*pb.Leaf]bool {
	out := map[*pb.Leaf]bool{}
	var walk func(*pb.Query)
	walk = func(q *pb.Query) {
		if n := q.GetRelated(); n != nil && inPicture(n.GetRelation()) {
			query.Walk(q, func(l *pb.Leaf) { out[l] = true })
		}
		for _, c := range query.Children(q) {
			walk(c)
		}
	}
	walk(q)
	return out
}

// annotated reads the annotations behind the reasons of a part, and gives the reasons their regions. kept says which reasons pass the tests
// of the leaf. Where a relation compares regions, a reason without a region does not pass. The reasons of assets[i] end at ends[i].
func (w *whole) annotated(r reading, assets []string, ends []int, all []reason) (kept []bool, err error) {
	kept = make([]bool, len(all))
	asset := 0
	for from := 0; from < len(all); from += readItems {
		some := all[from:min(len(all), from+readItems)]
		refs := make([]store.Ref, len(some))
		for i, e := range some {
			for ends[asset] <= from+i {
				asset++
			}
			refs[i] = store.Ref{Asset: assets[asset], Run: w.runs[e.run], Ordinal: int64(e.ordinal)}
		}
		about, err := w.behind(r.pt, refs)
		if err != nil {
			return nil, err
		}
		for i, a := range about {
			if a == nil || w.regional[r.pt.leaf] && a.region == nil || !passes(r.pt.leaf, a) {
				continue
			}
			kept[from+i], some[i].region = true, a.region
		}
	}
	return kept, nil
}

// A tests is the part of an annotation that the tests of a leaf read.
type tests struct {
	region     *pb.Region
	attributes map[string]*pb.Value
}

// behind reads the annotations of a part of words, and the embeddings of a part of vectors. An item that was deleted is nil.
func (w *whole) behind(pt *part, refs []store.Ref) ([]*tests, error) {
	out := make([]*tests, len(refs))
	if pt.space != "" {
		embeddings, err := w.g.deps.Store.EmbeddingsAt(w.ctx, refs)
		if err != nil {
			return nil, fmt.Errorf("reading the embeddings behind hits: %w", err)
		}
		return out, w.meant(embeddings, refs, out)
	}
	annotations, err := w.g.deps.Store.AnnotationsAt(w.ctx, refs)
	if err != nil {
		return nil, fmt.Errorf("reading the annotations behind hits: %w", err)
	}
	for i, a := range annotations {
		if a != nil {
			out[i] = &tests{a.GetRegion(), a.GetAttributes()}
		}
	}
	return out, nil
}

// meant fills in the annotations of embeddings, and the embeddings' own regions.
func (w *whole) meant(embeddings []*pb.Embedding, of []store.Ref, out []*tests) error {
	var refs []store.Ref
	var at []int
	for i, e := range embeddings {
		if e == nil {
			continue
		}
		out[i] = &tests{region: e.GetRegion()}
		if e.GetOf() == "" {
			continue
		}
		run, ordinal, err := schema.ParseItemID(e.GetOf())
		if err != nil {
			return fmt.Errorf("reading what an embedding stands for: %w", err)
		}
		refs, at = append(refs, store.Ref{Asset: of[i].Asset, Run: run, Ordinal: ordinal}), append(at, i)
	}
	if len(refs) == 0 {
		return nil
	}
	annotations, err := w.g.deps.Store.AnnotationsAt(w.ctx, refs)
	if err != nil {
		return fmt.Errorf("reading the annotations of embeddings: %w", err)
	}
	for i, a := range annotations {
		if a == nil {
			continue
		}
		t := out[at[i]]
		t.attributes = a.GetAttributes()
		if t.region == nil {
			t.region = a.GetRegion()
		}
	}
	return nil
}

// passes reports whether an annotation passes the tests of a leaf.
func passes(l *pb.Leaf, a *tests) bool {
	for _, t := range l.GetRegions() {
		if !regionPasses(t, a.region) {
			return false
		}
	}
	for name, r := range l.GetRanges() {
		if v, ok := number(a.attributes[name]); !ok || r.Min != nil && v < r.GetMin() || r.Max != nil && v > r.GetMax() {
			return false
		}
	}
	for name, want := range l.GetAttributes() {
		if !equals(want, a.attributes[name]) {
			return false
		}
	}
	return true
}

// number returns the number that an attribute is.
func number(v *pb.Value) (float64, bool) {
	switch v := v.GetKind().(type) {
	case *pb.Value_Number:
		return v.Number, true
	case *pb.Value_Integer:
		return float64(v.Integer), true
	}
	return 0, false
}

// equals reports whether an attribute has the wanted value. Of a list, on either side, one text is enough.
func equals(want, have *pb.Value) bool {
	if n, ok := number(want); ok {
		m, ok := number(have)
		return ok && n == m
	}
	if f, ok := want.GetKind().(*pb.Value_Flag); ok {
		h, ok := have.GetKind().(*pb.Value_Flag)
		return ok && f.Flag == h.Flag
	}
	for _, w := range textsOf(want) {
		for _, h := range textsOf(have) {
			if w == h {
				return true
			}
		}
	}
	return false
}

func textsOf(v *pb.Value) []string {
	switch v := v.GetKind().(type) {
	case *pb.Value_Text:
		return []string{v.Text}
	case *pb.Value_Texts:
		return v.Texts.GetValues()
	}
	return nil
}

// A measure is the properties by which regions are compared: the middle and the area.
type measure struct{ x, y, area float64 }

func measureOf(r *pb.Region) measure {
	x, y := middle(r)
	return measure{x, y, area(r)}
}

// stands reports whether a stands in a relation to b. A relation that compares no measures stands nowhere.
func stands(relation pb.Relation, a, b measure) bool {
	switch relation {
	case pb.Relation_RELATION_LEFT_OF:
		return less(a.x, b.x)
	case pb.Relation_RELATION_RIGHT_OF:
		return less(b.x, a.x)
	case pb.Relation_RELATION_ABOVE:
		return less(a.y, b.y)
	case pb.Relation_RELATION_BELOW:
		return less(b.y, a.y)
	case pb.Relation_RELATION_LARGER_THAN:
		return less(b.area, a.area)
	case pb.Relation_RELATION_SMALLER_THAN:
		return less(a.area, b.area)
	}
	return false
}

// regionPasses reports whether a region passes a test. No region passes no test.
func regionPasses(t *pb.RegionTest, r *pb.Region) bool {
	if r == nil {
		return false
	}
	switch t.GetRelation() {
	case pb.Relation_RELATION_OVERLAPS:
		return meet(r, t.GetRegion())
	case pb.Relation_RELATION_INSIDE:
		return inside(r, t.GetRegion())
	}
	v := float64(t.GetValue())
	return stands(t.GetRelation(), measureOf(r), measure{v, v, v})
}

// regionsStand reports whether a region stands in a relation in the picture to another region.
func regionsStand(relation pb.Relation, a, b *pb.Region) bool {
	if a == nil || b == nil {
		return false
	}
	if relation == pb.Relation_RELATION_INSIDE {
		return inside(a, b)
	}
	return stands(relation, measureOf(a), measureOf(b))
}

// less reports whether a is less than b by more than the rounding of sums of floats of 32 bits.
func less(a, b float64) bool { return a < b-1e-6 }

func middle(r *pb.Region) (x, y float64) {
	return float64(r.GetX()) + float64(r.GetW())/2, float64(r.GetY()) + float64(r.GetH())/2
}

func area(r *pb.Region) float64 { return float64(r.GetW()) * float64(r.GetH()) }

// edges returns the left, top, right and bottom of a region.
func edges(r *pb.Region) (left, top, right, bottom float64) {
	left, top = float64(r.GetX()), float64(r.GetY())
	return left, top, left + float64(r.GetW()), top + float64(r.GetH())
}

// inside reports whether the whole of a lies within b.
func inside(a, b *pb.Region) bool {
	al, at, ar, ab := edges(a)
	bl, bt, br, bb := edges(b)
	return !less(al, bl) && !less(at, bt) && !less(br, ar) && !less(bb, ab)
}

// meet reports whether two regions share a part of the picture.
func meet(a, b *pb.Region) bool {
	al, at, ar, ab := edges(a)
	bl, bt, br, bb := edges(b)
	return less(al, br) && less(bl, ar) && less(at, bb) && less(bt, ab)
}

// compareRegions orders regions, no region first.
func compareRegions(a, b *pb.Region) int {
	switch {
	case a == b:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return cmp.Or(cmp.Compare(a.GetX(), b.GetX()), cmp.Compare(a.GetY(), b.GetY()), cmp.Compare(a.GetW(), b.GetW()), cmp.Compare(a.GetH(), b.GetH()))
}
