package gateway

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/query"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/store"
)

// A leaf of words that finds no match is asked in another way, and the answer says so (SearchResponse.ran):
//
//   - prefix, where the only word of the leaf is the beginning of a word that a visible item has;
//   - spelling, where each word that no visible item has is near exactly one word that a visible item has;
//   - fuzzy, where such a word is near several words.
//
// Only words that no item has within the scope and the filter are asked otherwise. A phrase, a leaf with a mode other than words, and a leaf
// that a NOT takes away are never widened, nor is any leaf of a request as_written. Whatever decides is visible to the caller: the counts and
// the words come from items within the scope.

const (
	// mostSuggested bounds the queries of did_you_mean.
	mostSuggested = 3
	// spelledFrom is how many items are read to spell a term as the items spell the term.
	spelledFrom = 20
	// lettersBegun is how many letters a word has that is taken for the beginning of another word.
	lettersBegun = 4
	// lettersSure are how many letters a misspelt word has for each wrong letter. A near word of a shorter word is another word too often:
	// "shark" and "sharp".
	lettersSure, lettersSureOfTwo = 6, 9
)

// widen asks the leaves of words that found no match in another way, evaluates the query anew where another way finds something, and
// suggests queries with other spellings. An answer that is partial is left as the answer is: a missing part may have found the words.
func (g *Gateway) widen(ctx, late context.Context, p *processed, parts []*part, r *result) (*result, error) {
	if len(p.missing) > 0 {
		r.partial, r.total.Exact = append(r.partial, p.missing...), false
	}
	var found []*misspelling
	if len(r.partial) == 0 && late.Err() == nil {
		var err error
		if found, err = g.misspellings(late, p, parts, r); err != nil {
			if ctx.Err() != nil {
				return nil, errkind.New(errkind.Cancelled, "the caller went away: %w", ctx.Err())
			}
			failure, _ := g.failure(late, "spelling", err)
			r.partial, found = append(r.partial, failure), nil
		}
	}
	changed := false
	for _, m := range found {
		changed = m.apply(p) || changed
	}
	suggested := p.suggestions(found)
	if changed {
		if g.deps.Charge != nil {
			if err := g.deps.Charge(p.scope.view.caller, g.cost(parts)); err != nil {
				return nil, err
			}
		}
		var err error
		if r, err = g.evaluate(ctx, late, p, parts); err != nil {
			return nil, err
		}
	}
	r.didYouMean = suggested
	if p.heard != nil && string(p.heard) != string(askedSum(parts)) {
		if len(r.partial) > 0 {
			return nil, errkind.New(errkind.Unavailable, "cursor: the words cannot be asked as on the page before, since %s is missing: %s; try again", r.partial[0].GetPart(), r.partial[0].GetError())
		}
		return nil, errkind.New(errkind.Invalid, "cursor: the words are asked in another way than on the page before; search again")
	}
	return r, nil
}

// A misspelling is a leaf with words that no visible item has.
type misspelling struct {
	leaf *pb.Leaf
	// words are the parts of the leaf that ask words, and all are every part.
	words, all []*part
	way        string // "" where the leaf is only suggested in other spellings
	// texts are the leaf's words in other spellings, the best first. Each finds something.
	texts []string
}

// apply has the parts of the leaf ask in the way found.
func (m *misspelling) apply(p *processed) bool {
	if m.way == "" || p.asWritten {
		return false
	}
	for _, pt := range m.all {
		words := pt.space == ""
		switch m.way {
		case waySpelling:
			pt.text, pt.vectors = m.texts[0], nil
			if words {
				pt.way = m.way
			}
		case wayPrefix:
			if words {
				pt.way, pt.mode = m.way, search.Prefix
			}
		case wayFuzzy:
			if words {
				pt.way, pt.mode = m.way, search.Fuzzy
			}
		}
	}
	return true
}

