package gateway

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/query"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// checkServed refuses a query with a part that nothing answers, and says why. An empty answer would read as "it is
// not in the library".
func checkServed(v *catalog.View, q *pb.Query, f *pb.Filter) error {
	if err := related(v, q); err != nil {
		return errkind.Wrap(errkind.Invalid, fmt.Errorf("query: %w", err))
	}
	for _, l := range query.Leaves(q) {
		if err := served(v, l, f); err != nil {
			return errkind.Wrap(errkind.Invalid, fmt.Errorf("query: %w", err))
		}
	}
	kinds := servedKinds(v)
	for i, k := range f.GetKinds() {
		if !slices.Contains(kinds, k) {
			return errkind.New(errkind.Invalid, "filter.kinds[%d]: searches find nothing of the kind %.70q; they find %s", i, k, strings.Join(kinds, ", "))
		}
	}
	return nil
}

// related names an operator that the algorithms give nothing to compare for; nil where the algorithms do.
func related(v *catalog.View, q *pb.Query) error {
	if q.GetNearCut() != nil && v.Role(pb.KindRole_KIND_ROLE_SHOTS).GetKind() == "" {
		return fmt.Errorf("no algorithm finds shots, and NEAR CUT needs the cuts between shots")
	}
	if n := q.GetRelated(); n != nil && inPicture(n.GetRelation()) {
		for _, l := range query.Leaves(q) {
			if leaf := v.Leaf(l.GetKind()); leaf != nil && !slices.ContainsFunc(leaf.Sources, func(s *catalog.Source) bool { return s.About.GetRegions() }) {
				return fmt.Errorf("%s has no region, and %s compares regions", l.GetKind(), query.RelationName(n.GetRelation()))
			}
		}
	}
	for _, c := range query.Children(q) {
		if err := related(v, c); err != nil {
			return err
		}
	}
	return nil
}

// served says why nothing answers a leaf under a filter, or nil where something does.
func served(v *catalog.View, l *pb.Leaf, f *pb.Filter) error {
	name, leaf := l.GetKind(), v.Leaf(l.GetKind())
	if leaf == nil || len(leaf.Sources) == 0 {
		return fmt.Errorf("nothing serves %q; there are %s", name, strings.Join(v.LeafNames(), ", "))
	}
	if err := unused(v, leaf, l); err != nil {
		return err
	}
	sources := leaf.Sources
	keep := func(of func(*catalog.Source) bool) {
		sources = slices.DeleteFunc(slices.Clone(sources), func(s *catalog.Source) bool { return !of(s) })
	}
	if keep(func(s *catalog.Source) bool { return serves(s, l.GetMode()) }); len(sources) == 0 {
		return fmt.Errorf("nothing serves %s by %s; %s", name, modeName(l.GetMode()), modesOf(leaf))
	}
	found := strings.Join(kindsOf(sources), ", ")
	if keep(func(s *catalog.Source) bool { return inLanguage(s, l) }); len(sources) == 0 {
		return fmt.Errorf("%s finds the kind %s, which is in no language; leave [lang=%s] out", name, found, strings.Join(l.GetLanguages(), ","))
	}
	if keep(func(s *catalog.Source) bool { return testable(s, l) }); len(sources) == 0 {
		return fmt.Errorf("%s finds the kinds %s, and none of the kinds has all that [%s…] tests", name, found, name)
	}
	able := slices.Clone(sources)
	if keep(func(s *catalog.Source) bool { return unresembled(v, s, l) == nil }); len(sources) == 0 {
		// The error is of vectors, where some source has vectors.
		i := slices.IndexFunc(able, func(s *catalog.Source) bool { return s.GetSpace() != "" })
		return unresembled(v, able[max(i, 0)], l)
	}
	if _, ok := bothLanguages(f.GetLanguages(), l.GetLanguages()); !ok {
		return fmt.Errorf("%s is wanted in %s, and the filter wants only lang:%s", name, strings.Join(l.GetLanguages(), ", "), strings.Join(f.GetLanguages(), ","))
	}
	if keep(func(s *catalog.Source) bool { return ofKind(s, f) }); len(sources) == 0 {
		return fmt.Errorf("%s finds the kind %s, and the filter wants only kind:%s", name, found, strings.Join(f.GetKinds(), ","))
	}
	found = strings.Join(kindsOf(sources), ", ")
	if keep(func(s *catalog.Source) bool { return ofCharacter(s, f) }); len(sources) == 0 {
		return fmt.Errorf("%s finds the kind %s, of which no character is known; character: narrows what is said", name, found)
	}
	return nil
}

