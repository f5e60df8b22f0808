package main

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/fair"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// The ten asks of docs/benchmarks/ten-asks.md, a test each, over the whole platform in this process. The tests share one platform with the
// judged library, and with a short film of a variable rate that went through every service.

// asking is the platform of the asks.
var asking struct {
	sync.Once
	dir   string
	w     *world
	film  mediatest.Film
	truth mediatest.Truth
	lasting
}

// lasting is a test whose cleanups wait for the end of all tests.
type lasting struct {
	testing.TB
	cleanups []func()
}

func (l *lasting) Cleanup(f func()) { l.cleanups = append(l.cleanups, f) }

// endAsking stops the platform of the asks.
func endAsking() {
	for _, f := range slices.Backward(asking.cleanups) {
		f()
	}
	if asking.dir != "" {
		_ = os.RemoveAll(asking.dir)
	}
}

// asks returns the platform of the asks.
func asks(t *testing.T) *world {
	t.Helper()
	asking.Do(func() {
		var err error
		if asking.dir, err = os.MkdirTemp("", "cinedex-asks-"); err != nil {
			t.Fatal(err)
		}
		media, home := asking.dir+"/media", asking.dir+"/home"
		for _, d := range []string{media, home} {
			if err := os.Mkdir(d, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		asking.film = shortFilm(3)
		m, truth := film(t, asking.film, media)
		asking.TB = t
		w := newWorldWith(&asking.lasting, home, func(c *upConfig) { c.Gateway.Limits = fair.Limits{} }, media)
		w.t = t
		readRecording(t).fill(t, w.Store, w.Engine)
		w.ingest(m)
		asking.w, asking.truth = w, truth
	})
	if asking.w == nil {
		t.Skip("lacks the platform of the asks: see the first of them")
	}
	w := *asking.w
	w.t = t
	return &w
}

func (w *world) line(q string) *pb.SearchResponse {
	w.t.Helper()
	return w.search(&pb.SearchRequest{Q: q})
}

// try asks as an operator with a profile's file.
func (w *world) try(q, profile string) *pb.SearchResponse {
	w.t.Helper()
	r, err := w.gateway.Search(w.ctx, operator, &pb.SearchRequest{Q: q, TryProfile: []byte("name: try\nversion: 1\n" + profile)})
	if err != nil {
		w.t.Fatalf("searching %q: %v", q, err)
	}
	return r
}

// Ask 1: a cut-off to trust, and "no good match" as an answer.
func TestAsk01CutOffToTrust(t *testing.T) {
	w := asks(t)
	for q, at := range map[string]int64{
		`dialogue:"did you get hurt when you fell"`: 47037, `dialogue:"tienes que aprender a escuchar"`: 179140, `dialogue:"mach die Augen zu"`: 341156,
	} {
		r := w.line(q)
		if h := r.GetHits()[0]; r.GetNoGoodMatch() || h.GetTitle() != demoElephants || max(h.GetStartMs()-at, at-h.GetStartMs()) > 2000 || h.GetConfidence() <= 0 || h.GetConfidence() > 1 {
			t.Errorf("%s: no good match %v, %v", q, r.GetNoGoodMatch(), h)
		}
	}
	for _, q := range []string{
		`dialogue:"my mortgage payment is overdue"`, `dialogue:"the stock market crashed this afternoon"`, `dialogue:"quantum physics lecture"`,
		`dialogue:"ich habe mein Passwort vergessen"`, `dialogue:"el partido terminó en empate"`, `dialogue:"確定申告の締め切り"`,
	} {
		if r := w.line(q); !r.GetNoGoodMatch() && len(r.GetHits()) > 0 || r.GetTotal().GetCount() != 0 {
			t.Errorf("%s: %d matches, of which the first is %v", q, r.GetTotal().GetCount(), r.GetHits()[0])
		}
	}
}

// Ask 2: a new version without an outage: readers see one whole generation or the other, at every moment of the switch.
func TestAsk02NewModelWithoutOutage(t *testing.T) {
	w := asks(t)
	asset := w.asset("elephants-dream-described")
	next := w.second(asset, "dialogue", "zeppelin")
	stop, asked := make(chan struct{}), make(chan int, 1)
	var began sync.WaitGroup
	began.Add(1)
	go func() {
		n, once := 0, sync.OnceFunc(began.Done)
		defer func() { once(); asked <- n }()
		for {
			r, err := w.gateway.Search(w.ctx, w.caller, &pb.SearchRequest{Q: "dialogue.words:proog title:elephants-dream-described"})
			if err != nil || len(r.GetHits()) == 0 || len(r.GetPartial()) > 0 {
				t.Errorf("during the switch: %v, %v", r, err)
				return
			}
			zeppelins := 0
			for _, h := range r.GetHits() {
				if strings.HasSuffix(h.GetText(), "zeppelin") {
					zeppelins++
				}
			}
			if zeppelins != 0 && zeppelins != len(r.GetHits()) {
				t.Errorf("%d of %d hits are of the new version: a mix", zeppelins, len(r.GetHits()))
			}
			n++
			once()
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	began.Wait()
	for range 5 {
		w.told(&jobJSON{}, "runs", "activate", "dialogue@2", "--title", "elephants-dream-described", "--yes")
		if r := w.line("dialogue.words:zeppelin"); len(r.GetHits()) == 0 {
			t.Errorf("after the switch, the new version %s is not found", next.GetId())
		}
		w.told(&jobJSON{}, "runs", "rollback", "dialogue@2", "--title", "elephants-dream-described", "--yes")
	}
	close(stop)
	t.Logf("%d answers during ten switches: each whole, none empty", <-asked)
}

// Ask 3: stable pages, totals and facets on hybrid search, while the library changes.
func TestAsk03StablePagesTotalsFacets(t *testing.T) {
	w := asks(t)
	page := func(cursor string, limit int32) *pb.SearchResponse {
		return w.search(&pb.SearchRequest{Q: "emo listen to the machine", Limit: limit, Cursor: cursor, Facets: []string{"title", "language"}, Filter: &pb.Filter{Titles: []string{demoElephants, demoBunny}}})
	}
	places := func(hits []*pb.Hit) (out []string) {
		for _, h := range hits {
			out = append(out, fmt.Sprint(h.GetAsset(), h.GetStart(), h.GetEnd()))
		}
		return out
	}
	whole := page("", 100)
	want := places(whole.GetHits())
	var got []string
	pages := 0
	for cursor := ""; len(got) < len(want); pages++ {
		r := page(cursor, 7)
		if len(r.GetPartial()) > 0 {
			t.Fatalf("page %d is not whole: %v", pages, r.GetPartial())
		}
		if r.GetTotal().GetCount() != whole.GetTotal().GetCount() || fmt.Sprint(r.GetFacets()) != fmt.Sprint(whole.GetFacets()) {
			t.Errorf("page %d: total %v and facets %v, want %v and %v", pages, r.GetTotal(), r.GetFacets(), whole.GetTotal(), whole.GetFacets())
		}
		got = append(got, places(r.GetHits())...)
		if cursor = r.GetCursor(); cursor == "" {
			break
		}
		// A film arrives between two pages, and says what is asked for.
		a := &pb.Asset{Id: schema.AssetID(fmt.Sprintf("%032x", 0xa5c+pages)), Title: &pb.Title{Id: fmt.Sprintf("later-%d", pages)}, Duration: int64(schema.Second)}
		if err := w.Store.PutAsset(w.ctx, a); err != nil {
			t.Fatal(err)
		}
		run := &pb.Run{Asset: a.GetId(), Algorithm: "dialogue", Version: "1", State: pb.RunState_RUN_STATE_REQUESTED}
		run.Id = schema.RunID(run)
		writeRun(t, w.Store, w.Engine, run, []*pb.Annotation{{Asset: a.GetId(), Run: run.GetId(), Kind: schema.KindDialogue, End: int64(schema.Second),
			Text: "Emo, listen to the machine!", Language: "en", Confidence: 1}}, nil, "")
	}
	got = got[:min(len(got), len(want))]
	if len(want) < 50 || !slices.Equal(got, want) {
		t.Errorf("%d hits in %d pages are not the %d hits of the whole: %s", len(got), pages, len(want), firstDifference(got, want))
	}
	if slices.Sort(got); len(slices.Compact(got)) != len(want) {
		t.Error("a hit stands on two pages")
	}
}

// firstDifference tells where two lists begin to differ.
func firstDifference(got, want []string) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("hit %d is %s, want %s; behind: %q, want %q", i, got[i], want[i], got[i+1:], want[i+1:])
		}
	}
	return fmt.Sprintf("the first %d are equal", min(len(got), len(want)))
}

// Ask 4: a filter keeps the recall: the neighbours within a title of one in forty lines are the neighbours that a look at every line finds.
func TestAsk04FiltersKeepRecall(t *testing.T) {
	w := asks(t)
	enc, err := w.Encoders.Encoder("e5-small@1", encode.Words)
	if err != nil {
		t.Fatal(err)
	}
	all := 0
	for _, words := range []string{"a strong drink in the morning", "somebody planted a tree", "the sea is rough", "tell me about the moon"} {
		v, err := enc.Encode(w.ctx, encode.Input{Kind: encode.Words, Words: words})
		if err != nil {
			t.Fatal(err)
		}
		var want []*pb.Embedding
		score := func(e *pb.Embedding) (sum float64) {
			for i, x := range e.GetVector() {
				sum += float64(x) * float64(v[i])
			}
			return sum
		}
		asset := w.asset("the-harbour").GetId()
		active, err := w.Store.Active(w.ctx, asset)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range active {
			if a.GetAlgorithm() != "sentences" {
				continue
			}
			for e, err := range w.Store.EmbeddingsOf(w.ctx, asset, a.GetRun(), spanAll) {
				if err != nil {
					t.Fatal(err)
				}
				if e.GetLanguage() == "ja" {
					want = append(want, e)
				}
			}
		}
		slices.SortFunc(want, func(a, b *pb.Embedding) int { return cmp.Compare(score(b), score(a)) })
		want = want[:10]
		r := w.search(&pb.SearchRequest{Q: fmt.Sprintf("dialogue.meaning:%q title:the-harbour lang:ja", words), Limit: 10})
		for i, h := range r.GetHits() {
			if h.GetStart() != want[i].GetStart() || math.Abs(h.GetEvidence()[0].GetScore()-score(want[i])) > 1e-3 {
				t.Errorf("%s: hit %d is at %d ms, want the line at %d ms", words, i, h.GetStartMs(), schema.Time(want[i].GetStart()).Millis())
			}
			all++
		}
	}
	if all != 40 {
		t.Errorf("%d hits of 4 queries, want 40", all)
	}
}

// Ask 5: variety: at most n hits a title and at most one in a stretch of time, and what is folded is counted.
func TestAsk05Variety(t *testing.T) {
	w := asks(t)
	plain := w.line("listen")
	titles := map[string]int{}
	for _, h := range plain.GetHits() {
		titles[h.GetTitle()]++
	}
	if titles[demoElephants] < 3 {
		t.Fatalf("without variety: %v", titles)
	}
	titles = map[string]int{}
	var folded int32
	for _, h := range w.try("listen", "variety: {per_title: 2}").GetHits() {
		titles[h.GetTitle()]++
		folded += h.GetFolded()
	}
	for title, n := range titles {
		if n > 2 {
			t.Errorf("%d hits of %s", n, title)
		}
	}
	if folded == 0 {
		t.Error("nothing is told to be folded")
	}
	var starts []int64
	for _, h := range w.try("listen title:elephants-dream", "variety: {apart: 30s}").GetHits() {
		for _, s := range starts {
			if d := max(s-h.GetStartMs(), h.GetStartMs()-s); d < 30_000 {
				t.Errorf("two hits are %d ms apart", d)
			}
		}
		starts = append(starts, h.GetStartMs())
	}
}

// Ask 6: moments, not files: a hit is the line, with its interval, its text and its language, and a moment of two detectors is their common time.
func TestAsk06MomentsNotFiles(t *testing.T) {
	w := asks(t)
	h := w.line(`"the hanging gardens of Babylon"`).GetHits()[0]
	if h.GetTitle() != demoElephants || h.GetStartMs() != 476968 || h.GetEndMs() != 481043 || h.GetLanguage() != "en" || !strings.Contains(h.GetText(), "hanging gardens") || len(h.GetMarks()) == 0 {
		t.Errorf("the line is %v", h)
	}
	h = w.line(`dialogue.phrase:"lighthouse counts 8003 ships"`).GetHits()[0]
	line := asking.film.Texts[0].Lines[1]
	if h.GetStartFrame() != line.Start || h.GetEndFrame() != line.End || h.GetStartTimecode() == "" || h.GetThumbnail() == "" {
		t.Errorf("the line of frames %d to %d is %v", line.Start, line.End, h)
	}
}

// Ask 7: search from the paused frame.
func TestAsk07PausedFrame(t *testing.T) {
	w := asks(t)
	a := w.asset(asking.film.Name)
	clock := w.clock(a)
	shots := w.annotations(a.GetId(), "shots")
	for _, s := range shots {
		at := schema.Time(s.GetStart()+s.GetEnd()) / 2
		r := w.search(&pb.SearchRequest{Query: query.Leaf(&pb.Leaf{Kind: "like_frame", Asset: a.GetId(), Time: int64(at)})})
		if h := r.GetHits()[0]; r.GetNoGoodMatch() || h.GetAsset() != a.GetId() || !schema.IntervalOf(h).Contains(at) {
			t.Errorf("paused at frame %d of %s, the first hit is %v", clock.FrameAt(at), asking.film.Name, h)
		}
	}
	if len(shots) < 2 {
		t.Errorf("%d shots: too few to tell apart", len(shots))
	}
}

// Ask 8: frame-exact: the frame, the timecode and the milliseconds of a hit are those of the picture, at a variable rate, and at every
// broadcast rate each timecode leads back to its frame. Ends are exclusive.
func TestAsk08FrameExactExport(t *testing.T) {
	w := asks(t)
	a := w.asset(asking.film.Name)
	clock := w.clock(a)
	file, err := w.Blobs.OpenAsset(w.ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	src := media.Source{Path: file.Path(), Video: a.GetVideo(), Clock: clock}
	for _, text := range asking.film.Texts {
		for _, line := range text.Lines {
			h := w.search(&pb.SearchRequest{Q: fmt.Sprintf("dialogue.phrase:%q lang:%s", line.Text, text.Language), Limit: 1}).GetHits()[0]
			p, err := w.Reader.FrameAt(w.ctx, src, h.GetStartFrame(), media.FrameSpec{Width: 320, Height: 180})
			if err != nil {
				t.Fatal(err)
			}
			stamp, ok := mediatest.ReadStamp(p.Image())
			if !ok || stamp.Frame != h.GetStartFrame() || h.GetStartFrame() != line.Start || h.GetEndFrame() != line.End || max(h.GetStartMs()-stamp.Millis, stamp.Millis-h.GetStartMs()) > 1 {
				t.Errorf("%q: frames %d to %d at %d ms, burnt in is %v, want %d to %d", line.Text, h.GetStartFrame(), h.GetEndFrame(), h.GetStartMs(), stamp, line.Start, line.End)
			}
		}
	}
	for _, r := range []struct {
		num, den int32
		start    string
	}{{24000, 1001, "01:00:00:00"}, {25, 1, "10:00:00:00"}, {30000, 1001, "00:59:50;00"}, {60000, 1001, "01:00:00;00"}} {
		scale, err := schema.NewTimecodeScale(&pb.VideoTrack{Rate: &pb.FrameRate{Num: r.num, Den: r.den}, Frames: 1_000_000, StartTimecode: r.start})
		if err != nil {
			t.Fatal(err)
		}
		for n := int64(0); n < 40_000; n += 7 { // past the minutes in which drop frame leaves numbers out
			if back, err := scale.Frame(scale.Format(n)); err != nil || back != n {
				t.Fatalf("%d/%d: frame %d is %s, which is frame %d, %v", r.num, r.den, n, scale.Format(n), back, err)
			}
		}
	}
}

// Ask 9: and, or, not across detectors: the moments of a label and of words for the picture are exactly what their sets have in common.
func TestAsk09AndOrNotAcrossDetectors(t *testing.T) {
	w := asks(t)
	set := func(q string) (out []schema.Interval) {
		r := w.search(&pb.SearchRequest{Q: q + " title:" + demoBunny, Limit: 200, Order: "time"})
		for _, h := range r.GetHits()[:min(len(r.GetHits()), int(r.GetTotal().GetCount()))] { // behind the matches come those that are near
			out = append(out, schema.IntervalOf(h))
		}
		slices.SortFunc(out, schema.Interval.Compare)
		if !r.GetTotal().GetExact() {
			t.Errorf("%s: the total is %v", q, r.GetTotal())
		}
		return out
	}
	labels := map[string]int{}
	for _, a := range w.annotations(w.asset(demoBunny).GetId(), "labels") {
		labels[a.GetLabel()]++
	}
	var names []string
	for l := range labels {
		names = append(names, l)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(labels[b]-labels[a], strings.Compare(a, b)) })
	tried, both, only := 0, 0, 0
	for _, name := range names[:min(3, len(names))] {
		label := fmt.Sprintf("label.phrase:%q", name)
		seen := set(`(look:"a dog" AND look:"a dog")`) // two leaves: the whole set
		var wantBoth, wantOnly []schema.Interval
		for _, l := range set(label) {
			tried++
			apart := true
			for _, s := range seen {
				if iv := l.Intersect(s); !iv.Empty() {
					apart = false
					if !slices.Contains(wantBoth, iv) {
						wantBoth = append(wantBoth, iv)
					}
				}
			}
			if apart {
				wantOnly = append(wantOnly, l)
			}
		}
		matches := func(q string, want []schema.Interval) {
			t.Helper()
			slices.SortFunc(want, schema.Interval.Compare)
			if got := set(q); !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", q, got, want)
			}
		}
		matches(label+` AND look:"a dog"`, wantBoth)
		matches(label+` AND NOT look:"a dog"`, wantOnly)
		both, only = both+len(wantBoth), only+len(wantOnly)
	}
	if both == 0 || only == 0 {
		t.Errorf("%d labels, %d moments of both, %d of the label alone: nothing was compared", tried, both, only)
	}
	t.Logf("%d labels: %d moments of both, %d of the label alone", tried, both, only)
}