// suggestions are whole queries with other spellings.
func (p *processed) suggestions(found []*misspelling) (out []string) {
	spelt := slices.DeleteFunc(slices.Clone(found), func(m *misspelling) bool { return len(m.texts) == 0 })
	if len(spelt) == 0 || len(pictures(p.tree)) > 0 {
		return nil // the one-line form of a query with a picture is told without the picture
	}
	lang := query.Language{Names: p.view}
	for n := range mostSuggested {
		if !slices.ContainsFunc(spelt, func(m *misspelling) bool { return n < len(m.texts) }) {
			break
		}
		line := lang.Print(p.respelt(spelt, n), p.filter)
		if !slices.Contains(out, line) {
			out = append(out, line)
		}
	}
	return out
}

// respelt returns the query with the spelling n of each leaf that has one, or else the best.
func (p *processed) respelt(spelt []*misspelling, n int) *pb.Query {
	tree := withoutPictures(p.tree)
	given, copied := query.Leaves(p.tree), query.Leaves(tree)
	for i, l := range given {
		for _, m := range spelt {
			if m.leaf == l {
				copied[i].Text = m.texts[min(n, len(m.texts)-1)]
			}
		}
	}
	return tree
}

// misspellings looks at the leaves of words that found no match.
func (g *Gateway) misspellings(ctx context.Context, p *processed, parts []*part, r *result) (out []*misspelling, err error) {
	for _, l := range wanted(p.tree) {
		m := &misspelling{leaf: l}
		for _, pt := range parts {
			if pt.leaf == l {
				m.all = append(m.all, pt)
				if pt.space == "" && pt.shape == pb.LeafShape_LEAF_SHAPE_WORDS {
					m.words = append(m.words, pt)
				}
			}
		}
		if len(m.words) == 0 || !spelled(l) || matchedWords(r, l) {
			continue
		}
		some, err := g.finds(ctx, p, m.words, "", l.GetText())
		if err != nil {
			return nil, err
		}
		if some {
			continue
		}
		if err := g.respell(ctx, p, m, !matched(r, l) && mayWiden(l)); err != nil {
			return nil, err
		}
		if m.way != "" || len(m.texts) > 0 {
			out = append(out, m)
		}
	}
	return out, nil
}

// wanted are the leaves of a query that no NOT takes away.
func wanted(q *pb.Query) (out []*pb.Leaf) {
	if q.GetNot() != nil {
		return nil
	}
	if l := q.GetLeaf(); l != nil {
		return []*pb.Leaf{l}
	}
	for _, c := range query.Children(q) {
		out = append(out, wanted(c)...)
	}
	return out
}

// spelled reports whether the spelling of a leaf's words is looked at: the words are asked as they are, or as a phrase.
func spelled(l *pb.Leaf) bool {
	return l.GetText() != "" && (mayWiden(l) || l.GetMode() == pb.TextMode_TEXT_MODE_PHRASE)
}

// mayWiden reports whether a leaf may be asked in another way: a phrase, and a mode that was asked for, stay as they are.
func mayWiden(l *pb.Leaf) bool {
	return l.GetMode() == pb.TextMode_TEXT_MODE_UNSPECIFIED || l.GetMode() == pb.TextMode_TEXT_MODE_WORDS
}

// matched reports whether a leaf has a match among the moments of a result. matchedWords reports whether its words have one.
func matched(r *result, l *pb.Leaf) bool { return evident(r, l, func(*part) bool { return true }) }
func matchedWords(r *result, l *pb.Leaf) bool {
	return evident(r, l, func(pt *part) bool { return pt.space == "" })
}

func evident(r *result, l *pb.Leaf, of func(*part) bool) bool {
	return slices.ContainsFunc(r.moments, func(m *moment) bool {
		return slices.ContainsFunc(m.evidence, func(e evidence) bool { return e.part.leaf == l && e.match() && of(e.part) })
	})
}

// finds reports whether some of the parts finds words, in a mode or in the part's own.
func (g *Gateway) finds(ctx context.Context, p *processed, parts []*part, way, text string) (bool, error) {
	for _, pt := range parts {
		q := pt.allWords(p)
		q.Words, q.Limit = text, 1
		if way == wayPrefix {
			q.Mode = search.Prefix
		}
		hits, err := g.text(ctx, p, q)
		if err != nil || len(hits) > 0 {
			return len(hits) > 0, err
		}
	}
	return false, nil
}

