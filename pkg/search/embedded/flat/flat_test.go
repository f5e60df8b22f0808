package flat

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/cinedex/cinedex/pkg/errkind"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// small limits make a few hundred rows go through all that millions would.
var small = limits{tailRows: 100, tailBytes: 1 << 20, frozen: 2, exactRows: 50, fan: 3, mergedBytes: 1 << 30, workRows: 400, cellRows: 120}

func mustOpen(t testing.TB, dir string, c Config, l limits) *Index {
	t.Helper()
	x, err := open(dir, c, l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

func randomVector(rnd *rand.Rand, dim int) []float32 {
	v := make([]float32, dim)
	for i := range v {
		v[i] = float32(rnd.NormFloat64())
	}
	v[0] += 2 // a space whose mean is not the origin
	return v
}

// A model is what an index should hold, as a map.
type model map[Key]Vector

func (m model) put(metric Metric, vs ...Vector) {
	for _, v := range vs {
		values, err := normalised(v.Values, len(v.Values), metric)
		if err != nil {
			panic(err)
		}
		v.Values = values
		m[v.Key] = v
	}
}

// search is the truth by brute force.
func (m model) search(metric Metric, query []float32, k int, pass func(Vector) bool) []Hit {
	query, err := normalised(query, len(query), metric)
	if err != nil {
		panic(err)
	}
	hits := []Hit{}
	for _, v := range m {
		if pass == nil || pass(v) {
			hits = append(hits, Hit{v.Key, v.Start, v.End, similarity(metric, v.Values, query)})
		}
	}
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Group, b.Group), cmp.Compare(a.Ordinal, b.Ordinal))
	})
	return hits[:min(k, len(hits))]
}

func (m model) dump(t interface{ Fatal(...any) }, metric Metric, dim int) []byte {
	dir, err := os.MkdirTemp("", "flat-model")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	x, err := Open(dir, Config{Dim: dim, Metric: metric})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	var all []Vector
	for _, v := range m {
		all = append(all, v)
	}
	if err := x.Append(context.Background(), all); err != nil {
		t.Fatal(err)
	}
	return dumpOf(t, x)
}

