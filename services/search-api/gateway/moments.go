package gateway

import (
	"cmp"
	"slices"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// A moment is an interval of an asset with why it was found. The functions of
// this file are the interval algebra over lists of them; every list is in the
// order of byScore and holds no two moments of the same asset and interval.
type moment struct {
	asset string
	schema.Interval
	score    float64
	evidence []evidence
}

// evidence is one searcher's hit behind a moment.
type evidence struct {
	part *part
	search.Hit
	rank       int // in its part, from 1
	confidence float32
}

type place struct {
	asset string
	schema.Interval
}

func (m *moment) place() place { return place{m.asset, m.Interval} }

func byScore(a, b *moment) int {
	return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.asset, b.asset), a.Compare(b.Interval))
}

func byTime(a, b *moment) int {
	return cmp.Or(cmp.Compare(a.asset, b.asset), a.Compare(b.Interval), cmp.Compare(b.score, a.score))
}

// together makes one moment of an interval that two moments support.
func together(a, b *moment, iv schema.Interval) *moment {
	return &moment{asset: a.asset, Interval: iv, score: a.score + b.score,
		evidence: append(slices.Clone(a.evidence), b.evidence...)}
}

// settle puts moments in order and makes one of those at the same place, keeping the better score.
func settle(ms []*moment) []*moment {
	slices.SortFunc(ms, byScore)
	at := map[place]*moment{}
	out := ms[:0]
	for _, m := range ms {
		if kept := at[m.place()]; kept != nil {
			kept.evidence = mergeEvidence(kept.evidence, m.evidence)
			continue
		}
		at[m.place()] = m
		out = append(out, m)
	}
	return out
}

func mergeEvidence(a, b []evidence) []evidence {
	type item struct {
		part    *part
		run     string
		ordinal int64
	}
	have := map[item]bool{}
	for _, e := range a {
		have[item{e.part, e.Run, e.Ordinal}] = true
	}
	for _, e := range b {
		if k := (item{e.part, e.Run, e.Ordinal}); !have[k] {
			have[k] = true
			a = append(a, e)
		}
	}
	return a
}

// byAsset sorts each asset's moments by start, for sweeping over them.
func byAsset(ms []*moment) map[string][]*moment {
	m := map[string][]*moment{}
	for _, x := range ms {
		m[x.asset] = append(m[x.asset], x)
	}
	for _, xs := range m {
		slices.SortFunc(xs, byTime)
	}
	return m
}

// near calls f for each pair of the two lists in the same asset at most gap apart,
// 0 meaning that they share some time.
func near(a, b []*moment, gap schema.Time, touching bool, f func(x, y *moment)) {
	others := byAsset(b)
	for _, x := range a {
		ys := others[x.asset]
		// No interval that starts after x.End+gap is near; earlier ones may be long, so all are looked at up to there.
		n, _ := slices.BinarySearchFunc(ys, x.End+gap, func(y *moment, t schema.Time) int {
			if y.Start > t {
				return 1
			}
			return -1
		})
		for _, y := range ys[:n] {
			if touching && x.Gap(y.Interval) <= gap || !touching && x.Overlaps(y.Interval) {
				f(x, y)
			}
		}
	}
}

// maxMoments bounds what a pairing may grow to; the best are kept.
const maxMoments = 20_000

// allOf is And: the time that moments of both share.
func allOf(a, b []*moment) []*moment {
	var out []*moment
	near(a, b, 0, false, func(x, y *moment) { out = append(out, together(x, y, x.Intersect(y.Interval))) })
	out = settle(out)
	return out[:min(len(out), maxMoments)]
}

// closeBy is Within: the span of moments of both that are at most gap apart.
// Each moment of a is paired with the best of b near it, so that a talkative scene does not fill the answer.
func closeBy(a, b []*moment, gap schema.Time) []*moment {
	best := map[*moment]*moment{}
	near(a, b, gap, true, func(x, y *moment) {
		if o := best[x]; o == nil || byScore(y, o) < 0 {
			best[x] = y
		}
	})
	out := make([]*moment, 0, len(best))
	for _, x := range a {
		if y := best[x]; y != nil {
			out = append(out, together(x, y, x.Hull(y.Interval)))
		}
	}
	return settle(out)
}

// without takes away what overlaps a moment of b.
func without(a, b []*moment) []*moment {
	gone := map[*moment]bool{}
	near(a, b, 0, false, func(x, _ *moment) { gone[x] = true })
	return slices.DeleteFunc(slices.Clone(a), func(m *moment) bool { return gone[m] })
}

