package gateway

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/profile"
	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// noProfile shapes the answers of requests without a profile: it changes nothing.
var noProfile = &profile.Profile{}

// profileOf returns the profile that a request asks with.
func (g *Gateway) profileOf(caller *authz.Caller, req *pb.SearchRequest) (*profile.Profile, error) {
	switch {
	case len(req.GetTryProfile()) > 0 && req.GetProfile() != "":
		return nil, errkind.New(errkind.Invalid, "profile, try_profile: give one of the two")
	case len(req.GetTryProfile()) > 0:
		if err := caller.Require(authz.Operator); err != nil {
			return nil, fmt.Errorf("try_profile: %w", err)
		}
		p, err := profile.Parse(req.GetTryProfile())
		if err != nil {
			return nil, fmt.Errorf("try_profile: %w", err)
		}
		return p, nil
	case req.GetProfile() == "":
		return noProfile, nil
	}
	p, err := g.deps.Profiles.Get(req.GetProfile(), caller.Name())
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	return p, nil
}

// customise applies the profile to a query that was understood: the filter, the order and the limit of the profile, and the leaves
// that may be asked.
func (p *processed) customise(req *pb.SearchRequest) (err error) {
	if p.filter, err = narrowed(p.filter, p.profile.Narrow()); err != nil {
		return fmt.Errorf("profile %s: %w", p.profile.Name, err)
	}
	if req.GetOrder() == "" {
		p.byTime = p.profile.Order == "time"
	}
	if req.GetGroup() == "" {
		p.byGroup = p.profile.Group == profile.GroupTitle
	}
	if len(p.languages) == 0 {
		p.languages = p.profile.Languages
	}
	p.fusion = fusions[p.profile.Fusion]
	limit, err := p.profile.LimitOf(req.GetLimit())
	if err != nil {
		return err
	}
	p.limit = cmp.Or(int(limit), DefaultLimit)
	for _, l := range query.Leaves(p.tree) {
		if len(p.leafParts(l)) == 0 {
			return errkind.New(errkind.Invalid, "query: the profile %s leaves nothing to look for %s in; it asks %s", p.profile.Name, l.GetKind(), strings.Join(p.askedLeaves(), ", "))
		}
	}
	return nil
}

// A weighted is a source of a leaf with its weight in the profile.
type weighted struct {
	source
	weight float64
}

// leafParts returns the sources that a leaf is looked for in, as far as the filter and the profile allow. Bare words have the weight of the
// leaf that their source answers best.
func (p *processed) leafParts(l *pb.Leaf) []weighted {
	leaf := p.view.Leaf(l.GetKind())
	var out []weighted
	for _, s := range sourcesOf(p.view, leaf, l, p.filter) {
		if !p.profile.Asks(s.Algorithm) {
			continue
		}
		names := []string{leaf.GetName()}
		if leaf.Algorithm == "" { // bare words
			names = s.GetLeaves()
		}
		weight := 0.0
		for _, name := range names {
			if w, ok := p.profile.Weight(name); ok {
				weight = max(weight, w)
			}
		}
		if weight > 0 {
			out = append(out, weighted{source: source{Source: s}, weight: weight})
		}
	}
	return out
}

// askedLeaves are the leaves that the profile asks and the catalogue has.
func (p *processed) askedLeaves() []string {
	return slices.DeleteFunc(p.view.LeafNames(), func(name string) bool { _, ok := p.profile.Weight(name); return !ok })
}

// rescore gives moments the scores of the profile, in the order of the new scores. A moment that the expression fails for has the score 0,
// and why is told.
func (p *processed) rescore(ms []*moment) (out []*moment, why string) {
	score := p.profile.Score()
	if score == nil || len(ms) == 0 {
		return ms, ""
	}
	failed := 0
	var first error
	out = make([]*moment, len(ms))
	for i, m := range ms {
		scored := *m
		var err error
		if scored.score, err = score.Of(p.inputs(m)); err != nil {
			failed, first = failed+1, cmp.Or(first, err)
		}
		out[i] = &scored
	}
	slices.SortStableFunc(out, byScore)
	if failed > 0 {
		why = fmt.Sprintf("%d of %d moments could not be scored, and come with the score 0: %v", failed, len(ms), first)
	}
	return out, why
}

