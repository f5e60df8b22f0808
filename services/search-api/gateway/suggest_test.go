package gateway_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

func suggestions(t *testing.T, g *gateway.Gateway, caller *authz.Caller, typed string) (out []string) {
	t.Helper()
	r, err := g.Suggest(t.Context(), caller, &pb.SuggestRequest{Typed: typed})
	if err != nil || len(r.GetPartial()) > 0 {
		t.Fatalf("%q: %v, %v", typed, r.GetPartial(), err)
	}
	for _, s := range r.GetSuggestions() {
		out = append(out, s.GetKind()+" "+s.GetText())
	}
	return out
}

func TestSuggest(t *testing.T) {
	_, g := opened(t, harbour(), mountain("mountain"))
	for typed, want := range map[string][]string{
		"":             nil,
		"moun":         {"title The Mountain", "dialogue Captain of the coffee, lamp and mountain."},
		"the har":      {"title The Harbour"},
		"sail":         {"label sailing boat"},
		"sailing b":    {"label sailing boat"},
		"dial":         {"leaf dialogue:"},
		"black cof":    {"dialogue A black coffee, captain."},
		"our":          nil, // no word begins so
		"nothing here": nil,
	} {
		got := suggestions(t, g, everybody, typed)
		for _, w := range want {
			if !slices.Contains(got, w) {
				t.Errorf("%q: %q lacks %q", typed, got, w)
			}
		}
		if len(want) == 0 && len(got) > 0 {
			t.Errorf("%q: %q, want none", typed, got)
		}
	}
	// Each label comes once, however many shots have it.
	if got := suggestions(t, g, everybody, "light"); len(slices.DeleteFunc(got, func(s string) bool { return s != "label lighthouse" })) != 1 {
		t.Errorf("light: %q", got)
	}
	// It tells how many shots have it: one shot of each film.
	counted, err := g.Suggest(t.Context(), everybody, &pb.SuggestRequest{Typed: "light"})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range counted.GetSuggestions() {
		if s.GetKind() != "label" {
			continue
		}
		if hits := ask(t, g, line(s.GetQ())).GetTotal().GetCount(); int64(s.GetCount()) != hits {
			t.Errorf("%s: counted %d times, of %d", s.GetText(), s.GetCount(), hits)
		}
	}
	// Every suggestion of words is a query that finds something.
	r, err := g.Suggest(t.Context(), everybody, &pb.SuggestRequest{Typed: "ca"})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.GetSuggestions() {
		if s.GetKind() == "title" || s.GetKind() == "leaf" {
			continue
		}
		if resp := ask(t, g, line(s.GetQ())); len(resp.GetHits()) == 0 || resp.GetNoGoodMatch() {
			t.Errorf("%s finds nothing", s.GetQ())
		}
	}
	for _, bad := range []*pb.SuggestRequest{{Typed: "a", Limit: -1}, {Typed: "a", Limit: gateway.MaxSuggestions + 1}, {Typed: strings.Repeat("a", gateway.MaxTyped+1)}, {Typed: "a\xff"}} {
		if _, err := g.Suggest(t.Context(), everybody, bad); !errkind.Is(err, errkind.Invalid) {
			t.Errorf("%.40v: %v, want Invalid", bad, err)
		}
	}
	if _, err := g.Suggest(t.Context(), nil, &pb.SuggestRequest{Typed: "a"}); !errkind.Is(err, errkind.Unauthenticated) {
		t.Errorf("nobody: %v", err)
	}
}

// TestSuggestionsAreOfTheCaller: a caller is told nothing of a title that the caller may not see.
func TestSuggestionsAreOfTheCaller(t *testing.T) {
	_, both := opened(t, harbour(), mountain("mountain"))
	_, one := opened(t, mountain("mountain"))
	caller := authz.NewCaller("one", []string{"mountain"})
	for _, typed := range []string{"l", "la", "lamp", "h", "harb", "the", "sail", "cap", "d", "black"} {
		got, want := suggestions(t, both, caller, typed), suggestions(t, one, caller, typed)
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q beside a hidden title, %q without", typed, got, want)
		}
	}
}

