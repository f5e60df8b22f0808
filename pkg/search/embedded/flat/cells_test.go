package flat

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// celledLimits give cells to segments of a few hundred rows.
var celledLimits = limits{tailRows: 2000, tailBytes: 1 << 24, frozen: 2, exactRows: 50, fan: 3, mergedBytes: 1 << 30, workRows: 1500, cellRows: 1000}

// withCells makes all cells that are missing.
func withCells(t testing.TB, x *Index) {
	t.Helper()
	for {
		more, err := x.makeCells()
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			return
		}
	}
}

// clustered draws vectors that are near to some centres.
func clustered(rnd *rand.Rand, dim, centres int) func() []float32 {
	at := make([][]float32, centres)
	for i := range at {
		at[i] = randomVector(rnd, dim)
	}
	return func() []float32 {
		v := randomVector(rnd, dim)
		for i, c := range at[rnd.IntN(centres)] {
			v[i] = v[i]*0.5 + c
		}
		return v
	}
}

// looks returns how many segments of an index a question looks into by cells.
func looks(t *testing.T, x *Index, q []float32, k int, f Filter) int {
	t.Helper()
	snap, err := x.acquire()
	if err != nil {
		t.Fatal(err)
	}
	defer x.drop(snap)
	p := planOf(snap, f)
	s := x.searchFor(snap, q, f)
	s.k = k
	return len(s.takeCells(snap, &p))
}

// Cells lead to nearly all neighbours, whatever the filter, beside rows that are deleted, replaced, and not yet sealed.
func TestCellsFindNearlyAll(t *testing.T) {
	for _, metric := range []Metric{Cosine, Dot, L2} {
		t.Run(string(metric), func(t *testing.T) {
			const dim, n, queries = 48, 5000, 25
			kept, asked := 0, 0
			rnd := rand.New(rand.NewPCG(9, 6))
			near := clustered(rnd, dim, 40)
			x := mustOpen(t, t.TempDir(), Config{Dim: dim, Metric: metric}, celledLimits)
			want := model{}
			write := func(from, to int) {
				var batch []Vector
				for i := from; i < to; i++ {
					batch = append(batch, Vector{Key{fmt.Sprint("g", i%60), uint32(i / 60)}, int64(i), int64(i) + 1, near()})
				}
				want.put(metric, batch...)
				if err := x.Append(t.Context(), batch); err != nil {
					t.Fatal(err)
				}
			}
			write(0, n)
			if err := x.Compact(t.Context()); err != nil {
				t.Fatal(err)
			}
			withCells(t, x)
			write(n, n+500) // in the tail
			write(100, 400) // replaced
			for i := 1000; i < 1400; i++ {
				key := Key{fmt.Sprint("g", i%60), uint32(i / 60)}
				delete(want, key)
				if err := x.Delete(t.Context(), key); err != nil {
					t.Fatal(err)
				}
			}
			half := x.Set()
			for g := range 60 {
				if id, ok := x.groups.find(fmt.Sprint("g", g)); ok && g%2 == 0 {
					half.add(id)
				}
			}
			for name, f := range map[string]struct {
				Filter
				pass func(Vector) bool
			}{
				"all":    {},
				"groups": {Filter{Groups: half}, func(v Vector) bool { var g int; fmt.Sscanf(v.Group, "g%d", &g); return g%2 == 0 }},
				"span":   {Filter{Span: func(start, _ int64) bool { return start%3 > 0 }}, func(v Vector) bool { return v.Start%3 > 0 }},
			} {
				for _, k := range []int{10, 60} {
					found, celled := 0, 0
					for range queries {
						q := near()
						got, err := x.Search(t.Context(), q, k, f.Filter)
						if err != nil {
							t.Fatal(err)
						}
						again, err := x.Search(t.Context(), q, k, f.Filter)
						if err != nil || !slices.Equal(got, again) {
							t.Fatalf("%s: asked again: %v, %v, before %v", name, again, err, got)
						}
						// What is found is what the truth says of the row, in order.
						truth := want.search(metric, q, k, f.pass)
						unit, err := normalised(q, dim, metric)
						if err != nil {
							t.Fatal(err)
						}
						if !slices.IsSortedFunc(got, func(a, b Hit) int {
							return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Group, b.Group), cmp.Compare(a.Ordinal, b.Ordinal))
						}) {
							t.Fatalf("%s: in disorder: %v", name, got)
						}
						for _, h := range got {
							v, ok := want[h.Key]
							if !ok || f.pass != nil && !f.pass(v) || (h != Hit{v.Key, v.Start, v.End, similarity(metric, v.Values, unit)}) {
								t.Fatalf("%s: %v is no row of the truth", name, h)
							}
							if slices.Contains(truth, h) {
								found++
							}
						}
						celled += looks(t, x, q, k, f.Filter)
					}
					kept, asked = kept+found, asked+queries*k
					if recall := float64(found) / float64(queries*k); recall < 0.97 {
						t.Errorf("%s: recall@%d %.4f, want 0.97 of few", name, k, recall)
					}
					// By inner products, the longest vectors are near to every query, in whichever cell they are.
					if k == 10 && name == "all" && metric != Dot && celled == 0 {
						t.Errorf("%s: no cell was looked into", name)
					}
				}
			}
			if recall := float64(kept) / float64(asked); recall < 0.99 {
				t.Errorf("recall %.4f, want 0.99", recall)
			} else {
				t.Logf("recall %.4f", recall)
			}
		})
	}
}

