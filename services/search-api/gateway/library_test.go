package gateway

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
)

// forgetful is a store that does not remember what changed.
type forgetful struct{ store.Store }

func (f forgetful) Changes(ctx context.Context, _ string) (store.Changes, error) {
	c, err := f.Store.Changes(ctx, "")
	return store.Changes{Next: c.Next}, err
}

// followed counts how often the library is read whole.
type followed struct {
	store.Store
	whole int
}

func (f *followed) AllAssets(ctx context.Context) iter.Seq2[*pb.Asset, error] {
	f.whole++
	return f.Store.AllAssets(ctx)
}

func openStore(t testing.TB) store.Store {
	t.Helper()
	cfg := pebblestore.Default()
	cfg.Dir, cfg.MinFreeBytes = t.TempDir(), 0
	s, err := pebblestore.Open(cfg, pebblestore.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func openGateway(t testing.TB, s store.Store) *Gateway {
	t.Helper()
	g, err := New(Default(), Deps{Store: s, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// A studio makes random changes in a library, and knows what a snapshot must show.
type studio struct {
	t      *testing.T
	store  store.Store
	random *rand.Rand
	assets map[string]*pb.Asset
	runs   map[string]*pb.Run // every run with a record
	active map[string]string  // run by asset and algorithm
	seq    int
}

func (s *studio) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *studio) pick() *pb.Asset {
	ids := slices.Sorted(maps.Keys(s.assets))
	return s.assets[ids[s.random.IntN(len(ids))]]
}

// title gives an asset another title, or a new asset its first.
func (s *studio) title(id string) {
	n := s.random.IntN(8)
	a := &pb.Asset{Id: id, Title: &pb.Title{Id: fmt.Sprint("title-", n), Name: fmt.Sprint("name-", s.random.IntN(3)), Series: []string{"", "coast", "hills"}[n%3]}}
	if was := s.assets[id]; was != nil {
		a.Revision = was.GetRevision() + 1
	}
	s.must(s.store.PutAsset(s.t.Context(), a))
	s.assets[id] = a
}

// change makes one change.
func (s *studio) change() {
	ctx := s.t.Context()
	s.seq++
	switch n := s.random.IntN(12); {
	case n == 0 || len(s.assets) < 3:
		s.title(fmt.Sprintf("asset-%03d", s.seq))
	case n == 1:
		s.title(s.pick().GetId())
	case n < 9: // a run, which readers mostly get to see
		a, algorithm := s.pick().GetId(), []string{"shots", "dialogue", "pictures"}[s.random.IntN(3)]
		r := &pb.Run{Asset: a, Algorithm: algorithm, Version: fmt.Sprint(1 + s.random.IntN(2)), Parameters: map[string]string{"n": fmt.Sprint(s.seq)}, State: pb.RunState_RUN_STATE_REQUESTED}
		r.Id = schema.RunID(r)
		_, err := s.store.CreateRun(ctx, r)
		s.must(err)
		s.runs[r.GetId()] = r
		if s.random.IntN(4) == 0 {
			return
		}
		r.State, r.Epoch = pb.RunState_RUN_STATE_FINISHED, 1
		s.must(s.store.FinishRun(ctx, r))
		if s.random.IntN(4) == 0 {
			return
		}
		key := a + "/" + algorithm
		_, err = s.store.Activate(ctx, r, s.active[key])
		s.must(err)
		s.active[key] = r.GetId()
	default: // a run that nobody sees is collected
		shown := slices.Collect(maps.Values(s.active))
		for _, id := range slices.Sorted(maps.Keys(s.runs)) {
			if !slices.Contains(shown, id) {
				s.must(s.store.DeleteRun(ctx, s.runs[id].GetAsset(), id))
				delete(s.runs, id)
				return
			}
		}
	}
}

// shown returns the runs that a view shows now.
func (s *studio) shown(v *view) map[string]bool {
	out := map[string]bool{}
	for _, id := range s.active {
		a := s.assets[s.runs[id].GetAsset()]
		if v.caller.MaySee(a.GetTitle().GetId()) && v.ofTitle(a.GetTitle().GetId()) && v.ofSeries(a.GetTitle().GetSeries()) && v.is(a.GetId()) {
			out[id] = true
		}
	}
	return out
}

// heldBy returns which of the runs a set holds by Has.
func heldBy(sc *scoped, runs map[string]*pb.Run) map[string]bool {
	out := map[string]bool{}
	for id := range runs {
		if sc.Has(id) {
			out[id] = true
		}
	}
	return out
}

// heldOutside returns which of the runs a set holds by Outside.
func heldOutside(sc *scoped, runs map[string]*pb.Run) map[string]bool {
	assets, hidden := sc.Outside()
	out := map[string]bool{}
	for id, r := range runs {
		if (assets == nil || slices.Contains(assets, r.GetAsset())) && !slices.Contains(hidden, id) {
			out[id] = true
		}
	}
	return out
}

// A scope that is made of the scope before shows what a scope that was worked out anew shows, however the library changes: in every way that
// engines are told of a set, for every caller, where the store remembers its changes and where it does not.
func TestScopesKeepUp(t *testing.T) {
	for _, remembers := range []bool{true, false} {
		for seed := range uint64(2) {
			t.Run(fmt.Sprint("remembers=", remembers, "/", seed), func(t *testing.T) {
				t.Parallel()
				st := openStore(t)
				s := &studio{t: t, store: st, random: rand.New(rand.NewPCG(seed, 1)), assets: map[string]*pb.Asset{}, runs: map[string]*pb.Run{}, active: map[string]string{}}
				counted := &followed{Store: st}
				if st = counted; !remembers {
					st = forgetful{counted}
				}
				keepsUp(t, s, openGateway(t, st))
				if (counted.whole == 1) != remembers {
					t.Errorf("the library was read whole %d times", counted.whole)
				}
			})
		}
	}
}

func keepsUp(t *testing.T, s *studio, g *Gateway) {
	everybody, editor := authz.NewCaller("everybody", []string{"*"}), authz.NewCaller("editor", []string{"title-1", "title-4", "title-6"})
	views := []struct {
		caller *authz.Caller
		filter *pb.Filter
	}{{everybody, nil}, {editor, nil}, {everybody, &pb.Filter{Series: []string{"coast"}}}, {editor, &pb.Filter{Titles: []string{"title-1", "title-2"}}}, {everybody, &pb.Filter{Assets: []string{"asset-001", "asset-003", "asset-003"}}}}
	before := make([]*scoped, len(views))
	for step := range 120 {
		for range 1 + s.random.IntN(2) {
			s.change()
		}
		snap, err := g.lib.snapshot(t.Context())
		s.must(err)
		for i, w := range views {
			sc, err := g.scope(t.Context(), snap, w.caller, w.filter)
			s.must(err)
			want := s.shown(sc.view)
			anew := newView(w.caller, w.filter).in(snap)
			if got := heldBy(sc, s.runs); !maps.Equal(got, want) {
				t.Fatalf("step %d, view %d: Has holds %v, want %v", step, i, got, want)
			}
			if sc.sum != anew.sum || sc.runs != anew.runs || sc.Empty() != (len(want) == 0) || !maps.Equal(sc.lineups, anew.lineups) {
				t.Fatalf("step %d, view %d: counted %+v, anew %+v", step, i, sc.census, anew.census)
			}
			if named, ok := sc.Named(); !ok || len(named) != len(want) || slices.ContainsFunc(named, func(r string) bool { return !want[r] }) {
				t.Fatalf("step %d, view %d: Named tells %v %t, want %v", step, i, named, ok, want)
			}
			if step > 40 && i%2 == step%2 { // the first time in the midst of the changes
				if got := heldOutside(sc, s.runs); !maps.Equal(got, want) {
					t.Fatalf("step %d, view %d: Outside holds %v, want %v", step, i, got, want)
				}
			}
			if was := before[i]; was != nil {
				changed, ok := sc.Changed(was)
				for r := range s.runs {
					if !ok || sc.Has(r) != was.Has(r) && !slices.Contains(changed, r) {
						t.Fatalf("step %d, view %d: Changed tells %v %t, and not %s", step, i, changed, ok, r)
					}
				}
			}
			before[i] = sc
		}
		if step%10 == 9 {
			keptAreWhole(t, s, g, views[step/10%len(views)].caller)
		}
	}
	if _, ok := before[0].Changed(before[1]); ok {
		t.Error("the sets of two callers have changes in common")
	}
	// Callers who see everything see the same set, so an engine that follows one of them has followed them all.
	first, err := g.lib.snapshot(t.Context())
	s.must(err)
	s.change()
	second, err := g.lib.snapshot(t.Context())
	s.must(err)
	one, err := g.scope(t.Context(), first, everybody, nil)
	s.must(err)
	other, err := g.scope(t.Context(), second, authz.NewCaller("another", []string{"*"}), nil)
	s.must(err)
	changed, ok := other.Changed(one)
	for r := range s.runs {
		if !ok || other.Has(r) != one.Has(r) && !slices.Contains(changed, r) {
			t.Fatalf("Changed between two who see everything tells %v %t, and not %s", changed, ok, r)
		}
	}
}

// keptAreWhole holds the scopes of kept snapshots against scopes that were worked out anew. Assets that have moved are seen in none.
func keptAreWhole(t *testing.T, s *studio, g *Gateway, caller *authz.Caller) {
	t.Helper()
	kept, err := g.lib.newestFirst(t.Context())
	s.must(err)
	for n, old := range kept {
		sc, err := g.scope(t.Context(), old, caller, nil)
		s.must(err)
		anew := newView(caller, nil).in(old)
		if got, want := heldBy(sc, s.runs), heldBy(anew, s.runs); !maps.Equal(got, want) || (sc.sum != anew.sum || sc.runs != anew.runs) {
			t.Fatalf("kept snapshot %d: %v, anew %v", n, got, want)
		}
		outside := heldOutside(sc, s.runs) // and may hold runs that began later
		for id := range heldBy(sc, s.runs) {
			if !outside[id] {
				t.Fatalf("kept snapshot %d: Outside hides %s, Has does not", n, id)
			}
		}
		for id, title := range s.assets {
			if e := sc.view.seen(old, id); e != nil && e.title != title.GetTitle().GetId() {
				t.Fatalf("kept snapshot %d shows %s under the title that the asset had", n, id)
			}
		}
	}
}

// synthetic makes a library of so many assets with six active runs each.
func synthetic(t testing.TB, n int) *Gateway {
	g := openGateway(t, openStore(t))
	changes := make([]change, n)
	for i := range changes {
		changes[i] = change{asset: fmt.Sprintf("asset-%06d", i), now: syntheticEntry(g, i, "1")}
	}
	_, _ = g.lib.turn.enter(t.Context())
	defer g.lib.turn.leave()
	g.lib.publish(nil, changes, false, 1)
	return g
}

func syntheticEntry(g *Gateway, i int, version string) *entry {
	a := &pb.Asset{Id: fmt.Sprintf("asset-%06d", i), Title: &pb.Title{Id: fmt.Sprintf("title-%06d", i/3), Series: fmt.Sprint("series-", i%50)}}
	var runs []*pb.ActiveRun
	for _, algorithm := range []string{"shots", "thumbnails", "pictures", "labels", "dialogue", "sentences"} {
		r := &pb.ActiveRun{Asset: a.GetId(), Algorithm: algorithm, Version: "1", Run: fmt.Sprintf("%s-%06d-1", algorithm, i)}
		if algorithm == "dialogue" {
			r.Version, r.Run = version, fmt.Sprintf("%s-%06d-%s", algorithm, i, version)
		}
		runs = append(runs, r)
	}
	return newEntry(a, runs, g.lib.lineups)
}

// A switch costs the same in a library of 20,000 assets as in a library of 1,000: the assets that are looked at, and the memory that the next
// snapshot and the scopes of an administrator and of an editor take.
func TestSwitchCostsWhatChanged(t *testing.T) {
	everybody, titles := authz.NewCaller("everybody", []string{"*"}), []string{}
	for i := range 10_000 {
		titles = append(titles, fmt.Sprintf("title-%06d", i))
	}
	editor := authz.NewCaller("editor", titles)
	cost := func(n int) (looked, allocated float64) {
		g := synthetic(t, n)
		var scopes [2]*scoped
		views := []*view{newView(everybody, nil), newView(editor, nil)}
		count := 0
		for i, v := range views {
			scopes[i] = v.in(g.lib.current.Load().snapshot)
			of := v.ofTitle
			v.ofTitle = func(title string) bool { count++; return of(title) }
		}
		version, switches := 1, 0
		allocated = testing.AllocsPerRun(20, func() {
			version, switches = version+1, switches+1
			c := g.lib.current.Load()
			s := g.lib.publish(c.snapshot, []change{{asset: fmt.Sprintf("asset-%06d", n/2), now: syntheticEntry(g, n/2, fmt.Sprint(version%2+2))}}, false, c.version+1)
			for i := range scopes {
				was := scopes[i]
				if scopes[i] = was.to(s); scopes[i] == nil {
					t.Fatal("a scope was not made of the scope before")
				}
				if runs, ok := scopes[i].Changed(was); !ok || len(runs) != 2 {
					t.Fatalf("a switch changes %v", runs)
				}
				if scopes[i].runs != 6*n {
					t.Fatalf("%d runs in the scope of %d assets", scopes[i].runs, n)
				}
			}
		})
		return float64(count) / float64(switches), allocated
	}
	small, smallMemory := cost(1000)
	large, largeMemory := cost(20_000)
	t.Logf("a switch looks at %g entries of 1,000 assets and at %g of 20,000, in %g and %g allocations", small, large, smallMemory, largeMemory)
	if small != large || large > 20 || largeMemory > 1.3*smallMemory {
		t.Errorf("a switch looks at %g entries of 1,000 assets and at %g of 20,000, in %g and %g allocations", small, large, smallMemory, largeMemory)
	}
}