// A correction is a word near a misspelt word of a leaf.
type correction struct {
	part *part
	search.Spelling
	search.NearTerm
	at   [][2]int // of the misspelt word in the leaf's text
	word string   // as items spell the word
}

// respell finds the ways in which other words than the leaf's find something. widen says whether the leaf may be asked so.
func (g *Gateway) respell(ctx context.Context, p *processed, m *misspelling, widen bool) error {
	text := m.leaf.GetText()
	unknown, err := g.unknownWords(ctx, p, m)
	if err != nil || len(unknown) == 0 || g.named(text, unknown) {
		return err
	}
	if widen && begins(text, unknown[0]) {
		ok, err := g.finds(ctx, p, m.words, wayPrefix, text)
		if err != nil {
			return err
		}
		if ok {
			m.way = wayPrefix
		}
	}
	ambiguous := false
	var choices [][]correction
	for _, near := range unknown {
		some, err := g.spellings(ctx, p, sure(text, near))
		if err != nil || len(some) == 0 {
			return err
		}
		ambiguous = ambiguous || len(some) > 1 && some[0].Distance == some[1].Distance
		choices = append(choices, some)
	}
	for n := range mostSuggested {
		if !slices.ContainsFunc(choices, func(c []correction) bool { return n < len(c) }) {
			break
		}
		respelt := replaced(text, choices, n)
		ok, err := g.finds(ctx, p, m.words, "", respelt)
		if err != nil {
			return err
		}
		if ok && !slices.Contains(m.texts, respelt) {
			m.texts = append(m.texts, respelt)
		}
	}
	if widen && m.way == "" && len(m.texts) > 0 {
		m.way = waySpelling
		if ambiguous {
			m.way = wayFuzzy
		}
	}
	return nil
}

// named reports whether one of the words is the name of a thing. Such a word is spelt right, and the library has no such thing.
func (g *Gateway) named(text string, unknown [][]correction) bool {
	return g.deps.Names != nil && slices.ContainsFunc(unknown, func(near []correction) bool {
		at := near[0].at[0]
		return g.deps.Names.Knows(text[at[0]:at[1]])
	})
}

// unknownWords returns the words of a leaf that no part finds, each with the near words of every part, the nearest first.
func (g *Gateway) unknownWords(ctx context.Context, p *processed, m *misspelling) (out [][]correction, err error) {
	type place [2]int // of a word in the text
	known, near := map[place]int{}, map[place][]correction{}
	for _, pt := range m.words {
		q := pt.allWords(p)
		q.Mode, q.Words = search.AllWords, m.leaf.GetText() // a part may ask a translation, whose places are of another text
		all, err := g.spellingsOf(ctx, p, q)
		if err != nil {
			return nil, err
		}
		seen := map[place]bool{}
		for _, s := range all {
			at := g.marks(search.TextQuery{Field: q.Field, Mode: search.Term, Words: s.Term}, q.Words, s.Language)
			if len(at) == 0 {
				continue
			}
			w := place(at[0])
			if !seen[w] {
				seen[w] = true
				known[w]++
			}
			if _, ok := near[w]; !ok {
				near[w] = []correction{}
			}
			for _, n := range s.Near {
				near[w] = append(near[w], correction{part: pt, Spelling: s, NearTerm: n, at: at})
			}
			if len(s.Near) == 0 {
				near[w] = append(near[w], correction{part: pt, Spelling: s, at: at})
			}
		}
	}
	for w, n := range known {
		if n < len(m.words) {
			delete(near, w) // some part knows the word
		}
	}
	for _, all := range near {
		slices.SortStableFunc(all, func(a, b correction) int {
			return cmp.Or(cmp.Compare(a.Distance, b.Distance), cmp.Compare(b.Docs, a.Docs), strings.Compare(a.NearTerm.Term, b.NearTerm.Term), strings.Compare(a.Language, b.Language))
		})
		out = append(out, all)
	}
	slices.SortFunc(out, func(a, b []correction) int { return cmp.Compare(a[0].at[0][0], b[0].at[0][0]) })
	return out, nil
}

