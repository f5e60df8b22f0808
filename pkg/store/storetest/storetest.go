package storetest

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// A Harness opens the store under test.
type Harness struct {
	// Open opens the store of a name, and creates a missing store. The name is the path of an empty folder, which the store MAY write to;
	// a store elsewhere takes the name as a key. Leases run out by clock. The suite closes every store.
	Open func(t testing.TB, name string, clock func() time.Time) store.Store
	// Exceptions are broken promises: the name of a test, and the reason.
	Exceptions map[string]string
}

// Run holds a store to every promise of package store.
func Run(t *testing.T, h Harness) {
	known := map[string]bool{}
	for _, test := range []struct {
		name string
		run  func(*testing.T, Harness)
	}{
		{"assets", testAssets},
		{"revisions of an asset", testRevisions},
		{"creating runs", testCreateRun},
		{"creating many runs", testCreateRuns},
		{"finishing runs", testFinishRun},
		{"items", testItems},
		{"spans", testSpans},
		{"items together", testItemsAt},
		{"last before", testLastBefore},
		{"last before, written over", testLastBeforeOverwritten},
		{"refused batches", testRefusedBatches},
		{"large batch", testLargeBatch},
		{"markers", testMarkers},
		{"trimming", testTrim},
		{"deleting runs", testDelete},
		{"activating", testActivate},
		{"times of switches", testEarlier},
		{"leases", testLeases},
		{"epochs never come back", testEpochs},
		{"jobs", testJobs},
		{"saved searches", testSearches},
		{"bins", testBins},
		{"partners", testPartners},
		{"positions", testPositions},
		{"picks", testPicks},
		{"picks under readers", testPicksUnderReaders},
		{"version", testVersion},
		{"changes", testChanges},
		{"changes under writers", testChangesUnderWriters},
		{"inactive runs", testInactive},
		{"dump", testDump},
		{"dump tells no history", testDumpOrder},
		{"one of many wins", testRaces},
		{"switching under readers", testSwitches},
		{"iterators", testIterators},
		{"contexts", testContexts},
		{"closing", testClosing},
		{"as a model says", testModel},
	} {
		known[test.name] = true
		t.Run(test.name, func(t *testing.T) {
			if why, ok := h.Exceptions[test.name]; ok {
				t.Skip("an exception of this store: " + why)
			}
			test.run(t, h)
		})
	}
	for name := range h.Exceptions {
		if !known[name] {
			t.Errorf("there is no test %q to be an exception from", name)
		}
	}
}

// A clock stands still until a test moves the clock.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Unix(1_700_000_000, 0)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func open(t testing.TB, h Harness) store.Store {
	t.Helper()
	return openAt(t, h, t.TempDir(), newClock())
}

func openAt(t testing.TB, h Harness, name string, c *clock) store.Store {
	t.Helper()
	s := h.Open(t, name, c.Now)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return s
}

// tb is the common part of testing.TB and rapid.T.
type tb interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
}

// testContext is for calls without a context of their own, such as within a model's step.
var testContext = context.Background()