// anyOfThem is Or: overlapping moments of the same asset become one, at the interval
// of the best of them, since that is where to land; each list that supports it adds its score once.
func anyOfThem(lists ...[]*moment) []*moment {
	var all []*moment
	from := map[*moment]int{}
	for i, ms := range lists {
		for _, m := range ms {
			from[m] = i
			all = append(all, m)
		}
	}
	slices.SortFunc(all, byScore)
	type supported struct {
		*moment
		lists map[int]bool
	}
	kept := map[string][]*supported{}
	var out []*moment
	for _, m := range all {
		absorbed := false
		for _, k := range kept[m.asset] {
			if !sameMoment(k.Interval, m.Interval) {
				continue
			}
			if !k.lists[from[m]] { // the best of each list counts, the rest is the same thing again
				k.lists[from[m]] = true
				k.score += m.score
			}
			k.evidence = mergeEvidence(k.evidence, m.evidence)
			absorbed = true
			break
		}
		if !absorbed {
			c := *m
			c.evidence = slices.Clone(m.evidence)
			kept[m.asset] = append(kept[m.asset], &supported{&c, map[int]bool{from[m]: true}})
			out = append(out, &c)
		}
	}
	slices.SortFunc(out, byScore)
	return out
}

// sameMoment: two intervals are one moment where they share half of the shorter one.
func sameMoment(a, b schema.Interval) bool {
	return 2*a.Intersect(b).Duration() >= min(a.Duration(), b.Duration()) && a.Overlaps(b)
}

// fused is reciprocal-rank fusion (Cormack, Clarke & Büttcher, SIGIR 2009) of the
// sources of one leaf: k damps the first ranks, so that one searcher's favourite does not outweigh two that agree.
const rrfK = 60

func rrf(weight float64, rank int) float64 { return weight / float64(rrfK+rank) }

// matches evaluates a tree over what the searchers answered.
func (f *found) matches(p *processed, q *pb.Query, snap func(*part, search.Hit) schema.Interval) []*moment {
	eval := func(c *pb.Query) []*moment { return f.matches(p, c, snap) }
	switch n := q.GetNode().(type) {
	case *pb.Query_Leaf:
		return f.leaf(n.Leaf, p, snap)
	case *pb.Query_Or:
		var lists [][]*moment
		for _, c := range n.Or.GetQueries() {
			lists = append(lists, eval(c))
		}
		return anyOfThem(lists...)
	case *pb.Query_Within:
		return closeBy(eval(n.Within.GetLeft()), eval(n.Within.GetRight()), schema.Time(n.Within.GetGap()))
	case *pb.Query_And:
		var ms []*moment
		first := true
		for _, c := range n.And.GetQueries() {
			if c.GetNot() != nil {
				continue
			}
			if first {
				ms, first = eval(c), false
			} else {
				ms = allOf(ms, eval(c))
			}
		}
		for _, c := range n.And.GetQueries() {
			if not := c.GetNot(); not != nil {
				ms = without(ms, certain(eval(not.GetQuery())))
			}
		}
		return ms
	}
	return nil
}

// certain keeps what may be taken away by a NOT: a list of neighbours has no end, so
// only those count that are called a match.
func certain(ms []*moment) []*moment {
	return slices.DeleteFunc(slices.Clone(ms), func(m *moment) bool {
		return !slices.ContainsFunc(m.evidence, func(e evidence) bool { return e.confidence >= matchConfidence })
	})
}

// leaf fuses the sources of one leaf.
func (f *found) leaf(l *pb.Leaf, p *processed, snap func(*part, search.Hit) schema.Interval) []*moment {
	var lists [][]*moment
	for _, pt := range f.parts {
		if pt.leaf != l {
			continue
		}
		at := map[place]*moment{}
		var ms []*moment
		for _, h := range f.hits[pt] {
			run := p.snap.runs[h.Run]
			if run == nil { // cannot be: engines answer within the scope
				continue
			}
			confidence := pt.confidence(h.Score)
			if pt.calibration != nil && confidence < pt.calibration.cutoff {
				continue
			}
			iv := snap(pt, h)
			pl := place{run.GetAsset(), iv}
			m := at[pl]
			if m == nil {
				m = &moment{asset: pl.asset, Interval: iv}
				at[pl] = m
				ms = append(ms, m)
				weight := pt.weight
				if w := l.GetWeight(); w > 0 {
					weight *= float64(w)
				}
				m.score = rrf(weight, len(ms))
			}
			m.evidence = append(m.evidence, evidence{part: pt, Hit: h, rank: len(ms), confidence: confidence})
		}
		lists = append(lists, ms)
	}
	if len(lists) == 1 {
		slices.SortFunc(lists[0], byScore)
		return lists[0]
	}
	return anyOfThem(lists...)
}
