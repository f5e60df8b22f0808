package gateway_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
)

// clockwork is a film of one shot of ten minutes that looks like a question about machines, as a stand-in for a
// film's pictures does. Its lines are said in two languages, cut at different places.
func clockwork() apitest.Film {
	return apitest.Film{Title: "clockwork", Name: "The Clockwork",
		Shots: []apitest.Shot{{Seconds: 600, Colour: apitest.Red, Label: "machine", LabelConfidence: 0.9}},
		Lines: []apitest.Line{
			{From: 30, To: 33, Language: "en", Text: "Listen to the sounds of the machine."},
			{From: 30, To: 31, Language: "sv", Text: "Lyssna."},
			{From: 31, To: 36, Language: "sv", Text: "Lyssna, machine, maskin."},
			{From: 269, To: 276, Language: "sv", Text: "Maskinen är som ett urverk. The machine!"},
			{From: 270, To: 274, Language: "en", Text: "The machine is like a clockwork."},
			{From: 400, To: 402, Language: "en", Text: "Red light, and no machine."},
			{From: 500, To: 502, Language: "en", Text: "We have to go."},
		}}
}

// Issue 11: `the clockwork machine` returned the whole film, and texts came with the interval of another line.
func TestBareWordsLandOnTheLine(t *testing.T) {
	_, g := opened(t, clockwork(), harbour(), mountain("mountain"))
	for _, test := range []struct{ q, first, text string }{
		{"the clockwork machine", "clockwork 270-274", "The machine is like a clockwork."},
		{"clockwork", "clockwork 270-274", "The machine is like a clockwork."},
		{"urverk", "clockwork 269-276", "Maskinen är som ett urverk. The machine!"},
		{"red light", "clockwork 400-402", "Red light, and no machine."},
		{"have to go", "clockwork 500-502", "We have to go."},
		{"black coffee", "harbour 8-12", "A black coffee, captain."},
		{"café", "harbour 8-12", "Un café solo, capitán."},
		{`clockwork OR look:red`, "clockwork 270-274", "The machine is like a clockwork."},
		{`clockwork AND label:machine`, "clockwork 270-274", "The machine is like a clockwork."},
		{`label:machine AND clockwork`, "clockwork 270-274", "The machine is like a clockwork."},
	} {
		t.Run(test.q, func(t *testing.T) {
			r := ask(t, g, line(test.q))
			if got := where(r); len(got) == 0 || got[0] != test.first || r.GetHits()[0].GetText() != test.text {
				t.Errorf("got %q (%q), want first %q (%q)", got, r.GetHits()[0].GetText(), test.first, test.text)
			}
			if len(r.GetHits()[0].GetMarks()) == 0 {
				t.Error("no word is marked")
			}
		})
	}
}

// The text of a hit is that of a line at the hit's own interval. Of an AND, the line covers the interval.
func TestTextAndIntervalAreOfOneLine(t *testing.T) {
	_, g := opened(t, clockwork(), harbour(), mountain("mountain"))
	texts := 0
	for _, q := range []string{"machine", "red", "green", "lighthouse", "captain", "coffee captain", "lamp", "sailing boat", "lyssna", "listen machine",
		"the lamp went dark", "nonsense words", "machine OR coffee", "look:red OR dialogue:lamp", "label:lighthouse OR captain", "captain AND look:red", "look:red AND captain"} {
		for _, h := range ask(t, g, &pb.SearchRequest{Q: q, Limit: 100}).GetHits() {
			at := schema.IntervalOf(h)
			if h.GetText() == "" {
				continue
			}
			texts++
			if !slices.ContainsFunc(h.GetEvidence(), func(e *pb.Evidence) bool {
				iv := schema.Interval{Start: schema.Time(e.GetStart()), End: schema.Time(e.GetEnd())}
				same := iv == at || strings.Contains(q, "AND") && iv.Covers(at)
				return e.GetText() == h.GetText() && e.GetLanguage() == h.GetLanguage() && same
			}) {
				t.Errorf("%s: %q at %v is of another interval", q, h.GetText(), at)
			}
		}
	}
	if texts < 50 {
		t.Errorf("only %d texts were judged", texts)
	}
}

// A picture in a long shot is a place of its own: the shot is none.
func TestPicturesInALongShot(t *testing.T) {
	_, g := opened(t, clockwork())
	for _, h := range ask(t, g, line("look:red")).GetHits() {
		if d := schema.IntervalOf(h).Duration(); d >= 60*schema.Second {
			t.Errorf("a hit of %v", d)
		}
	}
}

