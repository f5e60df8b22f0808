package searchtest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// misspelt are questions with the words that no line has, and the words of lines that are near, the nearest first.
var misspelt = []struct {
	language string
	lines    []string
	words    string
	want     []string
}{
	{"en", []string{"the lighthouse at night", "a lighthouse", "the lighthouses"}, "lighthuose", []string{"lighthuose: lighthouse 1 in 3"}},
	{"en", []string{"the lighthouse keeper"}, "the lighthouse keeper", nil},
	{"en", []string{"the lighthouse keeper"}, "lighthouse kepeer", []string{"kepeer: keeper 1 in 1"}},
	// The nearest first, then the most frequent.
	{"en", []string{"the harbour", "the harbours", "a harbor", "an arbour", "his ardour"}, "harbuor", []string{"harbuor: harbour 1 in 2, harbor 1 in 1"}},
	{"en", []string{"a storm", "a stork", "the storks"}, "stort", []string{"stort: stork 1 in 2, storm 1 in 1"}},
	// A word of another meaning is near a short word.
	{"en", []string{"the cat sat"}, "bat", []string{"bat:"}},
	{"en", []string{"in 1984"}, "1985", []string{"1985:"}},
	{"en", []string{"the train leaves"}, "traffic", []string{"traffic:"}},
	{"en", []string{"the captain"}, "zeppelin captain", []string{"zeppelin:"}},
	{"de", []string{"der Leuchtturm", "des Leuchtturms"}, "Leuchtrum", []string{"Leuchtrum: Leuchtturm 2 in 2"}},
	{"de", []string{"die alten Dächer"}, "Dachre", []string{"Dachre: Dächer 1 in 1"}},
	{"fr", []string{"le château brûle"}, "chatuea", []string{"chatuea: château 2 in 1"}},
	{"ru", []string{"один поезд уходит"}, "пеозд", []string{"пеозд: поезд 1 in 1"}},
	{"tr", []string{"İstanbul’da köprüler"}, "istnabul", []string{"istnabul: İstanbul’da 1 in 1"}},
	// Scripts without spaces.
	{"ja", []string{"橋の向こうで待つ"}, "橋の上", []string{"の上:"}},
	{"zh", []string{"我们在桥上等"}, "桥下", []string{"桥下:"}},
	{"th", []string{"ฉันรอที่สะพาน"}, "สะพาม", []string{"พาม:"}},
	// A frequent word is no misspelling.
	{"en", []string{"the lamp of the harbour"}, "which lamp", nil},
}

// testMisspelt holds an engine to search.Searcher.Spellings: the terms lead to lines, and the marks of the terms are the words.
func testMisspelt(t *testing.T, h Harness) {
	e := open(t, h)
	for i, c := range misspelt {
		for k, text := range c.lines {
			write(t, e, &pb.Annotation{Run: fmt.Sprintf("run-%d", i), Ordinal: int64(k), Asset: "asset", Kind: schema.KindDialogue,
				Text: text, Language: c.language, End: int64(schema.Second), Confidence: 1})
		}
	}
	for i, c := range misspelt {
		t.Run(c.language+" "+c.words, func(t *testing.T) {
			scope := search.NewScope([]string{fmt.Sprintf("run-%d", i)})
			if diff := cmp.Diff(c.want, spelled(t, e, search.TextQuery{Scope: scope, Words: c.words}, c.lines)); diff != "" {
				t.Errorf("%q (-want +got):\n%s", c.words, diff)
			}
		})
	}
	t.Run("within the scope and the filter", func(t *testing.T) { testMisspeltWithin(t, e) })
	t.Run("labels", func(t *testing.T) {
		write(t, e, &pb.Annotation{Run: "labels", Asset: "asset", Kind: schema.KindLabel, Label: "sailing boats", End: 1, Confidence: 1})
		got := spelled(t, e, search.TextQuery{Scope: search.NewScope([]string{"labels"}), Field: search.FieldLabel, Words: "sialing"}, []string{"sailing boats"})
		if diff := cmp.Diff([]string{"sialing: sailing 1 in 1"}, got); diff != "" {
			t.Error(diff)
		}
	})
}

