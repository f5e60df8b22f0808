package gateway

import (
	"cmp"
	"context"
	"slices"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Bounds of the judgements of a caller.
const (
	MaxJudgements  = 2000
	maxJudgedQuery = 500 // bytes
)

// Judge keeps a judgement of a caller, beside the caller's saved searches.
//
//   - Invalid: the query or the moment cannot be judged.
//   - NotFound: the caller may not see the asset, or there is none.
//   - Exhausted: the caller has MaxJudgements judgements already.
func (g *Gateway) Judge(ctx context.Context, caller *authz.Caller, req *pb.JudgeRequest) (*pb.JudgeResponse, error) {
	if caller == nil {
		return nil, errNobody
	}
	j := req.GetJudgement()
	audit.From(ctx).About(j.GetAsset())
	switch {
	case len(j.GetQ()) > maxJudgedQuery:
		return nil, errkind.New(errkind.Invalid, "judgement.q: %d bytes are more than the %d allowed", len(j.GetQ()), maxJudgedQuery)
	case j.GetStart() < 0 || j.GetEnd() <= j.GetStart():
		return nil, errkind.New(errkind.Invalid, "judgement: want 0 <= start < end, in flicks")
	case pb.Verdict_name[int32(j.GetVerdict())] == "":
		return nil, errkind.New(errkind.Invalid, "judgement.verdict: there is no verdict %d", j.GetVerdict())
	}
	p, err := g.process(ctx, caller, &pb.SearchRequest{Q: j.GetQ()})
	if err != nil {
		return nil, err
	}
	audit.From(ctx).Query(p.printed)
	if err := g.Sees(ctx, caller, j.GetAsset()); err != nil {
		return nil, err
	}
	next := &pb.Judgement{Q: p.printed, Asset: j.GetAsset(), Start: j.GetStart(), End: j.GetEnd(), Verdict: j.GetVerdict()}
	resp := &pb.JudgeResponse{Query: p.printed}
	err = g.changeSaved(ctx, caller, func(all *pb.SavedSearches) error {
		i, there := slices.BinarySearchFunc(all.GetJudgements(), next, compareJudgements)
		if there {
			all.Judgements = slices.Delete(all.Judgements, i, i+1)
		}
		if next.GetVerdict() != pb.Verdict_VERDICT_UNSPECIFIED {
			if len(all.GetJudgements()) >= MaxJudgements {
				return errkind.New(errkind.Exhausted, "you have %d judgements, the most allowed; write them to a file and take some back", MaxJudgements)
			}
			all.Judgements = slices.Insert(all.Judgements, i, next)
		}
		resp.Judgements = int32(len(all.GetJudgements()))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// compareJudgements orders judgements by query and moment. The verdict is no part of the order.
func compareJudgements(a, b *pb.Judgement) int {
	return cmp.Or(cmp.Compare(a.GetQ(), b.GetQ()), cmp.Compare(a.GetAsset(), b.GetAsset()), cmp.Compare(a.GetStart(), b.GetStart()), cmp.Compare(a.GetEnd(), b.GetEnd()))
}

// Judgements returns the judgements of a caller, without those of assets that the caller may not see now.
func (g *Gateway) Judgements(ctx context.Context, caller *authz.Caller) (*pb.ListJudgementsResponse, error) {
	if caller == nil {
		return nil, errNobody
	}
	all, err := g.deps.Store.Searches(ctx, caller.Name())
	if err != nil {
		return nil, err
	}
	s, err := g.see(ctx, caller)
	if err != nil {
		return nil, err
	}
	resp, titles := &pb.ListJudgementsResponse{}, map[string]string{}
	for _, j := range all.GetJudgements() {
		title, asked := titles[j.GetAsset()]
		if !asked {
			if e, err := s.visible(caller, j.GetAsset()); err == nil {
				title = e.title
			}
			titles[j.GetAsset()] = title
		}
		if title != "" {
			resp.Judgements = append(resp.Judgements, j)
			audit.From(ctx).Told(1, title)
		}
	}
	return resp, nil
}
