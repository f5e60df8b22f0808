package bins_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/bins"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

const assetEnd = 1000

// editor sees the assets "a" and "b", and no other.
func editor(name string, seen int64) bins.Editor {
	return bins.Editor{Name: name, Owns: name == "ann", Seen: seen, End: func(asset string) (schema.Time, error) {
		if asset != "a" && asset != "b" {
			return 0, errkind.New(errkind.NotFound, "there is no asset %q", asset)
		}
		return assetEnd, nil
	}}
}

func env() bins.Env {
	n := 0
	next := func() string { n++; return fmt.Sprintf("n%d", n) }
	return bins.Env{Now: time.UnixMilli(1000), ID: next, Secret: next}
}

func add(id string, start, end int64) *pb.BinEdit {
	return &pb.BinEdit{Edit: &pb.BinEdit_Add{Add: &pb.AddClip{Clip: &pb.Clip{Id: id, Asset: "a", Start: start, End: end}}}}
}

func remove(id string) *pb.BinEdit {
	return &pb.BinEdit{Edit: &pb.BinEdit_Remove{Remove: &pb.RemoveClip{Clip: id}}}
}

func move(id, after string) *pb.BinEdit {
	return &pb.BinEdit{Edit: &pb.BinEdit_Move{Move: &pb.MoveClip{Clip: id, After: after}}}
}

func trim(id string, start, end int64) *pb.BinEdit {
	return &pb.BinEdit{Edit: &pb.BinEdit_Trim{Trim: &pb.TrimClip{Clip: id, Start: start, End: end}}}
}

func note(id, notes string) *pb.BinEdit {
	return &pb.BinEdit{Edit: &pb.BinEdit_Note{Note: &pb.NoteClip{Clip: id, Notes: notes}}}
}

func mark(id, marker string, at int64) *pb.BinEdit {
	return &pb.BinEdit{Edit: &pb.BinEdit_PutMarker{PutMarker: &pb.PutMarker{Clip: id, Marker: &pb.ClipMarker{Id: marker, Time: at}}}}
}

func unmark(id, marker string) *pb.BinEdit {
	return &pb.BinEdit{Edit: &pb.BinEdit_RemoveMarker{RemoveMarker: &pb.RemoveMarker{Clip: id, Marker: marker}}}
}

func name(n string) *pb.BinEdit {
	return &pb.BinEdit{Edit: &pb.BinEdit_Name{Name: &pb.NameBin{Name: n}}}
}

func share(with string) *pb.BinEdit {
	return &pb.BinEdit{Edit: &pb.BinEdit_Share{Share: &pb.ShareBin{Share: &pb.Share{With: with}}}}
}

// apply makes edits, and puts the bin as a store does.
func apply(t *testing.T, b *pb.Bin, by bins.Editor, edits ...*pb.BinEdit) (*pb.Bin, bins.Result) {
	t.Helper()
	r, err := bins.Apply(b, by, edits, env())
	if err != nil {
		t.Fatal(err)
	}
	next := proto.CloneOf(b)
	if r.Made() {
		next = r.Bin
		next.Revision++
	}
	return next, r
}

func ids(b *pb.Bin) (out []string) {
	for _, c := range b.GetClips() {
		out = append(out, c.GetId())
	}
	return out
}

