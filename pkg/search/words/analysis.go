package words

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/blevesearch/bleve/v2/analysis"
	"github.com/blevesearch/bleve/v2/registry"
	"golang.org/x/text/unicode/norm"

	// Each of these defines its filters with Bleve's registry.
	_ "github.com/blevesearch/bleve/v2/analysis/lang/ar"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/bg"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/ca"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/cjk"
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
	_ "github.com/blevesearch/bleve/v2/analysis/token/lowercase"
	_ "github.com/blevesearch/bleve/v2/analysis/tokenizer/unicode"
)

// Undetermined is the language of texts that do not say theirs, and of those in a
// language that has no analysis of its own.
const Undetermined = "und"

// bleveAnalyzers names the whole analysis that Bleve has for a base language.
var bleveAnalyzers = map[string]string{
	"ar": "ar", "ckb": "ckb", "da": "da", "de": "de", "en": "en", "es": "es", "fa": "fa", "fi": "fi",
	"fr": "fr", "hi": "hi", "hr": "hr", "hu": "hu", "it": "it", "nl": "nl", "pl": "pl", "pt": "pt",
	"ro": "ro", "ru": "ru", "sv": "sv", "tr": "tr",
	"no": "no", "nb": "no", "nn": "no",
	"zh": "cjk", "ja": "cjk", "yue": "cjk",
}

// stopLists are the languages for which Bleve knows only the words to leave out.
var stopLists = map[string]string{
	"bg": "stop_bg", "ca": "stop_ca", "cs": "stop_cs", "el": "stop_el", "eu": "stop_eu",
	"ga": "stop_ga", "gl": "stop_gl", "hy": "stop_hy", "id": "stop_id",
}

// A Language is how the texts of one base language are turned into terms.
type Language struct {
	Base string
	// Words is applied to texts and to questions.
	Words analysis.Analyzer
	// Typed is Words without stemming and stop words: for a word that is still being typed.
	Typed analysis.Analyzer
	// Stems reports whether terms may be shorter than the words that they are of.
	Stems bool
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
	chain, err := l.chain("stemmer_en_plural")
	if err != nil {
		return nil, err
	}
	l.label = newLanguage("", chain)
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
	chain, err := l.build(base)
	if err != nil {
		return nil, fmt.Errorf("building the analysis of language %s: %w", base, err)
	}
	lang = newLanguage(base, chain)
	l.known[base] = lang
	return lang, nil
}

// Own returns the base languages that have an analysis of their own, sorted.
func Own() []string {
	own := append(slices.Collect(maps.Keys(bleveAnalyzers)), slices.Collect(maps.Keys(stopLists))...)
	own = append(own, korean)
	slices.Sort(own)
	return own
}

const korean = "ko"

func (l *Languages) build(base string) (*analysis.DefaultAnalyzer, error) {
	if name, ok := bleveAnalyzers[base]; ok {
		a, err := l.cache.AnalyzerNamed(name)
		if err != nil {
			return nil, err
		}
		chain, ok := a.(*analysis.DefaultAnalyzer)
		if !ok {
			return nil, fmt.Errorf("analyzer %s is a %T", name, a)
		}
		return chain, nil
	}
	if stop, ok := stopLists[base]; ok {
		return l.chain(stop)
	}
	chain, err := l.chain()
	if err == nil && base == korean {
		chain.TokenFilters = append(chain.TokenFilters, hangulFilter{})
	}
	return chain, err
}

// chain is words by UAX 29, lower case, the filters given, and accents folded.
func (l *Languages) chain(filters ...string) (*analysis.DefaultAnalyzer, error) {
	words, err := l.cache.TokenizerNamed("unicode")
	if err != nil {
		return nil, err
	}
	a := &analysis.DefaultAnalyzer{Tokenizer: words}
	for _, name := range append([]string{"to_lower"}, filters...) {
		f, err := l.cache.TokenFilterNamed(name)
		if err != nil {
			return nil, err
		}
		a.TokenFilters = append(a.TokenFilters, f)
	}
	a.TokenFilters = append(a.TokenFilters, foldFilter{})
	return a, nil
}

func newLanguage(base string, chain *analysis.DefaultAnalyzer) *Language {
	typed := &analysis.DefaultAnalyzer{CharFilters: chain.CharFilters, Tokenizer: chain.Tokenizer}
	stems := false
	for _, f := range chain.TokenFilters {
		// Bleve has one type per stemmer and no interface that tells them from other filters, but names them all alike.
		name := fmt.Sprintf("%T", f)
		switch {
		case strings.Contains(name, "Stem"):
			stems = true
		case strings.Contains(name, "StopTokens"):
		default:
			typed.TokenFilters = append(typed.TokenFilters, f)
		}
	}
	return &Language{Base: base, Words: guarded{chain}, Typed: guarded{typed}, Stems: stems}
}

// guarded keeps a text that trips a bug in an analyzer from ending the process: such
// a text is indexed without any word.
type guarded struct{ analysis.Analyzer }

func (g guarded) Analyze(text []byte) (tokens analysis.TokenStream) {
	defer func() {
		if recover() != nil {
			tokens = nil
		}
	}()
	return g.Analyzer.Analyze(text)
}

// foldFilter removes the accents of Latin, Greek and Cyrillic letters. In other scripts
// combining marks are letters of their own, and stay.
type foldFilter struct{}

func (foldFilter) Filter(tokens analysis.TokenStream) analysis.TokenStream {
	for _, t := range tokens {
		t.Term = fold(t.Term)
	}
	return tokens
}

func fold(term []byte) []byte {
	ascii := true
	for _, b := range term {
		if b >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	if ascii {
		return term
	}
	out := make([]byte, 0, len(term))
	strip := false
	for _, r := range string(norm.NFKD.Bytes(term)) {
		if unicode.Is(unicode.Mn, r) {
			if strip {
				continue
			}
		} else {
			strip = unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic)
		}
		out = utf8.AppendRune(out, unicode.ToLower(r))
	}
	return norm.NFC.Bytes(out)
}

// hangulFilter takes Korean words apart into pairs of syllables, as Bleve does with Chinese and Japanese:
// particles are written onto words without a space.
type hangulFilter struct{}

func (hangulFilter) Filter(tokens analysis.TokenStream) analysis.TokenStream {
	out := make(analysis.TokenStream, 0, 2*len(tokens))
	shift := 0 // how far positions moved by the pairs of the words before
	for _, t := range tokens {
		starts := make([]int, 0, 8) // of each rune of the term, and its end
		hangul := true
		for i, r := range string(t.Term) {
			starts = append(starts, i)
			hangul = hangul && unicode.Is(unicode.Hangul, r)
		}
		starts = append(starts, len(t.Term))
		t.Position += shift
		// Folding leaves syllables as long as they were, so that offsets within the term are those within the text.
		if !hangul || len(starts) <= 3 || len(t.Term) != t.End-t.Start {
			out = append(out, t)
			continue
		}
		for i := 0; i+2 < len(starts); i++ {
			out = append(out, &analysis.Token{
				Term: t.Term[starts[i]:starts[i+2]], Start: t.Start + starts[i], End: t.Start + starts[i+2],
				Position: t.Position + i, Type: analysis.Double,
			})
		}
		shift += len(starts) - 3
	}
	return out
}
