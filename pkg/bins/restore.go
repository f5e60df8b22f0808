package bins

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// At returns a bin as the bin was at a revision: name, notes, clips and their order. changes are the changes of the bin from the newest down to the
// change behind the revision. A clip whose place is not recorded goes to the end.
//
//   - Invalid: the revision is not of the bin.
//   - NotFound: changes lack a change behind the revision.
func At(b *pb.Bin, changes []*pb.BinChange, revision int64) (*pb.Bin, error) {
	if revision < 1 || revision > b.GetRevision() {
		return nil, errkind.New(errkind.Invalid, "revision: the bin has the revisions 1 to %d", b.GetRevision())
	}
	was := proto.CloneOf(b)
	for _, c := range changes {
		if was.GetRevision() == revision {
			break
		}
		if c.GetRevision() != was.GetRevision() {
			continue
		}
		undo(was, c)
		was.Revision--
	}
	if was.GetRevision() != revision {
		return nil, errkind.New(errkind.NotFound, "revision: the history does not reach back to revision %d", revision)
	}
	return was, nil
}

// undo makes a bin as the bin was before a change.
func undo(b *pb.Bin, c *pb.BinChange) {
	before := map[string]*pb.Clip{}
	for _, o := range c.GetBefore() {
		before[o.GetId()] = o
	}
	for _, e := range slices.Backward(c.GetEdits()) {
		switch x := e.GetEdit().(type) {
		case *pb.BinEdit_Add:
			b.Clips = slices.DeleteFunc(b.Clips, func(o *pb.Clip) bool { return o.GetId() == x.Add.GetClip().GetId() })
		case *pb.BinEdit_Remove:
			if o := before[x.Remove.GetClip()]; o != nil {
				b.Clips = append(b.Clips, proto.CloneOf(o))
				placeBack(b, o.GetId(), e)
			}
		case *pb.BinEdit_Move:
			placeBack(b, x.Move.GetClip(), e)
		case *pb.BinEdit_Name:
			if w := x.Name.GetWas(); w != nil {
				b.Name, b.Notes = w.GetName(), w.GetNotes()
			}
		}
	}
	for i, now := range b.GetClips() {
		if o := before[now.GetId()]; o != nil {
			b.Clips[i] = proto.CloneOf(o)
		}
	}
}

// placeBack moves a clip behind the clip that an edit recorded; to the end where nothing is recorded.
func placeBack(b *pb.Bin, clip string, e *pb.BinEdit) {
	find := func(id string) int {
		return slices.IndexFunc(b.GetClips(), func(c *pb.Clip) bool { return c.GetId() == id })
	}
	i := find(clip)
	if i < 0 {
		return
	}
	c := b.Clips[i]
	b.Clips = slices.Delete(b.Clips, i, i+1)
	to := len(b.GetClips())
	if e.WasAfter != nil {
		if e.GetWasAfter() == "" {
			to = 0
		} else if j := find(e.GetWasAfter()); j >= 0 {
			to = j + 1
		}
	}
	b.Clips = slices.Insert(b.Clips, to, c)
}

// Restore makes a bin as the bin was. was is of At. The revision of by.Seen MUST be the bin's.
//
//   - Clips that the editor does not see stay as the clips are, and clips of was that the editor does not see are not added. leftOut counts the latter.
//   - A clip keeps who added the clip, and when.
//   - Shares stay.
func Restore(b, was *pb.Bin, by Editor, env Env) (r Result, leftOut int, err error) {
	d := newDraft(b, by, env)
	var want []*pb.Clip
	for _, c := range was.GetClips() {
		switch {
		case d.sees(c):
			want = append(want, c)
		case d.find(c.GetId()) < 0:
			leftOut++
		}
	}
	wanted := map[string]bool{}
	for _, c := range want {
		wanted[c.GetId()] = true
	}
	for _, c := range b.GetClips() {
		if d.sees(c) && !wanted[c.GetId()] {
			d.do(&pb.BinEdit{Edit: &pb.BinEdit_Remove{Remove: &pb.RemoveClip{Clip: c.GetId()}}})
		}
	}
	after := ""
	for _, c := range want {
		d.restoreClip(c, after)
		after = c.GetId()
	}
	d.do(&pb.BinEdit{Edit: &pb.BinEdit_Name{Name: &pb.NameBin{Name: was.GetName(), Notes: was.GetNotes()}}})
	if d.failed != nil {
		return Result{}, 0, d.failed
	}
	r, err = d.finish()
	return r, leftOut, err
}

