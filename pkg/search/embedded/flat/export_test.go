package flat

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// The functions here are for tests and figures alone.

// Get returns a vector as it is kept; for cosine that is of length 1. A key that is not there is
// an error of kind NotFound.
func (x *Index) Get(key Key) (Vector, error) {
	snap, err := x.acquire()
	if err != nil {
		return Vector{}, err
	}
	defer x.drop(snap)
	return x.get(snap, key)
}

func (x *Index) get(snap *snapshot, key Key) (Vector, error) {
	missing := errkind.New(errkind.NotFound, "no vector %d of %q", key.Ordinal, key.Group)
	id, ok := x.groups.find(key.Group)
	if !ok {
		return Vector{}, missing
	}
	found := func(r *rows, row int) (Vector, error) {
		return Vector{key, r.spans[row].start, r.spans[row].end, slices.Clone(r.exactRow(row))}, nil
	}
	for i := range snap.tails {
		t := &snap.tails[i]
		for row, g := range t.groups {
			if g == id && t.ordinals[row] == key.Ordinal && !t.dead.has(row) {
				return found(&t.rows, row)
			}
		}
	}
	for i := range snap.segments {
		v := &snap.segments[i]
		if row := v.find(id, key.Ordinal); row >= 0 && !v.dead.has(row) {
			if err := v.check(partExact, row/blockRows); err != nil {
				return Vector{}, err
			}
			return found(&v.rows, row)
		}
	}
	return Vector{}, missing
}

// Set returns the set of the groups named; those that the index does not know hold nothing to find.
func (x *Index) Set(names ...string) *Set {
	s := NewSet()
	for _, n := range names {
		if id, ok := x.groups.find(n); ok {
			s.add(id)
		}
	}
	return s
}

// Stats tells how an index stands.
type Stats struct {
	Rows     int // that a search can find
	Dead     int // deleted or replaced, until they are compacted away
	Tail     int // of Rows, those not yet sealed
	Segments int
	Waiting  int   // tails that wait to be sealed
	Groups   int   // known, empty ones included
	Bytes    int64 // on disk
}

// Stats counts.
func (x *Index) Stats() (Stats, error) {
	snap, err := x.acquire()
	if err != nil {
		return Stats{}, err
	}
	defer x.drop(snap)
	st := Stats{Rows: snap.live(), Segments: len(snap.segments), Waiting: len(snap.tails) - 1, Groups: len(snap.names)}
	for _, v := range snap.segments {
		st.Dead += v.n - v.live
	}
	for _, v := range snap.tails {
		st.Dead += v.n - v.live
		st.Tail += v.live
	}
	entries, err := os.ReadDir(x.dir)
	if err != nil {
		return st, fmt.Errorf("measuring the vector index: %w", err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil { // else it was removed meanwhile
			st.Bytes += info.Size()
		}
	}
	return st, nil
}

// Celled reports whether every segment that should have cells has cells.
func (x *Index) Celled() (bool, error) {
	snap, err := x.acquire()
	if err != nil {
		return false, err
	}
	defer x.drop(snap)
	for _, v := range snap.segments {
		if v.live >= x.limits.cellRows && v.cells.Load() == nil {
			return false, nil
		}
	}
	return true, nil
}

// DeleteGroup deletes all vectors of a group, durably.
func (x *Index) DeleteGroup(ctx context.Context, group string) error {
	return x.DeleteFrom(ctx, group, 0)
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
