package flat

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
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

// Groups yields the names of the groups that hold vectors, sorted, with how many.
func (x *Index) Groups() iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		snap := x.current.acquire()
		if snap == nil {
			return
		}
		counts := make([]int, len(snap.names))
		for _, v := range snap.segments {
			for _, e := range v.extents {
				counts[e.group] += int(e.rows) - v.dead.count(int(e.first), e.end())
			}
		}
		for _, t := range snap.tails {
			for row, g := range t.groups {
				if !t.dead.has(row) {
					counts[g]++
				}
			}
		}
		byName := make(map[string]int, len(counts))
		names := make([]string, 0, len(counts))
		for id, n := range counts {
			if n > 0 {
				byName[snap.names[id]] = n
				names = append(names, snap.names[id])
			}
		}
		x.drop(snap)
		slices.Sort(names)
		for _, n := range names {
			if !yield(n, byName[n]) {
				return
			}
		}
	}
}

// Dump writes every vector as a JSON object on a line of its own, in the order of All; values
// are base64 of little-endian float32. Two indexes of the same content give the same bytes.
func (x *Index) Dump(ctx context.Context, w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<16)
	type line struct {
		Group   string `json:"group"`
		Ordinal uint32 `json:"ordinal"`
		Start   int64  `json:"start"`
		End     int64  `json:"end"`
		Values  string `json:"values"`
	}
	enc := json.NewEncoder(out)
	for v, err := range x.All(ctx) {
		if err == nil {
			err = enc.Encode(line{v.Group, v.Ordinal, v.Start, v.End, base64.StdEncoding.EncodeToString(bytesOf(v.Values))})
		}
		if err != nil {
			return fmt.Errorf("dumping vectors: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("dumping vectors: %w", err)
	}
	return nil
}

// Kept returns the values that an index keeps of a vector.
func Kept(v []float32, dim int, m Metric) ([]float32, error) { return normalised(v, dim, m) }