// A question that lies about otherwise than the rows do, as a text beside pictures, widens the search by itself.
func TestFarQuestionsFindNearlyAll(t *testing.T) {
	const dim, n, k, queries = 48, 6000, 10, 100
	rnd := rand.New(rand.NewPCG(6, 6))
	near := clustered(rnd, dim, 40)
	lim := celledLimits
	lim.tailRows = n + 1
	x := mustOpen(t, t.TempDir(), Config{Dim: dim, Metric: Cosine}, lim)
	want := model{}
	var batch []Vector
	for i := range n {
		batch = append(batch, Vector{Key{"g", uint32(i)}, 0, 1, near()})
	}
	want.put(Cosine, batch...)
	if err := errors.Join(x.Append(t.Context(), batch), x.Compact(t.Context())); err != nil {
		t.Fatal(err)
	}
	withCells(t, x)
	gap := randomVector(rnd, dim)
	found := 0
	for range queries {
		q := near()
		for i := range q {
			q[i] = q[i]*0.5 + gap[i]*2 + float32(rnd.NormFloat64())
		}
		got, err := x.Search(t.Context(), q, k, Filter{})
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range want.search(Cosine, q, k, nil) {
			if slices.Contains(got, h) {
				found++
			}
		}
	}
	if recall := float64(found) / (queries * k); recall < 0.99 {
		t.Errorf("recall %.4f, want 0.99", recall)
	}
}

// With a margin of 1, no row of a cell is above the bound of the cell: the envelope is right for every metric.
func TestCellsBoundTheirRows(t *testing.T) {
	for _, metric := range []Metric{Cosine, Dot, L2} {
		const dim, n = 20, 1200
		rnd := rand.New(rand.NewPCG(4, 4))
		near := clustered(rnd, dim, 12)
		lim := celledLimits
		lim.cellRows = 1 << 30
		x := mustOpen(t, t.TempDir(), Config{Dim: dim, Metric: metric}, lim)
		var batch []Vector
		for i := range n {
			batch = append(batch, Vector{Key{"g", uint32(i)}, 0, 1, near()})
		}
		if err := errors.Join(x.Append(t.Context(), batch), x.Compact(t.Context())); err != nil {
			t.Fatal(err)
		}
		snap, err := x.acquire()
		if err != nil {
			t.Fatal(err)
		}
		v := snap.segments[0]
		c, err := buildCells(x, v, t.Context().Err)
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		for range 30 {
			q, err := normalised(near(), dim, metric)
			if err != nil {
				t.Fatal(err)
			}
			s := x.searchFor(snap, q, Filter{})
			question := s.question(v.centre)
			for cell, m := range c.marks(question, metric, nil, nil) {
				for b := c.firsts[cell]; b < c.firsts[cell+1]; b++ {
					_, numbers, err := c.block(int(b))
					if err != nil {
						t.Fatal(err)
					}
					for _, row := range numbers[:min(blockRows, int(c.sizes[cell])-int(b-c.firsts[cell])*blockRows)] {
						seen++
						score := float64(similarity(metric, v.exactRow(int(row)), q))
						rounded := float64(float32At(v.roughRow(int(row))[v.padded:], 4)) * question.length
						if bound := c.bound(cell, m, 1) + 1.01*rounded + 1e-5; score > bound {
							t.Fatalf("%s: row %d scores %v, above its cell's %v", metric, row, score, bound)
						}
					}
				}
			}
		}
		if seen != 30*n {
			t.Fatalf("%s: %d rows in cells, want %d", metric, seen, 30*n)
		}
		x.drop(snap)
	}
}