func dumpOf(t interface{ Fatal(...any) }, x *Index) []byte {
	var b bytes.Buffer
	if err := x.Dump(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Whatever is done to an index, in whatever order, with crashes, its answers are those of a map.
func TestIndexIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		dir, err := os.MkdirTemp("", "flat")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		metric := rapid.SampledFrom([]Metric{Cosine, Dot, L2}).Draw(t, "metric")
		dim := rapid.SampledFrom([]int{1, 3, 8, 20, 100}).Draw(t, "dim")
		cfg := Config{Dim: dim, Metric: metric, Space: "test@1", Confidence: math.Inf(1)}
		lim := small
		lim.tailRows = rapid.SampledFrom([]int{7, 40, 1000}).Draw(t, "tail")
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2))
		x, err := open(dir, cfg, lim)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { x.Close() }()
		want := model{}
		groups := []string{"a", "b", "a/x", "", "run-é"}
		check := func(t *rapid.T) {
			if x.Len() != len(want) {
				t.Fatalf("%d rows, want %d", x.Len(), len(want))
			}
			var set *Set
			pass := func(Vector) bool { return true }
			if rapid.Bool().Draw(t, "filtered") {
				some := rapid.SliceOfDistinct(rapid.SampledFrom(append(groups, "unknown")), rapid.ID).Draw(t, "some")
				set = x.Set(some...)
				pass = func(v Vector) bool { return slices.Contains(some, v.Group) }
			}
			f := Filter{Groups: set}
			if rapid.Bool().Draw(t, "span") {
				f.Span = func(start, end int64) bool { return start%3 == 0 }
				inner := pass
				pass = func(v Vector) bool { return v.Start%3 == 0 && inner(v) }
			}
			k := rapid.IntRange(1, 30).Draw(t, "k")
			q := randomVector(rnd, dim)
			got, err := x.Search(ctx, q, k, f)
			if err != nil {
				t.Fatal(err)
			}
			if w := want.search(metric, q, k, pass); !slices.Equal(got, w) {
				t.Fatalf("search:\n got %v\nwant %v", got, w)
			}
			// The least score is the score of a row, mostly.
			all := want.search(metric, q, len(want), pass)
			least := -0.25
			if len(all) > 0 && rapid.IntRange(0, 4).Draw(t, "of a row") > 0 {
				least = float64(all[rapid.IntRange(0, len(all)-1).Draw(t, "least")].Score)
			}
			all = slices.DeleteFunc(all, func(h Hit) bool { return float64(h.Score) < least })
			rows, err := x.Within(ctx, q, least, f)
			if err != nil {
				t.Fatal(err)
			}
			within := []Hit{}
			for _, r := range rows {
				within = append(within, Hit{Key{x.Names()[r.Group], r.Ordinal}, r.Start, r.End, r.Score})
			}
			slices.SortFunc(within, func(a, b Hit) int {
				return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Group, b.Group), cmp.Compare(a.Ordinal, b.Ordinal))
			})
			if !slices.Equal(within, all) {
				t.Fatalf("within %v:\n got %v\nwant %v", least, within, all)
			}
			if n, err := x.Count(f); err != nil || n < len(all) || set == nil && n != len(want) {
				t.Fatalf("%d rows counted of %d, %v", n, len(want), err)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"": check,
			"append": func(t *rapid.T) {
				var batch []Vector
				for range rapid.IntRange(1, 60).Draw(t, "n") {
					start := rnd.Int64N(1000)
					batch = append(batch, Vector{Key{groups[rnd.IntN(len(groups))], uint32(rnd.IntN(60))}, start, start + 5, randomVector(rnd, dim)})
				}
				if err := x.Append(ctx, batch); err != nil {
					t.Fatal(err)
				}
				want.put(metric, batch...)
			},
			"append again": func(t *rapid.T) {
				var batch []Vector
				for _, v := range want {
					if batch = append(batch, v); len(batch) == 20 {
						break
					}
				}
				before, _ := x.Stats()
				logged := x.log.size
				if err := errors.Join(x.Append(ctx, batch), x.Delete(ctx, Key{"a", 1000}, Key{"nowhere", 1}), x.DeleteFrom(ctx, "a", 1000)); err != nil {
					t.Fatal(err)
				}
				if x.log.size != logged {
					t.Fatalf("writing the same again logged %d bytes", x.log.size-logged)
				}
				if after, _ := x.Stats(); after.Rows != before.Rows || after.Rows+after.Dead > before.Rows+before.Dead {
					t.Fatalf("writing the same again: %+v, then %+v", before, after)
				}
			},
			"delete": func(t *rapid.T) {
				var keys []Key
				for range rapid.IntRange(1, 20).Draw(t, "n") {
					k := Key{groups[rnd.IntN(len(groups))], uint32(rnd.IntN(60))}
					keys = append(keys, k)
					delete(want, k)
				}
				if err := x.Delete(ctx, keys...); err != nil {
					t.Fatal(err)
				}
			},
			"trim": func(t *rapid.T) {
				g, from := groups[rnd.IntN(len(groups))], uint32(rnd.IntN(60))
				if err := x.DeleteFrom(ctx, g, from); err != nil {
					t.Fatal(err)
				}
				for k := range want {
					if k.Group == g && k.Ordinal >= from {
						delete(want, k)
					}
				}
			},
			"delete group": func(t *rapid.T) {
				g := groups[rnd.IntN(len(groups))]
				if err := x.DeleteGroup(ctx, g); err != nil {
					t.Fatal(err)
				}
				for k := range want {
					if k.Group == g {
						delete(want, k)
					}
				}
			},
			"compact": func(t *rapid.T) {
				if err := x.Compact(ctx); err != nil {
					t.Fatal(err)
				}
			},
			"reopen": func(t *rapid.T) {
				if err := x.Close(); err != nil {
					t.Fatal(err)
				}
				if x, err = open(dir, cfg, lim); err != nil {
					t.Fatal(err)
				}
			},
			// A crash in the middle of a write that was not acknowledged: some of its bytes are there.
			"crash": func(t *rapid.T) {
				if err := x.Close(); err != nil {
					t.Fatal(err)
				}
				path, frame := x.log.path, make([]byte, frameHeader)
				frame = appendPut(frame, []Vector{{Key{"torn", 1}, 0, 1, randomVector(rnd, dim)}})
				torn := frame[:rapid.IntRange(1, len(frame)-1).Draw(t, "torn")]
				f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
				if err != nil {
					t.Fatal(err)
				}
				f.Write(torn)
				f.Close()
				os.WriteFile(filepath.Join(dir, "segment-99999999.tmp"), torn, 0o644)
				os.WriteFile(filepath.Join(dir, "segment-99999998"), torn, 0o644)
				if x, err = open(dir, cfg, lim); err != nil {
					t.Fatal(err)
				}
			},
			"get": func(t *rapid.T) {
				k := Key{groups[rnd.IntN(len(groups))], uint32(rnd.IntN(60))}
				got, err := x.Get(k)
				w, ok := want[k]
				if ok != (err == nil) || !ok && !errkind.Is(err, errkind.NotFound) {
					t.Fatalf("get %v: %v, there %v", k, err, ok)
				}
				if ok && (got.Start != w.Start || !slices.Equal(got.Values, w.Values)) {
					t.Fatalf("get %v: %v, want %v", k, got, w)
				}
			},
		})
		if got, w := dumpOf(t, x), want.dump(t, metric, dim); !bytes.Equal(got, w) {
			t.Fatalf("dump:\n%s\nwant:\n%s", got, w)
		}
	})
}

