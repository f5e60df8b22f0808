package gateway

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/profile"
	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/store"
)

// A calibration turns a similarity of a space into a confidence from 0 to 1: the share of right answers among judged pairs of the
// similarity, by a fitted logistic curve (Platt 1999). docs/benchmarks tells how the constants were found.
type calibration struct {
	middle float64 // the similarity at which half are right
	slope  float64
	// cutoff drops what is below this confidence; 0 keeps everything.
	cutoff float32
	match  float32 // the confidence from which on a hit is called a match
}

// matchConfidence is the confidence from which on a hit is called a match, where no calibration says another.
const matchConfidence = 0.5

// match is the confidence from which on a hit of the part is called a match.
func (pt *part) match() float32 {
	if pt.calibration == nil {
		return matchConfidence
	}
	return pt.calibration.match
}

// match reports whether the evidence is called a match.
func (e evidence) match() bool { return e.confidence >= e.part.match() }

// confidence is the confidence of hit i of the part, from 0 to 1. A hit on all of the words has 1, and a hit on some of the words is no match.
// In a space without calibration, the candidates stand for the matches.
func (pt *part) confidence(i int, score float64) float32 {
	switch {
	case pt.calibration != nil:
	case pt.space != "":
		return matchConfidence
	case pt.whole(i):
		return 1
	default:
		return someWords
	}
	return float32(1 / (1 + math.Exp(-pt.calibration.slope*(score-pt.calibration.middle))))
}

// whole reports whether hit i of the part has all of the words. Every hit of a vector is whole.
func (pt *part) whole(i int) bool { return pt.space != "" || i < pt.complete }

// cutoff is the confidence below which a hit of the part is dropped.
func (pt *part) cutoff() float32 {
	if pt.calibration == nil {
		return 0
	}
	return pt.calibration.cutoff
}

// A result is the moments of a query in the order of the answer, before a page is filled in.
type result struct {
	moments []*moment
	// beyond are matches that are not among the candidates; see beyond.
	beyond      []*moment
	total       *pb.Total
	partial     []*pb.PartialFailure
	noGoodMatch bool
	steps       []*step
	didYouMean  []string
}

// cutShort tells that an inner part of the query had more moments than were kept.
func (r *result) cutShort() {
	r.partial = append(r.partial, partialOf("moments", errkind.Exhausted, "a part of the query has more than %d moments, and its best were taken; narrow the query for the others", maxMoments))
}

// evaluate finds the moments of a query. The searchers answer until late ends; ctx ends with the caller.
func (g *Gateway) evaluate(ctx, late context.Context, p *processed, parts []*part) (*result, error) {
	if !ranked(p.tree) {
		return g.wholly(ctx, late, p, parts)
	}
	f, err := g.answered(ctx, late, p, parts)
	if err != nil {
		return nil, err
	}
	snap, err := g.snapper(ctx, p, f)
	if err != nil {
		return nil, err
	}
	work := &tally{ctx: ctx, fusion: p.fusion}
	ms := evaluation{found: f, tally: work, p: p, snap: snap}.all()
	if work.err != nil {
		return nil, work.err
	}
	r := &result{moments: ms, partial: f.partial, noGoodMatch: noGoodMatch(f, ms), steps: f.steps()}
	r.total = &pb.Total{Exact: len(f.partial) == 0 && !work.cut && !slices.ContainsFunc(parts, func(pt *part) bool { return g.truncated(pt, f.hits[pt]) })}
	for _, m := range ms {
		if m.match() {
			r.total.Count++
		}
	}
	if work.cut {
		r.cutShort()
	}
	r.partial = append(r.partial, f.uncalibrated()...)
	if !r.total.GetExact() && len(f.partial) == 0 && p.deep(len(ms)) {
		err = g.goBeyond(late, p, parts, r)
	}
	return r, err
}

// deep reports whether an answer of so many candidates needs the matches that are no candidates: for the end of the candidates, for counts, and
// for every order but that of scores. An answer that a profile scores or thins out is of the candidates alone, since no page before had others.
func (p *processed) deep(candidates int) bool {
	return p.byTime || p.byGroup || len(p.facetsAsked) > 0 || !p.reshaped() && p.offset+p.limit >= candidates
}

