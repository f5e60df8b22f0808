package gateway

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"
	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/query"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/store"
)

const (
	// MaxTyped bounds what was typed.
	MaxTyped = 200
	// MaxSuggestions bounds the suggestions of one kind.
	MaxSuggestions     = 20
	defaultSuggestions = 5
	// suggestIn bounds the time of an answer: a person types a letter in about 150 ms.
	suggestIn = 100 * time.Millisecond
	// suggestFrom is how many items are read for each kind: several items say the same.
	suggestFrom = 50
)

// Suggest returns what a caller who types may be about to look for: titles, characters, labels, lines, phrases of several lines, and the names
// of leaves. Everything comes from the
// assets that the caller may see, and from the items that pass the filter. A part that is late is left out and named.
func (g *Gateway) Suggest(ctx context.Context, caller *authz.Caller, req *pb.SuggestRequest) (*pb.SuggestResponse, error) {
	if caller == nil {
		return nil, errNobody
	}
	typed := strings.TrimLeft(req.GetTyped(), " ")
	limit := cmp.Or(int(req.GetLimit()), defaultSuggestions)
	if err := suggestible(typed, limit); err != nil {
		return nil, err
	}
	resp := &pb.SuggestResponse{}
	if req.GetFirstView() {
		return g.firstView(ctx, caller, req, limit)
	}
	if strings.TrimSpace(typed) == "" {
		return resp, nil
	}
	p := g.begin(caller)
	p.filter = proto.CloneOf(req.GetFilter()) // checkFilter makes languages canonical
	if err := checkFilter(p.filter); err != nil {
		return nil, err
	}
	if err := checkServed(p.view, nil, p.filter); err != nil {
		return nil, err
	}
	if err := p.within(ctx, g, caller); err != nil {
		return nil, err
	}
	sources := ofKinds(suggestable(p.view), p.filter.GetKinds())
	if g.deps.Charge != nil {
		if err := g.deps.Charge(caller, float64(len(sources))*g.costOfWords(typed)*suggestFrom/float64(g.cfg.Candidates)); err != nil {
			return nil, err
		}
	}
	late, cancel := context.WithTimeoutCause(ctx, suggestIn, errLate)
	defer cancel()
	parts := []string{"titles", "characters"}
	for _, s := range sources {
		parts = append(parts, s.leaf)
	}
	found := make([][]*pb.Suggestion, len(parts))
	failed := make([]error, len(parts))
	var eg errgroup.Group
	eg.Go(func() error { found[0], failed[0] = p.titlesLike(late, caller, typed, limit); return nil })
	eg.Go(func() error { found[1], failed[1] = g.charactersLike(late, p, typed, limit); return nil })
	for i, s := range sources {
		eg.Go(func() error { found[i+2], failed[i+2] = g.itemsLike(late, p, s, typed, limit); return nil })
	}
	_ = eg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, errkind.New(errkind.Cancelled, "the caller went away: %w", err)
	}
	resp.Suggestions = append(leavesLike(p.view, typed, limit), slices.Concat(found...)...)
	for i, err := range failed {
		if err == nil {
			continue
		}
		failure, _ := g.failure(late, parts[i], err)
		resp.Partial = append(resp.Partial, failure)
	}
	audit.From(ctx).Query(typed)
	audit.From(ctx).Told(len(resp.GetSuggestions()))
	return resp, nil
}

// suggestible returns an error where nothing can be suggested for typed words.
func suggestible(typed string, limit int) error {
	switch {
	case limit < 0 || limit > MaxSuggestions:
		return errkind.New(errkind.Invalid, "limit: must be from 1 to %d", MaxSuggestions)
	case len(typed) > MaxTyped:
		return errkind.New(errkind.Invalid, "typed: %d bytes are more than the %d allowed", len(typed), MaxTyped)
	case !utf8.ValidString(typed):
		return errkind.New(errkind.Invalid, "typed: not UTF-8")
	}
	return nil
}

// A suggested is a leaf of words with a source of it, and the kinds of the source and of the sources that are second to it.
type suggested struct {
	*catalog.Source
	leaf  string
	kinds []string
}

