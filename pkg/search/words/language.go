package words

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/blevesearch/bleve/v2/analysis"
	"github.com/blevesearch/bleve/v2/registry"
	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/irish"

	// Each of these defines its filters with Bleve's registry.
	_ "github.com/blevesearch/bleve/v2/analysis/lang/ar"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/bg"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/ca"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/ckb"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/cs"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/da"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/de"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/el"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/en"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/es"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/eu"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/fa"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/fi"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/fr"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/ga"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/gl"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/hi"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/hr"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/hu"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/hy"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/id"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/it"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/nl"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/no"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/pl"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/pt"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/ro"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/ru"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/sv"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/tr"
)

// Undetermined is the language of texts without a language, and of texts in a language that has no analysis of its own.
const Undetermined = "und"

// bleveAnalyzers names Bleve's analysis of a base language: a stemmer and stop words.
var bleveAnalyzers = map[string]string{
	"ar": "ar", "ckb": "ckb", "da": "da", "de": "de", "en": "en", "es": "es", "fa": "fa", "fi": "fi",
	"fr": "fr", "hi": "hi", "hr": "hr", "hu": "hu", "it": "it", "nl": "nl", "pl": "pl", "pt": "pt",
	"ro": "ro", "ru": "ru", "sv": "sv", "tr": "tr",
	"no": "no", "nb": "no", "nn": "no",
	"bs": "hr", "sr": "hr", // Serbian in Latin letters
}

// stopLists are the languages for which Bleve has stop words alone.
var stopLists = map[string]string{
	"bg": "stop_bg", "ca": "stop_ca", "cs": "stop_cs", "el": "stop_el", "eu": "stop_eu",
	"ga": "stop_ga", "gl": "stop_gl", "hy": "stop_hy", "id": "stop_id",
}

// articleLists are the languages that write articles and pronouns onto the next word, with an apostrophe between them.
var articleLists = map[string]string{"fr": "articles_fr", "it": "articles_it", "ca": "articles_ca", "ga": "articles_ga"}

// spacelessLanguages are the languages that have a field of their own, and no analysis of their own.
var spacelessLanguages = []string{"zh", "ja", "yue", "ko", "th", "lo", "km", "my"}

// A Language turns texts of a base language into terms. A Language is safe for concurrent use.
type Language struct {
	Base string
	// Stems reports whether a term may be shorter than its word.
	Stems bool

	style    style
	folding  folding
	articles analysis.TokenMap
	// beginnings are other letters that the language writes before words, without a sign in between.
	beginnings []string
	// possessive says that a final 's is no part of a word. suffixed says that no letter behind an apostrophe is part of a word.
	possessive, suffixed bool
	stops                map[string]bool
	// before and after are applied to a word: before the stop words are searched for the word, and afterwards.
	before, after []analysis.TokenFilter
	known         lexicon
}

// Languages builds each analysis once, at the first use: some analyses carry tables of megabytes. Languages is safe for concurrent use.
type Languages struct {
	mu    sync.RWMutex
	cache *registry.Cache
	known map[string]*Language
	label *Language
}

// NewLanguages prepares the analyses.
func NewLanguages() (*Languages, error) {
	l := &Languages{cache: registry.NewCache(), known: map[string]*Language{}}
	// Labels are names of visible things, mostly nouns: only plurals are folded.
	plural, err := l.cache.TokenFilterNamed("stemmer_en_plural")
	if err != nil {
		return nil, err
	}
	l.label = newLanguage("")
	l.label.after, l.label.Stems = []analysis.TokenFilter{plural}, true
	return l, nil
}

// Label returns the analysis of labels.
func (l *Languages) Label() *Language { return l.label }

