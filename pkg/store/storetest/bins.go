package storetest

import (
	"fmt"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

func testBins(t *testing.T, h Harness) {
	s, ctx := open(t, h), t.Context()
	_, err := s.PutBin(ctx, &pb.Bin{Owner: "ann"}, &pb.BinChange{})
	kind(t, "a bin without id", err, errkind.Invalid)
	_, err = s.PutBin(ctx, &pb.Bin{Id: "b"}, &pb.BinChange{})
	kind(t, "a bin without owner", err, errkind.Invalid)
	_, err = s.PutBin(ctx, &pb.Bin{Id: "b", Owner: "ann", Revision: 2}, &pb.BinChange{})
	kind(t, "a new bin that claims a revision", err, errkind.Conflict)
	_, err = s.Bin(ctx, "b")
	kind(t, "a bin that is not there", err, errkind.NotFound)
	kind(t, "deleting a bin that is not there", s.DeleteBin(ctx, "b", 0), errkind.NotFound)
	if c := must(s.BinChanges(ctx, "b", 0, 5))(t); len(c) != 0 {
		t.Errorf("changes of a bin that is not there: %v", c)
	}

	bin := &pb.Bin{Id: "b", Owner: "ann", Name: "coffee \x00", Clips: []*pb.Clip{{Id: "c", Asset: "a", Start: 1, End: 2}}}
	change := &pb.BinChange{By: "ann", AtMs: 7, Edits: []*pb.BinEdit{{Edit: &pb.BinEdit_Name{Name: &pb.NameBin{Name: "coffee"}}}}}
	told, toldChange := proto.CloneOf(bin), proto.CloneOf(change)
	first := must(s.PutBin(ctx, told, toldChange))(t)
	equal(t, "the bin passed in", told, bin)
	equal(t, "the change passed in", toldChange, change)
	want, wantChange := proto.CloneOf(bin), proto.CloneOf(change)
	want.Revision, wantChange.Revision = 1, 1
	equal(t, "the bin put", first, want)
	equal(t, "the bin", must(s.Bin(ctx, "b"))(t), want)
	_, err = s.PutBin(ctx, bin, change)
	kind(t, "the bin put as new a second time", err, errkind.Conflict)

	first.Shares = []*pb.Share{{With: "group:edit"}, {With: "name:ann"}}
	second := must(s.PutBin(ctx, first, change))(t)
	for _, m := range []string{"name:ann", "group:edit"} {
		if ids := must(s.BinsOf(ctx, m))(t); fmt.Sprint(ids) != "[b]" {
			t.Errorf("the bins of %s: %v", m, ids)
		}
	}
	if ids := must(s.BinsOf(ctx, "name:an"))(t); len(ids) != 0 {
		t.Errorf("the bins of another: %v", ids)
	}
	for _, c := range []struct {
		below int64
		limit int
		want  string
	}{{0, 5, "[2 1]"}, {0, 1, "[2]"}, {2, 5, "[1]"}, {1, 5, "[]"}} {
		var got []int64
		for _, c := range must(s.BinChanges(ctx, "b", c.below, c.limit))(t) {
			got = append(got, c.GetRevision())
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%d changes below %d: %v, want %s", c.limit, c.below, got, c.want)
		}
	}
	for i, id := range odd {
		id += "."
		must(s.PutBin(ctx, &pb.Bin{Id: id, Owner: fmt.Sprintf("odd%d", i)}, &pb.BinChange{}))(t)
		equal(t, "the changes of an odd id", must(s.BinChanges(ctx, id, 0, 9))(t), []*pb.BinChange{{Revision: 1}})
	}
	binsOfMany(t, s)

	kind(t, "deleting at another revision", s.DeleteBin(ctx, "b", second.GetRevision()), errkind.Conflict)
	ok(t, s.DeleteBin(ctx, "b", must(s.Bin(ctx, "b"))(t).GetRevision()))
	_, err = s.Bin(ctx, "b")
	kind(t, "a deleted bin", err, errkind.NotFound)
	_, err = s.PutBin(ctx, second, change)
	if !errkind.Is(err, errkind.Conflict) && !errkind.Is(err, errkind.NotFound) {
		t.Errorf("a change of a deleted bin: %v", err)
	}
	if c := must(s.BinChanges(ctx, "b", 0, 50))(t); len(c) != 0 {
		t.Errorf("changes of a deleted bin: %v", c)
	}
	if ids := must(s.BinsOf(ctx, "name:ann"))(t); len(ids) != 0 {
		t.Errorf("the bins of ann after the deletion: %v", ids)
	}
}

// Of many callers who change the same revision, a single caller wins each round, and each change is recorded once.
func binsOfMany(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := 0; n < 5; {
				mine, err := s.Bin(ctx, "b")
				if err != nil {
					t.Error(err)
					return
				}
				mine.Clips = append(mine.Clips, &pb.Clip{Id: fmt.Sprint(i, n)})
				switch _, err := s.PutBin(ctx, mine, &pb.BinChange{By: fmt.Sprint(i, n)}); {
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
	all := must(s.Bin(ctx, "b"))(t)
	if len(all.GetClips()) != 21 || all.GetRevision() != 22 {
		t.Errorf("after 20 changes of many: %d clips, revision %d", len(all.GetClips()), all.GetRevision())
	}
	for i, c := range must(s.BinChanges(ctx, "b", 0, 20))(t) {
		if c.GetBy() != all.GetClips()[20-i].GetId() || c.GetRevision() != int64(22-i) {
			t.Errorf("change %d from the end is of %q and revision %d, want %q", i, c.GetBy(), c.GetRevision(), all.GetClips()[20-i].GetId())
		}
	}
}