// A log cut anywhere opens, and holds all batches that were whole, each whole.
func TestTornLog(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Dim: 4, Metric: Dot, Space: "s@1"}
	x := mustOpen(t, dir, cfg, defaultLimits)
	var sizes []int64
	for i := range 5 {
		var batch []Vector
		for o := range 3 {
			batch = append(batch, Vector{Key{fmt.Sprint("g", i), uint32(o)}, 0, 1, []float32{float32(i), 1, 2, float32(o)}})
		}
		if err := x.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, x.log.size)
	}
	x.Close()
	path := x.log.path
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(whole) {
		if err := os.WriteFile(path, whole[:cut], 0o644); err != nil {
			t.Fatal(err)
		}
		y, err := open(dir, cfg, defaultLimits)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		want := 0
		for _, s := range sizes {
			if int64(cut) >= s {
				want += 3
			}
		}
		if y.Len() != want {
			t.Fatalf("cut at %d: %d rows, want %d", cut, y.Len(), want)
		}
		// What is written next lands behind the cut, and survives.
		if err := y.Append(t.Context(), []Vector{{Key{"new", 0}, 0, 1, []float32{1, 0, 0, 0}}}); err != nil {
			t.Fatal(err)
		}
		y.Close()
		y = mustOpen(t, dir, cfg, defaultLimits)
		if y.Len() != want+1 {
			t.Fatalf("cut at %d, after a write: %d rows, want %d", cut, y.Len(), want+1)
		}
		y.Close()
	}
	// A torn end may have all its bytes, but not the right ones.
	bad := slices.Clone(whole)
	bad[len(bad)-1] ^= 1
	os.WriteFile(path, bad, 0o644)
	y := mustOpen(t, dir, cfg, defaultLimits)
	if y.Len() != 12 {
		t.Fatalf("%d rows, want 12", y.Len())
	}
	y.Close()
	// But damage before a good frame was acknowledged: that is no torn end.
	bad = slices.Clone(whole)
	bad[sizes[1]+20] ^= 1
	os.WriteFile(path, bad, 0o644)
	if _, err := open(dir, cfg, defaultLimits); err == nil || !bytes.Contains([]byte(err.Error()), []byte(path)) {
		t.Fatalf("damaged log: %v, want an error naming %s", err, path)
	}
}

