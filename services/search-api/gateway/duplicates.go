package gateway

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// Near duplicates (ADR 105): shots whose stored vectors are as similar as a shot and its altered copy. The variety of a profile folds them.
//
//   - Groups are made of the best moments of an answer, by score, whatever the page: so pages are stable.
//   - A moment joins the group of the best moment that it is a near duplicate of. A line of dialogue joins no group.

const (
	// comparedMoments bounds the moments of an answer among which near duplicates are looked for: 80,000 pairs, some 100 ms.
	comparedMoments = 400
	// pictureReads is how many moments' vectors are read from the store at once.
	pictureReads = 8
)

// nearDuplicates returns the groups of moments, by place, as the number of the group's best moment. A moment without a picture is in no group.
func (g *Gateway) nearDuplicates(ctx context.Context, p *processed, ms []*moment) (map[place]int, error) {
	if !p.profile.Variety.NearDuplicates {
		return nil, nil
	}
	ms = ms[:min(len(ms), comparedMoments)]
	var told []likeness
	for _, s := range p.pictures() {
		vectors, err := g.picturesOf(ctx, p, ms, s.space)
		if err != nil {
			return nil, err
		}
		told = append(told, likeness{s, vectors})
	}
	groups := map[place]int{}
	var leaders []int
	for i := range ms {
		if !slices.ContainsFunc(told, func(l likeness) bool { return l.vectors[i] != nil }) {
			continue
		}
		of := i
		for _, l := range leaders {
			if duplicate(told, l, i) {
				of = l
				break
			}
		}
		if of == i {
			if ctx.Err() != nil {
				return nil, errkind.New(errkind.Cancelled, "the caller went away: %w", ctx.Err())
			}
			leaders = append(leaders, i)
		}
		groups[ms[i].place()] = of
	}
	return groups, nil
}

// duplicatesPartial tells of a page beyond the moments that were compared.
func (p *processed) duplicatesPartial(moments int) []*pb.PartialFailure {
	if !p.profile.Variety.NearDuplicates || moments <= comparedMoments || p.offset+p.limit <= comparedMoments/2 {
		return nil
	}
	return []*pb.PartialFailure{partialOf("variety", errkind.Exhausted, "near duplicates are folded among the best %d moments", comparedMoments)}
}

// A telling is a space that tells the same shot, and the similarity from which the space does.
type telling struct {
	space string
	same  float64
}

// A likeness is a telling space with a vector of each moment; nil for a moment without one.
type likeness struct {
	telling
	vectors [][]float32
}

// duplicate reports whether two moments are of the same shot, by the first space in which both have a vector.
func duplicate(told []likeness, a, b int) bool {
	for _, l := range told {
		if l.vectors[a] != nil && l.vectors[b] != nil {
			return similarity(l.vectors[a], l.vectors[b]) >= l.same
		}
	}
	return false
}

// pictures are the spaces that tell the same shot. A space that words cannot ask is for footage alone, and tells best: such spaces are first.
func (p *processed) pictures() (out []telling) {
	for _, l := range p.view.Leaves() {
		for _, s := range l.Sources {
			c := s.GetCalibration().GetSame()
			if c > 0 && !slices.ContainsFunc(out, func(t telling) bool { return t.space == s.GetSpace() }) {
				out = append(out, telling{s.GetSpace(), c})
			}
		}
	}
	worded := func(t telling) int {
		if slices.Contains(p.view.Space(t.space).GetEncoders(), "text") {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(out, func(a, b telling) int { return worded(a) - worded(b) })
	return out
}

// picturesOf returns a stored vector of each moment in a space; nil for a line of dialogue and for a moment without a picture.
func (g *Gateway) picturesOf(ctx context.Context, p *processed, ms []*moment, space string) ([][]float32, error) {
	vectors := make([][]float32, len(ms))
	var refs []store.Ref
	var of []int
	eg, each := errgroup.WithContext(ctx)
	eg.SetLimit(pictureReads)
	for i, m := range ms {
		if m.lead.standing.line() {
			continue
		}
		if ref, ok := m.picture(space); ok {
			refs, of = append(refs, ref), append(of, i)
			continue
		}
		eg.Go(func() (err error) {
			vectors[i], err = g.pictureAt(each, p, m, space)
			return err
		})
	}
	found, err := g.deps.Store.EmbeddingsAt(ctx, refs)
	if err = errors.Join(eg.Wait(), err); err != nil {
		return nil, fmt.Errorf("reading the pictures of moments: %w", err)
	}
	for k, e := range found {
		if e != nil {
			vectors[of[k]] = e.GetVector()
		}
	}
	return vectors, nil
}

// picture names the picture by which a moment was found in a space; false where the moment was found otherwise.
func (m *moment) picture(space string) (store.Ref, bool) {
	for _, e := range m.evidence {
		if e.part.space == space {
			return store.Ref{Asset: m.asset, Run: e.Run, Ordinal: e.Ordinal}, true
		}
	}
	return store.Ref{}, false
}

// pictureAt returns the first vector of a space within a moment; nil where there is none.
func (g *Gateway) pictureAt(ctx context.Context, p *processed, m *moment, space string) ([]float32, error) {
	for v, err := range g.vectorsWithin(ctx, p, m, space) {
		return v, err
	}
	return nil, nil
}

// vectorsWithin yields the vectors of a space within a moment, by the active runs.
func (g *Gateway) vectorsWithin(ctx context.Context, p *processed, m *moment, space string) iter.Seq2[[]float32, error] {
	return func(yield func([]float32, error) bool) {
		e := p.snap.asset(m.asset)
		for _, r := range e.runs() {
			if !slices.Contains(p.view.SpacesOf(r.GetAlgorithm(), r.GetVersion()), space) {
				continue
			}
			for emb, err := range g.deps.Store.EmbeddingsOf(ctx, e.id, r.GetRun(), m.Interval) {
				if err != nil {
					yield(nil, err)
					return
				}
				if emb.GetSpace() == space && !yield(emb.GetVector(), nil) {
					return
				}
			}
		}
	}
}

// similarity is the similarity of two vectors of length 1.
func similarity(a, b []float32) (sum float64) {
	if len(a) != len(b) {
		return 0
	}
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return float64(s0 + s1 + s2 + s3)
}
