package cldr_test

import (
	"math"
	"slices"
	"testing"

	"github.com/cinedex/cinedex/pkg/translate/cldr"
	"github.com/cinedex/cinedex/pkg/translate/translatetest"
)

func TestTranslate(t *testing.T) {
	n := cldr.New()
	translatetest.Run(t, n,
		translatetest.Pair{From: "fr", To: "en", Text: "pluie", Want: "rain"}, translatetest.Pair{From: "fr", To: "en", Text: " Chat ", Want: "cat"},
		translatetest.Pair{From: "de", To: "en", Text: "Katze", Want: "cat"}, translatetest.Pair{From: "de", To: "en", Text: "Schmetterling", Want: "butterfly"},
		translatetest.Pair{From: "es", To: "en", Text: "lluvia", Want: "rain"}, translatetest.Pair{From: "ja", To: "en", Text: "猫", Want: "cat"},
		translatetest.Pair{From: "ru", To: "en", Text: "дождь", Want: "rain"}, translatetest.Pair{From: "sv", To: "en", Text: "katt", Want: "cat"})
	for text, want := range map[string][]string{"pluie": {"rain"}, "cat": nil, "chat": {"cat"}, "zeppelins": nil} {
		if got, _ := n.English(text, []string{"de", "en", "fr"}); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	if _, of := n.English("pluie", []string{"de", "en", "fr"}); of != "fr" {
		t.Errorf("pluie is %s", of)
	}
	for word, want := range map[string]bool{"shark": true, "Requin": true, "lighthuose": false, "": false} {
		if n.Knows(word) != want {
			t.Errorf("%q is known: %t", word, !want)
		}
	}
}

func TestNamed(t *testing.T) {
	n := cldr.New()
	for text, want := range map[string]struct {
		names []string
		share float64
	}{
		"un gros lapin":         {[]string{"rabbit"}, 5. / 11},
		"papillon rose":         {[]string{"butterfly", "pink"}, 1},
		"ein roter Apfel":       {[]string{"red apple"}, 10. / 13},
		"красное яблоко":        {[]string{"red apple"}, 1},
		"太ったうさぎ":                {[]string{"rabbit"}, 3. / 6},
		"ウサギ":                   {[]string{"rabbit"}, 1},
		"en":                    {},
		"":                      {},
		"?!":                    {},
		"zeppelins en pagaille": {},
	} {
		names, share := n.Named(text)
		if !slices.Equal(names, want.names) || math.Abs(share-want.share) > 1e-9 {
			t.Errorf("%q: %q, %v, want %q, %v", text, names, share, want.names, want.share)
		}
	}
}
