package timedtext

import (
	"strings"
	"unicode"
)

// A profile describes texts of a language: the encodings used before UTF-8, the most usual first, and the letters of the language.
type profile struct {
	language  string
	encodings []string
	// letters beyond a to z, in lower case: the exemplar characters of the CLDR. For scripts other than Latin, the most frequent letters come first.
	letters string
	script  *unicode.RangeTable // nil: Latin
}

var (
	western  = []string{"windows-1252", "iso-8859-15", "macintosh", "ibm850"}
	central  = []string{"windows-1250", "iso-8859-2", "ibm852"}
	romanian = []string{"windows-1250", "iso-8859-16", "iso-8859-2", "ibm852"}
	baltic   = []string{"windows-1257", "iso-8859-13", "iso-8859-4"}
	cyrillic = []string{"windows-1251", "koi8-r", "iso-8859-5", "ibm866", "x-mac-cyrillic"}
	ukraine  = []string{"windows-1251", "koi8-u", "iso-8859-5", "x-mac-cyrillic"}
)

var profiles = []profile{
	{"en", western, "àçèéêëïñôöü", nil}, {"fr", western, "éèàêçùâîôûëïœüÿæ", nil}, {"de", western, "äöüßé", nil},
	{"es", western, "áéíñóúü", nil}, {"pt", western, "ãçáéêóíâõàúôü", nil}, {"it", western, "èàùòéìíîóú", nil},
	{"nl", western, "éëïöüèóáí", nil}, {"ca", western, "éàòèíçóïúü·", nil}, {"gl", western, "áéíñóúü", nil}, {"eu", western, "ñçü", nil},
	{"sv", western, "äåöéàü", nil}, {"da", western, "æøåéáíóúý", nil}, {"nb", western, "øåæéèêòóôâà", nil}, {"fi", western, "äöåšž", nil},
	{"is", western, "áðéíóúýþæö", nil}, {"fo", western, "áðíóúýæø", nil}, {"ga", western, "áéíóú", nil}, {"sq", western, "ëç", nil}, {"af", western, "êëïôûéèîáö", nil},
	{"id", western, "é", nil}, {"ms", western, "é", nil}, {"sw", western, "", nil}, {"tl", western, "ñéáíóú", nil},
	{"cy", append([]string{"iso-8859-14"}, western...), "âêîôûŵŷáàéèëïïöẃỳ", nil}, {"mt", []string{"iso-8859-3"}, "ċġħżàèìòù", nil},
	{"pl", central, "łżęąóśćńź", nil}, {"cs", central, "íáěéýžščřůúťďňó", nil}, {"sk", central, "áíéčšžýľúťôňďäŕĺó", nil}, {"hu", central, "áéőöíóüúű", nil},
	{"hr", central, "čšžćđ", nil}, {"bs", central, "čšžćđ", nil}, {"sl", central, "čšžćđ", nil}, {"sr", central, "čšžćđ", nil},
	{"ro", romanian, "ăîâșțşţ", nil},
	{"tr", []string{"windows-1254", "iso-8859-3", "macintosh"}, "ıişğüöçâîû", nil}, {"az", []string{"windows-1254"}, "əıişğüöç", nil},
	{"lt", baltic, "ėųšįąžūčę", nil}, {"lv", baltic, "āīēšžņļūķģčŗōéä", nil}, {"et", append([]string{"windows-1257", "iso-8859-15", "iso-8859-13", "iso-8859-4"}, western...), "äõüöšž", nil},
	{"vi", []string{"windows-1258"}, "đàáảãạăằắẳẵặâầấẩẫậèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵ\u0300\u0301\u0303\u0309\u0323", nil},
	{"ru", cyrillic, "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё", unicode.Cyrillic}, {"uk", ukraine, "оанитвріеслкмудпязьгбчйхїцжшюєщфґ", unicode.Cyrillic},
	{"be", cyrillic, "анірытоеклсядмпузгьбчйўхцёжшэюф", unicode.Cyrillic}, {"bg", cyrillic, "аоеитнрсвлпдкмъзубгчяшйхжцщюфь", unicode.Cyrillic},
	{"sr", cyrillic, "аиоенрсутдвкмлпјбзгчшцћхњжђљџф", unicode.Cyrillic}, {"mk", cyrillic, "аоеитнрсвдлкпмубзгјшчцхжѓќњљџфѕ", unicode.Cyrillic},
	{"el", []string{"windows-1253", "iso-8859-7"}, "αοιετσνηυρπκμλςωδγχθάέίόήύώφβξζψϊϋΐΰ", unicode.Greek},
	{"he", []string{"windows-1255", "iso-8859-8"}, "יוהלאתבמרשנםחדקעכפסטגזןצךףץ", unicode.Hebrew}, {"yi", []string{"windows-1255"}, "יואענרטדלבגסשזכהמפצקחךםןףץ", unicode.Hebrew},
	{"ar", []string{"windows-1256", "iso-8859-6"}, "المينتروبهعدسفقكحجأذصشةخطزضىغثئءظإآؤ", unicode.Arabic},
	{"fa", []string{"windows-1256"}, "اینردمهوتبشکسزلگخقفعحجآپطصچضثذغژظئءؤ", unicode.Arabic}, {"ur", []string{"windows-1256"}, "ایکرنمہوتسلدبےجپھگحعشقٹںخزچفطئآصضظڑغثذڈ", unicode.Arabic},
	{"th", []string{"windows-874"}, "", unicode.Thai},
	{"ja", []string{"shift_jis", "euc-jp"}, "", unicode.Han}, {"ko", []string{"euc-kr"}, "", unicode.Hangul},
	{"zh", []string{"gb18030", "big5"}, "", unicode.Han}, {"zh-hant", []string{"big5", "gb18030"}, "", unicode.Han},
}

