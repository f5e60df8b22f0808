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

// Undetermined is the language of texts that do not say theirs, and of those in a
// language that has no analysis of its own.
const Undetermined = "und"

// bleveAnalyzers names the analysis that Bleve has for a base language: its stemmer, and its stop words.
var bleveAnalyzers = map[string]string{
	"ar": "ar", "ckb": "ckb", "da": "da", "de": "de", "en": "en", "es": "es", "fa": "fa", "fi": "fi",
	"fr": "fr", "hi": "hi", "hr": "hr", "hu": "hu", "it": "it", "nl": "nl", "pl": "pl", "pt": "pt",
	"ro": "ro", "ru": "ru", "sv": "sv", "tr": "tr",
	"no": "no", "nb": "no", "nn": "no",
	"bs": "hr", "sr": "hr", // Serbian in Latin letters
}

// stopLists are the languages for which Bleve knows only the words to leave out.
var stopLists = map[string]string{
	"bg": "stop_bg", "ca": "stop_ca", "cs": "stop_cs", "el": "stop_el", "eu": "stop_eu",
	"ga": "stop_ga", "gl": "stop_gl", "hy": "stop_hy", "id": "stop_id",
}

// articleLists are the languages that write articles and pronouns onto the next word, with an apostrophe between them.
var articleLists = map[string]string{"fr": "articles_fr", "it": "articles_it", "ca": "articles_ca", "ga": "articles_ga"}

// spacelessLanguages are the languages that have no analysis of their own, but a field of their own.
var spacelessLanguages = []string{"zh", "ja", "yue", "ko", "th", "lo", "km", "my"}

// A Language is how the texts of one base language are turned into terms. It is safe for concurrent use.
type Language struct {
	Base string
	// Stems reports whether terms may be shorter than the words that they are of.
	Stems bool

	style    style
	folding  folding
	articles analysis.TokenMap
	// beginnings are what else is written before words, without a sign between.
	beginnings []string
	// possessive says that 's at the end is no part of a word, suffixed that nothing behind an apostrophe is.
	possessive, suffixed bool
	stops                map[string]bool
	// before and after are applied to a word, before it is looked up among the stop words and afterwards.
	before, after []analysis.TokenFilter
	known         lexicon
}

// Languages builds each analysis once, when it is first needed: some of them
// carry tables of megabytes. It is safe for concurrent use.
type Languages struct {
	mu    sync.RWMutex
	cache *registry.Cache
	known map[string]*Language
	label *Language
}

// NewLanguages prepares the analyses.
func NewLanguages() (*Languages, error) {
	l := &Languages{cache: registry.NewCache(), known: map[string]*Language{}}
	// Labels are names of what is seen, mostly nouns: only plurals are folded.
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

// takeFilters takes what Bleve does to a word itself. Case, accents, apostrophes and Chinese characters are our own.
func (l *Languages) takeFilters(lang *Language, stops string, filters []analysis.TokenFilter) error {
	into := &lang.before
	for _, f := range filters {
		// Bleve has one type per stemmer and no interface that tells them from other filters, but names them all alike.
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

// takeStops takes a list of stop words, each as the words of texts are brought to.
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

// bare is a word without what its language writes onto it, and as its filters bring it before stop words are looked up.
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

// stem brings a word to its stem.
func (l *Language) stem(word []byte) []byte { return filtered(l.after, word) }

// filtered applies filters to a word. A word that trips a bug in one of them stays as it is, and does not end the process.
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

// irishStemmer is Snowball's, which also takes the changes at the beginning of words back.
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
