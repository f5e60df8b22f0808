package storetest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

func testItemsAt(t *testing.T, h Harness) {
	s, ctx := open(t, h), t.Context()
	if as := must(s.AnnotationsAt(ctx, nil))(t); len(as) != 0 {
		t.Errorf("%d annotations for no refs", len(as))
	}
	if es := must(s.EmbeddingsAt(ctx, []store.Ref{}))(t); len(es) != 0 {
		t.Errorf("%d embeddings for no refs", len(es))
	}
	const n = 2500
	ok(t, s.WriteBatches(ctx, []store.Batch{
		batch("a", "r", 1, 0, n, "x"), batchOfVectors("a", "r", 1, 0, 20),
		batch("a", "r\x00", 1, 0, 3, "of another run"), batch("aa", "r", 1, 0, 3, "of another asset"), batchOfVectors("aa", "r", 1, 5, 3),
	}))
	refs := []store.Ref{
		{Asset: "aa", Run: "r", Ordinal: 2}, {Asset: "a", Run: "r", Ordinal: 7}, {Asset: "a", Run: "r\x00", Ordinal: 1},
		{Asset: "a", Run: "r", Ordinal: n}, {Asset: "a", Run: "r", Ordinal: -1}, {Asset: "a", Run: "no such run", Ordinal: 0}, {Asset: "aa", Run: "r\x00", Ordinal: 1},
		{}, {Asset: "a", Run: "r", Ordinal: 7}, {Asset: "a", Run: "r", Ordinal: 1 << 62}, {Asset: "a", Run: "r", Ordinal: n - 1}, {Asset: "a", Run: "r", Ordinal: 1024},
		{Asset: "aa", Run: "r", Ordinal: 5},
	}
	want := []*pb.Annotation{
		annotation("aa", "r", 2, "of another asset"), annotation("a", "r", 7, "x"), annotation("a", "r\x00", 1, "of another run"),
		nil, nil, nil, nil, nil, annotation("a", "r", 7, "x"), nil, annotation("a", "r", n-1, "x"), annotation("a", "r", 1024, "x"), nil,
	}
	got := must(s.AnnotationsAt(ctx, refs))(t)
	equal(t, "annotations", got, want)
	got[1].Text = "changed by whom it was given to"
	equal(t, "the same annotation for another ref", got[8], want[8])
	equal(t, "embeddings", must(s.EmbeddingsAt(ctx, refs))(t), []*pb.Embedding{nil, embedding("a", "r", 7, 1, 7), nil, nil, nil, nil, nil, nil, embedding("a", "r", 7, 1, 7),
		nil, nil, nil, embedding("aa", "r", 5, 1, 5)})

	// Thousands, in any order, some of them missing.
	r := rand.New(rand.NewPCG(1, 2))
	var many []store.Ref
	for range 2 * n {
		many = append(many, store.Ref{Asset: "a", Run: "r", Ordinal: r.Int64N(n + n/10)})
	}
	for i, a := range must(s.AnnotationsAt(ctx, many))(t) {
		if there := many[i].Ordinal < n; (a != nil) != there || there && a.GetOrdinal() != many[i].Ordinal {
			t.Fatalf("annotation %d of many, for ref %+v, is %v", i, many[i], a)
		}
	}
}

// lastBefore is the contract of LastBefore over all annotations of a run.
func lastBefore(all []*pb.Annotation, kind string, at schema.Time) (last *pb.Annotation) {
	for _, a := range all {
		if a.GetKind() != kind || schema.Time(a.GetStart()) > at {
			continue
		}
		if last == nil || a.GetStart() > last.GetStart() || a.GetStart() == last.GetStart() && a.GetOrdinal() < last.GetOrdinal() {
			last = a
		}
	}
	return last
}

