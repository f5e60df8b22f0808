package searchtest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// spellings are lines with small differences, and the lines that a question finds, the best first.
var spellings = []struct {
	language string
	lines    []string
	words    string
	mode     search.TextMode
	want     []int
}{
	// The question's own spelling comes first.
	{"en", []string{"the resume is here", "the résumé is here"}, "résumé", search.AllWords, []int{1, 0}},
	{"en", []string{"the résumé is here", "the resume is here"}, "resume", search.AllWords, []int{1, 0}},
	{"en", []string{"the resume is here", "the résumé is here"}, "re\u0301sume\u0301", search.AllWords, []int{1, 0}},
	{"en", []string{"the resume of the captain of the ship", "résumé"}, "resume", search.AllWords, []int{0, 1}},
	{"de", []string{"Fahren laufen", "Fähren laufen", "Faehren laufen"}, "Fähren", search.AllWords, []int{1, 0, 2}},
	{"de", []string{"Fähren laufen", "Fahren laufen"}, "fahren", search.AllWords, []int{1, 0}},
	{"fr", []string{"une cote", "une côte"}, "côte", search.AllWords, []int{1, 0}},
	{"el", []string{"ΤΟ ΚΛΕΙΔΙ", "το κλειδί"}, "κλειδί", search.AllWords, []int{1, 0}},
	{"vi", []string{"da trắng", "đá trắng", "đã trắng"}, "đã", search.AllWords, []int{2, 0, 1}},
	{"ru", []string{"елка горит", "ёлка горит"}, "ёлка", search.AllWords, []int{1, 0}},
	{"ro", []string{"oraşul vechi", "orașul vechi", "orasul vechi"}, "orașul", search.AllWords, []int{0, 1, 2}},
	{"ar", []string{"احمد هنا", "أحمد هنا"}, "أحمد", search.AllWords, []int{1, 0}},
	{"he", []string{"איפה המפתח", "אֵיפֹה המפתח"}, "איפה", search.AllWords, []int{0, 1}},
	{"pl", []string{"płaca rośnie", "placa rośnie"}, "placa", search.AllWords, []int{1, 0}},
	// A letter of the language is no accent (CLDR collation).
	{"sv", []string{"en rad", "en råd"}, "rad", search.AllWords, []int{0}},
	{"sv", []string{"en rad", "en råd"}, "råd", search.AllWords, []int{1}},
	{"es", []string{"el ano", "el año"}, "año", search.AllWords, []int{1}},
	{"tr", []string{"kız geldi", "kiz geldi"}, "KIZ", search.AllWords, []int{0}},
	{"hu", []string{"kor volt", "kör volt"}, "kör", search.AllWords, []int{1}},
	{"bg", []string{"далечен край", "далечни краи"}, "край", search.AllWords, []int{0}},
	// Questions of frequent words alone.
	{"en", []string{"To be, or not to be, that is the question", "I have to be at the old harbour by ten"}, "to be or not to be", search.AllWords, []int{0}},
	{"en", []string{"Who are you?", "Your harbour is who you are"}, "who are you", search.Phrase, []int{0}},
	{"en", []string{"Who are you, captain of the old harbour?", "The captain sails"}, "who are you", search.AnyWord, []int{0}},
	{"en", []string{"No.", "Yes, the captain sails"}, "no", search.AllWords, []int{0}},
	{"fr", []string{"C’est moi", "La mer est là"}, "c'est moi", search.AllWords, []int{0}},
	{"de", []string{"Wer bist du?", "Das Meer"}, "wer bist du", search.Phrase, []int{0}},
	{"ru", []string{"Кто ты?", "Море"}, "кто ты", search.AllWords, []int{0}},
	{"en", []string{"The lamp of the old harbour", "who of the old captains"}, "of the lamp", search.AnyWord, []int{0}},
	// Words of one character.
	{"zh", []string{"黑猫走了", "白狗来了"}, "猫", search.AllWords, []int{0}},
	{"zh", []string{"這是月", "這是日"}, "月", search.Phrase, []int{0}},
	{"ko", []string{"달이 밝다", "해가 밝다"}, "달", search.AllWords, []int{0}},
	{"en", []string{"plan B works", "plan C works"}, "plan b", search.AllWords, []int{0}},
	// Serbian is written in two alphabets.
	{"sr", []string{"Чекај ме код моста", "Иди кући"}, "Čekaj", search.AllWords, []int{0}},
	{"sr-Latn", []string{"Čekaj me kod mosta", "Idi kući"}, "чекај", search.AllWords, []int{0}},
	{"sr", []string{"Њен џеп", "Идемо"}, "njen džep", search.Phrase, []int{0}},
	{"sr-Latn", []string{"Šuma je žuta", "Idemo"}, "suma", search.AllWords, []int{0}},
	// Words that a language writes onto others.
	{"ca", []string{"l’home d'aquí", "la dona"}, "home", search.AllWords, []int{0}},
	{"ga", []string{"d’athair", "an mháthair"}, "athair", search.AllWords, []int{0}},
	{"it", []string{"dell’amico", "la casa"}, "amico", search.AllWords, []int{0}},
	{"uk", []string{"п’ять човнів", "шість човнів"}, "пʼять", search.AllWords, []int{0}},
	{"tr", []string{"İSTANBUL’DA", "Ankara'da"}, "istanbul", search.AllWords, []int{0}},
	{"az", []string{"İŞIQ", "IŞIQ"}, "işıq", search.AllWords, []int{0}},
	// Compounds, written together or apart.
	{"en", []string{"Call Spiderman tonight", "Call Batman"}, "spider-man", search.AllWords, []int{0}},
	{"en", []string{"send an email", "send a letter"}, "e-mail", search.AllWords, []int{0}},
	{"en", []string{"in the USA", "in the UK"}, "U.S.A.", search.AllWords, []int{0}},
	// Invisible characters are no part of a word, neither in a text nor in a question.
	{"en", []string{"shut the window", "shut the door"}, "win\u00addow\u200b", search.AllWords, []int{0}},
	{"ar", []string{"الطريق", "المدينة"}, "\u202bالطريق\u202c", search.AllWords, []int{0}},
	{"th", []string{"ฉันรอที่\u200bสะพาน", "ฉันไป"}, "ที่สะพาน", search.Phrase, []int{0}},
	{"ja", []string{"学校に行く", "家に帰る"}, "学校に\n行く", search.Phrase, []int{0}},
	{"lo", []string{"ຂ້ອຍລໍຖ້າຢູ່ໂຮງຮຽນ", "ຂ້ອຍໄປ"}, "ໂຮງຮຽນ", search.AllWords, []int{0}},
	{"km", []string{"ខ្ញុំរង់ចាំនៅសាលារៀន", "ខ្ញុំទៅ"}, "សាលារៀន", search.AllWords, []int{0}},
	{"my", []string{"ကျွန်တော်ကျောင်းမှာစောင့်နေတယ်", "ကျွန်တော်သွားမယ်"}, "ကျောင်းမှာ", search.AllWords, []int{0}},
	// Beginnings and misspellings of words with accents.
	{"fr", []string{"le château brûle", "le bateau brûle"}, "chat", search.Prefix, []int{0}},
	{"fr", []string{"le château brûle", "le bateau brûle"}, "chât", search.Prefix, []int{0}},
	{"fr", []string{"le château brûle", "le navire brûle"}, "chatuea", search.Fuzzy, []int{0}},
	{"cs", []string{"zavřené mosty", "staré domy"}, "zarvene", search.Fuzzy, []int{0}},
	{"fr", []string{"une forêt près du château", "une mer près du château"}, "forêt près du chateau", search.Phrase, []int{0}},
}

