package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/runs"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// New hits and lost hits of a saved search (ADR 109, ADR 145).
//
// A hit is new if a match of the query overlaps no match of the query in the same asset at the position of the stream. A hit is gone if a match at the
// position overlaps no match of now. A stream compares
// the matches of each asset that changed: with the runs that were active at the position, and with the runs that are active now. Nothing
// else is read, so the cost follows the change and not the library. A switch to a new run of the same algorithm tells only moments that
// the run before had not found.
//
// A position (token.go) is a time, the horizon, and the moments told since the horizon. A run is behind the horizon if readers began to see the run
// at or before the horizon. A stream that goes on compares every visible asset with a run before the horizon.

const (
	// watchLag is how much later than the time of its switch a run may become visible: clocks differ, and a write may be repeated.
	watchLag = 60_000 // ms
	// watchIdle is the time between two messages at most.
	watchIdle = 20 * time.Second
	// watchAssets bounds the assets that are compared together.
	watchAssets = 100
	// watchPage bounds the hits of one message.
	watchPage = 50
	// watchRetry is the time between two attempts while a part of the query cannot be answered.
	watchRetry = time.Second
)

// A watch is one stream of new hits.
type watch struct {
	g      *Gateway
	caller *authz.Caller
	name   string
	saved  *pb.SavedSearch
	tell   func(*pb.WatchSearchResponse) error
	at     *position
	snap   *snapshot         // the stream has told the hits up to this snapshot; nil before the first
	done   map[string]*entry // assets whose hits behind snap are told already
	began  bool              // the matches found are told; false while a stream without a token looks for its beginning
}

// WatchSearch gives tell the new hits of a saved search until ctx ends. Returns nil if ctx ends.
//
//   - The first message comes at once, and carries the token of the beginning.
//   - An error of tell ends the stream, and is returned.
//   - NotFound: the caller has no such search, or the search was deleted. Conflict: the search was replaced. Invalid: since is no token of
//     the search. Exhausted: too many streams are open.
func (g *Gateway) WatchSearch(ctx context.Context, caller *authz.Caller, req *pb.WatchSearchRequest, tell func(*pb.WatchSearchResponse) error) error {
	if caller == nil {
		return errNobody
	}
	audit.From(ctx).About(req.GetName())
	saved, err := g.saved(ctx, caller, req.GetName())
	if err != nil {
		return err
	}
	w := &watch{g: g, caller: caller, name: req.GetName(), saved: saved, tell: tell, done: map[string]*entry{}, began: req.GetSince() != ""}
	if w.at, err = positionOf(saved, req.GetSince()); err != nil {
		return err
	}
	leave, err := g.watching.enter(caller.Name()) //nolint:contextcheck // one look at the library serves every stream, and outlives this stream
	if err != nil {
		return err
	}
	defer leave()
	return w.serve(ctx)
}

func (w *watch) serve(ctx context.Context) error {
	first := true
	for {
		changed, wait := w.g.watching.next(), watchIdle
		err := w.look(ctx)
		switch after, limited := errkind.RetryAfter(err); {
		case ctx.Err() != nil:
			return nil
		case err == nil:
		case limited:
			changed, wait = nil, after
		case errkind.Is(err, errkind.Unavailable) && w.snap != nil:
			changed, wait = nil, watchRetry
		default:
			return err
		}
		if err == nil && first {
			if err := w.send(&pb.WatchSearchResponse{}); err != nil {
				return err
			}
			first = false
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-time.After(wait):
			if err == nil {
				if err := w.send(&pb.WatchSearchResponse{}); err != nil {
					return err
				}
			}
		}
	}
}

// send tells a message with the token of the position.
func (w *watch) send(m *pb.WatchSearchResponse) error {
	m.Token = w.at.token(w.saved)
	return w.tell(m)
}