// checkLastBefore asks for points all over some runs together, and compares the answers with a search through all
// annotations of the runs.
func checkLastBefore(t *testing.T, s store.Store, what string, runs []names, kinds []string, times []schema.Time) {
	t.Helper()
	var points []store.Point
	var want []*pb.Annotation
	for _, k := range runs {
		all := list(t, s.AnnotationsOf(t.Context(), k.a, k.b, store.Span{}))
		for _, kind := range kinds {
			for _, at := range times {
				points = append(points, store.Point{Asset: k.a, Run: k.b, Kind: kind, Time: at})
				want = append(want, lastBefore(all, kind, at))
			}
		}
	}
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(points), func(i, j int) {
		points[i], points[j], want[i], want[j] = points[j], points[i], want[j], want[i]
	})
	got := must(s.LastBefore(t.Context(), points))(t)
	if len(got) != len(want) {
		t.Fatalf("%s: %d answers to %d points", what, len(got), len(points))
	}
	for i := range want {
		if (got[i] == nil) != (want[i] == nil) || got[i].GetOrdinal() != want[i].GetOrdinal() || got[i].GetRun() != want[i].GetRun() || got[i].GetAsset() != want[i].GetAsset() {
			t.Fatalf("%s: the last before %+v is %v, want %v", what, points[i], got[i], want[i])
		}
	}
}

// starting is the contract of Starting over all annotations of a run.
func starting(all []*pb.Annotation, r store.Range) (within []*pb.Annotation) {
	for _, a := range all {
		if at := schema.Time(a.GetStart()); a.GetKind() == r.Kind && at >= r.From && at < r.To {
			within = append(within, a)
		}
	}
	slices.SortFunc(within, func(a, b *pb.Annotation) int {
		return cmp.Or(cmp.Compare(a.GetStart(), b.GetStart()), cmp.Compare(a.GetOrdinal(), b.GetOrdinal()))
	})
	return within[:min(len(within), store.MostStarting)]
}

// checkStarting asks for ranges all over some runs together, and compares the answers with a search through all annotations of the runs.
func checkStarting(t *testing.T, s store.Store, what string, runs []names, kinds []string, times []schema.Time) {
	t.Helper()
	var ranges []store.Range
	var want [][]*pb.Annotation
	for _, k := range runs {
		all := list(t, s.AnnotationsOf(t.Context(), k.a, k.b, store.Span{}))
		for _, kind := range kinds {
			for i, from := range times {
				r := store.Range{Asset: k.a, Run: k.b, Kind: kind, From: from, To: times[(i+1)%len(times)]} // some end before they begin
				ranges, want = append(ranges, r), append(want, starting(all, r))
			}
		}
	}
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(ranges), func(i, j int) { ranges[i], ranges[j], want[i], want[j] = ranges[j], ranges[i], want[j], want[i] })
	got := must(s.Starting(t.Context(), ranges))(t)
	if len(got) != len(want) {
		t.Fatalf("%s: %d answers to %d ranges", what, len(got), len(ranges))
	}
	same := func(a, b *pb.Annotation) bool {
		return a.GetAsset() == b.GetAsset() && a.GetRun() == b.GetRun() && a.GetOrdinal() == b.GetOrdinal()
	}
	for i := range want {
		if !slices.EqualFunc(got[i], want[i], same) {
			t.Fatalf("%s: starting within %+v: %v, want %v", what, ranges[i], got[i], want[i])
		}
	}
}

// batchOf is annotations from an ordinal on, with the given starts, of the kinds in turn.
func batchOf(k names, epoch, first int64, starts []schema.Time, kinds ...string) store.Batch {
	b := store.Batch{Asset: k.a, Run: k.b, Epoch: epoch, First: first}
	for i, at := range starts {
		a := annotation(k.a, k.b, first+int64(i), fmt.Sprint(epoch))
		a.Kind, a.Start, a.End = kinds[i%len(kinds)], int64(at), int64(at)+10
		b.Annotations = append(b.Annotations, a)
	}
	return b
}

