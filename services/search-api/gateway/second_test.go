package gateway_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/authz"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// Films of which one has subtitles alone, one has speech alone, and one has both. Speech and subtitles of the third begin and end at other times.
func subtitled() apitest.Film {
	return spoken("subtitled", "en: The lighthouse is dark.", "de: Der Leuchtturm ist dunkel.")
}

func unsubtitled() apitest.Film {
	f := apitest.Film{Title: "unsubtitled", Name: "unsubtitled", Shots: []apitest.Shot{{Seconds: 40, Colour: apitest.Red}}}
	f.Heard = []apitest.Line{{From: 1, To: 4, Language: "en", Text: "the lighthouse is dark"}, {From: 6, To: 9, Language: "en", Text: "a zeppelin over the harbour"}, {From: 20, To: 24, Language: "en", Text: "nobody sails"}}
	return f
}

func subtitledTwice() apitest.Film {
	f := apitest.Film{Title: "both", Name: "both", Shots: []apitest.Shot{{Seconds: 40, Colour: apitest.Green, Label: "pier", LabelConfidence: 0.9}}}
	f.Lines = []apitest.Line{{From: 2, To: 5, Language: "en", Character: "Mara", Text: "The lighthouse is dark!"}, {From: 10, To: 12, Language: "en", Text: "A violin."}, {From: 12, To: 14, Language: "en", Text: "Another violin."}}
	f.Heard = []apitest.Line{{From: 1, To: 4, Language: "en", Text: "the lighthouse is dark"}, {From: 10, To: 14, Language: "en", Text: "a violin another violin"}, {From: 30, To: 33, Language: "en", Text: "a lighthouse that no cue has"}}
	return f
}

// landed is where a hit is, and the text of the hit.
func landed(resp *pb.SearchResponse) (out []string) {
	for i, at := range where(resp) {
		out = append(out, at+" "+resp.GetHits()[i].GetText())
	}
	slices.Sort(out)
	return out
}

// TestSpeechIsDialogue: the leaf dialogue finds speech as well as subtitles, and a moment of both is one hit with the text of the subtitles.
func TestSpeechIsDialogue(t *testing.T) {
	_, g := opened(t, subtitled(), unsubtitled(), subtitledTwice())
	lighthouses := []string{"both 2-5 The lighthouse is dark!", "both 30-33 a lighthouse that no cue has", "subtitled 0-2 The lighthouse is dark.", "unsubtitled 1-4 the lighthouse is dark"}
	for q, want := range map[string][]string{
		"dialogue.words:lighthouse":                 lighthouses,
		`dialogue.phrase:"lighthouse is dark"`:      {lighthouses[0], lighthouses[2], lighthouses[3]},
		"dialogue.prefix:lightho":                   lighthouses,
		"dialogue.fuzzy:lighthuose":                 lighthouses,
		"heard.words:lighthouse":                    {"both 1-4 the lighthouse is dark", lighthouses[1], lighthouses[3]},
		"dialogue.words:lighthouse kind:dialogue":   {lighthouses[0], lighthouses[2]},
		"dialogue.words:lighthouse kind:transcript": {"both 1-4 the lighthouse is dark", lighthouses[1], lighthouses[3]},
		"dialogue.words:lighthouse character:Mara":  {lighthouses[0]},
		"dialogue.words:zeppelin":                   {"unsubtitled 6-9 a zeppelin over the harbour"},
		// Two cues and one line of speech over both are two hits.
		"dialogue.words:violin":                                           {"both 10-12 A violin.", "both 12-14 Another violin."},
		"dialogue.words:lighthouse AND label:pier":                        {"both 2-5 The lighthouse is dark!", "both 30-33 a lighthouse that no cue has"},
		"dialogue.words:lighthouse AND NOT dialogue.words:dark":           {lighthouses[1]},
		"dialogue.words:lighthouse AND dialogue.words:zeppelin WITHIN 5s": {"unsubtitled 1-9 the lighthouse is dark"},
		"dialogue.words:violin THEN dialogue.words:lighthouse WITHIN 20s": {"both 10-33 A violin.", "both 12-33 Another violin."},
	} {
		resp := ask(t, g, line(q))
		if diff := cmp.Diff(want, landed(resp)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", q, diff)
		}
		if total := resp.GetTotal(); total.GetCount() != int64(len(want)) || !total.GetExact() || len(resp.GetPartial()) > 0 {
			t.Errorf("%s: total %v, partial %v", q, total, resp.GetPartial())
		}
	}
	// Words without a mode, and bare words, find the same moments first.
	for _, q := range []string{"dialogue:zeppelin", "zeppelin"} {
		if got := landed(ask(t, g, &pb.SearchRequest{Q: q, Limit: 1})); !slices.Equal(got, []string{"unsubtitled 6-9 a zeppelin over the harbour"}) {
			t.Errorf("%s: %q", q, got)
		}
	}
	for _, q := range []string{"dialogue:lighthouse", "lighthouse"} {
		at := map[string]int{}
		for _, h := range where(ask(t, g, &pb.SearchRequest{Q: q, Limit: 50})) {
			at[h]++
		}
		if at["both 2-5"] != 1 || at["both 1-4"] != 0 || at["both 30-33"] != 1 || at["unsubtitled 1-4"] != 1 || at["subtitled 0-2"] != 1 {
			t.Errorf("%s: %v", q, at)
		}
	}
}

