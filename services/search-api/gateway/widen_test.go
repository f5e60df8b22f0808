package gateway_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/query"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// spoken is a film of lines, each of two seconds. A line is "language: text".
func spoken(title string, lines ...string) apitest.Film {
	f := apitest.Film{Title: title, Name: title, Shots: []apitest.Shot{{Seconds: int64(4 * len(lines)), Colour: apitest.Red, Label: "sailing boat", LabelConfidence: 0.9}}}
	for i, l := range lines {
		language, text, _ := strings.Cut(l, ": ")
		f.Lines = append(f.Lines, apitest.Line{From: int64(4 * i), To: int64(4*i + 2), Language: language, Text: text})
	}
	return f
}

func lighthouses() apitest.Film {
	return spoken("coast", "en: The lighthouse is dark.", "en: Light the lighthouse, captain.", "en: The harbour is full.", "en: Two harbors and no boats.", "de: Der Leuchtturm am Hafen.",
		"en: A violin by the lighthouse.", "ja: 橋の向こうで待つ")
}

// ran tells how the words of an answer were asked, where they were asked otherwise than written.
func ran(resp *pb.SearchResponse) (out []string) {
	for _, r := range resp.GetRan() {
		if r.GetWay() == "spelling" || r.GetWay() == "prefix" || r.GetWay() == "fuzzy" || r.GetTranslator() != "" {
			out = append(out, fmt.Sprintf("%s %s: %s as %s", r.GetLeaf(), r.GetWay(), r.GetText(), r.GetAsked()))
		}
	}
	return out
}