// must returns a function that returns v, or fails after an error.
func must[T any](v T, err error) func(tb) T {
	return func(t tb) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t tb, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// kind fails unless err is of kind want.
func kind(t tb, what string, err error, want errkind.Kind) {
	t.Helper()
	if !errkind.Is(err, want) {
		t.Errorf("%s: error %v, want one of kind %s", what, err, want)
	}
}

func equal(t tb, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// list reads an iterator to its end.
func list[M any](t tb, seq iter.Seq2[M, error]) []M {
	t.Helper()
	var out []M
	for m, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

func dumpOf(t tb, s store.Store) string {
	t.Helper()
	var b bytes.Buffer
	ok(t, s.Dump(testContext, &b))
	return b.String()
}

func asset(id string) *pb.Asset {
	return &pb.Asset{
		Id: id, Title: &pb.Title{Id: "title-of-" + id, Name: "The Lighthouse"}, Sha256: id, SizeBytes: 1 << 40,
		Video:      &pb.VideoTrack{Width: 1920, Height: 1080, Rate: &pb.FrameRate{Num: 24000, Den: 1001}, Frames: 2400, StartTimecode: "01:00:00:00"},
		Text:       []*pb.TextTrack{{Language: "en", Format: "srt"}, {Language: "de", Format: "ttml"}},
		Attributes: map[string]*pb.Value{"b": {Kind: &pb.Value_Number{Number: 0.1}}, "a": {Kind: &pb.Value_Text{Text: "ü\x00\""}}},
	}
}

func run(asset, id string) *pb.Run {
	return &pb.Run{
		Id: id, Asset: asset, Algorithm: "dialogue", Version: "1", State: pb.RunState_RUN_STATE_REQUESTED,
		Parameters: map[string]string{"z": "1", "a": "2"},
	}
}

// ended returns the run as of its end.
func ended(r *pb.Run, state pb.RunState, epoch, annotations, embeddings int64) *pb.Run {
	r = proto.CloneOf(r)
	r.State, r.Epoch, r.Annotations, r.Embeddings = state, epoch, annotations, embeddings
	if state == pb.RunState_RUN_STATE_FAILED {
		r.ErrorKind, r.Error = "unavailable", "the model does not answer"
	}
	return r
}

func finished(r *pb.Run, epoch, annotations, embeddings int64) *pb.Run {
	return ended(r, pb.RunState_RUN_STATE_FINISHED, epoch, annotations, embeddings)
}

// annotation is item i of a run: a line of a second each.
func annotation(asset, run string, i int64, text string) *pb.Annotation {
	return &pb.Annotation{
		Run: run, Ordinal: i, Asset: asset, Kind: "dialogue", Start: i * int64(schema.Second), End: (i + 1) * int64(schema.Second),
		Text: text, Language: "en", Confidence: 0.1, Region: &pb.Region{X: 0.25, W: 0.5, H: 1},
		Attributes: map[string]*pb.Value{"n": {Kind: &pb.Value_Integer{Integer: i}}, "m": {Kind: &pb.Value_Flag{Flag: true}}},
	}
}

func embedding(asset, run string, i int64, vector ...float32) *pb.Embedding {
	return &pb.Embedding{
		Run: run, Ordinal: i, Asset: asset, Space: "e5-small@1", Start: i * int64(schema.Second), End: (i + 1) * int64(schema.Second),
		Vector: vector, Of: schema.ItemID("other", i), Kind: "dialogue",
	}
}

// batch is annotations first to first+n-1 of a run.
func batch(asset, run string, epoch, first, n int64, text string) store.Batch {
	b := store.Batch{Asset: asset, Run: run, Epoch: epoch, First: first}
	for i := first; i < first+n; i++ {
		b.Annotations = append(b.Annotations, annotation(asset, run, i, text))
	}
	return b
}

// batchOfVectors is embeddings first to first+n-1 of a run.
func batchOfVectors(asset, run string, epoch, first, n int64) store.Batch {
	b := store.Batch{Asset: asset, Run: run, Epoch: epoch, First: first}
	for i := first; i < first+n; i++ {
		b.Embeddings = append(b.Embeddings, embedding(asset, run, i, float32(epoch), float32(i)))
	}
	return b
}

// putFinished puts a whole finished run of n annotations into the store.
func putFinished(t testing.TB, s store.Store, r *pb.Run, n int64, text string) *pb.Run {
	t.Helper()
	r = finished(r, store.FirstEpoch, n, 0)
	ok(t, s.WriteBatches(t.Context(), []store.Batch{batch(r.GetAsset(), r.GetId(), store.FirstEpoch, 0, n, text)}))
	ok(t, s.FinishRun(t.Context(), r))
	return r
}

func texts(as []*pb.Annotation) []string {
	var out []string
	for _, a := range as {
		out = append(out, fmt.Sprintf("%d %s", a.GetOrdinal(), a.GetText()))
	}
	return out
}

func ordinals[M interface{ GetOrdinal() int64 }](items []M) []int64 {
	out := []int64{}
	for _, m := range items {
		out = append(out, m.GetOrdinal())
	}
	return out
}

func upTo(n int64) []int64 {
	out := []int64{}
	for i := range n {
		out = append(out, i)
	}
	return out
}

func ids[M interface{ GetId() string }](ms []M) []string {
	out := []string{}
	for _, m := range ms {
		out = append(out, m.GetId())
	}
	return out
}

func sorted(names ...string) []string {
	slices.Sort(names)
	return names
}