// TestSuggestInTime: suggestions over a library of many titles come while a person types.
func TestSuggestInTime(t *testing.T) {
	l := apitest.New(t)
	for i := range 40 {
		l.Add(mountain(fmt.Sprint("mountain-", i)))
	}
	g := open(t, l, nil, gateway.Default())
	suggestions(t, g, everybody, "m")
	var took []time.Duration
	for i := range 50 {
		begun := time.Now()
		suggestions(t, g, everybody, "mountain-"[:1+i%9])
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	t.Logf("p50 %s, p90 %s", took[25], took[45])
	if took[25] > 100*time.Millisecond {
		t.Errorf("half of the answers took more than %s", took[25])
	}
}

// Characters are suggested by the beginning of the name, and a suggestion narrows a query to the character.
func TestSuggestCharacters(t *testing.T) {
	l, g := opened(t, harbour())
	hidden := mountain("hidden")
	hidden.Lines[0].Character = "Marlene"
	l.Add(hidden)
	reader := authz.NewCaller("reader", []string{"harbour"})
	got := suggestions(t, g, reader, "Ma")
	if !slices.Contains(got, "character Mara") || slices.Contains(got, "character Marlene") {
		t.Errorf("a reader of the harbour: %q", got)
	}
	if got := suggestions(t, g, everybody, "ma"); !slices.Contains(got, "character Mara") || !slices.Contains(got, "character Marlene") {
		t.Errorf("everybody: %q", got)
	}
	r, err := g.Suggest(t.Context(), reader, &pb.SuggestRequest{Typed: "tob"})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(r.GetSuggestions(), func(s *pb.Suggestion) bool { return s.GetKind() == "character" })
	if i < 0 {
		t.Fatalf("no character: %v", r)
	}
	if hits := ask(t, g, &pb.SearchRequest{Q: "dialogue.words:captain " + r.GetSuggestions()[i].GetQ()}).GetHits(); len(hits) != 1 || hits[0].GetCharacter() != "Tobias" {
		t.Errorf("%s finds %v", r.GetSuggestions()[i].GetQ(), hits)
	}
}

// Phrases are what several lines say from the word on that is being typed.
func TestSuggestPhrases(t *testing.T) {
	f := harbour()
	for i, text := range []string{"We meet at the old harbour, Tom.", "I saw her at the old harbour wall", "She waits at the old harbour wall.", "The old house is empty.", "At the old mill"} {
		f.Lines = append(f.Lines, apitest.Line{From: int64(13 + 2*i), To: int64(14 + 2*i), Language: "en", Text: text})
	}
	_, g := opened(t, f)
	for typed, want := range map[string][]string{
		"old harb":    {"phrase old harbour", "phrase old harbour wall"},
		"at the old ": {"phrase at the old harbour", "phrase at the old harbour wall"},
		"harb":        {"phrase harbour", "phrase harbour wall"},
		"mill":        nil,
		"house":       nil, // a single line says more
	} {
		got := slices.DeleteFunc(suggestions(t, g, everybody, typed), func(s string) bool { return !strings.HasPrefix(s, "phrase") })
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
	r, err := g.Suggest(t.Context(), everybody, &pb.SuggestRequest{Typed: "old harb"})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.GetSuggestions() {
		if s.GetKind() == "phrase" && len(ask(t, g, &pb.SearchRequest{Q: s.GetQ()}).GetHits()) < 2 {
			t.Errorf("%s finds fewer lines than say it", s.GetQ())
		}
	}
}

// A filter narrows suggestions as the filter narrows a search. A second title or character widens a filter, so titles and characters are suggested beside.
func TestSuggestWithin(t *testing.T) {
	_, g := opened(t, harbour(), mountain("mountain"))
	const harbours, mountains = "dialogue A black coffee, captain.", "dialogue Captain of the coffee, lamp and mountain."
	for _, c := range []struct {
		name, typed string
		filter      *pb.Filter
		want, not   []string
	}{
		{"nothing", "cap", nil, []string{harbours, mountains}, nil},
		{"a title", "cap", &pb.Filter{Titles: []string{"harbour"}}, []string{harbours}, []string{mountains}},
		{"a title by its name", "cap", &pb.Filter{Titles: []string{"the mountain"}}, []string{mountains}, []string{harbours}},
		{"both titles", "cap", &pb.Filter{Titles: []string{"harbour", "mountain"}}, []string{harbours, mountains}, nil},
		{"no title of the library", "cap", &pb.Filter{Titles: []string{"elsewhere"}}, nil, []string{harbours, mountains}},
		{"titles beside a title", "moun", &pb.Filter{Titles: []string{"harbour"}}, []string{"title The Mountain"}, []string{mountains}},
		{"titles of an asset", "the", &pb.Filter{Assets: []string{apitest.AssetOf("harbour")}}, []string{"title The Harbour"}, []string{"title The Mountain"}},
		{"characters of a title", "mar", &pb.Filter{Titles: []string{"harbour"}}, []string{"character Mara"}, nil},
		{"characters of another title", "mar", &pb.Filter{Titles: []string{"mountain"}}, nil, []string{"character Mara"}},
		{"characters beside a character", "mar", &pb.Filter{Characters: []string{"Tobias"}}, []string{"character Mara"}, nil},
		{"a language", "cap", &pb.Filter{Languages: []string{"de"}}, nil, []string{harbours, mountains}},
		{"a kind", "light", &pb.Filter{Kinds: []string{"label"}}, []string{"label lighthouse"}, nil},
		{"another kind", "light", &pb.Filter{Kinds: []string{"dialogue"}}, nil, []string{"label lighthouse"}},
		{"a language beside labels", "light", &pb.Filter{Languages: []string{"de"}}, []string{"label lighthouse"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := g.Suggest(t.Context(), everybody, &pb.SuggestRequest{Typed: c.typed, Limit: gateway.MaxSuggestions, Filter: c.filter})
			if err != nil || len(r.GetPartial()) > 0 {
				t.Fatal(r.GetPartial(), err)
			}
			var got []string
			for _, s := range r.GetSuggestions() {
				got = append(got, s.GetKind()+" "+s.GetText())
			}
			for _, w := range c.want {
				if !slices.Contains(got, w) {
					t.Errorf("%q lacks %q", got, w)
				}
			}
			for _, w := range c.not {
				if slices.Contains(got, w) {
					t.Errorf("%q has %q", got, w)
				}
			}
		})
	}
	for name, bad := range map[string]*pb.SuggestRequest{
		"a kind of nothing": {Typed: "cap", Filter: &pb.Filter{Kinds: []string{"nothing"}}},
		"no language":       {Typed: "cap", Filter: &pb.Filter{Languages: []string{"!"}}},
		"a first view":      {FirstView: true, Filter: &pb.Filter{Titles: []string{"harbour"}}},
	} {
		if _, err := g.Suggest(t.Context(), everybody, bad); !errkind.Is(err, errkind.Invalid) {
			t.Errorf("%s: %v, want Invalid", name, err)
		}
	}
	// A title that the caller may not see gives nothing, as a title of nobody.
	reader := authz.NewCaller("reader", []string{"mountain"})
	r, err := g.Suggest(t.Context(), reader, &pb.SuggestRequest{Typed: "cap", Filter: &pb.Filter{Titles: []string{"harbour"}}})
	if err != nil || len(r.GetSuggestions()) > 0 {
		t.Errorf("a hidden title: %v, %v", r, err)
	}
}