var alike = map[string]string{"no": "nb", "nn": "nb", "nor": "nb", "sh": "hr", "iw": "he", "in": "id", "cmn": "zh", "yue": "zh-hant", "fil": "tl", "bel": "be", "kk": "ru", "mo": "ro", "per": "fa"}

// profilesOf returns the profiles of a language, given as BCP 47; all profiles for an unknown language. Serbian is written in two scripts.
func profilesOf(lang string) []profile {
	lang = strings.ToLower(strings.ReplaceAll(lang, "_", "-"))
	base, rest, _ := strings.Cut(lang, "-")
	if as := alike[base]; as != "" {
		base = as
	}
	if base == "zh" && (strings.Contains(rest, "hant") || strings.HasSuffix(rest, "tw") || strings.HasSuffix(rest, "hk") || strings.HasSuffix(rest, "mo")) {
		base = "zh-hant"
	}
	var out []profile
	for _, pr := range profiles {
		latin := pr.script == nil
		if pr.language == base && !(base == "sr" && (strings.Contains(rest, "latn") && !latin || strings.Contains(rest, "cyrl") && latin)) {
			out = append(out, pr)
		}
	}
	if len(out) == 0 {
		return profiles
	}
	return out
}

func allProfiles() []profile { return profiles }

// score is the plausibility of a text in the language, at most 1. Only letters beyond ASCII count, since only their bytes depend on the encoding:
// whether the language has the letter, how frequent the letter is, and whether case and neighbours make words.
func (pr profile) score(text, name string, sample []byte) float64 {
	if s, ok := pr.doubleBytes(text, name, sample); ok {
		return s
	}
	total, good := 0.0, 0.0
	before := ' '
	runes := []rune(text)
	for i, r := range runes {
		if r < 0x80 {
			before = r
			continue
		}
		after := ' '
		if i+1 < len(runes) {
			after = runes[i+1]
		}
		total++
		good += pr.letter(before, r, after)
		before = r
	}
	if total == 0 {
		return 0
	}
	return good / total
}

const quotes = "–—‘’‚“”„…«»‹›¿¡°·•♪♫€£©®\u00a0\u00ad\u200e\u200f\u200c\u200d"

