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
		{"en", "The lamps of the harbour", []words.Token{{"the", 1}, {"lamp", 2}, {"of", 3}, {"the", 4}, {"harbour", 5}}},
		{"en", "The lamps of the harbour burn", []words.Token{{"lamp", 2}, {"harbour", 5}, {"burn", 6}}},
		{"en", "To be or not to be, harbour lamps burn", []words.Token{
			{"to", 1}, {"be", 2}, {"or", 3}, {"not", 4}, {"to", 5}, {"be", 6}, {"harbour", 7}, {"lamp", 8}, {"burn", 9},
		}},
		{"ja", "灯台守", []words.Token{{"灯", 1}, {"灯台", 1}, {"台", 2}, {"台守", 2}, {"守", 3}}},
		{"ja", "橋の向\n こう", []words.Token{
			{"橋", 1}, {"橋の", 1}, {"の", 2}, {"の向", 2}, {"向", 3}, {"向こ", 3}, {"こ", 4}, {"こう", 4}, {"う", 5},
		}},
		{"ko", "등대지기가 켰다", []words.Token{
			{"등", 1}, {"등대", 1}, {"대", 2}, {"대지", 2}, {"지", 3}, {"지기", 3}, {"기", 4}, {"기가", 4}, {"가", 5}, {"켰", 6}, {"켰다", 6}, {"다", 7},
		}},
		{"th", "ที่สะพาน", []words.Token{{"ที่", 1}, {"ที่สะ", 1}, {"สะ", 2}, {"สะพา", 2}, {"พา", 3}, {"พาน", 3}, {"น", 4}}},
		{"lo", "ເຮືອນ", []words.Token{{"ເຮື", 1}, {"ເຮືອ", 1}, {"ອ", 2}, {"ອນ", 2}, {"ນ", 3}}},
		{"km", "ស្ពាន", []words.Token{{"ស្ពា", 1}, {"ស្ពាន", 1}, {"ន", 2}}},
		{"my", "တံတား", []words.Token{{"တံ", 1}, {"တံတား", 1}, {"တား", 2}}},
		{"my", "မြန်မာ", []words.Token{{"မြန်", 1}, {"မြန်မာ", 1}, {"မာ", 2}}},
		{"", "Naïve façade", []words.Token{{"naïve", 1}, {"=naive", 1}, {"façade", 2}, {"=facade", 2}}},
		{"de", "Dächern", []words.Token{{"+dach", 1}, {"=dach", 1}}},
		{"en", "Spider-Man", []words.Token{{"spider", 1}, {"=spiderman", 1}, {"man", 2}}},
		{"en", "rock'n'roll", []words.Token{{"rock", 1}, {"=rocknrol", 1}, {"n", 2}, {"roll", 3}}},
		{"en", "U.S.A. 3.5 wait.End", []words.Token{{"u.s.a", 1}, {"=usa", 1}, {"3.5", 2}, {"wait", 3}, {"end", 4}}},
		{"en", "İstanbul STAYS", []words.Token{{"i̇stanbul", 1}, {"=istanbul", 1}, {"stai", 2}}},
		{"tr", "KIZ İZMİR'de", []words.Token{{"kız", 1}, {"izmir", 2}}},
		{"sv", "RÖD", []words.Token{{"röd", 1}}},
		{"fa", "می\u200cروم", []words.Token{{"مي", 1}, {"=ميروم", 1}, {"روم", 2}}},
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
