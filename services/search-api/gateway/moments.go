package gateway

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// A moment is an interval of an asset with the reasons why the moment was found.
//
// The functions of this file evaluate a query over the best candidates of each part: queries of one leaf, and the near band of other
// queries. plan.go evaluates a query over whole sets. The functions take and return lists:
//
//   - A list is in the order of byScore.
//   - A list holds no two moments of the same asset and interval.
//   - No function changes a moment of a list that was given. The moments of the result are new.
type moment struct {
	asset string
	schema.Interval
	score float64
	// lead is the evidence that the moment lands on. The annotation behind lead gives the hit its text. The interval of lead covers the
	// moment, or covers the side of a WITHIN to which lead belongs.
	lead     evidence
	evidence []evidence
	// near says that the moment stands behind the matches of a query that is evaluated over whole sets.
	near bool
}

// evidence is one searcher's hit behind a moment.
type evidence struct {
	part *part
	search.Hit
	rank       int // in its part, from 1
	confidence float32
	strength   float32 // for fusion by weight
	standing   standing
	region     *pb.Region // of the annotation, where a query compares regions
}

// A standing says how surely a piece of evidence is a line that the query asks for. A moment lands on a line rather than on a shot: a
// shot may last ten minutes.
type standing int

const (
	nearShot  standing = iota // a picture or a label, not called a match
	nearLine                  // a line that has some of the words, or whose meaning is not called a match
	seenShot                  // a picture or a label that is called a match
	meantLine                 // a line whose meaning is called a match
	heardLine                 // a line of a second source that has all of the words
	saidLine                  // a line that has all of the words
)

// line reports whether the evidence is a line, and not a shot.
func (s standing) line() bool { return s != nearShot && s != seenShot }

// standingOf is the standing of a hit of the part, of this kind and with this confidence.
func standingOf(pt *part, kind string, confidence float32) standing {
	line, match := pt.About.GetQuoted(), confidence >= pt.match()
	switch {
	case line && match && pt.second(kind):
		return heardLine
	case line && match && pt.space == "":
		return saidLine
	case line && match:
		return meantLine
	case line:
		return nearLine
	case match:
		return seenShot
	}
	return nearShot
}

type place struct {
	asset string
	schema.Interval
}

func (m *moment) place() place { return place{m.asset, m.Interval} }

func byScore(a, b *moment) int {
	return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.lead.standing, a.lead.standing), cmp.Compare(a.asset, b.asset), a.Compare(b.Interval))
}

func byTime(a, b *moment) int {
	return cmp.Or(cmp.Compare(a.asset, b.asset), a.Compare(b.Interval), cmp.Compare(b.score, a.score))
}

// byRank is the order in which evidence is shown.
func byRank(a, b evidence) int {
	return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.part.number, b.part.number), cmp.Compare(a.Run, b.Run), cmp.Compare(a.Ordinal, b.Ordinal))
}

// leading returns the evidence on which a moment lands that needs both a and b: a line before a shot, then the surer standing.
func leading(a, b evidence) evidence {
	if a.standing.line() != b.standing.line() {
		if a.standing.line() {
			return a
		}
		return b
	}
	if cmp.Or(cmp.Compare(b.standing, a.standing), byEvidence(a, b)) <= 0 {
		return a
	}
	return b
}

// byEvidence is byRank for evidence that may be missing. Missing evidence goes last.
func byEvidence(a, b evidence) int {
	switch {
	case b.part == nil:
		return -1
	case a.part == nil:
		return 1
	}
	return byRank(a, b)
}

// support returns the evidence of two moments together: the best of each part, run and language. A shot has several pictures, and all of
// the pictures together say no more than the best picture.
func support(a, b []evidence) []evidence {
	out := slices.Clone(a)
	for _, e := range b {
		i := slices.IndexFunc(out, func(o evidence) bool { return o.part == e.part && o.Run == e.Run && o.Language == e.Language })
		switch {
		case i < 0:
			out = append(out, e)
		case byRank(e, out[i]) < 0:
			out[i] = e
		}
	}
	return out
}

