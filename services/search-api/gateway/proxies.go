package gateway

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/telemetry"
)

// found is the candidates of each part, and the parts that failed.
type found struct {
	hits    map[*part][]search.Hit
	parts   []*part
	partial []*pb.PartialFailure
	// err is the error of the first part that failed.
	err error
}

// ask is the third part of the gateway. Each part asks a searcher for the best candidates, all parts at the same time, until ctx ends.
func (g *Gateway) ask(ctx context.Context, p *processed, parts []*part) *found {
	f := &found{hits: make(map[*part][]search.Hit, len(parts)), parts: parts}
	answers := make([][]search.Hit, len(parts))
	var eg errgroup.Group
	for i, pt := range parts {
		eg.Go(func() error {
			began := time.Now()
			proxy := g.askVector
			if pt.space == "" {
				proxy = g.askText
			}
			ctx, end := telemetry.Span(ctx, "ask "+pt.name())
			answers[i], pt.err = proxy(ctx, p, pt)
			end(pt.err)
			pt.took = time.Since(began)
			g.parts.WithLabelValues(pt.name()).Observe(pt.took.Seconds())
			return nil
		})
	}
	_ = eg.Wait()

	for i, pt := range parts {
		if pt.err == nil {
			f.hits[pt] = answers[i]
			continue
		}
		failure, err := g.failure(ctx, pt.name(), pt.err)
		if f.err == nil {
			f.err = err
		}
		f.partial = append(f.partial, failure)
	}
	return f
}

// failure tells of a part that failed, and returns the error as the caller may know it.
func (g *Gateway) failure(ctx context.Context, part string, err error) (*pb.PartialFailure, error) {
	why := err
	if errkind.Is(err, errkind.Cancelled) && errors.Is(context.Cause(ctx), errLate) {
		err = errkind.Wrap(errkind.Unavailable, errLate)
	}
	kind, text := errkind.Of(err), err.Error()
	if kind == errkind.Internal {
		text = "something went wrong inside; the service's log has the reason"
	}
	g.failed.WithLabelValues(part, kind.String()).Inc()
	if kind != errkind.Invalid && kind != errkind.NotFound {
		g.deps.Log.Warn("a part of a query failed", "part", part, "error", why)
	}
	return &pb.PartialFailure{Part: part, Kind: kind.String(), Error: text}, err
}

// askText maps a part to words in a field of annotations. Without a mode, the annotations with all of the words come first, and the
// annotations with some of the words follow: a word or two in common is a hint in one language, and mostly noise across languages.
func (g *Gateway) askText(ctx context.Context, p *processed, pt *part) ([]search.Hit, error) {
	q := pt.words(p)
	q.Limit = g.cfg.Candidates
	if pt.mode == search.AnyWord {
		q.Mode = search.AllWords
	}
	// Lines with some of the words come behind the lines with all words. Both are asked at once.
	var hits, some []search.Hit
	var both errgroup.Group
	both.Go(func() (err error) {
		hits, err = g.text(ctx, p, q)
		return err
	})
	if pt.mode == search.AnyWord && !oneWord(q.Words) {
		both.Go(func() (err error) {
			loose := q
			loose.Mode = search.AnyWord
			some, err = g.text(ctx, p, loose)
			return err
		})
	}
	if err := both.Wait(); err != nil {
		return nil, err
	}
	pt.complete = len(hits)
	pt.weigh(hits)
	pt.weigh(some)
	have := make(map[itemID]bool, len(hits))
	for _, h := range hits {
		have[itemID{h.Run, h.Ordinal}] = true
	}
	for _, h := range some {
		if !have[itemID{h.Run, h.Ordinal}] {
			hits = append(hits, h)
		}
	}
	return hits, nil
}

// oneWord reports whether words are a single word in every analysis: letters and digits of ASCII alone.
func oneWord(words string) bool {
	return words != "" && !strings.ContainsFunc(words, func(r rune) bool { return (r < '0' || r > '9') && ((r|0x20) < 'a' || (r|0x20) > 'z') })
}

// text asks the engine one question of words, when it is the caller's turn.
func (g *Gateway) text(ctx context.Context, p *processed, q search.TextQuery) ([]search.Hit, error) {
	release, err := g.engine.Acquire(ctx, p.who, g.costOfWords(q.Words))
	if err != nil {
		return nil, err
	}
	defer release()
	hits, err := g.deps.Engine.Text(ctx, q)
	if err == nil {
		err = p.checkHits(hits, q.Limit)
	}
	return hits, err
}

// vector asks the engine for the neighbours of one vector, when it is the caller's turn.
func (g *Gateway) vector(ctx context.Context, p *processed, q search.VectorQuery) ([]search.Hit, error) {
	release, err := g.engine.Acquire(ctx, p.who, g.costOfVector())
	if err != nil {
		return nil, err
	}
	defer release()
	return g.candidates(ctx, p, q)
}

// candidates asks the engine for the neighbours of one vector.
func (g *Gateway) candidates(ctx context.Context, p *processed, q search.VectorQuery) ([]search.Hit, error) {
	hits, err := g.deps.Engine.Vector(ctx, q)
	if err == nil {
		err = p.checkHits(hits, q.Limit)
	}
	return hits, err
}

// askVector maps a part to the neighbours of the vectors of the part. A shot has several vectors: an item then counts by the nearest.
func (g *Gateway) askVector(ctx context.Context, p *processed, pt *part) ([]search.Hit, error) {
	if err := g.encode(ctx, p, pt); err != nil {
		return nil, err
	}
	best := map[itemID]search.Hit{}
	for _, v := range pt.vectors {
		hits, err := g.vector(ctx, p, search.VectorQuery{Scope: p.scope.Scope, Filter: pt.filter, Space: pt.space, Vector: v, Limit: g.cfg.Candidates})
		if err != nil {
			return nil, err
		}
		if len(pt.vectors) == 1 {
			return g.liked(ctx, p, pt, hits)
		}
		for _, h := range hits {
			k := itemID{h.Run, h.Ordinal}
			if b, ok := best[k]; !ok || h.Score > b.Score {
				best[k] = h
			}
		}
	}
	hits := make([]search.Hit, 0, len(best))
	for _, h := range best {
		hits = append(hits, h)
	}
	slices.SortFunc(hits, search.CompareHits)
	return hits, nil
}

// liked returns the hits of a part that no unwanted example takes away, when it is the caller's turn.
func (g *Gateway) liked(ctx context.Context, p *processed, pt *part, hits []search.Hit) ([]search.Hit, error) {
	if len(pt.unlike) == 0 {
		return hits, nil
	}
	release, err := g.engine.Acquire(ctx, p.who, float64(len(pt.unlike))*g.costOfVector())
	if err != nil {
		return nil, err
	}
	defer release()
	return g.without(ctx, p, pt, hits)
}
