package gateway

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/translate"
	"github.com/cinedex/cinedex/pkg/translate/apertium"
	"github.com/cinedex/cinedex/pkg/translate/libretranslate"
)

// TranslateConfig is what an operator sets of translators.
type TranslateConfig struct {
	// LibreTranslate is the address of a server; empty is for none.
	LibreTranslate string `mapstructure:"libretranslate"`
	// APIKey is the server's key.
	APIKey string `mapstructure:"api_key"`
	// Apertium is the path of the program; empty is for none.
	Apertium string `mapstructure:"apertium"`
	// Timeout bounds each translation.
	Timeout time.Duration `mapstructure:"timeout"`
}

// Validate reports the first field that cannot be used.
func (c TranslateConfig) Validate() error {
	switch {
	case c.Timeout < time.Millisecond || c.Timeout > time.Minute:
		return errkind.New(errkind.Invalid, "timeout: %s is not from 1ms to 1m", c.Timeout)
	case c.APIKey != "" && c.LibreTranslate == "":
		return errkind.New(errkind.Invalid, "libretranslate: is empty, and api_key is the key of a server; set both")
	case c.LibreTranslate != "":
		if err := (libretranslate.Config{URL: c.LibreTranslate}).Validate(); err != nil {
			return errkind.New(errkind.Invalid, "libretranslate: %w", err)
		}
	}
	return nil
}

// Chain returns the translators of the configuration. The program comes first: the program sends nothing anywhere.
func (c TranslateConfig) Chain() (chain translate.Chain, err error) {
	if c.Apertium != "" {
		chain = append(chain, apertium.New(c.Apertium, c.Timeout))
	}
	if c.LibreTranslate != "" {
		t, err := libretranslate.New(libretranslate.Config{URL: c.LibreTranslate, APIKey: c.APIKey, Timeout: c.Timeout})
		if err != nil {
			return nil, err
		}
		chain = append(chain, t)
	}
	return chain, nil
}

// A translation is a text that a caller had translated.
type translation struct{ own, text, from, to string }

// A scopePrint tells scopes apart by their runs.
type scopePrint struct {
	runs int
	sum  uint64
}

// rememberedTranslations bounds the translations that are kept.
const rememberedTranslations = 4096

// hear finds the language of each leaf's words, and translates the words for sources that understand one language alone.
//
//   - The language is the only one that the leaf or the filter names, or the language that the words are surely in, among the languages of the
//     library within the scope and the languages of the person who asks.
//   - Words without a mode whose language was detected are looked for in texts of the language, where some text of the language has all of
//     the words. Other words are looked for in every language.
//   - Words that a source has as they are written are not translated.
//
// A phrase, a mode that was asked for, and a request as_written are left as they are. What failed is told in partial.
func (g *Gateway) hear(ctx context.Context, p *processed, parts []*part) {
	if p.asWritten || g.deps.Languages == nil {
		return
	}
	var languages []string
	heard := map[*pb.Leaf]string{}
	for _, pt := range parts {
		l := pt.leaf
		if pt.shape != pb.LeafShape_LEAF_SHAPE_WORDS || l.GetText() == "" || !mayWiden(l) {
			continue
		}
		if languages == nil {
			var err error
			if languages, err = g.languagesOf(ctx, p); err != nil {
				p.fail(ctx, g, l.GetKind()+"/language", err)
				return
			}
		}
		named := onlyLanguage(p, l)
		if _, ok := heard[l]; !ok {
			if heard[l] = named; named == "" {
				heard[l] = g.deps.Languages(l.GetText(), languages)
			}
		}
		if err := g.hearPart(ctx, p, pt, heard[l], named != "", languages); err != nil {
			p.fail(ctx, g, l.GetKind()+"/translation", err)
		}
	}
}

// fail notes a failure that partial tells.
func (p *processed) fail(ctx context.Context, g *Gateway, part string, err error) {
	if failure, _ := g.failure(ctx, part, err); !slices.ContainsFunc(p.missing, func(o *pb.PartialFailure) bool { return o.GetPart() == part }) {
		p.missing = append(p.missing, failure)
	}
}