// unused names a field of a leaf that a leaf of its shape has no use for.
func unused(v *catalog.View, leaf *catalog.Leaf, l *pb.Leaf) error {
	for _, name := range slices.Sorted(maps.Keys(l.GetAttributes())) {
		if err := attribute(leaf, l, name, typeOf(l.GetAttributes()[name])); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.GetRanges())) {
		if err := attribute(leaf, l, name, pb.AttributeType_ATTRIBUTE_TYPE_NUMBER); err != nil {
			return err
		}
	}
	switch {
	case len(l.GetRegions()) > 0 && !slices.ContainsFunc(leaf.Sources, func(s *catalog.Source) bool { return s.About.GetRegions() }):
		return fmt.Errorf("%s has no region, and [region …] is given", l.GetKind())
	case l.GetRange() != nil:
		return fmt.Errorf("%s takes no numbers", l.GetKind())
	}
	shape := leaf.GetShape()
	placed := shape == pb.LeafShape_LEAF_SHAPE_FRAME || shape == pb.LeafShape_LEAF_SHAPE_SHOT
	pictured := shape == pb.LeafShape_LEAF_SHAPE_PICTURE
	switch {
	case len(l.GetImage()) > 0 && !pictured:
		return fmt.Errorf("%s takes no picture; %s", l.GetKind(), takers(v))
	case l.GetText() != "" && (placed || pictured):
		return fmt.Errorf("%s takes no text", l.GetKind())
	case !placed && (l.GetAsset() != "" || l.GetTime() != 0 || l.GetTimecode() != ""):
		return fmt.Errorf("%s takes no asset, time and timecode; asset: and time: as filters narrow the whole query", l.GetKind())
	}
	return nil
}

// attribute says why no source of a leaf has an attribute of the type.
func attribute(leaf *catalog.Leaf, l *pb.Leaf, name string, want pb.AttributeType) error {
	var names []string
	for _, s := range leaf.Sources {
		a := attributeOf(s, name)
		if a != nil && a.GetType() == want {
			return nil
		}
		if a != nil {
			return fmt.Errorf("%s[%s]: the attribute is a %s, and a %s is given", l.GetKind(), name, typeName(a.GetType()), typeName(want))
		}
		for _, a := range s.About.GetAttributes() {
			names = append(names, a.GetName())
		}
	}
	if len(names) == 0 {
		return fmt.Errorf("%s takes no attributes, and %.70q is given", l.GetKind(), name)
	}
	slices.Sort(names)
	return fmt.Errorf("%s has no attribute %.70q; there are %s%s", l.GetKind(), name, strings.Join(slices.Compact(names), ", "), query.Meant(name, names))
}

func typeName(t pb.AttributeType) string {
	return strings.ToLower(strings.TrimPrefix(t.String(), "ATTRIBUTE_TYPE_"))
}

// typeOf returns the type of attribute that a value of a query is compared with.
func typeOf(v *pb.Value) pb.AttributeType {
	switch v.GetKind().(type) {
	case *pb.Value_Text, *pb.Value_Texts:
		return pb.AttributeType_ATTRIBUTE_TYPE_TEXT
	case *pb.Value_Integer, *pb.Value_Number:
		return pb.AttributeType_ATTRIBUTE_TYPE_NUMBER
	case *pb.Value_Flag:
		return pb.AttributeType_ATTRIBUTE_TYPE_FLAG
	}
	return pb.AttributeType_ATTRIBUTE_TYPE_UNSPECIFIED
}

// takers says which leaves take a picture.
func takers(v *catalog.View) string {
	var names []string
	for _, l := range v.Leaves() {
		if l.GetShape() == pb.LeafShape_LEAF_SHAPE_PICTURE {
			names = append(names, l.GetName())
		}
	}
	switch len(names) {
	case 0:
		return "no leaf does"
	case 1:
		return names[0] + " does"
	}
	return strings.Join(names, ", ") + " do"
}

// modesOf says which modes serve a leaf.
func modesOf(leaf *catalog.Leaf) string {
	var out []string
	for _, m := range []pb.TextMode{pb.TextMode_TEXT_MODE_WORDS, pb.TextMode_TEXT_MODE_PHRASE, pb.TextMode_TEXT_MODE_FUZZY, pb.TextMode_TEXT_MODE_PREFIX, pb.TextMode_TEXT_MODE_MEANING} {
		if slices.ContainsFunc(leaf.Sources, func(s *catalog.Source) bool { return serves(s, m) }) {
			out = append(out, leaf.GetName()+"."+modeName(m))
		}
	}
	return "there are " + strings.Join(append([]string{leaf.GetName()}, out...), ", ")
}

func modeName(m pb.TextMode) string {
	return strings.ToLower(strings.TrimPrefix(m.String(), "TEXT_MODE_"))
}

// kindsOf returns the kinds of annotation that sources find.
func kindsOf(sources []*catalog.Source) []string {
	var out []string
	for _, s := range sources {
		if k := s.GetKind(); !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

// servedKinds returns every kind of annotation that searches find.
func servedKinds(v *catalog.View) []string {
	var all []*catalog.Source
	for _, l := range v.Leaves() {
		all = append(all, l.Sources...)
	}
	return kindsOf(all)
}
