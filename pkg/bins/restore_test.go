package bins_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/bins"
	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// content is what editors see of a bin: revisions and shares aside.
func content(b *pb.Bin) *pb.Bin {
	out := &pb.Bin{Name: b.GetName(), Notes: b.GetNotes()}
	for _, c := range b.GetClips() {
		c = proto.CloneOf(c)
		c.Added, c.Trimmed, c.Noted, c.Unmarked = 0, 0, 0, 0
		for _, m := range c.GetMarkers() {
			m.Revision = 0
		}
		out.Clips = append(out.Clips, c)
	}
	return out
}

// A past is a bin with every revision of the bin, and the changes, the newest first.
type past struct {
	*testing.T
	now     *pb.Bin
	was     []*pb.Bin // by revision
	changes []*pb.BinChange
}

func (p *past) put(r bins.Result) {
	if !r.Made() {
		return
	}
	next := proto.CloneOf(r.Bin)
	next.Revision++
	r.Change.Revision = next.GetRevision()
	p.now, p.was, p.changes = next, append(p.was, next), slices.Insert(p.changes, 0, r.Change)
}

func (p *past) edit(edits ...*pb.BinEdit) {
	p.Helper()
	r, err := bins.Apply(p.now, editor("ann", p.now.GetRevision()), edits, env())
	if err != nil {
		p.Fatal(err)
	}
	p.put(r)
}

func anyEdit(r *rand.Rand) *pb.BinEdit {
	id := fmt.Sprint("c", r.IntN(8))
	switch r.IntN(7) {
	case 0, 1:
		e := add(id, r.Int64N(100), 100+r.Int64N(100))
		e.GetAdd().After = fmt.Sprint("c", r.IntN(8))
		return e
	case 2:
		return remove(id)
	case 3:
		if after := fmt.Sprint("c", r.IntN(9)); after == "c8" {
			return move(id, "")
		} else if after != id {
			return move(id, after)
		}
		return name(fmt.Sprint("name ", r.IntN(5)))
	case 4:
		return trim(id, r.Int64N(100), 100+r.Int64N(100))
	case 5:
		return note(id, fmt.Sprint("note ", r.IntN(5)))
	default:
		if r.IntN(2) == 0 {
			return unmark(id, "m")
		}
		return name(fmt.Sprint("name ", r.IntN(5)))
	}
}

// TestRestore: after any edits, each revision is read back from the history as the revision was, the bin is restored to a revision, and the restoring is
// taken back.
func TestRestore(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		b := &pb.Bin{Id: "b", Name: "bin", Owner: "ann", Revision: 1}
		p := &past{T: t, now: b, was: []*pb.Bin{nil, b}}
		for range 30 {
			var edits []*pb.BinEdit
			for range 1 + r.IntN(4) {
				edits = append(edits, anyEdit(r))
			}
			p.edit(edits...)
			if len(p.now.GetClips()) > 0 && r.IntN(3) == 0 {
				c := p.now.GetClips()[r.IntN(len(p.now.GetClips()))]
				p.edit(mark(c.GetId(), "m", c.GetStart()+1)) // later trims may leave the marker outside
			}
		}
		for k := 1; k < len(p.was); k++ {
			got, err := bins.At(p.now, p.changes, int64(k))
			if err != nil || !proto.Equal(content(got), content(p.was[k])) {
				t.Fatalf("seed %d: revision %d is read back as %v, %v; it was %v", seed, k, content(got), err, content(p.was[k]))
			}
		}
		last, to := p.now, 1+r.IntN(len(p.was)-1)
		for _, want := range []*pb.Bin{p.was[to], last} {
			was, err := bins.At(p.now, p.changes, want.GetRevision())
			if err != nil {
				t.Fatal(err)
			}
			made, left, err := bins.Restore(p.now, was, editor("ann", p.now.GetRevision()), env())
			if err != nil || left != 0 || !proto.Equal(content(made.Bin), content(want)) {
				t.Fatalf("seed %d: restored to revision %d: %v, %d left out, %v; want %v", seed, to, content(made.Bin), left, err, content(want))
			}
			p.put(made)
		}
		for k := 1; k < len(p.was); k++ {
			if got, err := bins.At(p.now, p.changes, int64(k)); err != nil || !proto.Equal(content(got), content(p.was[k])) {
				t.Fatalf("seed %d: after restoring, revision %d is read back as %v, %v", seed, k, content(got), err)
			}
		}
	}
}

// A restoring leaves clips that the editor does not see, keeps shares, and tells revisions that the history does not reach.
func TestRestoreBounds(t *testing.T) {
	b := &pb.Bin{Id: "b", Name: "bin", Owner: "ann", Revision: 1}
	p := &past{T: t, now: b, was: []*pb.Bin{nil, b}}
	p.edit(add("x", 1, 2), add("y", 3, 4))
	hidden := p.now.GetClips()[1]
	hidden.Asset = "secret"
	p.edit(add("z", 5, 6), share("everybody"))
	p.edit(note("x", "rain"))
	was, err := bins.At(p.now, p.changes, 1)
	if err != nil {
		t.Fatal(err)
	}
	made, left, err := bins.Restore(p.now, was, editor("ann", p.now.GetRevision()), env())
	if err != nil || left != 0 || len(made.Bin.GetClips()) != 1 || made.Bin.GetClips()[0].GetId() != "y" || len(made.Bin.GetShares()) != 1 {
		t.Errorf("restored to the empty bin: %v, %d, %v", made.Bin, left, err)
	}
	there := proto.CloneOf(p.was[3])
	made, left, err = bins.Restore(&pb.Bin{Id: "b", Name: "bin", Owner: "ann", Revision: 9}, there, editor("ann", 9), env())
	if err != nil || left != 1 || len(made.Bin.GetClips()) != 2 {
		t.Errorf("restored with a clip that the editor does not see: %v, %d, %v", made.Bin, left, err)
	}
	if _, err := bins.At(p.now, p.changes[:1], 1); !errkind.Is(err, errkind.NotFound) {
		t.Errorf("behind the history: %v", err)
	}
	for _, n := range []int64{0, 5} {
		if _, err := bins.At(p.now, p.changes, n); !errkind.Is(err, errkind.Invalid) {
			t.Errorf("revision %d: %v", n, err)
		}
	}
}
