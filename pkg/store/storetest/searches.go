package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

func testSearches(t *testing.T, h Harness) {
	s, ctx := open(t, h), t.Context()
	_, err := s.PutSearches(ctx, &pb.SavedSearches{})
	kind(t, "searches without owner", err, errkind.Invalid)
	_, err = s.PutSearches(ctx, &pb.SavedSearches{Owner: "ann", Revision: 2})
	kind(t, "first searches that claim a revision", err, errkind.Conflict)
	equal(t, "the searches of nobody", must(s.Searches(ctx, "ann"))(t), &pb.SavedSearches{Owner: "ann"})

	saved := &pb.SavedSearches{Owner: "ann", Searches: []*pb.SavedSearch{{Name: "coffee \x00", Search: &pb.SearchRequest{Q: "dialogue:coffee", Filter: &pb.Filter{Titles: []string{"t"}}, Profile: "editor"}}}}
	told := proto.CloneOf(saved)
	first := must(s.PutSearches(ctx, told))(t)
	equal(t, "the message passed in", told, saved)
	want := proto.CloneOf(saved)
	want.Revision = 1
	equal(t, "the searches put", first, want)
	equal(t, "the searches", must(s.Searches(ctx, "ann"))(t), want)
	_, err = s.PutSearches(ctx, saved)
	kind(t, "the searches put as new a second time", err, errkind.Conflict)
	first.Searches = nil
	want.Searches, want.Revision = nil, 2
	equal(t, "no searches", must(s.PutSearches(ctx, first))(t), want)
	for _, owner := range odd {
		must(s.PutSearches(ctx, &pb.SavedSearches{Owner: owner, Searches: saved.GetSearches()}))(t)
	}
	equal(t, "the searches of another", must(s.Searches(ctx, "ann"))(t), want)

	// Of many callers who change the same revision, a single caller wins each round.
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := 0; n < 5; {
				mine, err := s.Searches(ctx, "ann")
				if err != nil {
					t.Error(err)
					return
				}
				mine.Searches = append(mine.Searches, &pb.SavedSearch{Name: fmt.Sprint(i, n)})
				switch _, err := s.PutSearches(ctx, mine); {
				case err == nil:
					n++
				case !errkind.Is(err, errkind.Conflict):
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if all := must(s.Searches(ctx, "ann"))(t); len(all.GetSearches()) != 20 || all.GetRevision() != 22 {
		t.Errorf("after 20 changes of many: %d searches, revision %d", len(all.GetSearches()), all.GetRevision())
	}
}

// testEarlier: an active run tells when each switch was made, and the runs before.
func testEarlier(t *testing.T, h Harness) {
	s, ctx := open(t, h), t.Context()
	previous, last := "", int64(0)
	var earlier []*pb.Activation
	for i := range store.MaxEarlier + 3 {
		r := run("a", fmt.Sprintf("r%02d", i%(store.MaxEarlier+2))) // the last switch goes back to the first run
		r.Version = fmt.Sprint(i % (store.MaxEarlier + 2))
		ok(t, s.FinishRun(ctx, finished(r, 1, 0, 0)))
		a := must(s.Activate(ctx, r, previous))(t)
		if a.GetActivatedMs() <= last {
			t.Errorf("switch %d was made at %d, and the switch before at %d", i, a.GetActivatedMs(), last)
		}
		equal(t, fmt.Sprintf("the runs before switch %d", i), a.GetEarlier(), earlier)
		equal(t, "the active run read", must(s.Active(ctx, "a"))(t), []*pb.ActiveRun{a})
		equal(t, "the active run once more", must(s.Activate(ctx, r, "whatever"))(t), a)
		earlier = append(earlier, &pb.Activation{Run: r.GetId(), Version: r.GetVersion(), ActivatedMs: a.GetActivatedMs()})
		earlier = earlier[max(0, len(earlier)-store.MaxEarlier):]
		previous, last = r.GetId(), a.GetActivatedMs()
	}
}

// unstamped returns an active run without the times of switches, which differ from store to store.
func unstamped(a *pb.ActiveRun) *pb.ActiveRun {
	a = proto.CloneOf(a)
	a.ActivatedMs, a.Earlier = 0, nil
	return a
}

func allUnstamped(as []*pb.ActiveRun) []*pb.ActiveRun {
	out := slices.Clone(as)
	for i, a := range out {
		out[i] = unstamped(a)
	}
	return out
}