// One hit on some of the words, far down or alone, makes no answer a good match; what is shown first does.
func TestNoGoodMatchJudgesTheFirst(t *testing.T) {
	_, g := opened(t, harbour(), mountain("mountain"))
	for _, test := range []struct {
		q    string
		none bool
	}{
		{`dialogue:"xylophone zebra captain giraffe quantum"`, true}, // one word of five is there
		{`dialogue:"xylophone zebra"`, true},
		{`dialogue:"captain"`, false},
		{`dialogue.words:"black coffee"`, false},
		{`label:lighthouse`, false},
		{`label:"sailing lighthouse"`, true},
	} {
		for _, order := range []string{"score", "time"} {
			r := ask(t, g, &pb.SearchRequest{Q: test.q, Order: order})
			if len(r.GetHits()) == 0 && strings.Contains(test.q, "captain") || r.GetNoGoodMatch() != test.none {
				t.Errorf("%s by %s: no good match %t, want %t; %q", test.q, order, r.GetNoGoodMatch(), test.none, where(r))
			}
		}
	}
	// Nor does NOT take away a line for one word of many.
	if got := where(ask(t, g, line(`dialogue.words:captain AND NOT dialogue:"xylophone captain zebra" title:harbour`))); len(got) != 2 {
		t.Errorf("NOT took away lines that have one of the words: %q", got)
	}
}

// A part of a query that nothing serves is refused with the reason, and never answered with nothing.
func TestUnservedPartsAreRefused(t *testing.T) {
	_, g := opened(t, harbour())
	asset := apitest.AssetOf("harbour")
	text := func(s string) *pb.Value { return &pb.Value{Kind: &pb.Value_Text{Text: s}} }
	leaf := func(l *pb.Leaf) *pb.SearchRequest { return &pb.SearchRequest{Query: query.Leaf(l)} }
	for _, test := range []struct {
		req  *pb.SearchRequest
		says string
	}{
		{line(`label.meaning:hare`), "nothing serves label by meaning; there are label, label.words, label.phrase, label.fuzzy, label.prefix"},
		{line(`dialogue:dark kind:shot`), "dialogue finds the kind dialogue, transcript, and the filter wants only kind:shot"},
		{line(`dialogue:dark kind:label,shot`), "kind:label,shot"},
		{line(`look:red kind:dialogue`), "like_text finds the kind description, label, light, motion, palette, people, shot"},
		{line(`look.phrase:red kind:shot`), "like_text finds the kind description, label, light, motion, palette, people, thing, and"},
		{line(`dark kind:smell`), "kind:smell"},
		{line(`dark kind:dialogue,smell`), `filter.kinds[1]: searches find nothing of the kind "smell"; they find bars, beat, black, cast, chapter, credits, description, dialogue, label, light, loudness, marker, motion, named_person, on_camera, palette, people, person, scene, screen_text, shot, silence, sound, speaker, subtitle_fault, tempo, thing, tone, transcript`},
		{line(`look:red character:Mara`), "no character is known"},
		{line(`label:lighthouse AND dialogue:dark character:Mara`), "no character is known"},
		{line(`dialogue:dark OR label.meaning:hare`), "label by meaning"},
		{line(`dialogue:dark AND NOT label.meaning:hare`), "label by meaning"},
		{line(`dialogue:dark AND label.meaning:hare WITHIN 5s`), "label by meaning"},
		{line(`dialogue[who="Bo"]:dark`), `dialogue takes no attributes, and "who" is given`},
		{line(`dark OR label[a=1]:red`), `label takes no attributes, and "a" is given`},
		{line(`dark OR look[a=1]:red`), `like_text has no attribute "a"; there are brightness, chroma, class, count, pan, size, tilt, zoom`},
		{line(`text_on_screen:exit`), `nothing serves "text_on_screen"`},
		{leaf(&pb.Leaf{Kind: "like_frame", Asset: asset, Mode: pb.TextMode_TEXT_MODE_PHRASE}), "nothing serves like_frame by phrase"},
		{leaf(&pb.Leaf{Kind: "dialogue", Text: "dark", Attributes: map[string]*pb.Value{"w": text("x")}}), `"w" is given`},
		{leaf(&pb.Leaf{Kind: "dialogue", Text: "dark", Image: picture(apitest.Red)}), "dialogue takes no picture"},
		{leaf(&pb.Leaf{Kind: "dialogue", Text: "dark", Asset: asset}), "dialogue takes no asset"},
		{leaf(&pb.Leaf{Kind: "like_shot", Text: "dark", Asset: asset}), "like_shot takes no text"},
	} {
		resp, err := g.Search(t.Context(), everybody, test.req)
		if errkind.Of(err) != errkind.Invalid || err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%v: got %v, %v; want a refusal that says %q", test.req, resp, err, test.says)
		}
	}
	// Where one source of a leaf serves, the leaf is served.
	for _, q := range []string{"dark kind:dialogue", "lighthouse kind:label", "dark character:Mara", "look:red kind:shot", "look.meaning:red", "dark lang:en"} {
		if _, err := g.Search(t.Context(), everybody, line(q)); err != nil {
			t.Errorf("%s: %v", q, err)
		}
	}
}
