package gateway

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// An answer reads the store in batches. The number of calls does not depend on the number of hits, up to readTogether hits:
//
//   - LastBefore, for the shots that the pictures found stand for;
//   - EmbeddingsAt, for the items that the vectors found stand for;
//   - AnnotationsAt, for the annotations behind the hits of the page;
//   - Starting, for the lines in the languages of the person who asks;
//   - LastBefore, for the thumbnails of the page.

// readTogether is how many hits of a page are filled in from one batch of reads. It bounds the memory of one answer.
const readTogether = 100

// A filling is a moment of the page with what the store holds behind it.
type filling struct {
	*moment
	shown     []evidence
	behind    []backing // element i is of shown[i]
	thumbnail string    // its path, "" where there is none
	// beside are the lines in other languages that are said at the same time as the line that the moment lands on.
	beside []*pb.Annotation
}

// A backing is what the store holds behind one piece of evidence.
type backing struct {
	collected bool           // the item was deleted since the cursor's snapshot
	about     *pb.Annotation // what the item stands for; nil where that is nothing
}

// fill adds the hits of a page to the answer, as many as MaxResponseBytes allows and at least one. less says that of some hit only
// the best of the evidence is shown.
func (g *Gateway) fill(ctx context.Context, p *processed, page []*moment, resp *pb.SearchResponse) (less bool, err error) {
	size := 0
	for ms := range slices.Chunk(page, readTogether) {
		fs, err := g.read(ctx, p, ms)
		if err != nil {
			return false, err
		}
		for _, f := range fs {
			h := g.hit(p, f)
			if size += proto.Size(h); size > MaxResponseBytes && len(resp.GetHits()) > 0 {
				return less, nil // the rest is on the next page
			}
			less = less || len(f.evidence) > MaxEvidence
			resp.Hits = append(resp.Hits, h)
		}
	}
	return less, nil
}

// read reads what the store holds behind moments.
func (g *Gateway) read(ctx context.Context, p *processed, ms []*moment) ([]*filling, error) {
	fs := make([]*filling, len(ms))
	for i, m := range ms {
		slices.SortFunc(m.evidence, byRank)
		shown := m.shown()
		fs[i] = &filling{moment: m, shown: shown, behind: make([]backing, len(shown))}
	}
	eg, ctx := errgroup.WithContext(ctx)
	eg.Go(func() error { return g.readThumbnails(ctx, p, fs) })
	eg.Go(func() error {
		if err := g.readBehind(ctx, p, fs); err != nil {
			return err
		}
		return g.readTold(ctx, p, fs)
	})
	return fs, eg.Wait()
}

// readBehind reads the annotations that the evidence of moments stands for.
func (g *Gateway) readBehind(ctx context.Context, p *processed, fs []*filling) error {
	// An item is a piece of evidence whose backing is to be read.
	type item struct {
		evidence
		to *backing
	}
	var said, vectors []item
	var annotations, embeddings []store.Ref
	for _, f := range fs {
		for i, ev := range f.shown {
			ref := store.Ref{Asset: f.asset, Run: ev.Run, Ordinal: ev.Ordinal}
			if ev.part.space != "" {
				vectors, embeddings = append(vectors, item{ev, &f.behind[i]}), append(embeddings, ref)
			} else {
				said, annotations = append(said, item{ev, &f.behind[i]}), append(annotations, ref)
			}
		}
	}
	if len(embeddings) > 0 {
		found, err := g.deps.Store.EmbeddingsAt(ctx, embeddings)
		if err != nil {
			return fmt.Errorf("reading the embeddings behind hits: %w", err)
		}
		for i, e := range found {
			switch {
			case e == nil:
				vectors[i].to.collected = true
				continue
			case e.GetOf() == "":
				continue
			}
			run, ordinal, err := schema.ParseItemID(e.GetOf())
			if err != nil {
				return fmt.Errorf("reading what an embedding stands for: %w", err)
			}
			said, annotations = append(said, vectors[i]), append(annotations, store.Ref{Asset: embeddings[i].Asset, Run: run, Ordinal: ordinal})
		}
	}
	if len(annotations) == 0 {
		return nil
	}
	found, err := g.deps.Store.AnnotationsAt(ctx, annotations)
	if err != nil {
		return fmt.Errorf("reading the annotations behind hits: %w", err)
	}
	for i, a := range found {
		said[i].to.about = a
		// A vector whose annotation has been collected speaks for itself.
		said[i].to.collected = a == nil && said[i].part.space == ""
	}
	return nil
}

// readThumbnails finds the picture that shows each moment.
func (g *Gateway) readThumbnails(ctx context.Context, p *processed, fs []*filling) error {
	at := make([]beginning, len(fs))
	for i, f := range fs {
		at[i] = beginning{f.asset, f.Start}
	}
	paths, err := g.thumbnailsAt(ctx, p.view, p.snap, at)
	for i, path := range paths {
		fs[i].thumbnail = path
	}
	return err
}

// A beginning is a time of an asset.
type beginning struct {
	asset string
	start schema.Time
}

// thumbnailsAt returns the path of the picture that shows each beginning: of the picture that covers the time, or of the last picture before; "" where
// there is none.
func (g *Gateway) thumbnailsAt(ctx context.Context, view *catalog.View, snap *snapshot, at []beginning) ([]string, error) {
	thumbnails := view.Role(pb.KindRole_KIND_ROLE_THUMBNAILS)
	points := make([]store.Point, 0, len(at))
	of := make([]int, 0, len(at)) // points[i] is of at[of[i]]
	for i, b := range at {
		if pt, ok := snap.asset(b.asset).spanAt(thumbnails, b.start); ok {
			points, of = append(points, pt), append(of, i)
		}
	}
	spans, err := g.spansAt(ctx, points)
	if err != nil {
		return nil, err
	}
	paths := make([]string, len(at))
	for i, pt := range points {
		if s, ok := spans[pt]; ok {
			paths[of[i]] = fmt.Sprintf("/thumbnails/%s/%s/%d.jpg", at[of[i]].asset, pt.Run, s.ordinal)
		}
	}
	return paths, nil
}

// A span is a shot or a thumbnail of a run: when it is, and which annotation it is.
type span struct {
	schema.Interval
	ordinal int64
}

// rememberedSpans bounds the spans that are kept for later answers: about 10 MB.
const rememberedSpans = 1 << 16

// spansAt returns the span at each of the points: the one that covers the point or, where none does, the last before. A point without
// a span is missing from the answer. Points may be given several times. Spans are remembered by point: what a run says does not change.
func (g *Gateway) spansAt(ctx context.Context, points []store.Point) (map[store.Point]span, error) {
	spans := make(map[store.Point]span, len(points))
	var unknown []store.Point
	for _, at := range points {
		if _, ok := spans[at]; ok {
			continue
		}
		s, ok := g.spans.Get(at)
		if !ok {
			unknown = append(unknown, at)
		}
		spans[at] = s
	}
	if len(unknown) == 0 {
		return spans, nil
	}
	found, err := g.deps.Store.LastBefore(ctx, unknown)
	if err != nil {
		return nil, fmt.Errorf("reading the %ss at the moments found: %w", unknown[0].Kind, err)
	}
	for i, at := range unknown {
		if a := found[i]; a != nil {
			spans[at] = span{schema.IntervalOf(a), a.GetOrdinal()}
			g.spans.Add(at, spans[at])
		} else {
			delete(spans, at)
		}
	}
	return spans, nil
}
