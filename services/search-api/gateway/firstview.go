package gateway

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

const (
	// viewedTitles is how many titles the first view reads: the first in the order of titles that the caller sees.
	viewedTitles = 12
	// viewedTime is the part of each title that is read, from the beginning of the title.
	viewedTime = 3 * schema.Time(60) * schema.Second
	// viewedItems bounds the annotations that are kept of one title.
	viewedItems = 1000
	// viewIn bounds the time of a first view.
	viewIn = 2 * time.Second
	// longestOffer bounds a suggested line, in letters; shortestWord is the length from which a word can be telling.
	longestOffer, shortestWord = 60, 4
)

// A viewed line or label is an annotation that a first view has read.
type viewed struct {
	*pb.Annotation
	title string
	leaf  string
}

// firstView suggests searches to a person who has typed nothing.
func (g *Gateway) firstView(ctx context.Context, caller *authz.Caller, req *pb.SuggestRequest, limit int) (*pb.SuggestResponse, error) {
	switch wanted := req.GetLanguage(); {
	case req.GetTyped() != "":
		return nil, errkind.New(errkind.Invalid, "first_view: leave typed empty")
	case req.GetFilter() != nil:
		return nil, errkind.New(errkind.Invalid, "first_view: leave filter empty")
	case wanted != "":
		if _, err := language.Parse(wanted); err != nil {
			return nil, errkind.New(errkind.Invalid, "language: %.40q is no BCP 47 tag", wanted)
		}
	}
	p := g.begin(caller)
	if err := p.within(ctx, g, caller); err != nil {
		return nil, err
	}
	if g.deps.Charge != nil {
		if err := g.deps.Charge(caller, float64(len(suggestable(p.view)))*g.costOfWords("view")); err != nil {
			return nil, err
		}
	}
	late, cancel := context.WithTimeoutCause(ctx, viewIn, errLate)
	defer cancel()
	resp := &pb.SuggestResponse{}
	lines, labels, err := g.view(late, p, caller)
	if ctx.Err() != nil {
		return nil, errkind.New(errkind.Cancelled, "the caller went away: %w", ctx.Err())
	}
	if err != nil {
		failure, _ := g.failure(late, "first view", err)
		resp.Partial = append(resp.Partial, failure)
	}
	spoken := linesIn(lines, req.GetLanguage())
	if len(spoken) == 0 {
		spoken = lines
	}
	lang := query.Language{Names: p.view}
	resp.Suggestions = slices.Concat(tellingLines(lang, spoken, limit), tellingCharacters(lang, spoken, limit), thingsSeen(lang, labels, limit))
	audit.From(ctx).Told(len(resp.GetSuggestions()))
	return resp, nil
}

// view reads the lines and labels of the first titles. With an error, view returns what was read before.
func (g *Gateway) view(ctx context.Context, p *processed, caller *authz.Caller) (lines, labels []viewed, err error) {
	leaves := map[string]suggested{}
	for _, s := range suggestable(p.view) {
		for _, kind := range s.kinds {
			leaves[kind] = s
		}
	}
	kinds := slices.Sorted(maps.Keys(leaves))
	window := schema.Interval{Start: 0, End: viewedTime}
	titles := 0
	last := ""
	for e := range p.snap.visibleFrom(caller, Place{}) {
		if e.title != last {
			if last = e.title; titles == viewedTitles {
				break
			}
			titles++
		}
		found, err := g.annotationsIn(ctx, e, kinds, window, window)
		if err != nil {
			return lines, labels, err
		}
		slices.SortFunc(found, timed.compare)
		for _, t := range found[:min(len(found), viewedItems)] {
			of := leaves[t.GetKind()]
			v := viewed{t.Annotation, e.title, of.leaf}
			switch {
			case of.GetField() == pb.AnswerField_ANSWER_FIELD_LABEL && t.GetLabel() != "":
				labels = append(labels, v)
			case of.GetField() == pb.AnswerField_ANSWER_FIELD_TEXT && t.GetText() != "":
				lines = append(lines, v)
			}
		}
	}
	return lines, labels, nil
}

// linesIn returns the lines in a language, whatever the region; an empty tag is every language.
func linesIn(lines []viewed, tag string) (out []viewed) {
	if tag == "" {
		return lines
	}
	want, _ := language.Make(tag).Base()
	for _, l := range lines {
		if have, _ := language.Make(l.GetLanguage()).Base(); have == want && l.GetLanguage() != "" {
			out = append(out, l)
		}
	}
	return out
}

// saidWords returns the words of a text in small letters.
func saidWords(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return punctuation(r) && r != '\'' && r != '’' })
}

// rarity is how seldom a word is among the lines: nearly 1 for a word of one line, 0 for a short word.
func rarity(word string, among map[string]int, n int) float64 {
	if utf8.RuneCountInString(word) < shortestWord || strings.ContainsFunc(word, unicode.IsDigit) {
		return 0
	}
	return math.Log(float64(n+1)/float64(among[word])) / math.Log(float64(n+1))
}

