package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/catalog"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search/words"
	"github.com/cinedex/cinedex/pkg/translate"
	"github.com/cinedex/cinedex/pkg/translate/cldr"
	"github.com/cinedex/cinedex/pkg/translate/libretranslate"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// hearing opens a gateway that knows languages and names of things, over a library of films.
func hearing(t *testing.T, change func(*gateway.Deps), films ...apitest.Film) *gateway.Gateway {
	t.Helper()
	l := apitest.New(t)
	for _, f := range films {
		l.Add(f)
	}
	known, err := words.NewLanguages()
	if err != nil {
		t.Fatal(err)
	}
	return openWith(t, l, gateway.Default(), func(d *gateway.Deps) {
		d.Names, d.Languages = cldr.New(), known.Detect
		if change != nil {
			change(d)
		}
	})
}

func street() apitest.Film {
	f := spoken("street", "en: The cat and the dog are on the roof.", "fr: Le chien et le chat sont sur le toit.", "en: Nothing in the chat room.", "de: Der Hund ist hier.")
	f.Shots = []apitest.Shot{{Seconds: 4, Colour: apitest.Red, Label: "tabby cat", LabelConfidence: 0.9}, {Seconds: 4, Colour: apitest.Green, Label: "rain", LabelConfidence: 0.9}, {Seconds: 8, Colour: apitest.Blue, Label: "umbrella", LabelConfidence: 0.9}}
	return f
}

// read tells each leaf's words, the language and the translation.
func read(resp *pb.SearchResponse) (out []string) {
	for _, r := range resp.GetRan() {
		s := r.GetLeaf() + " " + r.GetWay() + ": " + r.GetAsked()
		if r.GetLanguage() != "" {
			s += " (" + r.GetLanguage() + ")"
		}
		if r.GetTranslator() != "" {
			s += " by " + r.GetTranslator()
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// TestLabelsInTheirLanguage: labels are English, and a query in another language finds them by the names of things.
func TestLabelsInTheirLanguage(t *testing.T) {
	g := hearing(t, nil, street())
	for _, c := range []struct {
		q     string
		ran   []string
		first string
	}{
		{"label:chat", []string{"label words: cat (fr) by cldr"}, "street 0-4"},
		{"label:Katze", []string{"label words: cat (de) by cldr"}, "street 0-4"},
		{"label:gato", []string{"label words: cat (es) by cldr"}, "street 0-4"}, // a language that the library lacks
		// Audio descriptions are in languages, so they are asked as the query is written.
		{"look:pluie", []string{"like_text picture: pluie", "like_text words: pluie", "like_text words: rain (fr) by cldr"}, "street 4-8"},
		{"label.words:pluie AND look:green", []string{"label words: rain (fr) by cldr", "like_text picture: green", "like_text words: green"}, "street 4-8"},
		// English words, words that a label has, phrases.
		{"label:cat", []string{"label words: cat"}, "street 0-4"},
		{"label:umbrella", []string{"label words: umbrella"}, "street 8-16"},
		{"label.phrase:chat", []string{"label words: chat"}, ""},
		// A named language wins: there is a chat in English.
		{"label:chat lang:en", []string{"label words: chat"}, ""},
		{"label:chat lang:fr", []string{"label words: cat (fr) by cldr"}, "street 0-4"},
		// The language of several words is detected, and texts in the language have the words.
		{`dialogue:"the cat and the dog"`, []string{"dialogue meaning: the cat and the dog", "dialogue words: the cat and the dog (en)"}, "street 0-2"},
		{`dialogue:"le chien et le chat"`, []string{"dialogue meaning: le chien et le chat", "dialogue words: le chien et le chat (fr)"}, "street 4-6"},
		{`dialogue.words:"the cat and the dog"`, []string{"dialogue words: the cat and the dog"}, "street 0-2"},
		{"dialogue:chat", []string{"dialogue meaning: chat", "dialogue words: chat"}, "street 8-10"},
	} {
		resp := ask(t, g, line(c.q))
		if diff := cmp.Diff(c.ran, read(resp)); diff != "" {
			t.Errorf("%s: ran (-want +got):\n%s", c.q, diff)
		}
		if got := where(resp); c.first == "" && len(got) > 0 || c.first != "" && (len(got) == 0 || got[0] != c.first) {
			t.Errorf("%s: %v, want %s first", c.q, got, c.first)
		}
		for _, r := range ask(t, g, &pb.SearchRequest{Q: c.q, AsWritten: true}).GetRan() {
			if r.GetAsked() != r.GetText() || r.GetLanguage() != "" || r.GetTranslator() != "" {
				t.Errorf("%s as written: %v", c.q, r)
			}
		}
	}
}

// TestSpaceOfOneLanguage: a space whose encoder reads English is asked in English.
func TestSpaceOfOneLanguage(t *testing.T) {
	declared := builtin.Declarations()
	for i, d := range declared {
		if d.GetAlgorithm().GetName() == "pictures" {
			declared[i] = proto.CloneOf(d)
			for _, s := range declared[i].GetAlgorithm().GetSpaces() {
				s.Languages = []string{"en"}
			}
		}
	}
	c, err := catalog.New(declared...)
	if err != nil {
		t.Fatal(err)
	}
	// A server of LibreTranslate would answer so: see package libretranslate.
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"translatedText":"green"}`)) }))
	defer s.Close()
	tr, err := libretranslate.New(libretranslate.Config{URL: s.URL, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	with := func(d *gateway.Deps) { d.Catalog, d.Translators = c, translate.Chain{tr} }
	g := hearing(t, with, street())
	resp := ask(t, g, line("look:verdoyant lang:fr"))
	if diff := cmp.Diff([]string{"like_text picture: green (fr) by libretranslate", "like_text words: green (fr) by libretranslate", "like_text words: verdoyant (fr)"}, read(resp)); diff != "" {
		t.Errorf("ran (-want +got):\n%s", diff)
	}
	if got := where(resp); len(got) == 0 || got[0] != "street 4-8" {
		t.Errorf("%v, want the green shot first", got)
	}
	// A translator that does not answer is named, and the words are asked as they are.
	s.Close()
	resp = ask(t, g, line("look:bleuatre lang:fr"))
	if len(resp.GetPartial()) == 0 || resp.GetPartial()[0].GetPart() != "like_text/translation" || resp.GetTotal().GetExact() {
		t.Errorf("without the server: partial %v, total %v", resp.GetPartial(), resp.GetTotal())
	}
	if diff := cmp.Diff([]string{"like_text picture: bleuatre", "like_text words: bleuatre", "like_text words: bleuatre (fr)"}, read(resp)); diff != "" {
		t.Errorf("without the server (-want +got):\n%s", diff)
	}
}

// TestNamesAreSpeltRight: the name of a thing that the library lacks is no misspelling.
func TestNamesAreSpeltRight(t *testing.T) {
	g := hearing(t, nil, spoken("coast", "en: A shack by the sea, and a paneled door.", "en: The scorpios are coming.", "en: The lighthouse."))
	for _, q := range []string{"dialogue.words:scorpion", "dialogue.words:shark", "dialogue.words:panda"} {
		if resp := ask(t, g, line(q)); len(resp.GetHits()) > 0 || len(resp.GetDidYouMean()) > 0 {
			t.Errorf("%s: %v, %v", q, where(resp), resp.GetDidYouMean())
		}
	}
	if resp := ask(t, g, line("dialogue.words:lighthuose")); len(resp.GetHits()) != 1 {
		t.Errorf("a misspelling: %v", where(resp))
	}
}