// TestWordsThatNothingSays: words that no line has are asked in another way, and the answer says so.
func TestWordsThatNothingSays(t *testing.T) {
	_, g := opened(t, lighthouses())
	for _, c := range []struct {
		q           string
		ran, hits   []string
		didYouMean  []string
		noGoodMatch bool
	}{
		{q: "dialogue.words:lighthouse AND dialogue.words:violin", hits: []string{"coast 20-22"}},
		{q: "dialogue.words:lighthuose", ran: []string{"dialogue spelling: lighthuose as lighthouse"}, hits: []string{"coast 0-2", "coast 20-22", "coast 4-6"}, didYouMean: []string{`dialogue.words:"lighthouse"`}},
		{q: "dialogue:lighthuose", ran: []string{"dialogue spelling: lighthuose as lighthouse"}, hits: []string{"coast 0-2", "coast 12-14", "coast 16-18", "coast 20-22", "coast 24-26", "coast 4-6", "coast 8-10"}, didYouMean: []string{`dialogue:"lighthouse"`}},
		// An exact query, whose leaves are sets.
		{q: "dialogue.words:lighthuose AND dialogue.words:vioiln", ran: []string{"dialogue spelling: lighthuose as lighthouse", "dialogue spelling: vioiln as violin"},
			hits: []string{"coast 20-22"}, didYouMean: []string{`dialogue.words:"lighthouse" AND dialogue.words:"violin"`}},
		{q: "dialogue.words:violin OR (dialogue.words:captian AND NOT dialogue.words:harbour)", ran: []string{"dialogue spelling: captian as captain"}, hits: []string{"coast 20-22", "coast 4-6"},
			didYouMean: []string{`dialogue.words:"violin" OR (dialogue.words:"captain" AND NOT dialogue.words:"harbour")`}},
		// A word beside known words, and a word that is near several words.
		{q: `dialogue.words[lang=en]:"dark lighthuose"`, ran: []string{"dialogue spelling: dark lighthuose as dark lighthouse"}, hits: []string{"coast 0-2"},
			didYouMean: []string{`dialogue.words[lang=en]:"dark lighthouse"`}},
		{q: `dialogue.words:"violin lightho"`},
		{q: "dialogue.words:leuchttrum", ran: []string{"dialogue spelling: leuchttrum as Leuchtturm"}, hits: []string{"coast 16-18"}, didYouMean: []string{`dialogue.words:"Leuchtturm"`}},
		{q: "dialogue.words:harbuor", ran: []string{"dialogue fuzzy: harbuor as harbuor"}, hits: []string{"coast 12-14", "coast 8-10"}, didYouMean: []string{`dialogue.words:"harbors"`, `dialogue.words:"harbour"`}},
		{q: "dialogue.words:lightho", ran: []string{"dialogue prefix: lightho as lightho"}, hits: []string{"coast 0-2", "coast 20-22", "coast 4-6"}},
		{q: "label.words:sialing", ran: []string{"label spelling: sialing as sailing"}, hits: []string{"coast 0-28"}, didYouMean: []string{`label.words:"sailing"`}},
		// What is never widened: phrases, other modes, what NOT takes away, short words, scripts without spaces, words far from every word.
		{q: `dialogue.phrase:"dark lighthuose"`},
		{q: `dialogue.phrase:"the lighthuose"`, didYouMean: []string{`dialogue.phrase:"the lighthouse"`}},
		{q: "dialogue.prefix:lighthuose"},
		{q: "dialogue.words:captain AND NOT dialogue.words:lighthuose", hits: []string{"coast 4-6"}},
		{q: "dialogue.words:drak"},
		{q: "dialogue.words:橋の上"},
		{q: "dialogue.words:zeppelin"},
		{q: "dialogue.words:boast", hits: nil},
		// The filter narrows the words, too.
		{q: "dialogue.words:lighthuose lang:de"},
	} {
		resp := ask(t, g, line(c.q))
		got := where(resp)
		slices.Sort(got)
		if diff := cmp.Diff(c.ran, ran(resp)); diff != "" {
			t.Errorf("%s: ran (-want +got):\n%s", c.q, diff)
		}
		if diff := cmp.Diff(append([]string{}, c.hits...), got); diff != "" {
			t.Errorf("%s: hits (-want +got):\n%s", c.q, diff)
		}
		if diff := cmp.Diff(c.didYouMean, resp.GetDidYouMean()); diff != "" {
			t.Errorf("%s: did you mean (-want +got):\n%s", c.q, diff)
		}
		if lang := (query.Language{Names: apitest.Catalog().View()}); resp.GetQuery() == "" || len(resp.GetPartial()) > 0 {
			t.Errorf("%s: answers %q, partial %v", c.q, resp.GetQuery(), resp.GetPartial())
		} else if _, _, err := lang.Parse(resp.GetQuery()); err != nil {
			t.Error(err)
		}
		// Every suggestion finds something as it is written.
		for _, s := range resp.GetDidYouMean() {
			if r := ask(t, g, &pb.SearchRequest{Q: s, AsWritten: true}); len(r.GetHits()) == 0 || r.GetNoGoodMatch() || len(ran(r)) > 0 {
				t.Errorf("%s finds nothing", s)
			}
		}
		// As written, nothing is asked otherwise.
		if r := ask(t, g, &pb.SearchRequest{Q: c.q, AsWritten: true}); len(ran(r)) > 0 || len(c.ran) > 0 && slices.Equal(where(r), where(resp)) {
			t.Errorf("%s as written: %v, %v", c.q, ran(r), where(r))
		}
	}
}

