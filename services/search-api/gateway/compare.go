package gateway

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/runs"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// preview returns the snapshot as it would be with other versions active: of every
// asset that has a finished run of the version asked for. Assets without one keep what they have.
func (g *Gateway) preview(ctx context.Context, s *snapshot, versions map[string]string) (*snapshot, error) {
	p := &snapshot{version: s.version, order: s.order, assets: make(map[string]*entry, len(s.assets)),
		runs: map[string]*pb.ActiveRun{}, scopes: map[string]*scoped{}}
	found := map[string]bool{}
	for id, e := range s.assets {
		all, err := runs.Of(ctx, g.deps.Store, id)
		if err != nil {
			return nil, err
		}
		with := *e
		with.active = maps.Clone(e.active)
		for _, r := range all {
			v, ok := versions[r.GetAlgorithm()]
			if !ok || v != r.GetVersion() || !runs.Finished(r) {
				continue
			}
			found[r.GetAlgorithm()] = true
			// Where several runs are of one version, one that readers see or saw goes first.
			if now := e.active[r.GetAlgorithm()]; now.GetVersion() == v {
				continue
			}
			with.active[r.GetAlgorithm()] = &pb.ActiveRun{Asset: id, Algorithm: r.GetAlgorithm(), Run: r.GetId(), Version: v}
		}
		p.assets[id] = &with
		for _, a := range with.active {
			p.runs[a.GetRun()] = a
		}
	}
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		if !found[name] {
			return nil, errkind.New(errkind.NotFound, "preview: no finished run of %s@%s is in the library; `cinedex runs list` shows which there are", name, versions[name])
		}
	}
	return p, nil
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