// Ask 10: reprocessing is selective, and survives poison: a message that no service can handle is put aside, told, and stops nothing.
func TestAsk10ReprocessingSurvivesPoison(t *testing.T) {
	w := asks(t)
	asset := w.asset(asking.film.Name).GetId()
	run := strings.Repeat("b", 32)
	poison := &pb.EmbeddingBatch{Asset: asset, Run: run, Epoch: 1, Algorithm: "test", Version: "1",
		Space:      &pb.Space{Name: "nowhere", Version: "1", Dimension: 4, Metric: "cosine"},
		Embeddings: []*pb.Embedding{{Asset: asset, Run: run, Space: "nowhere@1", End: int64(schema.Second), Vector: make([]float32, 4)}}}
	if err := w.Events.Publish(w.ctx, events.Embeddings, events.Event{Subject: asset, Data: poison}); err != nil {
		t.Fatal(err)
	}
	var plan planJSON
	w.told(&plan, "replay", "--algorithm", "labels@2", "--title", asking.film.Name, "--dry-run")
	if plan.Total != 1 {
		t.Errorf("planned %d runs of one title", plan.Total)
	}
	var job jobJSON
	w.told(&job, "replay", "--algorithm", "labels@2", "--title", asking.film.Name, "--yes")
	if job.State != "finished" || job.Done != 1 {
		t.Errorf("the job: %+v", job)
	}
	until(t, "the poison is told", func() bool {
		for l, err := range w.Events.DeadLetters(w.ctx, events.LetterFilter{Subject: asset}) {
			if err == nil && strings.Contains(l.Reason, "nowhere@1") {
				return true
			}
		}
		return false
	})
	if runs, err := w.Store.RunsOf(w.ctx, w.asset(demoBunny).GetId()); err != nil || slices.ContainsFunc(runs, func(r *pb.Run) bool { return r.GetAlgorithm() == "labels" && r.GetVersion() == "2" }) {
		t.Errorf("another title was worked on: %v", err)
	}
	if r := w.line(`dialogue.phrase:"leaves the harbour"`); len(r.GetHits()) == 0 {
		t.Error("the film is not found any more")
	}
}
