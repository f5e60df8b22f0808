package storetest

import (
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

func testItems(t *testing.T, h Harness) {
	s, ctx := open(t, h), t.Context()
	_, err := s.Annotation(ctx, "a", "r", 0)
	kind(t, "an annotation that is not there", err, errkind.NotFound)
	_, err = s.Embedding(ctx, "a", "r", 0)
	kind(t, "an embedding that is not there", err, errkind.NotFound)

	told := []store.Batch{
		batch("a", "r", 1, 3, 4, "later"),
		batch("a", "r", 1, 0, 3, "earlier"),
		batchOfVectors("a", "r", 1, 0, 2),
		batch("a", "other", 1, 0, 2, "of another run"),
		batch("b", "r", 1, 0, 2, "of another asset"),
		{Asset: "a", Run: "r", Epoch: 1, First: 7}, // nothing
	}
	mixed := batch("a", "r", 1, 300, 1, "far away")
	mixed.Embeddings = []*pb.Embedding{embedding("a", "r", 300, math.MaxFloat32, math.SmallestNonzeroFloat32, float32(math.Inf(-1)), float32(math.Copysign(0, -1)), 0.1)}
	told = append(told, mixed)
	before := proto.CloneOf(told[0].Annotations[0])
	ok(t, s.WriteBatches(ctx, told))
	equal(t, "the message passed in", told[0].Annotations[0], before)

	want := append(append(batch("a", "r", 1, 0, 3, "earlier").Annotations, batch("a", "r", 1, 3, 4, "later").Annotations...), mixed.Annotations...)
	equal(t, "annotations", list(t, s.AnnotationsOf(ctx, "a", "r", store.Span{})), want)
	equal(t, "annotation 4", must(s.Annotation(ctx, "a", "r", 4))(t), want[4])
	equal(t, "annotation 300", must(s.Annotation(ctx, "a", "r", 300))(t), want[7])
	_, err = s.Annotation(ctx, "a", "r", 7)
	kind(t, "annotation 7", err, errkind.NotFound)
	equal(t, "embeddings", list(t, s.EmbeddingsOf(ctx, "a", "r", store.Span{})),
		append(batchOfVectors("a", "r", 1, 0, 2).Embeddings, mixed.Embeddings...))
	for i, v := range must(s.Embedding(ctx, "a", "r", 300))(t).GetVector() {
		if math.Float32bits(v) != math.Float32bits(mixed.Embeddings[0].GetVector()[i]) {
			t.Errorf("component %d of the vector is %x, want %x", i, math.Float32bits(v), math.Float32bits(mixed.Embeddings[0].GetVector()[i]))
		}
	}
	equal(t, "of another run", texts(list(t, s.AnnotationsOf(ctx, "a", "other", store.Span{}))), []string{"0 of another run", "1 of another run"})
	equal(t, "of another asset", texts(list(t, s.AnnotationsOf(ctx, "b", "r", store.Span{}))), []string{"0 of another asset", "1 of another asset"})

	// The same again, and then a re-execution under a higher epoch.
	dump := dumpOf(t, s)
	ok(t, s.WriteBatches(ctx, told))
	equal(t, "the dump after writing again", dumpOf(t, s), dump)
	ok(t, s.WriteBatches(ctx, []store.Batch{batch("a", "r", 2, 1, 2, "replaced")}))
	equal(t, "annotations", texts(list(t, s.AnnotationsOf(ctx, "a", "r", store.Span{})))[:4], []string{"0 earlier", "1 replaced", "2 replaced", "3 later"})
	ok(t, s.WriteBatches(ctx, nil))

	// Runs and assets that keys could confuse.
	var confusing []store.Batch
	for _, a := range odd {
		for _, r := range odd {
			confusing = append(confusing, batch("of "+a, r, 1, 0, 2, a+"|"+r))
		}
	}
	ok(t, s.WriteBatches(ctx, confusing))
	for _, a := range odd {
		for _, r := range odd {
			equal(t, "of "+a+" and "+r, texts(list(t, s.AnnotationsOf(ctx, "of "+a, r, store.Span{}))), []string{"0 " + a + "|" + r, "1 " + a + "|" + r})
		}
	}
}

func testSpans(t *testing.T, h Harness) {
	s, ctx := open(t, h), t.Context()
	// Intervals out of the order of time, overlapping, and an interval of no length.
	at := []schema.Interval{{Start: 100, End: 200}, {Start: 0, End: 100}, {Start: 150, End: 151}, {Start: 0, End: 1000}, {Start: 100, End: 100}, {Start: -50, End: -10}}
	b := store.Batch{Asset: "a", Run: "r"}
	for i, iv := range at {
		a, e := annotation("a", "r", int64(i), ""), embedding("a", "r", int64(i), 1)
		a.Start, a.End = int64(iv.Start), int64(iv.End)
		e.Start, e.End = int64(iv.Start), int64(iv.End)
		b.Annotations, b.Embeddings = append(b.Annotations, a), append(b.Embeddings, e)
	}
	ok(t, s.WriteBatches(ctx, []store.Batch{b}))
	for _, test := range []struct {
		name string
		span store.Span
		want []int64
	}{
		{"all", store.Span{}, []int64{0, 1, 2, 3, 4, 5}},
		{"ends are not in it", store.Span{Start: 100, End: 150}, []int64{0, 3, 4}},
		{"one flick", store.Span{Start: 150, End: 151}, []int64{0, 2, 3}},
		{"up to a start", store.Span{Start: 50, End: 100}, []int64{1, 3}},
		{"before zero", store.Span{Start: -100, End: 0}, []int64{5}},
		{"beyond", store.Span{Start: 1000, End: 2000}, []int64{}},
		{"empty, but not the zero one", store.Span{Start: 150, End: 150}, []int64{}},
		{"backwards", store.Span{Start: 200, End: 100}, []int64{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			equal(t, "annotations", ordinals(list(t, s.AnnotationsOf(ctx, "a", "r", test.span))), test.want)
			equal(t, "embeddings", ordinals(list(t, s.EmbeddingsOf(ctx, "a", "r", test.span))), test.want)
		})
	}
}

func testRefusedBatches(t *testing.T, h Harness) {
	s, ctx := open(t, h), t.Context()
	for name, spoil := range map[string]func(*store.Batch){
		"no asset":               func(b *store.Batch) { b.Asset = "" },
		"no run":                 func(b *store.Batch) { b.Run = "" },
		"negative first":         func(b *store.Batch) { b.First = -1 },
		"item of another run":    func(b *store.Batch) { b.Annotations[1].Run = "other" },
		"item of another asset":  func(b *store.Batch) { b.Annotations[1].Asset = "other" },
		"item out of its place":  func(b *store.Batch) { b.Annotations[1].Ordinal = 7 },
		"vector out of place":    func(b *store.Batch) { b.Embeddings[0].Ordinal = 7 },
		"text that is not UTF-8": func(b *store.Batch) { b.Annotations[1].Text = "\xff" },
	} {
		b := batch("a", "r", 1, 0, 2, "x")
		b.Embeddings = batchOfVectors("a", "r", 1, 0, 2).Embeddings
		spoil(&b)
		kind(t, name, s.WriteBatches(ctx, []store.Batch{b}), errkind.Invalid)
	}
	for name, m := range map[string]store.Marker{
		"no asset": {Run: "r", Count: 1}, "no run": {Asset: "a", Count: 1}, "negative epoch": {Asset: "a", Run: "r", Epoch: -1, Count: 1},
		"negative first": {Asset: "a", Run: "r", First: -1, Count: 1}, "negative count": {Asset: "a", Run: "r", Count: -1}, "no such part": {Asset: "a", Run: "r", Count: 1, Part: 2},
	} {
		kind(t, "marker with "+name, s.MarkIndexed(ctx, []store.Marker{m}), errkind.Invalid)
	}
	kind(t, "trimming to -1", s.TrimRun(ctx, "a", "r", -1, 0), errkind.Invalid)
	if d := dumpOf(t, s); d != "" {
		t.Errorf("what was refused is there: %s", d)
	}
}

// testLargeBatch writes a batch as large as an algorithm may write for a long film.
func testLargeBatch(t *testing.T, h Harness) {
	s, ctx := open(t, h), t.Context()
	const n = 5000
	line := strings.Repeat("a very long line, ", 500) // 45 MB in all
	ok(t, s.WriteBatches(ctx, []store.Batch{batch("a", "r", 1, 0, n, line)}))
	equal(t, "ordinals", ordinals(list(t, s.AnnotationsOf(ctx, "a", "r", store.Span{}))), upTo(n))
	equal(t, "the last", must(s.Annotation(ctx, "a", "r", n-1))(t), annotation("a", "r", n-1, line))
}

func testMarkers(t *testing.T, h Harness) {
	s, ctx := open(t, h), t.Context()
	mark := func(epoch int64, part store.Part, first, count int64) store.Marker {
		return store.Marker{Asset: "a", Run: "r", Epoch: epoch, Part: part, First: first, Count: count}
	}
	const ann, emb = store.PartAnnotations, store.PartEmbeddings
	want := func(what string, epoch, annotations, embeddings int64) {
		t.Helper()
		a, e, err := s.Indexed(ctx, "a", "r", epoch)
		ok(t, err)
		if a != annotations || e != embeddings {
			t.Errorf("%s: %d annotations and %d embeddings are indexed, want %d and %d", what, a, e, annotations, embeddings)
		}
	}
	want("to begin with", 1, 0, 0)
	ok(t, s.MarkIndexed(ctx, []store.Marker{mark(1, ann, 0, 10), mark(1, ann, 10, 5), mark(1, emb, 0, 3)}))
	want("three markers", 1, 15, 3)
	ok(t, s.MarkIndexed(ctx, []store.Marker{mark(1, ann, 10, 5), mark(1, emb, 0, 3)}))
	want("two of them again", 1, 15, 3)
	ok(t, s.MarkIndexed(ctx, []store.Marker{mark(1, ann, 5, 8), mark(1, emb, 2, 2), mark(1, ann, 2, 0)}))
	want("overlapping ones", 1, 15, 4)
	ok(t, s.MarkIndexed(ctx, []store.Marker{mark(1, ann, 300, 1)}))
	want("one beyond a gap", 1, 16, 4)
	ok(t, s.MarkIndexed(ctx, []store.Marker{mark(2, ann, 0, 2)}))
	want("another epoch", 2, 2, 0)
	want("the epoch before", 1, 16, 4)
	ok(t, s.MarkIndexed(ctx, []store.Marker{{Asset: "a", Run: "other", Epoch: 1, Count: 99}, {Asset: "b", Run: "r", Epoch: 1, Count: 99}}))
	want("another run", 1, 16, 4)
	ok(t, s.MarkIndexed(ctx, nil))
	if d := dumpOf(t, s); d != "" {
		t.Errorf("markers are in the dump: %s", d)
	}
}

func testTrim(t *testing.T, h Harness) {
	s, ctx := open(t, h), t.Context()
	ok(t, s.WriteBatches(ctx, []store.Batch{
		batch("a", "r", 1, 0, 10, "first execution"), batchOfVectors("a", "r", 1, 0, 10),
		batch("a", "r", 2, 0, 4, "second execution"), batchOfVectors("a", "r", 2, 0, 3),
		batch("a", "other", 1, 0, 10, "x"), batch("a", "rr", 1, 0, 10, "x"), batch("aa", "r", 1, 0, 10, "x"),
	}))
	ok(t, s.MarkIndexed(ctx, []store.Marker{{Asset: "a", Run: "r", Epoch: 1, Count: 10}, {Asset: "a", Run: "r", Epoch: 2, Count: 4}}))
	ok(t, s.FinishRun(ctx, finished(run("a", "r"), 2, 4, 3)))
	for range 2 {
		ok(t, s.TrimRun(ctx, "a", "r", 4, 3))
		equal(t, "annotations", texts(list(t, s.AnnotationsOf(ctx, "a", "r", store.Span{}))), texts(batch("a", "r", 2, 0, 4, "second execution").Annotations))
		equal(t, "embeddings", list(t, s.EmbeddingsOf(ctx, "a", "r", store.Span{})), batchOfVectors("a", "r", 2, 0, 3).Embeddings)
		for _, other := range [][2]string{{"a", "other"}, {"a", "rr"}, {"aa", "r"}} {
			equal(t, "another run", ordinals(list(t, s.AnnotationsOf(ctx, other[0], other[1], store.Span{}))), upTo(10))
		}
	}
	if a, _, err := s.Indexed(ctx, "a", "r", 2); err != nil || a != 4 {
		t.Errorf("after trimming, %d are marked under the epoch that counts (%v), want 4", a, err)
	}
	if a, _, err := s.Indexed(ctx, "a", "r", 1); err != nil || a != 0 {
		t.Errorf("after trimming, %d are marked under the epoch that is over (%v), want none", a, err)
	}
	// Later writes work as before.
	ok(t, s.WriteBatches(ctx, []store.Batch{batch("a", "r", 2, 4, 1, "more")}))
	equal(t, "annotations", ordinals(list(t, s.AnnotationsOf(ctx, "a", "r", store.Span{}))), upTo(5))
	ok(t, s.TrimRun(ctx, "a", "r", 0, 0))
	equal(t, "annotations", ordinals(list(t, s.AnnotationsOf(ctx, "a", "r", store.Span{}))), upTo(0))
	ok(t, s.TrimRun(ctx, "a", "no such run", 0, 0))
}

func testDelete(t *testing.T, h Harness) {
	s, ctx := open(t, h), t.Context()
	ok(t, s.DeleteRun(ctx, "a", "no such run"))
	for _, r := range []*pb.Run{run("a", "r"), run("a", "rr"), run("aa", "r")} {
		putFinished(t, s, r, 5, "x")
	}
	before := dumpOf(t, s)
	ok(t, s.WriteBatches(ctx, []store.Batch{batchOfVectors("a", "gone", 1, 0, 5)}))
	ok(t, s.MarkIndexed(ctx, []store.Marker{{Asset: "a", Run: "gone", Epoch: 1, Count: 5}}))
	putFinished(t, s, run("a", "gone"), 5, "x")
	ok(t, s.DeleteRun(ctx, "a", "gone"))
	equal(t, "the dump", dumpOf(t, s), before)
	_, err := s.Run(ctx, "a", "gone")
	kind(t, "its record", err, errkind.NotFound)
	if a, e, err := s.Indexed(ctx, "a", "gone", 1); err != nil || a != 0 || e != 0 {
		t.Errorf("a deleted run has %d and %d items marked (%v)", a, e, err)
	}

	must(s.Activate(ctx, run("a", "r"), ""))(t)
	before = dumpOf(t, s)
	kind(t, "deleting the active run", s.DeleteRun(ctx, "a", "r"), errkind.Conflict)
	equal(t, "the dump", dumpOf(t, s), before)
	must(s.Activate(ctx, run("a", "rr"), "r"))(t)
	ok(t, s.DeleteRun(ctx, "a", "r"))
	_, err = s.Activate(ctx, run("a", "r"), "rr")
	kind(t, "going back to a run that was deleted", err, errkind.NotFound)
}
