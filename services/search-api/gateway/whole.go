package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/interval"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// Whole sets (ADR 97). A query with AND, NOT or WITHIN is evaluated over every item that the leaves find, not over the best candidates:
//
//	plan.go     operands: which part of the tree is read first, and inside which windows the other parts are read
//	whole.go    the sets of leaves, read from the engine and snapped to shots
//	matches.go  the matches of the tree: ranked, folded, counted
//	shots.go    the shots of an asset, which hits of pictures and labels stand for
//
// Each step works on one asset at a time, in the order of assets.

// reasons is the evidence for a moment: at most one piece of each part, run and language, in this order.
type reasons []evidence

// A stretch is a moment of one asset with the evidence for the moment.
type stretch = interval.Span[reasons]

// A group is the moments of one asset: a list in the sense of package interval, and never empty.
type group struct {
	asset string
	spans []stretch
}

// groups are in the order of assets, each asset once. An error comes last.
type groups = iter.Seq2[group, error]

// Bounds of one evaluation. The matches are bounded by maxMatches.
const (
	maxGroup   = 1 << 18 // spans of one asset in one list
	batchSpans = 1 << 14 // spans whose windows are asked with together, and the spans of one asset more
	readItems  = 1 << 12 // items of several assets whose shots are read together
)

// A whole is the evaluation of one query over whole sets. A whole belongs to one goroutine.
type whole struct {
	g       *Gateway
	ctx     context.Context
	p       *processed
	parts   []*part
	algebra interval.Algebra[reasons]
	pairs   int
	failed  map[*part]error
	bounded map[*part]bool // the set of the part is its best candidates
	best    map[*part][]search.Hit
	fuses   bool   // several parts may find one moment at different intervals
	root    *step  // the line of the whole query
	done    string // every match in the assets up to this asset is known
	last    sight  // of the run that was looked up last
	// regional are the leaves whose regions a relation in the picture compares.
	regional map[*pb.Leaf]bool
}

type sight struct {
	run, asset string // the asset is "" for a run out of sight
}

func (g *Gateway) newWhole(ctx context.Context, p *processed, parts []*part) *whole {
	w := &whole{g: g, ctx: ctx, p: p, parts: parts, failed: map[*part]error{}, bounded: map[*part]bool{}, best: map[*part][]search.Hit{}, regional: regional(p.tree)}
	w.algebra = interval.Algebra[reasons]{Join: joined, Better: better, Spend: w.spend, Most: maxGroup}
	return w
}

// spend ends the work on pairs when the time is up.
func (w *whole) spend(n int) error {
	const rarely = 1 << 12
	before := w.pairs
	w.pairs += n
	if before/rarely != w.pairs/rarely {
		return w.ctx.Err()
	}
	return nil
}

// sameReason is the order of reasons.
func sameReason(a, b evidence) int {
	return cmp.Or(cmp.Compare(a.part.number, b.part.number), strings.Compare(a.Run, b.Run), strings.Compare(a.Language, b.Language), compareRegions(a.region, b.region))
}

