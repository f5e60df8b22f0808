package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

func testDump(t *testing.T, h Harness) {
	name, c := t.TempDir(), newClock()
	s, ctx := openAt(t, h, name, c), t.Context()
	if d := dumpOf(t, s); d != "" {
		t.Errorf("the dump of an empty store is %q", d)
	}
	ok(t, s.PutAsset(ctx, &pb.Asset{Id: "a", SizeBytes: 1 << 60, Title: &pb.Title{Id: "t", Name: "Ü\u2028<&>"}}))
	line := &pb.Annotation{
		Run: "r", Asset: "a", Kind: "dialogue", End: 9007199254740993, Confidence: 0.1,
		Attributes: map[string]*pb.Value{"z": {Kind: &pb.Value_Flag{}}, "a": {Kind: &pb.Value_Number{Number: 1e-300}}},
	}
	ok(t, s.WriteBatches(ctx, []store.Batch{{Asset: "a", Run: "r", Epoch: 7, Annotations: []*pb.Annotation{line},
		Embeddings: []*pb.Embedding{{Run: "r", Asset: "a", Space: "s@1", Vector: []float32{0.1, 1e-45, 16777217, 3.4028235e38}}}}}))
	ok(t, s.MarkIndexed(ctx, []store.Marker{{Asset: "a", Run: "r", Epoch: 7, Count: 1}}))
	must(s.Acquire(ctx, store.RunLease("r"), "worker", time.Minute))(t)
	ok(t, s.FinishRun(ctx, &pb.Run{Id: "r", Asset: "a", Algorithm: "dialogue", Version: "1", State: pb.RunState_RUN_STATE_FINISHED, Epoch: 7, Annotations: 1, Embeddings: 1,
		Parameters: map[string]string{"b": "1", "a": "2"}}))
	must(s.Activate(ctx, &pb.Run{Id: "r", Asset: "a"}, ""))(t)
	want := strings.Join([]string{
		`{"asset":{"id":"a","title":{"id":"t","name":"Ü` + "\u2028" + `<&>"},"size_bytes":"1152921504606846976"}}`,
		`{"run":{"id":"r","asset":"a","algorithm":"dialogue","version":"1","parameters":{"a":"2","b":"1"},"state":"RUN_STATE_FINISHED","annotations":"1","embeddings":"1"}}`,
		`{"annotation":{"run":"r","asset":"a","kind":"dialogue","end":"9007199254740993","confidence":0.1,"attributes":{"a":{"number":1e-300},"z":{"flag":false}}}}`,
		`{"embedding":{"run":"r","asset":"a","space":"s@1","vector":[0.1,1e-45,16777216,3.4028235e+38]}}`,
		`{"active":{"asset":"a","algorithm":"dialogue","run":"r","version":"1"}}`, ""}, "\n")
	equal(t, "the dump", dumpOf(t, s), want)
	ok(t, s.Close())
	s = openAt(t, h, name, c)
	equal(t, "the dump after opening again", dumpOf(t, s), want)
	broken := errors.New("the pipe is broken")
	if err := s.Dump(ctx, writer(func([]byte) (int, error) { return 0, broken })); !errors.Is(err, broken) {
		t.Errorf("dumping into a broken pipe: %v", err)
	}
}

