package gateway_test

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// A faulty engine answers as the engine does, except for questions about labels.
type faulty struct {
	search.Engine
	// wait is called before the answer, and ends it with an error.
	wait func(context.Context) error
	// lie changes the hits of an answer.
	lie func([]search.Hit) []search.Hit
}

func (f *faulty) Text(ctx context.Context, q search.TextQuery) ([]search.Hit, error) {
	if q.Field != search.FieldLabel {
		return f.Engine.Text(ctx, q)
	}
	if f.wait != nil {
		if err := f.wait(ctx); err != nil {
			return nil, err
		}
	}
	hits, err := f.Engine.Text(ctx, q)
	if err == nil && f.lie != nil {
		hits = f.lie(slices.Clone(hits))
	}
	return hits, err
}

func (f *faulty) Set(ctx context.Context, q search.SetQuery) iter.Seq2[search.Hit, error] {
	if q.Text == nil || q.Text.Field != search.FieldLabel {
		return f.Engine.Set(ctx, q)
	}
	return func(yield func(search.Hit, error) bool) {
		if f.wait != nil {
			if err := f.wait(ctx); err != nil {
				yield(search.Hit{}, err)
				return
			}
		}
		var hits []search.Hit
		for h, err := range f.Engine.Set(ctx, q) {
			if err != nil {
				yield(search.Hit{}, err)
				return
			}
			hits = append(hits, h)
		}
		if f.lie != nil {
			hits = f.lie(hits)
		}
		for _, h := range hits {
			if !yield(h, nil) {
				return
			}
		}
	}
}

// labelled is a film with many shots of one label, said in the words of the title.
func labelled(title, word string) apitest.Film {
	f := apitest.Film{Title: title, Name: "The " + word}
	for i := range int64(6) {
		f.Shots = append(f.Shots, apitest.Shot{Seconds: 10, Colour: apitest.Red, Label: "lighthouse", LabelConfidence: 0.9})
		f.Lines = append(f.Lines, apitest.Line{From: 10*i + 1, To: 10*i + 3, Language: "en", Text: fmt.Sprintf("The lamp of the %s, %d.", word, i)})
	}
	return f
}

// A fault is one way in which the engine fails for labels.
type fault struct {
	name string
	wait func(context.Context) error
	lie  func([]search.Hit) []search.Hit
	kind string // of the partial failure
}

// each changes every hit.
func each(change func(*search.Hit)) func([]search.Hit) []search.Hit {
	return func(hits []search.Hit) []search.Hit {
		for i := range hits {
			change(&hits[i])
		}
		return hits
	}
}

// faults are of an engine over two films, of which hidden may not be seen. hiddenRun is its run of labels.
func faults(hidden, hiddenRun string) []fault {
	const inside, late = "internal", "unavailable"
	hang := func(ctx context.Context) error {
		<-ctx.Done()
		return errkind.Wrap(errkind.Cancelled, ctx.Err())
	}
	more := func(h search.Hit) func([]search.Hit) []search.Hit {
		return func(hits []search.Hit) []search.Hit {
			if len(hits) > 0 {
				h.Score, h.Interval = hits[0].Score+1, hits[0].Interval
			}
			return append([]search.Hit{h}, hits...)
		}
	}
	return []fault{
		{name: "dead", kind: late, wait: func(context.Context) error { return errkind.New(errkind.Unavailable, "nobody is at home") }},
		{name: "broken", kind: inside, wait: func(context.Context) error { return errkind.New(errkind.Internal, "a wheel came off") }},
		{name: "hangs", kind: late, wait: hang},
		{name: "a hidden film", kind: inside, lie: more(search.Hit{Run: hiddenRun, Asset: hidden})},
		{name: "a hidden film alone", kind: inside, lie: each(func(h *search.Hit) { h.Run, h.Asset = hiddenRun, hidden })},
		{name: "a hidden film under a run in sight", kind: inside, lie: each(func(h *search.Hit) { h.Asset = hidden })},
		{name: "a hidden run under a film in sight", kind: inside, lie: each(func(h *search.Hit) { h.Run = hiddenRun })},
		{name: "a run that nobody knows", kind: inside, lie: each(func(h *search.Hit) { h.Run = strings.Repeat("0", 32) })},
		{name: "an asset that nobody knows", kind: inside, lie: each(func(h *search.Hit) { h.Asset = "zzz" })},
		{name: "no names", kind: inside, lie: each(func(h *search.Hit) { h.Run, h.Asset = "", "" })},
		{name: "out of order", kind: inside, lie: func(hits []search.Hit) []search.Hit { slices.Reverse(hits); return hits }},
		{name: "twice", kind: inside, lie: func(hits []search.Hit) []search.Hit { return append(hits[:1:1], hits...) }},
		{name: "no number", kind: inside, lie: each(func(h *search.Hit) { h.Score = math.NaN() })},
		{name: "an endless score", kind: inside, lie: each(func(h *search.Hit) { h.Score = math.Inf(1) })},
		{name: "before the film", kind: inside, lie: each(func(h *search.Hit) { h.Interval.Start = -h.Interval.End })},
		{name: "ends before it begins", kind: inside, lie: each(func(h *search.Hit) { h.Interval.Start, h.Interval.End = h.Interval.End, h.Interval.Start })},
		{name: "a negative ordinal", kind: inside, lie: each(func(h *search.Hit) { h.Ordinal = -1 })},
		{name: "many more than were asked for", kind: inside, lie: func(hits []search.Hit) []search.Hit {
			for len(hits) < 2*search.MaxLimit {
				hits = append(hits, hits...)
			}
			return hits
		}},
	}
}