// reshaped reports whether the profile puts moments in another order, or folds some.
func (p *processed) reshaped() bool {
	return p.profile.Score() != nil || p.profile.Variety != profile.Variety{}
}

// goBeyond adds the matches that are not among the candidates, by the evaluation over whole sets: the best candidates come first, and the other
// matches behind the candidates. The pages of the candidates are as before.
func (g *Gateway) goBeyond(late context.Context, p *processed, parts []*part, r *result) error {
	m, err := g.matches(late, p, parts)
	if err != nil {
		return err
	}
	for _, pt := range parts {
		if err := m.failed[pt]; err != nil {
			failure, _ := g.failure(late, pt.name(), err)
			r.partial = append(r.partial, failure)
		}
	}
	r.partial = append(r.partial, m.partial...)
	lines := timelines(r.moments)
	r.beyond = slices.DeleteFunc(m.moments, func(x *moment) bool {
		return slices.ContainsFunc(lines[x.asset].around(x.Interval, 0), func(y *moment) bool {
			// A line is no part of a picture that was shown.
			return x.place() == y.place() || y.lead.standing == heardLine && x.lead.standing == saidLine && sameMoment(x, y) || m.fused && y.match() && (y.lead.standing.line() || !x.lead.standing.line()) && sameMoment(x, y)
		})
	})
	r.total.Count, r.total.Exact = max(r.total.GetCount(), int64(m.count)), m.whole
	r.steps = append(r.steps, m.steps...)
	return nil
}

// uncalibrated tells the parts whose spaces have no calibration: their best hits stand for the matches.
func (f *found) uncalibrated() (out []*pb.PartialFailure) {
	for _, pt := range f.parts {
		if pt.space != "" && pt.calibration == nil && len(f.hits[pt]) > 0 {
			out = append(out, partialOf(pt.name(), errkind.NotFound, "nothing says which hits of the space %s are matches, so the best hits stand for the matches", pt.space))
		}
	}
	return out
}

// answered asks the searchers for the best candidates of each part. An error means that no part was answered.
func (g *Gateway) answered(ctx, late context.Context, p *processed, parts []*part) (*found, error) {
	f := g.ask(late, p, parts)
	switch {
	case ctx.Err() != nil:
		return nil, errkind.New(errkind.Cancelled, "the caller went away: %w", ctx.Err())
	case len(f.parts) == 1 && len(f.partial) == 1:
		return nil, fmt.Errorf("searching: %w", f.err)
	case len(f.parts) > 0 && len(f.partial) == len(f.parts):
		return nil, fmt.Errorf("searching: no part was answered: %w", f.err)
	}
	return f, nil
}

// steps are the lines of an explanation of a query that is ranked over candidates.
func (f *found) steps() (lines []*step) {
	for _, pt := range f.parts {
		lines = append(lines, &step{name: pt.name(), drives: true, rows: int64(len(f.hits[pt])), moments: int64(len(f.hits[pt])), took: pt.took})
	}
	return lines
}

// match reports whether a moment is called a match.
func (m *moment) match() bool {
	return slices.ContainsFunc(m.evidence, evidence.match)
}

// truncated reports whether a part may have more matches than the hits that it gave.
func (g *Gateway) truncated(pt *part, hits []search.Hit) bool {
	if pt.space == "" {
		return pt.complete >= g.cfg.Candidates
	}
	return len(hits) >= g.cfg.Candidates && pt.confidence(len(hits)-1, hits[len(hits)-1].Score) >= pt.match()
}

// wholeShare is the share of the time for an answer in which a query is evaluated over whole sets. The rest is for the best candidates,
// which are asked for where the matches do not fill the page.
const wholeShare = 0.6

