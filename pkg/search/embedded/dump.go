package embedded

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/cinedex/cinedex/pkg/search"
)

func (v *vectors) dump(ctx context.Context, f func(search.EmbeddingLine)) error {
	for row, err := range v.index.All(ctx) {
		if err != nil {
			return err
		}
		g, err := parseGroup(row.Group)
		if err != nil {
			return err
		}
		f(search.EmbeddingLine{
			Run: g.run, Space: v.name, Ordinal: int64(row.Ordinal), Asset: g.asset, Kind: g.kind, Language: g.language,
			Character: g.char, Start: row.Start, End: row.End, Hash: search.HashVector(row.Values),
		})
	}
	return nil
}

// dump calls f with every text in the order of run and ordinal. An item with two documents is dumped twice.
func (t *text) dump(ctx context.Context, f func(search.AnnotationLine) error) error {
	s, err := t.snapshot()
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	var views []*view
	var items []item
	for _, seg := range s.Segments() {
		cols, err := t.columns.of(seg)
		if err != nil {
			return err
		}
		deleted := seg.Deleted()
		for doc := range cols.runOf {
			if deleted == nil || !deleted.Contains(uint32(doc)) {
				items = append(items, item{segment: len(views), doc: uint64(doc)})
			}
		}
		views = append(views, &view{seg: seg, cols: cols})
	}
	all := newTop(t.columns.table.list(), views, 0, search.Filter{})
	slices.SortFunc(items, func(a, b item) int {
		return cmp.Or(all.compare(a, b), cmp.Compare(a.segment, b.segment), cmp.Compare(a.doc, b.doc))
	})
	for i, it := range items {
		if i%checkEvery == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		r, err := all.row(it)
		if err != nil {
			return err
		}
		cols := views[it.segment].cols
		if err := f(search.AnnotationLine{
			Run: all.runs[cols.runOf[it.doc]], Ordinal: int64(cols.ordinals[it.doc]),
			Asset: r.asset, Kind: r.kind, Language: r.language,
			Start: int64(r.interval.Start), End: int64(r.interval.End),
			Confidence: r.confidence, Hash: strconv.FormatUint(r.hash, 16),
		}); err != nil {
			return err
		}
	}
	return nil
}
