package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// long is a film of an hour with 2,301 cues of one and a half seconds. Cue i has the words that say gives.
func long(say func(i int) string) apitest.Film {
	f := apitest.Film{Title: "long", Name: "An Hour", Shots: []apitest.Shot{{Seconds: 3600, Colour: apitest.Red}}}
	for i := range int64(2301) {
		f.Lines = append(f.Lines, apitest.Line{From: i * 3 / 2, To: i*3/2 + 1, Language: "en", Text: say(int(i))})
	}
	return f
}

// TestExactAnd: the one moment that holds both words is behind the 500th hit of each word. The cues of one word are shorter, so each of
// them ranks before the cue with both.
func TestExactAnd(t *testing.T) {
	_, g := opened(t, long(func(i int) string {
		switch {
		case i == 2000:
			return "Far beyond the old harbour wall the lighthouse hears a violin in the evening wind of autumn."
		case i%2 == 0:
			return "A lighthouse."
		}
		return "A violin."
	}))
	resp := ask(t, g, line(`dialogue.words:lighthouse AND dialogue.words:violin`))
	if got, want := fmt.Sprint(where(resp)), "[long 3000-3001]"; got != want || resp.GetNoGoodMatch() {
		t.Errorf("got %s, no good match %t, partial %v; want %s", got, resp.GetNoGoodMatch(), resp.GetPartial(), want)
	}
	if total := resp.GetTotal(); total.GetCount() != 1 || !total.GetExact() {
		t.Errorf("total %v, want exactly 1", total)
	}
}

// TestExactNot: every moment of the left that overlaps a moment of the right falls away, also behind the 500th hit of the right.
func TestExactNot(t *testing.T) {
	_, g := opened(t, long(func(i int) string {
		switch {
		case i < 1000:
			return "A violin."
		case i == 1500:
			return "A lighthouse alone."
		case i > 2100:
			return "A lighthouse above the harbour, and far from the harbour somebody plays a violin in the wind."
		}
		return "The sea."
	}))
	var got []string
	req := &pb.SearchRequest{Q: `dialogue.words:lighthouse AND NOT dialogue.words:violin`, Limit: gateway.MaxLimit}
	for {
		resp := ask(t, g, req)
		got = append(got, where(resp)...)
		if total := resp.GetTotal(); total.GetCount() != 1 || !total.GetExact() || len(resp.GetPartial()) > 0 {
			t.Errorf("total %v, partial %v; want exactly 1", total, resp.GetPartial())
		}
		if req.Cursor = resp.GetCursor(); req.Cursor == "" {
			break
		}
	}
	if fmt.Sprint(got) != "[long 2250-2251]" {
		t.Errorf("got %d moments: %.200q; want the lighthouse alone", len(got), got)
	}
}

// stopping is an engine whose sets stop after some items: with an error, or when the time is up.
type stopping struct {
	search.Searcher
	word  string // of the sets that stop
	after int
	stop  func(context.Context) error
}

func (s stopping) Set(ctx context.Context, q search.SetQuery) iter.Seq2[search.Hit, error] {
	if q.Text == nil || q.Text.Words != s.word {
		return s.Searcher.Set(ctx, q)
	}
	return func(yield func(search.Hit, error) bool) {
		n := 0
		for h, err := range s.Searcher.Set(context.WithoutCancel(ctx), q) {
			if n++; n > s.after {
				yield(search.Hit{}, s.stop(ctx))
				return
			}
			if !yield(h, err) {
				return
			}
		}
	}
}

// TestExactStops: an answer says what stopped the evaluation and how far it came, and never calls an incomplete total exact.
func TestExactStops(t *testing.T) {
	l := apitest.New(t)
	for _, title := range []string{"one", "two", "three"} {
		l.Add(apitest.Film{Title: title, Shots: []apitest.Shot{{Seconds: 30, Colour: apitest.Red, Label: "pier"}},
			Lines: []apitest.Line{{From: 1, To: 3, Language: "en", Text: "A lighthouse."}, {From: 2, To: 4, Language: "en", Text: "A violin."}}})
	}
	cfg := gateway.Default()
	cfg.Timeout = 500 * time.Millisecond
	late := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	broken := func(context.Context) error { return errors.New("a secret of the inside") }
	full := func(context.Context) error { return errkind.New(errkind.Exhausted, "the set has more than 7 items") }
	for _, test := range []struct {
		name    string
		engine  stopping
		q       string
		partial string // part, kind and text of the first
		atMost  int64
	}{
		{"late", stopping{word: "violin", stop: late}, "dialogue.words:lighthouse AND dialogue.words:violin", "dialogue/words unavailable not answered in time: 0 of 3 assets were evaluated", 0},
		{"late under a not", stopping{word: "violin", stop: late}, "label:pier AND NOT dialogue.words:violin", "dialogue/words unavailable not answered in time: 0 of 3 assets were evaluated", 0},
		{"broken", stopping{word: "violin", after: 1, stop: broken}, "dialogue.words:lighthouse AND dialogue.words:violin", "dialogue/words internal something went wrong inside; the service's log has the reason", 1},
		{"broken under a not", stopping{word: "violin", stop: broken}, "label:pier AND NOT dialogue.words:violin", "dialogue/words internal something went wrong inside; the service's log has the reason", 3},
		{"too large", stopping{word: "lighthouse", stop: full}, "dialogue.words:lighthouse AND dialogue.words:violin", "dialogue/words exhausted the set has more than 7 items", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.engine.Searcher = l.Engine
			resp := ask(t, open(t, l, test.engine, cfg), line(test.q))
			if len(resp.GetPartial()) == 0 {
				t.Fatal("nothing is named in partial")
			}
			p := resp.GetPartial()[0]
			if got := fmt.Sprintf("%s %s %s", p.GetPart(), p.GetKind(), p.GetError()); got != test.partial {
				t.Errorf("partial %q, want %q", got, test.partial)
			}
			if total := resp.GetTotal(); total.GetExact() || total.GetCount() > test.atMost {
				t.Errorf("total %v, want at least a number up to %d", total, test.atMost)
			}
		})
	}
}

