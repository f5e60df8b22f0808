package words

import (
	"testing"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// The letters that stay are those that the collation of CLDR sorts apart from their letter without a mark. golang.org/x/text has the collation of
// CLDR 23, without languages that came later.
func TestOwnLetters(t *testing.T) {
	later := map[string]bool{"gl": true, "tk": true, "ku": true}
	named := map[string]string{"nb": "nn", "no": "nn"} // one file in CLDR
	for base, letters := range ownLetters {
		if later[base] {
			continue
		}
		tag := base
		if other, ok := named[base]; ok {
			tag = other
		}
		c := collate.New(language.Make(tag), collate.IgnoreDiacritics, collate.IgnoreCase)
		for _, r := range letters {
			plain := string(firstRune(norm.NFD.Bytes([]byte(string(r)))))
			if s, ok := apart[r]; ok {
				plain = s
			}
			if plain != string(r) && c.CompareString(plain, string(r)) == 0 {
				t.Errorf("%s: %c is no letter of its own beside %s", base, r, plain)
			}
			if got := string(foldingOf(base).fold([]byte(string(r)))); got != string(r) {
				t.Errorf("%s: %c folds to %s", base, r, got)
			}
		}
	}
}

func TestFold(t *testing.T) {
	for _, c := range []struct{ base, word, want string }{
		{"und", "łódź", "lodz"}, {"und", "œuvre", "oeuvre"}, {"und", "straße", "strasse"}, {"und", "đợi", "doi"}, {"und", "ångström", "angstrom"},
		{"sv", "ångström", "ångström"}, {"sv", "idé", "ide"}, {"sv", "fjøs", "fjös"}, {"nb", "smörgås", "smørgås"},
		{"ru", "ещё", "еще"}, {"ru", "мой", "мой"}, {"uk", "їжак", "їжак"}, {"uk", "п'ять", "пять"},
		{"el", "κλειδί", "κλειδι"}, {"el", "προϊόν", "προιον"},
		{"hu", "időű", "idöü"}, {"hu", "város", "varos"}, {"es", "mañana", "mañana"}, {"es", "canción", "cancion"},
		{"he", "אֵיפֹה", "איפה"}, {"ar", "مدينةِ", "مدينه"}, {"ar", "أحمد", "احمد"}, {"fa", "یک", "يك"},
		{"hi", "तूफ़ान", "तूफान"}, {"ca", "col·legi", "collegi"},
		{"en", "u.s.a", "usa"}, {"en", "1,000,000", "1000000"}, {"en", "3.5", "3.5"}, {"en", "10,30", "10,30"}, {"en", "o'brien", "obrien"},
		{"ja", "がっこう", "がっこう"}, {"tr", "ışık", "ışık"}, {"en", "ışık", "isik"},
	} {
		if got := string(foldingOf(c.base).fold(norm.NFKC.Bytes([]byte(c.word)))); got != c.want {
			t.Errorf("%s %s folds to %s, want %s", c.base, c.word, got, c.want)
		}
	}
}
