package search

import (
	"context"
	"iter"

	"github.com/cinedex/cinedex/pkg/schema"
)

// An Item is an item of a set. Run and Look are numbers of names, so that an item holds no pointer.
type Item struct {
	schema.Interval
	Score   float64
	Ordinal uint32
	Run     uint32 // in Items.Runs
	Look    uint32 // in Items.Looks
}

// A Look is the kind and the language of an item.
type Look struct{ Kind, Language string }

// Items are items of one asset, in the order of ComparePlaces.
type Items struct {
	Asset string
	List  []Item
	// Runs and Looks are the names that the items number, and MAY hold more names.
	Runs  []string
	Looks []Look
}

// Hit returns an item with its names.
func (s *Items) Hit(i int) Hit {
	it := &s.List[i]
	l := s.Looks[it.Look]
	return Hit{Run: s.Runs[it.Run], Ordinal: int64(it.Ordinal), Asset: s.Asset, Kind: l.Kind, Language: l.Language, Interval: it.Interval, Score: it.Score}
}

// An ItemReader is an engine that gives a set asset by asset, at a smaller cost than Set. Callers read the items of any engine with ItemsOf.
type ItemReader interface {
	// Items returns the items of Set, in the order of Set and with the errors of Set.
	//   - The items of an asset MAY come in several Items, which follow each other.
	//   - Neither the implementation nor the caller may change Items that were given.
	Items(ctx context.Context, q SetQuery) iter.Seq2[Items, error]
}

// ItemsOf returns the items of a set of any engine. See ItemReader for the contract.
func ItemsOf(ctx context.Context, e Searcher, q SetQuery) iter.Seq2[Items, error] {
	if r, ok := As[ItemReader](e); ok {
		return r.Items(ctx, q)
	}
	return Gathered(e.Set(ctx, q))
}

// gatheredItems bounds the items that are gathered before the items are given.
const gatheredItems = 4096

// Gathered returns hits as items. An error comes behind the items before the error.
func Gathered(hits iter.Seq2[Hit, error]) iter.Seq2[Items, error] {
	return func(yield func(Items, error) bool) {
		var g gathering
		for h, err := range hits {
			if len(g.List) > 0 && (err != nil || h.Asset != g.Asset || len(g.List) == gatheredItems) {
				if !yield(g.Items, nil) {
					return
				}
				g = gathering{}
			}
			if err != nil {
				yield(Items{}, err)
				return
			}
			g.add(h)
		}
		if len(g.List) > 0 {
			yield(g.Items, nil)
		}
	}
}

// HitsOf returns items one by one.
func HitsOf(all iter.Seq2[Items, error]) iter.Seq2[Hit, error] {
	return func(yield func(Hit, error) bool) {
		for items, err := range all {
			if err != nil {
				yield(Hit{}, err)
				return
			}
			for i := range items.List {
				if !yield(items.Hit(i), nil) {
					return
				}
			}
		}
	}
}

// A gathering is items that grow.
type gathering struct {
	Items
	runs  map[string]uint32
	looks map[Look]uint32
}

func (g *gathering) add(h Hit) {
	if g.List == nil {
		g.Asset, g.runs, g.looks = h.Asset, map[string]uint32{}, map[Look]uint32{}
	}
	run, ok := g.runs[h.Run]
	if !ok {
		run = uint32(len(g.Runs))
		g.runs[h.Run], g.Runs = run, append(g.Runs, h.Run)
	}
	l := Look{h.Kind, h.Language}
	look, ok := g.looks[l]
	if !ok {
		look = uint32(len(g.Looks))
		g.looks[l], g.Looks = look, append(g.Looks, l)
	}
	g.List = append(g.List, Item{Interval: h.Interval, Score: h.Score, Ordinal: uint32(h.Ordinal), Run: run, Look: look})
}