// tight draws vectors that are very near to a centre; the centre of vector i is i modulo their number.
func tight(rnd *rand.Rand, dim, centres int) func(i int) []float32 {
	at := make([][]float32, centres)
	for i := range at {
		at[i] = randomVector(rnd, dim)
	}
	return func(i int) []float32 {
		v := randomVector(rnd, dim)
		for k, c := range at[i%centres] {
			v[k] = v[k]*0.1 + c
		}
		return v
	}
}

// A filter whose rows are in few cells has these cells looked into, and no others. Switching a group in or out changes the rows that pass at once.
func TestFilterSkipsCells(t *testing.T) {
	const dim, n, groups = 24, 6000, 12
	lim := celledLimits
	lim.tailRows = n + 1
	rnd := rand.New(rand.NewPCG(3, 7))
	near := tight(rnd, dim, groups)
	x := mustOpen(t, t.TempDir(), Config{Dim: dim, Metric: Cosine}, lim)
	want := model{}
	var batch []Vector
	for i := range n {
		batch = append(batch, Vector{Key{fmt.Sprint("g", i%groups), uint32(i / groups)}, 0, 1, near(i)})
	}
	want.put(Cosine, batch...)
	if err := errors.Join(x.Append(t.Context(), batch), x.Compact(t.Context())); err != nil {
		t.Fatal(err)
	}
	withCells(t, x)
	set := x.Set("g3", "g4", "g5", "g6")
	for turn, names := range [][]string{{"g3", "g4", "g5", "g6"}, {"g3", "g4", "g5"}, {"g3", "g4", "g5", "g7"}} {
		if turn > 0 {
			set = set.With([]uint32{x.Number(names[len(names)-1])}, []uint32{x.Number("g6")})
		}
		celled, all := 0, 0
		for range 20 {
			q := batch[rnd.IntN(n)].Values
			a, err := x.Ask(t.Context(), q, 10, Filter{Groups: set})
			if err != nil {
				t.Fatal(err)
			}
			truth := want.search(Cosine, q, 10, func(v Vector) bool { return slices.Contains(names, v.Group) })
			found := 0
			for _, h := range a.Hits {
				if !slices.Contains(names, h.Group) {
					t.Fatalf("%v is not of %v", h.Key, names)
				}
				if slices.Contains(truth, h) {
					found++
				}
			}
			all += found
			celled += a.Cost.Looked
			if a.Cost.Rows != len(names)*n/groups || a.Cost.Cells > 0 && a.Cost.Estimated > a.Cost.Rows*3/2 {
				t.Errorf("%v: %+v", names, a.Cost)
			}
		}
		if celled == 0 || all < 198 {
			t.Errorf("%v: %d of 200 found in %d cells", names, all, celled)
		}
	}
}

