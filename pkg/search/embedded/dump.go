package embedded

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/cespare/xxhash/v2"

	"github.com/cinedex/cinedex/pkg/search"
)

// A dumpedVector is a line of Dump of an embedding.
type dumpedVector struct {
	Run       string `json:"run"`
	Space     string `json:"space"`
	Ordinal   int64  `json:"embedding"`
	Asset     string `json:"asset"`
	Kind      string `json:"kind,omitempty"`
	Language  string `json:"language,omitempty"`
	Character string `json:"character,omitempty"`
	Start     int64  `json:"start"`
	End       int64  `json:"end"`
	// Hash is of the values as they are kept.
	Hash string `json:"hash"`
}

func (v *vectors) dump(ctx context.Context, f func(dumpedVector)) error {
	for row, err := range v.index.All(ctx) {
		if err != nil {
			return err
		}
		g, err := parseGroup(row.Group)
		if err != nil {
			return err
		}
		h := xxhash.New()
		if err := binary.Write(h, binary.LittleEndian, row.Values); err != nil {
			return err
		}
		f(dumpedVector{
			Run: g.run, Space: v.name, Ordinal: int64(row.Ordinal), Asset: g.asset, Kind: g.kind, Language: g.language,
			Character: g.char, Start: row.Start, End: row.End, Hash: strconv.FormatUint(h.Sum64(), 16),
		})
	}
	return nil
}

// A dumpedText is a line of Dump of an annotation: its fields in their order are the format.
type dumpedText struct {
	Run        string  `json:"run"`
	Ordinal    int64   `json:"annotation"`
	Asset      string  `json:"asset"`
	Kind       string  `json:"kind"`
	Language   string  `json:"language,omitempty"`
	Start      int64   `json:"start"`
	End        int64   `json:"end"`
	Confidence float32 `json:"confidence"`
	// Hash is of text, label and character.
	Hash string `json:"hash"`
}

// dump calls f with every text in the order of run and ordinal. A document that is there twice is told twice.
func (t *text) dump(ctx context.Context, f func(dumpedText) error) error {
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
	all := newTop(views, 0, search.Filter{})
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
		if err := f(dumpedText{
			Run: cols.runs[cols.runOf[it.doc]], Ordinal: int64(cols.ordinals[it.doc]),
			Asset: r.asset, Kind: r.kind, Language: r.language,
			Start: int64(r.interval.Start), End: int64(r.interval.End),
			Confidence: r.confidence, Hash: strconv.FormatUint(r.hash, 16),
		}); err != nil {
			return err
		}
	}
	return nil
}

// writeLine writes one object of Dump.
func writeLine(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding a line of the dump: %w", err)
	}
	if _, err := w.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("writing the dump: %w", err)
	}
	return nil
}