// A name is compared without case, however its accents are written.
func testNames(t *testing.T, h Harness) {
	e := open(t, h)
	for i, name := range []string{"Élodie", "E\u0301LODIE", "\u200eélodie\u200e", "Elodie"} {
		write(t, e, &pb.Annotation{Run: "run", Ordinal: int64(i), Asset: "asset", Kind: schema.KindDialogue, Text: "bonsoir", Character: name, End: 1, Confidence: 1})
	}
	for _, name := range []string{"Élodie", "e\u0301lodie", "ÉLODIE"} {
		hits := names(find(t, e, search.TextQuery{Scope: search.NewScope([]string{"run"}), Words: "bonsoir", Filter: search.Filter{Characters: []string{name}}}))
		if diff := cmp.Diff(item("run", "0", "1", "2"), sorted(hits)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", name, diff)
		}
	}
}

func testSpellings(t *testing.T, h Harness) {
	e := open(t, h)
	for i, c := range spellings {
		var lines []*pb.Annotation
		for k, text := range c.lines {
			lines = append(lines, &pb.Annotation{Run: fmt.Sprintf("run-%d", i), Ordinal: int64(k), Asset: "asset", Kind: schema.KindDialogue,
				Text: text, Language: c.language, End: int64(schema.Second), Confidence: 1})
		}
		write(t, e, lines...)
	}
	for i, c := range spellings {
		t.Run(fmt.Sprintf("%s %s", c.language, c.words), func(t *testing.T) {
			var got []int
			for _, hit := range find(t, e, search.TextQuery{Scope: search.NewScope([]string{fmt.Sprintf("run-%d", i)}), Mode: c.mode, Words: c.words}) {
				got = append(got, int(hit.Ordinal))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%q in %q (-want +got):\n%s", c.words, slices.Clone(c.lines), diff)
			}
		})
	}
}