// An answer tells what was read, and whether the answer is exact.
func TestAnswersTellTheirCost(t *testing.T) {
	const dim, n = 24, 3000
	near := tight(rand.New(rand.NewPCG(3, 9)), dim, 9)
	x := mustOpen(t, t.TempDir(), Config{Dim: dim, Metric: Cosine}, celledLimits)
	x.celling.Lock() // no cells for now
	var batch []Vector
	for i := range n {
		batch = append(batch, Vector{Key{fmt.Sprint("g", i%100), uint32(i)}, 0, 1, near(i)})
	}
	if err := errors.Join(x.Append(t.Context(), batch), x.Compact(t.Context())); err != nil {
		t.Fatal(err)
	}
	ask := func(f Filter) Answer {
		a, err := x.Ask(t.Context(), near(4), 5, f)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := ask(Filter{}); a.Recall != Promised || a.Cost.Rows != n || a.Cost.Cells != 0 || a.Cost.Estimated < n || a.Cost.Rounded >= n || a.Cost.Exact < 5 {
		t.Errorf("scanned: recall %v, %+v", a.Recall, a.Cost)
	}
	if a := ask(Filter{Groups: x.Set("g1")}); a.Recall != 1 || a.Cost.Rows != n/100 || a.Cost.Estimated != 0 || a.Cost.Rounded != n/100 {
		t.Errorf("few rows: recall %v, %+v", a.Recall, a.Cost)
	}
	x.celling.Unlock()
	withCells(t, x)
	a := ask(Filter{})
	if a.Recall != Promised || a.Cost.Cells == 0 || a.Cost.Looked == 0 || a.Cost.Looked > a.Cost.Cells || a.Cost.Estimated >= n {
		t.Errorf("by cells: recall %v, %+v", a.Recall, a.Cost)
	}
	l := x.layout
	if want := a.Cost.Estimated/blockRows*l.blockBytes + (a.Cost.Rounded+a.Cost.Cells)*l.roughBytes + a.Cost.Exact*dim*4; a.Cost.Bytes != int64(want) {
		t.Errorf("%d bytes, want %d", a.Cost.Bytes, want)
	}
}

// The error of int8 scores stays within the likely part of its bound, for rows that are nothing like random, too.
func TestLikelyBoundsHold(t *testing.T) {
	for _, dim := range []int{20, 64, 384, 512} {
		x := &Index{cfg: Config{Dim: dim, Metric: Dot, Confidence: 1}, layout: newLayout(dim), rot: newRotation(dim)}
		e := newEncoder(x.layout, Dot, x.rot, nil)
		rnd := rand.New(rand.NewPCG(uint64(dim), 4))
		draw := func(i int) []float32 {
			v := randomVector(rnd, dim)
			for k := range v {
				if i%3 == 1 && k > 2 {
					v[k] = 0
				} else if i%3 == 2 {
					v[k] = max(0, v[k])
				}
			}
			return v
		}
		r := &rows{layout: x.layout, n: 400, rough: make([]byte, 400*x.layout.roughBytes)}
		var all [][]float32
		for i := range r.n {
			v := draw(i)
			norm, base := e.residual(v)
			r.norm = max(r.norm, e.rough(r.roughRow(i), norm, base))
			all = append(all, v)
		}
		for i := range 60 {
			values := draw(i)
			q := x.ask(values, nil)
			var dot [1]int32
			for row := range r.n {
				dots(r.rough, r.roughBytes, []int32{int32(row)}, &q.direction, dot[:])
				score, lost := q.near(r.roughRow(row)[r.padded:], dot[0])
				allowed := lost*likely(r.padded) + q.known(r) - q.constant
				if off := math.Abs(float64(similarity(Dot, all[row], values)) - q.constant - score); off > allowed {
					t.Fatalf("%d dimensions: off by %v, allowed %v", dim, off, allowed)
				}
			}
		}
	}
}

// Damage of a cells file costs time alone: the answers stay, and the cells are made again.
func TestDamagedCells(t *testing.T) {
	const dim, n, k = 24, 3000, 10
	dir := t.TempDir()
	cfg := Config{Dim: dim, Metric: Cosine}
	rnd := rand.New(rand.NewPCG(8, 8))
	near := clustered(rnd, dim, 30)
	x := mustOpen(t, dir, cfg, celledLimits)
	var batch []Vector
	for i := range n {
		batch = append(batch, Vector{Key{"g", uint32(i)}, 0, 1, near()})
	}
	if err := errors.Join(x.Append(t.Context(), batch), x.Compact(t.Context())); err != nil {
		t.Fatal(err)
	}
	withCells(t, x)
	want := model{}
	want.put(Cosine, batch...)
	queries := make([][]float32, 60)
	truth := make([][]Hit, len(queries))
	for i := range queries {
		queries[i] = near()
		truth[i] = want.search(Cosine, queries[i], k, nil)
	}
	celled := 0
	for _, q := range queries {
		celled += looks(t, x, q, k, Filter{})
	}
	if celled == 0 {
		t.Fatal("no cell was looked into")
	}
	x.Close()
	paths, _ := filepath.Glob(filepath.Join(dir, "cells-*"))
	if len(paths) != 1 {
		t.Fatal(paths)
	}
	whole, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	made := 0
	for i := 0; i < len(whole); i += len(whole)/16 + 1 {
		bad := slices.Clone(whole)
		if bad[i] ^= 0x20; i%5 == 4 {
			bad = bad[:i]
		}
		if err := os.WriteFile(paths[0], bad, 0o644); err != nil {
			t.Fatal(err)
		}
		y := mustOpen(t, dir, cfg, celledLimits)
		found := 0
		for j, q := range queries {
			got, err := y.Search(t.Context(), q, k, Filter{})
			if err != nil {
				t.Fatalf("byte %d: %v", i, err)
			}
			for _, h := range got {
				if slices.Contains(truth[j], h) {
					found++
				}
			}
		}
		if found < len(queries)*k*95/100 {
			t.Fatalf("byte %d: %d of %d found", i, found, len(queries)*k)
		}
		withCells(t, y)
		y.Close()
		if now, err := os.ReadFile(paths[0]); err != nil {
			t.Fatal(err)
		} else if bytes.Equal(now, whole) {
			made++
		}
	}
	if made < 12 {
		t.Errorf("the cells were made again %d times", made)
	}
}

// Cells go with their segment, and are there when the index is opened again.
func TestCellsGoWithTheirSegment(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Dim: 8, Metric: Cosine}
	rnd := rand.New(rand.NewPCG(2, 8))
	x := mustOpen(t, dir, cfg, celledLimits)
	names := func() []string {
		paths, err := filepath.Glob(filepath.Join(dir, "cells-*"))
		if err != nil {
			t.Fatal(err)
		}
		return paths
	}
	write := func(group string) {
		var batch []Vector
		for i := range 1500 {
			batch = append(batch, Vector{Key{group, uint32(i)}, 0, 1, randomVector(rnd, 8)})
		}
		if err := errors.Join(x.Append(t.Context(), batch), x.Compact(t.Context())); err != nil {
			t.Fatal(err)
		}
		withCells(t, x)
	}
	write("a")
	first := names()
	write("b")
	second := names()
	if len(first) != 1 || len(second) != 1 || first[0] == second[0] {
		t.Fatalf("cells %v, then %v", first, second)
	}
	before, err := os.Stat(second[0])
	if err != nil {
		t.Fatal(err)
	}
	x.Close()
	stale := cellsPath(dir, 99)
	if err := os.WriteFile(stale, []byte("stale"), 0o644); err != nil {
		t.Fatal(err)
	}
	x = mustOpen(t, dir, cfg, celledLimits)
	if x.current.snap.segments[0].cells.Load() == nil {
		t.Fatal("the cells were not found")
	}
	after, err := os.Stat(second[0])
	if err != nil || !os.SameFile(before, after) {
		t.Fatalf("the cells were made again: %v", err)
	}
	if _, err := os.Stat(stale); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("cells without a segment are still there: %v", err)
	}
	if err := errors.Join(x.DeleteGroup(t.Context(), "a"), x.DeleteGroup(t.Context(), "b"), x.Compact(t.Context())); err != nil {
		t.Fatal(err)
	}
	if left := names(); len(left) > 0 {
		t.Fatalf("cells without a segment: %v", left)
	}
}