func TestEditsOfTwo(t *testing.T) {
	b, _ := apply(t, &pb.Bin{Id: "b", Owner: "ann", Name: "cut"}, editor("ann", 0), add("x", 0, 10), add("y", 10, 20), add("z", 20, 30))
	seen := b.GetRevision()
	for _, c := range []struct {
		what       string
		first      *pb.BinEdit
		second     *pb.BinEdit
		conflict   bool
		clips      string
		start      int64
		noted      string
		secondSees bool
	}{
		{what: "other clips", first: trim("x", 1, 10), second: trim("y", 11, 20), clips: "[x y z]", start: 1},
		{what: "other aspects", first: trim("x", 1, 10), second: note("x", "rain"), clips: "[x y z]", start: 1, noted: "rain"},
		{what: "the same trim", first: trim("x", 1, 10), second: trim("x", 1, 10), clips: "[x y z]", start: 1},
		{what: "two trims", first: trim("x", 1, 10), second: trim("x", 2, 10), conflict: true, clips: "[x y z]", start: 1},
		{what: "two trims, seen", first: trim("x", 1, 10), second: trim("x", 2, 10), clips: "[x y z]", start: 2, secondSees: true},
		{what: "two notes", first: note("x", "sun"), second: note("x", "rain"), conflict: true, clips: "[x y z]", noted: "sun"},
		{what: "a trim of a removed clip", first: remove("x"), second: trim("x", 2, 10), conflict: true, clips: "[y z]"},
		{what: "removing a trimmed clip", first: trim("x", 1, 10), second: remove("x"), conflict: true, clips: "[x y z]", start: 1},
		{what: "removing a clip whose marker is gone", first: unmark("x", "none"), second: remove("x"), clips: "[y z]"},
		{what: "both remove", first: remove("x"), second: remove("x"), clips: "[y z]"},
		{what: "both move", first: move("x", "z"), second: move("x", "y"), clips: "[y x z]"},
		{what: "behind a removed clip", first: remove("y"), second: move("x", "y"), clips: "[z x]"},
		{what: "to the beginning", first: move("z", ""), second: move("y", ""), clips: "[y z x]"},
		{what: "adding an id twice", first: add("w", 1, 2), second: add("w", 1, 3), conflict: true, clips: "[x y z w]"},
		{what: "adding again", first: add("w", 1, 2), second: add("w", 1, 2), clips: "[x y z w]"},
		{what: "two markers", first: mark("x", "m", 1), second: mark("x", "n", 2), clips: "[x y z]"},
		{what: "a marker twice", first: mark("x", "m", 1), second: mark("x", "m", 2), conflict: true, clips: "[x y z]"},
		{what: "two names", first: name("one"), second: name("two"), conflict: true, clips: "[x y z]"},
	} {
		one, _ := apply(t, b, editor("ann", seen), c.first)
		by := editor("ben", seen)
		if c.secondSees {
			by.Seen = one.GetRevision()
		}
		two, r := apply(t, one, by, c.second)
		if conflict := len(r.Conflicts) == 1; conflict != c.conflict {
			t.Errorf("%s: conflicts %v, want %v", c.what, r.Conflicts, c.conflict)
		}
		if got := fmt.Sprint(ids(two)); got != c.clips {
			t.Errorf("%s: clips %s, want %s", c.what, got, c.clips)
		}
		if x := two.GetClips()[0]; x.GetId() == "x" && (x.GetStart() != c.start || x.GetNotes() != c.noted) {
			t.Errorf("%s: the clip begins at %d with notes %q, want %d and %q", c.what, x.GetStart(), x.GetNotes(), c.start, c.noted)
		}
	}
}

