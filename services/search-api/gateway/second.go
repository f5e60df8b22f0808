package gateway

import (
	"cmp"
	"math"
	"slices"

	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/search"
)

// Second sources (ADR 123). Speech to text says again what subtitles say, and says what no subtitle says. A source of words that is second to another source
// (AnswerSpec.second_to) is asked together with the first source:
//
//   - Both sources are one part: one question to the engine, one line of an explanation, one entry of SearchResponse.ran. All lines are ranked together,
//     and the score of a line of the second source counts by its trust.
//   - A line of the second source stands for the line of the first source that shares the most time with it, of the lines that match as well and that share half
//     of the shorter. A line of the second source that has no such line stands for itself.
//   - A moment of both lands on the line of the first source. The line of the second source is further evidence.
//   - Lines longer than longestSaid stand for themselves.

// longestSaid bounds the lines that are compared. A line in a window, a line that shares time with that line, and a further line that shares time with the second
// are at most twice so far apart.
const longestSaid = 15 * schema.Second

// together makes one source of a source of words and of the sources that are second to it. A second source without a run in sight is left out beside the
// first source.
func together(list []weighted, stands func(algorithm, other string) (some, all bool)) (out []weighted) {
	second := func(w weighted) bool { return w.GetSecondTo() != "" && w.GetSpace() == "" }
	for _, w := range list {
		if !second(w) {
			out = append(out, w)
		}
	}
	for _, w := range list {
		if !second(w) {
			continue
		}
		i := slices.IndexFunc(out, func(o weighted) bool {
			return o.GetSpace() == "" && o.GetKind() == w.GetSecondTo() && o.GetField() == w.GetField() && o.weight == w.weight && !o.standsForShot()
		})
		if i < 0 {
			out = append(out, w)
			continue
		}
		if some, _ := stands(w.Algorithm, ""); some {
			out[i].seconds = append(out[i].seconds, w.Source)
		}
	}
	return out
}

// kinds are the kinds of annotation that a source of words is looked for in.
func (s source) kinds() []string {
	out := []string{s.GetKind()}
	for _, o := range s.seconds {
		out = append(out, o.GetKind())
	}
	return out
}

// secondOf returns the second source of a kind; nil where no second source has the kind.
func (s source) secondOf(kind string) *catalog.Source {
	for _, o := range s.seconds {
		if o.GetKind() == kind {
			return o
		}
	}
	return nil
}

// second reports whether a kind is of a second source.
func (s source) second(kind string) bool { return s.secondOf(kind) != nil }

// trust is what the score of a hit of a kind counts.
func (s source) trust(kind string) float64 {
	if o := s.secondOf(kind); o != nil {
		return cmp.Or(o.GetTrust(), 1)
	}
	return 1
}

// weigh gives hits of a part the scores that count, and puts the hits in the order of the scores.
func (pt *part) weigh(hits []search.Hit) {
	if len(pt.seconds) == 0 {
		return
	}
	for i := range hits {
		hits[i].Score *= pt.trust(hits[i].Kind)
	}
	slices.SortFunc(hits, search.CompareHits)
}

// kind is the kind of annotation that the evidence stands for.
func (e evidence) kind() string {
	if len(e.part.seconds) > 0 {
		return e.Kind
	}
	return e.part.GetKind()
}

// surer reports whether evidence of the same part and place is led by before o.
func (e evidence) surer(o evidence) bool {
	return e.standing > o.standing || e.standing == o.standing && e.part.second(o.Kind) && !e.part.second(e.Kind)
}

// A saidPlace is where lines of a second source look for lines of the first: an asset, and whether the lines have all of the words.
type saidPlace struct {
	asset string
	whole bool
}

// saidLines are the intervals of lines of a first source in one asset, in the order of starts.
type saidLines []schema.Interval

// saidBy returns the lines of the first source of a part. A line with all of the words stands for lines with some of the words, too.
func saidBy(pt *part, hits []search.Hit) map[saidPlace]saidLines {
	if len(pt.seconds) == 0 {
		return nil
	}
	said := map[saidPlace]saidLines{}
	for i, h := range hits {
		if pt.second(h.Kind) || h.Interval.Duration() > longestSaid {
			continue
		}
		said[saidPlace{h.Asset, false}] = append(said[saidPlace{h.Asset, false}], h.Interval)
		if pt.whole(i) {
			said[saidPlace{h.Asset, true}] = append(said[saidPlace{h.Asset, true}], h.Interval)
		}
	}
	for _, lines := range said {
		slices.SortFunc(lines, schema.Interval.Compare)
	}
	return said
}

// saidAmong returns the lines of the first source among the reasons of one asset.
func saidAmong(pt *part, all []reason) (said saidLines) {
	if len(pt.seconds) == 0 {
		return nil
	}
	for i := range all {
		if e := &all[i]; standing(e.standing) != heardLine && e.Duration() <= longestSaid {
			said = append(said, e.Interval)
		}
	}
	if !slices.IsSortedFunc(said, schema.Interval.Compare) {
		slices.SortFunc(said, schema.Interval.Compare)
	}
	return said
}

// of returns the interval that a line of a second source stands for: of the lines that share half of the shorter, the line that shares the most; of several such
// lines, the line that begins and ends first.
func (s saidLines) of(heard schema.Interval) schema.Interval {
	if heard.Duration() > longestSaid {
		return heard
	}
	best, most := heard, schema.Time(0)
	from, _ := slices.BinarySearchFunc(s, heard.Start-longestSaid, func(iv schema.Interval, t schema.Time) int { return cmp.Compare(iv.Start, t) })
	for _, iv := range s[from:] {
		if iv.Start >= heard.End {
			break
		}
		if shared := iv.Intersect(heard).Duration(); shared > most && 2*shared >= min(iv.Duration(), heard.Duration()) {
			best, most = iv, shared
		}
	}
	return best
}

// widened returns windows that begin and end further away, in order and without overlaps.
func widened(where []search.Window, by schema.Time) []search.Window {
	out := make([]search.Window, len(where))
	for i, x := range where {
		x.Interval.Start = max(x.Interval.Start-by, min(x.Interval.Start, 0))
		x.Interval.End = min(x.Interval.End, math.MaxInt64-by) + by
		out[i] = x
	}
	return unite(out)
}
