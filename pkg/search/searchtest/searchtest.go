package searchtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// A Harness opens the engine under test.
type Harness struct {
	// Open opens the engine of a name, and creates the engine if there is none. The name is the path of an empty folder that the test may
	// write to. An engine elsewhere takes the name as a key. The suite closes the engine.
	Open func(t testing.TB, name string, spaces []*pb.Space) search.Engine
	// Exceptions are the promises that the engine does not keep.
	Exceptions Exceptions
}

// Exceptions are told of an engine, and why in a comment there.
type Exceptions struct {
	// ScoresSeeHidden: frequencies of words count items outside the scope. Scores and order may change with such items, and the set of
	// hits does not.
	ScoresSeeHidden bool
	// NoRebuild: the engine is no search.Rebuilder.
	NoRebuild bool
	// Judgements that the engine's analysis decides otherwise, by name.
	Judgements []string
}

// Run holds an engine to every promise of package search.
func Run(t *testing.T, h Harness) {
	t.Run("a stub", func(t *testing.T) { testStub(t, h) })
	t.Run("judged questions", func(t *testing.T) { testJudged(t, h) })
	t.Run("cases", func(t *testing.T) { testCases(t, h) })
	t.Run("names", func(t *testing.T) { testNames(t, h) })
	t.Run("spellings", func(t *testing.T) { testSpellings(t, h) })
	t.Run("misspelt words", func(t *testing.T) { testMisspelt(t, h) })
	t.Run("hit tells of its item", func(t *testing.T) { testHit(t, h) })
	t.Run("scope", func(t *testing.T) { testScope(t, h) })
	t.Run("hidden items leave no trace", func(t *testing.T) { testNoTrace(t, h) })
	t.Run("order and limit", func(t *testing.T) { testOrder(t, h) })
	t.Run("writing again", func(t *testing.T) { testRewrite(t, h) })
	t.Run("replayed", func(t *testing.T) { testReplayed(t, h) })
	t.Run("trim and delete", func(t *testing.T) { testTrim(t, h) })
	t.Run("languages", func(t *testing.T) { testLanguages(t, h) })
	t.Run("characters", func(t *testing.T) { testCharacters(t, h) })
	t.Run("marks", func(t *testing.T) { testMarks(t, h) })
	t.Run("hostile questions", func(t *testing.T) { testHostile(t, h) })
	t.Run("hostile items", func(t *testing.T) { testHostileItems(t, h) })
	t.Run("refusals", func(t *testing.T) { testRefusals(t, h) })
	t.Run("found when Write returns", func(t *testing.T) { testFresh(t, h) })
	t.Run("dump tells the fold", func(t *testing.T) { testDump(t, h) })
	t.Run("what is kept as told", func(t *testing.T) { testAudit(t, h) })
	t.Run("words as a model says", func(t *testing.T) { testModel(t, h) })
	t.Run("vectors", func(t *testing.T) { testVectors(t, h) })
	t.Run("sets", func(t *testing.T) { RunSets(t, h) })
	t.Run("spaces", func(t *testing.T) { testSpaces(t, h) })
	t.Run("rebuild", func(t *testing.T) { testRebuild(t, h) })
	t.Run("switches", func(t *testing.T) { testSwitches(t, h) })
	t.Run("closing", func(t *testing.T) { testClosing(t, h) })
	// The scopes of the tests above name their runs. A large scope is told by its complement.
	c := byComplement(h)
	for name, test := range map[string]func(*testing.T, Harness){
		"judged questions": testJudged, "scope": testScope, "misspelt words": testMisspelt, "hidden items leave no trace": testNoTrace,
		"languages": testLanguages, "characters": testCharacters, "vectors": testVectors,
	} {
		t.Run("by complement/"+name, func(t *testing.T) { test(t, c) })
	}
}

// testStub is the first test. The stub of an engine passes: an engine that opens, answers that nothing is there, and closes.
func testStub(t *testing.T, h Harness) {
	e := h.Open(t, t.TempDir(), nil)
	if err := e.Ready(t.Context()); err != nil {
		t.Errorf("not ready: %v", err)
	}
	if hits, err := e.Text(t.Context(), search.TextQuery{Scope: allRuns(), Words: "lighthouse", Limit: 10}); err != nil || len(hits) != 0 {
		t.Errorf("an empty engine finds %v, %v", names(hits), err)
	}
	if _, err := e.Text(t.Context(), search.TextQuery{Words: "lighthouse", Limit: 10}); err == nil {
		t.Error("no scope is no error")
	}
	if languages, err := e.Languages(t.Context(), allRuns()); err != nil || len(languages) != 0 {
		t.Errorf("an empty engine has languages %v, %v", languages, err)
	}
	if got := dumpOf(t, e); got != "" {
		t.Errorf("an empty engine dumps %q", got)
	}
	if err := e.Close(); err != nil {
		t.Errorf("closing: %v", err)
	}
}