// reader may see the film of the title harbour.
var reader = authz.NewCaller("reader", []string{"harbour"})

// TestFaultyEngine: where one part of a query is slow, dead or lies, the answer is in time, names the part, shows nothing that the caller may
// not see, and is right about the other parts.
func TestFaultyEngine(t *testing.T) {
	l := apitest.New(t)
	l.Add(labelled("harbour", "harbour"))
	hidden := l.Add(labelled("hidden", "quuxberry"))
	runs, err := l.Store.RunsOf(t.Context(), hidden.GetId())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(runs, func(r *pb.Run) bool { return r.GetAlgorithm() == "labels" })
	cfg := gateway.Default()
	cfg.Timeout = time.Minute
	for _, c := range []struct {
		q       string
		healthy string // the query without the part that fails; "" where nothing is left of the query
		hangs   bool   // also asked of an engine that hangs
	}{
		{q: `dialogue.words:lamp OR label:lighthouse`, healthy: `dialogue.words:lamp`, hangs: true},
		{q: `label:lighthouse`, hangs: true},
		{q: `dialogue.words:lamp AND NOT label:lighthouse`, healthy: `dialogue.words:lamp AND NOT label:nothing`, hangs: true},
		{q: `(dialogue.words:lamp AND dialogue.words:harbour) OR label:lighthouse`, healthy: `dialogue.words:lamp AND dialogue.words:harbour`},
		{q: `dialogue.words:lamp AND label:lighthouse WITHIN 5s`},
		{q: `label:lighthouse AND dialogue.words:lamp`, hangs: true},
		{q: `label:lighthouse THEN dialogue.words:lamp WITHIN 5s`},
		{q: `AT LEAST 1 OF (dialogue.words:lamp, dialogue.words:harbour, label:lighthouse)`, healthy: `AT LEAST 1 OF (dialogue.words:lamp, dialogue.words:harbour)`},
	} {
		for _, f := range faults(hidden.GetId(), runs[i].GetId()) {
			hangs := f.name == "hangs"
			if hangs && !c.hangs {
				continue // each takes the whole time allowed
			}
			t.Run(c.q+"/"+f.name, func(t *testing.T) {
				if hangs {
					t.Parallel()
				}
				g := open(t, l, &faulty{Engine: l.Engine, wait: f.wait, lie: f.lie}, cfg)
				var want []string
				if c.healthy != "" {
					resp, err := open(t, l, nil, cfg).Search(t.Context(), reader, &pb.SearchRequest{Q: c.healthy, Limit: 50})
					if err != nil || len(resp.GetHits()) == 0 {
						t.Fatalf("%s: %v, %v", c.healthy, resp, err)
					}
					want = places(resp)
				}
				req := &pb.SearchRequest{Q: c.q, Limit: 50}
				if hangs {
					req.TimeoutMs = 2000
				}
				began := time.Now()
				resp, err := g.Search(t.Context(), reader, req)
				if took := time.Since(began); took > 20*time.Second { // on a machine with much else to do
					t.Errorf("answered after %s", took)
				}
				checkFaulty(t, resp, err, f, want)
			})
		}
	}
}