// Cells that cannot be written serve from memory, and are not made again and again.
func TestCellsOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Dim: 8, Metric: Cosine}
	rnd := rand.New(rand.NewPCG(2, 8))
	near := clustered(rnd, 8, 30)
	x := mustOpen(t, dir, cfg, celledLimits)
	var batch []Vector
	for i := range 2000 {
		batch = append(batch, Vector{Key{"g", uint32(i)}, 0, 1, near()})
	}
	if err := errors.Join(x.Append(t.Context(), batch), x.Compact(t.Context())); err != nil {
		t.Fatal(err)
	}
	withCells(t, x)
	path := x.current.snap.segments[0].cells.Load().path
	x.Close()
	// No file can be put where a folder with a file is.
	if err := errors.Join(os.Remove(path), os.MkdirAll(filepath.Join(path, "in the way"), 0o755)); err != nil {
		t.Fatal(err)
	}
	x = mustOpen(t, dir, cfg, celledLimits)
	withCells(t, x)
	if x.current.snap.segments[0].cells.Load() == nil {
		t.Fatal("no cells")
	}
	for _, v := range batch[:20] {
		hits, err := x.Search(t.Context(), v.Values, 5, Filter{})
		if err != nil || len(hits) != 5 || hits[0].Key != v.Key {
			t.Fatalf("searching for %v: %v, %v", v.Key, hits, err)
		}
	}
	if err := errors.Join(x.Compact(t.Context()), x.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestLowest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scores := rapid.SliceOf(rapid.Float64Range(-5, 5)).Draw(t, "scores")
		k := rapid.IntRange(1, 12).Draw(t, "k")
		l := lowest{k: k, floor: -100}
		for i, s := range scores {
			l.push(s)
			sorted := slices.Sorted(slices.Values(scores[:i+1]))
			want := -100.0
			if len(sorted) >= k {
				want = sorted[len(sorted)-k]
			}
			if l.floor != want {
				t.Fatalf("after %v: %v, want %v", scores[:i+1], l.floor, want)
			}
		}
	})
}