// sharing counts the lines that have each word.
func sharing(lines []viewed) map[string]int {
	among := map[string]int{}
	for _, l := range lines {
		words := saidWords(l.GetText())
		slices.Sort(words)
		for _, w := range slices.Compact(words) {
			among[w]++
		}
	}
	return among
}

// tellingLines suggests the lines of the most telling words, by turns of the titles.
func tellingLines(lang query.Language, lines []viewed, limit int) (out []*pb.Suggestion) {
	type scored struct {
		viewed
		text  string
		score float64
	}
	among := sharing(lines)
	of := map[string][]scored{}
	for _, l := range lines {
		text := strings.Join(strings.Fields(l.GetText()), " ")
		words := saidWords(text)
		letters := utf8.RuneCountInString(text)
		// A text without spaces between words, as in Japanese, is measured by letters.
		if letters > longestOffer || len(words) < 3 && letters < 8*len(words) || len(words) > 10 {
			continue
		}
		sum := 0.0
		for _, w := range words {
			sum += rarity(w, among, len(lines))
		}
		of[l.title] = append(of[l.title], scored{l, text, sum / float64(len(words)+2)})
	}
	titles := slices.Sorted(maps.Keys(of))
	for _, t := range titles {
		slices.SortStableFunc(of[t], func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	}
	said := map[string]bool{}
	for turn := 0; len(out) < limit; turn++ {
		rest := false
		for _, t := range titles {
			if turn >= len(of[t]) {
				continue
			}
			rest = true
			s := of[t][turn]
			if key := strings.Join(saidWords(s.text), " "); len(out) < limit && !said[key] {
				said[key] = true
				out = append(out, &pb.Suggestion{Text: s.text, Kind: s.leaf, Count: 1,
					Q: lang.Print(query.Leaf(&pb.Leaf{Kind: s.leaf, Mode: pb.TextMode_TEXT_MODE_PHRASE, Text: s.text}), nil)})
			}
		}
		if !rest {
			break
		}
	}
	return out
}

// tellingCharacters suggests the characters who say most, each with the most telling of the words.
func tellingCharacters(lang query.Language, lines []viewed, limit int) (out []*pb.Suggestion) {
	among := sharing(lines)
	type character struct {
		lines int
		score float64
		word  string
		leaf  string
	}
	all := map[string]*character{}
	for _, l := range lines {
		name := strings.ToLower(l.GetCharacter())
		if name == "" {
			continue
		}
		c := all[name]
		if c == nil {
			c = &character{leaf: l.leaf}
			all[name] = c
		}
		c.lines++
		for _, w := range saidWords(l.GetText()) {
			if s := rarity(w, among, len(lines)); s > c.score {
				c.score, c.word = s, w
			}
		}
	}
	names := slices.SortedFunc(maps.Keys(all), func(a, b string) int {
		return cmp.Or(cmp.Compare(all[b].lines, all[a].lines), cmp.Compare(a, b))
	})
	title := cases.Title(language.Und)
	for _, name := range names {
		c := all[name]
		if len(out) == limit || c.word == "" {
			continue
		}
		out = append(out, &pb.Suggestion{Text: title.String(name) + ": " + c.word, Kind: "character", Count: int32(c.lines),
			Q: lang.Print(query.Leaf(&pb.Leaf{Kind: c.leaf, Text: c.word}), &pb.Filter{Characters: []string{name}})})
	}
	return out
}

// thingsSeen suggests the labels that are surest, over all shots, by turns of the leaves. A label with a number, such as "scene 1", tells nothing.
func thingsSeen(lang query.Language, labels []viewed, limit int) (out []*pb.Suggestion) {
	type thing struct{ leaf, label string }
	sure, count := map[thing]float64{}, map[thing]int{}
	for _, l := range labels {
		t := thing{l.leaf, l.GetLabel()}
		sure[t] += float64(l.GetConfidence())
		count[t]++
	}
	of := map[string][]thing{}
	for t := range sure {
		if len(t.label) <= query.MaxText && !strings.ContainsFunc(t.label, unicode.IsDigit) {
			of[t.leaf] = append(of[t.leaf], t)
		}
	}
	leaves := slices.Sorted(maps.Keys(of))
	most := 0
	for _, leaf := range leaves {
		slices.SortFunc(of[leaf], func(a, b thing) int { return cmp.Or(cmp.Compare(sure[b], sure[a]), cmp.Compare(a.label, b.label)) })
		most = max(most, len(of[leaf]))
	}
	for turn := range most {
		for _, leaf := range leaves {
			if turn >= len(of[leaf]) || len(out) == limit {
				continue
			}
			t := of[leaf][turn]
			out = append(out, &pb.Suggestion{Text: t.label, Kind: t.leaf, Count: int32(count[t]),
				Q: lang.Print(query.Leaf(&pb.Leaf{Kind: t.leaf, Text: t.label}), nil)})
		}
	}
	return out
}
