package gateway

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A timed is an annotation with its place in the order of pages: by interval, then by algorithm and ordinal.
type timed struct {
	schema.Interval
	algorithm string
	ordinal   int64
	*pb.Annotation
}

func (t timed) compare(o timed) int {
	return cmp.Or(t.Compare(o.Interval), cmp.Compare(t.algorithm, o.algorithm), cmp.Compare(t.ordinal, o.ordinal))
}

// cursor is the place of the last annotation of a page.
func (t timed) cursor() string {
	b := protowire.AppendVarint(nil, protowire.EncodeZigZag(int64(t.Interval.Start)))
	b = protowire.AppendVarint(b, protowire.EncodeZigZag(int64(t.Interval.End)))
	b = protowire.AppendVarint(b, uint64(t.ordinal))
	return base64.RawURLEncoding.EncodeToString(append(b, t.algorithm...))
}

func placeOfCursor(cursor string) (timed, error) {
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	var n [3]uint64
	for i := range n {
		v, size := protowire.ConsumeVarint(b)
		if size < 0 || err != nil {
			return timed{}, errkind.New(errkind.Invalid, "cursor: not one that was given out")
		}
		n[i], b = v, b[size:]
	}
	at := timed{Interval: schema.Interval{Start: schema.Time(protowire.DecodeZigZag(n[0])), End: schema.Time(protowire.DecodeZigZag(n[1]))}, ordinal: int64(n[2]), algorithm: string(b)}
	if at.Interval.Start < 0 || at.Interval.End < at.Interval.Start || at.ordinal < 0 || !schema.ValidName(at.algorithm) {
		return timed{}, errkind.New(errkind.Invalid, "cursor: not one that was given out")
	}
	return at, nil
}

// firstWindow is the time that a page of annotations is looked for in at first. A window without a whole page is made four times as long.
const firstWindow = 60 * schema.Second

// Annotations returns a page of what the active runs say of an asset within span, in time order, and the cursor of the next page, "" on the
// last. The cost is in proportion to the page where the annotations are spread over the time.
func (g *Gateway) Annotations(ctx context.Context, caller *authz.Caller, asset string, kinds []string, span schema.Interval, cursor string, limit int) ([]*pb.Annotation, string, error) {
	_, e, err := g.sight(ctx, caller, asset)
	if err != nil {
		return nil, "", err
	}
	call := audit.From(ctx)
	call.Told(0, e.title)
	var behind *timed
	if cursor != "" {
		place, err := placeOfCursor(cursor)
		if err != nil {
			return nil, "", err
		}
		behind = &place
	}
	page, err := g.annotationsBehind(ctx, e, kinds, span, behind, limit)
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].cursor()
	}
	call.Told(len(page))
	out := make([]*pb.Annotation, len(page))
	for i, t := range page {
		out[i] = t.Annotation
	}
	return out, next, nil
}

// annotationsBehind returns the annotations behind a place, in order: more than limit, or all that there are.
func (g *Gateway) annotationsBehind(ctx context.Context, e *entry, kinds []string, span schema.Interval, behind *timed, limit int) ([]timed, error) {
	if span == (schema.Interval{}) {
		span = schema.Interval{Start: schema.MinTime, End: schema.MaxTime}
	}
	from := span.Start
	if behind != nil {
		from = max(from, behind.Interval.Start) // what starts before is not behind the place
	}
	if from >= span.End {
		return nil, nil
	}
	duration := schema.Time(e.asset().GetDuration())
	for length := firstWindow; ; length *= 4 {
		window := schema.Interval{Start: from, End: span.End}
		if until := max(from, 0); until < span.End-length && length < duration {
			window.End = until + length
		}
		found, err := g.annotationsIn(ctx, e, kinds, window, span)
		if err != nil {
			return nil, err
		}
		if behind != nil {
			found = slices.DeleteFunc(found, func(t timed) bool { return t.compare(*behind) <= 0 })
		}
		if len(found) > limit || window.End == span.End {
			slices.SortFunc(found, timed.compare)
			return found, nil
		}
	}
}

// annotationsIn returns the annotations of a window that overlap span as well, in any order.
func (g *Gateway) annotationsIn(ctx context.Context, e *entry, kinds []string, window, span schema.Interval) (found []timed, err error) {
	for _, r := range e.runs() {
		for a, err := range g.deps.Store.AnnotationsOf(ctx, e.id, r.GetRun(), window) {
			if err != nil {
				return nil, fmt.Errorf("reading annotations of %s: %w", e.id, err)
			}
			if iv := schema.IntervalOf(a); (len(kinds) == 0 || slices.Contains(kinds, a.GetKind())) && (iv.Overlaps(span) || iv.Empty() && span.Contains(iv.Start)) {
				found = append(found, timed{iv, r.GetAlgorithm(), a.GetOrdinal(), a})
			}
		}
	}
	return found, nil
}
