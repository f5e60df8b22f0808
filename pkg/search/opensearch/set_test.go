package opensearch

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// collect reads a sequence to its end.
func collect(t testing.TB, set iter.Seq2[search.Hit, error]) (hits []search.Hit) {
	t.Helper()
	for h, err := range set {
		if err != nil {
			t.Fatal(err)
		}
		hits = append(hits, h)
	}
	return hits
}

// setCorpus is some hundred lines, labels and vectors of a few assets, some of them in the same places.
func setCorpus(rnd *rand.Rand, space *pb.Space) (b search.Batch, runs []string) {
	spoken := []string{"lighthouse", "violin", "harbour", "the keeper of the lighthouse", "lanterns", "a violin in the harbour"}
	for r := range 12 {
		run := fmt.Sprintf("run-%02d", r)
		runs = append(runs, run)
		asset := fmt.Sprintf("asset-%d", r%5)
		for i := range 30 {
			start := int64(rnd.IntN(20)) * int64(schema.Second)
			end := start + int64(rnd.IntN(3))*int64(schema.Second)
			a := &pb.Annotation{Run: run, Asset: asset, Ordinal: int64(i), Start: start, End: end, Confidence: rnd.Float32()}
			if i%3 == 0 {
				a.Kind, a.Label = "la,bel;π𝄞:", spoken[rnd.IntN(len(spoken))]
			} else {
				a.Kind, a.Text, a.Language = schema.KindDialogue, spoken[rnd.IntN(len(spoken))], []string{"en", "en-GB", "de", "tlh"}[rnd.IntN(4)]
			}
			b.Annotations = append(b.Annotations, a)
			v := make([]float32, space.GetDimension())
			for k := range v {
				v[k] = float32(rnd.NormFloat64())
			}
			b.Embeddings = append(b.Embeddings, &pb.Embedding{Run: run, Asset: asset, Ordinal: int64(i), Start: start, End: end, Space: schema.SpaceID(space), Vector: v})
		}
	}
	return b, runs
}

// windowsOf are n windows at random.
func windowsOf(rnd *rand.Rand, n int) []search.Window {
	ws := []search.Window{}
	for asset := range 6 {
		at := schema.Time(0)
		for range n {
			at += schema.Time(rnd.IntN(5)) * schema.Second / 2
			end := at + schema.Time(1+rnd.IntN(4))*schema.Second/2
			ws = append(ws, search.Window{Asset: fmt.Sprintf("asset-%d", asset), Interval: schema.Interval{Start: at, End: end}})
			at = end
		}
	}
	return ws
}