// Damage to a sealed file is an error that names it, when opened or when the block is first read,
// never a wrong answer; damage to padding is harmless.
func TestCorruptSegment(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Dim: 12, Metric: Cosine, Space: "s@1"}
	lim := small
	lim.exactRows = 10
	x := mustOpen(t, dir, cfg, lim)
	rnd := rand.New(rand.NewPCG(1, 2))
	var batch []Vector
	for i := range 300 {
		batch = append(batch, Vector{Key{fmt.Sprint("g", i/50), uint32(i % 50)}, int64(i), int64(i + 1), randomVector(rnd, 12)})
	}
	if err := x.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	if err := x.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	query := randomVector(rnd, 12)
	ask := func(x *Index) ([]Hit, error) { return x.Search(t.Context(), query, 300, Filter{}) }
	want, err := ask(x)
	if err != nil {
		t.Fatal(err)
	}
	wantDump := dumpOf(t, x)
	x.Close()
	paths, _ := filepath.Glob(filepath.Join(dir, "segment-*"))
	if len(paths) != 1 {
		t.Fatal(paths)
	}
	whole, _ := os.ReadFile(paths[0])
	names := func(err error) bool { return bytes.Contains([]byte(err.Error()), []byte(paths[0])) }
	for _, cut := range []int{0, 1, segmentHeader, len(whole) / 2, len(whole) - 1} {
		os.WriteFile(paths[0], whole[:cut], 0o644)
		if _, err := open(dir, cfg, lim); err == nil || !names(err) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
	reported := 0
	for i := 0; i < len(whole); i += 37 {
		bad := slices.Clone(whole)
		bad[i] ^= 0x10
		os.WriteFile(paths[0], bad, 0o644)
		y, err := open(dir, cfg, lim)
		if err != nil {
			if reported++; !names(err) {
				t.Fatalf("byte %d: %v", i, err)
			}
			continue
		}
		got, err := ask(y)
		if err == nil {
			if !slices.Equal(got, want) {
				t.Fatalf("byte %d: wrong answer without an error", i)
			}
			var b bytes.Buffer
			if err = y.Dump(t.Context(), &b); err == nil && !bytes.Equal(b.Bytes(), wantDump) {
				t.Fatalf("byte %d: wrong dump without an error", i)
			}
		}
		if err != nil {
			if reported++; !names(err) {
				t.Fatalf("byte %d: %v", i, err)
			}
		}
		y.Close()
	}
	if reported == 0 {
		t.Fatal("no damage was seen")
	}
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Dim: 3, Metric: Cosine, Space: "s@1"}
	x := mustOpen(t, dir, cfg, defaultLimits)
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for name, v := range map[string][]float32{
		"dimension": {1, 2}, "empty": nil, "nan": {1, nan, 0}, "infinite": {1, inf, 0}, "zero": {0, 0, 0}, "too long": {math.MaxFloat32, 1, 1},
	} {
		if err := x.Append(t.Context(), []Vector{{Key{"ok", 0}, 0, 1, []float32{1, 1, 1}}, {Key{"bad", 0}, 0, 1, v}}); !errkind.Is(err, errkind.Invalid) {
			t.Errorf("append %s: %v", name, err)
		}
		if _, err := x.Search(t.Context(), v, 3, Filter{}); !errkind.Is(err, errkind.Invalid) {
			t.Errorf("search %s: %v", name, err)
		}
	}
	if x.Len() != 0 {
		t.Error("part of a bad batch was written")
	}
	if _, err := x.Search(t.Context(), []float32{1, 0, 0}, 0, Filter{}); !errkind.Is(err, errkind.Invalid) {
		t.Errorf("k of zero: %v", err)
	}
	if _, err := Open(dir, cfg); !errkind.Is(err, errkind.Unavailable) {
		t.Errorf("second opener: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.Search(ended, []float32{1, 0, 0}, 1, Filter{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled search: %v", err)
	}
	if err := x.Append(ended, []Vector{{Key{"ok", 0}, 0, 1, []float32{1, 1, 1}}}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled append: %v", err)
	}
	x.Close()
	if err := x.Append(t.Context(), []Vector{{Key{"ok", 0}, 0, 1, []float32{1, 1, 1}}}); !errkind.Is(err, errkind.Unavailable) {
		t.Errorf("append after close: %v", err)
	}
	if _, err := x.Search(t.Context(), []float32{1, 0, 0}, 1, Filter{}); !errkind.Is(err, errkind.Unavailable) {
		t.Errorf("search after close: %v", err)
	}
	for name, c := range map[string]Config{
		"dimension": {Dim: 4, Metric: Cosine, Space: "s@1"}, "metric": {Dim: 3, Metric: Dot, Space: "s@1"}, "space": {Dim: 3, Metric: Cosine, Space: "s@2"},
		"no metric": {Dim: 3}, "no dimension": {Metric: Dot}, "confidence": {Dim: 3, Metric: Cosine, Space: "s@1", Confidence: -1},
	} {
		if _, err := Open(dir, c); !errkind.Is(err, errkind.Invalid) {
			t.Errorf("opening with another %s: %v", name, err)
		}
	}
}