// checkFaulty checks the answer of an engine with a fault. want is the places that the other parts find.
func checkFaulty(t *testing.T, resp *pb.SearchResponse, err error, f fault, want []string) {
	t.Helper()
	if text := fmt.Sprint(resp, err); strings.Contains(text, "quuxberry") || strings.Contains(text, apitest.AssetOf("hidden")) {
		t.Fatalf("the answer tells of the hidden film: %s", text)
	}
	if err != nil {
		if want != nil || errkind.Of(err).String() != f.kind {
			t.Errorf("%v, want an error of kind %s, and hits of the other parts: %v", err, f.kind, want)
		}
		return
	}
	if !slices.ContainsFunc(resp.GetPartial(), func(p *pb.PartialFailure) bool { return p.GetPart() == "label/words" && p.GetKind() == f.kind }) {
		t.Errorf("partial is %v, want label/words of kind %s", resp.GetPartial(), f.kind)
	}
	if resp.GetTotal().GetExact() {
		t.Error("the total is called exact")
	}
	got := places(resp)
	for _, at := range want {
		if !slices.Contains(got, at) {
			t.Errorf("the other parts find %s, which is missing in %v", at, got)
		}
	}
	for _, h := range resp.GetHits() {
		if h.GetStart() < 0 || h.GetEnd() <= h.GetStart() || h.GetEnd() > int64(60*schema.Second) || math.IsNaN(h.GetScore()) || math.IsInf(h.GetScore(), 0) {
			t.Errorf("a hit that cannot be: %v", h)
		}
	}
}

// places are where the hits of an answer are.
func places(resp *pb.SearchResponse) (out []string) {
	for _, h := range resp.GetHits() {
		out = append(out, fmt.Sprintf("%s %d-%d", h.GetTitle(), h.GetStart(), h.GetEnd()))
	}
	return out
}

// TestEngineBeyondTheWindow: items outside of the windows of a question are an error of the part that asked.
func TestEngineBeyondTheWindow(t *testing.T) {
	l := apitest.New(t)
	l.Add(labelled("harbour", "harbour"))
	beyond := &beyond{faulty{Engine: l.Engine}}
	g := open(t, l, beyond, gateway.Default())
	for _, q := range []string{`dialogue.phrase:"harbour, 2" AND label:lighthouse`, `dialogue.phrase:"harbour, 2" AND NOT label:lighthouse`} {
		resp, err := g.Search(t.Context(), reader, &pb.SearchRequest{Q: q})
		if err != nil {
			t.Errorf("%s: %v", q, err)
			continue
		}
		if !slices.ContainsFunc(resp.GetPartial(), func(p *pb.PartialFailure) bool { return p.GetPart() == "label/words" && p.GetKind() == "internal" }) {
			t.Errorf("%s: partial is %v", q, resp.GetPartial())
		}
	}
}

// beyond reads no windows.
type beyond struct{ faulty }

func (b *beyond) Set(ctx context.Context, q search.SetQuery) iter.Seq2[search.Hit, error] {
	q.Where = nil
	return b.Engine.Set(ctx, q)
}

// TestLyingMarks: marks outside of a text are left out.
func TestLyingMarks(t *testing.T) {
	l := apitest.New(t)
	l.Add(labelled("harbour", "harbour"))
	g := open(t, l, marking{l.Engine}, gateway.Default())
	resp := ask(t, g, line(`dialogue.words:lamp`))
	if len(resp.GetHits()) == 0 {
		t.Fatal("no hit")
	}
	for _, h := range resp.GetHits() {
		if want := []*pb.TextRange{{Start: 4, End: 8}}; !slices.EqualFunc(h.GetMarks(), want, func(a, b *pb.TextRange) bool { return proto.Equal(a, b) }) {
			t.Errorf("%q is marked at %v, want %v", h.GetText(), h.GetMarks(), want)
		}
	}
}

type marking struct{ search.Engine }

func (marking) Marks(search.TextQuery, string, string) [][2]int {
	return [][2]int{{-3, 1}, {4, 8}, {5, 9}, {9, 9}, {12, 10}, {10, 1 << 30}}
}