// look tells the hits that are new since the last look.
func (w *watch) look(ctx context.Context) error {
	saved, err := w.g.saved(ctx, w.caller, w.name)
	if err != nil {
		return err
	}
	if !proto.Equal(saved, w.saved) {
		return errkind.New(errkind.Conflict, "the saved search %.100q was replaced; watch the new one from now", w.name)
	}
	p, err := w.g.process(ctx, w.caller, saved.GetSearch())
	if err != nil {
		return err
	}
	if w.snap == nil {
		audit.From(ctx).Query(p.printed)
	}
	if p.snap == w.snap {
		return nil
	}
	pairs, err := w.pairs(ctx, p)
	if err != nil {
		return err
	}
	for len(pairs) > 0 {
		n, runs := 0, 0
		for n < len(pairs) && n < watchAssets {
			if runs += len(pairs[n].was.runsOf()) + len(pairs[n].is.active); runs > mostNamed/2 && n > 0 {
				break
			}
			n++
		}
		if err := w.compare(ctx, p, pairs[:n]); err != nil {
			return err
		}
		pairs = pairs[n:]
	}
	w.snap, w.began = p.snap, true
	clear(w.done)
	return nil
}

// A pair is an asset at the position of a stream, and now. was is nil where the asset had no active run.
type pair struct{ was, is *entry }

// pairs returns the visible assets that may have new hits, in the order of the switches.
func (w *watch) pairs(ctx context.Context, p *processed) (out []pair, err error) {
	v := p.scope.view
	if w.snap == nil {
		out, err = w.pairsBehind(ctx, p)
	} else {
		ids, ok := w.snap.differ(p.snap)
		if !ok {
			ids = map[string]bool{}
			for e := range v.candidates(p.snap) {
				ids[e.id] = true
			}
		}
		for id := range ids {
			if is := v.seen(p.snap, id); is != nil {
				out = append(out, pair{is.withRuns(w.snap.asset(id)), is})
			}
		}
	}
	if err != nil {
		return nil, err
	}
	kept := out[:0]
	for _, x := range out {
		if d := w.done[x.is.id]; d != nil {
			x.was = x.is.withRuns(d)
		}
		same := x.was.sameRuns(x.is) && !(w.snap == nil && w.at.knows(x.is.id)) // a run may be back that the last stream had lost
		if len(x.is.active) > 0 && !same {
			kept = append(kept, x)
		}
	}
	slices.SortFunc(kept, func(a, b pair) int {
		return cmp.Or(cmp.Compare(a.is.newest(), b.is.newest()), cmp.Compare(a.is.id, b.is.id))
	})
	return kept, nil
}

// pairsBehind returns the visible assets with a run behind the horizon. A stream without a token takes the newest visible run for its horizon.
func (w *watch) pairsBehind(ctx context.Context, p *processed) (out []pair, err error) {
	v := p.scope.view
	var shown []*entry
	newest := int64(0)
	for e := range v.candidates(p.snap) {
		if v.shows(p.snap, e) {
			shown, newest = append(shown, e), max(newest, e.newest())
		}
	}
	if !w.began {
		w.at.rise(newest - watchLag)
	}
	seen := map[string]bool{}
	for _, e := range shown {
		if e.newest() <= w.at.horizon || seen[e.id] {
			continue
		}
		seen[e.id] = true
		active, err := runs.Active(ctx, w.g.deps.Store, e.id)
		if err != nil {
			return nil, err
		}
		out = append(out, pair{e.asOf(active, w.at.horizon), e})
	}
	return out, nil
}

// asOf returns the entry with the runs that were active at a time; nil where none was. active are the active runs as the store has the runs.
func (e *entry) asOf(active []*pb.ActiveRun, ms int64) *entry {
	var then []*pb.ActiveRun
	for _, a := range active {
		if a.GetActivatedMs() <= ms {
			then = append(then, a)
			continue
		}
		for _, b := range slices.Backward(a.GetEarlier()) {
			if b.GetActivatedMs() <= ms {
				then = append(then, &pb.ActiveRun{Asset: e.id, Algorithm: a.GetAlgorithm(), Run: b.GetRun(), Version: b.GetVersion(), ActivatedMs: b.GetActivatedMs()})
				break
			}
		}
	}
	if len(then) == 0 {
		return nil
	}
	was := *e
	was.line(then, lineups{})
	return &was
}