// wholly finds the matches of a query, and behind the matches the moments that are near.
func (g *Gateway) wholly(ctx, late context.Context, p *processed, parts []*part) (*result, error) {
	until, _ := late.Deadline()
	wholeCtx, cancel := context.WithTimeoutCause(late, time.Duration(float64(time.Until(until))*wholeShare), errLate)
	defer cancel()
	m, err := g.matches(wholeCtx, p, parts)
	if err != nil {
		return nil, err
	}
	r := &result{moments: m.moments, total: &pb.Total{Count: int64(m.count), Exact: m.whole}, steps: m.steps}
	for _, pt := range parts {
		if err := m.failed[pt]; err != nil {
			failure, _ := g.failure(wholeCtx, pt.name(), err)
			r.partial = append(r.partial, failure)
		}
	}
	r.partial = append(r.partial, m.partial...)
	// Matches that fill the page may be folded or grouped into fewer.
	if len(m.moments) > p.offset+p.limit && p.profile.Variety == (profile.Variety{}) && !p.byGroup || len(m.moments) > 0 && late.Err() != nil {
		return r, nil
	}
	if m.whole && !mayBeNear(p.tree, parts) {
		r.noGoodMatch = m.any
		return r, nil
	}
	f, err := g.answered(ctx, late, p, parts)
	switch {
	case err == nil:
		return r, g.addNear(ctx, p, f, m, r)
	case len(m.moments) > 0 && ctx.Err() == nil:
		return r, nil // the matches are an answer, and partial says what is missing
	}
	return nil, err
}

// addNear adds the moments behind the matches to a result.
func (g *Gateway) addNear(ctx context.Context, p *processed, f *found, m *matches, r *result) error {
	work := &tally{ctx: ctx, fusion: p.fusion}
	near, err := g.near(ctx, p, f, m, work)
	if err != nil {
		return err
	}
	for _, failure := range f.partial {
		if !slices.ContainsFunc(r.partial, func(o *pb.PartialFailure) bool { return o.GetPart() == failure.GetPart() }) {
			r.partial = append(r.partial, failure)
		}
	}
	if work.cut {
		r.cutShort()
	}
	switch {
	case len(m.moments) > 0:
	case m.whole:
		r.noGoodMatch = len(near) > 0 || f.any()
	default:
		r.noGoodMatch = noGoodMatch(f, near)
	}
	for _, x := range near {
		x.near = true
	}
	r.moments = slices.Concat(m.moments, near)
	return nil
}

// postprocess is the fourth part of the gateway: it shapes the moments of a result by the profile, and fills in one page.
func (g *Gateway) postprocess(ctx context.Context, p *processed, parts []*part, r *result) (*pb.SearchResponse, error) {
	resp := &pb.SearchResponse{Query: p.printed, Partial: r.partial, NoGoodMatch: r.noGoodMatch, Total: r.total, Ran: ranOf(parts), DidYouMean: r.didYouMean}
	if p.profile != noProfile {
		resp.Profile = p.profile.ID()
	}
	moments := r.moments
	if p.byTime || p.byGroup || !p.reshaped() {
		moments = slices.Concat(moments, r.beyond)
	}
	var err error
	if p.duplicates, err = g.nearDuplicates(ctx, p, moments); err != nil {
		return nil, err
	}
	all, ms, folded := p.shaped(moments, resp)
	counted := all
	if len(moments) == len(r.moments) {
		counted = slices.Concat(all, r.beyond)
	}
	if err := g.facets(ctx, p, counted, r, resp); err != nil {
		return nil, err
	}
	var groups []*titleGroup
	if p.byGroup {
		groups = p.grouped(all, ms)
		ms = make([]*moment, len(groups))
		for i, of := range groups {
			ms[i] = of.head
		}
	}
	if err := p.checkPlace(ms, r.partial); err != nil {
		return nil, err
	}
	page := ms[min(p.offset, len(ms)):min(p.offset+p.limit, len(ms))]
	less, err := g.fill(ctx, p, page, resp)
	if err != nil {
		return nil, err
	}
	if err := g.sameFootage(ctx, p, page, resp.GetHits()); err != nil {
		return nil, err
	}
	for i, h := range resp.GetHits() {
		h.Folded = folded[page[i]]
		if p.byGroup {
			resp.Groups = append(resp.Groups, groups[p.offset+i].message(r.total.GetExact()))
		}
	}
	if next := p.offset + len(resp.GetHits()); next < len(ms) && next > 0 && next <= MaxOffset {
		resp.Cursor = p.cursor(next, ms[next-1], parts)
	}
	resp.Partial = append(resp.Partial, p.duplicatesPartial(len(r.moments))...)
	resp.Partial = append(resp.Partial, framesLost(p, resp.GetHits())...)
	p.mask(resp.GetHits())
	if less {
		resp.Partial = append(resp.Partial, partialOf("evidence", errkind.Exhausted, "a hit has more than %d pieces of evidence, and its best are shown", MaxEvidence))
	}
	return resp, nil
}

