package main

import (
	"context"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// An algorithm unknown to every binary is announced on the log of a running platform. The algorithm's output, of a new
// kind, is found by a new leaf, without a restart.
func TestAlgorithmAtRunTime(t *testing.T) {
	w := newWorld(t, t.TempDir())
	ctx, cancel := context.WithTimeout(w.ctx, 2*time.Minute)
	defer cancel()
	until := func(what string, ok func() bool) {
		t.Helper()
		for !ok() {
			select {
			case <-ctx.Done():
				t.Fatalf("still not: %s", what)
			case <-time.After(10 * time.Millisecond): // the interval of polling; the condition decides
			}
		}
	}
	publish := func(topic events.Topic, ev events.Event) {
		t.Helper()
		if err := w.Events.Publish(ctx, topic, ev); err != nil {
			t.Fatal(err)
		}
	}
	asset := &pb.Asset{Id: schema.AssetID("00000000000000000000000000000001"), Title: &pb.Title{Id: "signs", Name: "Signs"},
		Duration: int64(60 * schema.Second), Audio: []*pb.AudioTrack{{Codec: "aac", SampleRate: 48000, Channels: 2}}}
	publish(events.MediaReady, events.Event{Subject: asset.GetId(), Data: &pb.MediaReady{Asset: asset}})

	ask := func() (*pb.SearchResponse, error) {
		return w.gateway.Search(ctx, w.caller, &pb.SearchRequest{Q: `sign:"no entry"`})
	}
	if _, err := ask(); err == nil {
		t.Fatal("a leaf is served that nobody has declared")
	}
	spec := &pb.AlgorithmSpec{
		Name: "signs", Version: "1", Summary: "Signs that somebody reads aloud", Reads: []string{schema.ReadsAudio}, Kinds: []string{"text_on_sign"},
		Spaces:    []*pb.Space{{Name: "signs", Version: "1", Dimension: 4, Metric: "cosine"}},
		KindSpecs: []*pb.KindSpec{{Kind: "text_on_sign", Quoted: true, Shown: &pb.Shown{Label: "Sign", Lane: "signs"}}},
		Leaves:    []*pb.LeafSpec{{Name: "text_on_sign", Aliases: []string{"sign"}, Shape: pb.LeafShape_LEAF_SHAPE_WORDS}},
		Answers:   []*pb.AnswerSpec{{Leaves: []string{"text_on_sign"}, Bare: true, By: "words", Kind: "text_on_sign", Field: pb.AnswerField_ANSWER_FIELD_TEXT}},
	}
	// An embedding of a space that is not announced yet waits for the announcement.
	vector := &pb.Embedding{Run: strings.Repeat("5", 32), Asset: asset.GetId(), Space: "signs@1", Vector: []float32{0, 1, 0, 0}, End: int64(schema.Second)}
	publish(events.Embeddings, events.Event{Subject: asset.GetId(), Data: &pb.EmbeddingBatch{Asset: asset.GetId(), Run: vector.GetRun(), Epoch: 1, Algorithm: "signs", Version: "1",
		Space: spec.GetSpaces()[0], Embeddings: []*pb.Embedding{vector}}})
	publish(events.Algorithms, events.Event{Subject: "signs@1", Data: &pb.AlgorithmAnnounced{Algorithm: spec, SinceMs: 1}})
	until("the leaf is served", func() bool { _, err := ask(); return err == nil })
	until("the vector of the announced space is found", func() bool {
		hits, err := w.Engine.Vector(ctx, search.VectorQuery{Scope: search.NewScope([]string{vector.GetRun()}), Space: "signs@1", Vector: vector.GetVector(), Limit: 1})
		return err == nil && len(hits) == 1
	})

	// The listing and the completion of this program, which does not know the algorithm, have the leaf from the server.
	if got, err := command(t, "--home", w.home.dir, "leaves"); err != nil || !strings.Contains(got, "sign:") || !strings.Contains(got, "text_on_sign") || strings.Contains(got, "no server answers") {
		t.Errorf("leaves: %v\n%s", err, got)
	}
	run := func(line ...string) (string, error) {
		return command(t, append([]string{"--home", w.home.dir}, line...)...)
	}
	for _, c := range []struct {
		line []string
		want string
	}{{[]string{"search", "si"}, "sign:"}, {[]string{"replay", "--algorithm", "si"}, "signs@1"}} {
		if got := completed(t, run, c.line...); !slices.Contains(got, c.want) {
			t.Errorf("%q completes to %q, want %s", c.line, got, c.want)
		}
	}
	// Media that arrives gets a run of it. No runner serves it, so the run waits, and the status says so.
	later := &pb.Asset{Id: schema.AssetID("00000000000000000000000000000002"), Title: &pb.Title{Id: "later", Name: "Later"}, Duration: asset.GetDuration(), Audio: asset.GetAudio()}
	publish(events.MediaReady, events.Event{Subject: later.GetId(), Data: &pb.MediaReady{Asset: later}})
	client, _, err := w.home.client()
	if err != nil {
		t.Fatal(err)
	}
	waiting := func(a *pb.Asset) func() bool {
		return func() bool {
			r, err := everyStatus(ctx, client.GetStatus, []string{a.GetTitle().GetId()})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range r.GetAssets() {
				for _, run := range s.GetRuns() {
					if run.GetAlgorithm() == "signs" && run.GetState() == pb.RunState_RUN_STATE_REQUESTED && run.GetWaits() == "no runner serves signs@1" {
						return true
					}
				}
			}
			return false
		}
	}
	until("the run over media that arrived waits", waiting(later))
	if got, err := command(t, "--home", w.home.dir, "status"); err != nil || !strings.Contains(got, "waits: no runner serves signs@1") {
		t.Errorf("status: %v\n%s", err, got)
	} else if runtime.GOOS == "linux" && !regexp.MustCompile(`(?s)MEMORY .*KERNEL MAY DROP\n.* \(\d+\) +all +\d+\.\d MiB +\d+\.\d MiB\n.*  Go heap in use +search .*  outside Go +store .*  mapped files +search +[\d.]+ MiB +[\d.]+ MiB`).MatchString(got) {
		t.Errorf("the status tells the memory as\n%s", got)
	}
	// The library of before gets runs of it by a replay, which waits, too.
	replay := []string{"--home", w.home.dir, "replay", "--algorithm", "signs@1", "--title", "signs", "--activate"}
	if got, err := command(t, append(replay, "--dry-run")...); err != nil || !strings.Contains(got, "signs@1: 1 runs") || !strings.Contains(got, "no runner serves signs@1") {
		t.Errorf("the plan of a replay: %v\n%s", err, got)
	}
	if got, err := command(t, append(replay, "--yes", "--detach")...); err != nil {
		t.Fatalf("%v\n%s", err, got)
	}
	until("the run over the library waits", waiting(asset))
	planned, err := w.Catalog.View().Plan().Runs(asset)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(planned, func(r *pb.Run) bool { return r.GetAlgorithm() == "signs" })
	if i < 0 {
		t.Fatalf("planned are %v", planned)
	}
	signs := planned[i]
	signs.State, signs.Annotations, signs.Epoch = pb.RunState_RUN_STATE_FINISHED, 1, 1
	publish(events.Annotations, events.Event{Subject: asset.GetId(), Data: &pb.AnnotationBatch{Asset: asset.GetId(), Run: signs.GetId(), Epoch: 1, Algorithm: "signs", Version: "1",
		Annotations: []*pb.Annotation{{Run: signs.GetId(), Asset: asset.GetId(), Kind: "text_on_sign", Text: "NO ENTRY", Language: "en", Confidence: 0.9,
			Start: int64(4 * schema.Second), End: int64(7 * schema.Second)}}}})
	publish(events.RunsFinished, events.Event{Subject: asset.GetId(), Data: &pb.RunFinished{Run: signs}})

	var found *pb.SearchResponse
	until("the sign is found", func() bool {
		r, err := ask()
		if err != nil {
			t.Fatal(err)
		}
		found = r
		return len(r.GetHits()) > 0
	})
	h := found.GetHits()[0]
	if h.GetTitle() != "signs" || h.GetText() != "NO ENTRY" || h.GetStart() != int64(4*schema.Second) || h.GetEvidence()[0].GetAlgorithm() != "signs" || h.GetEvidence()[0].GetKind() != "text_on_sign" {
		t.Errorf("found %v", h)
	}
	if found.GetQuery() != `sign:"no entry"` {
		t.Errorf("understood as %s", found.GetQuery())
	}
	// Bare words and the filter of kinds reach the new kind, too.
	if r := w.search(&pb.SearchRequest{Q: "entry kind:text_on_sign"}); len(r.GetHits()) != 1 {
		t.Errorf("bare words: %v", r)
	}

	until("the replay ends", func() bool {
		got, err := command(t, "--home", w.home.dir, "jobs", "list", "--all")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(got, "finished")
	})

	// What is withdrawn is refused by name; the rows stay.
	publish(events.Algorithms, events.Event{Subject: "signs@1"})
	until("the leaf is refused", func() bool { _, err := ask(); return err != nil })

	// The platform has announced its own algorithms.
	announced, err := w.Events.Snapshot(ctx, events.Algorithms)
	if err != nil {
		t.Fatal(err)
	}
	ids := slices.Sorted(maps.Keys(announced))
	var want []string
	for _, d := range builtin.Declarations() {
		want = append(want, d.GetAlgorithm().GetName()+"@"+d.GetAlgorithm().GetVersion())
	}
	if slices.Sort(want); !slices.Equal(ids, want) {
		t.Errorf("announced are %v, want %v", ids, want)
	}
}