// languagesOf returns the base languages of the texts within the scope, and of the person who asks.
func (g *Gateway) languagesOf(ctx context.Context, p *processed) ([]string, error) {
	print := scopePrint{p.scope.runs, p.scope.sum}
	tags, ok := g.spokenIn.Get(print)
	if !ok {
		var err error
		if tags, err = g.deps.Engine.Languages(ctx, p.scope.Scope); err != nil {
			return nil, err
		}
		g.spokenIn.Add(print, tags)
	}
	bases := []string{}
	for _, tag := range slices.Concat(tags, p.languages) {
		if base := baseOf(tag); !slices.Contains(bases, base) {
			bases = append(bases, base)
		}
	}
	return bases, nil
}

func baseOf(tag string) string {
	base, _, _ := strings.Cut(tag, "-")
	return base
}

// onlyLanguage returns the base language that a leaf or the filter names; "" where none or several are named.
func onlyLanguage(p *processed, l *pb.Leaf) string {
	tags, _ := bothLanguages(p.filter.GetLanguages(), l.GetLanguages())
	only := ""
	for i, tag := range tags {
		if base := baseOf(tag); i == 0 || base == only {
			only = base
		} else {
			return ""
		}
	}
	return only
}

// hearPart decides how a part asks words that are in a language, or in an unknown language.
func (g *Gateway) hearPart(ctx context.Context, p *processed, pt *part, from string, named bool, languages []string) error {
	to := understood(p, pt)
	switch {
	case len(to) > 0 && !slices.Contains(to, from):
		return g.translatePart(ctx, p, pt, from, to[0], languages)
	case pt.space != "" || fields[pt.GetField()] != search.FieldText || from == "":
		return nil
	case named:
		pt.language = from
		return nil
	case pt.leaf.GetMode() != pb.TextMode_TEXT_MODE_UNSPECIFIED:
		return nil
	}
	pt.language = from
	ok, err := g.finds(ctx, p, []*part{pt}, "", pt.text)
	if !ok {
		pt.language = ""
	}
	return err
}

// understood are the languages that a source understands; none for a source that understands every language.
func understood(p *processed, pt *part) []string {
	if pt.space == "" {
		if l := pt.About.GetLabelLanguage(); l != "" && fields[pt.GetField()] == search.FieldLabel {
			return []string{baseOf(l)}
		}
		return nil
	}
	for _, s := range p.view.Spaces() {
		if schema.SpaceID(s) == pt.space {
			var out []string
			for _, tag := range s.GetLanguages() {
				out = append(out, baseOf(tag))
			}
			return out
		}
	}
	return nil
}

// translatePart has a part ask its words in another language, unless the part's source has the words as they are.
func (g *Gateway) translatePart(ctx context.Context, p *processed, pt *part, from, to string, languages []string) error {
	text, of, by, err := g.translate(ctx, p, pt.text, from, to, languages)
	if err != nil || text == "" {
		return err
	}
	if pt.space == "" {
		if ok, err := g.finds(ctx, p, []*part{pt}, "", pt.text); ok || err != nil {
			return err
		}
	}
	pt.text, pt.language, pt.translator = text, of, by
	return nil
}

// translate returns words in another language, the language that the words are in, and the translator. A name of a thing needs no known language,
// if the languages that have the name agree. text is empty where nobody translates the words.
func (g *Gateway) translate(ctx context.Context, p *processed, words, from, to string, languages []string) (text, of, by string, err error) {
	if g.deps.Names != nil && to == "en" {
		among := []string{from}
		if from == "" {
			among = append(slices.Clone(languages), "en")
		}
		names, of := g.deps.Names.English(words, among)
		if from == "" && len(names) == 0 { // nobody in the library speaks the language
			names, of = g.deps.Names.English(words, nil)
		}
		switch {
		case len(names) == 1:
			return names[0], of, g.deps.Names.Name(), nil
		case len(names) > 1:
			return "", "", "", nil
		}
	}
	if from == "" || len(g.deps.Translators) == 0 || translate.Check(words) != nil {
		return "", "", "", nil
	}
	k := translation{p.own, words, from, to}
	known, ok := g.translated.Get(k)
	if !ok {
		text, by, err := g.deps.Translators.Translate(ctx, words, from, to)
		switch {
		case errkind.Is(err, errkind.NotFound):
		case err != nil:
			return "", "", "", err
		default:
			known = by + "\x00" + text
		}
		g.translated.Add(k, known)
	}
	by, text, _ = strings.Cut(known, "\x00")
	return text, from, by, nil
}