func open(t testing.TB, h Harness) search.Engine {
	t.Helper()
	return openAt(t, h, t.TempDir())
}

func openAt(t testing.TB, h Harness, name string) search.Engine {
	t.Helper()
	e := h.Open(t, name, []*pb.Space{space})
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func write(t testing.TB, e search.Writer, annotations ...*pb.Annotation) {
	t.Helper()
	if err := e.Write(t.Context(), search.Batch{Annotations: annotations}); err != nil {
		t.Fatalf("writing: %v", err)
	}
}

func find(t testing.TB, e search.Searcher, q search.TextQuery) []search.Hit {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 100
	}
	hits, err := e.Text(t.Context(), q)
	if err != nil {
		t.Fatalf("asking for %.80q: %v", q.Words, err)
	}
	return hits
}

func names(hits []search.Hit) []string {
	out := make([]string, len(hits))
	for i, h := range hits {
		out[i] = schema.ItemID(h.Run, h.Ordinal)
	}
	return out
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

func dumpOf(t testing.TB, e search.Engine) string {
	t.Helper()
	var b bytes.Buffer
	if err := e.Dump(t.Context(), &b); err != nil {
		t.Fatalf("dumping: %v", err)
	}
	return b.String()
}

func testJudged(t *testing.T, h Harness) {
	e := open(t, h)
	write(t, e, corpus()...)
	for _, j := range judgements {
		t.Run(j.name, func(t *testing.T) {
			if slices.Contains(h.Exceptions.Judgements, j.name) {
				t.Skip("the engine's analysis decides otherwise")
			}
			hits := names(find(t, e, search.TextQuery{
				Scope: allRuns(), Filter: j.filter, Field: j.field, Mode: j.mode, Words: j.words, Languages: j.languages,
			}))
			first := hits
			if j.atLeast {
				first = hits[:min(len(j.want), len(hits))]
			}
			if diff := cmp.Diff(append([]string{}, sorted(j.want)...), append([]string{}, sorted(first)...)); diff != "" {
				t.Errorf("hits (-want +got):\n%s\nall: %v", diff, hits)
			}
		})
	}
}

func testHit(t *testing.T, h Harness) {
	e := open(t, h)
	write(t, e, corpus()...)
	hits := find(t, e, search.TextQuery{Scope: allRuns(), Words: "midnight"})
	start, end := at(1)
	want := []search.Hit{{
		Run: english, Ordinal: 1, Asset: "asset-of-" + english, Kind: schema.KindDialogue, Language: "en-GB",
		Interval: schema.Interval{Start: start, End: end},
	}}
	if len(hits) == 1 {
		if hits[0].Score <= 0 {
			t.Errorf("score is %v", hits[0].Score)
		}
		hits[0].Score = 0
	}
	if diff := cmp.Diff(want, hits); diff != "" {
		t.Errorf("hits (-want +got):\n%s", diff)
	}
}

func testScope(t *testing.T, h Harness) {
	e := open(t, h)
	write(t, e, corpus()...)
	for _, mode := range []search.TextMode{search.AnyWord, search.AllWords, search.Phrase, search.Fuzzy, search.Prefix} {
		if hits := find(t, e, search.TextQuery{Scope: search.NewScope(nil), Words: "coffee", Mode: mode}); len(hits) != 0 {
			t.Errorf("mode %d: an empty scope gives %v", mode, names(hits))
		}
		if hits := find(t, e, search.TextQuery{Scope: search.NewScope([]string{"run-of-another"}), Words: "coffee", Mode: mode}); len(hits) != 0 {
			t.Errorf("mode %d: a scope of a run that is not there gives %v", mode, names(hits))
		}
		if _, err := e.Text(t.Context(), search.TextQuery{Words: "coffee", Mode: mode, Limit: 10}); err == nil {
			t.Errorf("mode %d: no scope is no error", mode)
		}
		for _, run := range []string{english, spanish, french} {
			hits := find(t, e, search.TextQuery{Scope: search.NewScope([]string{run}), Words: "café coffee capitaine capitán captain", Mode: search.Fuzzy})
			if len(hits) == 0 {
				t.Errorf("nothing within %s", run)
			}
			for _, hit := range hits {
				if hit.Run != run {
					t.Errorf("scope of %s gives %s/%d", run, hit.Run, hit.Ordinal)
				}
			}
		}
	}
}

// testNoTrace compares two libraries that differ in hidden items alone.
func testNoTrace(t *testing.T, h Harness) {
	visible := corpus()
	hidden := func(seed uint64) []*pb.Annotation {
		rnd := rand.New(rand.NewPCG(seed, 1))
		words := strings.Fields("lighthouse lamp storm coffee captain harbour keeper lamplight stormy harbourmaster coffe capten the and")
		var out []*pb.Annotation
		for i := range 300 {
			n := 1 + rnd.IntN(9)
			text := make([]string, n)
			for k := range text {
				text[k] = words[rnd.IntN(len(words))]
			}
			out = append(out, &pb.Annotation{
				Run: fmt.Sprintf("run-hidden-%d", i%3), Ordinal: int64(i), Asset: "asset-hidden", Kind: schema.KindDialogue,
				Text: strings.Join(text, " "), Language: []string{"en", "es", "tr"}[i%3], Label: "lighthouse", Character: "Mara", Confidence: 1,
				End: int64(schema.Second),
			})
		}
		return out
	}
	lone, mixed := open(t, h), open(t, h)
	write(t, lone, visible...)
	all := append(hidden(1), visible...)
	rand.New(rand.NewPCG(5, 5)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for chunk := range slices.Chunk(all, 37) {
		write(t, mixed, chunk...)
	}
	write(t, mixed, hidden(2)...) // the same identities, other texts
	if err := mixed.DeleteRun(t.Context(), "run-hidden-1"); err != nil {
		t.Fatal(err)
	}
	for _, field := range []search.Field{search.FieldText, search.FieldLabel} {
		for _, words := range []string{"lighthouse", "storm lamp keeper", "captain coffee", "lam", "harbou", "stro", "café lampe", "old harbour", "k"} {
			for mode := search.AnyWord; mode <= search.Term; mode++ {
				for _, limit := range []int{1, 3, 100} {
					q := search.TextQuery{Scope: allRuns(), Words: words, Mode: mode, Field: field, Limit: limit}
					a, b := find(t, lone, q), find(t, mixed, q)
					if h.Exceptions.ScoresSeeHidden {
						if limit < 100 {
							continue
						}
						if diff := cmp.Diff(sorted(names(a)), sorted(names(b))); diff != "" {
							t.Errorf("%q mode %d: found alone and among hidden (-alone +hidden):\n%s", words, mode, diff)
						}
						continue
					}
					x, _ := json.Marshal(a)
					y, _ := json.Marshal(b)
					if !bytes.Equal(x, y) {
						t.Errorf("%q mode %d limit %d: the answers differ:\nalone: %s\nmixed: %s", words, mode, limit, x, y)
					}
				}
			}
		}
	}
	a, errA := lone.Languages(t.Context(), allRuns())
	b, errB := mixed.Languages(t.Context(), allRuns())
	if errA != nil || errB != nil || !slices.Equal(a, b) {
		t.Errorf("languages: %v %v, %v %v", a, errA, b, errB)
	}
}

func testOrder(t *testing.T, h Harness) {
	e := open(t, h)
	var all []*pb.Annotation
	for _, run := range []string{"run-b", "run-c", "run-a"} {
		for i := range 40 {
			text := "amber comet"
			if i%8 == 7 {
				text = "amber amber"
			}
			all = append(all, &pb.Annotation{Run: run, Ordinal: int64(i), Asset: "x", Kind: schema.KindDialogue, Text: text, Language: "en", Confidence: 1})
		}
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for chunk := range slices.Chunk(all, 17) {
		write(t, e, chunk...)
	}
	q := search.TextQuery{Scope: search.NewScope([]string{"run-c", "run-b", "run-a"}), Words: "amber", Limit: 1000}
	whole := find(t, e, q)
	if len(whole) != len(all) {
		t.Fatalf("found %d of %d", len(whole), len(all))
	}
	if !slices.IsSortedFunc(whole, search.CompareHits) {
		t.Errorf("hits are not in order: %v", names(whole))
	}
	for _, limit := range []int{1, 2, 7, 10, 11, 15, 16, 50, 119, 120} {
		q.Limit = limit
		if diff := cmp.Diff(whole[:limit], find(t, e, q)); diff != "" {
			t.Errorf("the first %d are not the first of all:\n%s", limit, diff)
		}
	}
}

func testRewrite(t *testing.T, h Harness) {
	e := open(t, h)
	write(t, e, corpus()...)
	before := dumpOf(t, e)
	for range 3 {
		write(t, e, corpus()...)
	}
	twice := append(corpus(), corpus()...)
	write(t, e, twice...)
	if diff := cmp.Diff(before, dumpOf(t, e)); diff != "" {
		t.Errorf("writing the same again changed the dump:\n%s", diff)
	}
	if hits := names(find(t, e, search.TextQuery{Scope: allRuns(), Words: "lighthouse"})); len(hits) != 2 {
		t.Errorf("found %v after writing again", hits)
	}
	changed := corpus()[1]
	changed.Text = "Nobody rows past the windmill."
	write(t, e, changed)
	if hits := names(find(t, e, search.TextQuery{Scope: allRuns(), Words: "lighthouse"})); !slices.Equal(hits, item(english, "0")) {
		t.Errorf("the old text is still found: %v", hits)
	}
	if hits := names(find(t, e, search.TextQuery{Scope: allRuns(), Words: "windmill"})); !slices.Equal(hits, item(english, "1")) {
		t.Errorf("the new text is not found: %v", hits)
	}
	if before == dumpOf(t, e) {
		t.Error("the dump does not tell another text")
	}
}

// testReplayed writes items once more that were written before, some with changes.
func testReplayed(t *testing.T, h Harness) {
	e := open(t, h)
	audit, ok := search.As[search.Auditor](e)
	if !ok {
		t.Fatal("the engine does not say how it keeps items")
	}
	line := func() *pb.Annotation {
		return &pb.Annotation{Run: "run", Ordinal: 1, Asset: "asset", Kind: schema.KindDialogue, Text: "harbour", Language: "en", Confidence: 1, End: int64(schema.Second)}
	}
	vector := func() *pb.Embedding {
		return &pb.Embedding{Run: "run", Ordinal: 1, Asset: "asset", Space: schema.SpaceID(space), Kind: schema.KindDialogue, Language: "en", End: int64(schema.Second), Vector: vectors(1)[0].GetVector()}
	}
	replay := func(what string, a *pb.Annotation, m *pb.Embedding) {
		t.Helper()
		if err := e.Write(t.Context(), search.Batch{Annotations: []*pb.Annotation{a}, Embeddings: []*pb.Embedding{m}, Again: true}); err != nil {
			t.Fatal(err)
		}
		keptA, _ := audit.KeptAnnotation(a)
		keptM, _ := audit.KeptEmbedding(m)
		var want bytes.Buffer
		if err := errors.Join(search.WriteLine(&want, keptA), search.WriteLine(&want, keptM)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.String(), dumpOf(t, e)); diff != "" {
			t.Errorf("%s:\n%s", what, diff)
		}
		hits := find(t, e, search.TextQuery{Scope: search.NewScope([]string{"run"}), Words: a.GetText()})
		if len(hits) != 1 || hits[0].Asset != a.GetAsset() {
			t.Errorf("%s: found %v", what, hits)
		}
	}
	replay("nothing was there", line(), vector())
	replay("the same", line(), vector())
	for name, change := range map[string]func(*pb.Annotation, *pb.Embedding){
		"text and values": func(a *pb.Annotation, m *pb.Embedding) { a.Text, m.Vector = "tide", vectors(2)[1].GetVector() },
		"language":        func(a *pb.Annotation, m *pb.Embedding) { a.Language, m.Language = "de", "de" },
		"character":       func(a *pb.Annotation, m *pb.Embedding) { a.Character, m.Character = "Mara", "Mara" },
		"label":           func(a *pb.Annotation, m *pb.Embedding) { a.Label = "boat" },
		"kind":            func(a *pb.Annotation, m *pb.Embedding) { a.Kind, m.Kind = "sign", "sign" },
		"asset":           func(a *pb.Annotation, m *pb.Embedding) { a.Asset, m.Asset = "another", "another" },
		"start":           func(a *pb.Annotation, m *pb.Embedding) { a.Start, m.Start = 1, 1 },
		"end":             func(a *pb.Annotation, m *pb.Embedding) { a.End, m.End = a.GetEnd()+1, m.GetEnd()+1 },
		"confidence":      func(a *pb.Annotation, m *pb.Embedding) { a.Confidence = 0.5 },
	} {
		a, m := line(), vector()
		change(a, m)
		replay("another "+name, a, m)
		replay("as before another "+name, line(), vector())
	}
	if err := e.DeleteRun(t.Context(), "run"); err != nil {
		t.Fatal(err)
	}
	replay("what was deleted", line(), vector())
}

func testTrim(t *testing.T, h Harness) {
	e := open(t, h)
	write(t, e, corpus()...)
	scope := search.NewScope([]string{english})
	question := search.TextQuery{Scope: scope, Words: "lighthouse lamp coffee captain harbour storm"}
	for range 2 {
		if err := e.TrimRun(t.Context(), english, 3, 0); err != nil {
			t.Fatal(err)
		}
		if got := sorted(names(find(t, e, question))); !slices.Equal(got, item(english, "0", "1", "2")) {
			t.Errorf("after trimming: %v", got)
		}
	}
	if got := names(find(t, e, search.TextQuery{Scope: allRuns(), Words: "café", Languages: []string{"fr"}})); len(got) != 1 {
		t.Errorf("trimming took of another run: %v", got)
	}
	for range 2 {
		if err := e.DeleteRun(t.Context(), english); err != nil {
			t.Fatal(err)
		}
		if got := names(find(t, e, question)); len(got) != 0 {
			t.Errorf("after deleting: %v", got)
		}
	}
	if err := e.DeleteRun(t.Context(), "run-never-written"); err != nil {
		t.Errorf("deleting nothing: %v", err)
	}
	// A run whose name begins like another's is another run.
	write(t, e, &pb.Annotation{Run: "run", Text: "zebra", Language: "en", Kind: "dialogue"}, &pb.Annotation{Run: "run-x", Text: "zebra", Language: "en", Kind: "dialogue"})
	if err := e.DeleteRun(t.Context(), "run"); err != nil {
		t.Fatal(err)
	}
	if got := names(find(t, e, search.TextQuery{Scope: search.NewScope([]string{"run", "run-x"}), Words: "zebra"})); !slices.Equal(got, []string{"run-x/0"}) {
		t.Errorf("after deleting run: %v", got)
	}
	write(t, e, corpus()...)
	fresh := open(t, h)
	write(t, fresh, append(corpus(), &pb.Annotation{Run: "run-x", Text: "zebra", Language: "en", Kind: "dialogue"})...)
	if diff := cmp.Diff(dumpOf(t, fresh), dumpOf(t, e)); diff != "" {
		t.Errorf("deleted and written again is not as written once:\n%s", diff)
	}
}

func testLanguages(t *testing.T, h Harness) {
	e := open(t, h)
	write(t, e, corpus()...)
	got, err := e.Languages(t.Context(), search.NewScope([]string{french, english, portuguese, unknown, labels}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"en-GB", "fr", "pt-BR"}, got); diff != "" {
		t.Errorf("languages (-want +got):\n%s", diff)
	}
	if got, err := e.Languages(t.Context(), search.NewScope(nil)); err != nil || len(got) != 0 {
		t.Errorf("an empty scope has %v, %v", got, err)
	}
	if _, err := e.Languages(t.Context(), nil); err == nil {
		t.Error("no scope is no error")
	}
}

func testMarks(t *testing.T, h Harness) {
	e := open(t, h)
	for _, c := range []struct {
		words, text, language string
		mode                  search.TextMode
		want                  []string
	}{
		{"lamp", "The lamps are lit, a lamp burns.", "en", search.AnyWord, []string{"lamps", "lamp"}},
		{"capitaine", "Capitaine, l'ancien port !", "fr", search.AnyWord, []string{"Capitaine"}},
		{"cofffee", "Black coffee.", "en", search.Fuzzy, []string{"coffee"}},
		{"black cof", "Black coffee.", "en", search.Prefix, []string{"Black", "coffee"}},
		{"zeppelin", "Black coffee.", "en", search.AnyWord, nil},
		{"", "Black coffee.", "en", search.AnyWord, nil},
		{"coffee", "", "en", search.AnyWord, nil},
		// Marks are ranges of the given text, not of the normalised text.
		{"window final", "shut the win\u00addow, the \ufb01nal one", "en", search.AnyWord, []string{"win\u00addow", "\ufb01nal"}},
		{"chateau", "Le cha\u0302teau", "fr", search.AnyWord, []string{"cha\u0302teau"}},
		{"カタカナ", "\uff76\uff80\uff76\uff85で書く", "ja", search.AnyWord, []string{"\uff76\uff80\uff76\uff85"}},
		{"向こう", "私は橋の向\nこうで待つ", "ja", search.AnyWord, []string{"向\nこう"}},
		{"猫", "黑猫", "zh", search.AnyWord, []string{"猫"}},
		{"spiderman", "Call Spider-Man tonight", "en", search.AnyWord, []string{"Spider-Man"}},
		{"who are you", "Who are you?", "en", search.AnyWord, []string{"Who", "are", "you"}},
		{"who are you", "Who are you, captain of the old harbour?", "en", search.AnyWord, []string{"Who", "are", "you"}},
	} {
		var got []string
		last := 0
		for _, m := range e.Marks(search.TextQuery{Words: c.words, Mode: c.mode}, c.text, c.language) {
			if m[0] < last || m[1] <= m[0] || m[1] > len(c.text) {
				t.Fatalf("%q in %q: mark %v", c.words, c.text, m)
			}
			last = m[1]
			got = append(got, c.text[m[0]:m[1]])
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q in %q (-want +got):\n%s", c.words, c.text, diff)
		}
	}
}

// hostile returns questions with bad intent.
func hostile() []string {
	rnd := rand.New(rand.NewPCG(7, 7))
	noise := make([]byte, 5000)
	for i := range noise {
		noise[i] = byte(rnd.IntN(256))
	}
	return []string{
		"", " ", "\x00", "\x00\x01\x02 \x7f", "the a of and", "*", "?", "lam*", "/.*/", "(((((((", `"`, `"unclosed`, "field:value _id:x +a -b",
		"~", "^", "\\", "a AND OR NOT", "\xff\xfe\xfd", string(noise), "\u202e\u200b\ufeff", "🦭🦭🦭", "\u0301\u0301\u0301",
		strings.Repeat("lighthouse ", 10_000), strings.Repeat("x", 100_000), strings.Repeat("ab ", 33_334), strings.Repeat("嵐", 40_000),
		strings.Repeat("ا", 50_000), strings.Repeat("a'", 20_000), strings.Repeat("-", 70_000), "%s%n${jndi:ldap://x}", "'; DROP TABLE runs; --",
		"{\"match_all\":{}}", "<script>alert(1)</script>",
	}
}

func testHostile(t *testing.T, h Harness) {
	e := open(t, h)
	write(t, e, corpus()...)
	for _, words := range hostile() {
		for mode := search.AnyWord; mode <= search.Term; mode++ {
			for _, languages := range [][]string{nil, {"en"}, {"ja"}, {"xx", "not a language", "\x00"}} {
				for _, hit := range find(t, e, search.TextQuery{Scope: allRuns(), Words: words, Mode: mode, Languages: languages}) {
					if !allRuns().Has(hit.Run) {
						t.Errorf("%.40q gives a hit outside the scope", words)
					}
				}
				e.Marks(search.TextQuery{Words: words, Mode: mode}, words, "en")
				if _, err := e.Spellings(t.Context(), search.TextQuery{Scope: allRuns(), Words: words, Languages: languages}); err != nil {
					t.Errorf("the spellings of %.40q: %v", words, err)
				}
			}
		}
	}
	if got := find(t, e, search.TextQuery{Scope: allRuns(), Words: "*"}); len(got) != 0 {
		t.Errorf("a wildcard finds %v", names(got))
	}
	if got := find(t, e, search.TextQuery{Scope: allRuns(), Words: "lighthouse", Filter: search.Filter{Languages: []string{"\x00"}, Kinds: []string{"*"}, Characters: []string{""}}}); len(got) != 0 {
		t.Errorf("a filter that nothing passes gives %v", names(got))
	}
	// Filters stay apart even if their values look alike once joined.
	for _, sign := range []string{"\x00", "\x01", ",", "\n", " ", "\""} {
		joined := search.Filter{Kinds: []string{schema.KindDialogue + sign + schema.KindLabel}}
		if got := find(t, e, search.TextQuery{Scope: allRuns(), Words: "lighthouse", Filter: joined}); len(got) != 0 {
			t.Errorf("kinds joined by %q give %v", sign, names(got))
		}
		apart := search.Filter{Kinds: []string{schema.KindDialogue, schema.KindLabel}, Languages: []string{"en"}}
		moved := search.Filter{Kinds: []string{schema.KindDialogue, schema.KindLabel + sign + sign + "en"}}
		if a, b := find(t, e, search.TextQuery{Scope: allRuns(), Words: "lighthouse", Filter: moved}), find(t, e, search.TextQuery{Scope: allRuns(), Words: "lighthouse", Filter: apart}); len(a) != 2 || len(b) != 2 {
			t.Errorf("filters joined by %q give %v and %v", sign, names(a), names(b))
		}
		if got := find(t, e, search.TextQuery{Scope: allRuns(), Words: "lighthouse", Filter: search.Filter{Kinds: []string{schema.KindDialogue, schema.KindLabel}}}); len(got) != 2 {
			t.Errorf("after kinds joined by %q: %v", sign, names(got))
		}
	}
	if got, err := e.Text(t.Context(), search.TextQuery{Scope: allRuns(), Words: "lighthouse", Limit: -1}); err != nil || len(got) != 0 {
		t.Errorf("a negative limit gives %v, %v", names(got), err)
	}
	if got, err := e.Text(t.Context(), search.TextQuery{Scope: allRuns(), Words: "lighthouse", Limit: 1 << 40}); err != nil || len(got) != 2 {
		t.Errorf("a vast limit gives %v, %v", names(got), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Text(ctx, search.TextQuery{Scope: allRuns(), Words: "lighthouse", Limit: 10}); errkind.Of(err) != errkind.Cancelled {
		t.Errorf("a cancelled question gives %v", err)
	}
}

func hostileAnnotations() []*pb.Annotation {
	var all []*pb.Annotation
	for i, text := range hostile() {
		for k, language := range []string{"en", "ar", "ja", "", "not a language", "pl", "hi"} {
			all = append(all, &pb.Annotation{Run: "run-hostile", Ordinal: int64(10*i + k), Asset: "\x00", Kind: text[:min(len(text), 100)], Text: text, Label: text, Character: text[:min(len(text), 1000)], Language: language, Start: 5, End: -5, Confidence: -1})
		}
	}
	return all
}

func testHostileItems(t *testing.T, h Harness) {
	e := open(t, h)
	write(t, e, hostileAnnotations()...)
	write(t, e, corpus()...)
	if got := names(find(t, e, search.TextQuery{Scope: allRuns(), Words: "lighthouse"})); len(got) != 2 {
		t.Errorf("among hostile items: %v", got)
	}
	if err := e.DeleteRun(t.Context(), "run-hostile"); err != nil {
		t.Fatal(err)
	}
	clean := open(t, h)
	write(t, clean, corpus()...)
	if dumpOf(t, clean) != dumpOf(t, e) {
		t.Error("hostile items left something behind")
	}
}

func testRefusals(t *testing.T, h Harness) {
	e := open(t, h)
	for _, a := range []*pb.Annotation{{Text: "no run"}, {Run: "r", Ordinal: -1, Text: "negative"}, {Run: "r/1", Text: "not an identity"}} {
		if err := e.Write(t.Context(), search.Batch{Annotations: []*pb.Annotation{a}}); errkind.Of(err) != errkind.Invalid {
			t.Errorf("writing %v: %v", a, err)
		}
	}
	if _, err := e.Text(t.Context(), search.TextQuery{Scope: allRuns(), Words: "x", Mode: 99, Limit: 1}); errkind.Of(err) != errkind.Invalid {
		t.Errorf("an unknown mode: %v", err)
	}
	if err := e.Write(t.Context(), search.Batch{}); err != nil {
		t.Errorf("writing nothing: %v", err)
	}
	if err := e.Ready(t.Context()); err != nil {
		t.Errorf("not ready: %v", err)
	}
	if got := dumpOf(t, e); got != "" {
		t.Errorf("an empty engine dumps %q", got)
	}
}

// testFresh makes each writer search for its items as soon as Write returned, beside other searches.
func testFresh(t *testing.T, h Harness) {
	e := open(t, h)
	scope := make([]string, 4)
	for w := range scope {
		scope[w] = fmt.Sprintf("run-%d", w)
	}
	var done atomic.Bool
	var wg, readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for !done.Load() {
				hits, err := e.Text(t.Context(), search.TextQuery{Scope: search.NewScope(scope[:2]), Words: "common", Limit: 50})
				if err != nil {
					t.Errorf("searching while writing: %v", err)
					return
				}
				if !slices.IsSortedFunc(hits, search.CompareHits) {
					t.Errorf("out of order while writing: %v", names(hits))
					return
				}
				seen := map[string]bool{}
				for _, n := range names(hits) {
					if seen[n] {
						t.Errorf("%s found twice", n)
					}
					seen[n] = true
				}
			}
		})
	}
	for w, run := range scope {
		wg.Go(func() {
			for i := range 40 {
				word := fmt.Sprintf("word%dx%d", w, i)
				var batch []*pb.Annotation
				for k := range 5 {
					batch = append(batch, &pb.Annotation{Run: run, Ordinal: int64(5*i + k), Asset: "x", Kind: schema.KindDialogue, Text: "common " + word, Language: "en", Confidence: 1})
				}
				if err := e.Write(t.Context(), search.Batch{Annotations: batch}); err != nil {
					t.Errorf("writing: %v", err)
					return
				}
				hits, err := e.Text(t.Context(), search.TextQuery{Scope: search.NewScope(scope), Words: word, Limit: 50})
				if err != nil || len(hits) != 5 {
					t.Errorf("right after writing %s: %v, %v", word, names(hits), err)
					return
				}
				if i%10 == 9 {
					if err := e.TrimRun(t.Context(), run, int64(5*i), 0); err != nil {
						t.Errorf("trimming: %v", err)
						return
					}
					if hits, err := e.Text(t.Context(), search.TextQuery{Scope: search.NewScope(scope), Words: word, Limit: 50}); err != nil || len(hits) != 0 {
						t.Errorf("right after trimming %s: %v, %v", word, names(hits), err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	done.Store(true)
	readers.Wait()
}

func testDump(t *testing.T, h Harness) {
	one := open(t, h)
	if err := one.Write(t.Context(), search.Batch{Annotations: corpus(), Embeddings: vectors(300)}); err != nil {
		t.Fatal(err)
	}
	want := dumpOf(t, one)
	if n := strings.Count(want, "\n"); n != len(corpus())+300 {
		t.Errorf("the dump has %d lines of %d items", n, len(corpus())+300)
	}
	for _, line := range strings.Split(strings.TrimSpace(want), "\n") {
		if !json.Valid([]byte(line)) {
			t.Fatalf("not JSON: %s", line)
		}
	}
	for seed := range uint64(4) {
		name := t.TempDir()
		e := openAt(t, h, name)
		rnd := rand.New(rand.NewPCG(seed, 2))
		as, vs := corpus(), vectors(300)
		rnd.Shuffle(len(as), func(i, j int) { as[i], as[j] = as[j], as[i] })
		rnd.Shuffle(len(vs), func(i, j int) { vs[i], vs[j] = vs[j], vs[i] })
		for chunk := range slices.Chunk(as, 1+rnd.IntN(20)) {
			write(t, e, chunk...)
		}
		for chunk := range slices.Chunk(vs, 1+rnd.IntN(90)) {
			if err := e.Write(t.Context(), search.Batch{Embeddings: chunk}); err != nil {
				t.Fatal(err)
			}
		}
		// A mistake that is corrected.
		write(t, e, &pb.Annotation{Run: english, Ordinal: 99, Text: "left over", Language: "en"})
		if err := e.TrimRun(t.Context(), english, int64(len(spoken[0].lines)), 0); err != nil {
			t.Fatal(err)
		}
		write(t, e, as[:10]...)
		if diff := cmp.Diff(want, dumpOf(t, e)); diff != "" {
			t.Errorf("seed %d: the dump depends on how it came about:\n%s", seed, diff)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		again := openAt(t, h, name)
		if diff := cmp.Diff(want, dumpOf(t, again)); diff != "" {
			t.Errorf("seed %d: the dump changed by opening again:\n%s", seed, diff)
		}
		if got := find(t, again, search.TextQuery{Scope: allRuns(), Words: "lighthouse"}); len(got) != 2 {
			t.Errorf("opened again: %v", names(got))
		}
	}
}

// testModel compares the hits among random texts with a scan of the texts.
func testModel(t *testing.T, h Harness) {
	// Words that no analysis changes, without a language.
	vocabulary := strings.Fields("zorb quix blat frum wug dax toma gorp zorba quixo blatt")
	e := open(t, h)
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		type doc struct {
			id    string
			words []string
		}
		var docs []doc
		var visible []string
		var batch []*pb.Annotation
		runs := rapid.IntRange(1, 4).Draw(rt, "runs")
		for r := range runs {
			run := fmt.Sprintf("run-%d-%d", round, r)
			shown := rapid.Bool().Draw(rt, "shown")
			if shown {
				visible = append(visible, run)
			}
			for i := range rapid.IntRange(0, 12).Draw(rt, "lines") {
				words := rapid.SliceOfN(rapid.SampledFrom(vocabulary), 1, 6).Draw(rt, "words")
				batch = append(batch, &pb.Annotation{Run: run, Ordinal: int64(i), Asset: "x", Kind: "dialogue", Text: strings.Join(words, " "), Confidence: 1})
				if shown {
					docs = append(docs, doc{schema.ItemID(run, int64(i)), words})
				}
			}
		}
		for len(batch) > 0 {
			n := rapid.IntRange(1, len(batch)).Draw(rt, "batch")
			if err := e.Write(context.Background(), search.Batch{Annotations: batch[:n]}); err != nil {
				rt.Fatal(err)
			}
			batch = batch[n:]
		}
		asked := rapid.SliceOfNDistinct(rapid.SampledFrom(vocabulary), 1, 3, rapid.ID[string]).Draw(rt, "asked")
		for mode, matches := range map[search.TextMode]func(words []string) bool{
			search.AnyWord: func(words []string) bool {
				return slices.ContainsFunc(asked, func(w string) bool { return slices.Contains(words, w) })
			},
			search.AllWords: func(words []string) bool {
				return !slices.ContainsFunc(asked, func(w string) bool { return !slices.Contains(words, w) })
			},
			search.Prefix: func(words []string) bool {
				last := asked[len(asked)-1]
				return slices.ContainsFunc(words, func(w string) bool {
					return strings.HasPrefix(w, last) || slices.Contains(asked, w)
				})
			},
		} {
			var want []string
			for _, d := range docs {
				if matches(d.words) {
					want = append(want, d.id)
				}
			}
			var whole []search.Hit
			for _, limit := range []int{1000, 3} {
				hits, err := e.Text(context.Background(), search.TextQuery{Scope: search.NewScope(visible), Words: strings.Join(asked, " "), Mode: mode, Limit: limit})
				if err != nil {
					rt.Fatal(err)
				}
				if limit == 1000 {
					whole = hits
				} else if diff := cmp.Diff(whole[:min(limit, len(whole))], hits, cmpopts.EquateEmpty()); diff != "" {
					rt.Fatalf("mode %d %v: the first %d are not the first of all:\n%s", mode, asked, limit, diff)
				}
				if len(hits) != min(limit, len(want)) {
					rt.Fatalf("mode %d %v: found %v, want %d of %v", mode, asked, names(hits), limit, want)
				}
				for _, n := range names(hits) {
					if !slices.Contains(want, n) {
						rt.Fatalf("mode %d %v: found %s, want of %v", mode, asked, n, want)
					}
				}
				if !slices.IsSortedFunc(hits, search.CompareHits) {
					rt.Fatalf("mode %d %v: out of order: %v", mode, asked, hits)
				}
			}
		}
	})
}

func testClosing(t *testing.T, h Harness) {
	e := open(t, h)
	write(t, e, corpus()...)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := e.Write(t.Context(), search.Batch{Annotations: corpus()}); err == nil {
		t.Error("writing to a closed engine is no error")
	}
	if _, err := e.Text(t.Context(), search.TextQuery{Scope: allRuns(), Words: "lighthouse", Limit: 10}); err == nil {
		t.Error("asking a closed engine is no error")
	}
}