// testMisspeltWithin: a word of another run, language or kind is neither known nor near.
func testMisspeltWithin(t *testing.T, e search.Engine) {
	line := func(run, language, kind, text string) {
		t.Helper()
		write(t, e, &pb.Annotation{Run: run, Asset: "asset", Kind: kind, Text: text, Language: language, End: 1, Confidence: 1})
	}
	line("seen", "en", schema.KindDialogue, "a stormy evening")
	line("hidden", "en", schema.KindDialogue, "the lighthouse")
	line("misspelt", "en", schema.KindDialogue, "the lighthuose")
	line("french", "fr", schema.KindDialogue, "la lighthouse")
	line("written", "en", "text", "lighthouse")
	question := search.TextQuery{Words: "lighthuose"}
	for _, c := range []struct {
		name      string
		runs      []string
		filter    search.Filter
		languages []string
		want      []string
	}{
		{"hidden", []string{"seen"}, search.Filter{}, nil, []string{"lighthuose:"}},
		{"seen", []string{"seen", "hidden"}, search.Filter{}, nil, []string{"lighthuose: lighthouse 1 in 1"}},
		{"known to a visible line", []string{"seen", "misspelt"}, search.Filter{}, nil, nil},
		{"known to a hidden line", []string{"hidden"}, search.Filter{}, nil, []string{"lighthuose: lighthouse 1 in 1"}},
		{"of another kind", []string{"seen", "written"}, search.Filter{Kinds: []string{schema.KindDialogue}}, nil, []string{"lighthuose:"}},
		{"of the kind", []string{"seen", "written"}, search.Filter{Kinds: []string{"text"}}, nil, []string{"lighthuose: lighthouse 1 in 1"}},
		{"of another language", []string{"seen", "french"}, search.Filter{}, []string{"en"}, []string{"lighthuose:"}},
		{"in two languages", []string{"hidden", "french"}, search.Filter{}, nil, []string{"lighthuose: lighthouse 1 in 1", "lighthuose: lighthouse 1 in 1"}},
	} {
		q := question
		q.Scope, q.Filter, q.Languages = search.NewScope(c.runs), c.filter, c.languages
		if diff := cmp.Diff(c.want, spelled(t, e, q, []string{"the lighthouse"})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	question.Scope = search.NewScope(nil)
	if got := spelled(t, e, question, nil); got != nil {
		t.Errorf("an empty scope has %v", got)
	}
	question.Scope = nil
	if _, err := e.Spellings(t.Context(), question); errkind.Of(err) != errkind.Internal {
		t.Errorf("no scope: %v", err)
	}
}

// spelled returns the spellings of a question in a readable form. Each term is shown as the word of the question or of a line.
func spelled(t *testing.T, e search.Searcher, q search.TextQuery, lines []string) (out []string) {
	t.Helper()
	all, err := e.Spellings(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	word := func(term, language string, texts ...string) string {
		for _, text := range texts {
			for _, m := range e.Marks(search.TextQuery{Mode: search.Term, Words: term, Field: q.Field}, text, language) {
				return text[m[0]:m[1]]
			}
		}
		return "?"
	}
	for _, s := range all {
		is := word(s.Term, s.Language, q.Words) + ":"
		for i, n := range s.Near {
			if i > 0 {
				is += ","
			}
			is += fmt.Sprintf(" %s %d in %d", word(n.Term, s.Language, lines...), n.Distance, n.Docs)
			found := find(t, e, search.TextQuery{Scope: q.Scope, Filter: q.Filter, Field: q.Field, Languages: languagesOf(s), Mode: search.Term, Words: n.Term})
			if len(found) != n.Docs {
				t.Errorf("the term %q has %d items, and %d are found", n.Term, n.Docs, len(found))
			}
		}
		out = append(out, is)
	}
	return out
}

func languagesOf(s search.Spelling) []string {
	if s.Language == "" {
		return nil
	}
	return []string{s.Language}
}