// letter is the plausibility of a character beyond ASCII between its neighbours, from 1 down to -2.
func (pr profile) letter(before, r, after rune) float64 {
	lower := unicode.ToLower(r)
	inWord := unicode.IsLetter(before) && unicode.IsLetter(after)
	switch {
	case r == '\ufffd':
		return -1
	case unicode.IsControl(r):
		return -2
	case unicode.Is(unicode.Mn, r) && unicode.IsLetter(before):
		return 0.7
	case !unicode.IsLetter(r) && strings.ContainsRune(quotes, r):
		if inWord && !strings.ContainsRune("’·\u00ad\u200c\u200d", r) {
			return -1
		}
		return 0.5
	case !unicode.IsLetter(r):
		if unicode.IsLetter(before) || unicode.IsLetter(after) {
			return -1
		}
		return -0.3
	case unicode.IsLower(before) && unicode.IsUpper(r):
		return -1 // a capital inside a word
	case unicode.IsLetter(before) && script(before) != script(r) || unicode.IsLetter(after) && script(after) != script(r):
		return -1
	}
	at := strings.IndexRune(pr.letters, lower)
	switch {
	case at < 0 && pr.script != nil && pr.letters == "" && unicode.Is(pr.script, r):
		return 0.9
	case at < 0:
		return -1
	case pr.script == nil:
		return 1
	}
	// By rank: the frequent letters of a language make most of the text.
	return 1 - 0.9*float64(at)/float64(len(pr.letters))
}

func script(r rune) *unicode.RangeTable {
	for _, s := range []*unicode.RangeTable{unicode.Latin, unicode.Cyrillic, unicode.Greek, unicode.Hebrew, unicode.Arabic, unicode.Thai} {
		if unicode.Is(s, r) {
			return s
		}
	}
	return nil
}

// doubleBytes scores encodings with two bytes a letter, by the share of letters in daily use: kana, the first levels of the national standards, and
// Hangul.
func (pr profile) doubleBytes(text, name string, sample []byte) (float64, bool) {
	var lead func(b byte) bool // whether b is the first byte of a letter in daily use
	switch name {
	case "gb18030":
		lead = func(b byte) bool { return b >= 0xb0 && b <= 0xd7 || b >= 0xa1 && b <= 0xa3 }
	case "big5":
		lead = func(b byte) bool { return b >= 0xa1 && b <= 0xc6 }
	case "euc-kr":
		lead = func(b byte) bool { return b >= 0xb0 && b <= 0xc8 || b >= 0xa1 && b <= 0xa3 }
	case "shift_jis", "euc-jp", "utf-8":
		if pr.script != unicode.Han && pr.script != unicode.Hangul {
			return 0, false
		}
		return japanese(text), true
	default:
		return 0, false
	}
	total, good := 0.0, -2*float64(strings.Count(text, "\ufffd"))
	for i := 0; i < len(sample); i++ {
		if sample[i] < 0x80 {
			continue
		}
		total++
		if lead(sample[i]) {
			good++
		}
		i++ // the second byte
	}
	if total == 0 {
		return 0, true
	}
	return good / total, true
}

// japanese is the share of plausible letters among the letters beyond ASCII, for a text of Japanese, Chinese or Korean. Half-width katakana are not
// plausible.
func japanese(text string) float64 {
	total, good := 0.0, 0.0
	for _, r := range text {
		switch {
		case r < 0x80:
			continue
		case r == '\ufffd':
			good -= 2
		case unicode.Is(unicode.Hiragana, r):
			good++
		case r >= 0xff61 && r <= 0xff9f:
			good--
		case unicode.Is(unicode.Katakana, r) || unicode.Is(unicode.Han, r) || unicode.Is(unicode.Hangul, r) || r >= 0x3000 && r <= 0x303f || r >= 0xff00 && r <= 0xff60:
			good += 0.9
		case !strings.ContainsRune(quotes, r):
			good--
		}
		total++
	}
	if total == 0 {
		return 0
	}
	return good / total
}