// settled collects moments. Moments at the same place become a single moment with the better score.
type settled map[place]*moment

func (s settled) add(asset string, iv schema.Interval, score float64, a, b *moment) {
	added := &moment{asset: asset, Interval: iv, score: score, lead: leading(a.lead, b.lead), evidence: support(a.evidence, b.evidence)}
	m := s[added.place()]
	if m == nil {
		s[added.place()] = added
		return
	}
	// Of equal scores, the lead does not depend on which moment was added first.
	switch c := cmp.Compare(added.score, m.score); {
	case c > 0:
		m.score, m.lead = added.score, added.lead
	case c == 0:
		m.lead = leading(m.lead, added.lead)
	}
	m.evidence = support(m.evidence, added.evidence)
}

func (s settled) list() []*moment { return slices.SortedFunc(maps.Values(s), byScore) }

const (
	// maxMoments bounds the moments of a list. The best moments are kept.
	maxMoments = 5000
	// maxSteps bounds the pairs that are compared for one query, weighed by the evidence of each: about a second of work.
	maxSteps = 2_000_000
)

// A tally counts the work on one query. After the limit of steps, and once the caller has gone away, err is set and each function of the
// algebra returns at once.
type tally struct {
	ctx   context.Context
	steps int
	limit int // of steps; 0 is maxSteps
	fusion
	err error
	// cut says that an inner part had more than maxMoments moments, and only the best were kept.
	cut bool
}

// spend counts n steps and reports whether the work may go on.
func (t *tally) spend(n int) bool {
	const rarely = 1 << 12
	before := t.steps
	t.steps += n
	switch {
	case t.err != nil:
	case t.steps > cmp.Or(t.limit, maxSteps):
		t.err = errkind.New(errkind.Invalid, "query: its parts meet in more than %d ways; ask for less at once, or narrow it by title", maxSteps)
	case before/rarely != t.steps/rarely && t.ctx.Err() != nil:
		t.err = errkind.New(errkind.Cancelled, "the caller went away: %w", t.ctx.Err())
	}
	return t.err == nil
}

// best returns the best maxMoments of a list, and sets cut if the list was longer.
func (t *tally) best(ms []*moment) []*moment {
	if len(ms) > maxMoments {
		t.cut = true
		return ms[:maxMoments]
	}
	return ms
}

// trim drops all but the best maxMoments once s holds twice as many. Scores only grow, so a moment that is among the best at the end is
// among the best at each trim.
func (t *tally) trim(s settled) {
	if len(s) < 2*maxMoments {
		return
	}
	for _, m := range s.list()[maxMoments:] {
		delete(s, m.place())
	}
	t.cut = true
}

// A timeline is the moments of one asset by start.
type timeline struct {
	moments []*moment
	ends    []schema.Time // the latest end of the moments up to each
}

func timelines(ms []*moment) map[string]*timeline {
	lines := map[string]*timeline{}
	for _, m := range ms {
		l := lines[m.asset]
		if l == nil {
			l = &timeline{}
			lines[m.asset] = l
		}
		l.moments = append(l.moments, m)
	}
	for _, l := range lines {
		slices.SortFunc(l.moments, byTime)
		last := schema.MinTime
		for _, m := range l.moments {
			last = max(last, m.End)
			l.ends = append(l.ends, last)
		}
	}
	return lines
}

// around returns every moment at most gap away from iv, and possibly others: the moments from the first that ends at or after iv.Start - gap
// to the last that starts at or before iv.End + gap.
func (l *timeline) around(iv schema.Interval, gap schema.Time) []*moment {
	if l == nil {
		return nil
	}
	from, _ := slices.BinarySearch(l.ends, iv.Start-gap)
	to, _ := slices.BinarySearchFunc(l.moments, iv.End+gap+1, func(m *moment, t schema.Time) int { return cmp.Compare(m.Start, t) })
	return l.moments[min(from, to):to]
}