// shapes reports whether shaped needs every moment, and not only the moments up to the end of the page.
func (p *processed) shapes() bool {
	return p.byTime || p.byGroup || p.unpaged || len(p.facetsAsked) > 0 || p.profile != noProfile || hasAlternatives(p.tree)
}

// hasAlternatives reports whether a match may lack evidence of a leaf that other matches have. Which leaves have a match then depends on all
// matches.
func hasAlternatives(q *pb.Query) bool {
	return q.GetAtLeast() != nil || slices.ContainsFunc(query.Children(q), hasAlternatives)
}

// shaped returns all moments by the score of the profile, and the moments in the order of the answer, with how many the profile's variety
// folds behind each. Matches stay before moments that are near, in every order.
func (p *processed) shaped(ms []*moment, resp *pb.SearchResponse) (all, kept []*moment, folded map[*moment]int32) {
	matched := slices.IndexFunc(ms, func(m *moment) bool { return m.near })
	if matched < 0 {
		matched = len(ms)
	}
	first, why := p.rescore(ms[:matched])
	rest, whyNear := p.rescore(ms[matched:])
	if why = cmp.Or(why, whyNear); why != "" {
		resp.Partial = append(resp.Partial, partialOf("scoring", errkind.Invalid, "%s", why))
	}
	all = slices.Concat(first, rest)
	kept, folded = p.vary(all)
	if p.byTime {
		kept = slices.Clone(kept)
		slices.SortFunc(kept, func(a, b *moment) int {
			if a.near != b.near {
				if b.near {
					return -1
				}
				return 1
			}
			return byTime(a, b)
		})
	}
	return all, kept, folded
}

// noGoodMatch reports whether there are candidates, and the best moment is no match. The best moment decides in every order and on every
// page: a weak hit far down the list makes the answer no better.
func noGoodMatch(f *found, ms []*moment) bool {
	if len(ms) > 0 {
		return !ms[0].match()
	}
	return f.any()
}

// any reports whether a part has a candidate.
func (f *found) any() bool {
	for _, hits := range f.hits {
		if len(hits) > 0 {
			return true
		}
	}
	return false
}

// longShot is the length from which on a moment does not land on the whole shot.
const longShot = schema.Time(60) * schema.Second

// snapper returns a function for the interval that a hit stands for. A picture stands for the shot in which the picture was taken, and in a
// long shot for the interval of the picture.
func (g *Gateway) snapper(ctx context.Context, p *processed, f *found) (func(*part, search.Hit) schema.Interval, error) {
	var points []store.Point
	for pt, hits := range f.hits {
		if !pt.standsForShot() {
			continue
		}
		for _, h := range hits {
			if at, ok := p.shotAt(h); ok {
				points = append(points, at)
			}
		}
	}
	shots, err := g.spansAt(ctx, points)
	if err != nil {
		return nil, err
	}
	return func(pt *part, h search.Hit) schema.Interval {
		if !pt.standsForShot() {
			return h.Interval
		}
		if at, ok := p.shotAt(h); ok {
			if s, ok := shots[at]; ok && s.Contains(h.Interval.Start) && s.Duration() < longShot {
				return s.Interval
			}
		}
		return h.Interval
	}, nil
}

// shotAt returns where the shot that a hit begins in is looked up; false where the hit's asset has no run of shots.
func (p *processed) shotAt(h search.Hit) (store.Point, bool) {
	run, ok := p.snap.run(h.Run)
	if !ok {
		return store.Point{}, false
	}
	return run.spanAt(p.view.Role(pb.KindRole_KIND_ROLE_SHOTS), h.Interval.Start)
}