func TestEditsAreRefused(t *testing.T) {
	b, _ := apply(t, &pb.Bin{Id: "b", Owner: "ann", Name: "cut"}, editor("ann", 0), add("x", 0, 10))
	hidden := proto.CloneOf(b)
	hidden.Clips = append(hidden.Clips, &pb.Clip{Id: "h", Asset: "secret", Start: 1, End: 2})
	for _, c := range []struct {
		what string
		by   string
		edit *pb.BinEdit
		kind errkind.Kind
	}{
		{"no edit", "ann", nil, errkind.Invalid},
		{"an empty edit", "ann", &pb.BinEdit{}, errkind.Invalid},
		{"an asset unknown", "ann", &pb.BinEdit{Edit: &pb.BinEdit_Add{Add: &pb.AddClip{Clip: &pb.Clip{Asset: "none", End: 1}}}}, errkind.NotFound},
		{"no clip", "ann", &pb.BinEdit{Edit: &pb.BinEdit_Add{Add: &pb.AddClip{}}}, errkind.Invalid},
		{"backwards", "ann", trim("x", 5, 5), errkind.Invalid},
		{"behind the end", "ann", trim("x", 5, assetEnd+1), errkind.Invalid},
		{"before the beginning", "ann", trim("x", -1, 5), errkind.Invalid},
		{"a marker outside", "ann", mark("x", "m", 11), errkind.Invalid},
		{"no name", "ann", name(" "), errkind.Invalid},
		{"a move behind itself", "ann", move("x", "x"), errkind.Invalid},
		{"a share by another", "ben", share("everybody"), errkind.Denied},
		{"a share with nobody", "ann", share("name:"), errkind.Invalid},
		{"a share with a hand-made link", "ann", share("link:x"), errkind.Invalid},
	} {
		var edits []*pb.BinEdit
		if c.edit != nil {
			edits = append(edits, name("made with the bad edit"), c.edit)
		}
		before := proto.CloneOf(hidden)
		if _, err := bins.Apply(hidden, editor(c.by, 9), edits, env()); !errkind.Is(err, c.kind) {
			t.Errorf("%s: %v, want %s", c.what, err, c.kind)
		}
		if !proto.Equal(hidden, before) {
			t.Errorf("%s changed the bin", c.what)
		}
	}
	// A clip of an asset that the editor may not see is no clip for the editor.
	for _, e := range []*pb.BinEdit{trim("h", 1, 3), note("h", "n"), mark("h", "m", 1), remove("h"), move("h", "x")} {
		next, r := apply(t, hidden, editor("ann", 9), e)
		if r.Made() || !slices.Equal(ids(next), ids(hidden)) {
			t.Errorf("%v changed a hidden clip", e)
		}
	}
	_, r := apply(t, hidden, editor("ann", 9), add("h", 1, 2))
	if len(r.Conflicts) != 1 || r.Conflicts[0].GetClip() != nil {
		t.Errorf("adding a hidden id tells %v", r.Conflicts)
	}
}

func TestHistoryHasEveryLostValue(t *testing.T) {
	b, _ := apply(t, &pb.Bin{Id: "b", Owner: "ann", Name: "cut"}, editor("ann", 0), add("x", 0, 10))
	_, r := apply(t, b, editor("ann", 1), note("x", "one"), trim("x", 1, 9), remove("x"), share("link"))
	if len(r.Change.GetBefore()) != 1 || !proto.Equal(r.Change.GetBefore()[0], b.GetClips()[0]) || len(r.Change.GetEdits()) != 4 {
		t.Errorf("the change is %v", r.Change)
	}
	if len(r.Links) != 1 || len(r.Change.GetEdits()[3].GetShare().GetShare().GetSecret()) > 0 || len(r.Bin.GetShares()[0].GetSecret()) != 32 {
		t.Errorf("a link: %v, of the history %v", r.Links, r.Change.GetEdits()[3])
	}
}

// A model knows the values and revisions of aspects by the edits that were made.
type model struct {
	values    map[string]string
	revisions map[string]int64
}

// aspect returns the aspect that an edit changes and the value afterwards. Moves have no aspect: of two moves, the later counts.
func aspect(e *pb.BinEdit) (key, value string) {
	switch x := e.GetEdit().(type) {
	case *pb.BinEdit_Trim:
		return x.Trim.GetClip() + "/trim", fmt.Sprint(x.Trim.GetStart(), x.Trim.GetEnd())
	case *pb.BinEdit_Note:
		return x.Note.GetClip() + "/note", x.Note.GetNotes()
	case *pb.BinEdit_PutMarker:
		return x.PutMarker.GetClip() + "/marker " + x.PutMarker.GetMarker().GetId(), fmt.Sprint(x.PutMarker.GetMarker().GetTime())
	case *pb.BinEdit_Name:
		return "name", x.Name.GetName()
	}
	return "", ""
}

// values are the aspects of a bin.
func values(b *pb.Bin) map[string]string {
	out := map[string]string{"name": b.GetName()}
	for _, c := range b.GetClips() {
		out[c.GetId()+"/trim"], out[c.GetId()+"/note"] = fmt.Sprint(c.GetStart(), c.GetEnd()), c.GetNotes()
		for _, m := range c.GetMarkers() {
			out[c.GetId()+"/marker "+m.GetId()] = fmt.Sprint(m.GetTime())
		}
	}
	return out
}

