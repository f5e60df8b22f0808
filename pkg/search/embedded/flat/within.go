package flat

import (
	"context"
	"fmt"
	"math"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A Row is a row that Within found. Group is the number of the group (see Index.Names).
type Row struct {
	Group, Ordinal uint32
	Start, End     int64
	Score          float32
}

// Within returns every row that passes the filter and whose exact score is least or more, in no order.
//
// No estimate decides, so Config.Confidence has no part in the answer. Rows are passed over by the bounds of their int8 values, and the
// bounds hold for certain.
func (x *Index) Within(ctx context.Context, values []float32, least float64, f Filter) ([]Row, error) {
	if math.IsNaN(least) {
		return nil, errkind.New(errkind.Invalid, "searching vectors: the least score is no number")
	}
	values, err := normalised(values, x.cfg.Dim, x.cfg.Metric)
	if err != nil {
		return nil, errkind.New(errkind.Of(err), "searching vectors: %w", err)
	}
	snap, err := x.acquire()
	if err != nil {
		return nil, err
	}
	defer x.drop(snap)
	p := planOf(snap, f)
	s := x.searchFor(snap, values, f)
	s.exact, s.whole = true, true
	s.floor.Store(math.Float64bits(least))
	tops, err := s.scanAll(ctx, snap, p)
	if err != nil {
		return nil, fmt.Errorf("searching vectors: %w", err)
	}
	n := 0
	for _, t := range tops {
		n += len(t.items)
	}
	rows := make([]Row, 0, n)
	for _, t := range tops {
		for _, c := range t.items {
			rows = append(rows, Row{c.group, c.ordinal, c.span.start, c.span.end, c.score})
		}
	}
	return rows, nil
}

// Count returns how many rows the groups of a filter hold. Count leaves the span out of account.
func (x *Index) Count(f Filter) (int, error) {
	snap, err := x.acquire()
	if err != nil {
		return 0, err
	}
	defer x.drop(snap)
	return planOf(snap, f).rows, nil
}
