package embedded_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded"
)

var update = flag.Bool("update", false, "renew docs/guides/languages.md")

// spokenIn is a line of each language, and how people look for it. An empty question is of a language that has nothing of the kind.
var spokenIn = []struct {
	name, tag, line                                  string
	word, inflected, plain, phrase, prefix, misspelt string
}{
	{"English", "en", "The café by the old bridges is closed", "bridges", "bridge", "cafe", "old bridges", "brid", "brigdes"},
	{"French", "fr", "Les vieux ponts du château sont fermés, dit l’homme", "homme", "pont", "chateau", "ponts du château", "chât", "chataeu"},
	{"German", "de", "Die alten Brücken über den Fluss sind gesperrt", "Brücken", "Brücke", "bruecken", "alten Brücken", "Brü", "Brükcen"},
	{"Spanish", "es", "Los puentes de la estación están cerrados", "puentes", "puente", "estacion", "puentes de la estación", "puen", "peuntes"},
	{"Portuguese", "pt", "As pontes da estação estão fechadas", "pontes", "ponte", "estacao", "pontes da estação", "pont", "pnotes"},
	{"Italian", "it", "Le vecchie finestre dell’università sono chiuse", "finestre", "finestra", "universita", "vecchie finestre", "fine", "fniestre"},
	{"Catalan", "ca", "L’home dels ponts és a l’estació", "home", "pont", "estacio", "home dels ponts", "esta", "etsació"},
	{"Romanian", "ro", "Podurile vechi ale oraşului sunt închise", "orașului", "orașul", "inchise", "podurile vechi", "podu", "podruile"},
	{"Dutch", "nl", "De oude deuren van het café zijn dicht", "deuren", "deur", "cafe", "oude deuren", "deur", "duer"},
	{"Swedish", "sv", "De gamla lamporna vid kaféet är stängda", "stängda", "lampor", "kafeet", "gamla lamporna", "stän", "stägnda"},
	{"Norwegian", "nb", "De gamle husene ved kaféen i hovedstaden er røde", "røde", "huset", "kafeen", "gamle husene", "hus", "hovedtsaden"},
	{"Danish", "da", "De gamle huse ved caféen er røde", "røde", "huset", "cafeen", "gamle huse", "caf", "gmale"},
	{"Finnish", "fi", "Vanhoissa taloissa café on suljettu tänään", "tänään", "talossa", "cafe", "vanhoissa taloissa", "sulj", "sujlettu"},
	{"Icelandic", "is", "Gamla brúin við ána er lokuð à la carte", "brúin", "brúna", "a la carte", "gamla brúin", "brú", "loukð"},
	{"Estonian", "et", "Vana kohvik Café jõe ääres on suletud", "jõe", "kohvikus", "cafe", "vana kohvik", "koh", "kohivk"},
	{"Hungarian", "hu", "A régi hidak a város fölött zárva vannak", "fölött", "városban", "varos", "régi hidak", "zár", "vársoban"},
	{"Polish", "pl", "Stare mosty w Łodzi są zamknięte", "mosty", "mostów", "lodzi", "stare mosty", "most", "zamnkięte"},
	{"Czech", "cs", "Staré mosty přes řeku jsou zavřené", "řeku", "most", "reku", "staré mosty", "zav", "zarvené"},
	{"Slovak", "sk", "Staré mosty cez rieku sú zatvorené", "rieku", "most", "zatvorene", "staré mosty", "zatv", "ztavorené"},
	{"Slovene", "sl", "Stari mostovi čez reko so zaprti", "reko", "most", "cez", "stari mostovi", "most", "msotovi"},
	{"Croatian", "hr", "Stari mostovi preko rijeke su zatvoreni noću", "rijeke", "rijeka", "nocu", "stari mostovi", "zatv", "ztavoreni"},
	{"Serbian", "sr", "Чекај ме код моста, шума је жута", "шума", "шуме", "zuta", "код моста", "шум", "шуума"},
	{"Bulgarian", "bg", "Старият мост над реката е затворен", "мост", "мостове", "", "старият мост", "зат", "заторвен"},
	{"Russian", "ru", "Ещё один поезд уходит в полночь, сказал мой отец", "поезд", "поезда", "еще", "один поезд", "полн", "поелночь"},
	{"Ukrainian", "uk", "П’ять човнів чекають біля старого моста", "п'ять", "мосту", "", "п’ять човнів", "човн", "чокають"},
	{"Lithuanian", "lt", "Seni tiltai per upę yra uždaryti", "tiltai", "tiltas", "upe", "seni tiltai", "tilt", "titlai"},
	{"Latvian", "lv", "Vecie tilti pār upi ir slēgti", "tilti", "tilts", "slegti", "vecie tilti", "til", "slēgit"},
	{"Greek", "el", "Το ΚΛΕΙΔΙ είναι στο σπίτι του Γιώργου", "κλειδί", "κλειδιά", "σπιτι", "σπίτι του Γιώργου", "κλει", "κλεδιί"},
	{"Turkish", "tr", "IŞIK yok, İstanbul'da köprüler kapalı", "ışık", "köprü", "", "ışık yok", "ista", "istnabul"},
	{"Azerbaijani", "az", "Köhnə körpülər İŞIQSIZ qaldı", "işıqsız", "körpü", "", "köhnə körpülər", "işıq", "köprülər"},
	{"Irish", "ga", "Tá an fear ag d’athair agus an tsráid dúnta", "athair", "sráid", "dunta", "tsráid dúnta", "dún", "dúntaa"},
	{"Vietnamese", "vi", "Chúng tôi đợi ở nhà ga cuối cùng", "đợi", "", "doi", "nhà ga cuối cùng", "cuố", "chúgn"},
	{"Indonesian", "id", "Jembatan tua itu ditutup malam ini", "jembatan", "menutup", "", "jembatan tua", "jemb", "jmebatan"},
	{"Arabic", "ar", "لا أعرف الطريق إلى المدينةِ القديمة", "طريق", "مدينة", "اعرف", "المدينة القديمة", "المد", "الطرقي"},
	{"Persian", "fa", "می\u200cروم به خانه و کتاب\u200cها را می\u200cآورم", "خانه", "کتاب", "میروم", "می\u200cروم به خانه", "خان", "خاهن"},
	{"Hebrew", "he", "אֵיפֹה המפתח של השער הישן?", "המפתח", "מפתח", "איפה", "המפתח של השער", "המפ", "המתפח"},
	{"Hindi", "hi", "पुराने पुल रात में बंद रहते हैं", "पुल", "पुराना", "", "पुराने पुल", "पुर", "पुरने"},
	{"Korean", "ko", "친구들과 다리에서 기다릴게, 달이 밝다", "달", "친구", "", "친구들과 다리에서", "기다", "기다릴께"},
	{"Japanese", "ja", "私は橋の向\nこうでｺｰﾋｰを飲んで食べる", "橋", "食べられなかった", "コーヒー", "橋の向こう", "コー", "コヒー"},
	{"Chinese, simplified", "zh-Hans", "我们在桥上等黑猫", "猫", "", "我們", "在桥上等", "桥", "桥上的黑猫"},
	{"Chinese, traditional", "zh-Hant", "我們在車站等月亮", "月", "", "车站", "在車站等", "車", "車站的"},
	{"Thai", "th", "ฉันรอที่สะพานเก่า", "สะพาน", "", "", "รอที่สะพาน", "ฉันรอ", "สะพาม"},
	{"Lao", "lo", "ຂ້ອຍລໍຖ້າຢູ່ໂຮງຮຽນ", "ໂຮງຮຽນ", "", "", "ຢູ່ໂຮງຮຽນ", "ໂຮງ", "ໂຮງຮຽມ"},
	{"Khmer", "km", "ខ្ញុំរង់ចាំនៅសាលារៀន", "សាលារៀន", "", "", "នៅសាលារៀន", "សាលា", "សាលារៀម"},
	{"Burmese", "my", "ကျွန်တော်ကျောင်းမှာစောင့်နေတယ်", "ကျောင်း", "", "", "ကျောင်းမှာစောင့်", "ကျောင်း", "ကျောင်းမှာပါ"},
}

