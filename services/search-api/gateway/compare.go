package gateway

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/tidwall/btree"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/runs"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// preview returns the snapshot as it would be with other versions active: of every
// asset that has a finished run of the version asked for. Assets without one keep what they have.
// A preview reads the runs of the whole library.
func (g *Gateway) preview(ctx context.Context, s *snapshot, versions map[string]string) (*snapshot, error) {
	found, lines := map[string]bool{}, lineups{}
	var others []*entry
	all := map[string][]string{}
	for e := range s.titles.Scan {
		recorded, err := runs.Of(ctx, g.deps.Store, e.id)
		if err != nil {
			return nil, err
		}
		for _, r := range recorded {
			all[e.id] = append(all[e.id], r.GetId())
		}
		if with := e.with(recorded, versions, found, lines); with != e {
			others = append(others, with)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		if !found[name] {
			return nil, errkind.New(errkind.NotFound, "preview: no finished run of %s@%s is in the library; `cinedex runs list` shows which there are", name, versions[name])
		}
	}
	if _, err := g.lib.turn.enter(ctx); err != nil {
		return nil, err
	}
	p := s.next()
	g.lib.turn.leave()
	p.number = unnumbered
	for _, e := range others {
		p.put(e)
	}
	h := &hiddenRuns{byAsset: btree.NewMap[string, []string](branches)}
	for id, recorded := range all {
		h.set(id, p.hide(id, slices.Values(recorded)))
	}
	p.hidden.Store(h)
	return p, nil
}

// with returns the entry as it would be with other versions active, and notes in found which of them the asset has a finished run of.
func (e *entry) with(recorded []*pb.Run, versions map[string]string, found map[string]bool, known lineups) *entry {
	active := e.runs()
	changed := false
	for name, version := range versions {
		// Of several runs of the version, the run that a switch to the version would show.
		seen := runs.Seen(active, name)
		r := runs.Find(recorded, name, version, seen)
		if !runs.Finished(r) {
			continue
		}
		found[name] = true
		if r.GetId() == seen.GetRun() {
			continue
		}
		is := func(a *pb.ActiveRun) bool { return a.GetAlgorithm() == name }
		active = append(slices.DeleteFunc(active, is), &pb.ActiveRun{Asset: e.id, Algorithm: name, Run: r.GetId(), Version: version})
		changed = true
	}
	if !changed {
		return e
	}
	with := *e
	with.line(active, known)
	return &with
}

// Limits of a comparison.
const (
	maxJudged    = 500
	compareDepth = 10
)

// Compare asks judged queries as two versions of an algorithm would answer them.
func (g *Gateway) Compare(ctx context.Context, caller *authz.Caller, req *pb.CompareVersionsRequest) (*pb.CompareVersionsResponse, error) {
	if err := caller.Require(authz.Operator); err != nil {
		return nil, err
	}
	depth := int(req.GetDepth())
	switch {
	case req.GetAlgorithm() == "" || req.GetFrom() == "" || req.GetTo() == "":
		return nil, errkind.New(errkind.Invalid, "algorithm, from, to: name an algorithm and two of its versions")
	case len(req.GetQueries()) == 0 || len(req.GetQueries()) > maxJudged:
		return nil, errkind.New(errkind.Invalid, "queries: want from 1 to %d, not %d", maxJudged, len(req.GetQueries()))
	case depth < 0 || depth > MaxLimit:
		return nil, errkind.New(errkind.Invalid, "depth: must be from 1 to %d", MaxLimit)
	case depth == 0:
		depth = compareDepth
	}
	resp := &pb.CompareVersionsResponse{}
	var judged float64
	for i, q := range req.GetQueries() {
		c := &pb.Compared{Q: q.GetQ()}
		for _, side := range []struct {
			version        string
			hits           *[]*pb.Hit
			precision, mrr *float64
		}{{req.GetFrom(), &c.From, &c.FromPrecision, &c.FromMrr}, {req.GetTo(), &c.To, &c.ToPrecision, &c.ToMrr}} {
			r, err := g.Search(ctx, caller, &pb.SearchRequest{Q: q.GetQ(), Limit: int32(depth), Preview: map[string]string{req.GetAlgorithm(): side.version}})
			if err != nil {
				return nil, fmt.Errorf("queries[%d]: %w", i, err)
			}
			// A comparison needs no frames.
			if missing := slices.DeleteFunc(slices.Clone(r.GetPartial()), func(p *pb.PartialFailure) bool { return p.GetPart() == partFrames }); len(missing) > 0 {
				p := missing[0]
				return nil, errkind.New(errkind.Unavailable, "queries[%d]: %s did not answer (%s); a comparison of partial answers says nothing", i, p.GetPart(), p.GetError())
			}
			*side.hits = r.GetHits()
			*side.precision, *side.mrr = judge(r.GetHits(), q.GetRight(), depth)
		}
		c.Overlap = overlap(c.GetFrom(), c.GetTo())
		resp.Queries = append(resp.Queries, c)
		resp.Overlap += c.GetOverlap() / float64(len(req.GetQueries()))
		if len(q.GetRight()) > 0 {
			judged++
			resp.FromPrecision += c.GetFromPrecision()
			resp.ToPrecision += c.GetToPrecision()
			resp.FromMrr += c.GetFromMrr()
			resp.ToMrr += c.GetToMrr()
		}
	}
	if judged > 0 {
		for _, sum := range []*float64{&resp.FromPrecision, &resp.ToPrecision, &resp.FromMrr, &resp.ToMrr} {
			*sum /= judged
		}
	}
	return resp, nil
}

// judge returns the share of the hits that a person called right, of as many as could be, and the
// reciprocal rank of the first of them (Voorhees, TREC-8, 1999).
func judge(hits []*pb.Hit, right []*pb.JudgedMoment, depth int) (precision, reciprocal float64) {
	if len(right) == 0 {
		return 0, 0
	}
	var good int
	for i, h := range hits {
		ok := slices.ContainsFunc(right, func(m *pb.JudgedMoment) bool {
			return m.GetAsset() == h.GetAsset() && momentOf(m.GetStart(), m.GetEnd()).Overlaps(momentOf(h.GetStart(), h.GetEnd()))
		})
		if !ok {
			continue
		}
		good++
		if reciprocal == 0 {
			reciprocal = 1 / float64(i+1)
		}
	}
	return float64(good) / float64(max(1, min(depth, max(len(hits), len(right))))), reciprocal
}

// overlap is the share of moments that two answers have in common: Jaccard's index of their moments.
func overlap(a, b []*pb.Hit) float64 {
	if len(a)+len(b) == 0 {
		return 1
	}
	var both int
	for _, h := range a {
		if slices.ContainsFunc(b, func(o *pb.Hit) bool {
			return o.GetAsset() == h.GetAsset() && momentOf(o.GetStart(), o.GetEnd()).Overlaps(momentOf(h.GetStart(), h.GetEnd()))
		}) {
			both++
		}
	}
	return min(1, float64(both)/float64(len(a)+len(b)-both))
}

func momentOf(start, end int64) schema.Interval {
	return schema.Interval{Start: schema.Time(start), End: schema.Time(end)}
}
