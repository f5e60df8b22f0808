package words

import (
	"strings"
	"testing"
)

// detected are short texts in a language. A text in brackets is unsure: the words are of several languages.
const detected = `en|rain at night
en|where is the lighthouse keeper
en|a cat on the roof
en|I do not know
en|a red car in the street
fr|un chat sur le toit
fr|où est le gardien du phare
fr|une voiture rouge dans la rue
fr|je ne sais pas
de|Regen in der Nacht
de|eine Katze auf dem Dach
de|ich weiß es nicht
de|ein rotes Auto auf der Straße
es|lluvia por la noche
es|un gato en el tejado
es|no lo sé
es|un coche rojo en la calle
it|pioggia di notte
it|una macchina rossa per la strada
it|non lo so
pt|eu não sei
pt|um carro vermelho na rua
nl|regen in de nacht
nl|een kat op het dak
nl|ik weet het niet
sv|regn på natten
sv|jag vet inte
ja|橋の向こうで待つ
zh|
ko|다리에서 기다릴게
el|το κλειδί
ru|один поезд уходит
th|ฉันรอที่สะพาน
|Paris
|taxi
|hotel
|police
|chat
|1984
|lighthouse
|東京
|Spider-Man
|`

// TestDetect: short texts among the languages of a library of many languages. A wrong language is a fault, and no language is none.
func TestDetect(t *testing.T) {
	l, err := NewLanguages()
	if err != nil {
		t.Fatal(err)
	}
	many := strings.Fields("en-GB fr de es it pt-BR nl sv ja zh-Hans ko el ru th und")
	sure, all := 0, 0
	for line := range strings.Lines(detected) {
		want, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "|")
		if text == "" {
			continue
		}
		got := l.Detect(text, many)
		if got != "" && got != want {
			t.Errorf("%q: %s, want %q", text, got, want)
		}
		if want != "" {
			all++
			if got == want {
				sure++
			}
		}
	}
	t.Logf("%d of %d sure", sure, all)
	if sure*3 < all*2 {
		t.Errorf("%d of %d are sure, want two thirds", sure, all)
	}
	for _, c := range []struct{ text, among, want string }{
		{"東京", "zh en", "zh"}, {"東京", "ja en", "ja"}, {"東京", "ja zh", ""}, {"un chat sur le toit", "en", ""}, {"die hard", "en", ""}, {"the end", "en de", "en"},
		{"один поезд", "en ru", "ru"}, {"", "en", ""}, {"\xff\xfe the", "en", ""}, {"the cat", "", ""}, {"the cat", "qq xx", ""},
	} {
		if got := l.Detect(c.text, strings.Fields(c.among)); got != c.want {
			t.Errorf("%q among %s: %q, want %q", c.text, c.among, got, c.want)
		}
	}
}