// spellingsOf asks the engine for spellings, when it is the caller's turn.
func (g *Gateway) spellingsOf(ctx context.Context, p *processed, q search.TextQuery) ([]search.Spelling, error) {
	release, err := g.engine.Acquire(ctx, p.who, g.costOfWords(q.Words))
	if err != nil {
		return nil, err
	}
	defer release()
	return g.deps.Engine.Spellings(ctx, q)
}

// begins reports whether a misspelt word may be the beginning of a word: the word is the whole text, in a script with spaces. Beside other
// words, the mode Prefix finds items that have only some of the words.
func begins(text string, near []correction) bool {
	at := near[0].at[0]
	word := text[at[0]:at[1]]
	return word == strings.TrimFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }) &&
		utf8.RuneCountInString(word) >= lettersBegun && !strings.ContainsFunc(word, spaceless)
}

// spaceless reports whether a letter belongs to a script that puts no spaces between words.
func spaceless(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar) || unicode.IsDigit(r)
}

// sure keeps the near words of which a misspelt word is long enough to be sure.
func sure(text string, near []correction) []correction {
	at := near[0].at[0]
	letters := utf8.RuneCountInString(text[at[0]:at[1]])
	return slices.DeleteFunc(slices.Clone(near), func(c correction) bool {
		return c.Distance == 0 || c.Distance == 1 && letters < lettersSure || c.Distance > 1 && letters < lettersSureOfTwo
	})
}

// spellings returns the best of the near words as visible items spell the words, each spelling once.
func (g *Gateway) spellings(ctx context.Context, p *processed, near []correction) (out []correction, err error) {
	for _, c := range near {
		if len(out) == mostSuggested {
			break
		}
		if c.word, err = g.spelling(ctx, p, c); err != nil {
			return nil, err
		}
		if c.word != "" && !slices.ContainsFunc(out, func(o correction) bool { return strings.EqualFold(o.word, c.word) }) {
			out = append(out, c)
		}
	}
	return out, nil
}

// spelling returns a term as most of the items with the term spell the term; "" where no visible item has the term.
func (g *Gateway) spelling(ctx context.Context, p *processed, c correction) (string, error) {
	q := c.part.words(p)
	q.Mode, q.Words, q.Limit = search.Term, c.NearTerm.Term, spelledFrom
	if q.Languages = nil; c.Language != "" {
		q.Languages = []string{c.Language}
	}
	hits, err := g.text(ctx, p, q)
	if err != nil || len(hits) == 0 {
		return "", err
	}
	refs := make([]store.Ref, len(hits))
	for i, h := range hits {
		refs[i] = store.Ref{Asset: h.Asset, Run: h.Run, Ordinal: h.Ordinal}
	}
	items, err := g.deps.Store.AnnotationsAt(ctx, refs)
	if err != nil {
		return "", err
	}
	counts := map[string]int{}
	for _, a := range items {
		in := a.GetText()
		if q.Field == search.FieldLabel {
			in = a.GetLabel()
		}
		for _, at := range g.marks(search.TextQuery{Field: q.Field, Mode: search.Term, Words: q.Words}, in, c.Language) {
			counts[in[at[0]:at[1]]]++
		}
	}
	best := ""
	for word, n := range counts {
		if m := counts[best]; n > m || n == m && word > best { // a small letter is behind a capital
			best = word
		}
	}
	return best, nil
}

// replaced returns a text with the choice n for each misspelt word that has one, or else the best.
func replaced(text string, choices [][]correction, n int) string {
	type edit struct {
		at   [2]int
		word string
	}
	var edits []edit
	for _, c := range choices {
		chosen := c[min(n, len(c)-1)]
		for _, at := range chosen.at {
			edits = append(edits, edit{at, chosen.word})
		}
	}
	slices.SortFunc(edits, func(a, b edit) int { return cmp.Compare(b.at[0], a.at[0]) })
	for _, e := range edits {
		text = text[:e.at[0]] + e.word + text[e.at[1]:]
	}
	return text
}
