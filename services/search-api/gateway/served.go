package gateway

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/query"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// checkServed refuses a query with a part that nothing answers, and says why. An empty answer would read as "it is
// not in the library".
func checkServed(q *pb.Query, f *pb.Filter) error {
	for _, l := range query.Leaves(q) {
		if err := served(l, f); err != nil {
			return errkind.Wrap(errkind.Invalid, fmt.Errorf("query: %w", err))
		}
	}
	kinds := servedKinds()
	for i, k := range f.GetKinds() {
		if !slices.Contains(kinds, k) {
			return errkind.New(errkind.Invalid, "filter.kinds[%d]: searches find nothing of the kind %.70q; they find %s", i, k, strings.Join(kinds, ", "))
		}
	}
	return nil
}

// served says why nothing answers a leaf under a filter, or nil where something does.
func served(l *pb.Leaf, f *pb.Filter) error {
	name, sources := l.GetKind(), leaves[l.GetKind()]
	if len(sources) == 0 {
		return fmt.Errorf("nothing serves %q; there are %s", name, strings.Join(leafKinds(), ", "))
	}
	if err := unused(l); err != nil {
		return err
	}
	keep := func(of func(source) bool) {
		sources = slices.DeleteFunc(slices.Clone(sources), func(s source) bool { return !of(s) })
	}
	if keep(func(s source) bool { return serves(s, l.GetMode()) }); len(sources) == 0 {
		return fmt.Errorf("nothing serves %s by %s; %s", name, modeName(l.GetMode()), modesOf(name))
	}
	found := strings.Join(kindsOf(sources), ", ")
	if keep(func(s source) bool { return ofKind(s, f) }); len(sources) == 0 {
		return fmt.Errorf("%s finds the kind %s, and the filter wants only kind:%s", name, found, strings.Join(f.GetKinds(), ","))
	}
	found = strings.Join(kindsOf(sources), ", ")
	if keep(func(s source) bool { return ofCharacter(s, f) }); len(sources) == 0 {
		return fmt.Errorf("%s finds the kind %s, of which no character is known; character: narrows what is said", name, found)
	}
	return nil
}

// unused names a field of a leaf that its kind has no use for.
func unused(l *pb.Leaf) error {
	for _, a := range slices.Sorted(maps.Keys(l.GetAttributes())) {
		return fmt.Errorf("%s takes no attributes, and %.70q is given", l.GetKind(), a)
	}
	placed := l.GetKind() == "like_frame" || l.GetKind() == "like_shot"
	switch {
	case len(l.GetImage()) > 0 && l.GetKind() != "like_image":
		return fmt.Errorf("%s takes no picture; like_image does", l.GetKind())
	case l.GetText() != "" && (placed || l.GetKind() == "like_image"):
		return fmt.Errorf("%s takes no text", l.GetKind())
	case !placed && (l.GetAsset() != "" || l.GetTime() != 0 || l.GetTimecode() != ""):
		return fmt.Errorf("%s takes no asset, time and timecode; asset: and time: as filters narrow the whole query", l.GetKind())
	}
	return nil
}

// modesOf says which modes serve a kind of leaf.
func modesOf(kind string) string {
	var out []string
	for _, m := range []pb.TextMode{pb.TextMode_TEXT_MODE_WORDS, pb.TextMode_TEXT_MODE_PHRASE, pb.TextMode_TEXT_MODE_FUZZY, pb.TextMode_TEXT_MODE_PREFIX, pb.TextMode_TEXT_MODE_MEANING} {
		if slices.ContainsFunc(leaves[kind], func(s source) bool { return serves(s, m) }) {
			out = append(out, kind+"."+modeName(m))
		}
	}
	return "there are " + strings.Join(append([]string{kind}, out...), ", ")
}

func modeName(m pb.TextMode) string {
	return strings.ToLower(strings.TrimPrefix(m.String(), "TEXT_MODE_"))
}

// kindsOf returns the kinds of annotation that sources find.
func kindsOf(sources []source) []string {
	var out []string
	for _, s := range sources {
		if k := kindOf(s); k != "" && !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

// servedKinds returns every kind of annotation that searches find.
func servedKinds() []string {
	return kindsOf(slices.Concat(slices.Collect(maps.Values(leaves))...))
}
