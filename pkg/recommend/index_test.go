package recommend_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cinedex/cinedex/pkg/recommend"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// A slow is the package's promises over a plain list of picks.
type slow struct {
	cfg    recommend.Config
	prefix string
	picks  []*pb.Pick
}

func same(a, b *pb.Pick) bool {
	return a.GetPerson() == b.GetPerson() && store.PickID(a) == store.PickID(b)
}

func (s *slow) add(p *pb.Pick) {
	s.picks = slices.DeleteFunc(s.picks, func(o *pb.Pick) bool { return same(o, p) })
	s.picks = append(s.picks, p)
	s.keep(s.cfg.MostEach, func(o *pb.Pick) bool { return o.GetPerson() == p.GetPerson() })
}

// keep keeps the newest picks of some.
func (s *slow) keep(most int, of func(*pb.Pick) bool) {
	var some []*pb.Pick
	for _, p := range s.picks {
		if of(p) {
			some = append(some, p)
		}
	}
	slices.SortFunc(some, func(a, b *pb.Pick) int {
		return cmp.Or(cmp.Compare(b.GetDay(), a.GetDay()), cmp.Compare(b.GetPerson(), a.GetPerson()), cmp.Compare(store.PickID(b), store.PickID(a)))
	})
	for _, p := range some[min(most, len(some)):] {
		s.picks = slices.DeleteFunc(s.picks, func(o *pb.Pick) bool { return same(o, p) })
	}
}

// counting returns the picks that count for a reader.
func (s *slow) counting(r recommend.Reader) (out []*pb.Pick) {
	for _, p := range s.picks {
		if p.GetPerson() != r.Person && strings.HasPrefix(p.GetPerson(), s.prefix) && r.Sees(p.GetAsset()) && p.GetDay() <= r.Today+1 && int64(r.Today-p.GetDay()) < int64(s.cfg.Keep/recommend.Day) {
			out = append(out, p)
		}
	}
	return out
}

// weight halves with each half-life.
func (s *slow) weight(p *pb.Pick, today int32) int64 {
	w := int64(1 << 20)
	for age := max(today-p.GetDay(), 0); age >= int32(s.cfg.HalfLife/recommend.Day); age -= int32(s.cfg.HalfLife / recommend.Day) {
		w /= 2
	}
	return max(w, 1)
}

// ranked groups picks by a name, and returns the names with enough people, by the sum of each person's best weight.
func (s *slow) ranked(picks []*pb.Pick, today int32, name func(*pb.Pick) string) []string {
	best := map[string]map[string]int64{}
	for _, p := range picks {
		if best[name(p)] == nil {
			best[name(p)] = map[string]int64{}
		}
		best[name(p)][p.GetPerson()] = max(best[name(p)][p.GetPerson()], s.weight(p, today))
	}
	sum := map[string]int64{}
	var out []string
	for n, people := range best {
		if len(people) >= s.cfg.People {
			out = append(out, n)
		}
		for _, w := range people {
			sum[n] += w
		}
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(sum[b], sum[a]), cmp.Compare(a, b)) })
	return out
}

func (s *slow) also(query string, r recommend.Reader) (queries, moments []string) {
	counting := s.counting(r)
	searched := map[string]bool{}
	for _, p := range counting {
		if p.GetQuery() == query {
			searched[p.GetPerson()] = true
		}
	}
	theirs := slices.DeleteFunc(counting, func(p *pb.Pick) bool { return !searched[p.GetPerson()] })
	moments = s.ranked(theirs, r.Today, func(p *pb.Pick) string { return fmt.Sprintf("%s %03d %03d", p.GetAsset(), p.GetStart(), p.GetEnd()) })
	others := slices.DeleteFunc(slices.Clone(theirs), func(p *pb.Pick) bool { return p.GetQuery() == query })
	return s.ranked(others, r.Today, (*pb.Pick).GetQuery), moments
}

func equal(t *rapid.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s: got %q, want %q", what, got, want)
	}
}