// withRuns returns the entry with the active runs of another entry of the asset; nil where the asset had no entry.
func (e *entry) withRuns(was *entry) *entry {
	if was == nil {
		return nil
	}
	then := *e
	then.lineup, then.active, then.sum = was.lineup, was.active, was.sum
	return &then
}

// newest is when readers began to see the newest run of the asset.
func (e *entry) newest() (ms int64) {
	for _, r := range e.active {
		ms = max(ms, r.since)
	}
	return ms
}

func (e *entry) runsOf() []activeRun {
	if e == nil {
		return nil
	}
	return e.active
}

// sameRuns reports whether two entries have the same active runs. Either may be nil.
func (e *entry) sameRuns(o *entry) bool {
	return slices.EqualFunc(e.runsOf(), o.runsOf(), func(a, b activeRun) bool { return a.id == b.id })
}

// compare tells the new hits of some assets.
func (w *watch) compare(ctx context.Context, p *processed, pairs []pair) error {
	var was, is []*entry
	for _, x := range pairs {
		is = append(is, x.is)
		if x.was != nil && len(x.was.active) > 0 {
			was = append(was, x.was)
		}
	}
	q, found, err := w.find(ctx, p, is)
	if err != nil {
		return err
	}
	told, then, old := w.at.moments(false), []*moment(nil), q
	if len(was) > 0 {
		var m *matches
		if old, m, err = w.find(ctx, p, was); err != nil {
			return err
		}
		then = apart(m.moments, w.at.moments(true))
	}
	fresh, lost := perAsset(apart(found.moments, slices.Concat(told, then))), map[string][]*moment{}
	if len(found.partial) == 0 { // beyond a bound, a moment may be there and not found
		lost = perAsset(apart(then, found.moments))
		if w.snap == nil {
			// The stream goes on behind a token. The runs that had found the moments of the token may be no longer active.
			for asset, ms := range perAsset(apart(told, slices.Concat(found.moments, then))) {
				lost[asset] = append(lost[asset], ms...)
			}
		}
	}
	for _, x := range pairs {
		if err := w.tellGone(ctx, old, x.is, lost[x.is.id]); err != nil {
			return err
		}
		if err := w.tellOf(ctx, q, x.is, fresh[x.is.id], found.partial); err != nil {
			return err
		}
		w.done[x.is.id] = x.is
	}
	if w.at.horizon < pairs[len(pairs)-1].is.newest()-watchLag {
		w.at.rise(pairs[len(pairs)-1].is.newest() - watchLag)
	}
	return nil
}

// sharesTime reports whether two moments overlap, or are the same moment of no length.
func sharesTime(a, b schema.Interval) bool { return a.Overlaps(b) || a == b }

// apart returns the moments that share time with none of some others.
func apart(ms, others []*moment) (out []*moment) {
	lines := timelines(others)
	for _, m := range ms {
		if !slices.ContainsFunc(lines[m.asset].around(m.Interval, 0), func(o *moment) bool { return sharesTime(o.Interval, m.Interval) }) {
			out = append(out, m)
		}
	}
	return out
}

func perAsset(ms []*moment) map[string][]*moment {
	out := map[string][]*moment{}
	for _, m := range ms {
		out[m.asset] = append(out[m.asset], m)
	}
	return out
}

