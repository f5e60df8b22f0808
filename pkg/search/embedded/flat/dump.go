package flat

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
)

// All yields every vector of one snapshot, by group name and ordinal: the same for the same
// content, however it came about. The values are valid until the next one. After an error it ends.
func (x *Index) All(ctx context.Context) iter.Seq2[Vector, error] {
	return func(yield func(Vector, error) bool) {
		snap, err := x.acquire()
		if err != nil {
			yield(Vector{}, err)
			return
		}
		defer x.drop(snap)
		for i, r := range snap.sorted() {
			err := error(nil)
			if i%1024 == 0 {
				err = ctx.Err()
			}
			if err == nil && r.check != nil {
				err = r.check(partExact, r.row/blockRows)
			}
			if err != nil {
				yield(Vector{}, fmt.Errorf("listing vectors: %w", err))
				return
			}
			s := r.from.spans[r.row]
			if !yield(Vector{Key{r.name, r.from.ordinals[r.row]}, s.start, s.end, r.from.exactRow(r.row)}, nil) {
				return
			}
		}
	}
}

// sorted returns the living rows, by group name and ordinal.
func (s *snapshot) sorted() []ref {
	refs := make([]ref, 0, s.live())
	for i := range s.segments {
		refs = s.segments[i].appendLive(refs, s.names)
	}
	for i := range s.tails {
		t := &s.tails[i]
		for row, g := range t.groups {
			if !t.dead.has(row) {
				refs = append(refs, ref{from: &t.rows, row: row, name: s.names[g]})
			}
		}
	}
	sortRefs(refs)
	return refs
}

func (v *segmentView) appendLive(refs []ref, names []string) []ref {
	for _, e := range v.extents {
		for row := int(e.first); row < e.end(); row++ {
			if !v.dead.has(row) {
				refs = append(refs, ref{from: &v.rows, check: v.check, row: row, name: names[e.group]})
			}
		}
	}
	return refs
}

func sortRefs(refs []ref) {
	slices.SortFunc(refs, func(a, b ref) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.from.ordinals[a.row], b.from.ordinals[b.row]))
	})
}

// Kept returns the values that an index keeps of a vector.
func Kept(v []float32, dim int, m Metric) ([]float32, error) { return normalised(v, dim, m) }