// inputs are the inputs of the scoring of a moment.
func (p *processed) inputs(m *moment) *profile.Inputs {
	e := p.snap.asset(m.asset)
	in := &profile.Inputs{Score: m.score, StartMS: float64(m.Start.Millis()), EndMS: float64(m.End.Millis()), Title: e.title, Series: e.series,
		Kind: m.lead.kind(), Leaves: map[string]float64{}}
	in.DurationMS = in.EndMS - in.StartMS
	if m.lead.standing.line() {
		in.Language = m.lead.Language
	}
	for _, ev := range m.evidence {
		in.Confidence = max(in.Confidence, float64(ev.confidence))
		leaf := ev.part.leaf.GetKind()
		in.Leaves[leaf] = max(in.Leaves[leaf], float64(ev.confidence))
	}
	return in
}

// vary keeps the moments that the variety of the profile leaves, in the order given, and counts those that are folded behind each.
func (p *processed) vary(ms []*moment) (kept []*moment, folded map[*moment]int32) {
	v := p.profile.Variety
	if v.PerTitle == 0 && v.Apart == 0 && len(p.duplicates) == 0 {
		return ms, nil
	}
	groups := map[int]*moment{} // the first moment of each group of near duplicates
	folded = map[*moment]int32{}
	apart := schema.FromDuration(v.Apart)
	titles := map[string][]*moment{}
	starts := map[string][]*moment{} // by asset, in the order of their starts
	for _, m := range ms {
		group, grouped := p.duplicates[m.place()]
		if first := groups[group]; grouped && first != nil {
			folded[first]++
			continue
		}
		of := starts[m.asset]
		i, _ := slices.BinarySearchFunc(of, m.Start, func(o *moment, t schema.Time) int { return cmp.Compare(o.Start, t) })
		if apart > 0 {
			if i < len(of) && of[i].Start-m.Start < apart {
				folded[of[i]]++
				continue
			}
			if i > 0 && m.Start-of[i-1].Start < apart {
				folded[of[i-1]]++
				continue
			}
		}
		title := p.snap.asset(m.asset).title
		if shown := titles[title]; v.PerTitle > 0 && len(shown) == v.PerTitle {
			folded[shown[0]]++
			continue
		}
		if grouped {
			groups[group] = m
		}
		titles[title] = append(titles[title], m)
		starts[m.asset] = slices.Insert(of, i, m)
		kept = append(kept, m)
	}
	return kept, folded
}

// choose reads which fields, facets, groups and languages a request asks for.
func (p *processed) choose(req *pb.SearchRequest) (err error) {
	if err := profile.CheckFields(req.GetFields()); err != nil {
		return err
	}
	switch req.GetGroup() {
	case "", profile.NoGroup:
	case profile.GroupTitle:
		p.byGroup = true
	default:
		return errkind.New(errkind.Invalid, "group: hits are not grouped by %.20q; they are by %s", req.GetGroup(), profile.GroupTitle)
	}
	if p.languages, err = profile.CanonicalLanguages(req.GetLanguages()); err != nil {
		return err
	}
	if p.fields = req.GetFields(); len(p.fields) == 0 {
		p.fields = p.profile.Fields
	}
	for i, f := range req.GetFacets() {
		switch {
		case !slices.Contains(facetNames, f):
			return errkind.New(errkind.Invalid, "facets[%d]: moments are not counted by %.70q; they are by %s", i, f, strings.Join(facetNames, ", "))
		case slices.Contains(req.GetFacets()[:i], f):
			return errkind.New(errkind.Invalid, "facets[%d]: %s is asked for twice", i, f)
		}
	}
	p.facetsAsked = req.GetFacets()
	return nil
}

// constantFields come with every hit, whatever fields are asked for.
var constantFields = []string{"score", "asset", "start", "end"}

// mask leaves out the fields of hits that were not asked for.
func (p *processed) mask(hits []*pb.Hit) {
	if len(p.fields) == 0 {
		return
	}
	for _, h := range hits {
		m := h.ProtoReflect()
		m.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
			if name := string(f.Name()); !slices.Contains(p.fields, name) && !slices.Contains(constantFields, name) {
				m.Clear(f)
			}
			return true
		})
	}
}