// fullDisk is a log's file on a disk that can be full.
type fullDisk struct {
	logFile
	full *bool
}

func (f fullDisk) WriteAt(b []byte, at int64) (int, error) {
	if *f.full {
		n, _ := f.logFile.WriteAt(b[:len(b)/2], at)
		return n, &os.PathError{Op: "write", Path: "log", Err: errNoSpace}
	}
	return f.logFile.WriteAt(b, at)
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	full := false
	lim := small
	lim.openLog = func(l *log) { l.file = fullDisk{l.file, &full} }
	cfg := Config{Dim: 3, Metric: Dot}
	x := mustOpen(t, dir, cfg, lim)
	put := func(o uint32) error {
		return x.Append(t.Context(), []Vector{{Key{"g", o}, 0, 1, []float32{1, float32(o), 1}}})
	}
	if err := put(1); err != nil {
		t.Fatal(err)
	}
	full = true
	if err := put(2); !errkind.Is(err, errkind.Exhausted) {
		t.Fatalf("append to a full disk: %v", err)
	}
	if hits, err := x.Search(t.Context(), []float32{1, 1, 1}, 5, Filter{}); err != nil || len(hits) != 1 {
		t.Fatalf("reading from a full disk: %v, %v", hits, err)
	}
	full = false
	if err := put(3); err != nil {
		t.Fatal(err)
	}
	x.Close()
	x = mustOpen(t, dir, cfg, small)
	if x.Len() != 2 {
		t.Fatalf("%d rows after reopening, want 2", x.Len())
	}
}