// Of returns the analysis of a BCP 47 tag.
func (l *Languages) Of(tag string) (*Language, error) {
	base := BaseOf(tag)
	l.mu.RLock()
	lang := l.known[base]
	l.mu.RUnlock()
	if lang != nil {
		return lang, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if lang := l.known[base]; lang != nil {
		return lang, nil
	}
	lang, err := l.build(base)
	if err != nil {
		return nil, fmt.Errorf("building the analysis of language %s: %w", base, err)
	}
	l.known[base] = lang
	return lang, nil
}

// Own returns the base languages that have an analysis of their own, sorted.
func Own() []string {
	own := slices.Concat(slices.Collect(maps.Keys(bleveAnalyzers)), slices.Collect(maps.Keys(stopLists)), slices.Collect(maps.Keys(lightLists)), spacelessLanguages)
	slices.Sort(own)
	return slices.Compact(own)
}

func newLanguage(base string) *Language {
	return &Language{
		Base:    base,
		style:   style{turkic: base == "tr" || base == "az", romanian: base == "ro", serbian: base == "sr", simplify: base != "ja" && base != "ko", contracts: base == "en" || base == Undetermined || base == ""},
		folding: foldingOf(base), possessive: base == "en", suffixed: base == "tr" || base == "az",
	}
}

func (l *Languages) build(base string) (*Language, error) {
	lang := newLanguage(base)
	if name, ok := articleLists[base]; ok {
		var err error
		if lang.articles, err = l.cache.TokenMapNamed(name); err != nil {
			return nil, err
		}
	}
	if name, ok := bleveAnalyzers[base]; ok {
		a, err := l.cache.AnalyzerNamed(name)
		if err != nil {
			return nil, err
		}
		chain, ok := a.(*analysis.DefaultAnalyzer)
		if !ok {
			return nil, fmt.Errorf("analyzer %s is a %T", name, a)
		}
		return lang, l.takeFilters(lang, "stop_"+name, chain.TokenFilters)
	}
	if base == "ga" {
		lang.after, lang.Stems = []analysis.TokenFilter{irishStemmer{}}, true
	}
	if f, ok := lightOf(base); ok {
		lang.after, lang.Stems, lang.beginnings = []analysis.TokenFilter{f}, true, f.beginnings
	}
	if name, ok := stopLists[base]; ok {
		return lang, l.takeStops(lang, name)
	}
	return lang, nil
}

// takeFilters takes the filters of Bleve that change a word. Case, accents, apostrophes and Chinese characters are our own.
func (l *Languages) takeFilters(lang *Language, stops string, filters []analysis.TokenFilter) error {
	into := &lang.before
	for _, f := range filters {
		// Bleve has a type for each stemmer and no interface for stemmers. The names of the types are alike.
		switch name := fmt.Sprintf("%T", f); {
		case strings.Contains(name, "StopTokens"):
			into = &lang.after
		case strings.Contains(name, "LowerCase"), strings.Contains(name, "UnicodeNormalize"), strings.Contains(name, "Elision"),
			strings.Contains(name, "Possessive"), strings.Contains(name, "Apostrophe"):
		default:
			lang.Stems = lang.Stems || strings.Contains(name, "Stem")
			*into = append(*into, f)
		}
	}
	return l.takeStops(lang, stops)
}

// takeStops takes a list of stop words, each in the form of the words of texts.
func (l *Languages) takeStops(lang *Language, name string) error {
	list, err := l.cache.TokenMapNamed(name)
	if err != nil {
		return err
	}
	lang.stops = make(map[string]bool, len(list))
	s := &scan{}
	for word := range list {
		s.text([]byte(word), lang.style)
		if len(s.pieces) == 1 {
			p := s.pieces[0]
			lang.stops[string(lang.bare(s.letters[p.low:p.high]))] = true
		}
	}
	return nil
}

// bare returns a word without articles and pronouns that the language writes onto the word, after the filters that run before stop words.
func (l *Language) bare(word []byte) []byte {
	if l.articles != nil || l.possessive || l.suffixed {
		if i := bytes.IndexByte(word, '\''); i > 0 {
			switch {
			case l.suffixed:
				word = word[:i]
			case l.articles[string(word[:i])]:
				word = word[i+1:]
			case l.possessive:
				word = bytes.TrimSuffix(word, []byte("'s"))
			}
		}
	}
	return filtered(l.before, word)
}

// stem returns the stem of a word.
func (l *Language) stem(word []byte) []byte { return filtered(l.after, word) }

// filtered applies filters to a word. A word that makes a filter panic stays unchanged, and does not end the process.
func filtered(filters []analysis.TokenFilter, word []byte) (out []byte) {
	if len(filters) == 0 {
		return word
	}
	defer func() {
		if recover() != nil {
			out = word
		}
	}()
	stream := analysis.TokenStream{{Term: slices.Clone(word), Position: 1, End: len(word), Type: analysis.AlphaNumeric}}
	for _, f := range filters {
		stream = f.Filter(stream)
	}
	if len(stream) != 1 || len(stream[0].Term) == 0 {
		return word
	}
	return stream[0].Term
}

// irishStemmer is Snowball's stemmer, which also undoes the changes at the beginning of words.
type irishStemmer struct{}

// Filter implements analysis.TokenFilter.
func (irishStemmer) Filter(tokens analysis.TokenStream) analysis.TokenStream {
	for _, t := range tokens {
		env := snowballstem.NewEnv(string(t.Term))
		irish.Stem(env)
		t.Term = []byte(env.Current())
	}
	return tokens
}