func testLastBefore(t *testing.T, h Harness) {
	s, ctx := open(t, h), t.Context()
	if as := must(s.LastBefore(ctx, nil))(t); len(as) != 0 {
		t.Errorf("%d annotations for no points", len(as))
	}
	r := rand.New(rand.NewPCG(5, 6))
	var inOrder, anyOrder []schema.Time
	for i := range 1500 {
		inOrder = append(inOrder, schema.Time(i*10))
		anyOrder = append(anyOrder, schema.Time(r.IntN(300)*50-200)) // many start together, some before 0
	}
	shots, mixed, disordered, empty := names{"a", "shots"}, names{"a", "mixed"}, names{"b", "shots"}, names{"b", "no such run"}
	var batches []store.Batch
	for first := 0; first < len(inOrder); first += 250 {
		piece := func(of []schema.Time) []schema.Time { return of[first:min(first+250, len(of))] }
		batches = append(batches,
			batchOf(shots, 1, int64(first), piece(inOrder), "shot"),
			batchOf(mixed, 1, int64(first), piece(inOrder), "shot", "thumbnail", "thumbnail"),
			batchOf(disordered, 1, int64(first), piece(anyOrder), "shot", "thumbnail"))
	}
	r.Shuffle(len(batches), func(i, j int) { batches[i], batches[j] = batches[j], batches[i] })
	ok(t, s.WriteBatches(ctx, batches))
	times := []schema.Time{-1 << 62, -201, -200, -1, 0, 1, 9, 10, 11, 2560, 14_989, 14_990, 14_991, 1 << 62}
	for range 40 {
		times = append(times, schema.Time(r.IntN(16_000)-300))
	}
	checkLastBefore(t, s, "runs of every order", []names{shots, mixed, disordered, empty}, []string{"shot", "thumbnail", "no such kind", ""}, times)
	checkStarting(t, s, "runs of every order", []names{shots, mixed, disordered, empty}, []string{"shot", "thumbnail", "no such kind", ""}, times)

	twice := must(s.LastBefore(ctx, []store.Point{{Asset: "a", Run: "shots", Kind: "shot", Time: 5}, {Asset: "a", Run: "shots", Kind: "shot", Time: 5}}))(t)
	twice[0].Text = "changed by whom it was given to"
	equal(t, "the same point again", twice[1], annotationOf(t, s, shots, 0))
}

func annotationOf(t *testing.T, s store.Store, k names, ordinal int64) *pb.Annotation {
	t.Helper()
	return must(s.Annotation(t.Context(), k.a, k.b, ordinal))(t)
}

// In testLastBeforeOverwritten a later execution writes over an earlier execution, in other batches and with other
// times.
func testLastBeforeOverwritten(t *testing.T, h Harness) {
	s, ctx := open(t, h), t.Context()
	k := names{"a", "r"}
	r := rand.New(rand.NewPCG(7, 8))
	drawn := func(n, most int) []schema.Time {
		var out []schema.Time
		for range n {
			out = append(out, schema.Time(r.IntN(most)))
		}
		return out
	}
	var times []schema.Time
	for i := range 60 {
		times = append(times, schema.Time(i*20))
	}
	check := func(what string) {
		t.Helper()
		checkLastBefore(t, s, what, []names{k}, []string{"shot", "thumbnail"}, times)
		checkStarting(t, s, what, []names{k}, []string{"shot", "thumbnail"}, times)
	}
	ok(t, s.WriteBatches(ctx, []store.Batch{batchOf(k, 1, 0, drawn(300, 1000), "shot", "thumbnail"), batchOf(k, 1, 300, drawn(100, 1000), "shot")}))
	check("one execution")
	ok(t, s.WriteBatches(ctx, []store.Batch{batchOf(k, 2, 50, drawn(200, 500), "thumbnail", "shot"), batchOf(k, 2, 0, drawn(30, 100), "shot")}))
	check("the execution after it, half way")
	ok(t, s.WriteBatches(ctx, []store.Batch{batchOf(k, 2, 30, drawn(20, 1000), "shot"), batchOf(k, 2, 250, drawn(10, 1000), "shot")}))
	ok(t, s.FinishRun(ctx, finished(run(k.a, k.b), 2, 260, 0)))
	ok(t, s.TrimRun(ctx, k.a, k.b, 260, 0))
	check("the execution after it, finished")
	ok(t, s.DeleteRun(ctx, k.a, k.b))
	check("the run deleted")
	ok(t, s.WriteBatches(ctx, []store.Batch{batchOf(k, 3, 0, drawn(100, 1000), "shot")}))
	check("the run made again")
	ok(t, s.WriteBatches(ctx, []store.Batch{batchOf(k, 3, 1<<40, drawn(10, 1000), "shot")}))
	check("far ordinals")
}
