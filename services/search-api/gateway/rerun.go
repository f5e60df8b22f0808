package gateway

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/bins"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Bounds of a rerun.
const (
	maxRerunQueries = 20
	maxRerunHits    = 1000 // of a query
)

// RerunBin asks the queries of a bin's clips again. The caller's rights and the active runs of now decide.
//
//   - A clip is gone only if the query was answered whole.
//   - A query that is refused, has parts without an answer, or has more hits than are read, is named in left_out.
func (g *Gateway) RerunBin(ctx context.Context, caller *authz.Caller, req *pb.RerunBinRequest) (*pb.RerunBinResponse, error) {
	b, err := g.seenBin(ctx, caller, req.GetBin(), req.GetLink())
	if err != nil {
		return nil, err
	}
	resp := &pb.RerunBinResponse{}
	byQuery, queries := map[string][]*pb.Clip{}, []string(nil)
	for _, c := range b.GetClips() {
		if q := c.GetQ(); q != "" {
			if byQuery[q] == nil {
				queries = append(queries, q)
			}
			byQuery[q] = append(byQuery[q], c)
		}
	}
	verdicts := map[string]*pb.ClipRerun{}
	for i, q := range queries {
		if i == maxRerunQueries {
			resp.LeftOut = append(resp.LeftOut, fmt.Sprintf("%d more queries: a rerun asks %d", len(queries)-i, maxRerunQueries))
			break
		}
		hits, without, err := g.rerun(ctx, caller, q)
		if err != nil {
			return nil, err
		}
		if without != "" {
			resp.LeftOut = append(resp.LeftOut, q+": "+without)
		}
		for _, c := range byQuery[q] {
			verdicts[c.GetId()] = rerunOf(c, hits, without == "")
		}
		fresh := slices.DeleteFunc(hits, func(h *pb.Hit) bool {
			return slices.ContainsFunc(b.GetClips(), func(c *pb.Clip) bool { return overlaps(c, h) })
		})
		if len(fresh) > 0 {
			found := &pb.QueryRerun{Q: q}
			for _, h := range fresh {
				found.Found = append(found.Found, bins.FromHit(h, q))
			}
			resp.Queries = append(resp.Queries, found)
		}
	}
	for _, c := range b.GetClips() {
		if v := verdicts[c.GetId()]; v != nil {
			resp.Clips = append(resp.Clips, v)
		}
	}
	return resp, nil
}

// rerun returns the matches of a query, and why matches are missing; "" where none is. The moments behind the matches, which are near and no match, are left
// out.
func (g *Gateway) rerun(ctx context.Context, caller *authz.Caller, q string) (hits []*pb.Hit, without string, err error) {
	cursor := ""
	for {
		r, err := g.Search(ctx, caller, &pb.SearchRequest{Q: q, Limit: MaxLimit, Cursor: cursor})
		switch {
		case errkind.Is(err, errkind.Invalid):
			return nil, err.Error(), nil
		case err != nil:
			return nil, "", err
		}
		hits = append(hits, r.GetHits()...)
		for _, p := range r.GetPartial() {
			without = p.GetPart() + " did not answer: " + p.GetError()
		}
		all := int(r.GetTotal().GetCount())
		switch cursor = r.GetCursor(); {
		case len(hits) >= all || cursor == "":
			return hits[:min(all, len(hits))], without, nil
		case len(hits) >= maxRerunHits:
			return hits, cmp.Or(without, fmt.Sprintf("%d matches are more than the %d that a rerun reads", all, maxRerunHits)), nil
		}
	}
}

// rerunOf compares a clip with the hits of the clip's query.
func rerunOf(c *pb.Clip, hits []*pb.Hit, whole bool) *pb.ClipRerun {
	out := &pb.ClipRerun{Clip: c.GetId()}
	for _, h := range hits {
		if !overlaps(c, h) {
			continue
		}
		ev := bins.Foremost(h)
		for _, e := range h.GetEvidence() {
			if e.GetRun() == c.GetRun() {
				ev = e
			}
		}
		out.Run, out.Algorithm, out.Version, out.Confidence = ev.GetRun(), ev.GetAlgorithm(), ev.GetVersion(), h.GetConfidence()
		out.Verdict = pb.ClipVerdict_CLIP_VERDICT_FOUND_AGAIN
		if ev.GetRun() == c.GetRun() {
			out.Verdict = pb.ClipVerdict_CLIP_VERDICT_SAME
			return out
		}
	}
	if out.GetRun() == "" && whole {
		out.Verdict = pb.ClipVerdict_CLIP_VERDICT_GONE
	}
	return out
}

func overlaps(c *pb.Clip, h *pb.Hit) bool {
	return c.GetAsset() == h.GetAsset() && schema.Time(c.GetStart()) < schema.Time(h.GetEnd()) && schema.Time(h.GetStart()) < schema.Time(c.GetEnd())
}
