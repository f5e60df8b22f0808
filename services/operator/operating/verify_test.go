package operating

import (
	"context"
	"fmt"
	"image"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/services/operator/jobs"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// verify returns the notes of a verification, and the error.
func verify(t testing.TB, l *apitest.Library, w *pb.Verify) (string, error) {
	t.Helper()
	var r record
	v := newVerifier(l.Store, l.Engine, nil)
	p, err := v.plan(t.Context(), w)
	if err != nil {
		return "", err
	}
	err = v.do(t.Context(), w, newActivator(l), r.tell)
	if r.done != p.Total && err == nil {
		t.Errorf("done %d of %d", r.done, p.Total)
	}
	return strings.Join(r.lines, "\n"), err
}

func engineDump(t testing.TB, l *apitest.Library) string {
	t.Helper()
	var b strings.Builder
	if err := l.Engine.Dump(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func runOf(t testing.TB, l *apitest.Library, asset, algorithm, version string) *pb.Run {
	t.Helper()
	runs, err := l.Store.RunsOf(t.Context(), asset)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(runs, func(r *pb.Run) bool { return r.GetAlgorithm() == algorithm && r.GetVersion() == version })
	if i < 0 {
		t.Fatalf("no run of %s@%s", algorithm, version)
	}
	return runs[i]
}

func annotationsOf(t testing.TB, s store.Annotations, r *pb.Run) (out []*pb.Annotation) {
	t.Helper()
	for a, err := range s.AnnotationsOf(t.Context(), r.GetAsset(), r.GetId(), store.Span{}) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, a)
	}
	return out
}

func TestVerifyAndRepair(t *testing.T) {
	l, assets := shelf(t, 4)
	clean := engineDump(t, l)
	if told, err := verify(t, l, &pb.Verify{}); err != nil || !strings.Contains(told, "0 items missing in the search engine, 0 different, 0 there") {
		t.Fatalf("nothing differs: %q, %v", told, err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write := func(as ...*pb.Annotation) { must(l.Engine.Write(t.Context(), search.Batch{Annotations: as})) }
	for _, c := range []struct {
		name   string
		damage func()
		says   []string
	}{
		{"items deleted", func() {
			must(l.Engine.TrimRun(t.Context(), runOf(t, l, assets[0].GetId(), "dialogue", "1").GetId(), 1, 0))
		}, []string{"2 items missing", "0 different", "annotation " + runOf(t, l, assets[0].GetId(), "dialogue", "1").GetId() + "/1 and 1 more"}},
		{"vectors deleted", func() {
			must(l.Engine.TrimRun(t.Context(), runOf(t, l, assets[1].GetId(), "sentences", "1").GetId(), 0, 1))
		}, []string{"2 items missing", "embedding " + runOf(t, l, assets[1].GetId(), "sentences", "1").GetId() + "/1 of " + apitest.Sentences}},
		{"a whole run deleted", func() {
			must(l.Engine.DeleteRun(t.Context(), runOf(t, l, assets[1].GetId(), "dialogue", "2").GetId()))
		}, []string{"4 items missing"}},
		{"another text", func() {
			a := proto.CloneOf(annotationsOf(t, l.Store, runOf(t, l, assets[2].GetId(), "dialogue", "1"))[1])
			a.Text = "Something that nobody said."
			write(a)
		}, []string{"0 items missing", "1 different"}},
		{"another time", func() {
			a := proto.CloneOf(annotationsOf(t, l.Store, runOf(t, l, assets[2].GetId(), "dialogue", "1"))[2])
			a.End++
			write(a)
		}, []string{"1 different"}},
		{"another vector", func() {
			r := runOf(t, l, assets[2].GetId(), "sentences", "1")
			e, err := l.Store.Embedding(t.Context(), r.GetAsset(), r.GetId(), 0)
			must(err)
			e.Vector[0] = 3
			must(l.Engine.Write(t.Context(), search.Batch{Embeddings: []*pb.Embedding{e}}))
		}, []string{"1 different"}},
		{"a run of nobody", func() {
			write(&pb.Annotation{Run: "orphan", Asset: assets[0].GetId(), Kind: schema.KindDialogue, Text: "left over", Language: "en"},
				&pb.Annotation{Run: "orphan-2", Asset: "gone", Kind: schema.KindDialogue, Text: "left over", Language: "en"})
		}, []string{"2 there that the store does not have (2 runs are unknown to it)"}},
		{"more than a run has", func() {
			r := runOf(t, l, assets[3].GetId(), "dialogue", "1")
			write(&pb.Annotation{Run: r.GetId(), Ordinal: 3, Asset: r.GetAsset(), Kind: schema.KindDialogue, Text: "one more", Language: "en"})
		}, []string{"1 there that the store does not have (0 runs"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.damage()
			damaged := engineDump(t, l)
			if damaged == clean {
				t.Fatal("the damage did nothing")
			}
			told, err := verify(t, l, &pb.Verify{})
			if !errkind.Is(err, errkind.Conflict) {
				t.Errorf("verifying: %v", err)
			}
			for _, s := range c.says {
				if !strings.Contains(told, s) {
					t.Errorf("told %q, want %q", told, s)
				}
			}
			if engineDump(t, l) != damaged {
				t.Error("verifying changed something")
			}
			if told, err = verify(t, l, &pb.Verify{Repair: true}); err != nil || !strings.Contains(told, "left 0") {
				t.Errorf("repairing: %q, %v", told, err)
			}
			if engineDump(t, l) != clean {
				t.Errorf("after repairing:\n%s\nwant\n%s", engineDump(t, l), clean)
			}
			if told, err := verify(t, l, &pb.Verify{}); err != nil {
				t.Errorf("verifying once more: %q, %v", told, err)
			}
		})
	}
}

// A selection checks the selected runs only.
func TestVerifySelection(t *testing.T) {
	l, assets := shelf(t, 2)
	r := runOf(t, l, assets[0].GetId(), "dialogue", "1")
	if err := l.Engine.DeleteRun(t.Context(), r.GetId()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		sel     *pb.Selection
		differs bool
	}{
		{&pb.Selection{Assets: []string{assets[1].GetId()}}, false},
		{&pb.Selection{Assets: []string{assets[0].GetId()}}, true},
		{&pb.Selection{Algorithms: []string{"sentences", "dialogue@2"}}, false},
		{&pb.Selection{Algorithms: []string{"dialogue@1"}}, true},
		{&pb.Selection{Titles: []string{assets[1].GetTitle().GetId()}}, false},
	} {
		if told, err := verify(t, l, &pb.Verify{Selection: c.sel}); (err != nil) != c.differs {
			t.Errorf("%v: %q, %v", c.sel, told, err)
		}
	}
}

// Unfinished writes are no difference.
func TestVerifyLeavesOutWhatIsUnderWay(t *testing.T) {
	l, assets := shelf(t, 1)
	asset := assets[0].GetId()
	write := func(id string, inEngine bool) {
		a := &pb.Annotation{Run: id, Asset: asset, Kind: schema.KindDialogue, Text: "under way", Language: "en", Confidence: 1}
		if err := l.Store.WriteBatches(t.Context(), []store.Batch{{Asset: asset, Run: id, Epoch: 1, Annotations: []*pb.Annotation{a}}}); err != nil {
			t.Fatal(err)
		}
		if inEngine {
			if err := l.Engine.Write(t.Context(), search.Batch{Annotations: []*pb.Annotation{a}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("items-without-a-record", true)
	write("not-yet-in-the-engine", false)
	// Finished, and the indexer has not marked the annotation of the run.
	r := &pb.Run{Asset: asset, Algorithm: "dialogue", Version: "8", State: pb.RunState_RUN_STATE_FINISHED, Epoch: 1, Annotations: 1}
	r.Id = schema.RunID(r)
	if err := l.Store.FinishRun(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	write(r.GetId(), false)
	before := engineDump(t, l)
	if told, err := verify(t, l, &pb.Verify{Repair: true}); err != nil || !strings.Contains(told, "0 items missing in the search engine, 0 different, 0 there") {
		t.Errorf("told %q, %v", told, err)
	}
	if engineDump(t, l) != before {
		t.Error("a repair touched what is under way")
	}
}

// Extra items in the midst of a run are deleted where nobody sees the run. Where readers see the run, the items are left, and reported.
func TestRepairInTheMidst(t *testing.T) {
	for _, version := range []string{"1", "2"} {
		t.Run("version "+version, func(t *testing.T) {
			l, assets := shelf(t, 1)
			// The second item of the run has nothing to search in the store, and something in the engine.
			r := runOf(t, l, assets[0].GetId(), "dialogue", version)
			as := annotationsOf(t, l.Store, r)
			as[1].Text = ""
			if err := l.Store.WriteBatches(t.Context(), []store.Batch{{Asset: r.GetAsset(), Run: r.GetId(), Epoch: 1, Annotations: as}}); err != nil {
				t.Fatal(err)
			}
			told, err := verify(t, l, &pb.Verify{Repair: true})
			if version == "2" {
				if err != nil {
					t.Errorf("of a run that nobody sees: %q, %v", told, err)
				}
				told, err = verify(t, l, &pb.Verify{})
				if err != nil {
					t.Errorf("afterwards: %q, %v", told, err)
				}
				return
			}
			if !errkind.Is(err, errkind.Conflict) || !strings.Contains(told, "`cinedex rebuild` mends that") {
				t.Errorf("of a run that readers see: %q, %v", told, err)
			}
			rebuilt(t, l, &pb.Rebuild{})
			if told, err := verify(t, l, &pb.Verify{}); err != nil {
				t.Errorf("after a rebuild: %q, %v", told, err)
			}
		})
	}
}

func rebuilt(t testing.TB, l *apitest.Library, w *pb.Rebuild) record {
	t.Helper()
	b := rebuilder{store: l.Store, engine: l.Engine}
	p, err := b.plan(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	var r record
	if err := b.do(t.Context(), w, p.Total, r.tell); err != nil {
		t.Fatalf("rebuilding: %v; %q", err, r.lines)
	}
	if r.done != p.Total {
		t.Errorf("done %d of %d", r.done, p.Total)
	}
	return r
}

// openGateway answers queries over a library.
func openGateway(t testing.TB, l *apitest.Library) *gateway.Gateway {
	t.Helper()
	g, err := gateway.New(gateway.Default(), gateway.Deps{
		Store: l.Store, Engine: l.Engine, Catalog: apitest.Catalog(), Encoders: apitest.Encoders(),
		ImageMemory: func([]byte) (int64, error) { return 0, nil },
		Image:       func([]byte) (image.Image, error) { return nil, errkind.New(errkind.Invalid, "no pictures here") },
		Log:         slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// An engine that lost nearly every item is rebuilt again and again, while runs are written, switched and deleted. Readers of undamaged runs see whole
// runs at every moment, and the new runs are in the engine afterwards.
func TestRebuildUnderReadingAndWriting(t *testing.T) {
	l, assets := shelf(t, 8)
	clean := engineDump(t, l)
	// All films but the first are damaged, and orphans are added.
	for _, a := range assets[1:] {
		if err := l.Engine.DeleteRun(t.Context(), runOf(t, l, a.GetId(), "dialogue", "1").GetId()); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Engine.Write(t.Context(), search.Batch{Annotations: []*pb.Annotation{{Run: "orphan", Asset: "gone", Text: "storm", Language: "en", Kind: schema.KindDialogue}}}); err != nil {
		t.Fatal(err)
	}
	g := openGateway(t, l)
	everybody := authz.NewCaller("everybody", []string{"*"})
	query := &pb.SearchRequest{Q: "dialogue.words:storm", Filter: &pb.Filter{Assets: []string{assets[0].GetId()}}, Limit: 100}
	var reads, wrong atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				resp, err := g.Search(t.Context(), everybody, query)
				reads.Add(1)
				if err != nil || len(resp.GetHits()) != 3 || len(resp.GetPartial()) > 0 {
					wrong.Add(1)
					t.Errorf("a reader sees %v, %v", resp, err)
					return
				}
			}
		})
	}
	// A writer adds a version to each film, and deletes the version of every second film.
	var added []*pb.Run
	wg.Go(func() {
		for n, a := range assets {
			runs := l.Said(a, "9", said(n, 9))
			if n%2 == 0 {
				added = append(added, runs...)
				continue
			}
			for _, r := range runs {
				if err := l.Engine.DeleteRun(t.Context(), r.GetId()); err != nil {
					t.Error(err)
				}
				if err := l.Store.DeleteRun(t.Context(), r.GetAsset(), r.GetId()); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for range 4 {
		rebuilt(t, l, &pb.Rebuild{})
	}
	close(stop)
	wg.Wait()
	rebuilt(t, l, &pb.Rebuild{Rate: 100_000})
	for _, r := range added {
		if err := l.Engine.DeleteRun(t.Context(), r.GetId()); err != nil {
			t.Fatal(err)
		}
	}
	if got := engineDump(t, l); got != clean {
		t.Errorf("after the rebuilds:\n%s\nwant\n%s", got, clean)
	}
	if reads.Load() == 0 {
		t.Error("nobody read")
	}
	t.Logf("%d reads, %d wrong", reads.Load(), wrong.Load())
}

// A rebuild that dies anywhere before the swap leaves the live engine unchanged, and the next rebuild does all of the work.
func TestRebuildKilledAnywhere(t *testing.T) {
	l, assets := shelf(t, 3)
	clean := engineDump(t, l)
	if err := l.Engine.DeleteRun(t.Context(), runOf(t, l, assets[0].GetId(), "dialogue", "1").GetId()); err != nil {
		t.Fatal(err)
	}
	damaged := engineDump(t, l)
	for kill := 1; ; kill++ {
		b := rebuilder{store: l.Store, engine: l.Engine}
		r := record{kill: func(n int) bool { return n == kill }}
		err := b.do(t.Context(), &pb.Rebuild{}, 24, r.tell)
		if err == nil {
			break
		}
		if got := engineDump(t, l); got != damaged && got != clean {
			t.Fatalf("killed at note %d: the engine is neither the old nor the new one", kill)
		} else if got == clean {
			damaged = clean // the engines had been swapped already
		}
	}
	if engineDump(t, l) != clean {
		t.Error("the rebuild that ended did not mend the engine")
	}
}

func TestRebuildStopsWhenCancelled(t *testing.T) {
	l, _ := shelf(t, 2)
	clean := engineDump(t, l)
	ctx, cancel := context.WithCancel(t.Context())
	b := rebuilder{store: l.Store, engine: l.Engine}
	err := b.do(ctx, &pb.Rebuild{Rate: 1}, 16, func(context.Context, jobs.Step) error { cancel(); return nil })
	if err == nil {
		t.Error("a rebuild that was cancelled ended well")
	}
	if engineDump(t, l) != clean {
		t.Error("it changed the live engine")
	}
	if _, err := b.plan(t.Context(), &pb.Rebuild{Rate: -1}); !errkind.Is(err, errkind.Invalid) || !strings.Contains(fmt.Sprint(err), "rebuild.rate") {
		t.Errorf("a rate below zero: %v", err)
	}
}

// forgetful is a store that forgets a run when the library is read a second time.
type forgetful struct {
	store.Store
	looks  int
	forget func() error
}

func (f *forgetful) AllAssets(ctx context.Context) iter.Seq2[*pb.Asset, error] {
	if f.looks++; f.looks == 2 {
		if err := f.forget(); err != nil {
			return func(yield func(*pb.Asset, error) bool) { yield(nil, err) }
		}
	}
	return f.Store.AllAssets(ctx)
}

// A run that the engine holds no more, and that the store is about to forget, is no difference. A lost run is a difference.
func TestDifferenceThatDoesNotLast(t *testing.T) {
	l, assets := shelf(t, 2)
	r := l.Said(assets[0], "9", said(0, 9))[0] // a version that readers do not see may be deleted
	if err := l.Engine.DeleteRun(t.Context(), r.GetId()); err != nil {
		t.Fatal(err)
	}
	f, err := newVerifier(l.Store, l.Engine, nil).lasting(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if f.differences() == 0 {
		t.Error("no difference of a lost run")
	}
	s := &forgetful{Store: l.Store, forget: func() error { return l.Store.DeleteRun(t.Context(), r.GetAsset(), r.GetId()) }}
	if f, err = newVerifier(s, l.Engine, nil).lasting(t.Context()); err != nil {
		t.Fatal(err)
	}
	if f.differences() != 0 || s.looks != 2 {
		t.Errorf("%d differences of a run that was being deleted, after %d looks", f.differences(), s.looks)
	}
}
