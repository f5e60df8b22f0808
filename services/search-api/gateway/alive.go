package gateway

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/runs"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Watching counts a stream of a caller in, beside the streams of new hits. The caller of Watching MUST call leave.
func (g *Gateway) Watching(caller *authz.Caller) (leave func(), err error) {
	if caller == nil {
		return nil, errNobody
	}
	return g.watching.enter(caller.Name())
}

// Changed returns a channel that is closed at the next change of the library. Somebody MUST be counted in by Watching.
func (g *Gateway) Changed() <-chan struct{} { return g.watching.next() }

// posterAt is where in a film the poster is: behind the logos of the beginning.
const posterAt = 4 // of the film's length, the fourth part

// Posters returns the path of the picture that stands for each asset; "" where there is none yet.
func (g *Gateway) Posters(ctx context.Context, caller *authz.Caller, assets []*pb.Asset) ([]string, error) {
	s, err := g.see(ctx, caller)
	if err != nil {
		return nil, err
	}
	paths := make([]string, len(assets))
	var at []beginning
	var of []int
	for i, a := range assets {
		if _, err := s.visible(caller, a.GetId()); err == nil {
			at, of = append(at, beginning{a.GetId(), schema.Time(a.GetDuration() / posterAt)}), append(of, i)
		}
	}
	found, err := g.thumbnailsAt(ctx, g.deps.Catalog.View(), s, at)
	for i, path := range found {
		paths[of[i]] = path
	}
	return paths, err
}

const (
	// mostUnseen bounds the titles counted by unseen.
	mostUnseen = 100
	// unseenFor is how long the count of an asset holds: a run that fails changes nothing else by which the count could be known to be old.
	unseenFor = 5 * time.Second
	// rememberedUnseen bounds the assets whose runs to come are remembered.
	rememberedUnseen = 4096
)

// A toCome is which algorithms will look at an asset, as known at a time.
type toCome struct {
	until      time.Time
	algorithms map[string]bool
}

// unseen counts the titles that an algorithm behind the asked leaves has not looked at yet, though the algorithm will. Only titles that the
// query asks are counted. The cost is in proportion to the assets that lack a run.
func (g *Gateway) unseen(ctx context.Context, q *processed) int32 {
	asked := map[string]bool{}
	for _, l := range query.Leaves(q.tree) {
		if leaf := q.view.Leaf(l.GetKind()); leaf != nil {
			for _, s := range leaf.Sources {
				asked[s.Algorithm] = true
			}
		}
	}
	lacking := map[*lineup][]string{}
	for l := range q.scope.lineups {
		if lacks := l.without(asked); len(lacks) > 0 {
			lacking[l] = lacks
		}
	}
	if len(lacking) == 0 {
		return 0
	}
	n, last, looked := int32(0), "", 0
	for e := range q.scope.view.candidates(q.snap) {
		lacks := lacking[e.lineup]
		if len(lacks) == 0 || e.title == last && n > 0 || !q.scope.view.shows(q.snap, e) {
			continue
		}
		if looked++; n >= mostUnseen || looked > rememberedUnseen {
			break
		}
		if coming := g.coming(ctx, q, e); slices.ContainsFunc(lacks, func(a string) bool { return coming[a] }) {
			n, last = n+1, e.title
		}
	}
	return n
}

// without returns the algorithms that have no active run for the assets of a lineup.
func (l *lineup) without(asked map[string]bool) (lacks []string) {
	has := map[string]bool{}
	if l != nil {
		for _, v := range l.versions {
			has[v.algorithm] = true
		}
	}
	for a := range asked {
		if !has[a] {
			lacks = append(lacks, a)
		}
	}
	return lacks
}

// coming returns which algorithms without an active run apply to an asset, and have not failed. Other algorithms may be in the map as well. The store is
// read only for an asset that lacks a run.
func (g *Gateway) coming(ctx context.Context, q *processed, e *entry) map[string]bool {
	key := fmt.Sprintf("%p %s %s", q.view, e.id, strconv.FormatUint(e.sum, 36))
	if t, ok := g.comings.Get(key); ok && time.Now().Before(t.until) {
		return t.algorithms
	}
	t := toCome{time.Now().Add(unseenFor), map[string]bool{}}
	planned, err := q.view.Plan().Runs(e.asset())
	if err != nil {
		return nil
	}
	algorithms := map[string]bool{}
	for _, p := range planned {
		algorithms[p.GetAlgorithm()] = true
	}
	if len(e.lineup.without(algorithms)) == 0 { // every algorithm has looked: no failure is of interest
		g.comings.Add(key, t)
		return t.algorithms
	}
	recorded, err := g.deps.Store.RunsOf(ctx, e.id)
	if err != nil {
		return nil
	}
	failed := map[string]bool{}
	for _, r := range recorded {
		failed[r.GetId()] = runs.Failed(r)
	}
	for _, p := range planned { // inputs first
		for _, in := range p.GetInputs() {
			failed[p.GetId()] = failed[p.GetId()] || failed[in]
		}
		t.algorithms[p.GetAlgorithm()] = !failed[p.GetId()]
	}
	g.comings.Add(key, t)
	return t.algorithms
}

var errBehind = errkind.New(errkind.Invalid, "behind: there is no such asset; begin with the first window")

// Behind returns the place behind an asset; the beginning for "".
func (g *Gateway) Behind(ctx context.Context, caller *authz.Caller, asset string) (Place, error) {
	if asset == "" {
		return Place{}, nil
	}
	p, err := g.PlaceOf(ctx, caller, asset)
	if errkind.Is(err, errkind.NotFound) {
		err = errBehind
	}
	return p, err
}