// Two editors edit a bin at once, and look at the bin now and then. Nothing that an editor wrote is lost: an edit is made, or told as a conflict, and a
// value is overwritten only by an editor who saw the value.
func TestInterleavings(t *testing.T) {
	conflicts, made := 0, 0
	for seed := range uint64(10_000) {
		r := rand.New(rand.NewPCG(seed, 1))
		b, _ := apply(t, &pb.Bin{Id: "b", Owner: "ann", Name: "cut"}, editor("ann", 0), add("x", 0, 20), add("y", 0, 20), add("z", 0, 20))
		m := model{values(b), map[string]int64{}}
		seen := map[string]int64{"ann": b.GetRevision(), "ben": b.GetRevision()}
		for range 12 {
			who := []string{"ann", "ben"}[r.IntN(2)]
			if r.IntN(3) == 0 {
				seen[who] = b.GetRevision()
			}
			e := randomEdit(r)
			next, result := apply(t, b, editor(who, seen[who]), e)
			if err := m.check(b, next, e, seen[who], result); err != nil {
				t.Fatalf("seed %d: %s, who saw %d of %d: %v: %v", seed, who, seen[who], b.GetRevision(), e, err)
			}
			conflicts, made = conflicts+len(result.Conflicts), made+len(result.Change.GetEdits())
			b = next
		}
	}
	if conflicts < 5000 || made < 50_000 {
		t.Errorf("%d conflicts and %d edits made: the interleavings try too little", conflicts, made)
	}
}

func randomEdit(r *rand.Rand) *pb.BinEdit {
	clip := []string{"x", "y", "z"}[r.IntN(3)]
	switch r.IntN(9) {
	case 0:
		return remove(clip)
	case 1:
		return move(clip, []string{"", "gone"}[r.IntN(2)])
	case 2, 3:
		return note(clip, fmt.Sprint("note ", r.IntN(4)))
	case 4:
		return mark(clip, fmt.Sprint("m", r.IntN(2)), 5+10*r.Int64N(2))
	case 5:
		return name(fmt.Sprint("name ", r.IntN(4)))
	case 6:
		return add(clip, 0, 20)
	}
	return trim(clip, r.Int64N(3), 20+r.Int64N(3))
}

// check compares an edit with the model.
func (m model) check(b, next *pb.Bin, e *pb.BinEdit, seen int64, r bins.Result) error {
	key, value := aspect(e)
	was, there := m.values[key]
	if len(r.Conflicts) > 0 && r.Made() {
		return errors.New("one edit is made and in conflict")
	}
	if clip := e.GetRemove().GetClip(); clip != "" {
		if r.Made() {
			for k, v := range m.revisions {
				if v > seen && len(k) > 1 && k[:2] == clip+"/" {
					return fmt.Errorf("removed with %s, which changed in revision %d", k, v)
				}
			}
			for k := range m.values {
				if len(k) > 1 && k[:2] == clip+"/" {
					delete(m.values, k)
					delete(m.revisions, k)
				}
			}
		}
	} else if clip := e.GetAdd().GetClip(); clip != nil && r.Made() {
		m.values[clip.GetId()+"/trim"], m.values[clip.GetId()+"/note"] = fmt.Sprint(clip.GetStart(), clip.GetEnd()), ""
		m.revisions[clip.GetId()+"/trim"], m.revisions[clip.GetId()+"/note"] = next.GetRevision(), next.GetRevision()
	}
	if key != "" && r.Made() {
		if there && m.revisions[key] > seen {
			return fmt.Errorf("overwrites %q of revision %d unseen", was, m.revisions[key])
		}
		m.values[key], m.revisions[key] = value, next.GetRevision()
	}
	if key != "" && len(r.Conflicts) > 0 && there && m.revisions[key] <= seen {
		return fmt.Errorf("a conflict with %q of revision %d, which the editor saw", was, m.revisions[key])
	}
	got := values(next)
	if fmt.Sprint(got) != fmt.Sprint(m.values) {
		return fmt.Errorf("the bin has %v, want %v", got, m.values)
	}
	if !r.Made() && !proto.Equal(b, next) {
		return errors.New("nothing was made, and the bin changed")
	}
	return nil
}
