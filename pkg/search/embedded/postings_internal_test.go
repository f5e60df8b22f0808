package embedded

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	segment "github.com/blevesearch/scorch_segment_api/v2"
	"github.com/google/go-cmp/cmp"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// A posted is a posting, kept.
type posted struct {
	doc, freq uint64
	norm      float64
	positions []uint64
}

func kept(p segment.Posting) posted {
	k := posted{doc: p.Number(), freq: p.Frequency(), norm: p.Norm()}
	for _, l := range p.Locations() {
		k.positions = append(k.positions, l.Pos())
	}
	return k
}

// TestWalk: a walk that skips gives the postings of a walk that does not.
func TestWalk(t *testing.T) {
	e, err := Open(t.TempDir(), Config{}, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	rnd := rand.New(rand.NewPCG(3, 8))
	var lines []*pb.Annotation
	for i := range 9000 {
		text := fmt.Sprintf("w%d ", rnd.IntN(500)) + strings.Repeat("common ", rnd.IntN(4)) + strings.Repeat("filler ", rnd.IntN(9))
		lines = append(lines, &pb.Annotation{Run: fmt.Sprint("run-", i/100), Ordinal: int64(i % 100), Asset: "a", Kind: "dialogue", Text: text, Language: "en"})
	}
	if err := e.Write(t.Context(), search.Batch{Annotations: lines}); err != nil {
		t.Fatal(err)
	}
	err = e.reading(func(g *generation) error {
		s, err := g.text.snapshot()
		if err != nil {
			return err
		}
		defer func() { _ = s.Close() }()
		skipped := 0
		for _, seg := range s.Segments() {
			v := &view{seg: seg, dicts: map[string]segment.TermDictionary{}}
			for _, term := range []string{"common", "filler", "w7"} {
				p, err := v.postings(textField+"en", term, postings{})
				if err != nil {
					return err
				}
				all := p.docs.ToArray()
				for _, share := range []int{1, 3, 10, 100, 1000} {
					some := roaring.New()
					for _, doc := range all {
						if rnd.IntN(share) == 0 {
							some.Add(doc)
						}
					}
					for _, positions := range []bool{false, true} {
						quick, slow := p.walk(some, positions, nil), p.walk(some, positions, nil)
						if quick.ahead != nil {
							skipped++
						}
						slow.ahead = nil
						if err := sameWalk(t, rnd, quick, slow); err != nil {
							return err
						}
					}
				}
			}
		}
		if skipped == 0 {
			t.Error("no walk skipped: the library keeps its place in a list otherwise than before")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// sameWalk takes both walks through the same steps.
func sameWalk(t *testing.T, rnd *rand.Rand, quick, slow *walk) error {
	for at := uint64(0); ; {
		step := (*walk).next
		if rnd.IntN(3) == 0 {
			to := at + uint64(rnd.IntN(300))
			step = func(w *walk) (segment.Posting, error) { return w.advance(to) }
		}
		a, err := step(quick)
		if err != nil {
			return err
		}
		b, err := step(slow)
		if err != nil {
			return err
		}
		if a == nil || b == nil {
			if a != nil || b != nil {
				t.Errorf("one walk ended before the other")
			}
			return nil
		}
		if diff := cmp.Diff(kept(b), kept(a), cmp.AllowUnexported(posted{})); diff != "" {
			t.Errorf("the walk that skips differs:\n%s", diff)
			return nil
		}
		at = a.Number() + 1
	}
}

// TestFewVisible: a question among many hidden documents has the answer of an engine without them.
func TestFewVisible(t *testing.T) {
	open := func() *Engine {
		e, err := Open(t.TempDir(), Config{}, Deps{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Close() })
		return e
	}
	among, alone := open(), open()
	rnd := rand.New(rand.NewPCG(4, 8))
	vocabulary := strings.Fields("harbour storm lamp lamps coffee captain stormy keeper tide tides")
	run := func(i int) string { return fmt.Sprint("run-", i) }
	const runs, visible = 120, 4
	var all, seen []*pb.Annotation
	for i := range runs * 100 {
		var text []string
		for range 1 + rnd.IntN(6) {
			text = append(text, vocabulary[min(rnd.IntN(len(vocabulary)), rnd.IntN(len(vocabulary)))])
		}
		a := &pb.Annotation{Run: run(i % runs), Ordinal: int64(i / runs), Asset: "a", Kind: "dialogue", Text: strings.Join(text, " "), Language: "en", Confidence: 1}
		if all = append(all, a); i%runs%(runs/visible) == 7 {
			seen = append(seen, a)
		}
	}
	for _, w := range []struct {
		e     *Engine
		items []*pb.Annotation
	}{{among, all}, {alone, seen}} {
		for chunk := range slices.Chunk(w.items, 4000) {
			if err := w.e.Write(t.Context(), search.Batch{Annotations: chunk}); err != nil {
				t.Fatal(err)
			}
		}
	}
	var names []string
	for i := 7; i < runs; i += runs / visible {
		names = append(names, run(i))
	}
	for range 300 {
		var words []string
		for range 1 + rnd.IntN(3) {
			words = append(words, vocabulary[rnd.IntN(len(vocabulary))])
		}
		q := search.TextQuery{
			Scope: search.NewScope(names[rnd.IntN(len(names)):]), Words: strings.Join(words, " "),
			Mode: search.TextMode(rnd.IntN(int(search.Prefix) + 1)), Limit: []int{3, 50, 1000}[rnd.IntN(3)],
		}
		want, err := alone.Text(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		got, err := among.Text(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q in mode %d, limit %d:\n%s", q.Words, q.Mode, q.Limit, diff)
		}
	}
}