// allOf is And: the time that a moment of a and a moment of b share.
func (t *tally) allOf(a, b []*moment) []*moment {
	lines, out := timelines(b), settled{}
	for _, x := range a {
		for _, y := range lines[x.asset].around(x.Interval, 0) {
			if !t.spend(1 + len(x.evidence)*len(y.evidence)) {
				return nil
			}
			if iv := x.Intersect(y.Interval); !iv.Empty() {
				out.add(x.asset, iv, t.join(x.score, y.score), x, y)
				t.trim(out)
			}
		}
	}
	return t.best(out.list())
}

// closeBy is Within: the hull of a moment of a and the best moment of b at most gap away. Other moments of b are left out, so that a
// talkative scene does not fill the answer.
func (t *tally) closeBy(a, b []*moment, gap schema.Time) []*moment {
	lines, out := timelines(b), settled{}
	for _, x := range a {
		var best *moment
		for _, y := range lines[x.asset].around(x.Interval, gap) {
			if !t.spend(1) {
				return nil
			}
			if x.Gap(y.Interval) <= gap && (best == nil || byScore(y, best) < 0) {
				best = y
			}
		}
		if best != nil {
			out.add(x.asset, x.Hull(best.Interval), t.join(x.score, best.score), x, best)
			t.trim(out)
		}
	}
	return t.best(out.list())
}

// without returns the moments of a that overlap no moment of b.
func (t *tally) without(a, b []*moment) []*moment {
	lines := timelines(b)
	return slices.DeleteFunc(slices.Clone(a), func(x *moment) bool {
		return slices.ContainsFunc(lines[x.asset].around(x.Interval, 0), func(y *moment) bool { return !t.spend(1) || x.Overlaps(y.Interval) })
	})
}

// anyOfThem is Or.
//
//   - Moments that are the same moment (see sameMoment) become a single moment.
//   - The moment lands on the moment with the best score, or on a line that the query asks for (see leads).
//   - Each list adds the best score among its moments, once.
func (t *tally) anyOfThem(lists ...[]*moment) []*moment {
	var all []listed
	for i, ms := range lists {
		for _, m := range ms {
			all = append(all, listed{m, i})
		}
	}
	slices.SortStableFunc(all, func(a, b listed) int { return byScore(a.moment, b.moment) })
	out := t.fold(all)
	slices.SortFunc(out, byScore)
	return t.best(out)
}

// listed is a moment with the number of the list that the moment is in.
type listed struct {
	*moment
	list int
}

// fold makes new moments of moments in the order of byScore, of which those that are the same moment become one.
func (t *tally) fold(all []listed) (out []*moment) {
	assets := map[string]*merging{}
	for _, m := range all {
		l := assets[m.asset]
		if l == nil {
			l = &merging{}
			assets[m.asset] = l
		}
		from, _ := slices.BinarySearchFunc(l.kept, m.Start-l.longest, startsAt)
		to, _ := slices.BinarySearchFunc(l.kept, m.End, startsAt)
		var best *supported
		if !t.spend(1 + max(to-from, 0) + len(m.evidence)) {
			return nil
		}
		for _, k := range l.kept[min(from, to):to] {
			if sameMoment(k.moment, m.moment) && (best == nil || closer(m.Interval, k, best)) {
				best = k
			}
		}
		bit := uint64(1) << m.list
		if best == nil {
			kept := &moment{asset: m.asset, Interval: m.Interval, score: m.score, lead: m.lead, evidence: slices.Clone(m.evidence)}
			l.keep(&supported{kept, len(out), bit})
			out = append(out, kept)
			continue
		}
		if leads(m.moment, best.moment) {
			l.drop(best)
			best.Interval, best.lead = m.Interval, m.lead
			l.keep(best)
		}
		if best.lists&bit == 0 {
			best.lists |= bit
			best.score = t.join(best.score, m.score)
		}
		if !t.spend(len(best.evidence) * len(m.evidence)) {
			return nil
		}
		best.evidence = support(best.evidence, m.evidence)
	}
	return out
}