// restoreClip makes a clip as the clip was, behind another clip. The clip met every bound when the clip was kept, so no bound is checked again: a marker may
// lie outside a later trim.
func (d *draft) restoreClip(c *pb.Clip, after string) {
	i := d.find(c.GetId())
	if i < 0 {
		again := stamped(proto.CloneOf(c), d.revision)
		again.Added = d.revision
		d.Bin.Clips = append(d.Bin.Clips, again)
		d.Change.Edits = append(d.Change.Edits, &pb.BinEdit{Edit: &pb.BinEdit_Add{Add: &pb.AddClip{Clip: proto.CloneOf(c)}}})
		i = len(d.Bin.Clips) - 1
	}
	if d.visibleBefore(i) != after {
		d.do(&pb.BinEdit{Edit: &pb.BinEdit_Move{Move: &pb.MoveClip{Clip: c.GetId(), After: after}}})
	}
	now := d.Bin.GetClips()[d.find(c.GetId())]
	var edits []*pb.BinEdit
	if now.GetStart() != c.GetStart() || now.GetEnd() != c.GetEnd() || now.GetHandleBefore() != c.GetHandleBefore() || now.GetHandleAfter() != c.GetHandleAfter() {
		edits = append(edits, &pb.BinEdit{Edit: &pb.BinEdit_Trim{Trim: &pb.TrimClip{Clip: c.GetId(), Start: c.GetStart(), End: c.GetEnd(), HandleBefore: c.GetHandleBefore(), HandleAfter: c.GetHandleAfter()}}})
	}
	if now.GetNotes() != c.GetNotes() || now.GetColour() != c.GetColour() {
		edits = append(edits, &pb.BinEdit{Edit: &pb.BinEdit_Note{Note: &pb.NoteClip{Clip: c.GetId(), Notes: c.GetNotes(), Colour: c.GetColour()}}})
	}
	for _, m := range now.GetMarkers() {
		if markerOf(c, m.GetId()) == nil {
			edits = append(edits, &pb.BinEdit{Edit: &pb.BinEdit_RemoveMarker{RemoveMarker: &pb.RemoveMarker{Clip: c.GetId(), Marker: m.GetId()}}})
		}
	}
	for _, m := range c.GetMarkers() {
		if o := markerOf(now, m.GetId()); o == nil || o.GetTime() != m.GetTime() || o.GetText() != m.GetText() || o.GetColour() != m.GetColour() {
			edits = append(edits, &pb.BinEdit{Edit: &pb.BinEdit_PutMarker{PutMarker: &pb.PutMarker{Clip: c.GetId(), Marker: proto.CloneOf(m)}}})
		}
	}
	if len(edits) > 0 {
		d.Change.Edits = append(d.Change.Edits, edits...)
		next := stamped(proto.CloneOf(c), d.revision)
		next.Added = now.GetAdded()
		d.replace(now, next)
	}
}

// stamped notes a revision as the last change of every aspect of a clip.
func stamped(c *pb.Clip, revision int64) *pb.Clip {
	c.Trimmed, c.Noted, c.Unmarked = revision, revision, revision
	for _, m := range c.GetMarkers() {
		m.Revision = revision
	}
	return c
}

func markerOf(c *pb.Clip, id string) *pb.ClipMarker {
	for _, m := range c.GetMarkers() {
		if m.GetId() == id {
			return m
		}
	}
	return nil
}

// visibleBefore returns the id of the last clip before a place that the editor sees; "" where there is none.
func (d *draft) visibleBefore(i int) string {
	for i--; i >= 0; i-- {
		if c := d.Bin.GetClips()[i]; d.sees(c) {
			return c.GetId()
		}
	}
	return ""
}

// do makes an edit of a restoring. A restoring has no conflicts: its editor saw the present bin.
func (d *draft) do(e *pb.BinEdit) {
	made, conflict, err := d.edit(e)
	switch {
	case d.failed != nil:
	case err != nil:
		d.failed = err
	case conflict != nil:
		d.failed = errkind.New(errkind.Conflict, "%s", conflict.GetReason())
	case made != nil:
		d.Change.Edits = append(d.Change.Edits, made)
	}
}
