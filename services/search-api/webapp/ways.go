package webapp

import (
	"net/http"

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

// waysOf returns the ways to ask of a catalogue: the shown leaves of words, the leaf of a picture, and the query language.
func waysOf(v *catalog.View) (ways []way) {
	add := func(w way) {
		w.Key = len(ways) + 1
		w.First = w.Key == 1
		ways = append(ways, w)
	}
	for _, l := range v.Leaves() {
		if l.GetShown() != nil && l.GetShape() == pb.LeafShape_LEAF_SHAPE_WORDS {
			add(leafWay(v.Short(l.GetName()), l, l.GetShown().GetHint()+": "+l.GetExample()))
		}
	}
	if l := first(v, pb.LeafShape_LEAF_SHAPE_PICTURE); l != nil && l.GetShown() != nil {
		add(leafWay("picture", l, ""))
	}
	const example = `dialogue:"coffee" AND look:"rain at night" WITHIN 5s`
	add(way{Value: "query", Label: "Query", Hint: "The query language: " + example, Example: example, InLanguage: true})
	return ways
}

func leafWay(value string, l *catalog.Leaf, example string) way {
	w := way{Value: value, Leaf: l.GetName(), Label: l.GetShown().GetLabel(), Hint: l.GetShown().GetHint(), Example: example}
	for _, s := range l.Sources {
		w.InLanguage = w.InLanguage || s.About.GetInLanguage()
	}
	return w
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