// supported is a moment that fold keeps, with the lists that support it.
type supported struct {
	*moment
	number int // in the order in which they were kept
	lists  uint64
}

// closer reports whether a moment at iv joins k rather than l: k is at the same interval, or else was kept first.
func closer(iv schema.Interval, k, l *supported) bool {
	if (k.Interval == iv) != (l.Interval == iv) {
		return k.Interval == iv
	}
	return k.number < l.number
}

// merging is the kept moments of one asset by start. longest is the length of the longest kept moment: a kept moment that shares time with
// iv starts at or after iv.Start - longest.
type merging struct {
	kept    []*supported
	longest schema.Time
}

func startsAt(k *supported, t schema.Time) int { return cmp.Compare(k.Start, t) }

func (l *merging) keep(k *supported) {
	i, _ := slices.BinarySearchFunc(l.kept, k.Start, startsAt)
	l.kept = slices.Insert(l.kept, i, k)
	l.longest = max(l.longest, k.Duration())
}

func (l *merging) drop(k *supported) {
	i := slices.Index(l.kept, k)
	l.kept = slices.Delete(l.kept, i, i+1)
}

// sameMoment reports whether two moments are one.
//
//   - Two lines: if the lines share half of the shorter line. A translation is cut at other times.
//   - Two shots: if the shots share half of the longer shot. A scene is no place to land on for the shots of the scene.
//   - A shot and a line that the query asks for: if both share half of the shorter interval. The shot supports the line.
//   - A shot and any other line: if both have the same interval. Otherwise, the line is said during the shot by chance.
func sameMoment(a, b *moment) bool {
	x, y := a.lead.standing, b.lead.standing
	of := min(a.Duration(), b.Duration())
	switch {
	case !x.line() && !y.line():
		of = max(a.Duration(), b.Duration())
	case x.line() != y.line() && max(x, y) < meantLine:
		return a.Interval == b.Interval
	}
	return a.Overlaps(b.Interval) && 2*a.Intersect(b.Interval).Duration() >= of
}

// leads reports whether the moment of m and k lands on m, although k has the better score.
func leads(m, k *moment) bool {
	return m.lead.standing >= meantLine && m.lead.standing > k.lead.standing
}

// rrfK is the constant of reciprocal rank fusion (Cormack, Clarke & Büttcher, SIGIR 2009). The constant damps the first ranks, so that two
// searchers that agree outweigh the favourite of a single searcher.
const rrfK = 60

// someWords is the weight of a hit on some of the words beside a hit on all of the words, and the confidence of such a hit. The weight was
// chosen on the subtitles of Elephants Dream, where a larger weight pushes meaning aside across languages.
const someWords = 0.1

func rrf(weight float64, rank int) float64 { return weight / float64(rrfK+rank) }

// An evaluation makes the moments of a tree from the candidates of the searchers. A part that failed has no candidates: under a NOT, the
// moments of the part stay, and the answer names the part.
type evaluation struct {
	*found
	*tally
	p *processed
	// snap says which interval a hit stands for.
	snap func(*part, search.Hit) schema.Interval
	// unwanted returns the moments of a NOT that overlap moments; false where the candidates of the NOT stand for the NOT. unwanted MAY
	// be nil.
	unwanted func(not *pb.Query, ms []*moment) ([]*moment, bool)
}

// all returns the moments of the whole query. In the order of scores, pages end before maxMoments. So no page misses a moment if only the
// outermost part is cut, and cut stays as the inner parts left it.
func (e evaluation) all() []*moment {
	or := e.p.tree.GetOr()
	if or == nil || e.p.byTime {
		return e.of(e.p.tree, false)
	}
	var lists [][]*moment
	for _, c := range or.GetQueries() {
		lists = append(lists, e.of(c, false))
	}
	inner := e.cut
	ms := e.anyOfThem(lists...)
	e.cut = inner
	return ms
}

