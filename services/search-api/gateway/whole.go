package gateway

import (
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

// A stretch is a moment of one asset with the evidence for the moment.
type stretch = interval.Span[*reason]

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
	heldItems  = 1 << 20 // items that were read and that moments, matches or nobody hold
)

// A whole is the evaluation of one query over whole sets. A whole belongs to one goroutine.
type whole struct {
	g         *Gateway
	ctx       context.Context
	p         *processed
	parts     []*part
	algebra   interval.Algebra[*reason]
	pairs     int
	failed    map[*part]error
	strongest []float64      // the best score of each part; set by rank
	bounded   map[*part]bool // the set of the part is its best candidates
	best      map[*part][]search.Hit
	fuses     bool   // several parts may find one moment at different intervals
	root      *step  // the line of the whole query
	done      string // every match in the assets up to this asset is known
	names            // of the runs and looks of reasons
	last      sight  // of the run that was looked up last
	rows      int    // items that were read
	paid      int    // items that the caller has paid for
	held      int    // items since moments last let go of items that are no match
	// regional are the leaves whose regions a relation in the picture compares.
	regional map[*pb.Leaf]bool
}

type sight struct {
	run, asset string // the asset is "" for a run out of sight
	number     uint32 // of the run, in names
}

func (g *Gateway) newWhole(ctx context.Context, p *processed, parts []*part) *whole {
	w := &whole{g: g, ctx: ctx, p: p, parts: parts, failed: map[*part]error{}, bounded: map[*part]bool{}, best: map[*part][]search.Hit{}, regional: regional(p.tree)}
	w.numbers, w.lookNumbers = map[string]uint32{}, map[search.Look]uint32{}
	w.algebra = interval.Algebra[*reason]{Join: w.joined, Better: w.better, Spend: w.spend, Most: maxGroup}
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

// setOf asks for the whole set of a part within windows.
//
//   - Words: by the mode of the part; all of the words where the leaf has no mode.
//   - A vector: every item that the calibration calls a match, and that is as confident as the filter wants.
func (w *whole) setOf(pt *part, vector []float32, scored bool) search.SetQuery {
	if pt.space == "" {
		q := pt.allWords(w.p)
		return search.SetQuery{Scored: scored, Text: &q}
	}
	least := pt.calibration.score(w.least(pt))
	if pt.leaf.GetSame() {
		least = max(least, pt.same)
	}
	return search.SetQuery{Scored: true, MinScore: least, Vector: &search.VectorQuery{
		Scope: w.p.scope.Scope, Filter: pt.filter, Space: pt.space, Vector: vector}}
}

// least is the confidence from which on an item of the part belongs to its set.
func (w *whole) least(pt *part) float32 {
	return max(pt.match(), pt.cutoff(), pt.filter.MinConfidence)
}

// score returns a similarity that no match falls below: confidence turned round, less what rounding may take away.
func (c *calibration) score(confidence float32) float64 {
	const rounding = 1e-6
	x := float64(confidence) - rounding
	return c.middle - math.Log(1/x-1)/c.slope
}

// sets returns the questions whose answers make up the set of a part: one for words, and one for each vector.
func (w *whole) sets(pt *part, scored bool) []search.SetQuery {
	if pt.space == "" {
		return []search.SetQuery{w.setOf(pt, nil, scored)}
	}
	var out []search.SetQuery
	for _, v := range pt.vectors {
		out = append(out, w.setOf(pt, v, scored))
	}
	return out
}

// A reading is what is read of one part.
type reading struct {
	pt     *part
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
		var streams []iter.Seq2[search.Items, error]
		switch {
		case r.pt.space != "" && r.pt.calibration == nil:
			streams = append(streams, search.Gathered(w.candidates(r.pt, where)))
		default:
			for _, q := range w.sets(r.pt, r.scored) {
				q.Where = where
				streams = append(streams, w.checkedItems(q, search.ItemsOf(w.ctx, w.g.deps.Engine, q)))
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

// reach widens windows so that each item is read whose shot shares time with a window, and each line that a line of a second source in a window may stand for.
func (w *whole) reach(pt *part, where []search.Window) ([]search.Window, error) {
	switch {
	case where == nil:
		return nil, nil
	case len(pt.seconds) > 0:
		return widened(where, 2*longestSaid), nil
	case !pt.standsForShot():
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
				some, err := w.g.candidates(w.ctx, w.p, search.VectorQuery{Scope: w.p.scope.Scope, Filter: pt.filter, Space: pt.space, Vector: v, Limit: w.g.cfg.Candidates})
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
func (w *whole) grouped(r reading, streams []iter.Seq2[search.Items, error]) groups {
	return func(yield func(group, error) bool) {
		for some, err := range chunks(byAsset(streams)) {
			count := 0
			for _, a := range some {
				count += a.count
			}
			r.told.rows += int64(count)
			if kept, failed := w.liked(r.pt, some); failed != nil {
				some, err = nil, failed
			} else {
				some = kept
			}
			failed := w.spendRows(r.pt, count)
			var gs []group
			if failed == nil {
				gs, failed = w.moments(r, some)
			}
			if failed != nil {
				yield(group{}, failed)
				return
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

var errDisorder = errkind.New(errkind.Internal, "the engine gave the items of a set out of order")

// assetItems are all items of an asset in one or several sets.
type assetItems struct {
	asset string
	parts []search.Items
	count int
}

// assetsOf yields the items of one set, asset by asset. Behind an error the asset that was read last is incomplete, and is left out.
func assetsOf(set iter.Seq2[search.Items, error]) iter.Seq2[assetItems, error] {
	return func(yield func(assetItems, error) bool) {
		var held assetItems
		for some, err := range set {
			switch {
			case err != nil:
			case held.count > 0 && some.Asset < held.asset:
				err = errDisorder
			case held.count > 0 && some.Asset != held.asset:
				if !yield(held, nil) {
					return
				}
				held = assetItems{}
			}
			if held.asset = some.Asset; err == nil && held.count+len(some.List) > maxGroup {
				err = interval.ErrTooMany
			}
			if err != nil {
				yield(assetItems{}, err)
				return
			}
			if len(some.List) > 0 {
				held.parts, held.count = append(held.parts, some), held.count+len(some.List)
			}
		}
		if held.count > 0 {
			yield(held, nil)
		}
	}
}

// byAsset yields the items of several sets together, asset by asset.
func byAsset(sets []iter.Seq2[search.Items, error]) iter.Seq2[assetItems, error] {
	if len(sets) == 1 {
		return assetsOf(sets[0])
	}
	return func(yield func(assetItems, error) bool) {
		type head struct {
			assetItems
			next func() (assetItems, error, bool)
		}
		var heads []*head
		for _, s := range sets {
			next, end := iter.Pull2(assetsOf(s))
			defer end()
			heads = append(heads, &head{next: next})
		}
		behind := slices.Clone(heads) // the heads that are to be read on
		for {
			for _, h := range behind {
				some, err, ok := h.next()
				if err != nil {
					yield(assetItems{}, err)
					return
				}
				if h.assetItems = some; !ok {
					heads = slices.DeleteFunc(heads, func(o *head) bool { return o == h })
				}
			}
			if len(heads) == 0 {
				return
			}
			all := assetItems{asset: slices.MinFunc(heads, func(a, b *head) int { return strings.Compare(a.asset, b.asset) }).asset}
			behind = nil
			for _, h := range heads {
				if h.asset == all.asset {
					behind, all.parts, all.count = append(behind, h), append(all.parts, h.parts...), all.count+h.count
				}
			}
			if !yield(all, nil) {
				return
			}
		}
	}
}

// chunks yields the items of several assets at once.
func chunks(assets iter.Seq2[assetItems, error]) iter.Seq2[[]assetItems, error] {
	return func(yield func([]assetItems, error) bool) {
		var held []assetItems
		count := 0
		for a, err := range assets {
			if err != nil {
				yield(held, err)
				return
			}
			held, count = append(held, a), count+a.count
			if count >= readItems {
				if !yield(held, nil) {
					return
				}
				held, count = held[:0], 0
			}
		}
		if len(held) > 0 {
			yield(held, nil)
		}
	}
}

// moments makes the groups of the items of a part.
func (w *whole) moments(r reading, some []assetItems) ([]group, error) {
	count := 0
	assets := make([]string, len(some))
	for i, a := range some {
		assets[i], count = a.asset, count+a.count
	}
	var shots map[string]shotList
	if r.pt.standsForShot() {
		var err error
		if shots, err = w.g.shotsOf(w.ctx, w.p, assets); err != nil {
			return nil, err
		}
	}
	w.held += count
	all := make([]reason, 0, count) // never grows: moments point into the slice
	ends := make([]int, len(some))
	for i, a := range some {
		for _, items := range a.parts {
			all = w.reasons(r, items, all)
		}
		ends[i] = len(all)
	}
	var kept []bool
	if r.annotated {
		var err error
		if kept, err = w.annotated(r, assets, ends, all); err != nil {
			return nil, err
		}
	}
	out := make([]group, 0, len(some))
	spans := make([]stretch, 0, len(all))
	from := 0
	for i, asset := range assets {
		begin, list, said := len(spans), shots[asset], saidAmong(r.pt, all[from:ends[i]])
		for k := from; k < ends[i]; k++ {
			e := &all[k]
			if kept != nil && !kept[k] {
				continue
			}
			iv := e.Interval
			if s, ok := list.at(iv.Start); ok {
				iv = s
			}
			if standing(e.standing) == heardLine {
				iv = said.of(iv)
			}
			spans = append(spans, stretch{Interval: iv, Of: e})
		}
		if of := w.algebra.Settle(spans[begin:len(spans):len(spans)]); len(of) > 0 {
			out = append(out, group{asset, of})
		}
		from = ends[i]
	}
	return out, nil
}

// reasons appends the items that are in sight and surely enough of the part.
func (w *whole) reasons(r reading, items search.Items, all []reason) []reason {
	least := w.least(r.pt)
	run, look, kind, trust := search.Item{}.Run, uint32(0), "", 1.0
	for i := range items.List {
		it := &items.List[i]
		if i == 0 || it.Run != run {
			run = it.Run
			w.lookUp(items.Runs[run])
		}
		if w.last.asset != items.Asset { // cannot be: engines answer within the scope
			continue
		}
		if i == 0 || it.Look != items.List[i-1].Look {
			look, kind = w.lookOf(items.Looks[it.Look]), items.Looks[it.Look].Kind
			trust = r.pt.trust(kind)
		}
		confidence := float32(1)
		if r.pt.space != "" {
			if confidence = r.pt.confidence(0, it.Score); confidence < least {
				continue
			}
		}
		all = append(all, reason{Interval: it.Interval, score: trust * it.Score, confidence: confidence, run: w.last.number, look: look, ordinal: it.Ordinal,
			part: uint16(r.pt.number), standing: uint8(standingOf(r.pt, kind, confidence))})
	}
	return all
}

// lookUp sets last to a run.
func (w *whole) lookUp(run string) {
	if w.last.run == run && run != "" {
		return
	}
	w.last = sight{run: run, number: w.runOf(run)}
	if r, ok := w.p.snap.run(run); ok && w.p.scope.Has(run) {
		w.last.asset = r.id
	}
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
