package gateway

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"golang.org/x/text/language"

	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/store"
)

// The lines of a hit. A hit that lands on a line is told in the language of the person who asks, where the film says the line in the language
// as well:
//
//   - The first line is the line in the favourite language, and otherwise the line that matched. The text, the language, the character and the
//     interval of the hit are those of the first line. The interval of a moment that is no line's own, as of an AND, stays.
//   - Beneath come the line that matched, and the line in the film's own language: the language of the first track of sound.
//   - Two lines are said at the same time if they share half of the shorter line: a translation is cut at other times.
//
// Only lines of the runs that the query sees are read: the run of the line that matched, and the active runs of other kinds of lines.

// longestLine is how long before a line another line may begin, to be found as said at the same time.
const longestLine = 30 * schema.Second

// readTold finds the lines that are said at the same time as the lines that matched. Without languages, or where every line is in the favourite
// language, nothing is read.
func (g *Gateway) readTold(ctx context.Context, p *processed, fs []*filling) error {
	if len(p.languages) == 0 {
		return nil
	}
	kinds := slices.DeleteFunc(p.view.Kinds(), func(k *catalog.Kind) bool { return !k.GetQuoted() || !k.GetInLanguage() })
	var ranges []store.Range
	var of []*filling // element i is told by ranges[i]
	for _, f := range fs {
		a := p.quoted(f)
		if a == nil || preferred(p.languages[:1], []string{a.GetLanguage()}) == 0 {
			continue
		}
		for _, k := range kinds {
			run := p.lineRun(f.asset, a, k.GetKind())
			if run == "" {
				continue
			}
			ranges = append(ranges, store.Range{Asset: f.asset, Run: run, Kind: k.GetKind(), From: schema.Time(a.GetStart()) - longestLine, To: schema.Time(a.GetEnd())})
			of = append(of, f)
		}
	}
	if len(ranges) == 0 {
		return nil
	}
	found, err := g.deps.Store.Starting(ctx, ranges)
	if err != nil {
		return fmt.Errorf("reading the lines in other languages: %w", err)
	}
	for i, some := range found {
		f := of[i]
		a := p.quoted(f)
		f.beside = append(f.beside, slices.DeleteFunc(some, func(b *pb.Annotation) bool {
			return b.GetText() == "" || b.GetLanguage() == a.GetLanguage() || !sameTime(schema.IntervalOf(a), schema.IntervalOf(b)) || !f.Overlaps(schema.IntervalOf(b))
		})...)
	}
	return nil
}

// lineRun returns the run in which lines of a kind beside an annotation are looked for; "" where the query sees none.
func (p *processed) lineRun(asset string, a *pb.Annotation, kind string) string {
	if a.GetKind() == kind {
		return a.GetRun()
	}
	algorithm := p.view.Kind(kind).Algorithm
	if run := p.snap.asset(asset).run(algorithm); run != "" && p.scope.Has(run) && p.profile.Asks(algorithm) {
		return run
	}
	return ""
}

// sameTime reports whether two lines are said at the same time.
func sameTime(a, b schema.Interval) bool {
	return a.Overlaps(b) && 2*a.Intersect(b).Duration() >= min(a.Duration(), b.Duration())
}

// quoted returns the annotation of the line that a moment lands on; nil where the moment lands on no line, or the line was collected.
func (p *processed) quoted(f *filling) *pb.Annotation {
	i := slices.Index(f.shown, f.lead)
	if i < 0 || f.behind[i].collected {
		return nil
	}
	if a := f.behind[i].about; p.view.Kind(a.GetKind()).GetQuoted() {
		return a
	}
	return nil
}

// preferred returns the index of the language that a person likes best, where the person understands it: "en" is understood by who asks for
// "en-GB", and the other way round. -1 is for none.
func preferred(want, have []string) int {
	tags := make([]language.Tag, len(have))
	for i, h := range have {
		tags[i] = language.Make(h) // an unknown tag is no language that anybody asks for
	}
	for _, w := range want {
		if i := slices.Index(have, w); i >= 0 {
			return i
		}
		if _, i, sure := language.NewMatcher(tags).Match(language.Make(w)); sure >= language.High {
			return i
		}
	}
	return -1
}

// told returns the annotations of the lines of a hit, the first first. a is the line that matched.
func (p *processed) told(f *filling, a *pb.Annotation) []*pb.Annotation {
	lines := []*pb.Annotation{a}
	if len(f.beside) == 0 {
		return lines
	}
	have := []string{a.GetLanguage()}
	for _, b := range f.beside {
		if !slices.Contains(have, b.GetLanguage()) {
			have = append(have, b.GetLanguage())
		}
	}
	if i := preferred(p.languages, have); i > 0 {
		lines = append([]*pb.Annotation{f.besideIn(have[i], a)}, lines...)
	}
	audio := p.snap.asset(f.asset).asset().GetAudio()
	if len(audio) == 0 || len(lines) == 1 {
		return lines
	}
	own := preferred([]string{audio[0].GetLanguage()}, have)
	if own > 0 && have[own] != lines[0].GetLanguage() {
		lines = append(lines, f.besideIn(have[own], a))
	}
	return lines
}

// besideIn returns the line in a language that shares the most time with the line that matched, the first of several.
func (f *filling) besideIn(tag string, a *pb.Annotation) (best *pb.Annotation) {
	iv, most := schema.IntervalOf(a), schema.Time(-1)
	for _, b := range f.beside {
		if b.GetLanguage() != tag {
			continue
		}
		if shared := iv.Intersect(schema.IntervalOf(b)).Duration(); shared > most {
			best, most = b, shared
		}
	}
	return best
}

// line makes a line of a hit, with the words of every part of the query marked that found the line that matched.
func (g *Gateway) line(a *pb.Annotation, said []spokenEvidence, matched bool) *pb.HitLine {
	l := &pb.HitLine{Text: a.GetText(), Language: a.GetLanguage(), Character: a.GetCharacter(), Start: a.GetStart(), End: a.GetEnd(),
		Run: a.GetRun(), Ordinal: a.GetOrdinal(), Matched: matched}
	var marks [][2]int
	for _, s := range said {
		if s.part.space == "" {
			marks = append(marks, g.marks(search.TextQuery{Mode: s.part.mode, Words: s.part.text}, l.GetText(), l.GetLanguage())...)
		}
	}
	slices.SortFunc(marks, func(a, b [2]int) int { return cmp.Compare(a[0], b[0]) })
	for _, r := range marks {
		start, end := int32(r[0]), int32(r[1])
		if n := len(l.Marks); n > 0 && start < l.Marks[n-1].End { // two parts found the same words
			l.Marks[n-1].End = max(l.Marks[n-1].End, end)
			continue
		}
		l.Marks = append(l.Marks, &pb.TextRange{Start: start, End: end})
	}
	return l
}