// TestRecommendationsAsAModelSays: random picks of people, forgets, sweeps and days, seen by readers of some assets: an index answers as the
// slow, obvious model.
func TestRecommendationsAsAModelSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		days := int32(1 << rapid.IntRange(0, 2).Draw(t, "half-life")) // ages are whole half-lives, so that the model halves exactly
		half := recommend.Day * time.Duration(days)
		cfg := recommend.Config{Log: true, People: rapid.IntRange(2, 3).Draw(t, "people"), HalfLife: half, Keep: 8 * recommend.Day,
			Most: rapid.IntRange(5, 40).Draw(t, "most"), MostEach: rapid.IntRange(3, 9).Draw(t, "most each")}
		secret, other := recommend.Secret(strings.Repeat("s", 32)), recommend.Secret(strings.Repeat("o", 32))
		x, m, today := recommend.NewIndex(cfg, secret), &slow{cfg: cfg, prefix: secret.Prefix()}, int32(100)
		name := func() string { return rapid.SampledFrom([]string{"ann", "ben", "cho", "dev", "eva"}).Draw(t, "name") }
		query := func() string { return rapid.SampledFrom([]string{"coffee", "rain", "lamp"}).Draw(t, "query") }
		pick := func() *pb.Pick {
			start := rapid.Int64Range(0, 2).Draw(t, "start")
			s := secret
			if rapid.IntRange(0, 9).Draw(t, "rotated") == 0 {
				s = other
			}
			return &pb.Pick{Person: s.Person(name()), Query: query(), Asset: rapid.SampledFrom([]string{"a", "b", "hidden"}).Draw(t, "asset"), Start: start, End: start + 1,
				Day: today - days*rapid.Int32Range(-1, 3).Draw(t, "ago")}
		}
		t.Repeat(map[string]func(*rapid.T){
			"pick": func(*rapid.T) {
				p := pick()
				m.add(p)
				x.Add(p)
			},
			"pick alike": func(*rapid.T) { // people who search the same
				p := pick()
				for _, who := range []string{"ann", "ben", "cho", "dev"}[:rapid.IntRange(1, 4).Draw(t, "how many")] {
					p := &pb.Pick{Person: secret.Person(who), Query: p.GetQuery(), Asset: p.GetAsset(), Start: p.GetStart(), End: p.GetEnd(), Day: p.GetDay()}
					m.add(p)
					x.Add(p)
				}
			},
			"forget": func(*rapid.T) {
				who := secret.Person(name())
				x.Forget(who)
				m.picks = slices.DeleteFunc(m.picks, func(p *pb.Pick) bool { return p.GetPerson() == who })
			},
			"let days pass": func(*rapid.T) { today += days * rapid.Int32Range(1, 3).Draw(t, "days") },
			"sweep": func(t *rapid.T) {
				before := len(m.picks)
				m.picks = slices.DeleteFunc(m.picks, func(p *pb.Pick) bool {
					return p.GetDay() > today+1 || int64(today-p.GetDay()) >= int64(cfg.Keep/recommend.Day) || !strings.HasPrefix(p.GetPerson(), m.prefix) && p.GetDay() < today-1
				})
				m.keep(cfg.Most, func(*pb.Pick) bool { return true })
				if gone := x.Sweep(today); len(gone) != before-len(m.picks) {
					t.Fatalf("the sweep drops %d picks, want %d", len(gone), before-len(m.picks))
				}
			},
			"": func(t *rapid.T) {
				if x.Size() != len(m.picks) {
					t.Fatalf("%d picks are held, want %d", x.Size(), len(m.picks))
				}
				r := recommend.Reader{Person: secret.Person(name()), Today: today, Sees: func(a string) bool { return a != "hidden" }}
				q := query()
				queries, moments := x.Also(q, r)
				var places []string
				for _, mo := range moments {
					places = append(places, fmt.Sprintf("%s %03d %03d", mo.Asset, mo.Start, mo.End))
				}
				wantQueries, wantMoments := m.also(q, r)
				equal(t, "also of "+q, queries, wantQueries)
				equal(t, "moments of "+q, places, wantMoments)
				equal(t, "all queries", x.Queries(r), m.ranked(m.counting(r), today, (*pb.Pick).GetQuery))
			},
		})
	})
}

// TestHiddenPicksDoNotCount: two logs differ only in picks of an asset that the reader may not see, and of people who picked nothing else.
// The answers are the same.
func TestHiddenPicksDoNotCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := recommend.Default()
		cfg.People = 2
		secret := recommend.Secret(strings.Repeat("s", 32))
		with, without := recommend.NewIndex(cfg, secret), recommend.NewIndex(cfg, secret)
		for range rapid.IntRange(0, 60).Draw(t, "picks") {
			p := &pb.Pick{Person: secret.Person(rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "name")), Query: rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "query"),
				Asset: rapid.SampledFrom([]string{"seen", "hidden", "hidden too"}).Draw(t, "asset"), Start: rapid.Int64Range(0, 1).Draw(t, "start"), Day: rapid.Int32Range(90, 100).Draw(t, "day")}
			with.Add(p)
			if p.GetAsset() == "seen" {
				without.Add(p)
			}
		}
		r := recommend.Reader{Person: "nobody", Today: 100, Sees: func(a string) bool { return a == "seen" }}
		for _, q := range []string{"x", "y", "z"} {
			a, am := with.Also(q, r)
			b, bm := without.Also(q, r)
			if !slices.Equal(a, b) || !slices.Equal(am, bm) {
				t.Fatalf("%s: with hidden picks %q %v, without %q %v", q, a, am, b, bm)
			}
		}
		equal(t, "queries", with.Queries(r), without.Queries(r))
	})
}