type writer func(p []byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// testDumpOrder makes the same writes in several orders, some of them twice, and some after a first execution without an end.
func testDumpOrder(t *testing.T, h Harness) {
	ctx := t.Context()
	dumps := map[string][]uint64{}
	for seed := range uint64(6) {
		s := open(t, h)
		r := rand.New(rand.NewPCG(seed, 0))
		var tells []func() error
		for _, a := range []string{"a", "b"} {
			told := asset(a)
			told.Revision, told.TitledMs = int64(seed)+1, int64(seed)
			tells = append(tells, func() error { return s.PutAsset(ctx, told) })
			for _, id := range []string{"r1", "r2"} {
				x := run(a, id)
				tells = append(tells, func() error { _, err := s.CreateRun(ctx, x); return err },
					func() error { return s.FinishRun(ctx, finished(x, 2, 6, 3)) },
					func() error {
						err := s.FinishRun(ctx, ended(x, pb.RunState_RUN_STATE_FAILED, 1, 0, 0))
						if errkind.Is(err, errkind.Conflict) {
							err = nil
						}
						return err
					},
					func() error { return s.WriteBatches(ctx, []store.Batch{batch(a, id, 2, 0, 3, "x")}) },
					func() error {
						return s.WriteBatches(ctx, []store.Batch{batch(a, id, 2, 3, 3, "x"), batchOfVectors(a, id, 2, 0, 3)})
					},
				)
			}
		}
		if seed > 0 { // the first execution
			ok(t, s.WriteBatches(ctx, []store.Batch{batch("a", "r1", 1, 0, 9, "of the first execution")}))
			tells = append(tells, tells...)
		}
		r.Shuffle(len(tells), func(i, j int) { tells[i], tells[j] = tells[j], tells[i] })
		for _, tell := range tells {
			ok(t, tell())
		}
		for _, a := range []string{"a", "b"} {
			for _, id := range []string{"r1", "r2"} {
				ok(t, s.TrimRun(ctx, a, id, 6, 3))
			}
			if seed%2 == 1 { // by way of another
				must(s.Activate(ctx, run(a, "r1"), ""))(t)
				must(s.Activate(ctx, run(a, "r2"), "r1"))(t)
			} else {
				must(s.Activate(ctx, run(a, "r2"), ""))(t)
			}
		}
		d := dumpOf(t, s)
		dumps[d] = append(dumps[d], seed)
	}
	if len(dumps) != 1 {
		for d, seeds := range dumps {
			t.Logf("seeds %v:\n%s", seeds, d)
		}
		t.Errorf("one story gave %d dumps", len(dumps))
	}
}

// calls calls every method of s with ctx, and returns the error of each method.
func calls(ctx context.Context, s store.Store) map[string]error {
	_, asset1 := s.Asset(ctx, "a")
	_, create := s.CreateRun(ctx, run("a", "r"))
	_, createMany := s.CreateRuns(ctx, "a", []*pb.Run{run("a", "r")})
	_, run1 := s.Run(ctx, "a", "r")
	_, runs := s.RunsOf(ctx, "a")
	_, annotation1 := s.Annotation(ctx, "a", "r", 0)
	_, embedding1 := s.Embedding(ctx, "a", "r", 0)
	_, _, indexed := s.Indexed(ctx, "a", "r", 1)
	_, activate := s.Activate(ctx, run("a", "r"), "")
	_, active := s.Active(ctx, "a")
	_, acquire := s.Acquire(ctx, "n", "h", time.Minute)
	_, renew := s.Renew(ctx, store.Lease{Name: "n", Epoch: 1}, time.Minute)
	_, version := s.Version(ctx)
	_, changes := s.Changes(ctx, "")
	_, annotations := s.AnnotationsAt(ctx, []store.Ref{{Asset: "a", Run: "r"}})
	_, embeddings := s.EmbeddingsAt(ctx, []store.Ref{{Asset: "a", Run: "r"}})
	_, before := s.LastBefore(ctx, []store.Point{{Asset: "a", Run: "r", Kind: "dialogue", Time: 1}})
	_, forget := s.ForgetPicks(ctx, "p")
	_, forgotten := s.Forgotten(ctx)
	var inactive error
	for _, err := range s.Inactive(ctx) {
		inactive = err
	}
	return map[string]error{
		"PutAsset": s.PutAsset(ctx, asset("a")), "Asset": asset1, "CreateRun": create, "CreateRuns": createMany, "FinishRun": s.FinishRun(ctx, finished(run("a", "r"), 1, 0, 0)),
		"Run": run1, "RunsOf": runs, "WriteBatches": s.WriteBatches(ctx, []store.Batch{batch("a", "r", 1, 0, 1, "x")}),
		"MarkIndexed": s.MarkIndexed(ctx, []store.Marker{{Asset: "a", Run: "r", Epoch: 1, Count: 1}}), "Indexed": indexed,
		"TrimRun": s.TrimRun(ctx, "a", "r", 0, 0), "DeleteRun": s.DeleteRun(ctx, "a", "r"), "Annotation": annotation1, "Embedding": embedding1,
		"Activate": activate, "Active": active, "Acquire": acquire, "Renew": renew, "Release": s.Release(ctx, store.Lease{Name: "n", Epoch: 1}),
		"CheckEpoch": s.CheckEpoch(ctx, "n", 1), "Version": version, "Changes": changes, "Ready": s.Ready(ctx), "Dump": s.Dump(ctx, io.Discard),
		"AnnotationsAt": annotations, "EmbeddingsAt": embeddings, "LastBefore": before, "Inactive": inactive,
		"WritePicks": s.WritePicks(ctx, []*pb.Pick{pick("p", "q", 1)}), "DeletePicks": s.DeletePicks(ctx, []*pb.Pick{pick("p", "q", 1)}), "ForgetPicks": forget, "Forgotten": forgotten, "AllPicks": last(s.AllPicks(ctx)),
		"AllAssets": last(s.AllAssets(ctx)), "AllActive": last(s.AllActive(ctx)),
		"AnnotationsOf": last(s.AnnotationsOf(ctx, "a", "r", store.Span{})), "EmbeddingsOf": last(s.EmbeddingsOf(ctx, "a", "r", store.Span{})),
	}
}

// last returns the last error of an iterator, or an error about a broken iterator.
func last[M any](seq func(func(*M, error) bool)) error {
	var end error
	for m, err := range seq {
		if end != nil {
			return fmt.Errorf("it goes on after the error %w", end)
		}
		if end = err; err != nil && m != nil {
			return fmt.Errorf("it yields %v with the error %w", m, err)
		}
	}
	return end
}

func testContexts(t *testing.T, h Harness) {
	s := open(t, h)
	ok(t, s.PutAsset(t.Context(), asset("there before")))
	before := dumpOf(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, err := range calls(ctx, s) {
		kind(t, name+" after its context ended", err, errkind.Cancelled)
	}
	equal(t, "the dump", dumpOf(t, s), before)

	putFinished(t, s, run("a", "r"), 10, "x")
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	var end error
	for _, err := range s.AnnotationsOf(ctx, "a", "r", store.Span{}) {
		cancel()
		end = err
	}
	kind(t, "ranging on after the context ended", end, errkind.Cancelled)
}

func testClosing(t *testing.T, h Harness) {
	s := h.Open(t, t.TempDir(), newClock().Now)
	ok(t, s.Ready(t.Context()))
	putFinished(t, s, run("a", "r"), 10, "x")
	ok(t, s.Close())
	ok(t, s.Close())
	for name, err := range calls(t.Context(), s) {
		kind(t, name+" after closing", err, errkind.Unavailable)
	}
}