// disorderly is an engine that gives its sets backwards.
type disorderly struct{ search.Searcher }

func (d disorderly) Set(ctx context.Context, q search.SetQuery) iter.Seq2[search.Hit, error] {
	var hits []search.Hit
	for h, err := range d.Searcher.Set(ctx, q) {
		if err != nil {
			panic(err)
		}
		hits = append(hits, h)
	}
	slices.Reverse(hits)
	return func(yield func(search.Hit, error) bool) {
		for _, h := range hits {
			if !yield(h, nil) {
				return
			}
		}
	}
}

// TestLyingEngine: an engine that breaks the order of sets is told as a part that failed.
func TestLyingEngine(t *testing.T) {
	l := apitest.New(t)
	l.Add(harbour())
	l.Add(mountain("mountain"))
	resp := ask(t, open(t, l, disorderly{l.Engine}, gateway.Default()), line("dialogue.words:coffee AND label:lighthouse"))
	if len(resp.GetPartial()) == 0 || resp.GetPartial()[0].GetKind() != "internal" || resp.GetTotal().GetExact() {
		t.Errorf("partial %v, total %v", resp.GetPartial(), resp.GetTotal())
	}
}

// TestExplainHidesTitles: totals and plans are the same whether or not a title is there that the caller may not see, though the hidden title
// has more of what would be read first.
func TestExplainHidesTitles(t *testing.T) {
	some := authz.NewCaller("some", []string{"harbour"})
	var answers []string
	for _, hidden := range []bool{false, true} {
		l := apitest.New(t)
		l.Add(harbour())
		if hidden {
			f := apitest.Film{Title: "hidden", Shots: []apitest.Shot{{Seconds: 2000, Colour: apitest.Red, Label: "pier"}}}
			for i := range int64(1000) {
				f.Lines = append(f.Lines, apitest.Line{From: i, To: i + 2, Language: "en", Text: "The captain."})
			}
			l.Add(f)
		}
		g := open(t, l, nil, gateway.Default())
		for _, q := range []string{"dialogue.words:captain AND label:lighthouse", "dialogue:captain AND NOT look:red", "label:lighthouse AND dialogue.words:captain WITHIN 5s", "dialogue:captain"} {
			resp, err := g.Search(t.Context(), some, &pb.SearchRequest{Q: q, Explain: true})
			if err != nil || len(resp.GetExplain()) == 0 {
				t.Fatalf("%s: %v, %v", q, err, resp)
			}
			for _, s := range resp.GetExplain() {
				s.Ms = 0
			}
			answers = append(answers, fmt.Sprint(q, resp.GetTotal(), resp.GetExplain()))
		}
	}
	if n := len(answers) / 2; !slices.Equal(answers[:n], answers[n:]) {
		t.Errorf("with a hidden title:\n%q\nwithout:\n%q", answers[n:], answers[:n])
	}
}

// TestExplain: the rare part is read first, and the common part only near it.
func TestExplain(t *testing.T) {
	_, g := opened(t, long(func(i int) string {
		if i == 1000 {
			return "A violin."
		}
		return "A lighthouse."
	}))
	resp := ask(t, g, &pb.SearchRequest{Q: `dialogue.words:lighthouse AND dialogue.words:violin WITHIN 2s`, Explain: true})
	var got []string
	for _, s := range resp.GetExplain() {
		got = append(got, fmt.Sprintf("%d %s drives=%t rows=%d windows=%d moments=%d", s.GetDepth(), s.GetStep(), s.GetDrives(), s.GetRows(), s.GetWindows(), s.GetMoments()))
	}
	want := []string{
		"0 within 2s drives=false rows=0 windows=0 moments=4",
		"1 dialogue/words drives=false rows=4 windows=1 moments=4",
		"1 dialogue/words drives=true rows=1 windows=0 moments=1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestExactIsBounded: of more matches than are kept, the answer says at least how many there are.
func TestExactIsBounded(t *testing.T) {
	_, g := opened(t, harbour(), mountain("mountain"))
	const q = "dialogue.words:captain AND NOT dialogue.words:nowhere"
	if resp := ask(t, g, line(q)); resp.GetTotal().GetCount() != 3 || !resp.GetTotal().GetExact() {
		t.Fatalf("total %v, want exactly 3", resp.GetTotal())
	}
	g.KeepMatches(2)
	resp := ask(t, g, line(q))
	if len(resp.GetPartial()) != 1 || resp.GetPartial()[0].GetPart() != "matches" || resp.GetTotal().GetCount() != 2 || resp.GetTotal().GetExact() {
		t.Errorf("total %v, partial %v; want at least 2, and that matches are missing", resp.GetTotal(), resp.GetPartial())
	}
	g.KeepMatches(3)
	if resp := ask(t, g, line(q)); !resp.GetTotal().GetExact() {
		t.Errorf("total %v, want exactly 3", resp.GetTotal())
	}
}
