package words

import (
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/cinedex/cinedex/pkg/search"
)

// Marks finds the words of a question in a text, by the analysis that finds the text itself: see search.Searcher.
func (l *Languages) Marks(q search.TextQuery, in, tag string) [][2]int {
	lang := l.label
	if q.Field == search.FieldText {
		var err error
		if lang, err = l.Of(Canonical(tag)); err != nil {
			return nil
		}
	}
	asked, typed := lang.Ask(Question(q.Words), q.Mode)
	asked = asked[:min(len(asked), MaxWords)]
	wanted := map[string]bool{}
	for _, a := range asked {
		for _, t := range a.Terms {
			wanted[t.Term] = true
		}
	}
	if typed != nil {
		for _, t := range typed.Terms {
			wanted[t.Term] = true
		}
	}
	is := func(term string) bool {
		if wanted[term] {
			return true
		}
		if q.Mode == search.Fuzzy {
			return slices.ContainsFunc(asked, func(a Asked) bool { return near(a.Folded, strings.TrimPrefix(term, foldedSign)) })
		}
		return typed != nil && slices.ContainsFunc(typed.Begins, func(begin string) bool { return strings.HasPrefix(term, begin) })
	}
	s := &scan{}
	s.text(Clean(in), lang.style)
	var ranges [][2]int
	lang.each(s, func(term string, _, from, to int) {
		if is(term) {
			from, to = s.place(from, to)
			if 0 <= from && from < to && to <= len(in) {
				ranges = append(ranges, [2]int{from, to})
			}
		}
	})
	if typed != nil {
		ranges = append(ranges, lang.begun(s, typed, len(in))...)
	}
	return disjoint(ranges)
}

// begun finds the words of a text that begin with the typed word, though their terms may not.
func (l *Language) begun(s *scan, typed *Typed, size int) (ranges [][2]int) {
	for _, p := range s.pieces {
		if p.class.spaceless() {
			continue
		}
		bare := l.bare(s.letters[p.low:p.high])
		if strings.HasPrefix(string(bare), typed.Word) || strings.HasPrefix(foldedSign+string(l.folding.fold(bare)), typed.Begins[len(typed.Begins)-1]) {
			if from, to := s.place(p.from, p.to); to <= size {
				ranges = append(ranges, [2]int{from, to})
			}
		}
	}
	return ranges
}

func near(word, term string) bool {
	return levenshtein.ComputeDistance(word, term) <= int(AllowedDistance(word))
}

// disjoint orders ranges and joins overlapping ranges.
func disjoint(ranges [][2]int) [][2]int {
	slices.SortFunc(ranges, func(a, b [2]int) int { return a[0] - b[0] })
	var out [][2]int
	for _, r := range ranges {
		if n := len(out); n > 0 && r[0] < out[n-1][1] {
			out[n-1][1] = max(out[n-1][1], r[1])
		} else {
			out = append(out, r)
		}
	}
	return out
}
