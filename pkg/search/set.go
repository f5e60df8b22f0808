package search

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

// A SetQuery asks for every item that a question finds. Exactly one of Text and Vector is set; the Limit of either is not read.
type SetQuery struct {
	// Text: the set is every annotation that the question finds, by the mode of the question.
	Text *TextQuery
	// Vector: the set is every embedding whose similarity is MinScore or more. The similarity is of the vectors as the engine keeps the
	// vectors (HashVector). An implementation MUST NOT leave out an embedding because of an estimate, of a quantised value or of a graph.
	Vector   *VectorQuery
	MinScore float64
	// Where narrows the set to items that overlap one of the windows. nil is everywhere; an empty list is nowhere. The windows are in
	// the order of asset and start, and the windows of one asset are apart from each other (see CheckWindows).
	Where []Window
	// Scored asks for Hit.Score. Without Scored, each score MAY be 0, and the set costs less.
	Scored bool
}

// A Window is a stretch of one asset.
type Window struct {
	Asset    string
	Interval schema.Interval
}

// Check returns an error where no engine can answer the query.
func (q SetQuery) Check() error {
	if (q.Text == nil) == (q.Vector == nil) {
		return errkind.New(errkind.Internal, "a set is of words or of a vector: give one of the two")
	}
	if err := CheckWindows(q.Where); err != nil {
		return err
	}
	if q.Text != nil {
		return q.Text.Check()
	}
	if q.Vector.Scope == nil {
		return ErrNoScope
	}
	return nil
}

// CheckWindows returns an error of kind Internal where windows are empty, out of order, or overlap.
func CheckWindows(ws []Window) error {
	for i, w := range ws {
		if w.Interval.Empty() {
			return errkind.New(errkind.Internal, "window %d of a set is empty", i)
		}
		if i > 0 && (ws[i-1].Asset > w.Asset || ws[i-1].Asset == w.Asset && ws[i-1].Interval.End > w.Interval.Start) {
			return errkind.New(errkind.Internal, "window %d of a set begins before the window ahead of it ends", i)
		}
	}
	return nil
}

// ComparePlaces is the order of a set: by asset, start and end, ties by run and ordinal.
func ComparePlaces(a, b Hit) int {
	return cmp.Or(strings.Compare(a.Asset, b.Asset), cmp.Compare(a.Interval.Start, b.Interval.Start), cmp.Compare(a.Interval.End, b.Interval.End),
		strings.Compare(a.Run, b.Run), cmp.Compare(a.Ordinal, b.Ordinal))
}

// firstHits answers a set from the first MaxLimit hits of the question. A set that may be larger is an error of kind Exhausted.
func firstHits(ctx context.Context, e Searcher, q SetQuery) (hits []Hit, err error) {
	if q.Text != nil {
		t := *q.Text
		t.Limit = MaxLimit
		hits, err = e.Text(ctx, t)
	} else {
		v := *q.Vector
		v.Limit = MaxLimit
		hits, err = e.Vector(ctx, v)
	}
	if err != nil {
		return nil, err
	}
	whole := len(hits) < MaxLimit
	if q.Vector != nil {
		hits = slices.DeleteFunc(hits, func(h Hit) bool {
			whole = whole || h.Score < q.MinScore
			return h.Score < q.MinScore
		})
	}
	if !whole {
		return nil, errkind.New(errkind.Exhausted, "the set has more than %d items", MaxLimit)
	}
	hits = slices.DeleteFunc(hits, func(h Hit) bool { return !Within(q.Where, h) })
	slices.SortFunc(hits, ComparePlaces)
	return hits, nil
}

// SetOfHits is a Set for an engine that has only Text and Vector. See firstHits for its bound.
func SetOfHits(ctx context.Context, e Searcher, q SetQuery) iter.Seq2[Hit, error] {
	return func(yield func(Hit, error) bool) {
		err := q.Check()
		var hits []Hit
		if err == nil {
			hits, err = firstHits(ctx, e, q)
		}
		if err != nil {
			yield(Hit{}, err)
			return
		}
		for _, h := range hits {
			if !yield(h, nil) {
				return
			}
		}
	}
}

// Within reports whether a hit overlaps one of the windows. nil windows are everywhere.
func Within(ws []Window, h Hit) bool {
	if ws == nil {
		return true
	}
	// The first window that ends behind the start of the hit.
	i, _ := slices.BinarySearchFunc(ws, h, func(w Window, h Hit) int {
		if c := strings.Compare(w.Asset, h.Asset); c != 0 {
			return c
		}
		if w.Interval.End <= h.Interval.Start {
			return -1
		}
		return 1
	})
	return i < len(ws) && ws[i].Asset == h.Asset && ws[i].Interval.Overlaps(h.Interval)
}
