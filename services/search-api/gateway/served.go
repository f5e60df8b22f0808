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
	if err := evaluated(q); err != nil {
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

// evaluated names a node that the gateway does not evaluate; nil where the gateway evaluates every node.
func evaluated(q *pb.Query) error {
	switch n := q.GetNode().(type) {
	case *pb.Query_Then:
		return unevaluated("THEN")
	case *pb.Query_Related:
		return unevaluated(query.RelationName(n.Related.GetRelation()))
	case *pb.Query_NearCut:
		return unevaluated("NEAR CUT")
	case *pb.Query_AtLeast:
		return unevaluated("AT LEAST")
	}
	for _, c := range query.Children(q) {
		if err := evaluated(c); err != nil {
			return err
		}
	}
	return nil
}

func unevaluated(operator string) error {
	return fmt.Errorf("%s is not evaluated by this service; use AND, OR, NOT and WITHIN", operator)
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
	for _, a := range slices.Sorted(maps.Keys(l.GetAttributes())) {
		return fmt.Errorf("%s takes no attributes, and %.70q is given", l.GetKind(), a)
	}
	for _, a := range slices.Sorted(maps.Keys(l.GetRanges())) {
		return fmt.Errorf("%s takes no attributes, and %.70q is given", l.GetKind(), a)
	}
	switch {
	case len(l.GetRegions()) > 0:
		return fmt.Errorf("%s has no region, and [region …] is given", l.GetKind())
	case l.GetSlop() > 0:
		return fmt.Errorf("the words between the words of a phrase are not counted by this service; leave slop out of %s", l.GetKind())
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
