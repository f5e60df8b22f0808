package searchtest

import (
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// Runs of the corpus: the dialogue of a film in each language, and the labels of the film.
const (
	english    = "run-english"
	spanish    = "run-spanish"
	german     = "run-german"
	french     = "run-french"
	russian    = "run-russian"
	arabic     = "run-arabic"
	hindi      = "run-hindi"
	japanese   = "run-japanese"
	chinese    = "run-chinese"
	korean     = "run-korean"
	czech      = "run-czech"
	greek      = "run-greek"
	unknown    = "run-unknown"
	labels     = "run-labels"
	portuguese = "run-portuguese"
)

type line struct{ character, text string }

// spoken is the corpus. The ordinal of a line is its place in the list. Line i lasts from second 10i to 10i+4.
var spoken = []struct {
	run, language string
	lines         []line
}{
	{english, "en-GB", []line{
		{"Mara", "The lighthouse keeper lit the lamp before the storm came in."},
		{"Tobias", "Nobody sails past the lighthouse after midnight."},
		{"Mara", "We were running out of oil, and the lamps went dark."},
		{"Tobias", "A black coffee, please, and one for the captain."},
		{"", "Captain, the old harbour is burning!"},
		{"Mara", "Keep the lamp lit, keeper, whatever the storm may bring."},
		{"Tobias", "I told you the harbour would be quiet in winter."},
		{"Mara", "Storm after storm after storm, and still no ship."},
	}},
	{spanish, "es", []line{
		{"Mara", "El farero encendió la lámpara antes de la tormenta."},
		{"Tobias", "Nadie navega cerca del faro después de medianoche."},
		{"Tobias", "Un café solo, por favor, y otro para el capitán."},
		{"", "¡Capitán, el viejo puerto está ardiendo!"},
	}},
	{german, "de", []line{
		{"Mara", "Der Leuchtturmwärter zündete die Lampe an, bevor der Sturm kam."},
		{"Tobias", "Niemand segelt nach Mitternacht am Leuchtturm vorbei."},
		{"Tobias", "Einen schwarzen Kaffee bitte, und einen für den Kapitän."},
		{"", "Kapitän, die alten Häuser am Hafen brennen!"},
	}},
	{french, "fr", []line{
		{"Mara", "Le gardien du phare alluma la lampe avant la tempête."},
		{"Tobias", "Personne ne navigue près du phare après minuit."},
		{"Tobias", "Un café noir, s'il vous plaît, et un autre pour le capitaine."},
		{"", "Capitaine, l'ancien port est en feu !"},
	}},
	{portuguese, "pt-BR", []line{
		{"Mara", "O faroleiro acendeu a lâmpada antes da tempestade."},
		{"Tobias", "Um café preto, por favor, e outro para o capitão."},
	}},
	{russian, "ru", []line{
		{"Mara", "Смотритель маяка зажёг лампу перед бурей."},
		{"Tobias", "Чёрный кофе, пожалуйста, и ещё один для капитана."},
		{"", "Капитан, старая гавань горит!"},
	}},
	{arabic, "ar", []line{
		{"Mara", "أشعل حارس المنارة المصباح قبل العاصفة."},
		{"Tobias", "قهوة سوداء من فضلك، وأخرى للقبطان."},
	}},
	{hindi, "hi", []line{
		{"Mara", "तूफ़ान आने से पहले रखवाले ने दीपक जलाया।"},
		{"Tobias", "कृपया एक काली कॉफ़ी, और एक कप्तान के लिए।"},
	}},
	{japanese, "ja", []line{
		{"Mara", "嵐が来る前に灯台守がランプに火をつけた。"},
		{"Tobias", "ブラックコーヒーを一つ、船長にももう一つお願いします。"},
		{"", "船長、古い港が燃えています！"},
	}},
	{chinese, "zh-Hans", []line{
		{"Mara", "暴风雨来临之前，灯塔看守人点亮了灯。"},
		{"Tobias", "请来一杯黑咖啡，再给船长一杯。"},
		{"", "船长，旧港口着火了！"},
	}},
	{korean, "ko", []line{
		{"Mara", "폭풍이 오기 전에 등대지기가 등불을 켰다."},
		{"Tobias", "블랙커피 한 잔 주세요, 선장님도 한 잔이요."},
	}},
	{czech, "cs", []line{
		{"Mara", "Strážce majáku rozsvítil lampu před bouří."},
		{"Tobias", "Černou kávu, prosím, a jednu pro kapitána."},
	}},
	{greek, "el", []line{
		{"Mara", "Ο φαροφύλακας άναψε τη λάμπα πριν από την καταιγίδα."},
		{"Tobias", "Έναν σκέτο καφέ, παρακαλώ, και έναν για τον καπετάνιο."},
	}},
	{unknown, "", []line{
		{"", "KERZENSCHEIN überall, naïve façade"},
		{"", "zweite Zeile ohne Sprache"},
	}},
}

// seen are labels: ordinals of run labels.
var seen = []struct {
	label      string
	confidence float32
}{
	{"lighthouse", 0.97}, {"sailing boat", 0.81}, {"coffee mug", 0.55}, {"tabby cat", 0.42}, {"lighthouse", 0.30},
}

func at(i int) (start, end schema.Time) {
	return schema.Time(10*i) * schema.Second, schema.Time(10*i+4) * schema.Second
}

// corpus returns every annotation of the corpus, new ones at each call.
func corpus() []*pb.Annotation {
	var all []*pb.Annotation
	for _, s := range spoken {
		for i, l := range s.lines {
			start, end := at(i)
			all = append(all, &pb.Annotation{
				Run: s.run, Ordinal: int64(i), Asset: "asset-of-" + s.run, Kind: schema.KindDialogue,
				Start: int64(start), End: int64(end), Text: l.text, Language: s.language, Character: l.character, Confidence: 1,
			})
		}
	}
	for i, l := range seen {
		start, end := at(i)
		all = append(all, &pb.Annotation{
			Run: labels, Ordinal: int64(i), Asset: "asset-of-" + labels, Kind: schema.KindLabel,
			Start: int64(start), End: int64(end), Label: l.label, Confidence: l.confidence,
		})
	}
	return all
}

func allRuns() *search.Scope {
	runs := []string{labels}
	for _, s := range spoken {
		runs = append(runs, s.run)
	}
	return search.NewScope(runs)
}

// A judgement is a question with the hits that the answer must have: the hits of want in any order, and no others.
type judgement struct {
	name      string
	words     string
	mode      search.TextMode
	field     search.Field
	languages []string
	filter    search.Filter
	want      []string // "run/ordinal"
	// atLeast allows other hits after the hits of want.
	atLeast bool
}

func item(run string, ordinals ...string) []string {
	var out []string
	for _, o := range ordinals {
		out = append(out, run+"/"+o)
	}
	return out
}

var judgements = []judgement{
	{name: "a word", words: "lighthouse", want: item(english, "0", "1")},
	{name: "case is folded", words: "LIGHTHOUSE", want: item(english, "0", "1")},
	{name: "plural of the text", words: "lamp", languages: []string{"en"}, want: item(english, "0", "2", "5")},
	{name: "plural of the question", words: "captains", languages: []string{"en"}, want: item(english, "3", "4")},
	{name: "another form of a verb", words: "run", want: item(english, "2")},
	{name: "more words are better", words: "storm lamp keeper", languages: []string{"en"}, want: append(item(english, "5"), item(english, "0")...), atLeast: true},
	{name: "every word", mode: search.AllWords, words: "storm lamp", languages: []string{"en"}, want: item(english, "0", "5")},
	{name: "every word, one of which is nowhere", mode: search.AllWords, words: "storm zeppelin", want: nil},
	{name: "phrase", mode: search.Phrase, words: "old harbour", want: item(english, "4")},
	{name: "phrase over words in between", mode: search.Phrase, words: "lighthouse keeper the lamp", want: item(english, "0")},
	{name: "phrase, words reversed", mode: search.Phrase, words: "harbour old", want: nil},
	{name: "phrase, one word only", mode: search.Phrase, words: "midnight", want: item(english, "1")},
	{name: "fuzzy, a letter doubled", mode: search.Fuzzy, words: "cofffee", languages: []string{"en"}, want: item(english, "3")},
	{name: "fuzzy, letters swapped", mode: search.Fuzzy, words: "lgihthouse", languages: []string{"en"}, want: item(english, "0", "1")},
	{name: "fuzzy, too far", mode: search.Fuzzy, words: "lgtouse", languages: []string{"en"}, want: nil},
	{name: "prefix", mode: search.Prefix, words: "ligh", want: item(english, "0", "1")},
	{name: "prefix, past the stem", mode: search.Prefix, words: "runni", want: item(english, "2")},
	{name: "prefix, a whole word", mode: search.Prefix, words: "midnight", want: item(english, "1")},
	{name: "prefix after a whole word", mode: search.Prefix, words: "black cof", languages: []string{"en"}, want: item(english, "3")},
	{name: "fuzzy without need", mode: search.Fuzzy, words: "midnight", want: item(english, "1")},

	{name: "Spanish, verb", words: "encender lámparas", languages: []string{"es"}, want: item(spanish, "0"), atLeast: true},
	{name: "Spanish, accent left out", words: "cafe", languages: []string{"es"}, want: item(spanish, "2")},
	{name: "German, plural and umlaut", words: "haus", languages: []string{"de"}, want: item(german, "3")},
	{name: "German, phrase", mode: search.Phrase, words: "schwarzen Kaffee", want: item(german, "2")},
	{name: "French, elision", words: "ancien", languages: []string{"fr"}, want: item(french, "3")},
	{name: "French, plural", words: "capitaines", languages: []string{"fr"}, want: item(french, "2", "3")},
	{name: "Portuguese of Brazil, asked as Portuguese", words: "capitão", languages: []string{"pt"}, want: item(portuguese, "1")},
	{name: "Russian, other case", words: "капитаны", want: item(russian, "1", "2")},
	{name: "Arabic, without the article", words: "منارة", want: item(arabic, "0")},
	{name: "Hindi", words: "दीपक", want: item(hindi, "0")},
	{name: "Japanese", words: "灯台", languages: []string{"ja"}, want: item(japanese, "0")},
	{name: "Japanese, katakana", words: "コーヒー", mode: search.Phrase, want: item(japanese, "1")},
	{name: "Chinese", words: "灯塔", languages: []string{"zh"}, want: item(chinese, "0")},
	{name: "Chinese, all characters together", mode: search.Phrase, words: "黑咖啡", want: item(chinese, "1")},
	{name: "Korean", words: "등대", want: item(korean, "0")},
	{name: "Czech, accents left out", words: "kapitana", want: item(czech, "1")},
	{name: "Greek, accents left out", words: "λαμπα", want: item(greek, "0")},
	{name: "no language: case and accents", words: "kerzenschein naive facade", want: item(unknown, "0")},
	{name: "several languages at once", words: "café", languages: []string{"fr", "es"}, want: append(item(french, "2"), item(spanish, "2")...)},
	{name: "every language", words: "lampa", want: nil, atLeast: true},
	{name: "a language that no text is in", words: "lighthouse", languages: []string{"sw"}, want: nil},

	{name: "label", field: search.FieldLabel, words: "lighthouse", want: item(labels, "0", "4")},
	{name: "label, plural", field: search.FieldLabel, words: "cats", want: item(labels, "3")},
	{name: "labels are not texts", words: "tabby", want: nil},
	{name: "texts are not labels", field: search.FieldLabel, words: "harbour", want: nil},
	{name: "label by prefix", field: search.FieldLabel, mode: search.Prefix, words: "sailing bo", want: item(labels, "1")},

	{name: "filter: kind", field: search.FieldLabel, words: "lighthouse", filter: search.Filter{Kinds: []string{schema.KindDialogue}}, want: nil},
	{name: "filter: either kind", words: "lighthouse", filter: search.Filter{Kinds: []string{schema.KindLabel, schema.KindDialogue}}, want: item(english, "0", "1")},
	{name: "filter: language takes its regions in", words: "lighthouse", filter: search.Filter{Languages: []string{"en"}}, want: item(english, "0", "1")},
	{name: "filter: language exactly", words: "lighthouse", filter: search.Filter{Languages: []string{"en-gb"}}, want: item(english, "0", "1")},
	{name: "filter: region of the same language", words: "lighthouse", filter: search.Filter{Languages: []string{"en-US"}}, want: nil},
	{name: "filter: character", words: "lighthouse", filter: search.Filter{Characters: []string{"MARA"}}, want: item(english, "0")},
	{name: "filter: confidence", field: search.FieldLabel, words: "lighthouse", filter: search.Filter{MinConfidence: 0.5}, want: item(labels, "0")},
	{name: "filter: span", words: "lighthouse", filter: search.Filter{Span: schema.Interval{Start: 12 * schema.Second, End: 13 * schema.Second}}, want: item(english, "1")},
	{name: "filter: span is half-open", words: "lighthouse", filter: search.Filter{Span: schema.Interval{Start: 4 * schema.Second, End: 10 * schema.Second}}, want: nil},
	{name: "filters together", words: "storm", filter: search.Filter{Characters: []string{"mara"}, Languages: []string{"en"}, Span: schema.Interval{Start: 60 * schema.Second, End: 99 * schema.Second}}, want: item(english, "7")},
}