// TestSpeechIsEvidence: a moment of both sources has the evidence of both, the confidence of the surer, and one line of each explanation.
func TestSpeechIsEvidence(t *testing.T) {
	_, g := opened(t, unsubtitled(), subtitledTwice())
	resp := ask(t, g, &pb.SearchRequest{Q: "dialogue.words:dark", Explain: true, Facets: []string{"kind"}})
	var got []string
	for _, h := range resp.GetHits() {
		got = append(got, fmt.Sprintf("%s %.2f", h.GetTitle(), h.GetConfidence()))
		for _, e := range h.GetEvidence() {
			got = append(got, fmt.Sprintf("  %s by %s, %s@%s, kind %s: %s", e.GetLeaf(), e.GetBy(), e.GetAlgorithm(), e.GetVersion(), e.GetKind(), e.GetText()))
		}
	}
	want := []string{"both 1.00", "  dialogue by words, dialogue@1, kind dialogue: The lighthouse is dark!", "  dialogue by words, transcript@1, kind transcript: the lighthouse is dark",
		"unsubtitled 0.75", "  dialogue by words, transcript@1, kind transcript: the lighthouse is dark"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(resp.GetExplain()) != 1 || len(resp.GetRan()) != 1 {
		t.Errorf("explained as %v, ran %v", resp.GetExplain(), resp.GetRan())
	}
	counts := map[string]int64{}
	for _, f := range resp.GetFacets() {
		for _, v := range f.GetValues() {
			counts[v.GetValue()] = v.GetCount()
		}
	}
	if diff := cmp.Diff(map[string]int64{"dialogue": 1, "transcript": 1}, counts); diff != "" {
		t.Errorf("moments by kind (-want +got):\n%s", diff)
	}
}

// TestSpeechIsRead: a profile may leave speech out, a caller who may not see what was heard has the answers of a library in which nothing was heard, and words as
// heard are spelt and suggested.
func TestSpeechIsRead(t *testing.T) {
	_, g := opened(t, subtitled(), unsubtitled())
	resp := ask(t, g, line("dialogue.words:zepelin"))
	if diff := cmp.Diff([]string{"dialogue spelling: zepelin as zeppelin"}, ran(resp)); diff != "" || len(resp.GetHits()) != 1 {
		t.Errorf("a misspelling: %s, %v", diff, where(resp))
	}
	got := suggestions(t, g, everybody, "a zepp")
	if diff := cmp.Diff([]string{"dialogue a zeppelin over the harbour"}, got); diff != "" {
		t.Errorf("suggestions (-want +got):\n%s", diff)
	}
	if got := suggestions(t, g, everybody, "the lighthouse"); !slices.Equal(got, []string{"dialogue The lighthouse is dark."}) && !slices.Equal(got, []string{"dialogue the lighthouse is dark"}) {
		t.Errorf("a line of both is suggested as %q", got)
	}
	without, err := g.Search(t.Context(), authz.NewCaller("operator", []string{"*"}, authz.Operator), &pb.SearchRequest{Q: "dialogue.words:lighthouse", TryProfile: []byte("name: try\nversion: 1\nalgorithms: [dialogue]\n")})
	if err != nil || !slices.Equal(where(without), []string{"subtitled 0-2"}) {
		t.Errorf("without speech: %v, %v", where(without), err)
	}
	_, alone := opened(t, subtitled())
	caller := authz.NewCaller("one", []string{"subtitled"})
	for _, q := range []string{"dialogue.words:lighthouse", "dialogue.words:lighthouse AND look:red", "lighthouse", "dialogue.words:zepelin"} {
		var said []string
		for _, g := range []*gateway.Gateway{g, alone} {
			resp, err := g.Search(t.Context(), caller, &pb.SearchRequest{Q: q, Explain: true})
			if err != nil {
				t.Fatal(err)
			}
			resp.TookMs, resp.Search = 0, ""
			for _, s := range resp.GetExplain() {
				s.Ms = 0
			}
			said = append(said, fmt.Sprint(resp))
		}
		if said[0] != said[1] {
			t.Errorf("%s:\nbeside hidden speech %s\nwithout              %s", q, said[0], said[1])
		}
	}
}
