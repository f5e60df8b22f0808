package operating

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func TestListRuns(t *testing.T) {
	l, assets := shelf(t, 3)
	someone := authz.NewCaller("someone", []string{"*"}, authz.Operator)
	first := assets[0].GetId()
	if err := newActivator(l).do(t.Context(), &pb.Activate{Algorithm: "dialogue", Version: "2", Selection: &pb.Selection{Assets: []string{first}}}, 1, nil, (&record{}).tell); err != nil {
		t.Fatal(err)
	}
	list := func(caller *authz.Caller, sel *pb.Selection, limit int32) (out []string) {
		t.Helper()
		for cursor, pages := "", 0; ; pages++ {
			r, err := listRuns(t.Context(), l.Store, caller, &pb.ListRunsRequest{Selection: sel, Limit: limit, Cursor: cursor})
			if err != nil || pages > 100 {
				t.Fatalf("page %d: %v", pages, err)
			}
			if limit > 0 && len(r.GetRuns()) > int(limit) {
				t.Errorf("a page of %d runs, want %d at most", len(r.GetRuns()), limit)
			}
			for _, e := range r.GetRuns() {
				out = append(out, fmt.Sprintf("%s %s@%s %t %t", e.GetTitle(), e.GetRun().GetAlgorithm(), e.GetRun().GetVersion(), e.GetActive(), e.GetPrevious()))
			}
			if cursor = r.GetCursor(); cursor == "" {
				return out
			}
		}
	}
	all := list(someone, nil, 0)
	if len(all) != 3*8 { // six algorithms, two of them twice
		t.Errorf("listed %d runs: %q", len(all), all)
	}
	for _, limit := range []int32{1, 5, 8, 23, 24} {
		if got := list(someone, nil, limit); !slices.Equal(got, all) {
			t.Errorf("in pages of %d: %q, want %q", limit, got, all)
		}
	}
	title := assets[0].GetTitle().GetId()
	dialogue := list(someone, &pb.Selection{Titles: []string{title}, Algorithms: []string{"dialogue"}}, 1)
	slices.Sort(dialogue)
	if want := []string{title + " dialogue@1 false true", title + " dialogue@2 true false"}; !slices.Equal(dialogue, want) {
		t.Errorf("listed %q, want %q", dialogue, want)
	}
	for _, c := range []struct {
		caller *authz.Caller
		req    *pb.ListRunsRequest
		kind   errkind.Kind
	}{
		{nil, &pb.ListRunsRequest{}, errkind.Unauthenticated},
		{authz.NewCaller("editor", []string{"*"}), &pb.ListRunsRequest{}, errkind.Denied},
		{authz.NewCaller("narrow", []string{title}, authz.Operator), &pb.ListRunsRequest{}, errkind.Denied},
		{someone, &pb.ListRunsRequest{Limit: -1}, errkind.Invalid},
		{someone, &pb.ListRunsRequest{Limit: maxRuns + 1}, errkind.Invalid},
		{someone, &pb.ListRunsRequest{Cursor: "?"}, errkind.Invalid},
	} {
		if r, err := listRuns(t.Context(), l.Store, c.caller, c.req); !errkind.Is(err, c.kind) {
			t.Errorf("%v: %v, %v, want %v", c.req, r, err, c.kind)
		}
	}
}