// tellGone tells the moments of an asset that are found no longer. old is the query over the runs that had found the moments. A stream that looks for its
// beginning notes the moments and tells none.
func (w *watch) tellGone(ctx context.Context, old *processed, e *entry, ms []*moment) error {
	if !w.began {
		w.at.note(e, ms, true)
		return nil
	}
	for page := range slices.Chunk(ms, watchPage) {
		resp := &pb.SearchResponse{}
		for _, m := range page {
			if len(m.evidence) == 0 { // known by the token alone
				resp.Hits = append(resp.Hits, e.bare(m.Interval))
			} else if _, err := w.g.fill(ctx, old, []*moment{m}, resp); err != nil {
				return err
			}
		}
		old.mask(resp.GetHits())
		w.at.note(e, page, true)
		audit.From(ctx).Told(len(page), e.title)
		if err := w.send(&pb.WatchSearchResponse{Gone: resp.GetHits()}); err != nil {
			return err
		}
	}
	return nil
}

// bare is a hit of which the place alone is known.
func (e *entry) bare(iv schema.Interval) *pb.Hit {
	h := &pb.Hit{Title: e.title, TitleName: e.name, Credit: e.credit, Asset: e.id, Media: "/media/" + e.id, Start: int64(iv.Start), End: int64(iv.End), StartMs: iv.Start.Millis(), EndMs: iv.End.Millis()}
	h.StartFrame, h.EndFrame, h.StartTimecode, h.EndTimecode = e.counted(iv)
	return h
}

// tellOf tells the new moments of an asset. A stream that looks for its beginning notes the moments and tells none.
func (w *watch) tellOf(ctx context.Context, q *processed, e *entry, ms []*moment, partial []*pb.PartialFailure) error {
	if !w.began {
		w.at.note(e, ms, false)
		return nil
	}
	ms, why := q.rescore(ms)
	if why != "" {
		partial = append(slices.Clone(partial), partialOf("scoring", errkind.Invalid, "%s", why))
	}
	for len(ms) > 0 {
		page := ms[:min(len(ms), watchPage)]
		resp := &pb.SearchResponse{}
		if _, err := w.g.fill(ctx, q, page, resp); err != nil {
			return err
		}
		page = page[:len(resp.GetHits())]
		m := &pb.WatchSearchResponse{Hits: resp.GetHits(), Partial: append(slices.Clone(partial), framesLost(q, resp.GetHits())...)}
		q.mask(m.GetHits())
		w.at.note(e, page, false)
		audit.From(ctx).Told(len(page), e.title)
		if err := w.send(m); err != nil {
			return err
		}
		ms = ms[len(page):]
	}
	return nil
}

// find returns the matches of the query in some assets, and the query over these assets alone. Unavailable: a part of the query failed or was late.
func (w *watch) find(ctx context.Context, p *processed, entries []*entry) (*processed, *matches, error) {
	q := p.over(entries)
	parts := w.g.route(q)
	if w.g.deps.Charge != nil {
		if err := w.g.deps.Charge(w.caller, w.g.cost(parts)); err != nil {
			return nil, nil, err
		}
	}
	late, cancel := context.WithTimeoutCause(ctx, watchLookTimeout, errLate)
	defer cancel()
	m, err := w.g.matches(late, q, parts)
	if err != nil {
		return nil, nil, fmt.Errorf("looking for new hits: %w", err)
	}
	for pt, err := range m.failed {
		return nil, nil, errkind.New(errkind.Unavailable, "looking for new hits: %s: %w", pt.name(), err)
	}
	if late.Err() != nil {
		return nil, nil, errkind.New(errkind.Unavailable, "looking for new hits: %w", errors.Join(context.Cause(late), ctx.Err()))
	}
	return q, m, nil
}

// over returns the query over some assets alone, which the query's caller may see. Places that leaves point to stay in the whole library.
func (p *processed) over(entries []*entry) *processed {
	q := *p
	q.home, q.snap, q.unpaged = p.snap, newSnapshot(p.snap.lib), true
	q.snap.number = unnumbered
	changes := make([]change, len(entries))
	for i, e := range entries {
		changes[i] = change{asset: e.id, now: e}
	}
	q.snap.fill(changes)
	q.scope = p.scope.view.scoped(q.snap, q.snap.whole.copy(), nil)
	return &q
}