// joined returns the better evidence of each part, run and language. A shot has several pictures and a scene many lines, and all of the
// pictures together say no more than the best picture.
func joined(a, b reasons) reasons {
	if len(a) == 1 && len(b) == 1 && sameReason(a[0], b[0]) == 0 {
		if search.CompareHits(b[0].Hit, a[0].Hit) < 0 {
			return b
		}
		return a
	}
	out := make(reasons, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch c := sameReason(a[0], b[0]); {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			e := a[0]
			if search.CompareHits(b[0].Hit, e.Hit) < 0 {
				e = b[0]
			}
			out, a, b = append(out, e), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// better orders the moments that a WITHIN may pair a moment with: more parts of the query, then a line that was asked for before a shot,
// then the higher scores, part by part.
func better(a, b stretch) int {
	if c := cmp.Or(cmp.Compare(countParts(b.Of), countParts(a.Of)), cmp.Compare(surest(b.Of), surest(a.Of))); c != 0 {
		return c
	}
	for i := range min(len(a.Of), len(b.Of)) {
		x, y := a.Of[i], b.Of[i]
		if c := cmp.Or(cmp.Compare(x.part.number, y.part.number), search.CompareHits(x.Hit, y.Hit)); c != 0 {
			return c
		}
	}
	return 0
}

func countParts(r reasons) (n int) {
	for i, e := range r {
		if i == 0 || r[i-1].part != e.part {
			n++
		}
	}
	return n
}

func surest(r reasons) (s standing) {
	for _, e := range r {
		s = max(s, e.standing)
	}
	return s
}

// setOf asks for the whole set of a part within windows.
//
//   - Words: by the mode of the part; all of the words where the leaf has no mode.
//   - A vector: every item that the calibration calls a match, and that is as confident as the floor and the filter want.
func (w *whole) setOf(pt *part, vector []float32, floor float32, scored bool) search.SetQuery {
	if pt.space == "" {
		mode := pt.mode
		if mode == search.AnyWord {
			mode = search.AllWords
		}
		return search.SetQuery{Scored: scored, Text: &search.TextQuery{
			Scope: w.p.scope.Scope, Filter: pt.filter, Field: fields[pt.GetField()], Mode: mode, Words: pt.leaf.GetText()}}
	}
	return search.SetQuery{Scored: true, MinScore: pt.calibration.score(w.least(pt, floor)), Vector: &search.VectorQuery{
		Scope: w.p.scope.Scope, Filter: pt.filter, Space: pt.space, Vector: vector}}
}

// least is the confidence from which on an item of the part belongs to its set.
func (w *whole) least(pt *part, floor float32) float32 {
	return max(floor, matchConfidence, pt.cutoff(), pt.filter.MinConfidence)
}

// score returns a similarity that no match falls below: confidence turned round, less what rounding may take away.
func (c *calibration) score(confidence float32) float64 {
	const rounding = 1e-6
	x := float64(confidence) - rounding
	return c.middle - math.Log(1/x-1)/c.slope
}

// sets returns the questions whose answers make up the set of a part: one for words, and one for each vector.
func (w *whole) sets(pt *part, floor float32, scored bool) []search.SetQuery {
	if pt.space == "" {
		return []search.SetQuery{w.setOf(pt, nil, floor, scored)}
	}
	var out []search.SetQuery
	for _, v := range pt.vectors {
		out = append(out, w.setOf(pt, v, floor, scored))
	}
	return out
}

// A reading is what is read of one part.
type reading struct {
	pt     *part
	floor  float32
	scored bool
	told   *step
	// annotated says that the annotation behind each hit is read: the leaf tests the annotation, or a relation compares regions.
	annotated bool
}

// read yields the moments of a part that share time with a window, and MAY yield others. A part that fails yields nothing more, and the
// evaluation goes on without the part.
func (w *whole) read(r reading, where []search.Window) groups {
	return func(yield func(group, error) bool) {
		if w.failed[r.pt] != nil || where != nil && len(where) == 0 {
			return
		}
		began := time.Now()
		defer func() { r.told.worked(time.Since(began)) }()
		where, err := w.reach(r.pt, where)
		if err != nil {
			yield(group{}, err)
			return
		}
		r.told.windows += int64(len(where))
		var streams []iter.Seq2[search.Hit, error]
		switch {
		case r.pt.space != "" && r.pt.calibration == nil:
			streams = append(streams, w.candidates(r.pt, where))
		default:
			for _, q := range w.sets(r.pt, r.floor, r.scored) {
				q.Where = where
				streams = append(streams, w.g.deps.Engine.Set(w.ctx, q))
			}
		}
		for g, err := range w.grouped(r, streams) {
			paused := time.Now()
			more := yield(g, err)
			began = began.Add(time.Since(paused))
			if !more {
				return
			}
		}
	}
}

// reach widens windows so that each item is read whose shot shares time with a window.
func (w *whole) reach(pt *part, where []search.Window) ([]search.Window, error) {
	if where == nil || !pt.standsForShot() {
		return where, nil
	}
	var assets []string
	for _, x := range where {
		if len(assets) == 0 || assets[len(assets)-1] != x.Asset {
			assets = append(assets, x.Asset)
		}
	}
	shots, err := w.g.shotsOf(w.ctx, w.p, assets)
	if err != nil {
		return nil, err
	}
	out := make([]search.Window, 0, len(where))
	var of []schema.Interval
	for i, x := range where {
		of = append(of, x.Interval)
		if i+1 < len(where) && where[i+1].Asset == x.Asset {
			continue
		}
		for _, iv := range shots[x.Asset].widened(of) {
			out = append(out, search.Window{Asset: x.Asset, Interval: iv})
		}
		of = of[:0]
	}
	return out, nil
}

// candidates is the set of a part whose space has no calibration: nothing says which items are matches, so the best candidates stand for
// the set, and the answer says so.
func (w *whole) candidates(pt *part, where []search.Window) iter.Seq2[search.Hit, error] {
	return func(yield func(search.Hit, error) bool) {
		hits, asked := w.best[pt]
		if !asked {
			for _, v := range pt.vectors {
				some, err := w.g.deps.Engine.Vector(w.ctx, search.VectorQuery{Scope: w.p.scope.Scope, Filter: pt.filter, Space: pt.space, Vector: v, Limit: w.g.cfg.Candidates})
				if err != nil {
					yield(search.Hit{}, err)
					return
				}
				w.bounded[pt] = w.bounded[pt] || len(some) == w.g.cfg.Candidates
				hits = append(hits, some...)
			}
			slices.SortFunc(hits, search.ComparePlaces)
			w.best[pt] = hits
		}
		for _, h := range hits {
			if search.Within(where, h) && !yield(h, nil) {
				return
			}
		}
	}
}

// grouped makes moments of the items of several streams. Shots are read for many assets at once.
func (w *whole) grouped(r reading, streams []iter.Seq2[search.Hit, error]) groups {
	return func(yield func(group, error) bool) {
		for hits, err := range chunks(merged(streams)) {
			r.told.rows += int64(len(hits))
			var gs []group
			if err == nil || len(hits) > 0 {
				var failed error
				if gs, failed = w.moments(r, hits); failed != nil {
					yield(group{}, failed)
					return
				}
			}
			for _, g := range gs {
				if !yield(g, nil) {
					return
				}
			}
			switch {
			case err == nil:
			case w.ctx.Err() != nil || errors.Is(err, interval.ErrTooMany):
				yield(group{}, &stop{r.pt, err})
				return
			default:
				w.failed[r.pt] = err
				return
			}
		}
	}
}

// A stop is the error of an evaluation that a part ended.
type stop struct {
	pt  *part
	err error
}

func (s *stop) Error() string { return s.pt.name() + ": " + s.err.Error() }
func (s *stop) Unwrap() error { return s.err }

// merged yields the hits of several sets in the order of places.
func merged(streams []iter.Seq2[search.Hit, error]) iter.Seq2[search.Hit, error] {
	if len(streams) == 1 {
		return streams[0]
	}
	return func(yield func(search.Hit, error) bool) {
		type head struct {
			search.Hit
			next func() (search.Hit, error, bool)
		}
		var heads []*head
		advance := func(h *head) (bool, error) {
			hit, err, ok := h.next()
			h.Hit = hit
			return ok && err == nil, err
		}
		for _, s := range streams {
			next, end := iter.Pull2(s)
			defer end()
			h := &head{next: next}
			ok, err := advance(h)
			if err != nil {
				yield(search.Hit{}, err)
				return
			}
			if ok {
				heads = append(heads, h)
			}
		}
		for len(heads) > 0 {
			first := slices.MinFunc(heads, func(a, b *head) int { return search.ComparePlaces(a.Hit, b.Hit) })
			if !yield(first.Hit, nil) {
				return
			}
			switch ok, err := advance(first); {
			case err != nil:
				yield(search.Hit{}, err)
				return
			case !ok:
				heads = slices.DeleteFunc(heads, func(h *head) bool { return h == first })
			}
		}
	}
}

var errDisorder = errkind.New(errkind.Internal, "the engine gave the items of a set out of order")

// chunks yields the hits of whole assets, of several at once. With an error come the hits of the assets that are complete.
func chunks(hits iter.Seq2[search.Hit, error]) iter.Seq2[[]search.Hit, error] {
	return func(yield func([]search.Hit, error) bool) {
		var held []search.Hit
		begins := 0 // of the last asset
		for h, err := range hits {
			if n := len(held); n > 0 && err == nil && held[n-1].Asset > h.Asset {
				err = errDisorder
			}
			if err != nil {
				yield(held[:begins], err)
				return
			}
			if n := len(held); n > 0 && held[n-1].Asset != h.Asset {
				begins = n
				if n >= readItems {
					if !yield(held, nil) {
						return
					}
					held, begins = held[:0], 0
				}
			}
			if len(held)-begins >= maxGroup {
				yield(held[:begins], interval.ErrTooMany)
				return
			}
			held = append(held, h)
		}
		if len(held) > 0 {
			yield(held, nil)
		}
	}
}

// moments makes the groups of the hits of a part, which are in the order of assets.
func (w *whole) moments(r reading, hits []search.Hit) ([]group, error) {
	shots := map[string]shotList{}
	if r.pt.standsForShot() {
		var assets []string
		for _, h := range hits {
			if n := len(assets); n == 0 || assets[n-1] != h.Asset {
				assets = append(assets, h.Asset)
			}
		}
		var err error
		if shots, err = w.g.shotsOf(w.ctx, w.p, assets); err != nil {
			return nil, err
		}
	}
	var regions []*pb.Region
	if r.annotated {
		var err error
		if hits, regions, err = w.annotated(r, hits); err != nil {
			return nil, err
		}
	}
	var out []group
	for len(hits) > 0 {
		asset := hits[0].Asset
		n := slices.IndexFunc(hits, func(h search.Hit) bool { return h.Asset != asset })
		if n < 0 {
			n = len(hits)
		}
		if spans := w.spans(r, hits[:n], regions[:min(n, len(regions))], shots[asset]); len(spans) > 0 {
			out = append(out, group{asset, spans})
		}
		hits, regions = hits[n:], regions[min(n, len(regions)):]
	}
	return out, nil
}

// spans makes a list of the hits of one asset. regions are empty, or have the region of each hit.
func (w *whole) spans(r reading, hits []search.Hit, regions []*pb.Region, shots shotList) []stretch {
	why := make(reasons, 0, len(hits))
	out := make([]stretch, 0, len(hits))
	for i, h := range hits {
		if w.assetOf(h.Run) != h.Asset { // cannot be: engines answer within the scope
			continue
		}
		confidence := float32(1)
		if r.pt.space != "" {
			if confidence = r.pt.confidence(0, h.Score); confidence < w.least(r.pt, r.floor) {
				continue
			}
		}
		iv := h.Interval
		if s, ok := shots.at(iv.Start); ok {
			iv = s
		}
		why = append(why, evidence{part: r.pt, Hit: h, confidence: confidence, standing: standingOf(r.pt, confidence)})
		n := len(why)
		if len(regions) > 0 {
			why[n-1].region = regions[i]
		}
		out = append(out, stretch{Interval: iv, Of: why[n-1 : n : n]})
	}
	return w.algebra.Settle(out)
}

// assetOf returns the asset of a run; "" where the query does not see the run.
func (w *whole) assetOf(run string) string {
	if w.last.run != run {
		w.last = sight{run: run}
		if r, ok := w.p.snap.run(run); ok && w.p.scope.Has(run) {
			w.last.asset = r.id
		}
	}
	return w.last.asset
}

// share says how far the evaluation has come, in assets of the caller's scope.
func (w *whole) share() string {
	all, done := 0, 0
	count := func(id string) bool {
		all++
		if id <= w.done {
			done++
		}
		return true
	}
	if w.p.scope.seen != nil {
		w.p.scope.seen.ids.Scan(count)
	} else {
		w.p.snap.assets.Scan(func(id string, _ *entry) bool { return w.p.snap.moved[id] || count(id) })
	}
	return fmt.Sprintf("%d of %d assets were evaluated", done, all)
}

// A step is one line of an explanation: what a node of the plan did.
type step struct {
	name    string
	depth   int
	drives  bool
	rows    int64
	windows int64
	moments int64
	took    time.Duration
}

func (s *step) worked(d time.Duration) { s.took += d }

func (s *step) message() *pb.PlanStep {
	return &pb.PlanStep{Step: s.name, Depth: int32(s.depth), Drives: s.drives, Rows: s.rows, Windows: s.windows, Moments: s.moments, Ms: float64(s.took.Microseconds()) / 1000}
}
