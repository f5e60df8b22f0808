package gateway

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/interval"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A shotList is the shots of a finished run by start, and by ordinal where several begin together. A finished run never changes.
type shotList []schema.Interval

// at returns the shot that a hit stands for: the last shot that begins at or before a time, if the shot contains the time and is shorter
// than longShot.
func (l shotList) at(t schema.Time) (schema.Interval, bool) {
	i := sort.Search(len(l), func(i int) bool { return l[i].Start > t })
	if i == 0 {
		return schema.Interval{}, false
	}
	first := sort.Search(i, func(k int) bool { return l[k].Start >= l[i-1].Start })
	s := l[first]
	return s, s.Contains(t) && s.Duration() < longShot
}

// widened returns stretches that also cover each shot that a hit in the stretches may stand for.
func (l shotList) widened(stretches []schema.Interval) []schema.Interval {
	var wide []schema.Interval
	for _, w := range stretches {
		from := sort.Search(len(l), func(i int) bool { return l[i].Start > w.Start-longShot })
		all := w
		for _, s := range l[from:] {
			if s.Start >= w.End {
				break
			}
			if s.Overlaps(w) && s.Duration() < longShot {
				all = all.Hull(s)
			}
		}
		wide = append(wide, all)
	}
	slices.SortFunc(wide, schema.Interval.Compare)
	var out []schema.Interval
	for _, w := range wide {
		out = interval.Add(out, w)
	}
	return out
}

// rememberedShots bounds the shots that are kept of finished runs: 64 MiB.
const rememberedShots = 1 << 22

// shotReads is how many runs of shots are read from the store at once.
const shotReads = 8

// A shotCache keeps the shots of the runs that were asked for last.
type shotCache struct {
	mu   sync.Mutex
	runs *lru.Cache[string, shotList]
	held int // shots
}

func newShotCache() *shotCache {
	c := &shotCache{}
	// The bound is that of held; the cache's own bound is never reached.
	c.runs, _ = lru.NewWithEvict(rememberedShots, func(_ string, l shotList) { c.held -= len(l) + 1 })
	return c
}

func (c *shotCache) get(run string) (shotList, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.runs.Get(run)
}

func (c *shotCache) put(run string, l shotList) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.runs.Contains(run) {
		return
	}
	c.held += len(l) + 1
	c.runs.Add(run, l)
	for c.held > rememberedShots && c.runs.Len() > 1 {
		c.runs.RemoveOldest()
	}
}

// shotsOf returns the shots of the active runs of assets, by asset. An asset without a run of shots is missing from the answer.
func (g *Gateway) shotsOf(ctx context.Context, p *processed, assets []string) (map[string]shotList, error) {
	kind := p.view.Role(pb.KindRole_KIND_ROLE_SHOTS)
	lists := make([]shotList, len(assets))
	eg, ctx := errgroup.WithContext(ctx)
	eg.SetLimit(shotReads)
	for i, asset := range assets {
		e := p.snap.asset(asset)
		if e == nil || kind == nil {
			continue
		}
		run := e.run(kind.Algorithm)
		if run == "" {
			continue
		}
		if l, ok := g.shots.get(run); ok {
			lists[i] = l
			continue
		}
		eg.Go(func() (err error) {
			lists[i], err = g.readShots(ctx, asset, run, kind.GetKind())
			return err
		})
	}
	if err := eg.Wait(); err != nil {
		return nil, err
	}
	out := make(map[string]shotList, len(assets))
	for i, l := range lists {
		if l != nil {
			out[assets[i]] = l
		}
	}
	return out, nil
}

// readShots reads the shots of a run from the store, and keeps them.
func (g *Gateway) readShots(ctx context.Context, asset, run, kind string) (shotList, error) {
	type shot struct {
		schema.Interval
		ordinal int64
	}
	var shots []shot
	for a, err := range g.deps.Store.AnnotationsOf(ctx, asset, run, schema.Interval{}) {
		if err != nil {
			return nil, fmt.Errorf("reading the shots of an asset: %w", err)
		}
		if a.GetKind() == kind {
			shots = append(shots, shot{schema.IntervalOf(a), a.GetOrdinal()})
		}
	}
	slices.SortFunc(shots, func(a, b shot) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.ordinal, b.ordinal))
	})
	l := make(shotList, len(shots))
	for i, s := range shots {
		l[i] = s.Interval
	}
	g.shots.put(run, l)
	return l, nil
}
