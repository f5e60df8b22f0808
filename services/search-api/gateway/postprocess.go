package gateway

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/store"
)

// A calibration turns a space's raw similarity into a confidence from 0 to 1: the
// share of right answers among judged pairs of that similarity, by a logistic curve
// fitted to them (Platt 1999). docs/benchmarks tells how the constants were found.
type calibration struct {
	middle float64 // the similarity at which half are right
	slope  float64
	// cutoff drops what is below this confidence; 0 keeps everything.
	cutoff float32
}

// matchConfidence is from where on something is called a match.
const matchConfidence = 0.5

// confidence is what hit i of the part says of itself, 0..1. Words that are all there are there; some of them are
// no match.
func (pt *part) confidence(i int, score float64) float32 {
	switch {
	case pt.calibration != nil:
	case pt.whole(i):
		return 1
	default:
		return someWords
	}
	return float32(1 / (1 + math.Exp(-pt.calibration.slope*(score-pt.calibration.middle))))
}

// whole reports whether hit i of the part has all that was asked for. A vector's hits have no parts.
func (pt *part) whole(i int) bool { return pt.space != "" || i < pt.complete }

// cutoff is the confidence below which a hit of the part is none.
func (pt *part) cutoff() float32 {
	if pt.calibration == nil {
		return 0
	}
	return pt.calibration.cutoff
}

// postprocess is the fourth part of the gateway: it makes moments of what the
// searchers answered, puts them in order, and fills in one page of hits.
func (g *Gateway) postprocess(ctx context.Context, p *processed, f *found) (*pb.SearchResponse, error) {
	if len(f.parts) == 1 && len(f.partial) == 1 {
		return nil, fmt.Errorf("searching: %w", f.err)
	}
	if len(f.parts) > 0 && len(f.partial) == len(f.parts) {
		return nil, fmt.Errorf("searching: no part was answered: %w", f.err)
	}
	snap, err := g.snapper(ctx, p, f)
	if err != nil {
		return nil, err
	}
	work := &tally{ctx: ctx}
	ms := evaluation{f, work, p, snap}.all()
	if work.err != nil {
		return nil, work.err
	}
	ms, unscored := p.rescore(ms)
	resp := &pb.SearchResponse{Query: p.printed, Partial: f.partial, NoGoodMatch: noGoodMatch(f, ms), Facets: p.facets(ms)}
	if p.profile != noProfile {
		resp.Profile = p.profile.ID()
	}
	ms, folded := p.vary(ms)
	if p.byTime {
		slices.SortFunc(ms, byTime)
	}
	page := ms[min(p.offset, len(ms)):min(p.offset+p.limit, len(ms))]
	less, err := g.fill(ctx, p, page, resp)
	if err != nil {
		return nil, err
	}
	for i, h := range resp.GetHits() {
		h.Folded = folded[page[i]]
	}
	if next := p.offset + len(resp.GetHits()); next < len(ms) && next <= MaxOffset {
		resp.Cursor = p.cursor(next)
	}
	bounded := func(part, format string, args ...any) {
		resp.Partial = append(resp.Partial, &pb.PartialFailure{Part: part, Kind: errkind.Exhausted.String(), Error: fmt.Sprintf(format, args...)})
	}
	if work.cut {
		bounded("moments", "a part of the query has more than %d moments, and its best were taken; narrow the query for the others", maxMoments)
	}
	if unscored != "" {
		resp.Partial = append(resp.Partial, &pb.PartialFailure{Part: "scoring", Kind: errkind.Invalid.String(), Error: unscored})
	}
	resp.Partial = append(resp.Partial, framesLost(p, resp.GetHits())...)
	p.mask(resp.GetHits())
	if less {
		bounded("evidence", "a hit has more than %d pieces of evidence, and its best are shown", MaxEvidence)
	}
	return resp, nil
}

// noGoodMatch: something was near, but nothing near enough to stand by. The best moment decides, in every order and on
// every page: an editor looks at it first, and a weak hit far down the list makes the answer no better.
func noGoodMatch(f *found, ms []*moment) bool {
	if len(ms) > 0 {
		return !slices.ContainsFunc(ms[0].evidence, func(e evidence) bool { return e.confidence >= matchConfidence })
	}
	for _, hits := range f.hits {
		if len(hits) > 0 {
			return true
		}
	}
	return false
}

