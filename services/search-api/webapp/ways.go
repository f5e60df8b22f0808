package webapp

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/catalog"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A way is a way to ask on the page.
type way struct {
	// Value names the way in the page's address, Key on the keyboard.
	Value string
	Key   int
	// Leaf is the asked leaf; empty for the query language.
	Leaf                 string
	Label, Hint, Example string
	// InLanguage says that answers are in a language, so that a choice of language narrows the answers.
	InLanguage bool
	First      bool
}

// waysOf returns the ways to ask of a catalogue: the shown leaves of words that have an order, the leaf of a picture, the query language, and the
// other shown leaves of words by label.
func waysOf(v *catalog.View) (ways []way) {
	add := func(w way) {
		w.Key = len(ways) + 1
		w.First = w.Key == 1
		ways = append(ways, w)
	}
	words := slices.DeleteFunc(v.Leaves(), func(l *catalog.Leaf) bool {
		return l.GetShown() == nil || l.GetShape() != pb.LeafShape_LEAF_SHAPE_WORDS
	})
	slices.SortStableFunc(words, func(a, b *catalog.Leaf) int {
		return cmp.Or(cmp.Compare(a.GetShown().GetOrder(), b.GetShown().GetOrder()), strings.Compare(a.GetShown().GetLabel(), b.GetShown().GetLabel()))
	})
	unordered := 0
	for unordered < len(words) && words[unordered].GetShown().GetOrder() == 0 {
		unordered++
	}
	addWords := func(leaves []*catalog.Leaf) {
		for _, l := range leaves {
			add(leafWay(v, v.Short(l.GetName()), l, l.GetShown().GetHint()+": "+l.GetExample()))
		}
	}
	addWords(words[unordered:])
	if l := first(v, pb.LeafShape_LEAF_SHAPE_PICTURE); l != nil && l.GetShown() != nil {
		add(leafWay(v, "picture", l, ""))
	}
	const example = `dialogue:"coffee" AND look:"rain at night" WITHIN 5s`
	add(way{Value: "query", Label: "Query", Hint: "The query language: " + example, Example: example, InLanguage: true})
	addWords(words[:unordered])
	return ways
}

func leafWay(v *catalog.View, value string, l *catalog.Leaf, example string) way {
	w := way{Value: value, Leaf: l.GetName(), Label: l.GetShown().GetLabel(), Hint: l.GetShown().GetHint(), Example: example}
	w.Hint += seenBy(v, l)
	for _, s := range l.Sources {
		// The sources of other algorithms are a help beside the leaf's own: a description of a picture beside the picture.
		w.InLanguage = w.InLanguage || s.About.GetInLanguage() && s.Algorithm == l.Algorithm
	}
	return w
}

// seenBy says which model of pictures answers a leaf, and how to get a better model; "" for a leaf that no better model may answer.
func seenBy(v *catalog.View, l *catalog.Leaf) string {
	enabled := map[string]bool{}
	for _, e := range v.Entries() {
		enabled[e.GetName()] = enabled[e.GetName()] || !e.Candidate
	}
	packaged, better := "", ""
	for _, s := range l.Sources {
		switch {
		case s.GetSpace() == "":
		case len(s.GetInsteadOf()) == 0:
			packaged = s.GetSpace()
		case enabled[s.Algorithm]:
			return ". Answered by the model " + s.GetSpace()
		case better == "":
			better = s.Algorithm
		}
	}
	if packaged == "" || better == "" {
		return ""
	}
	return ". Answered by the model " + packaged + "; for a better model run: cinedex models fetch " + better
}

// first returns the first leaf of a shape, or nil.
func first(v *catalog.View, shape pb.LeafShape) *catalog.Leaf {
	for _, l := range v.Leaves() {
		if l.GetShape() == shape {
			return l
		}
	}
	return nil
}

// show writes the page, with the ways to ask of this moment.
func (a *app) show(w http.ResponseWriter, _ *http.Request) {
	v := a.Catalog.View()
	var page struct {
		Ways  []way
		Frame string // the leaf for shots like a frame
	}
	page.Ways = waysOf(v)
	if l := first(v, pb.LeafShape_LEAF_SHAPE_FRAME); l != nil {
		page.Frame = l.GetName()
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := a.index.Execute(w, page); err != nil {
		a.Log.Warn("writing the page", "error", err)
	}
}