// hit makes the hit of a moment: the place in every way of counting, the text, and the evidence.
func (g *Gateway) hit(p *processed, m *filling) *pb.Hit {
	e := p.snap.asset(m.asset)
	h := &pb.Hit{
		Title: e.title, TitleName: e.name, Credit: e.credit, Asset: m.asset, Score: m.score,
		Media: "/media/" + m.asset, Thumbnail: m.thumbnail, Near: m.near || !m.match(),
	}
	var said []spokenEvidence
	for i, ev := range m.shown {
		b := m.behind[i]
		if b.collected {
			continue
		}
		h.Evidence = append(h.Evidence, p.evidence(ev, b.about))
		if alike := ev.part.likeness(ev.Score); alike == "same" || h.Likeness == "" {
			h.Likeness = alike
		}
		confidence := ev.confidence
		if ev.part.calibration == nil { // what the words were found in knows how sure it is
			confidence *= b.about.GetConfidence()
		}
		h.Confidence = max(h.Confidence, confidence)
		if h.Region == nil {
			h.Region = b.about.GetRegion()
		}
		if p.view.Kind(b.about.GetKind()).GetQuoted() {
			said = append(said, spokenEvidence{ev, b.about})
		}
	}
	g.quote(h, p, m, said)
	iv := m.interval(h)
	h.Start, h.End, h.StartMs, h.EndMs = int64(iv.Start), int64(iv.End), iv.Start.Millis(), iv.End.Millis()
	h.StartFrame, h.EndFrame, h.StartTimecode, h.EndTimecode = e.counted(iv)
	return h
}

// shown returns the best of the evidence, with the lead among it.
func (m *moment) shown() []evidence {
	out := slices.Clone(m.evidence[:min(len(m.evidence), MaxEvidence)])
	switch {
	case slices.Contains(out, m.lead):
	case len(out) == MaxEvidence:
		out[MaxEvidence-1] = m.lead
	default:
		out = append(out, m.lead)
	}
	return out
}

type spokenEvidence struct {
	evidence
	about *pb.Annotation
}

// quote shows what was said: the text of the line that the moment lands on, with the words of every part that found the line marked. A moment
// that lands on no line has no text; the lines in the moment are among its evidence.
func (g *Gateway) quote(h *pb.Hit, p *processed, f *filling, said []spokenEvidence) {
	a := p.quoted(f)
	if a == nil {
		return
	}
	said = slices.DeleteFunc(said, func(s spokenEvidence) bool { return s.about.GetText() != a.GetText() })
	for _, l := range p.told(f, a) {
		h.Lines = append(h.Lines, g.line(l, said, l == a))
	}
	first := h.GetLines()[0]
	h.Text, h.Language, h.Character, h.Marks = first.GetText(), first.GetLanguage(), first.GetCharacter(), first.GetMarks()
}

// interval is the interval of a hit: of the first line, where the moment is a line's own interval.
func (f *filling) interval(h *pb.Hit) schema.Interval {
	if len(h.GetLines()) > 0 && f.Interval == f.lead.Interval {
		return schema.IntervalOf(h.GetLines()[0])
	}
	return f.Interval
}

// evidence fills in one searcher's hit. about is the annotation that the hit stands for, nil where there is none.
func (p *processed) evidence(ev evidence, about *pb.Annotation) *pb.Evidence {
	run, _ := p.snap.run(ev.Run)
	out := &pb.Evidence{
		Leaf: ev.part.leaf.GetKind(), By: ev.part.GetBy(), Algorithm: run.algorithm, Version: run.version,
		Run: ev.Run, Ordinal: ev.Ordinal, Kind: ev.kind(), Score: ev.Score, Rank: int32(ev.rank),
		Start: int64(ev.Interval.Start), End: int64(ev.Interval.End),
	}
	if about != nil {
		out.Text, out.Language, out.Label, out.Kind = about.GetText(), about.GetLanguage(), about.GetLabel(), about.GetKind()
	}
	return out
}