// suggestable returns the leaves whose words can be suggested: one source of words each, with its second sources. Words of a kind that is second to the kind of
// another leaf are suggested for the other leaf alone.
func suggestable(v *catalog.View) (out []suggested) {
	elsewhere := map[string]bool{} // kinds that another leaf suggests
	for _, l := range v.Leaves() {
		i := slices.IndexFunc(l.Sources, func(s *catalog.Source) bool { return s.GetSpace() == "" && s.Algorithm == l.Algorithm })
		if l.GetShape() != pb.LeafShape_LEAF_SHAPE_WORDS || i < 0 {
			continue
		}
		of := suggested{l.Sources[i], l.GetName(), []string{l.Sources[i].GetKind()}}
		for _, s := range l.Sources {
			if s.GetSpace() == "" && s.GetSecondTo() == of.GetKind() && s.GetField() == of.GetField() {
				of.kinds, elsewhere[s.GetKind()] = append(of.kinds, s.GetKind()), true
			}
		}
		out = append(out, of)
	}
	return slices.DeleteFunc(out, func(s suggested) bool { return elsewhere[s.GetKind()] })
}

// ofKinds keeps the sources of some kinds, each with these kinds alone; no kinds are all kinds.
func ofKinds(sources []suggested, kinds []string) []suggested {
	if len(kinds) == 0 {
		return sources
	}
	var out []suggested
	for _, s := range sources {
		if s.kinds = slices.DeleteFunc(s.kinds, func(k string) bool { return !slices.Contains(kinds, k) }); len(s.kinds) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// charactersLike returns the characters whose name begins with the letters typed.
func (g *Gateway) charactersLike(ctx context.Context, p *processed, typed string, limit int) (out []*pb.Suggestion, err error) {
	if !slices.ContainsFunc(p.view.Kinds(), func(k *catalog.Kind) bool { return k.GetCharacters() }) {
		return nil, nil
	}
	release, err := g.engine.Acquire(ctx, p.who, textCost)
	if err != nil {
		return nil, err
	}
	defer release()
	names, err := g.deps.Engine.Characters(ctx, p.scope.Scope, strings.TrimSpace(typed), limit)
	if err != nil {
		return nil, err
	}
	lang, title := query.Language{Names: p.view}, cases.Title(language.Und)
	for _, name := range names {
		out = append(out, &pb.Suggestion{Text: title.String(name), Kind: "character", Q: lang.Print(nil, &pb.Filter{Characters: []string{name}})})
	}
	return out, nil
}

// itemsLike returns texts or labels with the words typed, each once, the best first. Behind texts come phrases: what several of the texts say.
func (g *Gateway) itemsLike(ctx context.Context, p *processed, s suggested, typed string, limit int) ([]*pb.Suggestion, error) {
	f := p.narrowing()
	if f.Kinds = s.kinds; !s.About.GetInLanguage() {
		f.Languages = nil
	}
	hits, err := g.text(ctx, p, search.TextQuery{Scope: p.scope.Scope, Filter: f, Field: fields[s.GetField()], Mode: search.Prefix, Words: typed, Limit: suggestFrom})
	if err != nil || len(hits) == 0 {
		return nil, err
	}
	refs := make([]store.Ref, len(hits))
	for i, h := range hits {
		refs[i] = store.Ref{Asset: h.Asset, Run: h.Run, Ordinal: h.Ordinal}
	}
	items, err := g.deps.Store.AnnotationsAt(ctx, refs)
	if err != nil {
		return nil, fmt.Errorf("reading what was found: %w", err)
	}
	lang := query.Language{Names: p.view}
	var out []*pb.Suggestion
	var texts []string
	said := map[string]*pb.Suggestion{}
	for _, a := range items {
		text, mode := a.GetText(), pb.TextMode_TEXT_MODE_PHRASE
		if s.GetField() == pb.AnswerField_ANSWER_FIELD_LABEL {
			text, mode = a.GetLabel(), pb.TextMode_TEXT_MODE_UNSPECIFIED
		}
		text = strings.Join(strings.Fields(text), " ")
		key := strings.Join(strings.FieldsFunc(strings.ToLower(text), punctuation), " ") // two tracks differ in a full stop
		if text == "" || len(text) > query.MaxText {
			continue
		}
		if of := said[key]; of != nil {
			of.Count++
			continue
		}
		of := &pb.Suggestion{Text: text, Kind: s.leaf, Q: lang.Print(query.Leaf(&pb.Leaf{Kind: s.leaf, Mode: mode, Text: text}), nil), Count: 1}
		said[key] = of
		texts = append(texts, text)
		if len(out) < limit {
			out = append(out, of)
		}
	}
	if s.GetField() == pb.AnswerField_ANSWER_FIELD_TEXT {
		for _, phrase := range phrasesLike(texts, typed, limit) {
			out = append(out, &pb.Suggestion{Text: phrase, Kind: "phrase", Q: lang.Print(query.Leaf(&pb.Leaf{Kind: s.leaf, Mode: pb.TextMode_TEXT_MODE_PHRASE, Text: phrase}), nil)})
		}
	}
	return out, nil
}

// punctuation reports whether a character is no part of a word.
func punctuation(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
}

// longestEnd is how many words a phrase has behind the word that is being typed.
const longestEnd = 3

// phrasesLike returns the phrases that begin with the words typed and that two texts or more say, in small letters: the phrases of most texts
// first, and of these the longest. A phrase ends where a text has a comma, a full stop or another mark.
func phrasesLike(texts []string, typed string, limit int) []string {
	begin := strings.ToLower(strings.Join(strings.Fields(typed), " "))
	count := map[string]int{}
	for _, text := range texts {
		for _, phrase := range phrasesOf(strings.ToLower(text), begin) {
			count[phrase]++
		}
	}
	all := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	var out []string
	for _, phrase := range all {
		shorter := slices.ContainsFunc(out, func(o string) bool { return strings.HasPrefix(o, phrase+" ") && count[o] == count[phrase] })
		if len(out) < limit && count[phrase] > 1 && phrase != begin && !shorter {
			out = append(out, phrase)
		}
	}
	return out
}

// phrasesOf returns the beginnings of what a text says from the first place on at which a word begins with the letters typed.
func phrasesOf(text, begin string) (out []string) {
	at := wordAt(text, begin)
	if at < 0 {
		return nil
	}
	end := at + len(begin)
	for n := 0; n <= longestEnd; n++ {
		for i, r := range text[end:] {
			if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && r != '\'' && r != '’' && r != '-' {
				end += i
				out = append(out, text[at:end])
				break
			}
			if end+i+utf8.RuneLen(r) == len(text) {
				return append(out, text[at:])
			}
		}
		if end+1 >= len(text) || text[end] != ' ' {
			break
		}
		end++
	}
	return out
}

// titlesLike returns titles in whose name a word begins with the words typed, of the series and the assets of the filter.
func (p *processed) titlesLike(ctx context.Context, caller *authz.Caller, typed string, limit int) (out []*pb.Suggestion, err error) {
	typed = strings.ToLower(strings.TrimSpace(typed))
	lang, seen, last := query.Language{Names: p.view}, 0, ""
	ofSeries, is := oneOf(p.filter.GetSeries()), oneOf(p.filter.GetAssets())
	for e := range p.snap.visibleFrom(caller, Place{}) {
		if seen++; seen%4096 == 0 && ctx.Err() != nil {
			return out, errkind.New(errkind.Cancelled, "the titles were read in part: %w", ctx.Err())
		}
		if e.title == last || !ofSeries(e.series) || !is(e.id) {
			continue
		}
		last = e.title
		if !wordBegins(strings.ToLower(e.name), typed) && !wordBegins(e.title, typed) {
			continue
		}
		if out = append(out, &pb.Suggestion{Text: cmp.Or(e.name, e.title), Kind: "title", Q: lang.Print(nil, &pb.Filter{Titles: []string{e.title}})}); len(out) == limit {
			break
		}
	}
	return out, nil
}

// wordBegins reports whether a word of a name begins with the given letters.
func wordBegins(name, letters string) bool { return wordAt(name, letters) >= 0 }

// wordAt returns where the first word begins that begins with the given letters; -1 where none does.
func wordAt(name, letters string) int {
	for at := 0; ; {
		i := strings.Index(name[at:], letters)
		if i < 0 {
			return -1
		}
		if i += at; i == 0 || strings.ContainsRune(" -_.:'(", rune(name[i-1])) {
			return i
		}
		at = i + 1
	}
}

// leavesLike returns the leaves whose name begins with the word typed.
func leavesLike(v *catalog.View, typed string, limit int) (out []*pb.Suggestion) {
	if strings.ContainsAny(typed, " \":") {
		return nil
	}
	for _, name := range v.LeafNames() {
		if name != catalog.Bare && strings.HasPrefix(name, strings.ToLower(typed)) && len(out) < limit {
			out = append(out, &pb.Suggestion{Text: name + ":", Kind: "leaf", Q: v.Short(name) + ":"})
		}
	}
	return out
}