// longShot is the length from which on a shot is no place to land on.
const longShot = schema.Time(60) * schema.Second

// snapper returns the interval that a hit stands for. Pictures stand for the shot that they were taken from: that is what
// an editor wants to land on. In a long shot, a picture stands for the stretch that it was taken from.
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

// hit fills in a moment: where it is in every way of counting, what was said, and why it is here.
func (g *Gateway) hit(p *processed, m *filling) *pb.Hit {
	e := p.snap.asset(m.asset)
	h := &pb.Hit{
		Title: e.title, TitleName: e.name, Credit: e.credit, Asset: m.asset, Score: m.score,
		Start: int64(m.Start), End: int64(m.End), StartMs: m.Start.Millis(), EndMs: m.End.Millis(),
		Media: "/media/" + m.asset, Thumbnail: m.thumbnail,
	}
	if e.clock != nil {
		h.StartFrame, h.EndFrame = shownFrames(e.clock, m.Interval)
		h.StartTimecode, h.EndTimecode = e.scale.Format(h.StartFrame), e.scale.Format(h.EndFrame)
	}
	var said []spokenEvidence
	for i, ev := range m.shown {
		b := m.behind[i]
		if b.collected {
			continue
		}
		h.Evidence = append(h.Evidence, p.evidence(ev, b.about))
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
	g.quote(h, m.lead, said)
	return h
}

// shownFrames returns the frames of a moment. The first is the frame that the start names, so that the frame, the timecode and the
// milliseconds of an answer, asked back, lead to one frame.
func shownFrames(c schema.Clock, iv schema.Interval) (start, end int64) {
	start, end = schema.FrameSpan(c, iv)
	start = min(max(start, schema.FrameNamed(c, iv.Start)), max(c.Frames()-1, 0))
	return start, max(end, start+1)
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

// quote shows what was said: the text of the line that the moment lands on, with the words of every part that
// found it marked. A moment that lands on no line has no text; the lines in it are among its evidence.
func (g *Gateway) quote(h *pb.Hit, lead evidence, said []spokenEvidence) {
	i := slices.IndexFunc(said, func(s spokenEvidence) bool { return s.evidence == lead })
	if i < 0 {
		return
	}
	a := said[i].about
	h.Text, h.Language, h.Character = a.GetText(), a.GetLanguage(), a.GetCharacter()
	var marks [][2]int
	for _, s := range said {
		if s.part.space == "" && s.about.GetText() == h.Text {
			marks = append(marks, g.deps.Engine.Marks(search.TextQuery{Mode: s.part.mode, Words: s.part.leaf.GetText()}, h.Text, h.Language)...)
		}
	}
	slices.SortFunc(marks, func(a, b [2]int) int { return a[0] - b[0] })
	for _, r := range marks {
		start, end := int32(r[0]), int32(r[1])
		if n := len(h.Marks); n > 0 && start < h.Marks[n-1].End { // two parts found the same words
			h.Marks[n-1].End = max(h.Marks[n-1].End, end)
			continue
		}
		h.Marks = append(h.Marks, &pb.TextRange{Start: start, End: end})
	}
}

// evidence fills in one searcher's hit. about is the annotation that the hit stands for, nil where there is none.
func (p *processed) evidence(ev evidence, about *pb.Annotation) *pb.Evidence {
	run, _ := p.snap.run(ev.Run)
	out := &pb.Evidence{
		Leaf: ev.part.leaf.GetKind(), By: ev.part.GetBy(), Algorithm: run.algorithm, Version: run.version,
		Run: ev.Run, Ordinal: ev.Ordinal, Kind: ev.part.GetKind(), Score: ev.Score, Rank: int32(ev.rank),
		Start: int64(ev.Interval.Start), End: int64(ev.Interval.End),
	}
	if about != nil {
		out.Text, out.Language, out.Label, out.Kind = about.GetText(), about.GetLanguage(), about.GetLabel(), about.GetKind()
	}
	return out
}