// While writers, deleters and compaction go on, a reader of one group sees whole batches only.
func TestReadersSeeWholeBatches(t *testing.T) {
	lim := small
	lim.tailRows = 60
	x := mustOpen(t, t.TempDir(), Config{Dim: 16, Metric: Cosine, Confidence: math.Inf(1)}, lim)
	const generation = 20
	batch := func(n int) []Vector {
		rnd := rand.New(rand.NewPCG(uint64(n), 1))
		out := make([]Vector, generation)
		for i := range out {
			out[i] = Vector{Key{"g", uint32(i)}, int64(n), int64(n) + 1, randomVector(rnd, 16)}
		}
		return out
	}
	if err := x.Append(t.Context(), batch(0)); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	done := make(chan struct{})
	running.Go(func() {
		defer close(done)
		for n := 1; n <= 120; n++ {
			noise := batch(n + 1000)
			for i := range noise {
				noise[i].Group = fmt.Sprint("noise", n%5)
			}
			if err := errors.Join(x.Append(t.Context(), batch(n)), x.Append(t.Context(), noise)); err != nil {
				t.Error(err)
			}
			if n%11 == 0 {
				if err := errors.Join(x.DeleteGroup(t.Context(), "noise3"), x.Compact(t.Context())); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for range 2 {
		running.Go(func() {
			rnd := rand.New(rand.NewPCG(3, 4))
			last := int64(0)
			for {
				select {
				case <-done:
					return
				default:
				}
				hits, err := x.Search(t.Context(), randomVector(rnd, 16), generation*2, Filter{Groups: x.Set("g")})
				if err != nil {
					t.Error(err)
					return
				}
				if len(hits) != generation {
					t.Errorf("%d hits, want %d", len(hits), generation)
					return
				}
				for _, h := range hits {
					if h.Start != hits[0].Start {
						t.Errorf("an answer of batches %d and %d", h.Start, hits[0].Start)
						return
					}
				}
				if hits[0].Start < last {
					t.Errorf("batch %d after %d", hits[0].Start, last)
				}
				last = hits[0].Start
				if _, err := x.Get(hits[0].Key); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
}

// The tail that is begun before the first rows are sealed has no centre. Its rows are found like all others.
func TestRowsWithoutACentreAreFound(t *testing.T) {
	for _, metric := range []Metric{Cosine, Dot, L2} {
		const dim, n = 32, 60
		rnd := rand.New(rand.NewPCG(3, 3))
		x := mustOpen(t, t.TempDir(), Config{Dim: dim, Metric: metric}, small)
		rows := func(group string, n int) (out []Vector) {
			for i := range n {
				out = append(out, Vector{Key{group, uint32(i)}, 0, 1, randomVector(rnd, dim)})
			}
			return out
		}
		first, second := rows("first", 2*small.tailRows), rows("second", n)
		want := model{}
		want.put(metric, first...)
		want.put(metric, second...)
		if err := errors.Join(x.Append(t.Context(), first), x.Append(t.Context(), second)); err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, v := range second {
			hits, err := x.Search(t.Context(), v.Values, 1, Filter{})
			if err != nil {
				t.Fatal(err)
			}
			if slices.Equal(hits, want.search(metric, v.Values, 1, nil)) {
				found++
			}
		}
		if found < n-1 {
			t.Errorf("%s: %d of %d found", metric, found, n)
		}
	}
}

// With estimates, answers find nearly all, and depend on the content alone: not on the order of
// writes, on what is sealed or merged, or on how many processors scan.
func TestEstimatesFindNearlyAllWhateverTheHistory(t *testing.T) {
	for _, metric := range []Metric{Cosine, Dot, L2} {
		t.Run(string(metric), func(t *testing.T) {
			const dim, n, k = 96, 3000, 10
			rnd := rand.New(rand.NewPCG(5, 6))
			centres := make([][]float32, 30)
			for i := range centres {
				centres[i] = randomVector(rnd, dim)
			}
			near := func() []float32 {
				v := randomVector(rnd, dim)
				for i, c := range centres[rnd.IntN(len(centres))] {
					v[i] = v[i]*0.7 + c
				}
				return v
			}
			want := model{}
			var all []Vector
			for i := range n {
				v := Vector{Key{fmt.Sprint("g", i/100), uint32(i % 100)}, 0, 1, near()}
				all = append(all, v)
				want.put(metric, v)
			}
			lim := small
			lim.cellRows = 1 << 30 // the answers of cells depend on the segments, too
			lim.centre = make([]float32, padded(dim))
			newRotation(dim).apply(lim.centre, randomVector(rnd, dim))
			cfg := Config{Dim: dim, Metric: metric}

			one := mustOpen(t, t.TempDir(), cfg, lim)
			if err := one.Append(t.Context(), all); err != nil {
				t.Fatal(err)
			}
			if err := one.Compact(t.Context()); err != nil {
				t.Fatal(err)
			}
			lim.workRows = 1 << 30
			other := mustOpen(t, t.TempDir(), cfg, lim)
			rnd.Shuffle(n, func(i, j int) { all[i], all[j] = all[j], all[i] })
			for batch := range slices.Chunk(all, 70) {
				stale := slices.Clone(batch)
				for i := range stale {
					stale[i].Values = near()
				}
				if err := errors.Join(other.Append(t.Context(), stale), other.Append(t.Context(), batch)); err != nil {
					t.Fatal(err)
				}
			}

			found, passedOver := 0, 0
			for range 100 {
				q := near()
				a, err := one.Search(t.Context(), q, k, Filter{})
				if err != nil {
					t.Fatal(err)
				}
				b, err := other.Search(t.Context(), q, k, Filter{})
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(a, b) {
					t.Fatalf("two histories, two answers:\n%v\n%v", a, b)
				}
				for _, h := range want.search(metric, q, k, nil) {
					if slices.Contains(a, h) {
						found++
					} else {
						passedOver++
					}
				}
			}
			if found < 990 {
				t.Errorf("recall %.3f, want 0.99", float64(found)/1000)
			}
			t.Logf("passed over %d of %d", passedOver, found+passedOver)
		})
	}
}
