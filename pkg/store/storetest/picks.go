package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

func pick(person, query string, start int64) *pb.Pick {
	return &pb.Pick{Person: person, Query: query, Asset: "a", Start: start, End: start + 10, Day: 20_000}
}

// inPickOrder sorts picks, so that lists compare.
func inPickOrder(picks []*pb.Pick) []*pb.Pick {
	slices.SortFunc(picks, func(a, b *pb.Pick) int {
		return cmp.Or(cmp.Compare(a.GetPerson(), b.GetPerson()), cmp.Compare(store.PickID(a), store.PickID(b)))
	})
	return picks
}

func testPicks(t *testing.T, h Harness) {
	name, c := t.TempDir(), newClock()
	s, ctx := openAt(t, h, name, c), t.Context()
	for _, refused := range []*pb.Pick{{}, {Query: "q", Asset: "a"}, {Person: "p", Asset: "a"}, {Person: "p", Query: "q"},
		{Person: "p", Query: "q", Asset: "a", Start: -1}, {Person: "p", Query: "q", Asset: "a", End: -1}, {Person: "p", Query: "q", Asset: "a", Day: -1}} {
		kind(t, fmt.Sprintf("the pick %v", refused), s.WritePicks(ctx, []*pb.Pick{refused}), errkind.Invalid)
	}
	_, err := s.ForgetPicks(ctx, "")
	kind(t, "forgetting nobody", err, errkind.Invalid)
	has := func(what string, want ...*pb.Pick) {
		t.Helper()
		got := list(t, s.AllPicks(ctx))
		if !slices.IsSortedFunc(got, func(a, b *pb.Pick) int { return cmp.Compare(a.GetPerson(), b.GetPerson()) }) {
			t.Errorf("%s: the persons are in no order: %v", what, got)
		}
		if len(got)+len(want) > 0 {
			equal(t, what, inPickOrder(got), inPickOrder(want))
		}
	}
	has("before the first")
	ok(t, s.WritePicks(ctx, nil))
	before := must(s.Version(ctx))(t)

	// Persons whose keys could be confused, and two queries of each.
	var all []*pb.Pick
	for _, person := range odd {
		for i, query := range []string{"coffee", "coffee\x00", "a AND b"} {
			all = append(all, pick(person, query, int64(i)))
		}
	}
	told := proto.CloneOf(all[0])
	ok(t, s.WritePicks(ctx, all))
	equal(t, "the message passed in", all[0], told)
	has("all picks", all...)
	ok(t, s.WritePicks(ctx, all[:5]))
	has("written twice", all...)
	all[0] = proto.CloneOf(all[0])
	all[0].Day++
	ok(t, s.WritePicks(ctx, all[:1]))
	has("picked again on another day", all...)

	other := proto.CloneOf(all[1])
	other.Day = 1
	ok(t, s.DeletePicks(ctx, []*pb.Pick{other, pick("nobody", "q", 1)}))
	all = slices.Delete(all, 1, 2)
	has("one deleted", all...)

	for _, person := range odd {
		was := must(s.Forgotten(ctx))(t)
		n := int64(0)
		all = slices.DeleteFunc(all, func(p *pb.Pick) bool {
			if p.GetPerson() == person {
				n++
			}
			return p.GetPerson() == person
		})
		equal(t, "picks forgotten", must(s.ForgetPicks(ctx, person))(t), n)
		if now := must(s.Forgotten(ctx))(t); now <= was {
			t.Errorf("Forgotten is %d after a forget, and was %d", now, was)
		}
		has(fmt.Sprintf("without the person %q", person), all...)
	}
	was := must(s.Forgotten(ctx))(t)
	equal(t, "picks of nobody", must(s.ForgetPicks(ctx, "nobody"))(t), int64(0))
	if now := must(s.Forgotten(ctx))(t); now <= was {
		t.Errorf("Forgotten is %d after a forget of nothing, and was %d", now, was)
	}
	ok(t, s.WritePicks(ctx, []*pb.Pick{pick("a", "again", 1)}))
	has("picked after the forget", pick("a", "again", 1))
	if now := must(s.Version(ctx))(t); now != before {
		t.Errorf("picks made the version of the library grow from %d to %d", before, now)
	}

	last := must(s.Forgotten(ctx))(t)
	ok(t, s.Close())
	s = openAt(t, h, name, c)
	has("opened again", pick("a", "again", 1))
	equal(t, "Forgotten, opened again", must(s.Forgotten(ctx))(t), last)
}