// TestSetIsTheHitsInOrder: a set is the hits of the question in the order of places, however many pages and windows the reading takes.
func TestSetIsTheHitsInOrder(t *testing.T) {
	space := &pb.Space{Name: "small", Version: "1", Dimension: 4, Metric: "cosine"}
	far := &pb.Space{Name: "far", Version: "1", Dimension: 4, Metric: "l2"}
	rnd := rand.New(rand.NewPCG(13, 1))
	corpus, runs := setCorpus(rnd, space)
	for _, m := range slices.Clone(corpus.Embeddings) {
		m := &pb.Embedding{Run: m.Run, Asset: m.Asset, Ordinal: m.Ordinal, Start: m.Start, End: m.End, Space: schema.SpaceID(far), Vector: m.Vector}
		corpus.Embeddings = append(corpus.Embeddings, m)
	}
	e := openEngine(t, t.Name(), space, far)
	if err := e.Write(t.Context(), corpus); err != nil {
		t.Fatal(err)
	}
	scopes := []*search.Scope{search.NewScope(runs), search.NewScope(runs[3:9])}
	for round := range 40 {
		q := search.SetQuery{Scored: rnd.IntN(2) == 0}
		scope := scopes[rnd.IntN(2)]
		var f search.Filter
		switch rnd.IntN(4) {
		case 0:
			f.MinConfidence = 0.5
		case 1:
			f.Span = schema.Interval{Start: 3 * schema.Second, End: 12 * schema.Second}
		case 2:
			f.Languages = []string{"en"}
		}
		if round%3 == 0 {
			name := schema.SpaceID([]*pb.Space{space, far}[rnd.IntN(2)])
			q.Vector = &search.VectorQuery{Scope: scope, Space: name, Vector: corpus.Embeddings[rnd.IntN(9)].Vector}
			q.MinScore = []float64{-8, -0.5, 0, 0.3, 0.9, 1}[rnd.IntN(6)]
		} else {
			q.Text = &search.TextQuery{Scope: scope, Filter: f, Mode: search.TextMode(rnd.IntN(5)), Field: search.Field(rnd.IntN(2)),
				Words: []string{"lighthouse", "violin harbour", "keeper lightho", "haarbour", "nothing"}[rnd.IntN(5)]}
		}
		switch rnd.IntN(4) {
		case 0:
			q.Where = windowsOf(rnd, 4)
		case 1:
			q.Where = windowsOf(rnd, 2*exactWindows)[:exactWindows+1]
		case 2:
			q.Where = windowsOf(rnd, 0)
		}
		e.setPage = []int{setPage, 40, 9}[rnd.IntN(3)]
		if rnd.IntN(2) == 0 {
			e.exactBelow = 1000
		} else {
			e.exactBelow = 0
		}
		want := collect(t, search.SetOfHits(t.Context(), e, q))
		got := collect(t, e.Set(t.Context(), q))
		if !q.Scored {
			for _, hits := range [][]search.Hit{want, got} {
				for i := range hits {
					hits[i].Score = 0
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("round %d, pages of %d, %+v %+v, %d windows (-want +got):\n%s", round, e.setPage, q.Text, q.Vector, len(q.Where), diff)
		}
		if n, err := e.Size(t.Context(), q); err != nil || n < len(want) {
			t.Errorf("round %d: a set of %d has the size %d, %v", round, len(want), n, err)
		}
	}
	if n := snapshotsOf(t, e); n != 0 {
		t.Errorf("%d points in time are left", n)
	}
}

// snapshotsOf returns how many points in time of the engine's indices are open.
func snapshotsOf(t testing.TB, e *Engine) int {
	t.Helper()
	var stats struct {
		All struct {
			Total struct {
				Search struct {
					Current int `json:"point_in_time_current"`
				} `json:"search"`
			} `json:"total"`
		} `json:"_all"`
	}
	if err := e.client.do(t.Context(), http.MethodGet, "/"+e.cfg.Prefix+".*/_stats/search", nil, &stats); err != nil {
		t.Fatal(err)
	}
	return stats.All.Total.Search.Current
}

// TestSetIsOfOneMoment: a sequence of many pages does not see what is written meanwhile. A caller who stops, or whose context ends, leaves
// no point in time behind.
func TestSetIsOfOneMoment(t *testing.T) {
	e := openEngine(t, t.Name())
	e.setPage = 10
	write := func(ordinals ...int) {
		t.Helper()
		var all []*pb.Annotation
		for _, i := range ordinals {
			a := line("run", int64(i), "lighthouse")
			a.Start, a.End = int64(i)*int64(schema.Second), int64(i+1)*int64(schema.Second)
			all = append(all, a)
		}
		if err := e.Write(t.Context(), search.Batch{Annotations: all}); err != nil {
			t.Fatal(err)
		}
	}
	var even []int
	for i := range 50 {
		even = append(even, 2*i)
	}
	write(even...)
	q := search.SetQuery{Text: &search.TextQuery{Scope: search.NewScope([]string{"run"}), Mode: search.AllWords, Words: "lighthouse"}}
	n := 0
	for h, err := range e.Set(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		if n == 15 {
			if snapshotsOf(t, e) != 1 {
				t.Error("no point in time is held")
			}
			write(99, 31)
		}
		if h.Ordinal != int64(2*n) {
			t.Fatalf("item %d is %d", n, h.Ordinal)
		}
		n++
	}
	if n != 50 {
		t.Errorf("%d items of 50", n)
	}
	if got := collect(t, e.Set(t.Context(), q)); len(got) != 52 {
		t.Errorf("afterwards: %d items", len(got))
	}
	for range e.Set(t.Context(), q) {
		break
	}
	if n := snapshotsOf(t, e); n != 0 {
		t.Errorf("%d points in time are left after a stop", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range e.Set(ctx, q) {
		cancel()
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("a context that ended: %v", last)
	}
	if n := snapshotsOf(t, e); n != 0 {
		t.Errorf("%d points in time are left after a context ended", n)
	}
}

// TestSetTooLargeAtOneMoment: items that cannot be divided are refused, and not left out.
func TestSetTooLargeAtOneMoment(t *testing.T) {
	e := openEngine(t, t.Name())
	e.setPage = 5
	var all []*pb.Annotation
	for i := range 6 {
		all = append(all, line("run", int64(i), "lighthouse"))
	}
	if err := e.Write(t.Context(), search.Batch{Annotations: all}); err != nil {
		t.Fatal(err)
	}
	q := search.SetQuery{Text: &search.TextQuery{Scope: search.NewScope([]string{"run"}), Mode: search.AllWords, Words: "lighthouse"}}
	var last error
	for _, err := range e.Set(t.Context(), q) {
		last = err
	}
	if errkind.Of(last) != errkind.Exhausted {
		t.Errorf("%v", last)
	}
}