// TestRanTellsEveryWay: an answer says what was asked for each leaf, also where nothing was changed.
func TestRanTellsEveryWay(t *testing.T) {
	_, g := opened(t, lighthouses())
	var got []string
	for _, r := range ask(t, g, line("dialogue:lighthouse AND look:red")).GetRan() {
		got = append(got, fmt.Sprintf("%s %s %s %s", r.GetLeaf(), r.GetWay(), r.GetText(), r.GetAsked()))
	}
	want := []string{"dialogue words lighthouse lighthouse", "dialogue meaning lighthouse lighthouse", "like_text words red red", "like_text picture red red"}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestMeaningKeepsTheWords: a word that no line has, and whose meaning finds matches, is not asked in another spelling.
func TestMeaningKeepsTheWords(t *testing.T) {
	_, g := opened(t, spoken("coast", "en: The lighthouse is dark.", "en: lighthuoses lighthuosed"))
	resp := ask(t, g, line("dialogue:lighthuosed"))
	if len(resp.GetHits()) == 0 || len(ran(resp)) > 0 {
		t.Errorf("%v, %v", where(resp), ran(resp))
	}
}

// TestPagesAskTheSame: the pages of an answer whose words were asked in another way are pages of one answer.
func TestPagesAskTheSame(t *testing.T) {
	var lines []string
	for i := range 30 {
		lines = append(lines, fmt.Sprintf("en: Lighthouse number %d.", i))
	}
	l, g := opened(t, spoken("coast", lines...))
	for _, q := range []string{"dialogue.words:lighthuose", "dialogue.words:lighthuose AND dialogue.words:number", "dialogue.words:lightho"} {
		whole := where(ask(t, g, &pb.SearchRequest{Q: q, Limit: 100}))
		if len(whole) != 30 {
			t.Fatalf("%s: %d hits", q, len(whole))
		}
		var paged []string
		req := &pb.SearchRequest{Q: q, Limit: 7}
		for page := 0; ; page++ {
			resp := ask(t, g, req)
			paged = append(paged, where(resp)...)
			if page == 0 {
				// A cursor of the answer is no cursor of the words as they are written.
				if _, err := g.Search(t.Context(), everybody, &pb.SearchRequest{Q: q, Limit: 7, AsWritten: true, Cursor: resp.GetCursor()}); !errkind.Is(err, errkind.Invalid) {
					t.Errorf("%s: a cursor of another question: %v", q, err)
				}
				// A new title with the very words changes nothing for the pages to come.
				l.Add(spoken(fmt.Sprint("misspelt-", len(paged), q), "en: A lighthuose, a lightho."))
			}
			if req.Cursor = resp.GetCursor(); req.Cursor == "" {
				break
			}
		}
		if diff := cmp.Diff(whole, paged); diff != "" {
			t.Errorf("%s (-whole +paged):\n%s", q, diff)
		}
		l, g = opened(t, spoken("coast", lines...))
	}
}

// TestSpellingsAreOfTheCaller: words of a title that the caller may not see are neither suggested nor asked, and change no order.
func TestSpellingsAreOfTheCaller(t *testing.T) {
	seen := spoken("seen", "en: The harbour is full.", "en: Two harbors and no boats.", "en: Two harbors more.")
	_, both := opened(t, seen, spoken("hidden", "en: A lighthouse.", "en: Harbour, harbour.", "en: The harbour.", "en: My harbour."))
	_, one := opened(t, seen)
	caller := authz.NewCaller("one", []string{"seen"})
	for _, q := range []string{"dialogue.words:lighthuose", "dialogue:lighthuose", "harbuor", "dialogue.words:lightho", "dialogue.words:harbuor AND look:red", `"lighthuose"`, "label:lighthuose"} {
		var said [2]*pb.SearchResponse
		for i, g := range []*gateway.Gateway{both, one} {
			resp, err := g.Search(t.Context(), caller, &pb.SearchRequest{Q: q, Explain: true})
			if err != nil {
				t.Fatal(err)
			}
			resp.TookMs, resp.Search = 0, "" // the name is drawn anew for each answer
			for _, s := range resp.GetExplain() {
				s.Ms = 0
			}
			said[i] = resp
		}
		if fmt.Sprint(said[0]) != fmt.Sprint(said[1]) {
			t.Errorf("%s:\nbeside a hidden title %v\nwithout               %v", q, said[0], said[1])
		}
	}
	if resp := ask(t, both, line("dialogue.words:lighthuose")); len(resp.GetHits()) != 1 {
		t.Errorf("who sees all: %v", where(resp))
	}
}
