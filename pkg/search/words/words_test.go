package words_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/search/words"
)

// The steps are those that Lucene's own class prints.
func TestLength(t *testing.T) {
	var got []uint64
	for n := range uint64(60) {
		got = append(got, words.Length(n))
	}
	var want []uint64
	for n := range uint64(40) {
		want = append(want, n)
	}
	for n := uint64(40); n < 56; n += 2 {
		want = append(want, n, n)
	}
	want = append(want, 56, 56, 56, 56)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lengths (-want +got):\n%s", diff)
	}
}

func TestTokensKeepTheirPlaces(t *testing.T) {
	l, err := words.NewLanguages()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		tag, text string
		want      []words.Token
	}{
		{"en", "The lamps of the harbour", []words.Token{{"lamp", 2}, {"harbour", 5}}},
		{"ja", "灯台守", []words.Token{{"灯台", 1}, {"台守", 2}}},
		{"ko", "등대지기가 켰다", []words.Token{{"등대", 1}, {"대지", 2}, {"지기", 3}, {"기가", 4}, {"켰다", 5}}},
		{"", "Naïve façade", []words.Token{{"naive", 1}, {"facade", 2}}},
		{"sw", "", []words.Token{}},
	} {
		lang, err := l.Of(words.Canonical(c.tag))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, lang.Tokens([]byte(c.text))); diff != "" {
			t.Errorf("%s %q (-want +got):\n%s", c.tag, c.text, diff)
		}
	}
}

func TestNear(t *testing.T) {
	for _, c := range []struct {
		word, term string
		distance   uint8
		near       bool
	}{
		{"storm", "storm", 0, true},
		{"storm", "strom", 1, true}, // two letters changed places
		{"storm", "stormy", 1, true},
		{"storm", "storing", 2, false}, // five letters may be wrong by one
		{"harbour", "arbour", 1, true},
		{"harbour", "harbor", 1, true},
		{"harbour", "harvard", 3, false},
		{"harbour", "harborr", 1, true},
		{"harbour", "barbor", 2, false}, // two, and one of them the first
		{"harbour", "hrabor", 2, true},
		{"ab", "ac", 0, false},
	} {
		n, err := words.Near(c.word)
		if err != nil {
			t.Fatal(err)
		}
		d, ok := n.Distance(c.term)
		if ok != c.near || ok && d != c.distance {
			t.Errorf("%s from %s: %d, %v", c.term, c.word, d, ok)
		}
	}
}