// of returns the moments of q. sure leaves out the hits that are not called matches.
func (e evaluation) of(q *pb.Query, sure bool) []*moment {
	switch n := q.GetNode().(type) {
	case *pb.Query_Leaf:
		return e.leaf(n.Leaf, sure)
	case *pb.Query_Or:
		var lists [][]*moment
		for _, c := range n.Or.GetQueries() {
			lists = append(lists, e.of(c, sure))
		}
		return e.anyOfThem(lists...)
	case *pb.Query_Within:
		return e.closeBy(e.of(n.Within.GetLeft(), sure), e.of(n.Within.GetRight(), sure), schema.Time(n.Within.GetGap()))
	case *pb.Query_And:
		var wanted, unwanted []*pb.Query
		for _, c := range n.And.GetQueries() {
			if not := c.GetNot(); not != nil {
				unwanted = append(unwanted, not.GetQuery())
			} else {
				wanted = append(wanted, c)
			}
		}
		ms := e.of(wanted[0], sure)
		for _, c := range wanted[1:] {
			ms = e.allOf(ms, e.of(c, sure))
		}
		for _, c := range unwanted {
			ms = e.without(ms, e.not(c, ms))
		}
		return ms
	}
	return nil
}

// not returns the moments that a NOT takes away from ms. A list of neighbours has no end, so only matches are taken away.
func (e evaluation) not(q *pb.Query, ms []*moment) []*moment {
	if e.unwanted != nil {
		if out, ok := e.unwanted(q, ms); ok {
			return out
		}
	}
	return e.of(q, true)
}

// leaf fuses the sources of one leaf. A leaf that tests annotations, or asks for the same shot, is evaluated over whole sets alone.
func (e evaluation) leaf(l *pb.Leaf, sure bool) []*moment {
	if tested(l) || l.GetSame() {
		return nil
	}
	var lists [][]*moment
	for _, pt := range e.parts {
		if pt.leaf != l {
			continue
		}
		weight := pt.weighs()
		least := max(pt.cutoff(), pt.filter.MinConfidence)
		if sure {
			least = max(least, pt.match())
		}
		at := map[place]*moment{}
		var ms []*moment
		hits := e.hits[pt]
		said := saidBy(pt, hits)
		for i, h := range hits {
			run, ok := e.p.snap.run(h.Run)
			if !ok || !e.p.scope.Has(h.Run) { // cannot be: engines answer within the scope
				continue
			}
			confidence := pt.confidence(i, h.Score)
			if confidence < least {
				continue
			}
			pl := place{run.id, e.snap(pt, h)}
			if pt.second(h.Kind) {
				pl.Interval = said[saidPlace{h.Asset, pt.whole(i)}].of(pl.Interval)
			}
			m, first := at[pl], at[pl] == nil
			strong := strength(pt, confidence, h.Score, hits[0].Score)
			if first {
				worth := weight
				if !pt.whole(i) {
					worth *= someWords
				}
				m = &moment{asset: pl.asset, Interval: pl.Interval, score: e.worth(worth, len(ms)+1, strong)}
				at[pl] = m
				ms = append(ms, m)
			}
			ev := evidence{part: pt, Hit: h, rank: len(ms), confidence: confidence, strength: strong, standing: standingOf(pt, h.Kind, confidence)}
			if first || ev.surer(m.lead) {
				m.lead = ev
			}
			m.evidence = support(m.evidence, []evidence{ev})
		}
		slices.SortFunc(ms, byScore)
		lists = append(lists, ms)
	}
	if len(lists) == 1 {
		return lists[0]
	}
	return e.anyOfThem(lists...)
}