// notInflected are the languages without a stemmer, or whose stemmer does not bring the two forms together.
var notInflected = "ja is et az id"

// TestLanguages asks for a line of each language in the ways in which people ask, prints what was found, and holds the guide to it.
func TestLanguages(t *testing.T) {
	e, err := embedded.Open(t.TempDir(), embedded.Config{}, embedded.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	var batch []*pb.Annotation
	for _, l := range spokenIn {
		for form, text := range []string{l.line, norm.NFD.String(l.line)} {
			batch = append(batch, &pb.Annotation{Run: fmt.Sprintf("%s-%d", l.tag, form), Asset: "asset", Kind: schema.KindDialogue, Language: l.tag, Text: text, End: 1, Confidence: 1},
				&pb.Annotation{Run: fmt.Sprintf("%s-%d", l.tag, form), Ordinal: 1, Asset: "asset", Kind: schema.KindDialogue, Language: l.tag, Text: "zzyx 1234", End: 1, Confidence: 1})
		}
	}
	if err := e.Write(t.Context(), search.Batch{Annotations: batch}); err != nil {
		t.Fatal(err)
	}
	found := func(tag string, form int, mode search.TextMode, words string) bool {
		hits, err := e.Text(t.Context(), search.TextQuery{Scope: search.NewScope([]string{fmt.Sprintf("%s-%d", tag, form)}), Mode: mode, Words: words, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		return len(hits) == 1
	}
	var b bytes.Buffer
	b.WriteString(languagesHead)
	for _, l := range spokenIn {
		fmt.Fprintf(&b, "| %s | %s |", l.name, strings.ReplaceAll(l.line, "\n", " ⏎ "))
		for _, q := range []struct {
			column, words string
			mode          search.TextMode
		}{
			{"word", l.word, search.AllWords}, {"inflected", l.inflected, search.AllWords}, {"without accents", l.plain, search.AllWords},
			{"phrase", l.phrase, search.Phrase}, {"prefix", l.prefix, search.Prefix}, {"misspelt", l.misspelt, search.Fuzzy},
		} {
			if q.words == "" {
				b.WriteString(" · |")
				continue
			}
			ok := found(l.tag, 0, q.mode, q.words)
			if want := q.column != "inflected" || !strings.Contains(" "+notInflected+" ", " "+l.tag+" "); ok != want {
				t.Errorf("%s: %s %q is found: %v", l.name, q.column, q.words, ok)
			}
			// macOS writes file names, and what is copied from them, in NFD.
			if !ok {
				fmt.Fprintf(&b, " (%s) |", q.words)
				continue
			}
			fmt.Fprintf(&b, " %s |", q.words)
			if !found(l.tag, 1, q.mode, q.words) || !found(l.tag, 0, q.mode, norm.NFD.String(q.words)) || !found(l.tag, 1, q.mode, norm.NFD.String(q.words)) {
				t.Errorf("%s: %s %q is not found in NFD", l.name, q.column, q.words)
			}
		}
		b.WriteString(" yes |\n")
	}
	b.WriteString(languagesFoot)
	t.Log(b.String())
	path := filepath.Join("..", "..", "..", "docs", "guides", "languages.md")
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(kept, b.Bytes()) {
		t.Errorf("%s is not what this test prints: run it with -update (%v)", path, err)
	}
}

const languagesHead = `# Words in every language

This page describes how words find a line of dialogue. Both search engines give the same answers. ` + "`go test ./pkg/search/embedded -run TestLanguages -update`" + ` prints this page.

## What finds a line

The table has a line of each language, and questions that find the line: a word, another form of the word, the word typed without accents, a phrase, the
beginning of a word, and a misspelt word. A question in brackets does not find the line; "·" means that the language has no such question. The last column
means that all questions also work for text in the form that macOS copies (NFD), in the line, in the question, and in both.

| language | line | word | inflected | without accents | phrase | prefix | misspelt | NFD |
|---|---|---|---|---|---|---|---|---|
`

const languagesFoot = `
## Rules

- **Letters.** Text is normalised to NFKC. Soft hyphens, zero-width spaces, joiners and directions are not part of a word. All apostrophes are equal, and so
  are all hyphens. A line break within Chinese, Japanese, Thai, Lao, Khmer or Burmese does not separate words.
- **Case.** Turkish and Azerbaijani pair I with ı and İ with i; elsewhere İ is i with an accent. ς is σ.
- **Accents.** A word finds its spellings with and without accents, and the spelling of the question comes first. œ is oe, ß is ss, ł is l, đ is d.
- **Letters that stay.** A letter with a mark does not fold if CLDR's collation treats the letter as separate, and the language's readers type the letter. So
  "rode" does not find "røde". The letters are:
  - å ä ö in Swedish and Finnish
  - æ ø å in Danish, Norwegian and Faroese
  - á é í ó ú ý ð þ æ ö in Icelandic
  - õ ä ö ü š ž in Estonian
  - ö ü in Hungarian (ő and ű fold to ö and ü)
  - ç ğ ı ö ş ü in Turkish and Azerbaijani, and ə in Azerbaijani; similar letters in Turkmen and Kurdish
  - ñ in Spanish, Galician and Filipino
  - й in Russian, Belarusian, Ukrainian and Bulgarian, with ї and ґ in Ukrainian and ў in Belarusian
  - the letters of Kazakh, Kyrgyz and Mongolian
- **Letters that fold.** Polish, Czech, Slovak, Croatian, Slovene, Lithuanian, Latvian, Romanian and Vietnamese fold: people type without marks.
- **Endings.** Stemmers: Arabic, Bosnian, Croatian and Serbian, Danish, Dutch, English, Finnish, French, German, Hindi, Hungarian, Irish, Italian, Norwegian, Persian (by
  the non-joiner), Polish, Portuguese, Romanian, Russian, Sorani, Spanish, Swedish, Turkish. Frequent endings: Bulgarian, Catalan, Czech, Greek, Hebrew,
  Latvian, Lithuanian, Macedonian, Slovak, Slovene, Ukrainian. Other languages find the spoken form only.
- **Frequent words** (the, who, to be) are searched only in a question without other words. Frequent words find a line with at most two other words, and a
  line in which three or more frequent words follow each other.
- **Compounds.** Spider-Man is found as spider, as man and as spiderman; U.S.A. as usa; 1,000,000 as 1000000; rock'n'roll by its parts.
- **No spaces.** Chinese, Japanese, Korean, Thai, Lao, Khmer and Burmese words are indexed as pairs of characters, or pairs of clusters of letters, and as
  single characters or clusters. So 京都 finds 東京都, behind lines with the city. Traditional and simplified characters find each other, except in Japanese
  and Korean.
- **Alphabets.** Serbian in Cyrillic and in Latin letters find each other.
- **A phrase** is searched within a single cue.
`
