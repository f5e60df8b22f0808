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
	words := Question(q.Words)
	typed := ""
	if q.Mode == search.Prefix {
		words, typed = lang.LastWord(words)
	}
	var asked []string
	for _, tok := range lang.Words.Analyze(slices.Clone(words)) {
		if term := string(tok.Term); len(asked) < MaxWords && !slices.Contains(asked, term) {
			asked = append(asked, term)
		}
	}
	body := Clean(in)
	var ranges [][2]int
	mark := func(start, end int) {
		if 0 <= start && start < end && end <= len(in) {
			ranges = append(ranges, [2]int{start, end})
		}
	}
	for _, tok := range lang.Words.Analyze(slices.Clone(body)) {
		term := string(tok.Term)
		if slices.ContainsFunc(asked, func(word string) bool {
			return word == term || q.Mode == search.Fuzzy && near(word, term)
		}) {
			mark(tok.Start, tok.End)
		}
	}
	if typed != "" {
		for _, tok := range lang.Typed.Analyze(slices.Clone(body)) {
			if strings.HasPrefix(string(tok.Term), typed) {
				mark(tok.Start, tok.End)
			}
		}
	}
	return disjoint(ranges)
}

func near(word, term string) bool {
	return levenshtein.ComputeDistance(word, term) <= int(AllowedDistance(word))
}

// disjoint orders ranges and joins those that overlap.
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