// testPicksUnderReaders: a reader with a copy of the picks, who compares Forgotten, never has a pick that was forgotten before the
// comparison.
func testPicksUnderReaders(t *testing.T, h Harness) {
	s, ctx := open(t, h), t.Context()
	for n := range 5 {
		ok(t, s.WritePicks(ctx, []*pb.Pick{pick("p", "q", 1), pick("p", "q", 2), pick("other", "q", 1)}))
		version := must(s.Forgotten(ctx))(t)
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := s.ForgetPicks(ctx, "p"); err != nil {
				t.Error(err)
			}
		})
		held := list(t, s.AllPicks(ctx))
		wg.Wait()
		if now := must(s.Forgotten(ctx))(t); now == version {
			t.Fatalf("round %d: Forgotten stayed %d", n, now)
		}
		for _, p := range held {
			if p.GetPerson() != "p" && p.GetPerson() != "other" {
				t.Errorf("round %d: a pick of %q", n, p.GetPerson())
			}
		}
		for _, p := range list(t, s.AllPicks(ctx)) {
			if p.GetPerson() == "p" {
				t.Errorf("round %d: a pick stays: %v", n, p)
			}
		}
	}
}

// pickModel is the picks of the contract, over a map.
type pickModel map[string]*pb.Pick

func (m pickModel) key(p *pb.Pick) string { return p.GetPerson() + " " + store.PickID(p) }

// pickSteps are the steps of testModel that change picks, and the comparison.
func pickSteps(rt *rapid.T, s func() store.Store, m pickModel) map[string]func(*rapid.T) {
	some := func() (out []*pb.Pick) {
		for range rapid.IntRange(1, 3).Draw(rt, "picks") {
			p := pick(rapid.SampledFrom([]string{"p", "p\x00", "pp"}).Draw(rt, "person"), rapid.SampledFrom([]string{"x", "y"}).Draw(rt, "query"), rapid.Int64Range(0, 2).Draw(rt, "start"))
			p.Day = rapid.Int32Range(0, 2).Draw(rt, "day")
			out = append(out, p)
		}
		// Of two picks of an identity in a single call, either day may stay.
		slices.SortFunc(out, func(a, b *pb.Pick) int { return cmp.Compare(m.key(a), m.key(b)) })
		return slices.CompactFunc(out, func(a, b *pb.Pick) bool { return m.key(a) == m.key(b) })
	}
	return map[string]func(*rapid.T){
		"write picks": func(*rapid.T) {
			picks := some()
			ok(rt, s().WritePicks(testContext, picks))
			for _, p := range picks {
				m[m.key(p)] = p
			}
			m.check(rt, s())
		},
		"delete picks": func(*rapid.T) {
			picks := some()
			ok(rt, s().DeletePicks(testContext, picks))
			for _, p := range picks {
				delete(m, m.key(p))
			}
			m.check(rt, s())
		},
		"forget a person": func(*rapid.T) {
			person, n := rapid.SampledFrom([]string{"p", "p\x00", "pp"}).Draw(rt, "person"), int64(0)
			for k, p := range m {
				if p.GetPerson() == person {
					delete(m, k)
					n++
				}
			}
			was := must(s().Forgotten(testContext))(rt)
			equal(rt, "picks forgotten", must(s().ForgetPicks(testContext, person))(rt), n)
			if now := must(s().Forgotten(testContext))(rt); now <= was {
				rt.Fatalf("Forgotten is %d, and was %d", now, was)
			}
			m.check(rt, s())
		},
	}
}

func (m pickModel) check(rt *rapid.T, s store.Store) {
	var want []*pb.Pick
	for _, p := range m {
		want = append(want, p)
	}
	if got := list(rt, s.AllPicks(testContext)); len(got)+len(want) > 0 {
		equal(rt, "picks", inPickOrder(got), inPickOrder(want))
	}
}
